import { DatabaseSync } from 'node:sqlite';
import { inspect } from 'node:util';
import { array, assert, asyncProperty, constantFrom } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lease, Store } from '../../src/store/store.ts';
import { verifyAudit } from '../../src/store/audit-chain.ts';
import { openSqlite, SqliteStore } from '../../src/store/sqlite.ts';
import { storeConformance } from '../conformance/store.ts';
import { openBench, vaultOf } from '../support/store-folder.ts';
import {
  admit,
  call,
  disclosure,
  done,
  ending,
  fact,
  input,
  LEASE_MS,
  newSession,
  spoken,
  token,
  wholeAudit,
  wholeLog,
} from '../conformance/store-bench.ts';

storeConformance('sqlite in a directory', () => openBench(true), { survives: true });
storeConformance('sqlite in a directory, encrypted', () => openBench(true, vaultOf(1)), { survives: true });
storeConformance('sqlite in memory', () => openBench(false), { survives: false });

describe('a store that cannot write', () => {
  it('answers STORE_UNAVAILABLE when the disk is full, loses nothing, and goes on when there is room', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    const { lease } = await admit(store, 'full', 'turn');
    await store.append(lease, [token('turn', 0, 'kept')], LEASE_MS);
    const before = await wholeLog(store, lease);
    db.exec(`PRAGMA max_page_count = 1`);

    const large = store.append(lease, [token('turn', 4, 'x'.repeat(1_000_000))], LEASE_MS);
    await expect(large).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryAfterMs: 1000 });
    const kept = await wholeLog(store, lease);
    db.exec('PRAGMA max_page_count = 1000000');
    const again = await store.append(lease, [token('turn', 4, 'x'.repeat(1_000_000))], LEASE_MS);

    expect(kept).toEqual(before);
    expect(again).toBe('appended');
    expect((await store.turn(lease, 'turn'))?.text).toHaveLength(1_000_004);
  });

  it('answers STORE_UNAVAILABLE when it is read-only, still reads, and goes on when it can write', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    const { lease } = await admit(store, 'read-only', 'turn');
    await store.append(lease, [token('turn', 0, 'a')], LEASE_MS);
    db.exec('PRAGMA query_only = ON');

    const refused = [
      store.append(lease, [token('turn', 1, 'b')], LEASE_MS),
      store.cancel(lease, null),
      store.remove(lease),
      store.create({ session: newSession('new'), createKey: null, idGiven: true }),
      store.attest([fact('refused')]),
      store.settleAlert('alert', { delivery: 'sent' }),
    ];

    for (const step of refused) await expect(step).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.healthy()).toBe(false);
    expect((await store.snapshot(lease, 10))?.live?.text).toBe('a');
    db.exec('PRAGMA query_only = OFF');
    expect(await store.healthy()).toBe(true);
    expect(await store.append(lease, [token('turn', 1, 'b')], LEASE_MS)).toBe('appended');
  });

  it('answers STORE_UNAVAILABLE once it is closed, after what was handed in before', async () => {
    const store = await openSqlite({ directory: ':memory:' });
    const { lease } = await admit(store, 'closed', 'turn');
    const last = store.append(lease, [token('turn', 0, 'last')], LEASE_MS);

    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();

    expect(await last).toBe('appended');
    await expect(store.append(lease, [], LEASE_MS)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(store.read(lease, 0, 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.healthy()).toBe(false);
  });

  it('fails one bad step of a commit alone', async () => {
    await using store = await openSqlite({ directory: ':memory:' });
    const leases = await Promise.all(
      ['a', 'b', 'c'].map(async (id) => (await admit(store, id, 'turn')).lease),
    );

    const outcomes = await Promise.allSettled(
      leases.map((lease, index) =>
        store.append(lease, [token('turn', index === 1 ? 99 : 0, 'text')], LEASE_MS),
      ),
    );

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const texts = await Promise.all(leases.map(async (lease) => (await store.turn(lease, 'turn'))?.text));
    expect(texts).toEqual(['text', '', 'text']);
    expect(await store.heads(leases)).toEqual([2, 1, 2]);
  });
});

