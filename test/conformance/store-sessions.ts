import { assert, asyncProperty, string, uniqueArray } from 'fast-check';
import { expect, it } from 'vitest';
import type { OpenStore } from './store-bench.ts';
import {
  admit,
  disclosure,
  ending,
  input,
  LEASE_MS,
  newSession,
  noRisk,
  plan,
  spoken,
  token,
  wholeLog,
} from './store-bench.ts';

const ids = [
  '../x',
  '..',
  '/',
  '{a}',
  '{b}{a}',
  '__proto__',
  'constructor',
  'a\u0000b',
  'a\u0000',
  'a',
  'a\n',
  ' a',
  'a ',
  ' ',
  'Session_001',
  'session_001',
  '\u00e9',
  'e\u0301',
  '\ufeffa',
  '\u{1F9D8}\u200d\u2640\ufe0f',
  '\u2028',
  "'; DROP TABLE sessions; --",
  '%',
  '*',
  'x'.repeat(10_000),
  `${'x'.repeat(9_999)}y`,
];

export function sessionCases(open: OpenStore): void {
  it('[P-11] lets exactly one of fifty creates of one id succeed', async () => {
    await using bench = await open();
    const requests = Array.from({ length: 50 }, (_, index) =>
      newSession('taken', { epoch: `epoch-${index}` }),
    );

    const outcomes = await Promise.allSettled(
      requests.map((session) => bench.store.create({ session, createKey: null, idGiven: true })),
    );

    const made = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(made).toHaveLength(1);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'SESSION_CONFLICT' });
    expect((await bench.store.session(newSession('taken')))?.epoch).toBe(made[0]?.value.session.epoch);
  });

  it('gives back what a session was made with', async () => {
    await using bench = await open();
    const made = newSession('full', {
      clientId: 'client \u0000',
      metadata: { deep: [{ ünï: '\u2028' }], __proto__x: null },
      locale: 'de-AT',
      country: 'AT',
      ageBand: '18-24',
    });

    const { created, session } = await bench.store.create({ session: made, createKey: null, idGiven: true });

    expect(created).toBe(true);
    expect(session).toMatchObject({ ...made, status: 'active', turnCount: 0, lastSeq: 0, lastTurn: 0 });
    expect(session).toMatchObject({ safety: noRisk, care: null, human: null });
    expect(await bench.store.session(made)).toEqual(session);
  });

  it('knows nothing of a session that was not made', async () => {
    await using bench = await open();
    const ref = newSession('nobody');

    expect(await bench.store.session(ref)).toBeUndefined();
    expect(await bench.store.read(ref, 0, 10)).toBeUndefined();
    expect(await bench.store.snapshot(ref, 10)).toBeUndefined();
    expect(await bench.store.turns(ref, null, 10)).toBeUndefined();
    expect(await bench.store.turn(ref, 'turn')).toBeUndefined();
    expect(await bench.store.turnOfInput(ref, 'input')).toBeUndefined();
    expect(await bench.store.remove(ref)).toBe(false);
    expect(await bench.store.note(ref, [], {})).toBe('gone');
    expect(await bench.store.heads([ref])).toEqual([undefined]);
  });

  it('[S-1] takes any id as it is, with no cross-talk', async () => {
    await using bench = await open();
    const { store } = bench;

    await Promise.all(
      ids.map(async (sessionId, index) => {
        const { lease } = await admit(store, sessionId, `turn-${index}`);
        await store.append(lease, [token(`turn-${index}`, 0, `words ${index}`)], LEASE_MS);
      }),
    );

    for (const [index, sessionId] of ids.entries()) {
      const snapshot = await store.snapshot(newSession(sessionId), 10);
      expect(snapshot?.session.sessionId).toBe(sessionId);
      expect(snapshot?.live?.text).toBe(`words ${index}`);
      expect(snapshot?.session.lastSeq).toBe(2);
    }
  });

  it('[S-1] tells any two ids apart', async () => {
    await using bench = await open();
    const id = string({ unit: 'binary', minLength: 1, maxLength: 8 });
    let round = 0;

    await assert(
      asyncProperty(uniqueArray(id, { minLength: 2, maxLength: 4 }), async (sessionIds) => {
        round += 1;
        const sessions = sessionIds.map((sessionId) => newSession(sessionId, { tenant: `tenant ${round}` }));
        for (const session of sessions) await bench.store.create({ session, createKey: null, idGiven: true });
        const found = await Promise.all(sessions.map((session) => bench.store.session(session)));
        expect(found.map((session) => session?.sessionId)).toEqual(sessionIds);
      }),
      { numRuns: 30 },
    );
  });

  it('[S-7] keeps tenants apart', async () => {
    await using bench = await open();
    const { store } = bench;
    const [one, two] = [newSession('same', { tenant: 'a' }), newSession('same', { tenant: 'b' })];
    await store.create({ session: one, createKey: 'key', idGiven: true });

    const { created } = await store.create({ session: two, createKey: 'key', idGiven: true });
    await store.remove(one);

    expect(created).toBe(true);
    expect(await store.session(one)).toBeUndefined();
    expect(await store.session(two)).toMatchObject({ tenant: 'b' });
    expect((await store.list('a', null, null, 10)).total).toBe(0);
    expect((await store.list('b', null, null, 10)).total).toBe(1);
  });

  it('[S-7] does not mix up where a tenant ends and an id begins', async () => {
    await using bench = await open();
    await bench.store.create({
      session: newSession('b","c', { tenant: 'a' }),
      createKey: null,
      idGiven: true,
    });

    expect(await bench.store.session({ tenant: 'a","b', sessionId: 'c' })).toBeUndefined();
  });

  it('[S-5] returns the session that the same create key made', async () => {
    await using bench = await open();
    const { store } = bench;
    const first = await store.create({ session: newSession('mine'), createKey: 'key', idGiven: true });

    const sameId = { session: newSession('mine', { epoch: 'epoch-2' }), createKey: 'key', idGiven: true };
    const noId = { session: newSession('made', { epoch: 'epoch-3' }), createKey: 'key', idGiven: false };

    expect(await store.create(sameId)).toEqual({ created: false, session: first.session });
    expect(await store.create(noId)).toEqual({ created: false, session: first.session });
    expect(await store.session(newSession('made'))).toBeUndefined();
  });

  it('[S-5] refuses a create key that made a session under another id', async () => {
    await using bench = await open();
    const { store } = bench;
    await store.create({ session: newSession('mine'), createKey: 'key', idGiven: true });

    const again = store.create({ session: newSession('other'), createKey: 'key', idGiven: true });

    await expect(again).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    expect(await store.session(newSession('other'))).toBeUndefined();
  });

  it('[S-5] keeps the create keys of owners apart', async () => {
    await using bench = await open();
    const { store } = bench;
    await store.create({ session: newSession('mine'), createKey: 'key', idGiven: true });

    const theirs = newSession('theirs', { owner: 'another' });

    expect(await store.create({ session: theirs, createKey: 'key', idGiven: true })).toMatchObject({
      created: true,
    });
  });

  it('[S-5] refuses a taken id whatever the create key', async () => {
    await using bench = await open();
    const { store } = bench;
    await store.create({ session: newSession('mine'), createKey: 'key', idGiven: true });

    const again = store.create({ session: newSession('mine'), createKey: 'other key', idGiven: true });

    await expect(again).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });
  });

  it('[S-5] makes one session of concurrent creates with one key', async () => {
    await using bench = await open();

    const made = await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const session = newSession(`made ${index}`, { epoch: `epoch-${index}` });
        return bench.store.create({ session, createKey: 'key', idGiven: false });
      }),
    );

    expect(made.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(made.map(({ session }) => session.sessionId)).size).toBe(1);
  });

  it('[S-6] forgets everything of a removed session', async () => {
    await using bench = await open();
    const { store } = bench;
    await store.create({ session: newSession('gone'), createKey: 'key', idGiven: true });
    await spoken(store, 'gone', 'turn', ['words']);

    expect(await store.remove(newSession('gone'))).toBe(true);

    expect(await store.session(newSession('gone'))).toBeUndefined();
    expect(await store.turn(newSession('gone'), 'turn')).toBeUndefined();
    expect(await store.heads([newSession('gone')])).toEqual([undefined]);
    const again = newSession('new', { epoch: 'epoch-2' });
    expect(await store.create({ session: again, createKey: 'key', idGiven: true })).toMatchObject({
      created: true,
    });
  });

  it('[S-6] gives a session made later under the id nothing of the old one', async () => {
    await using bench = await open();
    const { store } = bench;
    const old = await spoken(store, 'again', 'turn', ['old words']);
    await store.remove(old);

    const fresh = newSession('again', { epoch: 'epoch-2' });
    await store.create({ session: fresh, createKey: null, idGiven: true });

    expect(await store.read(old, 0, 100)).toBeUndefined();
    expect(await store.read(fresh, 0, 100)).toEqual({ entries: [], head: 0, live: null });
    expect(await store.heads([old, fresh])).toEqual([undefined, 0]);
    expect(await store.snapshot(fresh, 50)).toMatchObject({ turns: [], live: null, notices: [] });
    expect(await store.note(old, [disclosure('late')], {})).toBe('gone');
    expect(await store.read(fresh, 0, 100)).toMatchObject({ head: 0 });
  });

  it('[P-9] tells a removed session from one that is not there', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'removed', 'turn');
    const before = await store.wasRemoved(lease);
    await store.remove(lease);
    await admit(store, 'removed', 'turn', { session: newSession('removed', { epoch: 'epoch-2' }) });

    expect(before).toBe(false);
    expect(await store.wasRemoved(lease)).toBe(true);
    expect(await store.wasRemoved({ ...lease, epoch: 'epoch-2' })).toBe(false);
    expect(await store.wasRemoved(newSession('never there'))).toBe(false);
  });

  it('[S-6] takes a session made later under the id for another one', async () => {
    await using bench = await open();
    const { store } = bench;
    const old = await spoken(store, 'lives', 'turn', ['old words']);
    await store.remove(old);
    const fresh = newSession('lives', { epoch: 'epoch-2' });
    const said = { session: fresh, inputId: 'input' };
    const { lease } = await admit(store, 'lives', 'turn', said);
    await store.append(lease, [token('turn', 0, 'new words')], LEASE_MS);

    for (const gone of [old, { ...old, epoch: 'never' }]) {
      expect(await store.snapshot(gone, 10)).toBeUndefined();
      expect(await store.turns(gone, null, 10)).toBeUndefined();
      expect(await store.turn(gone, 'turn')).toBeUndefined();
      expect(await store.turnOfInput(gone, 'input')).toBeUndefined();
      expect(await store.heads([gone])).toEqual([undefined]);
      for (const turnId of ['turn', null]) {
        await expect(store.cancel(gone, turnId)).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
      }
      expect(await store.remove(gone)).toBe(false);
    }

    expect(await store.turnOfInput(lease, 'input')).toMatchObject({ text: 'new words', end: null });
    expect(await store.cancel(lease, null)).toMatchObject({ turnId: 'turn', wasLive: true });
    expect(await store.remove(lease)).toBe(true);
  });

  it('[S-6] lets no late append revive a removed session', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'dead', 'turn');
    await store.remove(lease);

    expect(await store.append(lease, [token('turn', 0, 'late')], LEASE_MS)).toBe('fenced');
    expect(await store.session(lease)).toBeUndefined();
    const fresh = newSession('dead', { epoch: 'epoch-2' });
    await store.admit(input('dead', 'turn', { session: fresh }));
    expect(await store.append(lease, [token('turn', 0, 'late')], LEASE_MS)).toBe('fenced');
    expect(await wholeLog(store, fresh)).toHaveLength(1);
  });

  it('lists the sessions of a tenant in pages, oldest first', async () => {
    await using bench = await open();
    const { store } = bench;
    for (const sessionId of ['b', 'a', 'd', 'c', 'e']) {
      await store.create({ session: newSession(sessionId), createKey: null, idGiven: true });
      await bench.advance(1);
    }

    const first = await store.list('tenant', null, null, 2);
    const second = await store.list('tenant', null, first.next, 2);
    const third = await store.list('tenant', null, second.next, 2);

    const listed = [first, second, third].map(({ sessions }) => sessions.map(({ sessionId }) => sessionId));
    expect(listed).toEqual([['b', 'a'], ['d', 'c'], ['e']]);
    expect([first.total, second.total, third.total]).toEqual([5, 5, 5]);
    expect(third.next).toBeNull();
  });

  it('goes on listing behind a session that was removed meanwhile', async () => {
    await using bench = await open();
    const { store } = bench;
    for (const sessionId of ['a', 'b', 'c']) {
      await store.create({ session: newSession(sessionId), createKey: null, idGiven: true });
    }
    const first = await store.list('tenant', null, null, 2);

    await store.remove(newSession('b'));

    const second = await store.list('tenant', null, first.next, 2);
    expect(second.sessions.map(({ sessionId }) => sessionId)).toEqual(['c']);
  });

  it('lists only what an owner has, and live turns up to date', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'mine', 'turn');
    await store.append(lease, [token('turn', 0, 'words')], LEASE_MS);
    const theirs = newSession('theirs', { owner: 'another' });
    await store.create({ session: theirs, createKey: null, idGiven: true });

    const { total, sessions, next } = await store.list('tenant', 'owner', null, 10);

    expect({ total, next }).toEqual({ total: 1, next: null });
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual(['mine']);
    expect(sessions[0]?.lastSeq).toBe(2);
  });

  it('lists all of a session but its metadata, its memory and its care', async () => {
    await using bench = await open();
    const made = newSession('heavy', { metadata: { heavy: true } });
    const { lease } = await admit(bench.store, 'heavy', 'turn', { session: made });
    await bench.store.finish(lease, ending('turn', ''));
    const { metadata, memory, care, ...listed } = (await bench.store.session(made)) ?? {};

    const { sessions } = await bench.store.list('tenant', null, null, 10);

    expect(sessions).toStrictEqual([listed]);
    expect(metadata).toEqual({ heavy: true });
    expect([memory, care]).toEqual([plan.memory, '{}']);
  });

  it('begins at the start for a page cursor it never gave', async () => {
    await using bench = await open();
    await bench.store.create({ session: newSession('a'), createKey: null, idGiven: true });

    const page = await bench.store.list('tenant', null, '__proto__', 10);

    expect(page.sessions).toHaveLength(1);
  });

  it('says that it can store something', async () => {
    await using bench = await open();

    expect(await bench.store.healthy()).toBe(true);
  });
}
