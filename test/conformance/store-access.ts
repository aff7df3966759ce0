// Who may use a session besides its owner, and what becomes of sessions that nobody uses.
import { expect, it } from 'vitest';
import type { NewCapability } from '../../src/store/access.ts';
import type { SessionLife, Store } from '../../src/store/store.ts';
import type { OpenStore } from './store-bench.ts';
import { sessionKey } from '../../src/store/envelope.ts';
import { admit, ending, fact, LEASE_MS, newSession, spoken, wholeAudit } from './store-bench.ts';

const DAY_MS = 86_400_000;

function capability(capabilityId: string, changes: Partial<NewCapability> = {}): NewCapability {
  return { capabilityId, rights: ['read'], label: null, expiresAt: null, ...changes };
}

/** Sessions of one tenant, one ms after another. */
async function made(bench: { store: Store; advance(ms: number): Promise<void> }, sessionIds: string[]) {
  for (const sessionId of sessionIds) {
    await bench.store.create({ session: newSession(sessionId), createKey: null, idGiven: true });
    await bench.advance(1);
  }
}

/** Every session that is idle, page by page; `seen` is told each page before the next is asked for. */
async function allIdle(
  store: Store,
  since: number,
  limit: number,
  seen: (page: SessionLife[]) => Promise<unknown> = async () => {},
): Promise<string[]> {
  const found: string[] = [];
  for (let after: string | null = null; ;) {
    const { sessions, next } = await store.idle(since, after, limit);
    expect(sessions.length).toBeLessThanOrEqual(limit);
    found.push(...sessions.map(({ sessionId }) => sessionId));
    await seen(sessions);
    if (next === null) return found;
    after = next;
  }
}

