// Replies that stream: what Redis is asked for, when words arrive on other nodes, and what a word costs.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMs, load } from '../shared/machine.ts';
import { less, scaled, since, sumOf, total } from './count.ts';
import type { Tally } from './count.ts';
import { openStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { at, inputs, openPerson, wordsIn } from './talk.ts';
import type { Person, Token } from './talk.ts';

/** Until all speak at their pace, and how long is measured then. */
const RAMP_MS = 2_000;
const HEADROOM_S = 6;
/** A state that is new gives no slot out for half a lease; and for what ended to leave the lists. */
export const CALM_MS = 5_000;

/** Where they are followed: where they run, or on the next node. */
export type Place = 'owner' | 'other';

interface Live {
  speaker: Person;
  sessionId: string;
}

/** So many live turns on the nodes, each followed by one or two. */
class Streams implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #people: Person[] = [];
  readonly #live: Live[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** `places`: who follows each; `onToken` is told what each of them gets. */
  async begin(
    name: string,
    count: number,
    places: readonly Place[],
    onToken: (place: Place, token: Token) => void,
  ): Promise<void> {
    const nodes = this.#stage.nodes.length;
    const speakers = await this.#connect(nodes, (token) => {
      if (places.includes('owner')) onToken('owner', token);
    });
    const listeners = await this.#connect(nodes, (token) => onToken('other', token));
    await Promise.all(
      Array.from({ length: count }, async (_, n) => {
        const speaker = speakers[n % nodes];
        const listener = listeners[(n + 1) % nodes];
        if (!speaker || !listener) return;
        const sessionId = `${name}-${n}`;
        await speaker.say(sessionId, inputs[n % inputs.length] ?? '');
        this.#live.push({ speaker, sessionId });
        if (places.includes('other')) await listener.join(sessionId);
        if (!places.includes('owner')) await speaker.call('session:leave', { session_id: sessionId });
      }),
    );
  }

  #connect(count: number, onToken: (token: Token) => void): Promise<Person[]> {
    return Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const person = await openPerson(this.#stage.node(index).url);
        person.onToken = onToken;
        this.#people.push(person);
        return person;
      }),
    );
  }

  /** What is left of the turns is cancelled. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#live.map((one) => one.speaker.cancel(one.sessionId)));
    for (const person of this.#people) person[Symbol.dispose]();
  }
}

export interface CommandsRow {
  /** Words a second of each turn. */
  rate: number;
  place: Place;
  turns: number;
  /** Sent by the nodes, per live turn and second, without what nodes send when nothing lives. */
  sent: number;
  byName: Tally;
  /** The same with those inside of scripts, as Redis counts them. */
  processed: number;
  /** Between nodes and Redis, in both directions. */
  bytesPerWord: number;
  bytesPerSent: number;
  /** CPU per live turn and second, in µs. */
  nodeUs: number;
  redisUs: number;
  load: number;
}

export interface IdleRow {
  /** Commands a second of one node without a turn. */
  sent: number;
  byName: Tally;
  processed: number;
  /** Share of a core. */
  nodeCpu: number;
  redisCpu: number;
  load: number;
}

interface Reading {
  at: number;
  tally: Tally;
  processed: number;
  bytes: number;
  nodeMs: number;
  redisMs: number;
}

async function read(stage: Stage): Promise<Reading> {
  const processed = await stage.info('total_commands_processed');
  return {
    at: performance.now(),
    processed,
    tally: sumOf(stage.nodes.map(({ counter }) => counter?.tally ?? {})),
    bytes: stage.nodes.reduce((sum, { counter }) => sum + (counter?.bytes ?? 0), 0),
    nodeMs: stage.nodes.reduce((sum, { pid }) => sum + cpuMs(pid), 0),
    redisMs: cpuMs(stage.redis.pid),
  };
}

/** Between two readings, per second. */
function rates(before: Reading, after: Reading) {
  const perSecond = 1_000 / (after.at - before.at);
  return {
    tally: scaled(since(after.tally, before.tally), perSecond),
    // the reading itself is one
    processed: (after.processed - before.processed - 1) * perSecond,
    bytes: (after.bytes - before.bytes) * perSecond,
    nodeMs: (after.nodeMs - before.nodeMs) * perSecond,
    redisMs: (after.redisMs - before.redisMs) * perSecond,
  };
}

const COUNTED = 10;

