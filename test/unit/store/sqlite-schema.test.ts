import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { toLogEntry, toSession, toTurn } from '../../../src/chat/wire.ts';
import { Session, TherapistResponse } from '../../../src/contract/model.ts';
import { verifyAudit } from '../../../src/store/audit-chain.ts';
import { migrate } from '../../../src/store/sqlite-schema.ts';
import { SqliteStore } from '../../../src/store/sqlite.ts';
import { initialProgress } from '../../../src/therapy/progress.ts';
import {
  done,
  ending,
  LEASE_MS,
  newSession,
  noRisk,
  plan,
  token,
  wholeLog,
} from '../../conformance/store-bench.ts';
import { deliver, message } from '../../conformance/store-outbox.ts';
import { vaultOf } from '../../support/store-folder.ts';

const [version1, version2, version3, version4, version5] = [1, 2, 3, 4, 5].map((n) =>
  readFileSync(new URL(`../../support/store-version-${n}.sql`, import.meta.url), 'utf8'),
);

/** What such a database is opened as. */
function openVersion(sql = '', vault = vaultOf()): SqliteStore {
  const db = new DatabaseSync(':memory:');
  db.exec(sql);
  return new SqliteStore('memory', db, { vault });
}

function version(db: DatabaseSync): unknown {
  return db.prepare('PRAGMA user_version').get()?.['user_version'];
}

it('brings an empty database to the newest schema', () => {
  using db = new DatabaseSync(':memory:');

  migrate(db);

  expect(version(db)).toBe(6);
});

it('leaves a database of the newest schema as it is', () => {
  using db = new DatabaseSync(':memory:');
  migrate(db);
  const schema = () => db.prepare('SELECT name, sql FROM sqlite_schema').all();
  const before = schema();

  migrate(db);

  expect(schema()).toEqual(before);
});

it('refuses a newer schema and says what to do', () => {
  using db = new DatabaseSync(':memory:');
  db.exec('PRAGMA user_version = 7');

  expect(() => migrate(db)).toThrow(
    /schema version 7, written by a newer Stillpoint; this one knows up to 6: .*DATA_DIR/,
  );
  expect(version(db)).toBe(7);
});

describe('a store of schema version 1', () => {
  it('keeps its sessions, which remember nothing and stand at the beginning', async () => {
    await using store = openVersion(version1);

    const said = await store.session(newSession('said'));
    const live = await store.session(newSession('live'));

    expect(said).toMatchObject({ turnCount: 1, lastSeq: 5, memory: null, progress: initialProgress() });
    expect(live).toMatchObject({ clientId: 'client', lastSeq: 3, memory: null, progress: initialProgress() });
    expect(live?.metadata).toEqual({ note: 'kept \u0000 “as it is”' });
    expect((await store.list('tenant', null, null, 10)).total).toBe(2);
  });

  it('keeps its log word for word, in the shape of today', async () => {
    await using store = openVersion(version1);
    const life = newSession('said');

    const log = await wholeLog(store, life);
    const session = await store.session(life);
    const turn = await store.turn(life, 'turn-1');

    expect(log.map(({ seq, event }) => [seq, event])).toEqual([
      [1, 'turn:started'],
      [2, 'therapist:token'],
      [3, 'therapist:token'],
      [4, 'therapist:done'],
      [5, 'session:updated'],
    ]);
    expect(Session.safeParse(session && toSession(session)).error).toBeUndefined();
    expect(Session.safeParse(log[4] && toLogEntry(life, log[4]).data).error).toBeUndefined();
    expect(turn?.text).toBe('It is said.');
    expect(TherapistResponse.safeParse(turn && toTurn(life, turn).response).error).toBeUndefined();
  });

  it('goes on with a reply that was cut off, with nothing to remember', async () => {
    await using store = openVersion(version1);

    const [taken] = await store.takeOver('node', LEASE_MS, 10);

    expect(taken?.view).toMatchObject({ text: 'so far', turn: { turnId: 'turn-2', plan: { memory: '' } } });
    expect(taken?.view.turn.plan.progress).toEqual(initialProgress());
    const lease = { ...newSession('live'), turnId: 'turn-2', generation: 2 };
    expect(await store.append(lease, [token('turn-2', 6, '.')], LEASE_MS)).toBe('appended');
    expect(await store.finish(lease, ending('turn-2', 'so far.'))).toBe('finished');
  });

  it('is opened although a record in it is damaged', async () => {
    const db = new DatabaseSync(':memory:');
    db.exec(version1 ?? '');
    db.exec("UPDATE sessions SET state = '1{' WHERE id = 1");

    await using store = new SqliteStore('memory', db, {});

    expect(await store.session(newSession('live'))).toMatchObject({ memory: null });
    await expect(store.session(newSession('said'))).rejects.toThrow(/damaged/);
  });
});