export function capabilityCases(open: OpenStore): void {
  it('are found by their session and their id, as they were granted', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'mine', 'turn');
    const label = 'phone \u0000 \u{1F9D8}\u2028';
    const granted = capability('one', { rights: ['read', 'write'], label, expiresAt: 1_900_000_000_000 });

    expect(await store.grant(lease, granted)).toBe('granted');

    const { tenant, sessionId, epoch } = lease;
    const found = await store.capability(sessionKey(lease), 'one');
    expect(found).toMatchObject({ ...granted, session: { tenant, sessionId, epoch }, owner: 'owner' });
    expect(found?.createdAt).toBeTypeOf('number');
    expect(await store.capabilities(lease)).toEqual([found]);
  });

  it('are listed in the order they came, expired ones too', async () => {
    await using bench = await open();
    const { store } = bench;
    await made(bench, ['mine']);
    for (const id of ['c', 'a', 'b']) {
      await store.grant(newSession('mine'), capability(id, { expiresAt: 1 }));
      await bench.advance(1);
    }

    const listed = await store.capabilities(newSession('mine'));

    expect(listed?.map(({ capabilityId }) => capabilityId)).toEqual(['c', 'a', 'b']);
    expect(await store.capability(sessionKey(newSession('mine')), 'a')).toMatchObject({ expiresAt: 1 });
  });

  it('change nothing when they are granted again', async () => {
    await using bench = await open();
    const { store } = bench;
    await made(bench, ['mine']);
    await store.grant(newSession('mine'), capability('one', { label: 'first' }));
    const before = await store.capabilities(newSession('mine'));
    await bench.advance(1);

    const again = await store.grant(newSession('mine'), capability('one', { rights: ['erase'] }));

    expect(again).toBe('granted');
    expect(await store.capabilities(newSession('mine'))).toEqual(before);
  });

  it('are there once, however many grant them at once', async () => {
    await using bench = await open();
    await made(bench, ['mine']);
    const grant = (id: string) => bench.store.grant(newSession('mine'), capability(id));

    const granted = await Promise.all(['a', 'b', 'a', 'b', 'a'].map(grant));

    expect(new Set(granted)).toEqual(new Set(['granted']));
    const listed = await bench.store.capabilities(newSession('mine'));
    expect(listed?.map(({ capabilityId }) => capabilityId).sort()).toEqual(['a', 'b']);
  });

  it('[S-7] open no session but their own', async () => {
    await using bench = await open();
    const { store } = bench;
    const other = newSession('mine', { tenant: 'another' });
    await made(bench, ['mine', 'second']);
    await store.create({ session: other, createKey: null, idGiven: true });
    await store.grant(newSession('mine'), capability('one'));

    for (const stranger of [newSession('second'), other, newSession('never there')]) {
      expect(await store.capability(sessionKey(stranger), 'one')).toBeUndefined();
      expect(await store.revoke(stranger, 'one')).toBe(false);
    }
    expect(await store.capabilities(newSession('second'))).toEqual([]);
    expect(await store.capability(sessionKey(newSession('mine')), 'two')).toBeUndefined();
    expect(await store.capability(sessionKey(newSession('mine')), 'one')).toBeDefined();
  });

  it('are gone once they are revoked, the others stay', async () => {
    await using bench = await open();
    const { store } = bench;
    await made(bench, ['mine']);
    const life = newSession('mine');
    for (const id of ['one', 'two']) await store.grant(life, capability(id));

    expect(await store.revoke(life, 'one')).toBe(true);

    expect(await store.revoke(life, 'one')).toBe(false);
    expect(await store.capability(sessionKey(life), 'one')).toBeUndefined();
    expect(await store.capabilities(life)).toMatchObject([{ capabilityId: 'two' }]);
  });

  it('leave the session as it is: its log, its version and when somebody last said something', async () => {
    await using bench = await open();
    const { store } = bench;
    const lease = await spoken(store, 'mine', 'turn', ['a']);
    const before = await store.session(lease);
    await bench.advance(1000);

    await store.grant(lease, capability('one'));
    await store.revoke(lease, 'one');

    expect(await store.session(lease)).toEqual(before);
  });

  it('[S-6] go with their session, and a later one under the id has none', async () => {
    await using bench = await open();
    const { store } = bench;
    await made(bench, ['gone']);
    const old = newSession('gone');
    await store.grant(old, capability('one'));
    await store.remove(old);

    expect(await store.capability(sessionKey(old), 'one')).toBeUndefined();
    expect(await store.capabilities(old)).toBeUndefined();
    expect(await store.grant(old, capability('two'))).toBe('gone');
    expect(await store.revoke(old, 'one')).toBe(false);

    const fresh = newSession('gone', { epoch: 'epoch-2' });
    await store.create({ session: fresh, createKey: null, idGiven: true });
    expect(await store.capabilities(fresh)).toEqual([]);
    expect(await store.capability(sessionKey(fresh), 'one')).toBeUndefined();
    expect(await store.grant(old, capability('three'))).toBe('gone');
    await store.grant(fresh, capability('four'));
    expect(await store.revoke(old, 'four')).toBe(false);
    expect(await store.capabilities(old)).toBeUndefined();
    expect(await store.capability(sessionKey(fresh), 'four')).toMatchObject({
      session: { epoch: 'epoch-2' },
    });
  });

  it('cannot be granted for a session that was never there', async () => {
    await using bench = await open();
    const nobody = newSession('nobody');

    expect(await bench.store.grant(nobody, capability('one'))).toBe('gone');
    expect(await bench.store.capabilities(nobody)).toBeUndefined();
    expect(await bench.store.capability(sessionKey(nobody), 'one')).toBeUndefined();
  });
}

export function onceCases(open: OpenStore): void {
  it('gives a text to the first who takes it, and to nobody else', async () => {
    await using bench = await open();
    const { store } = bench;
    const text = '{"subject":"user:\u0000 \u{1F9D8}"}';
    await store.keepOnce('name', text, 30_000);

    const taken = await Promise.all(Array.from({ length: 20 }, () => store.takeOnce('name')));

    expect(taken.filter((one) => one !== undefined)).toEqual([text]);
    expect(await store.takeOnce('name')).toBeUndefined();
  });

  it('gives nothing where there was none, and mixes no names up', async () => {
    await using bench = await open();
    const { store } = bench;
    await store.keepOnce('one', 'first', 30_000);
    await store.keepOnce('two', 'second', 30_000);

    expect(await store.takeOnce('three')).toBeUndefined();
    expect([await store.takeOnce('two'), await store.takeOnce('one')]).toEqual(['second', 'first']);
  });

  it('can be kept again after it was taken', async () => {
    await using bench = await open();
    const { store } = bench;
    await store.keepOnce('name', 'first', 30_000);
    await store.takeOnce('name');

    await store.keepOnce('name', 'second', 30_000);

    expect(await store.takeOnce('name')).toBe('second');
  });

  it('gives nothing when its time is over', async () => {
    await using bench = await open();
    await bench.store.keepOnce('short', 'text', 1000);
    await bench.store.keepOnce('long', 'text', 60_000);
    await bench.advance(1001);

    expect(await bench.store.takeOnce('short')).toBeUndefined();
    expect(await bench.store.takeOnce('long')).toBe('text');
  });
}

