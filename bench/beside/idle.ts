// What a connection costs that says nothing, and what a live turn costs in memory.
import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel, openPerson } from '../nodes/talk.ts';
import type { Person } from '../nodes/talk.ts';
import { cpuMs, load } from '../shared/machine.ts';
import { median } from '../shared/report.ts';
import type { Part, Row } from '../shared/report.ts';
import type { Way } from './crowd-asks.ts';
import { Crowd } from './crowds.ts';
import { openOther, openOurs, PacedOllama } from './servers.ts';
import type { Measured } from './servers.ts';

const KB = 1024;
/** More than an empty server takes for a connection, in KB. */
const GOAL_KB = 25;
/** Connected and gone before anything is measured: code is compiled for them, and tables grow. */
const WARM_UP = 200;
const SETTLE_MS = 1_000;
/** Until nothing of a connection that was closed is left. */
const GONE_MS = 6_000;

/** Of one connection. */
interface Idle {
  rssKb: number;
  heapKb: number;
  /** CPU a second for 1,000 of them, in ms. */
  cpu: number;
}

interface Kind {
  open: () => Promise<Measured>;
  way: Way;
}

const kinds = {
  bare: { open: () => openOurs(), way: 'bare' },
  joined: { open: () => openOurs(), way: 'joined' },
  empty: { open: () => openOther('empty-socket'), way: 'bare' },
  stream: { open: () => openOurs(), way: 'stream' },
  held: { open: () => openOther('relay-set'), way: 'stream' },
} as const satisfies Record<string, Kind>;
type Name = keyof typeof kinds;
const names: readonly Name[] = ['bare', 'joined', 'empty', 'stream', 'held'];

/** A server with many connections, once they are there. */
class Held implements AsyncDisposable {
  readonly server: Measured;
  readonly #way: Way;
  readonly #crowd: Crowd;

  private constructor(server: Measured, way: Way, crowd: Crowd) {
    this.server = server;
    this.#way = way;
    this.#crowd = crowd;
  }

  /** Some have connected to it, and are gone. */
  static async open({ open, way }: Kind): Promise<Held> {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await open());
    const crowd = stack.use(new Crowd());
    await crowd.open({ url: server.url, way, count: WARM_UP, session: null });
    await crowd.close();
    stack.move();
    return new Held(server, way, crowd);
  }

  /** What each takes. */
  async fill(count: number): Promise<Pick<Idle, 'rssKb' | 'heapKb'>> {
    const before = await this.server.gauge.read();
    await this.#crowd.open({ url: this.server.url, way: this.#way, count, session: null });
    await sleep(SETTLE_MS);
    const after = await this.server.gauge.read();
    const of = (kind: 'rss' | 'heap') => (after[kind] - before[kind]) / count / KB;
    return { rssKb: of('rss'), heapKb: of('heap') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#crowd[Symbol.dispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** All of them side by side: idle ones do not disturb each other. */
async function measureIdle(count: number, seconds: number): Promise<Map<Name, Idle>> {
  await using stack = new AsyncDisposableStack();
  const all = await Promise.all(names.map(async (name) => stack.use(await Held.open(kinds[name]))));
  await sleep(GONE_MS);
  const filled = await Promise.all(all.map(async (one) => await one.fill(count)));
  const before = all.map(({ server }) => cpuMs(server.pid));
  await sleep(seconds * 1_000);
  return new Map(
    names.map((name, n) => {
      const ms = cpuMs(all[n]?.server.pid ?? 0) - (before[n] ?? NaN);
      const bytes = filled[n] ?? { rssKb: NaN, heapKb: NaN };
      return [name, { ...bytes, cpu: (ms / seconds / count) * 1_000 }];
    }),
  );
}

/** Words a second of a live turn, and how many before it ends: later than anybody measures. */
const SLOW = { rate: 5, words: 1_000 };

/** Of a live turn, in KB of heap: so many of them beside the same sessions with none. */
async function measureLive(
  open: (env: Record<string, string>) => Promise<Measured>,
  turns: number,
): Promise<number> {
  using ollama = await PacedOllama.open();
  await using server = await open({ OLLAMA_BASE_URL: ollama.url });
  using people = new DisposableStack();
  const persons: Person[] = [];
  await ollama.speak({ rate: null, words: 20 });
  await inParallel(turns, 20, async (n) => {
    const person = people.use(await openPerson(server.url));
    persons.push(person);
    await person.call('session:create', { session_id: `live-${n}` });
    await person.turn(`live-${n}`, 'hello');
  });
  await sleep(SETTLE_MS);
  const before = await server.gauge.read();
  await ollama.speak(SLOW);
  await inParallel(turns, 20, async (n) => {
    const heard = Promise.withResolvers<void>();
    const person = persons[n];
    if (!person) return;
    person.onToken = () => heard.resolve();
    await person.say(`live-${n}`, 'hello again');
    await heard.promise;
  });
  await sleep(SETTLE_MS);
  return ((await server.gauge.read()).heap - before.heap) / turns / KB;
}

/** Ours, and what it is compared with. */
const pairs: readonly { what: string; ours: Name; other: Name }[] = [
  { what: 'a socket that has joined nothing', ours: 'bare', other: 'empty' },
  { what: 'a socket with one session', ours: 'joined', other: 'empty' },
  { what: 'a stream of events', ours: 'stream', other: 'held' },
];

const figures = [
  { key: 'heapKb', what: 'heap', unit: 'KB' },
  { key: 'rssKb', what: 'memory of the process', unit: 'KB' },
  { key: 'cpu', what: 'CPU a second for 1,000', unit: 'ms' },
] as const;

function rowsOf(runs: readonly ReadonlyMap<Name, Idle>[]): Row[] {
  const of = (name: Name, key: keyof Idle) => median(runs.map((run) => run.get(name)?.[key] ?? NaN));
  return pairs.flatMap(({ what, ours, other }) =>
    figures.map((figure): Row => {
      const [mine, theirs] = [of(ours, figure.key), of(other, figure.key)];
      const isMet = mine - theirs <= GOAL_KB;
      const hasGoal = other === 'empty' && figure.key !== 'cpu';
      return {
        what: `${what}: ${figure.what}`,
        unit: figure.unit,
        cells: [mine, theirs],
        ...(hasGoal && { goal: { text: `at most ${GOAL_KB} KB more`, isMet } }),
      };
    }),
  );
}

export async function idle({ quick }: { quick: boolean }): Promise<Part> {
  const [repeats, count, seconds, turns] = quick ? [1, 500, 2, 50] : [3, 5_000, 20, 200];
  const runs: ReadonlyMap<Name, Idle>[] = [];
  const live: { ours: number; other: number }[] = [];
  for (let n = 0; n < repeats; n += 1) {
    runs.push(await measureIdle(count, seconds));
    const [ours, other] = await Promise.all([
      measureLive(openOurs, turns),
      measureLive((env) => openOther('relay-room', env), turns),
    ]);
    live.push({ ours, other });
  }
  const cells = [median(live.map(({ ours }) => ours)), median(live.map(({ other }) => other))];
  return {
    name: 'idle',
    title: `${count.toLocaleString('en')} connections that say nothing, and ${turns} live turns`,
    systems: ['Stillpoint', 'bare server'],
    rows: [...rowsOf(runs), { what: 'a live turn: heap', unit: 'KB', cells }],
    notes: [
      'Heap is read after rubbish was taken away; the memory of the process also depends on what it kept of its start.',
      'The bare server is an empty Socket.IO server, one that only holds responses, and, for turns, a relay into rooms.',
    ],
    load: load(),
  };
}
