// The names of what is measured: dashboards and alert rules are checked against them.
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { Timings } from './timings.ts';

const PREFIX = 'stillpoint_';
/** Seconds: what a reader notices, from a fraction of a frame to a model that loads for minutes. */
const WAITS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
/** Seconds: what the server itself takes. */
const STEPS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

class Maker {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter<L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name: `${PREFIX}${name}_total`, help, labelNames, registers: this.#registers });
  }

  gauge<L extends string>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge({ name: PREFIX + name, help, labelNames, registers: this.#registers });
  }

  seconds<L extends string>(name: string, help: string, buckets: number[], labelNames: L[] = []) {
    return new Histogram(this.#seconds(name, help, buckets, labelNames));
  }

  /** The same, for what happens with every frame. */
  timings<L extends string>(name: string, help: string, buckets: number[], labelNames: L[]) {
    return new Timings(this.#seconds(name, help, buckets, labelNames));
  }

  #seconds<L extends string>(name: string, help: string, buckets: number[], labelNames: L[]) {
    return { name: `${PREFIX}${name}_seconds`, help, labelNames, buckets, registers: this.#registers };
  }
}

const ofTurns = (make: Maker) => ({
  firstWord: make.seconds('first_word', 'From an input to the first word of its reply', WAITS, ['source']),
  firstWordWait: make.seconds(
    'first_word_wait',
    'What a first word was waited for: queue, load, prompt, model, person, server, or takeover by this node',
    WAITS,
    ['cause'],
  ),
  queueWait: make.seconds('queue_wait', 'What turns that had to wait waited for a slot of the model', WAITS),
  turns: make.gauge('turns_live', 'Turns of this node: queued for a slot of the model, or running', [
    'state',
  ]),
  ended: make.counter('turns', 'Turns that ended here; left: cancelled, or gone to another node', [
    'outcome',
    'source',
  ]),
  takeovers: make.counter('takeovers', 'Turns that this node had taken over, once they ended here', [
    'cause',
    'result',
  ]),
  handovers: make.counter('handovers', 'Turns given up to another node, or to the next start'),
  modelUp: make.gauge('model_up', 'Whether the model can be asked'),
});

const ofClients = (make: Maker) => ({
  frames: make.counter('frames', 'Frames sent', ['transport']),
  bytes: make.counter('frame_bytes', 'Bytes of JSON in frames sent', ['transport']),
  frameGap: make.timings(
    'frame_gap',
    'Between two frames with words of one turn, as they leave for a client',
    WAITS,
    ['transport'],
  ),
  delivery: make.timings('delivery', 'From the wake-up of a follower to its frame', STEPS, ['transport']),
  followers: make.gauge('followers', 'Who follows a session: live, behind, or paused by its client', [
    'transport',
    'state',
  ]),
  connections: make.gauge('connections', 'Open connections', ['transport']),
  disconnects: make.counter('disconnects', 'Connections that ended', ['transport', 'reason']),
  resyncs: make.counter('resyncs', 'Clients that asked for the rest of a log and got a snapshot'),
  gaps: make.counter('gaps', 'Holes or doubled words in a log that was read: must be 0'),
  requests: make.seconds('request', 'Operations, by what was answered', STEPS, ['operation', 'code']),
});

const ofTheHouse = (make: Maker) => ({
  step: make.timings('store', 'Steps of the store', STEPS, ['step']),
  storeErrors: make.counter('store_errors', 'Steps of the store that failed', ['step']),
  fenced: make.counter('fenced', 'Steps refused because another node owns the turn, or it is over', ['step']),
  screened: make.counter('inputs', 'Inputs stored, by what the screening found', ['level']),
  guarded: make.counter('guard_trips', 'Replies of a model that were stopped', ['reason']),
  deliveries: make.counter('deliveries', 'Alerts and webhooks on their way to others', ['kind', 'outcome']),
});

export function instruments(registry: Registry) {
  const make = new Maker(registry);
  return { ...ofTurns(make), ...ofClients(make), ...ofTheHouse(make) };
}

export type Instruments = ReturnType<typeof instruments>;
