import { expect, it } from 'vitest';
import type { OpenStore } from './store-bench.ts';
import {
  admit,
  disclosure,
  endsOf,
  ending,
  input,
  LEASE_MS,
  newSession,
  replyOf,
  spoken,
  token,
  wholeLog,
} from './store-bench.ts';

const begun = { source: 'ollama', model: 'llama', phase: 'prompt' } as const;

export function ownershipCases(open: OpenStore): void {
  it('takes over nothing while leases hold', async () => {
    await using bench = await open();
    await admit(bench.store, 'held', 'turn');
    await bench.advance(LEASE_MS / 2);

    expect(await bench.store.takeOver('node-2', LEASE_MS, 10)).toEqual([]);
  });

  it('takes over a turn whose lease ran out, with its words and the next generation', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'lost', 'turn');
    await store.start(lease, begun);
    await store.append(lease, [token('turn', 0, 'half a sen')], LEASE_MS);
    await bench.advance(LEASE_MS + 1000);

    const taken = await store.takeOver('node-2', LEASE_MS, 10);

    expect(taken).toEqual([
      { session: await store.session(lease), view: await store.turn(lease, 'turn'), why: 'expired' },
    ]);
    expect(taken[0]?.view).toMatchObject({
      text: 'half a sen',
      turn: { generation: 2, state: 'running', attempts: 1 },
    });
    expect(await store.takeOver('node-3', LEASE_MS, 10)).toEqual([]);
  });

  it('takes over a turn in whose session more is asked for all the time', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await admit(store, 'busy', 'turn');
    for (let asked = 0; asked < 4; asked++) {
      await bench.advance(LEASE_MS / 2);
      const again = store.admit(input('busy', `next ${asked}`, { basis: session }));
      await expect(again).rejects.toMatchObject({ code: 'TURN_IN_PROGRESS' });
    }

    const taken = await store.takeOver('node-2', LEASE_MS, 10);

    expect(taken).toMatchObject([{ view: { turn: { turnId: 'turn', generation: 2 } } }]);
  });

  it('forgets no turn that is asked for just when its session is struck out', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'struck', 'turn');
    await store.finish(lease, ending('turn', ''));
    await bench.advance(LEASE_MS + 1000);
    const basis = await store.session(lease);
    if (!basis) throw new Error('the session is gone');
    await Promise.all([
      ...Array.from({ length: 20 }, (_, node) => store.takeOver(`node-${node}`, LEASE_MS, 10)),
      store.admit(input('struck', 'next', { basis })),
      ...Array.from({ length: 20 }, (_, node) => store.takeOver(`node-${node}`, LEASE_MS, 10)),
    ]);
    await bench.advance(LEASE_MS + 1000);

    const taken = await store.takeOver('node-2', LEASE_MS, 10);

    expect(taken).toMatchObject([{ view: { turn: { turnId: 'next', generation: 2 } } }]);
  });

  it('[P-5] fences the owner before, and lets the new one go on', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'zombie', 'turn');
    await store.append(lease, [token('turn', 0, 'half ')], LEASE_MS);
    await bench.advance(LEASE_MS + 1000);
    await store.takeOver('node-2', LEASE_MS, 10);

    expect(await store.append(lease, [token('turn', 5, 'zombie')], LEASE_MS)).toBe('fenced');
    expect(await store.start(lease, begun)).toBe('fenced');
    expect(await store.mark(lease, 'streaming', null)).toBe('fenced');
    expect(await store.finish(lease, ending('turn', 'half '))).toBe('fenced');
    expect(await store.renew([lease], LEASE_MS)).toEqual([lease]);
    const heir = { ...lease, generation: 2 };
    expect(await store.append(heir, [token('turn', 5, 'whole')], LEASE_MS)).toBe('appended');
    expect(await store.finish(heir, ending('turn', 'half whole'))).toBe('finished');
    expect(replyOf(await wholeLog(store, lease), 'turn')).toBe('half whole');
  });

  it('gives each leaseless turn to one of those who ask at once', async () => {
    await using bench = await open();
    const { store } = bench;
    await Promise.all(Array.from({ length: 10 }, (_, index) => admit(store, `orphan ${index}`, 'turn')));
    await bench.advance(LEASE_MS + 1000);

    const taken = await Promise.all(['a', 'b', 'c'].map((node) => store.takeOver(node, LEASE_MS, 4)));

    const names = taken.flat().map(({ session }) => session.sessionId);
    expect(names).toHaveLength(10);
    expect(new Set(names).size).toBe(10);
    for (const { view } of taken.flat()) expect(view.turn.generation).toBe(2);
  });

  it('takes over the oldest first, at most as many as asked for', async () => {
    await using bench = await open();
    for (const name of ['first', 'second', 'third']) {
      await admit(bench.store, name, 'turn');
      await bench.advance(10);
    }
    await bench.advance(LEASE_MS + 1000);

    const taken = await bench.store.takeOver('node-2', LEASE_MS, 2);

    expect(taken.map(({ session }) => session.sessionId)).toEqual(['first', 'second']);
  });

  it('renews a lease with every append and with renew', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease: said } = await admit(store, 'said', 'turn');
    const { lease: renewed } = await admit(store, 'renewed', 'turn');
    await admit(store, 'lost', 'turn');
    await bench.advance(LEASE_MS - 2000);
    await store.append(said, [token('turn', 0, 'a')], LEASE_MS);
    expect(await store.renew([renewed, { ...renewed, turnId: 'other' }], LEASE_MS)).toEqual([
      { ...renewed, turnId: 'other' },
    ]);
    await bench.advance(4000);

    const taken = await store.takeOver('node-2', LEASE_MS, 10);

    expect(taken.map(({ session }) => session.sessionId)).toEqual(['lost']);
  });

  it('lets a turn that was given back be taken at once', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'given', 'turn');

    await bench.store.release([lease, { ...lease, sessionId: 'unknown' }]);

    expect(await bench.store.takeOver('node-2', LEASE_MS, 10)).toMatchObject([{ why: 'released' }]);
  });

  it('takes over no ended turn', async () => {
    await using bench = await open();
    await spoken(bench.store, 'done', 'turn', ['a']);
    await admit(bench.store, 'cancelled', 'turn');
    await bench.store.cancel(newSession('cancelled'), null);
    await bench.advance(LEASE_MS + 1000);

    expect(await bench.store.takeOver('node-2', LEASE_MS, 10)).toEqual([]);
  });
}

