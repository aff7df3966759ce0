// Replies that stream: when each word arrives, and what it costs, beside the thinnest relay.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMs, load } from '../shared/machine.ts';
import { median, quantile } from '../shared/report.ts';
import type { Part, Row } from '../shared/report.ts';
import { clock } from './clock.ts';
import type { Heard, Way } from './speech.ts';
import { Stage } from './stage.ts';
import type { System, Talked } from './stage.ts';

/** Words a second of each turn. */
const RATE = 50;
/** One turn begins so long after the one before: a crowd that comes at once is another question. */
const EVERY_MS = 5;
/** At the beginning and at the end of what is measured nobody begins or ends. */
const EDGE_MS = 500;

/** What one run of one system came to, with a model that says words at a pace. */
interface Paced {
  /** ms, over what it takes to say the word. */
  p50: number;
  p95: number;
  p99: number;
  /** ms from the question to the first word. */
  first50: number;
  first99: number;
  perSecond: number;
  /** CPU of the server for a word that arrived, in µs. */
  wordUs: number;
  /** Cores that the server kept busy. */
  cores: number;
  /** Words for each frame or event that a client got. */
  merged: number;
}

/** The same with a model that waits for nothing. */
type Full = Pick<Paced, 'perSecond' | 'wordUs' | 'merged'>;

interface Span {
  from: number;
  to: number;
}

/** How late each word was, and how many came in the span. @throws words were lost or doubled */
function lateness(
  { said, heard }: Talked,
  { from, to }: Span,
): { late: number[]; words: number; frames: number } {
  const late: number[] = [];
  let words = 0;
  let frames = 0;
  for (const one of heard) {
    const reply = said[one.reply];
    if (reply === undefined || reply.ends.at(-1) !== one.ends.at(-1))
      throw new Error('a reply is not what was said');
    let frame = 0;
    for (const [n, end] of reply.ends.entries()) {
      while ((one.ends[frame] ?? Infinity) < end) frame += 1;
      const at = one.at[frame] ?? NaN;
      if (at < from || at > to) continue;
      words += 1;
      late.push(at - (reply.at[n] ?? NaN));
    }
    frames += one.at.filter((at) => at >= from && at <= to).length;
  }
  return { late, words, frames };
}

const firstWords = (heard: readonly Heard[]): number[] =>
  heard.map(({ at, askedAt }) => (at[0] ?? NaN) - askedAt);

let talks = 0;

const talkOf = (way: Way, turns: number, everyMs: number) => {
  talks += 1;
  return { way, turns, everyMs, name: `talk-${talks}` };
};

async function runPaced(stage: Stage, way: Way, turns: number, seconds: number): Promise<Paced> {
  const words = Math.ceil(RATE * (seconds + 2 * (EDGE_MS / 1_000) + (turns * EVERY_MS) / 1_000));
  const begun = Promise.withResolvers<Watched>();
  const talking = stage.talk({ rate: RATE, words }, talkOf(way, turns, EVERY_MS), () =>
    begun.resolve(watch(stage.system(way), seconds)),
  );
  const [talked, { span, cpu }] = await Promise.all([talking, begun.promise]);
  const { late, words: count, frames } = lateness(talked, span);
  const first = firstWords(talked.heard);
  const spanMs = span.to - span.from;
  return {
    p50: quantile(late, 0.5),
    p95: quantile(late, 0.95),
    p99: quantile(late, 0.99),
    first50: quantile(first, 0.5),
    first99: quantile(first, 0.99),
    perSecond: (count * 1_000) / spanMs,
    wordUs: (cpu * 1_000) / count,
    cores: cpu / spanMs,
    merged: count / frames,
  };
}

async function runFull(stage: Stage, way: Way, turns: number, words: number): Promise<Full> {
  const { pid } = stage.system(way);
  const before = cpuMs(pid);
  const talked = await stage.talk({ rate: null, words }, talkOf(way, turns, 0), () => undefined);
  const cpu = cpuMs(pid) - before;
  const { words: count, frames } = lateness(talked, { from: -Infinity, to: Infinity });
  const from = Math.min(...talked.heard.map(({ at }) => at[0] ?? NaN));
  const to = Math.max(...talked.heard.map(({ at }) => at.at(-1) ?? NaN));
  return { perSecond: (count * 1_000) / (to - from), wordUs: (cpu * 1_000) / count, merged: count / frames };
}

interface Watched {
  span: Span;
  cpu: number;
}

/** CPU of a system while nobody begins and nobody ends. */
async function watch({ pid }: System, seconds: number): Promise<Watched> {
  await sleep(EDGE_MS);
  const [from, before] = [clock(), cpuMs(pid)];
  await sleep(seconds * 1_000);
  return { span: { from, to: clock() }, cpu: cpuMs(pid) - before };
}

export interface StreamOptions {
  quick: boolean;
  /** Settings of this server, over those it is measured with. */
  env?: Record<string, string>;
}