describe('a commit that is refused', () => {
  it('leaves nothing of an admission in memory', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    refuseCommits(db);

    await expect(store.admit(input('refused', 'turn'))).rejects.toThrow(/FOREIGN KEY/);

    expect(await store.heads([newSession('refused')])).toEqual([undefined]);
    expect(await store.read(newSession('refused'), 0, 10)).toBeUndefined();
    db.exec('DROP TRIGGER refuse');
    const { lease } = await admit(store, 'refused', 'turn');
    expect(await store.append(lease, [token('turn', 0, 'heard')], LEASE_MS)).toBe('appended');
  });

  it('leaves a turn live that would have been interrupted', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    const { lease } = await admit(store, 'kept', 'turn');
    refuseCommits(db);

    await expect(admit(store, 'kept', 'turn-2', { interrupt: true })).rejects.toThrow(/FOREIGN KEY/);

    expect(await store.snapshot(lease, 10)).toMatchObject({ live: { turn: { turnId: 'turn' } }, turns: [] });
    expect(await store.append(lease, [token('turn', 0, 'on')], LEASE_MS)).toBe('appended');
  });
});

describe('what is kept for people', () => {
  it('is undone with the rest of an admission that fails, and not with the others of its commit', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    const care = { care: 'said', client: { client: 'client', care: 'said' } };
    await admit(store, 'first', 'turn', { alerts: [call('alert')], audit: [fact('first')] });
    db.exec(`
      CREATE TRIGGER refuse AFTER INSERT ON audit WHEN new.body LIKE '%"bad"%'
      BEGIN SELECT raise(ABORT, 'refused'); END
    `);

    const [good, bad] = await Promise.allSettled([
      store.admit(input('good', 'turn', { alerts: [call('good')], audit: [fact('good')] })),
      store.admit(input('bad', 'turn', { ...care, alerts: [call('bad')], audit: [fact('bad')] })),
      store.attest([fact('after')]),
    ]);

    expect([good.status, bad.status]).toEqual(['fulfilled', 'rejected']);
    expect(await store.session(newSession('bad'))).toBeUndefined();
    expect(await store.clientCare('tenant', 'client')).toBeNull();
    expect((await store.alerts(null, 10)).map(({ alertId }) => alertId)).toEqual(['good', 'alert']);
    const audit = await wholeAudit(store);
    expect(audit.map(({ body }) => /"ref":"(\w+)"/.exec(body)?.[1])).toEqual(['first', 'good', 'after']);
    expect(verifyAudit([audit])).toMatchObject({ holds: true, count: 3 });
    expect(await store.auditCounts()).toMatchObject([{ count: 3 }]);
  });

  it('is not there when the commit is refused', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    refuseCommits(db);
    const request = input('refused', 'turn', { alerts: [call('alert')], audit: [fact('refused')] });

    await expect(store.admit(request)).rejects.toThrow(/FOREIGN KEY/);

    expect(await store.alerts(null, 10)).toEqual([]);
    expect(await store.audit(0, 10)).toEqual([]);
    db.exec('DROP TRIGGER refuse');
    expect(await store.admit(request)).toMatchObject({ kind: 'admitted' });
    expect(await store.audit(0, 10)).toMatchObject([{ n: 1 }]);
  });

  it.each([
    "UPDATE audit SET body = replace(body, 'active', 'none') WHERE n = 1",
    'UPDATE audit SET n = 9 WHERE n = 2',
    'DELETE FROM audit WHERE n = 2',
    'DELETE FROM audit',
    "INSERT INTO audit (n, body, hash) VALUES (4, '{}', '')",
    "INSERT OR REPLACE INTO audit (n, body, hash) VALUES (1, '{}', '')",
    "INSERT INTO audit (n, body, hash) VALUES (2, '{}', '') ON CONFLICT DO UPDATE SET body = '{}'",
  ])('has an audit in which the schema refuses %s', async (sql) => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    await store.attest([fact('one'), fact('two')]);
    const before = await wholeAudit(store);

    expect(() => db.exec(sql)).toThrow(/audit/);

    expect(await wholeAudit(store)).toEqual(before);
  });
});