export function restartCases(open: OpenStore): void {
  it('finds everything acknowledged after a restart', async () => {
    await using bench = await open();
    const { store } = bench;
    const ended = await spoken(store, 'ended', 'turn', ['one ', 'two']);
    const { session } = await store.create({ session: newSession('made'), createKey: 'key', idGiven: true });
    await store.note(session, [disclosure('note')], { status: 'completed' });
    const before = [await store.snapshot(ended, 10), await store.snapshot(session, 10)];
    const log = await wholeLog(store, ended);

    const after = await bench.restart();

    expect([await after.snapshot(ended, 10), await after.snapshot(session, 10)]).toEqual(before);
    expect(await wholeLog(after, ended)).toEqual(log);
    const again = { session: newSession('made', { epoch: 'epoch-2' }), createKey: 'key', idGiven: true };
    expect(await after.create(again)).toMatchObject({ created: false });
  });

  it('takes over a live turn and goes on in mid-sentence after a restart', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'cut', 'turn', { inputId: 'input' });
    await store.start(lease, begun);
    for (const [index, word] of ['half ', 'a ', 'sen'].entries()) {
      await store.append(lease, [token('turn', [0, 5, 7][index] ?? 0, word)], LEASE_MS);
    }
    const log = await wholeLog(store, lease);

    const after = await bench.restart();
    await bench.advance(LEASE_MS + 1000);
    const [taken] = await after.takeOver('node-2', LEASE_MS, 10);
    const heir = { ...lease, generation: taken?.view.turn.generation ?? 0 };
    const appended = await after.append(heir, [token('turn', 10, 'tence')], LEASE_MS);

    expect(taken?.view).toMatchObject({ text: 'half a sen', turn: { length: 10, lastSeq: 4, attempts: 1 } });
    expect(appended).toBe('appended');
    expect((await wholeLog(after, lease)).slice(0, log.length)).toEqual(log);
    expect(replyOf(await wholeLog(after, lease), 'turn')).toBe('half a sentence');
    expect(await after.admit(input('cut', 'turn-2', { inputId: 'input' }))).toMatchObject({
      kind: 'duplicate',
    });
  });

  it('finds a long reply whole after a restart, and again after a second one', async () => {
    await using bench = await open();
    const { lease: other } = await admit(bench.store, 'other', 'turn');
    await bench.store.append(other, [token('turn', 0, 'just begun')], LEASE_MS);
    const { lease } = await admit(bench.store, 'long', 'turn');
    const words = Array.from({ length: 700 }, (_, index) => token('turn', index, String(index % 10)));
    await Promise.all(words.map((word) => bench.store.append(lease, [word], LEASE_MS)));
    await bench.store.note(lease, [disclosure('in between')], {});
    const log = await wholeLog(bench.store, lease);

    await bench.restart();
    const after = await bench.restart();

    expect(await wholeLog(after, lease)).toEqual(log);
    expect((await after.snapshot(lease, 1))?.live?.text).toHaveLength(700);
    expect((await after.snapshot(other, 1))?.live?.text).toBe('just begun');
    expect(await after.cancel(lease, null)).toMatchObject({ wasLive: true });
    expect(endsOf(await wholeLog(after, lease), 'turn')).toHaveLength(1);
  });

  it('[S-6] still knows after a restart that a removed session is gone', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'gone', 'turn');
    await bench.store.append(lease, [token('turn', 0, 'words')], LEASE_MS);
    await bench.store.remove(lease);

    const after = await bench.restart();

    expect(await after.session(lease)).toBeUndefined();
    expect(await after.takeOver('node', LEASE_MS, 10)).toEqual([]);
    expect(await after.list('tenant', null, null, 10)).toMatchObject({ total: 0 });
  });

  it('[S-6] refuses an epoch that is over', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'again', 'turn');
    await bench.store.remove(lease);

    const after = await bench.restart();

    await expect(
      after.create({ session: newSession('again'), createKey: null, idGiven: true }),
    ).rejects.toThrow(/epoch/);
  });
}
