// What a store keeps for the people behind a session, with the steps it comes from.
import { expect, it } from 'vitest';
import type { SessionSafety } from '../../src/contract/types.ts';
import type { AdmitRequest, Store } from '../../src/store/store.ts';
import type { OpenStore } from './store-bench.ts';
import { idsOf } from './store-alerts.ts';
import {
  admit,
  call,
  disclosure,
  ending,
  fact,
  failure,
  input,
  LEASE_MS,
  newSession,
  noRisk,
  plan,
  wholeAudit,
  wholeLog,
} from './store-bench.ts';

const crisis: SessionSafety = { ...noRisk, level: 'active', mode: 'crisis', reason_codes: ['self_harm'] };

/** All that an admission can carry besides the turn. */
const carried: Partial<AdmitRequest> = {
  safety: crisis,
  care: '{"in":"crisis"}',
  client: { client: 'client', care: '{"held":true}' },
  alerts: [call('alert')],
  audit: [fact('ref')],
};

/** What of that a store has now. */
async function kept(store: Store, sessionId: string) {
  const session = await store.session(newSession(sessionId));
  return {
    safety: session?.safety,
    care: session?.care,
    client: await store.clientCare('tenant', 'client'),
    alerts: (await store.alerts(null, 10)).map(({ alertId }) => alertId),
    audit: (await wholeAudit(store)).length,
  };
}

export function careCases(open: OpenStore): void {
  it('is stored with an admission, and with it what goes to people', async () => {
    await using bench = await open();

    const { session } = await admit(bench.store, 'said', 'turn', carried);

    expect(session).toMatchObject({ safety: crisis, care: '{"in":"crisis"}', human: null });
    expect(await kept(bench.store, 'said')).toEqual({
      safety: crisis,
      care: '{"in":"crisis"}',
      client: '{"held":true}',
      alerts: ['alert'],
      audit: 1,
    });
  });

  it('is stored with an admission that interrupts, beside the cancelled turn', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'cut', 'turn-1');

    await admit(bench.store, 'cut', 'turn-2', { ...carried, interrupt: true });

    expect(await kept(bench.store, 'cut')).toMatchObject({ safety: crisis, alerts: ['alert'], audit: 1 });
    expect(await bench.store.turn(lease, 'turn-1')).toMatchObject({ turn: { state: 'cancelled' } });
  });

  it('[P-6] is left alone by an admission that is a repeat, is decided again or is refused', async () => {
    await using bench = await open();
    const { store } = bench;
    await admit(store, 'left', 'turn', { inputId: 'input' });
    const before = await kept(store, 'left');

    const repeat = await store.admit(input('left', 'turn-2', { ...carried, inputId: 'input' }));
    const stale = await store.admit(input('left', 'turn-2', { ...carried, interrupt: true }));
    const busy = store.admit(input('left', 'turn-2', carried));
    await expect(busy).rejects.toMatchObject({ code: 'TURN_IN_PROGRESS' });
    const changed = store.admit(
      input('left', 'turn-2', { ...carried, inputId: 'input', userInput: 'another' }),
    );
    await expect(changed).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    const session = newSession('left', { owner: 'another' });
    const foreign = store.admit(input('left', 'turn-2', { ...carried, session }));
    await expect(foreign).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });

    expect([repeat.kind, stale.kind]).toEqual(['duplicate', 'stale']);
    expect(await kept(store, 'left')).toEqual(before);
    expect(before).toEqual({ safety: noRisk, care: '{}', client: null, alerts: [], audit: 0 });
  });

  it('is of one admission alone among concurrent ones', async () => {
    await using bench = await open();
    const requests = Array.from({ length: 20 }, (_, index) =>
      input('race', `turn-${index}`, {
        ...carried,
        inputId: 'input',
        care: String(index),
        alerts: [call(`alert-${index}`)],
      }),
    );

    const outcomes = await Promise.all(requests.map((request) => bench.store.admit(request)));

    const first = outcomes.findIndex(({ kind }) => kind === 'admitted');
    expect(await kept(bench.store, 'race')).toMatchObject({
      care: String(first),
      alerts: [`alert-${first}`],
      audit: 1,
    });
  });

  it('gets its safety and its facts from the end of a turn, where the end says so', async () => {
    await using bench = await open();
    const { store } = bench;
    const guarded = { ...crisis, guarded: true };
    const { lease } = await admit(store, 'ends', 'turn-1', { safety: crisis });
    await store.finish(lease, ending('turn-1', ''));
    const unsaid = await store.session(lease);
    const next = await admit(store, 'ends', 'turn-2', { safety: crisis, care: 'kept' });

    await store.finish(next.lease, { ...ending('turn-2', ''), safety: guarded, audit: [fact('end')] });
    const late = await store.finish(next.lease, { ...failure('turn-2', ''), audit: [fact('late')] });

    expect(unsaid?.safety).toEqual(crisis);
    expect(late).toBe('fenced');
    expect(await store.session(lease)).toMatchObject({ safety: guarded, care: 'kept' });
    expect((await wholeAudit(store)).map(({ body }) => body)).toEqual([
      expect.stringContaining('"ref":"end"'),
    ]);
  });

  it('is changed by a note, with who answers, the client, the alert and the facts, in one step', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'noted', 'turn', carried);
    await bench.advance(10);
    const human = { name: 'Ada', untilAt: 99 };

    const noted = await store.note(
      session,
      [disclosure('note')],
      { care: 'changed', human },
      {
        basis: session.version,
        alert: { alertId: 'alert', status: 'taken_over', actor: 'ada' },
        client: { client: 'client', care: 'too' },
        audit: [fact('note')],
      },
    );

    expect(noted).toBe('noted');
    expect(await store.session(session)).toMatchObject({
      care: 'changed',
      human,
      safety: crisis,
      lastSeq: 2,
    });
    expect(await store.clientCare('tenant', 'client')).toBe('too');
    expect(await store.alert('alert')).toMatchObject({ status: 'taken_over', actor: 'ada' });
    expect(await wholeAudit(store)).toHaveLength(2);
    await store.note(session, [], { care: null, human: null });
    expect(await store.session(session)).toMatchObject({ care: null, human: null });
  });

  it('is not changed by a note that was decided from another version', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'stale', 'turn', carried);
    const { version: basis } = session;
    const alert = { alertId: 'alert', status: 'cleared', actor: 'ada' } as const;
    const client = { client: 'client', care: 'no' };
    const note = (care: string) =>
      store.note(session, [disclosure(care)], { care }, { basis, alert, client, audit: [fact(care)] });

    const [first, second] = [await note('first'), await note('second')];

    expect([first, second]).toEqual(['noted', 'stale']);
    expect(await store.session(session)).toMatchObject({ care: 'first', version: basis + 1, lastSeq: 2 });
    expect(await wholeAudit(store)).toHaveLength(2);
  });

  it('is not touched by a note for a session that is gone', async () => {
    await using bench = await open();
    const { store } = bench;
    const other = await admit(store, 'other', 'turn', carried);
    const alert = { alertId: 'alert', status: 'cleared', actor: 'ada' } as const;

    const gone = await store.note(newSession('gone'), [], {}, { alert, audit: [fact('gone')] });

    expect(gone).toBe('gone');
    expect(await store.alert('alert')).toMatchObject({ status: 'open' });
    expect(await store.session(other.session)).toEqual(other.session);
    expect(await wholeAudit(store)).toHaveLength(1);
  });

  it('[S-7] of a client is kept by tenant', async () => {
    await using bench = await open();
    const { store } = bench;
    for (const tenant of ['a', 'b']) {
      const session = newSession('same', { tenant });
      await admit(store, 'same', 'turn', { session, client: { client: 'client', care: `of ${tenant}` } });
    }

    expect(await store.clientCare('a', 'client')).toBe('of a');
    expect(await store.clientCare('b', 'client')).toBe('of b');
    expect(await store.clientCare('c', 'client')).toBeNull();
    expect(await store.clientCare('a', 'Client')).toBeNull();
    expect(await store.clientCare('a","client', '')).toBeNull();
  });

  it('of a client is what its latest input left, and stays where an input says nothing of it', async () => {
    await using bench = await open();
    const { store } = bench;
    await admit(store, 'one', 'turn', { client: { client: 'client', care: 'first' } });
    await admit(store, 'two', 'turn', { client: { client: 'client', care: 'second' } });
    await admit(store, 'three', 'turn');

    expect(await store.clientCare('tenant', 'client')).toBe('second');
  });

  it('of a client goes with the session that left it, and with no other', async () => {
    await using bench = await open();
    const { store } = bench;
    await admit(store, 'one', 'turn', { client: { client: 'client', care: 'first' } });
    await admit(store, 'two', 'turn', { client: { client: 'client', care: 'second' } });

    await store.remove(newSession('one'));
    const left = await store.clientCare('tenant', 'client');
    await store.remove(newSession('two'));

    expect(left).toBe('second');
    expect(await store.clientCare('tenant', 'client')).toBeNull();
  });
}

