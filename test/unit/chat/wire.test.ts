// Records of the store as the wire names them.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  parseCursor,
  startOf,
  toCursor,
  toListed,
  toLogEntry,
  toPayload,
  toSession,
  toTurn,
} from '../../../src/chat/wire.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import type { LogRecord, SessionRecord, Store, TurnView } from '../../../src/store/store.ts';
import { admit, ending, failure, LEASE_MS, newSession, token } from '../../conformance/store-bench.ts';

const life = { tenant: 'tenant', sessionId: 's', epoch: 'e' };
const at = Date.UTC(2025, 0, 2, 3, 4, 5, 6);

let store: Store;
beforeEach(async () => {
  store = await openSqlite({ directory: ':memory:', now: () => at });
});
afterEach(() => store[Symbol.asyncDispose]());

async function ended(state: 'done' | 'failed'): Promise<TurnView> {
  const { lease } = await admit(store, 's', 'turn');
  await store.append(lease, [token('turn', 0, 'words')], LEASE_MS);
  await store.finish(lease, state === 'done' ? ending('turn', 'words') : failure('turn', 'words'));
  const view = await store.turn(lease, 'turn');
  if (!view) throw new Error('no turn');
  return view;
}

async function session(changes: Parameters<typeof newSession>[1] = {}): Promise<SessionRecord> {
  return (await store.create({ session: newSession('s', changes), createKey: null, idGiven: true })).session;
}

describe('a cursor', () => {
  test('is the epoch and the number of the last entry', () => {
    expect(toCursor(life, 7)).toBe('e.7');
  });

  test.each(['e.0', 'e.7', 'an.epoch.with.dots.12', 'e\n.1'])('%j is read as it was made', (cursor) => {
    const read = parseCursor(cursor);

    expect(read && toCursor(read, read.seq)).toBe(cursor);
  });

  test.each(['', 'e', 'e.', '.1', 'e.-1', 'e.1.5x', 'e.01', 'e. 1', 'e.1e3', 'e.9999999999999999'])(
    '%j is none',
    (cursor) => {
      expect(parseCursor(cursor)).toBeUndefined();
    },
  );

  test('of our own tells which life of the session and the entry before the first one to send', () => {
    expect(startOf({ tenant: 'tenant', sessionId: 's' }, 'e.7')).toEqual({ life, after: 7 });
  });
});

describe('a session', () => {
  test('has its progress, its safety and the cursor of its log', async () => {
    const record = await session({ clientId: 'crm', metadata: { a: 1 }, locale: 'en', country: 'DE' });

    expect(toSession(record)).toEqual({
      session_id: 's',
      epoch: 'epoch-1',
      client_id: 'crm',
      metadata: { a: 1 },
      locale: 'en',
      country: 'DE',
      age_band: null,
      status: 'active',
      created_at: '2025-01-02T03:04:05.006Z',
      last_interaction: '2025-01-02T03:04:05.006Z',
      turn_count: 0,
      ...record.progress,
      safety: { level: 'none', mode: 'normal', guarded: false, reason_codes: [] },
      human: null,
      cursor: 'epoch-1.0',
    });
  });

  test('in a list tells where it is stored, and nothing that may be large', async () => {
    const listed = toListed(await session({ metadata: { large: 'x'.repeat(10_000) } }), 'sqlite');

    expect(listed).toMatchObject({ session_id: 's', storage: 'sqlite', turn_count: 0 });
    expect(JSON.stringify(listed).length).toBeLessThan(500);
  });
});

describe('an entry of the log', () => {
  const words: LogRecord = {
    seq: 5,
    event: 'therapist:token',
    data: { turn_id: 'turn', at: 0, text: 'words' },
  };

  test('gets its session and its number', () => {
    expect(toLogEntry(life, words)).toEqual({
      seq: 5,
      event: 'therapist:token',
      data: { session_id: 's', seq: 5, turn_id: 'turn', at: 0, text: 'words' },
    });
  });

  test('[P-2] that stands for more than one says from which on', () => {
    expect(toPayload(life, words, 3)).toMatchObject({ seq: 5, from: 3 });
    expect(toPayload(life, words)).not.toHaveProperty('from');
  });

  test('that tells a change of the session has the cursor of that moment', async () => {
    const { session_id: _, ...data } = toSession(await session());

    expect(toPayload(life, { seq: 5, event: 'session:updated', data })).toMatchObject({ cursor: 'e.5' });
  });
});

describe('a turn', () => {
  test('that is done has the whole response, with its place in the log', async () => {
    const turn = toTurn(life, await ended('done'));

    expect(turn).toMatchObject({
      turn_id: 'turn',
      n: 1,
      state: 'done',
      user_input: 'hello',
      text: 'words',
      started_at: '2025-01-02T03:04:05.006Z',
      ended_at: '2025-01-02T03:04:05.006Z',
      response: { session_id: 's', seq: turn.seq, therapist_response: 'words' },
    });
    expect(turn).not.toHaveProperty('error');
  });

  test('that failed has its error and the words that came', async () => {
    const turn = toTurn(life, await ended('failed'));

    expect(turn).toMatchObject({ state: 'failed', text: 'words', error: { code: 'MODEL_INTERRUPTED' } });
    expect(turn).not.toHaveProperty('response');
  });

  test('that lives has neither, and no end', async () => {
    const admitted = await admit(store, 's', 'turn');

    const turn = toTurn(life, { turn: admitted.turn, text: 'wor', end: null });

    expect(turn).toMatchObject({ state: 'queued', text: 'wor', ended_at: null });
    expect(turn).not.toHaveProperty('response');
    expect(turn).not.toHaveProperty('error');
  });
});
