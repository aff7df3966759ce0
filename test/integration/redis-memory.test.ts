// What a node keeps in memory of a turn on Redis: it holds what a person said, so it goes when it is of no use any more.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RedisLink } from '../../src/store/redis-link.ts';
import { steps } from '../../src/store/redis-steps.ts';
import type { SessionLife, Store } from '../../src/store/store.ts';
import { LEASE_MS, admit, ending, token } from '../conformance/store-bench.ts';
import { startRedis } from '../support/redis-server.ts';
import { openRedisBench } from '../support/redis-store.ts';

const run = vi.spyOn(RedisLink.prototype, 'run');
/** Where a read says of which turn it knows what was asked. */
const KNOWN = 4;
let resources: AsyncDisposableStack;

beforeEach(() => {
  resources = new AsyncDisposableStack();
});

afterEach(() => resources.disposeAsync());

async function open() {
  const redis = resources.use(await startRedis());
  return resources.use(await openRedisBench([redis.url]));
}

/** The turn of which the store knows what was asked before it reads the log, '' for none. */
async function knownBeforeRead(store: Store, life: SessionLife): Promise<unknown> {
  run.mockClear();
  await store.read(life, 0, 10);
  return run.mock.calls.find(([script]) => script === steps.read)?.[2][KNOWN];
}

test('what was asked is kept while its turn lives', async () => {
  const { store } = await open();
  const { lease } = await admit(store, 'live', 'turn');
  await store.append(lease, [token('turn', 0, 'word ')], LEASE_MS);

  await store.read(lease, 0, 10);

  expect(await knownBeforeRead(store, lease)).toBe('turn');
});

test('it is forgotten with the end of the turn where it ended', async () => {
  const { store } = await open();
  const { lease } = await admit(store, 'ended', 'turn');
  await store.read(lease, 0, 10);
  await store.finish(lease, ending('turn', ''));

  expect(await knownBeforeRead(store, lease)).toBe('');
});

test('on other nodes it is forgotten when they see the end', async () => {
  const bench = await open();
  const { lease } = await admit(bench.store, 'elsewhere', 'turn');
  const other = await bench.join();
  await other.read(lease, 0, 10);
  await bench.store.finish(lease, ending('turn', ''));
  await other.read(lease, 0, 10);

  expect(await knownBeforeRead(other, lease)).toBe('');
});

test('it is forgotten with the session, here and elsewhere', async () => {
  const bench = await open();
  const { lease } = await admit(bench.store, 'removed', 'turn');
  const other = await bench.join();
  await bench.store.read(lease, 0, 10);
  await other.read(lease, 0, 10);
  await bench.store.remove(lease);
  await other.session(lease);

  expect(await knownBeforeRead(bench.store, lease)).toBe('');
  expect(await knownBeforeRead(other, lease)).toBe('');
});