describe('a store of schema version 2', () => {
  it('keeps the safety of its sessions, which have no care and nobody who answers', async () => {
    await using store = openVersion(version2);

    const said = await store.session(newSession('said'));
    const live = await store.session(newSession('live'));

    expect(said).toMatchObject({ turnCount: 2, lastSeq: 8, memory: plan.memory, care: null, human: null });
    expect(said?.safety).toEqual({ level: 'active', mode: 'crisis', guarded: false, reason_codes: [] });
    expect(live).toMatchObject({ lastSeq: 3, safety: noRisk, care: null, human: null });
    expect((await store.list('tenant', null, null, 10)).total).toBe(2);
  });

  it('keeps its log word for word, in the shape of today', async () => {
    await using store = openVersion(version2);
    const life = newSession('said');

    const log = await wholeLog(store, life);

    expect(log.map(({ seq, event }) => [seq, event])).toEqual([
      [1, 'turn:started'],
      [2, 'therapist:token'],
      [3, 'therapist:token'],
      [4, 'therapist:done'],
      [5, 'turn:started'],
      [6, 'therapist:token'],
      [7, 'therapist:done'],
      [8, 'session:updated'],
    ]);
    expect(log[3]).toEqual({ seq: 4, ...done('turn-1', 'It is said.') });
    expect(Session.safeParse(log[7] && toLogEntry(life, log[7]).data).error).toBeUndefined();
    expect(log[7]?.data).toMatchObject({
      human: null,
      safety: { level: 'active', mode: 'crisis', guarded: false, reason_codes: [] },
    });
  });

  it('knows which of its turns said a fixed reply', async () => {
    await using store = openVersion(version2);
    const life = newSession('said');

    const turns = await store.turns(life, null, 10);

    const care = { safety: noRisk, awaitsHuman: false, ref: '' };
    expect(turns?.map(({ turn }) => turn.plan.care)).toEqual([
      { ...care, isFixed: false },
      { ...care, isFixed: true },
    ]);
    for (const turn of turns ?? []) {
      expect(TherapistResponse.safeParse(toTurn(life, turn).response).error).toBeUndefined();
    }
  });

  it('goes on with a reply that was cut off', async () => {
    await using store = openVersion(version2);

    const [taken] = await store.takeOver('node', LEASE_MS, 10);

    expect(taken?.view).toMatchObject({ text: 'so far', turn: { plan: { memory: plan.memory } } });
    const lease = { ...newSession('live'), turnId: 'turn-3', generation: 2 };
    expect(await store.append(lease, [token('turn-3', 6, '.')], LEASE_MS)).toBe('appended');
    expect(await store.finish(lease, ending('turn-3', 'so far.'))).toBe('finished');
  });
});