describe('damaged records', () => {
  const CANARY = 'canary-of-the-user';

  it.each(['entry', 'snapshot'])('are told without a word of them (%s)', async (what) => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    const { lease } = await admit(store, 'damaged', 'turn', { userInput: CANARY });
    await store.finish(lease, ending('turn', CANARY));
    db.exec(`UPDATE log SET data = '1${CANARY}'; UPDATE turns SET input = '1{"userInput":"${CANARY}'`);

    const read = what === 'entry' ? store.read(lease, 0, 10) : store.snapshot(lease, 10);
    const error: unknown = await read.catch((error: unknown) => error);

    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain('canary');
  });

  it('stop no list when they are metadata, which it does not read', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    await store.create({ session: newSession('listed'), createKey: null, idGiven: true });
    db.exec("UPDATE sessions SET metadata = '1{'");

    const { sessions } = await store.list('tenant', 'owner', null, 10);

    expect(sessions).toMatchObject([{ sessionId: 'listed' }]);
    await expect(store.session(newSession('listed'))).rejects.toThrow(/damaged/);
  });

  it('stop no page that ends before them, which are not read', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    const { session } = await store.create({ session: newSession('page'), createKey: null, idGiven: true });
    for (const n of [1, 2, 3]) await store.note(session, [disclosure(String(n).repeat(600_000))], {});
    db.exec("UPDATE log SET data = '1{' WHERE last_seq = 3");

    const page = await store.read(session, 0, 100);

    expect(page?.entries.map(({ seq }) => seq)).toEqual([1]);
    await expect(store.read(session, 1, 100)).rejects.toThrow(/damaged/);
  });
});

