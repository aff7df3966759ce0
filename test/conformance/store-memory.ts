import { expect, it } from 'vitest';
import type { Lease, Store } from '../../src/store/store.ts';
import type { OpenStore } from './store-bench.ts';
import {
  admit,
  disclosure,
  ending,
  failure,
  LEASE_MS,
  newSession,
  plan,
  spoken,
  token,
} from './store-bench.ts';

/** A finish that leaves this memory. */
function remembering(turnId: string, memory: string): Parameters<Store['finish']>[1] {
  return { ...ending(turnId, ''), after: { progress: plan.progress, memory } };
}

/** A session whose first turn left this memory. */
async function remembered(store: Store, sessionId: string, memory: string): Promise<Lease> {
  const { lease } = await admit(store, sessionId, 'turn-1');
  await store.finish(lease, remembering('turn-1', memory));
  return lease;
}

/** Ends of a turn that leave no memory. */
const ends: [how: string, end: (store: Store, lease: Lease) => Promise<unknown>][] = [
  ['failed', (store, lease) => store.finish(lease, failure(lease.turnId, ''))],
  ['cancelled', (store, lease) => store.cancel(lease, lease.turnId)],
  ['interrupted', (store, lease) => admit(store, lease.sessionId, 'turn-3', { interrupt: true })],
];

export function memoryCases(open: OpenStore): void {
  it('has none before the first turn is done', async () => {
    await using bench = await open();
    const { store } = bench;
    const made = await store.create({ session: newSession('made'), createKey: null, idGiven: true });
    const { session, lease } = await admit(store, 'said', 'turn');
    await store.append(lease, [token('turn', 0, 'words')], LEASE_MS);

    expect(made.session.memory).toBeNull();
    expect(session.memory).toBeNull();
    expect(await store.session(lease)).toMatchObject({ memory: null });
  });

  it('is committed with the end of a done turn, and the next turn begins with it', async () => {
    await using bench = await open();
    const lease = await remembered(bench.store, 'done', 'first');
    const next = await admit(bench.store, 'done', 'turn-2');
    await bench.store.finish(next.lease, remembering('turn-2', 'second'));

    expect(next.session.memory).toBe('first');
    expect(await bench.store.session(lease)).toMatchObject({ memory: 'second', turnCount: 2 });
  });

  it('is not kept a second time with a turn that has ended', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'once', 'turn', { plan: { ...plan, memory: 'first' } });
    const live = await bench.store.turn(lease, 'turn');
    await bench.store.finish(lease, remembering('turn', 'first'));
    const ended = await bench.store.turn(lease, 'turn');

    expect([live?.turn.plan.memory, ended?.turn.plan.memory]).toEqual(['first', '']);
    expect(await bench.store.session(lease)).toMatchObject({ memory: 'first' });
  });

  it.each(ends)('stays as it was when a turn is %s', async (_, end) => {
    await using bench = await open();
    await remembered(bench.store, 'kept', 'first');
    const { lease } = await admit(bench.store, 'kept', 'turn-2');

    await end(bench.store, lease);
    const late = await bench.store.finish(lease, remembering('turn-2', 'late'));

    expect(late).toBe('fenced');
    expect(await bench.store.session(lease)).toMatchObject({ memory: 'first', turnCount: 1 });
  });

  it('stays as it was when something is noted', async () => {
    await using bench = await open();
    const lease = await remembered(bench.store, 'noted', 'first');

    await bench.store.note(lease, [disclosure('note')], { status: 'completed' });

    expect(await bench.store.session(lease)).toMatchObject({ memory: 'first', status: 'completed' });
  });

  it('[S-6] goes with its session: one made later under the id has none', async () => {
    await using bench = await open();
    const { store } = bench;
    await remembered(store, 'gone', 'first');
    const { lease } = await admit(store, 'gone', 'turn-2');
    await store.remove(lease);
    const fresh = newSession('gone', { epoch: 'epoch-2' });
    await store.create({ session: fresh, createKey: null, idGiven: true });

    expect(await store.finish(lease, remembering('turn-2', 'late'))).toBe('fenced');
    expect(await store.session(fresh)).toMatchObject({ memory: null });
  });

  it('is of one session alone', async () => {
    await using bench = await open();
    const other = await spoken(bench.store, 'other', 'turn', []);
    await remembered(bench.store, 'mine', 'mine alone');

    expect(await bench.store.session(other)).toMatchObject({ memory: plan.memory });
  });

  it('is in a snapshot, and with a turn that is taken over', async () => {
    await using bench = await open();
    const { store } = bench;
    const lease = await remembered(store, 'taken', 'first');
    await admit(store, 'taken', 'turn-2');
    await bench.advance(LEASE_MS + 1000);

    const [taken] = await store.takeOver('node-2', LEASE_MS, 10);

    expect(taken?.session.memory).toBe('first');
    expect(taken?.view.turn.plan.memory).toBe(plan.memory);
    expect((await store.snapshot(lease, 10))?.session.memory).toBe('first');
  });
}

export function memoryRestartCases(open: OpenStore): void {
  it('keeps a memory of any text and many KB after a restart', async () => {
    await using bench = await open();
    const memory = JSON.stringify({ said: '\u0000 "quoted" \\ \u2028 é e\u0301 \u{1F9D8}\n'.repeat(2_000) });
    const lease = await remembered(bench.store, 'large', memory);

    const after = await bench.restart();

    expect((await after.session(lease))?.memory).toBe(memory);
  });
}