describe('a store of schema version 3', () => {
  it('keeps its sessions with all that is remembered, under their tenant', async () => {
    await using store = openVersion(version3);

    const said = await store.session(newSession('said'));

    expect(said).toMatchObject({
      tenant: 'tenant',
      turnCount: 2,
      lastSeq: 7,
      memory: plan.memory,
      care: 'care of the session',
      human: { name: 'Ada' },
      safety: { level: 'active', mode: 'crisis' },
    });
    expect(await store.clientCare('tenant', 'client')).toBe('care of the client');
    expect(await store.capabilities(newSession('said'))).toEqual([]);
    expect((await store.list('tenant', null, null, 10)).sessions.map(({ sessionId }) => sessionId)).toEqual([
      'said',
      'live',
    ]);
    expect((await store.list('tenant', 'owner', null, 10)).total).toBe(2);
  });

  it('finds its turns, its inputs and its alerts by their ids', async () => {
    await using store = openVersion(version3);
    const life = newSession('said');

    expect(await store.turn(life, 'turn-1')).toMatchObject({
      text: 'It is said.',
      turn: { turnId: 'turn-1' },
    });
    expect(await store.turnOfInput(life, 'input-2')).toMatchObject({ turn: { userInput: 'I am not safe' } });
    expect(await store.alert('alert-1')).toMatchObject({
      alertId: 'alert-1',
      status: 'acknowledged',
      actor: 'Ada',
    });
    expect((await store.alerts(null, 10)).map(({ alertId }) => alertId)).toEqual(['alert-2', 'alert-1']);
    expect((await store.dueAlerts(10)).map(({ alertId }) => alertId)).toEqual(['alert-1']);
    expect(await store.wasRemoved(newSession('removed'))).toBe(true);
    expect(verifyAudit([await store.audit(0, 10)])).toMatchObject({ holds: true, count: 2 });
  });

  it('goes on with a reply that was cut off', async () => {
    await using store = openVersion(version3);

    const [taken] = await store.takeOver('node', LEASE_MS, 10);

    expect(taken).toMatchObject({ view: { text: 'so far' }, session: { clientId: 'client' } });
    const lease = { ...newSession('live'), turnId: 'turn-3', generation: 2 };
    expect(await store.append(lease, [token('turn-3', 6, '.')], LEASE_MS)).toBe('appended');
    expect(await store.finish(lease, ending('turn-3', 'so far.'))).toBe('finished');
  });

  it('knows since when its sessions are idle, damaged ones not before now', async () => {
    const db = new DatabaseSync(':memory:');
    db.exec(version3 ?? '');
    db.exec("UPDATE sessions SET state = '1{' WHERE id = 1");
    await using store = new SqliteStore('memory', db, {});

    const { sessions } = await store.idle(Date.UTC(2025, 0, 2), null, 10);

    const lastInteractionAt = Date.UTC(2025, 0, 1, 0, 2);
    expect(sessions).toEqual([{ tenant: 'tenant', sessionId: 'live', epoch: 'epoch-1', lastInteractionAt }]);
  });

  it('gives no new session the row number of one that was removed', async () => {
    const db = new DatabaseSync(':memory:');
    db.exec(version3 ?? '');
    await using store = new SqliteStore('memory', db, {});

    await store.create({ session: newSession('new'), createKey: null, idGiven: true });

    expect(db.prepare('SELECT max(id) AS id FROM sessions').get()).toEqual({ id: 10 });
  });

  it('names nobody where nothing is sealed', () => {
    using db = new DatabaseSync(':memory:');
    db.exec(version3 ?? '');
    migrate(db);

    const named = db.prepare("SELECT 1 FROM sessions WHERE tenant = 'tenant'").all();
    const turns = db.prepare("SELECT 1 FROM turns WHERE turn_id LIKE 'turn%'").all();
    const alerts = db.prepare("SELECT 1 FROM alerts WHERE alert_id LIKE 'alert%'").all();

    expect([named, turns, alerts]).toEqual([[], [], []]);
  });
});

describe('a store of schema version 4', () => {
  it('tells nobody of what was before, and of what comes with the keys it has', async () => {
    await using store = openVersion(version4, vaultOf(1));
    const life = newSession('said');
    const before = await store.outbox.waitingReceivers();

    const lease = { ...newSession('live'), turnId: 'turn-3', generation: 2 };
    await store.takeOver('node', LEASE_MS, 10);
    await store.finish(lease, { ...ending('turn-3', 'so far'), outbox: [message('done')] });
    await store.remove(life, { outbox: [message('deleted')] });

    expect(before).toEqual([]);
    expect((await deliver(store)).sort()).toEqual(['deleted', 'done']);
  });
});

describe('a store of schema version 5', () => {
  it('knows how many sessions it has, before and after one is removed and one is made', async () => {
    await using store = openVersion(version5, vaultOf(1));
    const total = async (owner: string | null) => (await store.list('tenant', owner, null, 10)).total;

    const before = [await total(null), await total('owner'), await total('nobody')];
    await store.remove(newSession('said'));
    const removed = [await total(null), await total('owner')];
    await store.create({ session: newSession('new', { owner: 'nobody' }), createKey: null, idGiven: true });
    const made = [await total(null), await total('owner'), await total('nobody')];

    expect([before, removed, made]).toEqual([
      [2, 2, 0],
      [1, 1],
      [2, 1, 1],
    ]);
  });

  it('remembers its clients, and tells what it has not told yet', async () => {
    await using store = openVersion(version5, vaultOf(1));

    expect(await store.clientCare('tenant', 'client')).toBe('care of the client');
    expect(await deliver(store)).toEqual(['removed']);
  });
});