export function idleCases(open: OpenStore): void {
  it('finds every session in which nobody said anything since, each once, in pages of any size', async () => {
    await using bench = await open();
    const { store } = bench;
    await made(bench, ['a', 'b', 'c', 'd', 'e']);
    const tenant = 'another';
    await store.create({ session: newSession('f', { tenant }), createKey: null, idGiven: true });
    const last = (await store.session(newSession('f', { tenant })))?.lastInteractionAt ?? 0;

    for (const limit of [1, 2, 3, 100]) {
      expect((await allIdle(store, last + 1, limit)).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    }
    const { sessions } = await store.idle(last + 1, null, 100);
    for (const found of sessions) {
      const session = await store.session(found);
      expect(found).toEqual({
        tenant: session?.tenant,
        sessionId: session?.sessionId,
        epoch: session?.epoch,
        lastInteractionAt: session?.lastInteractionAt,
      });
    }
  });

  it('leaves out a session in which somebody said something since', async () => {
    await using bench = await open();
    const { store } = bench;
    await made(bench, ['still', 'said']);
    await bench.advance(DAY_MS);
    const { session } = await admit(store, 'said', 'turn');

    expect(await allIdle(store, session.lastInteractionAt, 10)).toEqual(['still']);
    expect((await allIdle(store, session.lastInteractionAt + 1, 10)).sort()).toEqual(['said', 'still']);
  });

  it('goes by when a reply ended, too', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'replied', 'turn');
    await bench.advance(LEASE_MS / 2);
    await store.finish(lease, ending('turn', ''));
    const last = (await store.session(lease))?.lastInteractionAt ?? 0;

    expect(await allIdle(store, last, 10)).toEqual([]);
    expect(await allIdle(store, last + 1, 10)).toEqual(['replied']);
  });

  it('finds all although those it found are removed on the way', async () => {
    await using bench = await open();
    const { store } = bench;
    const names = Array.from({ length: 9 }, (_, index) => `session ${index}`);
    await made(bench, names);
    const last = (await store.session(newSession('session 8')))?.lastInteractionAt ?? 0;

    const found = await allIdle(store, last + 1, 2, (page) =>
      Promise.all(page.map((life) => store.remove(life))),
    );

    expect(found.sort()).toEqual(names);
    expect(await allIdle(store, last + 1, 2)).toEqual([]);
  });

  it('[S-6] removes an idle session only if it still is, and says nothing else to the audit', async () => {
    await using bench = await open();
    const { store } = bench;
    await made(bench, ['kept']);
    await bench.advance(DAY_MS);
    const { lease, session } = await admit(store, 'kept', 'turn');
    const idleSince = session.lastInteractionAt;

    const tooEarly = await store.remove(lease, { idleSince, audit: [fact('early')] });
    const before = await wholeAudit(store);
    const kept = await store.session(lease);
    const inTime = await store.remove(lease, { idleSince: idleSince + 1, audit: [fact('in time')] });

    expect([tooEarly, inTime]).toEqual([false, true]);
    expect(before).toEqual([]);
    expect(kept).toEqual(session);
    expect(await store.session(lease)).toBeUndefined();
    expect(await wholeAudit(store)).toHaveLength(1);
  });
}

export function accessRestartCases(open: OpenStore): void {
  it('keeps who may use a session after a restart, and when somebody last said something', async () => {
    await using bench = await open();
    const lease = await spoken(bench.store, 'mine', 'turn', ['a']);
    for (const id of ['one', 'two', 'revoked']) {
      await bench.store.grant(lease, capability(id, { label: id }));
      await bench.advance(1);
    }
    await bench.store.revoke(lease, 'revoked');
    const before = await bench.store.capabilities(lease);
    const last = (await bench.store.session(lease))?.lastInteractionAt ?? 0;

    const after = await bench.restart();

    expect(before).toHaveLength(2);
    expect(await after.capabilities(lease)).toEqual(before);
    expect(await after.capability(sessionKey(lease), 'one')).toEqual(before?.[0]);
    expect((await after.idle(last + 1, null, 10)).sessions).toMatchObject([{ sessionId: 'mine' }]);
  });
}