async function countAt(
  stage: Stage,
  place: Place,
  rate: number,
  seconds: number,
  base: ReturnType<typeof rates>,
): Promise<CommandsRow> {
  await stage.speak({ rate, words: rate * (seconds + HEADROOM_S) });
  let words = 0;
  await using streams = new Streams(stage);
  await streams.begin(`count-${place}-${rate}`, COUNTED, [place], (_, { text }) => {
    words += wordsIn(text);
  });
  await sleep(RAMP_MS);
  const before = await read(stage);
  const wordsBefore = words;
  await sleep(seconds * 1_000);
  const after = await read(stage);
  const found = rates(before, after);
  const byName = scaled(less(found.tally, base.tally), 1 / COUNTED);
  const bytes = found.bytes - base.bytes;
  return {
    rate,
    place,
    turns: COUNTED,
    sent: total(byName),
    byName,
    processed: (found.processed - base.processed) / COUNTED,
    bytesPerWord: (bytes * (after.at - before.at)) / 1_000 / (words - wordsBefore),
    bytesPerSent: bytes / (total(byName) * COUNTED),
    nodeUs: ((found.nodeMs - base.nodeMs) * 1_000) / COUNTED,
    redisUs: ((found.redisMs - base.redisMs) * 1_000) / COUNTED,
    load: load(),
  };
}

/** (b) */
export async function measureCommands(seconds: number): Promise<{ idle: IdleRow; rows: CommandsRow[] }> {
  await using stage = await openStage({ counted: true });
  await stage.grow(2);
  await sleep(CALM_MS);
  const calm = await read(stage);
  await sleep(2 * seconds * 1_000);
  const base = rates(calm, await read(stage));
  const idle: IdleRow = {
    sent: total(base.tally) / 2,
    byName: scaled(base.tally, 1 / 2),
    processed: base.processed / 2,
    nodeCpu: base.nodeMs / 2_000,
    redisCpu: base.redisMs / 2_000,
    load: load(),
  };
  const rows: CommandsRow[] = [];
  for (const place of ['owner', 'other'] as const) {
    for (const rate of [10, 50, 150, 500]) rows.push(await countAt(stage, place, rate, seconds, base));
    // what was left in the lists of leases is struck out before others are counted
    await sleep(place === 'owner' ? CALM_MS : 0);
  }
  return { idle, rows };
}

export interface DeliveryRow {
  turns: number;
  rate: number;
  words: number;
  /** How much later a word is on another node than on the owner's, in ms. */
  p50: number;
  p99: number;
  max: number;
  load: number;
}

/** When the entry with each number was there: with the frame that reaches up to it. */
class Arrivals {
  readonly #last = new Map<string, number>();
  readonly times = new Map<string, number>();

  note({ session_id: id, seq }: Token, at: number): void {
    const from = this.#last.get(id) ?? seq - 1;
    for (let n = from + 1; n <= seq; n += 1) this.times.set(`${id} ${n}`, at);
    this.#last.set(id, seq);
  }
}

/** (c) */
export async function measureDelivery(stage: Stage, seconds: number): Promise<DeliveryRow> {
  const [TURNS, RATE] = [10, 50];
  const arrivals = { owner: new Arrivals(), other: new Arrivals() };
  await stage.speak({ rate: RATE, words: RATE * (seconds + HEADROOM_S) });
  {
    await using streams = new Streams(stage);
    await streams.begin('deliver', TURNS, ['owner', 'other'], (place, token) => {
      arrivals[place].note(token, performance.now());
    });
    await sleep(RAMP_MS + seconds * 1_000);
  }
  const later = [...arrivals.other.times].flatMap(([entry, time]) => {
    const owner = arrivals.owner.times.get(entry);
    return owner === undefined ? [] : [time - owner];
  });
  return {
    turns: TURNS,
    rate: RATE,
    words: later.length,
    p50: at(later, 0.5),
    p99: at(later, 0.99),
    max: at(later, 1),
    load: load(),
  };
}

export interface SpreadRow {
  nodes: number;
  place: Place;
  turns: number;
  /** Words a second that were offered, and that were delivered. */
  offered: number;
  delivered: number;
  /** CPU per delivered word, in µs. */
  nodeUs: number;
  redisUs: number;
  /** Cores that were busy with it. */
  nodeCores: number;
  redisCores: number;
  load: number;
}

/** (d), on the nodes there are. */
export async function measureSpread(
  stage: Stage,
  place: Place,
  turns: number,
  seconds: number,
): Promise<SpreadRow> {
  const RATE = 50;
  const nodes = stage.nodes.length;
  await stage.speak({ rate: RATE, words: RATE * (seconds + HEADROOM_S) });
  let words = 0;
  await using streams = new Streams(stage);
  await streams.begin(`spread-${nodes}-${turns}-${place}`, turns, [place], (_, { text }) => {
    words += wordsIn(text);
  });
  await sleep(RAMP_MS);
  const before = await read(stage);
  const wordsBefore = words;
  await sleep(seconds * 1_000);
  const delivered = words - wordsBefore;
  const after = await read(stage);
  const found = rates(before, after);
  const ms = after.at - before.at;
  const perWord = (cpuMs: number) => (cpuMs * ms) / delivered;
  return {
    nodes,
    place,
    turns,
    offered: turns * RATE,
    delivered: (delivered * 1_000) / ms,
    nodeUs: perWord(found.nodeMs),
    redisUs: perWord(found.redisMs),
    nodeCores: found.nodeMs / 1_000,
    redisCores: found.redisMs / 1_000,
    load: load(),
  };
}