describe('a clock that is set back', () => {
  const HOUR_MS = 3_600_000;

  async function openClocks() {
    let time = Date.UTC(2025, 0, 1);
    let ran = 0;
    const store = await openSqlite({ directory: ':memory:', now: () => time, elapsed: () => ran });
    const run = (ms: number) => {
      time += ms;
      ran += ms;
    };
    return {
      store,
      run,
      set: (ms: number) => (time += ms),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  }

  it('leaves the log, the turns and the list in their order', async () => {
    await using clocks = await openClocks();
    const { store } = clocks;
    await spoken(store, 'one', 'turn-1', ['first']);
    clocks.set(-HOUR_MS);
    const { lease } = await admit(store, 'one', 'turn-2');
    clocks.set(-HOUR_MS);
    await store.append(lease, [token('turn-2', 0, 'second')], LEASE_MS);
    await store.finish(lease, ending('turn-2', 'second'));
    await store.create({ session: newSession('two'), createKey: null, idGiven: true });

    const snapshot = await store.snapshot(lease, 10);
    const { sessions } = await store.list('tenant', null, null, 10);

    expect(snapshot?.turns.map(({ text }) => text)).toEqual(['first', 'second']);
    expect((await wholeLog(store, lease)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual(['one', 'two']);
  });

  it.each([-HOUR_MS, HOUR_MS])('neither lengthens nor ends a lease (%i ms)', async (jump) => {
    await using clocks = await openClocks();
    const { store } = clocks;
    await admit(store, 'leased', 'turn');
    clocks.set(jump);

    expect(await store.takeOver('node', LEASE_MS, 10)).toEqual([]);
    clocks.run(LEASE_MS + 1);

    expect(await store.takeOver('node', LEASE_MS, 10)).toHaveLength(1);
  });

  it('takes no words of a live turn, and those of an ended one when its time has come', async () => {
    await using clocks = await openClocks();
    const { store } = clocks;
    const ended = await spoken(store, 'ended', 'turn', ['a']);
    const { lease: live } = await admit(store, 'live', 'turn');
    await store.append(live, [token('turn', 0, 'a')], LEASE_MS);
    const endedAt = (await store.turn(ended, 'turn'))?.turn.endedAt ?? 0;
    clocks.set(-HOUR_MS);

    expect(await store.compact(endedAt - HOUR_MS)).toBe(0);
    expect(await store.compact(endedAt + 1)).toBe(1);
    expect(await wholeLog(store, live)).toHaveLength(2);
    expect(await store.turn(ended, 'turn')).toMatchObject({ text: 'a' });
  });
});

it('carries out a cancel and an admission although their commit failed for another step', async () => {
  await using store = await openSqlite({ directory: ':memory:' });
  const [one, two] = await Promise.all(['a', 'b'].map(async (id) => (await admit(store, id, 'turn')).lease));
  if (!one || !two) throw new Error('two leases are needed');

  const [cancelled, admitted, bad] = await Promise.allSettled([
    store.cancel(one, null),
    store.admit(input('c', 'turn')),
    store.append(two, [token('turn', 99, 'gap')], LEASE_MS),
  ]);

  expect(cancelled).toMatchObject({ value: { state: 'cancelled', wasLive: true } });
  expect(admitted).toMatchObject({ value: { kind: 'admitted' } });
  expect(bad.status).toBe('rejected');
  expect(await store.heads([one, two, newSession('c')])).toEqual([2, 1, 1]);
});

it('has in memory what is in the file, whatever failed before', async () => {
  const steps = constantFrom('say', 'say much', 'note', 'bad', 'full', 'room', 'cancel', 'finish');

  await assert(
    asyncProperty(array(array(steps, { maxLength: 6 }), { maxLength: 8 }), async (batches) => {
      using db = new DatabaseSync(':memory:');
      await using store = new SqliteStore('test', db, {});
      const { lease } = await admit(store, 'session', 'turn');
      for (const batch of batches) {
        await Promise.allSettled(batch.map((step) => run(step, store, lease, db)));
      }
      db.exec('PRAGMA query_only = OFF');
      await using again = new SqliteStore('test', db, {});
      expect(await wholeLog(again, lease)).toEqual(await wholeLog(store, lease));
      expect(await again.snapshot(lease, 10)).toEqual(await store.snapshot(lease, 10));
    }),
    { numRuns: 60 },
  );
});

it('keeps the journal small while many turns come and go', async () => {
  using db = new DatabaseSync(':memory:');
  await using store = new SqliteStore('test', db, {});
  const { lease: slow } = await admit(store, 'slow', 'turn');
  await store.append(slow, [token('turn', 0, 'pins the journal')], LEASE_MS);

  for (let turn = 0; turn < 60; turn += 1) {
    const { lease } = await admit(store, `busy ${turn}`, 'turn');
    const words = Array.from({ length: 1500 }, (_, at) =>
      store.append(lease, [token('turn', at, 'x')], LEASE_MS),
    );
    await Promise.all(words);
    await store.cancel(lease, null);
  }

  const rows = Number(db.prepare('SELECT count(*) AS n FROM journal').get()?.['n']);
  expect(rows).toBeLessThan(75_000);
  expect((await store.turn(slow, 'turn'))?.text).toBe('pins the journal');
});

/** One step on a live turn; what it comes to does not matter. */
async function run(step: string, store: Store, lease: Lease, db: DatabaseSync): Promise<unknown> {
  const at = (await store.turn(lease, 'turn'))?.turn.length ?? 0;
  const much = Array.from({ length: 90 }, (_, index) => token('turn', at + index, 'x'));
  if (step === 'full' || step === 'room')
    return db.exec(`PRAGMA query_only = ${step === 'full' ? 'ON' : 'OFF'}`);
  if (step === 'note') return store.note(lease, [disclosure('note')], {});
  if (step === 'cancel') return store.cancel(lease, null);
  if (step === 'finish')
    return store.finish(lease, { ...ending('turn', 'x'), entries: [...much, done('turn', 'x')] });
  if (step === 'bad')
    return store.append(lease, [token('turn', at, 'x'), token('turn', at + 99, 'x')], LEASE_MS);
  return store.append(lease, step === 'say' ? [token('turn', at, 'x')] : much, LEASE_MS);
}

/** No commit with a new turn succeeds from now on, although every statement before it does. */
function refuseCommits(db: DatabaseSync): void {
  db.exec(`
    PRAGMA foreign_keys = ON;
    CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE orphans (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER refuse AFTER INSERT ON turns BEGIN INSERT INTO orphans VALUES (1); END;
  `);
}