export function escalationRestartCases(open: OpenStore): void {
  it('finds care, alerts, who answers and the audit after a restart', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'kept', 'turn', { ...carried, alerts: [call('a'), call('b')] });
    await store.note(session, [], { human: { name: 'Ada', untilAt: 99 } });
    await store.settleAlert('a', { tries: 3, nextAt: session.createdAt + 60_000 });
    const before = [await store.session(session), await store.alerts(null, 10), await wholeAudit(store)];

    const after = await bench.restart();

    expect([await after.session(session), await after.alerts(null, 10), await wholeAudit(after)]).toEqual(
      before,
    );
    expect(await after.clientCare('tenant', 'client')).toBe('{"held":true}');
    expect(idsOf(await after.dueAlerts(10))).toEqual(['b']);
    await bench.advance(61_000);
    expect(idsOf(await after.dueAlerts(10))).toEqual(['b', 'a']);
  });

  it('still knows after a restart that a turn waits for a person', async () => {
    await using bench = await open();
    const { lease } = await waits(bench.store, 'waits');

    const after = await bench.restart();
    await bench.advance(LEASE_MS + 1000);
    const [taken] = await after.takeOver('node-2', LEASE_MS, 10);

    expect(taken?.view.turn.plan.care.awaitsHuman).toBe(true);
    expect(await wholeLog(after, lease)).toHaveLength(1);
  });
}

/** Admits a turn that waits for a person. */
export function waits(store: Store, sessionId: string, turnId = 'turn') {
  const care = { ...plan.care, awaitsHuman: true };
  return admit(store, sessionId, turnId, { plan: { ...plan, care } });
}
