import { expect, it } from 'vitest';
import type { AlertRecord } from '../../src/store/escalation.ts';
import type { OpenStore } from './store-bench.ts';
import { admit, call, newSession } from './store-bench.ts';

export const idsOf = (alerts: AlertRecord[]): string[] => alerts.map(({ alertId }) => alertId);

export function alertCases(open: OpenStore): void {
  it('are found as they were called, open and due', async () => {
    await using bench = await open();
    const { store } = bench;
    const said = call('alert', { level: 'plan', urgency: 'immediate', body: '{"z":"\u2028 ü"}' });

    const { session, turn } = await admit(store, 'calls', 'turn', { alerts: [said] });

    const { tenant, sessionId, epoch } = session;
    const { isSent: _, ...asCalled } = said;
    expect(await store.alert('alert')).toEqual({
      ...asCalled,
      session: { tenant, sessionId, epoch },
      at: turn.startedAt,
      status: 'open',
      actor: null,
      statusAt: null,
      delivery: 'pending',
      tries: 0,
      nextAt: turn.startedAt,
      alarmedAt: null,
    });
    expect(await store.alert('other')).toBeUndefined();
  });

  it('are called once, although an id comes again', async () => {
    await using bench = await open();
    const { store } = bench;
    await admit(store, 'once', 'turn', { alerts: [call('alert')] });
    const before = await store.alert('alert');
    await bench.advance(1000);

    const { session } = await admit(store, 'again', 'turn', {
      alerts: [call('alert', { level: 'plan' }), call('other')],
    });

    expect(session.lastTurn).toBe(1);
    expect(await store.alert('alert')).toEqual(before);
    expect(idsOf(await store.alerts(null, 10))).toEqual(['other', 'alert']);
  });

  it('are listed latest first, by status, at most as many as asked for', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'one', 'turn', { alerts: [call('a'), call('b')] });
    await admit(store, 'two', 'turn', { alerts: [call('c')] });
    await store.note(session, [], {}, { alert: { alertId: 'a', status: 'acknowledged', actor: 'ada' } });

    expect(idsOf(await store.alerts(null, 10))).toEqual(['c', 'b', 'a']);
    expect(idsOf(await store.alerts(null, 2))).toEqual(['c', 'b']);
    expect(idsOf(await store.alerts('open', 10))).toEqual(['c', 'b']);
    expect(idsOf(await store.alerts('acknowledged', 10))).toEqual(['a']);
    expect(await store.alerts('cleared', 10)).toEqual([]);
  });

  it('say who changed their status, and when', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'changed', 'turn', { alerts: [call('alert')] });
    const at = (await store.alert('alert'))?.at ?? 0;
    await bench.advance(5000);

    await store.note(session, [], {}, { alert: { alertId: 'alert', status: 'acknowledged', actor: 'ada' } });

    const alert = await store.alert('alert');
    expect(alert).toMatchObject({ status: 'acknowledged', actor: 'ada', delivery: 'pending' });
    expect(alert?.statusAt).toBeGreaterThan(at);
  });

  it('[S-7] are not changed by a note on another session', async () => {
    await using bench = await open();
    const { store } = bench;
    await admit(store, 'mine', 'turn', { alerts: [call('alert')] });
    const { session } = await admit(store, 'other', 'turn');

    await store.note(session, [], {}, { alert: { alertId: 'alert', status: 'cleared', actor: 'eve' } });
    await store.note(session, [], {}, { alert: { alertId: 'none', status: 'cleared', actor: 'eve' } });

    expect(await store.alert('alert')).toMatchObject({ status: 'open', actor: null });
  });

  it('are due by the time of their next delivery, the longest first, until they are settled', async () => {
    await using bench = await open();
    const { store } = bench;
    const alerts = [call('a'), call('b'), call('c'), call('d'), call('off', { isSent: false })];
    const { turn } = await admit(store, 'due', 'turn', { alerts });
    const now = turn.startedAt;
    expect(idsOf(await store.dueAlerts(3))).toEqual(['a', 'b', 'c']);

    await store.settleAlert('a', { tries: 1, nextAt: now + 2000.5 });
    await store.settleAlert('b', { tries: 1, nextAt: now + 1000 });
    await store.settleAlert('c', { delivery: 'sent', tries: 1 });
    await store.settleAlert('d', { delivery: 'dead', tries: 9 });
    const none = await store.dueAlerts(10);
    await bench.advance(1000);
    const first = await store.dueAlerts(10);
    await bench.advance(2000);

    expect(idsOf(none)).toEqual([]);
    expect(idsOf(first)).toEqual(['b']);
    expect(await store.dueAlerts(10)).toMatchObject([
      { alertId: 'b', tries: 1, nextAt: now + 1000 },
      { alertId: 'a', tries: 1, nextAt: now + 2000.5 },
    ]);
    expect(await store.alert('off')).toMatchObject({ delivery: 'off' });
  });

  it('that came together keep their order, whatever their ids', async () => {
    await using bench = await open();
    const { store } = bench;

    await admit(store, 'together', 'turn', { alerts: [call('z'), call('a'), call('m')] });

    expect(idsOf(await store.dueAlerts(10))).toEqual(['z', 'a', 'm']);
    expect(idsOf(await store.waitingAlerts(10))).toEqual(['z', 'a', 'm']);
    expect(idsOf(await store.alerts('open', 10))).toEqual(['m', 'a', 'z']);
  });

  it('are claimed by one caller alone, until the time is over, and are not due meanwhile', async () => {
    await using bench = await open();
    const { store } = bench;
    await admit(store, 'claimed', 'turn', { alerts: [call('a'), call('b')] });

    const claims = await Promise.all(Array.from({ length: 5 }, () => store.claimAlert('a', 10_000)));
    const due = await store.dueAlerts(1);
    await bench.advance(9000);
    const early = await store.claimAlert('a', 10_000);
    await bench.advance(1000);

    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(idsOf(due)).toEqual(['b']);
    expect(early).toBe(false);
    expect(idsOf(await store.dueAlerts(10))).toEqual(['a', 'b']);
    expect(await store.claimAlert('a', 10_000)).toBe(true);
  });

  it('are free again when they are settled, whatever is said of them, and not by what somebody does', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'settled', 'turn', { alerts: [call('alert')] });
    await store.claimAlert('alert', 10_000);
    await store.note(session, [], {}, { alert: { alertId: 'alert', status: 'acknowledged', actor: 'ada' } });
    const noted = await store.claimAlert('alert', 10_000);
    const before = await store.alert('alert');

    const isThere = await store.settleAlert('alert', {});

    expect([noted, isThere]).toEqual([false, true]);
    expect(await store.alert('alert')).toEqual(before);
    expect(idsOf(await store.dueAlerts(10))).toEqual(['alert']);
    expect(await store.claimAlert('alert', 10_000)).toBe(true);
  });

  it('that are not there are claimed by nobody', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'gone', 'turn', { alerts: [call('gone')] });
    await store.remove(session);

    expect(await store.claimAlert('gone', 10_000)).toBe(false);
    expect(await store.claimAlert('never', 10_000)).toBe(false);
  });

  it('keep what was said of them when something else is settled', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'kept', 'turn', { alerts: [call('alert')] });
    await store.note(session, [], {}, { alert: { alertId: 'alert', status: 'acknowledged', actor: 'ada' } });

    expect(await store.settleAlert('alert', { alarmedAt: 7 })).toBe(true);
    expect(await store.settleAlert('alert', { delivery: 'sent', tries: 2 })).toBe(true);

    expect(await store.alert('alert')).toMatchObject({
      status: 'acknowledged',
      actor: 'ada',
      alarmedAt: 7,
      delivery: 'sent',
      tries: 2,
    });
  });

  it('[S-6] are gone with their session, whatever comes later', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'gone', 'turn', { alerts: [call('alert')] });
    await admit(store, 'stays', 'turn', { alerts: [call('stays')] });

    await store.remove(session);

    expect(await store.alert('alert')).toBeUndefined();
    expect(idsOf(await store.alerts(null, 10))).toEqual(['stays']);
    expect(idsOf(await store.dueAlerts(10))).toEqual(['stays']);
    expect(await store.settleAlert('alert', { delivery: 'sent' })).toBe(false);
    const fresh = newSession('gone', { epoch: 'epoch-2' });
    await admit(store, 'gone', 'turn', { session: fresh });
    expect(idsOf(await store.alerts(null, 10))).toEqual(['stays']);
  });
}
