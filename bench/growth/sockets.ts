// (c) More and more sockets on one server, each on a session in which nothing is said; and twenty live turns beside them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { MemoryGauge, preloadTidyMemory } from '../../test/support/memory.ts';
import { startServer, tempDir } from '../../test/support/server-process.ts';
import type { ServerProcess } from '../../test/support/server-process.ts';
import { openStage } from '../nodes/stage.ts';
import { openPerson, wordsIn } from '../nodes/talk.ts';
import type { Person } from '../nodes/talk.ts';
import { cpuMs } from '../shared/machine.ts';
import { median } from '../shared/report.ts';
import type { Curve, Point } from './curve.ts';
import { Worker } from './worker.ts';

const BY = 'sockets';
const MIB = 1024 * 1024;
const CROWD = new URL('./crowd.ts', import.meta.url);
const SOCKETS_EACH = 5_000;
const START_MS = 60_000;
const LIVE = 20;
const WORDS_PER_S = 50;
/** Until all twenty speak. */
const SETTLE_S = 0.5;
const OPERATOR_KEY = 'operator-of-the-growth-bench-0123456789';
/** Looks of an operator at each server, so that the clock of the system can tell them: fewer at larger ones. */
const LOOKS = 10_000;

export interface Windows {
  times: number;
  /** Every socket is pinged once in 20 s. */
  idleS: number;
  liveS: number;
}

/** A server with that many sockets. */
interface Held {
  size: number;
  server: ServerProcess;
  people: Person[];
  /** What the sockets added, in MiB; and what one took to come in, in µs. */
  rssMib: number;
  heapMib: number;
  connectUs: number;
}

async function gather(url: string, size: number, resources: AsyncDisposableStack): Promise<void> {
  for (let from = 0; from < size; from += SOCKETS_EACH) {
    const crowd = resources.use(new Worker(CROWD));
    await crowd.ask({ url, from, to: Math.min(size, from + SOCKETS_EACH) }, z.null());
  }
}

/** How every reply goes. */
async function openSpeech(words: number, resources: AsyncDisposableStack): Promise<string> {
  const ollama = fork(fileURLToPath(new URL('../nodes/ollama.ts', import.meta.url)));
  resources.defer(() => void ollama.kill('SIGKILL'));
  const [url] = z.tuple([z.string()]).parse((await once(ollama, 'message')).slice(0, 1));
  const told = once(ollama, 'message');
  ollama.send({ rate: WORDS_PER_S, words });
  await told;
  return url;
}

async function hold(size: number, ollamaUrl: string, resources: AsyncDisposableStack): Promise<Held> {
  const { path } = resources.use(await tempDir());
  const env = {
    ...preloadTidyMemory,
    RATE_LIMIT: 'off',
    MODEL: 'ollama',
    RAW_REPLIES: '1',
    OLLAMA_BASE_URL: ollamaUrl,
    OLLAMA_SLOTS: '100',
    OLLAMA_NUM_PREDICT: '100000',
    OPERATOR_KEY,
  };
  const server = resources.use(await startServer({ dataDir: join(path, 'data'), env, startMs: START_MS }));
  const people: Person[] = [];
  for (let n = 0; n < LIVE; n += 1) people.push(resources.use(await openPerson(server.url)));
  const gauge = new MemoryGauge(server);
  // what the first turns need is there
  await Promise.all(people.map((person, n) => person.turn(`live-${n}`, 'hello')));
  const [before, cpuBefore] = [await gauge.read(), cpuMs(server.pid)];
  await gather(server.url, size, resources);
  const connectUs = ((cpuMs(server.pid) - cpuBefore) * 1_000) / size;
  const after = await gauge.read();
  const mib = (name: 'rss' | 'heap') => (after[name] - before[name]) / MIB;
  return { size, server, people, connectUs, rssMib: mib('rss'), heapMib: mib('heap') };
}

/** CPU of processes in a second in which nothing is said, in ms; of all at once. */
async function idleMs(pids: readonly number[], seconds: number): Promise<number[]> {
  const before = pids.map(cpuMs);
  const from = performance.now();
  await sleep(seconds * 1_000);
  const passed = (performance.now() - from) / 1_000;
  return pids.map((pid, at) => (cpuMs(pid) - (before[at] ?? 0)) / passed);
}

/** CPU for one delivered word of twenty replies, beyond what the server needs anyway, in µs. */
async function costOfWord({ server, people }: Held, restMs: number, seconds: number): Promise<number> {
  let words = 0;
  for (const person of people) person.onToken = ({ text }) => (words += wordsIn(text));
  const turns = people.map((person, n) => person.turn(`live-${n}`, 'hello'));
  await sleep(SETTLE_S * 1_000);
  const [wordsBefore, before, from] = [words, cpuMs(server.pid), performance.now()];
  await sleep(seconds * 1_000);
  const [count, ms, passed] = [words - wordsBefore, cpuMs(server.pid) - before, performance.now() - from];
  await Promise.all(turns);
  return ((ms - (restMs * passed) / 1_000) * 1_000) / count;
}

