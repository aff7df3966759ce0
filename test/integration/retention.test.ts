// Sessions that nobody uses any more are deleted, each when its tenant wants it. (SAFETY.md SEC-74)
import { expect, test } from 'vitest';
import { Retention } from '../../src/ops/retention.ts';
import type { RetentionParts } from '../../src/ops/retention.ts';
import { noAnnouncer } from '../../src/store/outbox.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { freshSession } from '../../src/chat/newborn.ts';
import { input } from '../conformance/store-bench.ts';
import { silent } from '../support/app.ts';
import { anybody } from '../support/caller.ts';

const DAY_MS = 86_400_000;
const START = Date.UTC(2030, 0, 1);

/** A store whose clock is moved by days. */
async function open() {
  let at = START;
  const now = () => at;
  const store = await openSqlite({ directory: ':memory:', now });
  return {
    store,
    now,
    go: (days: number) => void (at += days * DAY_MS),
    make: (sessionId: string, tenant = 'default') =>
      store.create({
        session: freshSession({ ...anybody, tenant }, sessionId),
        createKey: null,
        idGiven: true,
      }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

const retention = (store: RetentionParts['store'], now: () => number, parts: Partial<RetentionParts> = {}) =>
  new Retention({
    store,
    announcer: noAnnouncer,
    days: 30,
    daysByTenant: new Map(),
    now,
    log: silent,
    ...parts,
  });

const there = async (store: Store, ids: string[], tenant = 'default') => {
  const found = await Promise.all(ids.map((sessionId) => store.session({ tenant, sessionId })));
  return ids.filter((_, at) => found[at]);
};

test('a session goes when nobody has said anything for so many days, and not before', async () => {
  await using bench = await open();
  await bench.make('old');
  bench.go(1);
  await bench.make('young');
  bench.go(29);

  expect(await retention(bench.store, bench.now).run()).toBe(0);
  bench.go(0.5);
  expect(await retention(bench.store, bench.now).run()).toBe(1);
  expect(await there(bench.store, ['old', 'young'])).toEqual(['young']);
});

test('each tenant has its own time; 0 keeps what it has', async () => {
  await using bench = await open();
  for (const tenant of ['default', 'trial', 'clinic', 'archive']) await bench.make('s', tenant);
  const daysByTenant = new Map([
    ['trial', 1],
    ['clinic', 90],
    ['archive', 0],
  ]);
  const job = retention(bench.store, bench.now, { daysByTenant });
  const left = async () => {
    const tenants = ['default', 'trial', 'clinic', 'archive'];
    const found = await Promise.all(tenants.map((tenant) => there(bench.store, ['s'], tenant)));
    return tenants.filter((_, at) => found[at]?.length);
  };

  bench.go(2);
  await job.run();
  expect(await left()).toEqual(['default', 'clinic', 'archive']);
  bench.go(40);
  await job.run();
  expect(await left()).toEqual(['clinic', 'archive']);
  bench.go(100);
  await job.run();
  expect(await left()).toEqual(['archive']);
});

test('nothing goes where sessions are kept', async () => {
  await using bench = await open();
  await bench.make('s');
  bench.go(10_000);

  expect(await retention(bench.store, bench.now, { days: 0 }).run()).toBe(0);
  expect(await there(bench.store, ['s'])).toEqual(['s']);
});

test('all of many go, whatever a page holds', async () => {
  await using bench = await open();
  const ids = Array.from({ length: 450 }, (_, at) => `s${at}`);
  await Promise.all(ids.map((id) => bench.make(id, Number(id.slice(1)) % 3 === 0 ? 'archive' : 'default')));
  bench.go(31);

  const count = await retention(bench.store, bench.now, { daysByTenant: new Map([['archive', 0]]) }).run();

  expect(count).toBe(300);
  expect(await there(bench.store, ids)).toEqual([]);
  expect(await there(bench.store, ids, 'archive')).toHaveLength(150);
});

test('a session that is used meanwhile stays', async () => {
  await using bench = await open();
  const { session } = await bench.make('s');
  const { epoch, version } = session;
  bench.go(31);
  const { store } = bench;
  const lookedAt: RetentionParts['store'] = {
    idle: async (...args) => {
      const page = await store.idle(...args);
      await store.admit(input('s', 'turn', { basis: { epoch, version }, session: { ...session } }));
      return page;
    },
    remove: (life, also) => store.remove(life, also),
  };

  expect(await retention(lookedAt, bench.now).run()).toBe(0);
  expect(await there(store, ['s'])).toEqual(['s']);
});

test('the audit says that something was deleted, and not what', async () => {
  await using bench = await open();
  await bench.make('a-very-private-id', 'a-very-private-tenant');
  bench.go(31);

  await retention(bench.store, bench.now).run();

  const bodies = (await bench.store.audit(0, 10)).map(({ body }) => body);
  expect(bodies).toHaveLength(1);
  expect(bodies[0]).toContain('"erased"');
  expect(bodies[0]).not.toContain('private');
});