const names: Record<Way, string> = {
  socket: 'Stillpoint, Socket.IO',
  'relay-socket': 'relay, Socket.IO',
  sse: 'Stillpoint, SSE',
  'relay-sse': 'relay, SSE',
  poll: 'Stillpoint, long poll',
};

/** Each system after the other, again and again, so that what else the machine does meets all of them. */
async function interleaved<T>(
  ways: readonly Way[],
  repeats: number,
  once: (way: Way) => Promise<T>,
): Promise<Map<Way, T[]>> {
  const runs = new Map<Way, T[]>(ways.map((way) => [way, []]));
  for (let n = 0; n < repeats; n += 1) {
    for (const way of n % 2 === 0 ? ways : ways.toReversed()) runs.get(way)?.push(await once(way));
  }
  return runs;
}

/** What of ours is compared with the relay's, and how much of it is allowed (DESIGN.md, "What good looks like"). */
interface Goal {
  text: string;
  isMet: (ours: number, relay: number) => boolean;
}

const notMore: Goal = { text: 'at most the relay’s', isMet: (ours, relay) => ours <= relay };

interface Column<K extends string> {
  key: K;
  what: string;
  unit: string;
  goal?: Goal;
}

function rowsOf<K extends string>(
  columns: readonly Column<K>[],
  ways: readonly Way[],
  runs: ReadonlyMap<Way, readonly Record<K, number>[]>,
  isGoal: boolean,
): Row[] {
  return columns.map(({ key, what, unit, goal }) => {
    const cells = ways.map((way) => median((runs.get(way) ?? []).map((one) => one[key])));
    const [ours = NaN, relay = NaN] = cells;
    const reached = isGoal && goal ? { goal: { text: goal.text, isMet: goal.isMet(ours, relay) } } : {};
    return { what, unit, cells, ...reached };
  });
}

const paced: readonly Column<keyof Paced>[] = [
  { key: 'p50', what: 'added delay of a word, p50', unit: 'ms', goal: notMore },
  { key: 'p95', what: 'added delay of a word, p95', unit: 'ms' },
  { key: 'p99', what: 'added delay of a word, p99', unit: 'ms', goal: notMore },
  { key: 'first50', what: 'first word after the question, p50', unit: 'ms' },
  { key: 'first99', what: 'first word after the question, p99', unit: 'ms' },
  { key: 'perSecond', what: 'words delivered a second', unit: '1/s' },
  {
    key: 'wordUs',
    what: 'CPU of the server per word',
    unit: 'µs',
    goal: { text: 'at most 1.2 × the relay’s', isMet: (ours, relay) => ours <= 1.2 * relay },
  },
  { key: 'cores', what: 'cores it kept busy', unit: '' },
  { key: 'merged', what: 'words in a frame', unit: '' },
];

const full: readonly Column<keyof Full>[] = [
  {
    key: 'perSecond',
    what: 'words delivered a second',
    unit: '1/s',
    goal: { text: 'at least 2 × the relay’s', isMet: (ours, relay) => ours >= 2 * relay },
  },
  { key: 'wordUs', what: 'CPU of the server per word', unit: 'µs' },
  { key: 'merged', what: 'words in a frame', unit: '' },
];

/** Each with the thinnest relay of the same kind. */
const kinds = [
  { name: 'socket', ways: ['socket', 'relay-socket'] },
  { name: 'sse', ways: ['sse', 'relay-sse', 'poll'] },
] as const;

/** Live turns at a pace, few and many; and as many words as each system can take. */
export async function measureStream({ quick, env }: StreamOptions): Promise<Part[]> {
  const [repeats, seconds] = quick ? [1, 1] : [3, 3];
  const parts: Part[] = [];
  await using stage = await Stage.open(env);
  for (const { name, ways } of kinds) {
    const systems = ways.map((way) => names[way]);
    // what runs for the first time is not what runs all day
    await interleaved(ways, 1, (way) => runPaced(stage, way, 20, 1));
    for (const turns of quick ? [20] : [1, 20, 200]) {
      const runs = await interleaved(ways, repeats, (way) => runPaced(stage, way, turns, seconds));
      const title = `${turns} live turn${turns > 1 ? 's' : ''}, ${RATE} words a second each`;
      // the goals are for the relay over Socket.IO, at this load
      const rows = rowsOf(paced, ways, runs, name === 'socket' && turns === 200);
      parts.push({ name: `stream-${name}-${turns}`, title, systems, rows, notes: [], load: load() });
    }
    const [turns, words] = quick ? [20, 200] : [50, 2_000];
    const runs = await interleaved(ways, repeats, (way) => runFull(stage, way, turns, words));
    const title = `${turns} live turns, as fast as they are taken`;
    const rows = rowsOf(full, ways, runs, name === 'socket');
    parts.push({ name: `full-${name}`, title, systems, rows, notes: [], load: load() });
  }
  return parts;
}
