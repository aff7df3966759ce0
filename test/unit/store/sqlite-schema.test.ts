import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { toLogEntry, toSession, toTurn } from '../../../src/chat/wire.ts';
import { Session, TherapistResponse } from '../../../src/contract/model.ts';
import { migrate } from '../../../src/store/sqlite-schema.ts';
import { SqliteStore } from '../../../src/store/sqlite.ts';
import { initialProgress } from '../../../src/therapy/progress.ts';
import { ending, LEASE_MS, newSession, token, wholeLog } from '../../conformance/store-bench.ts';

const version1 = readFileSync(new URL('../../support/store-version-1.sql', import.meta.url), 'utf8');

function version(db: DatabaseSync): unknown {
  return db.prepare('PRAGMA user_version').get()?.['user_version'];
}

it('brings an empty database to the newest schema', () => {
  using db = new DatabaseSync(':memory:');

  migrate(db);

  expect(version(db)).toBe(2);
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
  db.exec('PRAGMA user_version = 3');

  expect(() => migrate(db)).toThrow(
    /schema version 3, written by a newer Stillpoint; this one knows up to 2: .*DATA_DIR/,
  );
  expect(version(db)).toBe(3);
});

describe('a store of schema version 1', () => {
  function open(): SqliteStore {
    const db = new DatabaseSync(':memory:');
    db.exec(version1);
    return new SqliteStore('memory', db, {});
  }

  it('keeps its sessions, which remember nothing and stand at the beginning', async () => {
    await using store = open();

    const said = await store.session(newSession('said'));
    const live = await store.session(newSession('live'));

    expect(said).toMatchObject({ turnCount: 1, lastSeq: 5, memory: null, progress: initialProgress() });
    expect(live).toMatchObject({ clientId: 'client', lastSeq: 3, memory: null, progress: initialProgress() });
    expect(live?.metadata).toEqual({ note: 'kept \u0000 “as it is”' });
    expect((await store.list('tenant', null, null, 10)).total).toBe(2);
  });

  it('keeps its log word for word, in the shape of today', async () => {
    await using store = open();
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
    await using store = open();

    const [taken] = await store.takeOver('node', LEASE_MS, 10);

    expect(taken?.view).toMatchObject({ text: 'so far', turn: { turnId: 'turn-2', plan: { memory: '' } } });
    expect(taken?.view.turn.plan.progress).toEqual(initialProgress());
    const lease = { ...newSession('live'), turnId: 'turn-2', generation: 2 };
    expect(await store.append(lease, [token('turn-2', 6, '.')], LEASE_MS)).toBe('appended');
    expect(await store.finish(lease, ending('turn-2', 'so far.'))).toBe('finished');
  });

  it('is opened although a record in it is damaged', async () => {
    const db = new DatabaseSync(':memory:');
    db.exec(version1);
    db.exec("UPDATE sessions SET state = '1{' WHERE id = 1");

    await using store = new SqliteStore('memory', db, {});

    expect(await store.session(newSession('live'))).toMatchObject({ memory: null });
    await expect(store.session(newSession('said'))).rejects.toThrow(/damaged/);
  });
});
