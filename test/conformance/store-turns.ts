import { expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import type { OpenStore } from './store-bench.ts';
import {
  admit,
  disclosure,
  done,
  endsOf,
  ending,
  failure,
  LEASE_MS,
  newSession,
  plan,
  replyOf,
  reset,
  spoken,
  token,
  wholeLog,
} from './store-bench.ts';

const ROUNDS = 15;
const begun = { source: 'ollama', model: 'llama', phase: 'prompt' } as const;

export function turnCases(open: OpenStore): void {
  it('counts model runs, and those since text was last added', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'runs', 'turn');

    await store.start(lease, begun);
    await bench.advance(10);
    const second = await store.start(lease, { ...begun, source: 'guide' });
    await store.append(lease, [token('turn', 0, 'word')], LEASE_MS);
    const view = await store.turn(lease, 'turn');

    expect(second).toMatchObject({ state: 'running', source: 'guide', model: 'llama', phase: 'prompt' });
    expect(second).toMatchObject({ attempts: 2, idleAttempts: 2, firstTextAt: null });
    expect(view?.turn).toMatchObject({ attempts: 2, idleAttempts: 0, length: 4 });
    expect(view?.turn.firstTextAt).toBeGreaterThanOrEqual(view?.turn.beganAt ?? Infinity);
  });

  it('says what a turn is doing, to followers too, without an entry', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease, turn } = await admit(store, 'marks', 'turn');
    await bench.advance(50);

    expect(await store.mark(lease, 'queued', 3)).toBe('marked');
    const queued = await store.read(lease, 0, 10);
    expect(await store.mark(lease, 'loading', null)).toBe('marked');
    const loading = await store.read(lease, 0, 10);

    expect(queued?.live).toMatchObject({ phase: 'queued', position: 3, phaseAt: turn.phaseAt });
    expect(loading?.live).toMatchObject({ phase: 'loading', position: null });
    expect(loading?.live?.phaseAt).toBeGreaterThan(turn.phaseAt);
    expect(loading?.head).toBe(1);
  });

  it('counts a done turn for the session, and commits its progress with the end', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'done', 'turn');
    const last = {
      ...ending('turn', 'all of it'),
      entries: [token('turn', 0, 'all of it'), done('turn', 'all of it')],
    };

    expect(await store.finish(lease, { ...last, completes: true })).toBe('finished');

    const session = await store.session(lease);
    expect(session).toMatchObject({ turnCount: 1, progress: plan.progress, status: 'completed', lastSeq: 3 });
    const view = await store.turn(lease, 'turn');
    expect(view).toMatchObject({ text: 'all of it', end: { seq: 3, event: 'therapist:done' } });
    expect(view?.turn).toMatchObject({ state: 'done', lastSeq: 3, length: 9, position: null });
    expect(view?.turn.endedAt).not.toBeNull();
    expect((await store.read(lease, 0, 10))?.live).toBeNull();
  });

  it('does not count a failed turn, and keeps its text and the progress before', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease, session } = await admit(store, 'failed', 'turn');
    await store.append(lease, [token('turn', 0, 'so far')], LEASE_MS);

    await store.finish(lease, failure('turn', 'so far'));

    expect(await store.session(lease)).toMatchObject({ turnCount: 0, progress: session.progress });
    expect(await store.turn(lease, 'turn')).toMatchObject({ text: 'so far', turn: { state: 'failed' } });
  });

  it.each(['done', 'failed'] as const)(
    'leaves a completed session completed when a turn is %s',
    async (state) => {
      await using bench = await open();
      const { store } = bench;
      const { lease } = await admit(store, 'completed', 'turn');
      await store.note(lease, [], { status: 'completed' });

      await store.finish(lease, state === 'done' ? ending('turn', '') : failure('turn', ''));

      expect(await store.session(lease)).toMatchObject({ status: 'completed' });
    },
  );

  it('appends what the end changes behind the end entry', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'after', 'turn');

    await store.finish(lease, {
      ...ending('turn', ''),
      entries: [done('turn', ''), disclosure('afterwards')],
    });

    expect((await wholeLog(store, lease)).map(({ event }) => event)).toEqual([
      'turn:started',
      'therapist:done',
      'disclosure',
    ]);
    expect(await store.turn(lease, 'turn')).toMatchObject({ turn: { lastSeq: 2 }, end: { seq: 2 } });
  });

  it('[P-8] finishes a turn once', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'once', 'turn');

    const outcomes = await Promise.all([1, 2, 3].map(() => bench.store.finish(lease, ending('turn', ''))));

    expect(outcomes).toEqual(['finished', 'fenced', 'fenced']);
    expect(endsOf(await wholeLog(bench.store, lease), 'turn')).toHaveLength(1);
  });

  it('[P-7] cancels a queued turn', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'queued', 'turn');

    const cancelled = await bench.store.cancel(lease, 'turn');

    expect(cancelled).toEqual({ turnId: 'turn', state: 'cancelled', wasLive: true });
    expect(await bench.store.start(lease, begun)).toBe('fenced');
    expect(await bench.store.mark(lease, 'loading', null)).toBe('fenced');
  });

  it('[P-7] cancels a running turn with its text so far, and lets nothing be appended afterwards', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'running', 'turn');
    await store.start(lease, begun);
    await store.append(lease, [token('turn', 0, 'so '), token('turn', 3, 'far')], LEASE_MS);

    const cancelled = await store.cancel(lease, null);

    expect(cancelled).toEqual({ turnId: 'turn', state: 'cancelled', wasLive: true });
    expect(await store.append(lease, [token('turn', 6, '!')], LEASE_MS)).toBe('fenced');
    expect(await store.append({ ...lease, generation: 2 }, [token('turn', 6, '!')], LEASE_MS)).toBe('fenced');
    expect(await store.finish(lease, ending('turn', 'so far'))).toBe('fenced');
    expect((await wholeLog(store, lease)).at(-1)).toEqual({
      seq: 4,
      event: 'turn:cancelled',
      data: { turn_id: 'turn', text: 'so far' },
    });
    expect(await store.turn(lease, 'turn')).toMatchObject({ turn: { state: 'cancelled', generation: 2 } });
  });

  it('[P-7] tells the state of an ended turn and changes nothing', async () => {
    await using bench = await open();
    const { store } = bench;
    const lease = await spoken(store, 'ended', 'turn', ['words']);
    const before = await store.session(lease);

    expect(await store.cancel(lease, 'turn')).toEqual({ turnId: 'turn', state: 'done', wasLive: false });
    expect(await store.session(lease)).toEqual(before);
  });

  it('refuses to cancel what is not there', async () => {
    await using bench = await open();
    const { store } = bench;
    const lease = await spoken(store, 'idle', 'turn', []);

    await expect(store.cancel(lease, null)).rejects.toMatchObject({ code: 'TURN_NOT_FOUND' });
    await expect(store.cancel(lease, 'other')).rejects.toMatchObject({ code: 'TURN_NOT_FOUND' });
    await expect(store.cancel(newSession('no'), null)).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
  });

  it('leaves the live turn alone when an ended one is cancelled', async () => {
    await using bench = await open();
    await spoken(bench.store, 'two', 'turn-1', []);
    const { lease } = await admit(bench.store, 'two', 'turn-2');

    await bench.store.cancel(lease, 'turn-1');

    expect(await bench.store.append(lease, [token('turn-2', 0, 'on')], LEASE_MS)).toBe('appended');
  });

  it('[P-8] makes one end entry of racing cancels, finishes, takeovers and interrupts, and tells all the same', async () => {
    await using bench = await open();
    const { store } = bench;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { lease, session } = await admit(store, `race ${round}`, 'turn');
      await store.append(lease, [token('turn', 0, 'text')], LEASE_MS);
      await bench.advance(2 * LEASE_MS);

      const [finished, cancels] = await race(store, lease, round);

      const ends = endsOf(await wholeLog(store, lease), 'turn');
      const state = (await store.turn(session, 'turn'))?.turn.state;
      expect(ends).toHaveLength(1);
      expect(ends[0]?.event).toBe(finished === 'finished' ? 'therapist:done' : 'turn:cancelled');
      for (const cancel of cancels) expect(cancel).toMatchObject({ turnId: 'turn', state });
      expect(cancels.filter(({ wasLive }) => wasLive)).toHaveLength(finished === 'finished' ? 0 : 1);
    }
  });

  it('[P-8] ends a turn once when its session is removed meanwhile', async () => {
    await using bench = await open();
    const { store } = bench;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { lease } = await admit(store, `removed ${round}`, 'turn');
      const steps = [() => store.remove(lease), () => store.finish(lease, ending('turn', ''))];
      if (round % 2 === 0) steps.reverse();

      await Promise.all(steps.map((step) => step()));

      expect(await store.session(lease)).toBeUndefined();
      expect(await store.takeOver('node', LEASE_MS, 10)).toEqual([]);
    }
  });

  it('makes the reply exactly the text of a reset', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'reset', 'turn');

    await store.append(lease, [token('turn', 0, 'wrong start')], LEASE_MS);
    await store.append(lease, [reset('turn', 'wro')], LEASE_MS);
    const kept = await store.turn(lease, 'turn');
    await store.append(lease, [reset('turn', ''), token('turn', 0, 'right')], LEASE_MS);

    expect(kept).toMatchObject({ text: 'wro', turn: { length: 3 } });
    expect(await store.turn(lease, 'turn')).toMatchObject({ text: 'right', turn: { length: 5 } });
    expect(replyOf(await wholeLog(store, lease), 'turn')).toBe('right');
  });

  it('pages the history backwards, newest last, live turns too', async () => {
    await using bench = await open();
    const { store } = bench;
    for (const n of [1, 2, 3, 4]) await spoken(store, 'history', `turn-${n}`, [`reply ${n}`]);
    const { lease } = await admit(store, 'history', 'turn-5');
    await store.append(lease, [token('turn-5', 0, 'half')], LEASE_MS);

    const last = await store.turns(lease, null, 2);
    const middle = await store.turns(lease, 4, 2);
    const first = await store.turns(lease, 2, 2);

    expect(last?.map(({ text }) => text)).toEqual(['reply 4', 'half']);
    expect(middle?.map(({ turn }) => turn.n)).toEqual([2, 3]);
    expect(first?.map(({ turn }) => turn.n)).toEqual([1]);
    expect(last?.at(-1)).toMatchObject({ end: null, turn: { state: 'queued' } });
    expect(await store.turns(lease, 1, 2)).toEqual([]);
  });

  it('[P-9] shows the whole of a session as of one moment', async () => {
    await using bench = await open();
    const { store } = bench;
    for (const n of [1, 2, 3]) await spoken(store, 'whole', `turn-${n}`, [`reply ${n}`]);
    const { lease } = await admit(store, 'whole', 'turn-4');
    await store.append(lease, [token('turn-4', 0, 'ha'), token('turn-4', 2, 'lf')], LEASE_MS);

    const snapshot = await store.snapshot(lease, 2);

    const log = await wholeLog(store, lease);
    expect(snapshot?.session.lastSeq).toBe(log.at(-1)?.seq);
    expect(snapshot?.turns.map(({ text }) => text)).toEqual(['reply 2', 'reply 3']);
    expect(snapshot?.live).toMatchObject({ text: 'half', end: null, turn: { turnId: 'turn-4' } });
  });

  it('[P-9] shows the latest disclosure and the latest resources, ascending', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'notices', 'turn');
    const resources = { turn_id: 'turn', level: 'active', resources: [] } as const;
    await store.note(lease, [disclosure('first')], {});
    await store.note(lease, [{ event: 'safety:resources', data: { ...resources, resources: [] } }], {});
    await store.note(lease, [disclosure('second')], {});

    const snapshot = await store.snapshot(lease, 10);

    expect(snapshot?.notices.map(({ seq, event }) => [seq, event])).toEqual([
      [3, 'safety:resources'],
      [4, 'disclosure'],
    ]);
    expect(snapshot?.notices[1]?.data).toMatchObject({ text: 'second' });
  });

  it('[P-9] shows what people said since the first of the turns', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'people', 'turn');
    const said = (text: string) => ({ event: 'human:message', data: { text, name: 'Ann' } }) as const;
    await store.note(lease, [said('first'), disclosure('between'), said('second')], {});

    const snapshot = await store.snapshot(lease, 10);

    expect(snapshot?.notices.map(({ data }) => data)).toMatchObject([
      { text: 'first', name: 'Ann' },
      { text: 'between' },
      { text: 'second' },
    ]);
  });
}

/** Everything that can end a turn at once, in an order that differs by round. */
async function race(store: Store, lease: Parameters<Store['finish']>[0], round: number) {
  let finished: string | undefined;
  const cancels: Awaited<ReturnType<Store['cancel']>>[] = [];
  const steps = [
    async () => {
      finished = await store.finish(lease, ending('turn', 'text'));
    },
    async () => {
      cancels.push(await store.cancel(lease, 'turn'));
    },
    async () => {
      await store.takeOver('node', LEASE_MS, 10);
    },
    async () => {
      cancels.push(await store.cancel(lease, 'turn'));
    },
  ];
  const turned = [...steps.slice(round % steps.length), ...steps.slice(0, round % steps.length)];
  await Promise.all(turned.map((step) => step()));
  return [finished, cancels] as const;
}
