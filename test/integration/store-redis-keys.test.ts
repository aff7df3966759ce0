// A node that knows a key a session does not have any more: nothing that it stores may be sealed by that.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lease, Store } from '../../src/store/store.ts';
import {
  admit,
  call,
  disclosure,
  done,
  ending,
  input,
  LEASE_MS,
  newSession,
  plan,
  spoken,
  token,
  wholeLog,
} from '../conformance/store-bench.ts';
import { dumpOf } from '../support/redis-dump.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RedisBench } from '../support/redis-store.ts';
import { newMaster, openRedisBench } from '../support/redis-store.ts';

const WORDS = 'canary words';
/** Longer than a node is expected to be silent about the key it wraps by. */
const SILENT_MS = 130_000;
const master = newMaster();

let redis: RedisProcess;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(() => redis[Symbol.asyncDispose]());

type Step = (store: Store, lease: Lease) => Promise<unknown>;

/** Another node, which knows nothing, opens all there is; and nothing of it lies there in the clear. */
async function mustOpen(bench: RedisBench, lease: Lease): Promise<void> {
  const fresh = await bench.join([master]);
  expect(await fresh.snapshot(lease, 10)).toBeDefined();
  expect(await wholeLog(fresh, lease)).not.toEqual([]);
  expect(await fresh.capabilities(lease)).toBeDefined();
  expect((await fresh.alert('alert'))?.body).toBeDefined();
  await fresh.clientCare(lease.tenant, 'client');
  expect(await dumpOf(redis, `${bench.prefix}:*`)).not.toContain(WORDS);
}

const said = { label: WORDS, expiresAt: null };
const acknowledged = { alertId: 'alert', status: 'acknowledged', actor: WORDS } as const;

function answer(text: string): Parameters<Store['answer']>[1] {
  return { entries: () => [disclosure(text)], text, end: ({ turnId }) => done(turnId, text) };
}

const resealed: [what: string, step: Step][] = [
  ['notes something', (store, life) => store.note(life, [disclosure(WORDS)], { care: WORDS })],
  [
    'notes what somebody did, and what a client is like',
    (store, life) =>
      store.note(life, [], {}, { alert: acknowledged, client: { client: 'client', care: WORDS } }),
  ],
  ['answers', (store, life) => store.answer(life, answer(WORDS))],
  ['grants something', (store, life) => store.grant(life, { capabilityId: 'id', rights: ['read'], ...said })],
  [
    'admits a turn',
    async (store, { sessionId, epoch }) => {
      const basis = { epoch, version: 3 };
      const admitted = await store.admit(input(sessionId, 'next', { basis, userInput: WORDS, care: WORDS }));
      expect(admitted.kind).toBe('admitted');
    },
  ],
];

const remade: [what: string, step: Step][] = [
  [
    'starts the turn, says something and ends it',
    async (store, lease) => {
      expect(await store.start(lease, { source: 'ollama', model: 'model', phase: 'streaming' })).not.toBe(
        'fenced',
      );
      expect(await store.append(lease, [token('turn', 0, WORDS)], LEASE_MS)).toBe('appended');
      expect(await store.finish(lease, ending('turn', WORDS))).toBe('finished');
    },
  ],
  ['says something', (store, lease) => store.append(lease, [token('turn', 0, WORDS)], LEASE_MS)],
  ['ends the turn', (store, lease) => store.finish(lease, ending('turn', WORDS))],
  ['cancels the turn', (store, lease) => store.cancel(lease, 'turn')],
  ['answers for the turn', (store, lease) => store.answer(lease, answer(WORDS))],
  [
    'interrupts the turn',
    async (store, lease) => {
      const basis = { epoch: lease.epoch, version: 2 };
      const admitted = await store.admit(
        input(lease.sessionId, 'next', { basis, interrupt: true, userInput: WORDS }),
      );
      expect(admitted).toMatchObject({ kind: 'admitted', interrupted: 'turn' });
    },
  ],
];

const withAll = { alerts: [call('alert')], client: { client: 'client', care: 'care' } };

describe('a node that knows a session from before it was encrypted', () => {
  it.each(resealed)('%s', async (_, step) => {
    await using bench = await openRedisBench([redis.url]);
    const { lease } = await admit(bench.store, 'resealed', 'turn', withAll);
    await bench.store.finish(lease, ending('turn', 'words'));
    await bench.store[Symbol.asyncDispose]();
    const node = await bench.join([master]);
    await node.session(lease);
    await bench.advance(SILENT_MS);
    const keeper = await bench.keeper([master]);
    await keeper.vault.beat();

    await step(node, lease);

    await mustOpen(bench, lease);
  });
});

describe('a node that knows a session from before Redis was emptied', () => {
  it.each(remade)('%s', async (_, step) => {
    await using bench = await openRedisBench([redis.url], [master]);
    const { store: node } = bench;
    const { lease } = await admit(node, 'remade', 'turn', withAll);
    const other = await bench.join();
    for (const key of (await redis.command('KEYS', `${bench.prefix}:*`)).split('\n')) {
      await redis.command('DEL', key);
    }
    const care = { ...plan.care, awaitsHuman: true };
    await admit(other, 'remade', 'turn', { ...withAll, userInput: 'made anew', plan: { ...plan, care } });

    await step(node, lease);

    await mustOpen(bench, lease);
  });

  it('reads it as it is now', async () => {
    await using bench = await openRedisBench([redis.url], [master]);
    const { store: node } = bench;
    const lease = await spoken(node, 'read', 'turn', ['old']);
    const other = await bench.join();
    for (const key of (await redis.command('KEYS', `${bench.prefix}:*`)).split('\n')) {
      await redis.command('DEL', key);
    }
    await spoken(other, 'read', 'turn', ['new']);

    expect((await node.turn(lease, 'turn'))?.text).toBe('new');
    expect((await node.turns(lease, null, 5))?.map(({ text }) => text)).toEqual(['new']);
    expect((await node.snapshot(lease, 5))?.turns.map(({ text }) => text)).toEqual(['new']);
    expect((await node.read(lease, 1, 1))?.entries[0]?.data).toMatchObject({ text: 'new' });
    expect((await node.session(newSession('read')))?.turnCount).toBe(1);
  });
});