async function costOfOverview({ server, size }: Held): Promise<number> {
  const count = Math.max(1, Math.round(LOOKS / size));
  const headers = { Authorization: `Bearer ${OPERATOR_KEY}` };
  const before = cpuMs(server.pid);
  for (let n = 0; n < count; n += 1) {
    const response = await fetch(`${server.url}/api/v1/operator/overview`, { headers });
    if (!response.ok) throw new Error(`the overview is answered with ${response.status}`);
    await response.text();
  }
  return ((cpuMs(server.pid) - before) * 1_000) / count;
}

async function idleRounds(pids: readonly number[], { times, idleS }: Windows): Promise<number[][]> {
  const values = pids.map((): number[] => []);
  for (let time = 0; time < times; time += 1)
    for (const [at, ms] of (await idleMs(pids, idleS)).entries()) values[at]?.push(ms);
  return values;
}

/** What was measured of one server. */
interface Figures extends Held {
  idleMs: number[];
  wordUs: number[];
  overviewUs: number[];
}

interface Measured extends Pick<Curve, 'name' | 'title' | 'unit' | 'allowed' | 'from'> {
  of: (figures: Figures) => number[];
}

const all: readonly Measured[] = [
  {
    name: 'sockets-connect',
    title: 'Coming in, making a session and following it',
    unit: 'µs',
    allowed: 'flat',
    of: ({ connectUs }) => [connectUs],
  },
  {
    name: 'sockets-heap',
    title: 'Heap that they need',
    unit: 'MiB',
    allowed: 'linear',
    of: ({ heapMib }) => [heapMib],
  },
  {
    name: 'sockets-process',
    title: 'Memory of the process that they need',
    unit: 'MiB',
    allowed: 'linear',
    from: 1_000,
    of: ({ rssMib }) => [rssMib],
  },
  {
    name: 'sockets-idle',
    title: 'CPU in a second in which nothing happens',
    unit: 'ms',
    allowed: 'linear',
    of: ({ idleMs }) => idleMs,
  },
  {
    name: 'sockets-word',
    title: 'A word delivered, twenty turns live',
    unit: 'µs',
    allowed: 'flat',
    of: ({ wordUs }) => wordUs,
  },
  {
    name: 'sockets-overview',
    title: 'The overview of an operator',
    unit: 'µs',
    allowed: 'linear',
    of: ({ overviewUs }) => overviewUs,
  },
];

export async function measureSockets(sizes: readonly number[], windows: Windows): Promise<Curve[]> {
  await using resources = new AsyncDisposableStack();
  const { times, liveS } = windows;
  const ollamaUrl = await openSpeech(WORDS_PER_S * (liveS + 2 * SETTLE_S), resources);
  const held: Figures[] = [];
  for (const size of sizes) {
    const one = await hold(size, ollamaUrl, resources);
    held.push({ ...one, idleMs: [], wordUs: [], overviewUs: [] });
  }
  const idle = await idleRounds(
    held.map(({ server }) => server.pid),
    windows,
  );
  for (const [at, one] of held.entries()) one.idleMs = idle[at] ?? [];
  for (let time = 0; time < times; time += 1)
    for (const one of held) one.wordUs.push(await costOfWord(one, median(one.idleMs), liveS));
  // once, and last: whoever looks for long holds everybody else up
  for (const one of held) one.overviewUs.push(await costOfOverview(one));
  return all.map(({ of, ...curve }) => ({
    ...curve,
    by: BY,
    points: held.map((figures) => ({ size: figures.size, values: of(figures) })),
  }));
}

/** The same on Redis, where whoever follows is looked after once a second. */
export async function measureRedisSockets(sizes: readonly number[], windows: Windows): Promise<Curve[]> {
  await using resources = new AsyncDisposableStack();
  const pids: { node: number; redis: number }[] = [];
  for (const size of sizes) {
    const stage = resources.use(await openStage({ env: { RATE_LIMIT: 'off' } }));
    await stage.grow(1);
    const { url, pid } = stage.node(0);
    await gather(url, size, resources);
    pids.push({ node: pid, redis: stage.redis.pid });
  }
  const values = await idleRounds(
    pids.flatMap(({ node, redis }) => [node, redis]),
    windows,
  );
  const points = (offset: number): Point[] =>
    sizes.map((size, at) => ({ size, values: values[2 * at + offset] ?? [] }));
  const title = 'in a second in which nothing happens';
  const more = { by: BY, unit: 'ms', allowed: 'linear' } as const;
  return [
    { ...more, name: 'sockets-redis-node', title: `CPU of a node on Redis ${title}`, points: points(0) },
    { ...more, name: 'sockets-redis-redis', title: `CPU of Redis ${title}`, points: points(1) },
  ];
}
