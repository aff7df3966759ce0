// What a turn, a session and a follower cost a node and Redis, apart from the words.
import { setTimeout as sleep } from 'node:timers/promises';
import { openRedis } from '../../src/store/redis-open.ts';
import { RedisStore } from '../../src/store/redis.ts';
import { cpuMs, load, rssBytes } from '../shared/machine.ts';
import { less, noteCommands, notedCommands, scaled, since } from './count.ts';
import type { Tally } from './count.ts';
import { openStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { inParallel, inputs, openPerson, risks } from './talk.ts';
import type { Person } from './talk.ts';

const PREFIX = 'stillpoint';
const WORDS = 60;
const AT_ONCE = 20;
const NOTED = 100;
const LEASE_MS = 2_000;
export const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** Commands by name for each turn, and what Redis is at each of them. */
interface Noted {
  /** Of the first turn of a session, and of one that follows; without what is sent when nothing happens. */
  first: Tally;
  next: Tally;
  /** The first turn of a session, with a sign of danger. */
  risk: Tally;
  /** Median, in µs. */
  us: Tally;
}

export interface StoreFigures {
  sessions: number;
  noted: Noted;
  /** CPU of a turn with a reply that comes at once, in ms; and in how many appends it came. */
  nodeMsPerTurn: number;
  redisMsPerTurn: number;
  appendsPerTurn: number;
  wordsPerTurn: number;
  bytes: {
    /** Of Redis: of a session apart from its turns, of a turn with few words, and the same after compaction. */
    session: number;
    turn: number;
    compactedTurn: number;
    /** Of a node at rest. */
    node: number;
  };
  follower: FollowerFigures;
  load: number;
}

interface FollowerFigures {
  count: number;
  /** Of a connection that follows one session in which nothing happens. */
  nodeBytes: number;
  redisBytes: number;
  /** Per second, in µs. */
  nodeUs: number;
  redisUs: number;
}

/** `turns` turns in each session; one connection for each worker, as none may follow more than 200 sessions. */
async function speakIn(
  stage: Stage,
  name: string,
  sessions: number,
  turns: number,
  words: readonly string[],
): Promise<void> {
  const people: Person[] = [];
  for (let n = 0; n < AT_ONCE; n += 1) people.push(await openPerson(stage.node(0).url));
  await inParallel(sessions, AT_ONCE, async (n, worker) => {
    const person = people[worker];
    const id = `${name}-${n}`;
    for (let turn = 0; turn < turns; turn += 1) {
      await person?.turn(id, words[(n + turn) % words.length] ?? '');
    }
    await person?.call('session:leave', { session_id: id });
  });
  for (const person of people) person[Symbol.dispose]();
}

/** What one turn of this makes a node send, with what follows until its lease has run out. */
async function countTurns(
  stage: Stage,
  idle: Tally,
  turns: number,
  talk: () => Promise<void>,
): Promise<Tally> {
  const { counter } = stage.node(0);
  const before = counter?.tally ?? {};
  const from = performance.now();
  await talk();
  await sleep(LEASE_MS + 1_000);
  const seconds = (performance.now() - from) / 1_000;
  const sent = since(counter?.tally ?? {}, before);
  return scaled(less(sent, scaled(idle, seconds)), 1 / turns);
}

async function noteTurns(stage: Stage): Promise<Noted> {
  const count = NOTED;
  const idle = await idleOf(stage);
  await noteCommands(stage.commands);
  const first = await countTurns(stage, idle, count, () => speakIn(stage, 'noted', count, 1, inputs));
  const next = await countTurns(stage, idle, 2 * count, () => speakIn(stage, 'noted', count, 2, inputs));
  const risk = await countTurns(stage, idle, count, () => speakIn(stage, 'risk', count, 1, risks));
  const { us } = await notedCommands(stage.commands);
  return { first, next, risk, us };
}

/** What a node sends in a second in which nothing happens. */
async function idleOf(stage: Stage): Promise<Tally> {
  const { counter } = stage.node(0);
  const before = counter?.tally ?? {};
  await sleep(LEASE_MS);
  return scaled(since(counter?.tally ?? {}, before), 1_000 / LEASE_MS);
}

/** The words of all turns that have ended are dropped. */
async function compact(stage: Stage): Promise<void> {
  await using link = await openRedis({ urls: [stage.redis.url], prefix: PREFIX, log: silent });
  await using store = new RedisStore(link, silent);
  await store.compact(Date.now() + 60_000);
}

interface Reading {
  nodeBytes: number;
  redisBytes: number;
  nodeMs: number;
  redisMs: number;
}

async function read(stage: Stage): Promise<Reading> {
  const { pid } = stage.node(0);
  return {
    nodeBytes: rssBytes(pid),
    redisBytes: await stage.info('used_memory'),
    nodeMs: cpuMs(pid),
    redisMs: cpuMs(stage.redis.pid),
  };
}

async function measureFollowers(stage: Stage, count: number, seconds: number): Promise<FollowerFigures> {
  const { url } = stage.node(0);
  // so that what a first connection needs is there
  using _first = await openPerson(url);
  await sleep(LEASE_MS);
  const calm = await read(stage);
  await sleep(seconds * 1_000);
  const before = await read(stage);
  const people: Person[] = [];
  for (let n = 0; n < count; n += 1) {
    const person = await openPerson(url);
    people.push(person);
    await person.join(`talk-${n}`);
  }
  await sleep(LEASE_MS);
  const busy = await read(stage);
  await sleep(seconds * 1_000);
  const after = await read(stage);
  for (const person of people) person[Symbol.dispose]();
  const perSecond = (idleMs: number, ms: number) => (Math.max(0, ms - idleMs) / (count * seconds)) * 1_000;
  return {
    count,
    nodeBytes: (busy.nodeBytes - before.nodeBytes) / count,
    redisBytes: (busy.redisBytes - before.redisBytes) / count,
    nodeUs: perSecond(before.nodeMs - calm.nodeMs, after.nodeMs - busy.nodeMs),
    redisUs: perSecond(before.redisMs - calm.redisMs, after.redisMs - busy.redisMs),
  };
}

/** (e) */
export async function measureStore(sessions: number, seconds: number): Promise<StoreFigures> {
  await using stage = await openStage({ counted: true, env: { LEASE_MS: String(LEASE_MS) } });
  await stage.grow(1);
  await stage.speak({ words: WORDS });
  await speakIn(stage, 'warm', NOTED, 1, inputs);
  // until these have left the list of leases
  await sleep(2 * LEASE_MS);
  const noted = await noteTurns(stage);
  await sleep(1_000);
  const empty = await read(stage);
  await speakIn(stage, 'talk', sessions, 1, inputs);
  const once = await read(stage);
  await speakIn(stage, 'talk', sessions, 2, inputs);
  const thrice = await read(stage);
  await compact(stage);
  const compacted = await read(stage);
  const turn = (thrice.redisBytes - once.redisBytes) / (2 * sessions);
  const turns = 3 * sessions;
  return {
    sessions,
    noted,
    nodeMsPerTurn: (thrice.nodeMs - empty.nodeMs) / turns,
    redisMsPerTurn: (thrice.redisMs - empty.redisMs) / turns,
    appendsPerTurn: noted.next['append'] ?? 0,
    wordsPerTurn: WORDS,
    bytes: {
      session: Math.max(0, (once.redisBytes - empty.redisBytes) / sessions - turn),
      turn,
      compactedTurn: turn - (thrice.redisBytes - compacted.redisBytes) / turns,
      node: empty.nodeBytes,
    },
    follower: await measureFollowers(stage, sessions, seconds),
    load: load(),
  };
}
