// What lies in one slot of Redis for all nodes: the pool of slots of a model, and the list of leases.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisIndex } from '../../src/store/redis-index.ts';
import type { RedisLink } from '../../src/store/redis-link.ts';
import { openRedis } from '../../src/store/redis-open.ts';
import { RedisSlots } from '../../src/store/redis-slots.ts';
import { RedisStore } from '../../src/store/redis.ts';
import { cpuMs, load } from '../shared/machine.ts';
import { noteCommands, notedCommands } from './count.ts';
import { openStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { silent } from './store.ts';

const HOST = 'one';
const LEASE_MS = 8_000;
/** What a look at a key that is not there takes of Redis itself. */
const HMGET_US = 1;

export interface SlotsFigures {
  /** Turns that run; what a call takes of a node that runs none of them, and of one that runs them all, in µs. */
  rows: { running: number; otherUs: number; ownUs: number }[];
  load: number;
}

const slotsOn = (link: RedisLink): RedisSlots =>
  new RedisSlots(link, {
    model: 'm',
    hosts: [HOST],
    size: 1_000_000,
    maxWaiting: 1_000_000,
    leaseMs: LEASE_MS,
    log: silent,
  });

const turn = () => ({ client: randomUUID(), hosts: () => [HOST], always: false, first: false });

/** One call of each kind for each turn: for a place, and to give it back. */
async function callUs(stage: Stage, slots: RedisSlots): Promise<number> {
  await noteCommands(stage.commands);
  for (let n = 0; n < 50; n += 1) {
    const ticket = await slots.reserve(turn());
    ticket.release();
    // so that a look in between is over
    await sleep(20);
  }
  const { calls, sums } = await notedCommands(stage.commands);
  return (sums['slots'] ?? 0) / Math.max(100, calls['slots'] ?? 0);
}

/** (e) */
export async function measureSlots(sizes: readonly number[]): Promise<SlotsFigures> {
  await using stage = await openStage();
  const options = { urls: [stage.redis.url], prefix: 'slots', log: silent };
  await using holding = await openRedis(options);
  await using calling = await openRedis(options);
  await using holder = slotsOn(holding);
  await using caller = slotsOn(calling);
  await sleep(LEASE_MS / 2);
  const rows: SlotsFigures['rows'] = [];
  let running = 0;
  for (const size of sizes) {
    const missing = Array.from({ length: size - running }, turn);
    while (missing.length > 0) await Promise.all(missing.splice(0, 50).map((one) => holder.reserve(one)));
    running = size;
    rows.push({ running, otherUs: await callUs(stage, caller), ownUs: await callUs(stage, holder) });
  }
  return { rows, load: load() };
}

export interface CommandFigures {
  /** CPU of Redis for one short command of many connections that ask at once, beyond the command itself, in µs. */
  us: number;
  perSecond: number;
  load: number;
}

/** (e) */
export async function measureCommand(each: number): Promise<CommandFigures> {
  const CONNECTIONS = 20;
  await using stage = await openStage();
  await using resources = new AsyncDisposableStack();
  const options = { urls: [stage.redis.url], prefix: 'command', log: silent };
  const links: RedisLink[] = [];
  for (let n = 0; n < CONNECTIONS; n += 1) links.push(resources.use(await openRedis(options)));
  const [before, from] = [cpuMs(stage.redis.pid), performance.now()];
  await Promise.all(
    links.map(async (link) => {
      for (let n = 0; n < each; n += 1) await link.send('command', 'HMGET', 'command', 'epoch', 'seq');
    }),
  );
  const seconds = (performance.now() - from) / 1_000;
  const count = CONNECTIONS * each;
  const us = ((cpuMs(stage.redis.pid) - before) * 1_000) / count - HMGET_US;
  return { us: Math.max(0, us), perSecond: count / seconds, load: load() };
}

export interface StrikesFigures {
  entries: number;
  /** Median time of a script that puts an entry in, in µs. */
  enlistUs: number;
  rows: {
    nodes: number;
    /** Entries of ended turns that were struck out in a second, by all nodes. */
    perSecond: number;
    /** How often an entry was looked at, by all nodes. */
    looks: number;
  }[];
  load: number;
}

/** (e) How fast the list of leases gets rid of turns that have ended. */
export async function measureStrikes(entries: number): Promise<StrikesFigures> {
  await using stage = await openStage();
  const rows: StrikesFigures['rows'] = [];
  let enlistUs = 0;
  for (const nodes of [1, 2, 4]) {
    await using resources = new AsyncDisposableStack();
    const options = { urls: [stage.redis.url], prefix: `strikes${nodes}`, log: silent };
    const links = await Promise.all(Array.from({ length: nodes }, () => openRedis(options)));
    const stores = links.map((link) => resources.use(new RedisStore(link, silent)));
    const [first] = links;
    if (!first) continue;
    const index = new RedisIndex(first);
    const sessions = Array.from({ length: entries }, (_, n) => ({ tenant: '', sessionId: `gone-${n}` }));
    await noteCommands(stage.commands);
    while (sessions.length > 0) await Promise.all(sessions.splice(0, 100).map((one) => index.enlist(one, 0)));
    await sleep(5);
    const from = performance.now();
    await Promise.all(stores.map((store) => store.takeOver('node', LEASE_MS, 16)));
    const seconds = (performance.now() - from) / 1_000;
    const { calls, us } = await notedCommands(stage.commands);
    enlistUs = us['enlist'] ?? 0;
    rows.push({ nodes, perSecond: entries / seconds, looks: (calls['take'] ?? 0) / entries });
  }
  return { entries, enlistUs, rows, load: load() };
}
