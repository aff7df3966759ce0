// What is measured, for Prometheus. No label tells who anybody is. (SAFETY.md SEC-83)
import { collectDefaultMetrics, Registry } from 'prom-client';
import type {
  FollowerMeter,
  Meter,
  TakeoverCause,
  Transport,
  TurnBegun,
  TurnEnd,
  TurnMeter,
  TurnTracer,
} from '../meter.ts';
import { SafetyLevel, Source } from '../contract/model.ts';
import { WebhookType } from '../contract/webhooks.ts';
import { instruments } from './instruments.ts';
import type { Instruments } from './instruments.ts';
import type { Timing } from './timings.ts';

/** Which part of the time to the first word each phase of a turn is. */
const causes: Readonly<Record<string, string>> = {
  queued: 'queue',
  loading: 'load',
  prompt: 'prompt',
  streaming: 'model',
  recovering: 'model',
  person: 'person',
};

/** What is looked up when somebody asks, and not counted. */
interface Looks {
  /** Live turns of this node, by whether they wait for a slot of the model. */
  turns: () => { queued: number; running: number };
  /** Whether the model can be asked. */
  isModelUp: () => boolean;
}

/** What may never happen is told as 0 before: Prometheus sees no rise in what was not there. */
function beginAtZero(all: Instruments): void {
  for (const counter of [all.gaps, all.resyncs, all.handovers]) counter.inc(0);
  for (const source of [...Source.options, 'none'])
    for (const outcome of ['done', 'failed', 'left']) all.ended.inc({ outcome, source }, 0);
  for (const cause of ['released', 'expired'])
    for (const result of ['done', 'failed', 'left']) all.takeovers.inc({ cause, result }, 0);
  for (const level of SafetyLevel.options) all.screened.inc({ level }, 0);
  for (const kind of ['alert', ...WebhookType.options])
    for (const outcome of ['sent', 'retried', 'given_up']) all.deliveries.inc({ kind, outcome }, 0);
}

/** What went out by one transport; told to Prometheus when it asks. */
interface Traffic {
  frames: number;
  bytes: number;
  delivery: Timing;
  frameGap: Timing;
}

export interface Metrics extends Meter {
  /** From here on these are looked up too. */
  look(looks: Looks): void;
  /** All of it as Prometheus reads it, and the media type of that. */
  exposition(): Promise<{ type: string; text: string }>;
}

/** `traces` are told of turns too. */
export function createMetrics(traces: TurnTracer | null = null): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return new PrometheusMetrics(registry, instruments(registry), traces);
}

class PrometheusMetrics implements Metrics {
  readonly #registry: Registry;
  readonly #in: Instruments;
  readonly #traces: TurnTracer | null;
  readonly #looks: Looks[] = [];
  readonly #traffic = new Map<Transport, Traffic>();
  readonly #steps = new Map<string, Timing>();

  constructor(registry: Registry, all: Instruments, traces: TurnTracer | null) {
    this.#registry = registry;
    this.#traces = traces;
    this.#in = all;
    beginAtZero(all);
  }

  look(looks: Looks): void {
    this.#looks.push(looks);
  }

