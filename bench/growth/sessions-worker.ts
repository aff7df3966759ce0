// A process with one store open: makes sessions in it, and says what a step costs.
import { openRedis } from '../../src/store/redis-open.ts';
import { RedisStore } from '../../src/store/redis.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { NewSession, Store } from '../../src/store/store.ts';
import { Vault } from '../../src/store/vault.ts';
import { admit, ending, LEASE_MS, newSession, token } from '../../test/conformance/store-bench.ts';
import { inParallel } from '../nodes/talk.ts';
import { silent } from '../nodes/store.ts';
import { rssBytes } from '../shared/machine.ts';
import { Question } from './sessions-steps.ts';
import type { Step } from './sessions-steps.ts';
import { answer, cpuUs } from './worker.ts';

const [where = ''] = process.argv.slice(2);

const AT_ONCE = 500;
/** Of so many sessions one has a turn, so that the other tables hold something too. */
const SILENT = 20;
/** Owners take turns in a block of sessions: each has 20, far apart. */
const BLOCK = 1_000;
const OWNERS = 50;
const PAGE = 50;
const IDLE_PAGE = 200;
const TENANT = 'tenant';
/** In whose name all turns are. */
const CLIENT = 'client';

const words = ['What would ', 'you like to ', 'get out of this?'];
const idOf = (n: number): string => `s-${n}`;
const ownerOf = (n: number): string => `owner-${Math.floor(n / BLOCK)}-${n % OWNERS}`;
const sessionOf = (n: number) => newSession(idOf(n), { owner: ownerOf(n) });
const refOf = (n: number) => ({ tenant: TENANT, sessionId: idOf(n) });

async function open(): Promise<Store> {
  if (!where.startsWith('redis:')) return await openSqlite({ directory: where });
  const link = await openRedis({ urls: [where], prefix: 'growth', log: silent });
  return await RedisStore.open(link, silent, new Vault([]));
}

let store: Store | undefined;
let created = 0;
/** Made while measured, and not removed yet. */
const made: NewSession[] = [];
let turns = 0;

/** Not the same again and again, nor one after the other. */
let seed = 20_711;
function anyOf(size: number): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor((seed / 2 ** 31) * size);
}

async function turnIn(store: Store, n: number): Promise<void> {
  turns += 1;
  const turnId = `turn-${process.pid}-${turns}`;
  const client = { client: CLIENT, care: '{}' };
  const { lease } = await admit(store, idOf(n), turnId, { session: sessionOf(n), client });
  let at = 0;
  for (const text of words) {
    await store.append(lease, [token(turnId, at, text)], LEASE_MS);
    at += text.length;
  }
  await store.finish(lease, ending(turnId, words.join('')));
}

async function fill(store: Store, from: number, to: number): Promise<void> {
  await inParallel(to - from, AT_ONCE, async (at) => {
    const n = from + at;
    await store.create({ session: sessionOf(n), createKey: null, idGiven: true });
    if (n % SILENT === 0) await turnIn(store, n);
  });
}

/** What is measured, `count` times. What is made by one step is taken away by another. */
const steps: Record<Exclude<Step, 'open'>, (store: Store, size: number) => Promise<unknown>> = {
  lookup: (store, size) => store.session(refOf(anyOf(size))),
  client: (store) => store.clientCare(TENANT, CLIENT),
  create: (store) => {
    created += 1;
    const session = newSession(`new-${created}`, { epoch: `epoch-${created}`, owner: ownerOf(created) });
    made.push(session);
    return store.create({ session, createKey: null, idGiven: true });
  },
  turn: (store, size) => turnIn(store, anyOf(size)),
  list: (store, size) => store.list(TENANT, ownerOf(anyOf(size)), null, PAGE),
  'list-all': (store) => store.list(TENANT, null, null, PAGE),
  idle: (store) => store.idle(Date.now() + 60_000, null, IDLE_PAGE),
  'none-idle': (store) => store.idle(0, null, IDLE_PAGE),
  remove: async (store) => {
    const session = made.pop();
    if (!session || !(await store.remove(session))) throw new Error('nothing was removed');
  },
};

async function reopen(count: number): Promise<number> {
  let us = 0;
  for (let n = 0; n < count; n += 1) {
    await store?.[Symbol.asyncDispose]();
    us += await cpuUs(async () => (store = await open()));
  }
  return us;
}

async function measure(step: Step, size: number, count: number): Promise<number> {
  if (step === 'open') return (await reopen(count)) / count;
  store ??= await open();
  const [one, there] = [steps[step], store];
  const us = await cpuUs(async () => {
    for (let n = 0; n < count; n += 1) await one(there, size);
  });
  return us / count;
}

answer(Question, async (question) => {
  switch (question.kind) {
    case 'fill':
      store ??= await open();
      await fill(store, question.from, question.to);
      return null;
    case 'close':
      await store?.[Symbol.asyncDispose]();
      store = undefined;
      return null;
    case 'measure':
      return await measure(question.step, question.size, question.count);
    default:
      return rssBytes(process.pid);
  }
});