  async exposition(): Promise<{ type: string; text: string }> {
    for (const { turns, isModelUp } of this.#looks) {
      const { queued, running } = turns();
      this.#in.turns.set({ state: 'queued' }, queued);
      this.#in.turns.set({ state: 'running' }, running);
      this.#in.modelUp.set(isModelUp() ? 1 : 0);
    }
    for (const [transport, traffic] of this.#traffic) {
      this.#in.frames.inc({ transport }, traffic.frames);
      this.#in.bytes.inc({ transport }, traffic.bytes);
      Object.assign(traffic, { frames: 0, bytes: 0 });
    }
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  turn(begun: TurnBegun): TurnMeter {
    return new OneTurn(this.#in, begun, this.#traces?.turn(begun));
  }

  handedOver(): void {
    this.#in.handovers.inc();
  }

  screened(level: string): void {
    this.#in.screened.inc({ level });
  }

  guarded(reason: string): void {
    this.#in.guarded.inc({ reason });
  }

  answered(operation: string, code: string, ms: number): void {
    this.#in.requests.observe({ operation, code }, ms / 1000);
  }

  stored(step: string, ms: number, outcome: 'ok' | 'fenced' | 'error'): void {
    const timing = this.#steps.get(step) ?? this.#firstOf(step);
    timing.observe(ms / 1000);
    if (outcome === 'fenced') this.#in.fenced.inc({ step });
    if (outcome === 'error') this.#in.storeErrors.inc({ step });
  }

  follower(transport: Transport): FollowerMeter {
    let traffic = this.#traffic.get(transport);
    if (!traffic) {
      const [delivery, frameGap] = [this.#in.delivery.of({ transport }), this.#in.frameGap.of({ transport })];
      traffic = { frames: 0, bytes: 0, delivery, frameGap };
      this.#traffic.set(transport, traffic);
    }
    return new OneFollower(this.#in, transport, traffic);
  }

  #firstOf(step: string): Timing {
    const timing = this.#in.step.of({ step });
    this.#steps.set(step, timing);
    this.#in.storeErrors.inc({ step }, 0);
    return timing;
  }

  resynced(): void {
    this.#in.resyncs.inc();
  }

  gap(): void {
    this.#in.gaps.inc();
  }

  connected(transport: 'socket' | 'sse'): (reason: string) => void {
    this.#in.connections.inc({ transport });
    return (reason) => {
      this.#in.connections.dec({ transport });
      this.#in.disconnects.inc({ transport, reason });
    };
  }

  delivered(kind: string, outcome: string): void {
    this.#in.deliveries.inc({ kind, outcome });
  }
}

class OneTurn implements TurnMeter {
  readonly #in: Instruments;
  readonly #takenOver: TakeoverCause | null;
  /** Before this node had it, in seconds. */
  readonly #before: number;
  readonly #waits = new Map<string, number>();
  #cause = 'server';
  #since = performance.now();
  #source = 'none';
  #hasWords = false;
  readonly #trace: TurnMeter | undefined;

  constructor(all: Instruments, { takenOver, startedAt, now }: TurnBegun, traced: TurnMeter | undefined) {
    this.#in = all;
    this.#trace = traced;
    this.#takenOver = takenOver;
    this.#before = Math.max(0, now - startedAt) / 1000;
  }

  phase(name: string): void {
    this.#trace?.phase(name);
    this.#turnTo(causes[name] ?? 'model');
  }

  began(source: string, model: string): void {
    this.#trace?.began(source, model);
    this.#source = source;
  }

  firstWord(): void {
    this.#trace?.firstWord();
    this.#turnTo(this.#cause);
    this.#hasWords = true;
    if (this.#takenOver !== null) this.#waits.set('takeover', this.#before);
    let sum = 0;
    for (const [cause, seconds] of this.#waits) {
      sum += seconds;
      this.#in.firstWordWait.observe({ cause }, seconds);
    }
    this.#in.firstWord.observe({ source: this.#source }, sum);
  }

  ended(how: TurnEnd, chars: number): void {
    this.#trace?.ended(how, chars);
    this.#in.ended.inc({ outcome: how, source: this.#source });
    if (this.#takenOver !== null) this.#in.takeovers.inc({ cause: this.#takenOver, result: how });
  }

  /** Says what the time since the last call was for. */
  #turnTo(cause: string): void {
    const now = performance.now();
    const seconds = (now - this.#since) / 1000;
    if (this.#cause === 'queue' && cause !== 'queue') {
      this.#in.queueWait.observe((this.#waits.get('queue') ?? 0) + seconds);
    }
    if (!this.#hasWords) this.#waits.set(this.#cause, (this.#waits.get(this.#cause) ?? 0) + seconds);
    this.#cause = cause;
    this.#since = now;
  }
}

class OneFollower implements FollowerMeter {
  readonly #in: Instruments;
  readonly #transport: Transport;
  readonly #traffic: Traffic;
  #state: string | undefined;
  #wordsOf: string | null = null;
  #wordsAt = 0;

  constructor(all: Instruments, transport: Transport, traffic: Traffic) {
    this.#in = all;
    this.#transport = transport;
    this.#traffic = traffic;
  }

  sent(bytes: number, afterMs: number, wordsOf: string | null): void {
    const traffic = this.#traffic;
    traffic.frames += 1;
    traffic.bytes += bytes;
    traffic.delivery.observe(afterMs / 1000);
    if (wordsOf === null) return;
    const now = performance.now();
    if (wordsOf === this.#wordsOf) traffic.frameGap.observe((now - this.#wordsAt) / 1000);
    this.#wordsOf = wordsOf;
    this.#wordsAt = now;
  }

  is(state: string): void {
    if (state === this.#state) return;
    const transport = this.#transport;
    if (this.#state !== undefined) this.#in.followers.dec({ transport, state: this.#state });
    this.#in.followers.inc({ transport, state });
    this.#state = state;
  }

  [Symbol.dispose](): void {
    if (this.#state !== undefined) this.#in.followers.dec({ transport: this.#transport, state: this.#state });
    this.#state = undefined;
  }
}
