import { expect, it } from 'vitest';
import type { SessionSafety } from '../../src/contract/types.ts';
import type { OpenStore } from './store-bench.ts';
import {
  admit,
  endsOf,
  ending,
  failure,
  input,
  LEASE_MS,
  newSession,
  noRisk,
  plan,
  replyOf,
  spoken,
  started,
  token,
  wholeLog,
} from './store-bench.ts';

export function admissionCases(open: OpenStore): void {
  it('makes the session, the turn and its entries in one step', async () => {
    await using bench = await open();
    const safety: SessionSafety = { ...noRisk, level: 'passive', mode: 'support', reason_codes: ['wish'] };

    const { session, turn, interrupted } = await admit(bench.store, 'new', 'turn', {
      safety,
      inputId: 'input',
    });

    expect(interrupted).toBeNull();
    expect(session).toMatchObject({ lastSeq: 1, lastTurn: 1, turnCount: 0, safety });
    expect(turn).toMatchObject({
      turnId: 'turn',
      n: 1,
      state: 'queued',
      generation: 1,
      firstSeq: 1,
      lastSeq: 1,
    });
    expect(turn).toMatchObject({
      inputId: 'input',
      userInput: 'hello',
      plan,
      length: 0,
      endedAt: null,
      attempts: 0,
    });
    expect(await bench.store.session(session)).toEqual(session);
    expect(await bench.store.read(session, 0, 10)).toEqual({
      entries: [{ seq: 1, ...started('turn') }],
      head: 1,
      live: turn,
    });
  });

  it('appends to a session that was created before', async () => {
    await using bench = await open();
    const { session } = await bench.store.create({
      session: newSession('old'),
      createKey: null,
      idGiven: true,
    });

    const admitted = await admit(bench.store, 'old', 'turn');

    expect(admitted.session.createdAt).toBe(session.createdAt);
    expect(admitted.session.version).toBeGreaterThan(session.version);
  });

  it('makes one session and one turn of concurrent first inputs', async () => {
    await using bench = await open();
    const requests = Array.from({ length: 20 }, (_, index) => input('race', `turn-${index}`));

    const outcomes = await Promise.allSettled(requests.map((request) => bench.store.admit(request)));

    const admitted = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(admitted).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'TURN_IN_PROGRESS' });
    }
    expect(await wholeLog(bench.store, newSession('race'))).toHaveLength(1);
  });

  it('[P-11] refuses an input to the session of another owner', async () => {
    await using bench = await open();
    await admit(bench.store, 'mine', 'turn', { inputId: 'input' });

    const foreign = input('mine', 'turn-2', {
      session: newSession('mine', { owner: 'another' }),
      inputId: 'input',
      interrupt: true,
    });

    await expect(bench.store.admit(foreign)).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });
    expect(await wholeLog(bench.store, newSession('mine'))).toHaveLength(1);
  });

  it('[P-6] returns the turn of an input that comes again, live or ended', async () => {
    await using bench = await open();
    const { store } = bench;
    const first = await admit(store, 'again', 'turn', { inputId: 'input' });
    const repeat = input('again', 'turn-2', { inputId: 'input', interrupt: true });

    const live = await store.admit(repeat);
    await store.finish(first.lease, ending('turn', ''));
    const ended = await store.admit(repeat);

    expect(live).toMatchObject({ kind: 'duplicate', turn: first.turn });
    expect(ended).toMatchObject({ kind: 'duplicate', turn: { turnId: 'turn', state: 'done' } });
    expect(await store.turn(newSession('again'), 'turn-2')).toBeUndefined();
  });

  it('[P-6] makes one turn of concurrent inputs with one id', async () => {
    await using bench = await open();
    const requests = Array.from({ length: 20 }, (_, i) => input('once', `turn-${i}`, { inputId: 'input' }));

    const outcomes = await Promise.all(requests.map((request) => bench.store.admit(request)));

    expect(outcomes.filter(({ kind }) => kind === 'admitted')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'duplicate')).toHaveLength(19);
    expect(await wholeLog(bench.store, newSession('once'))).toHaveLength(1);
  });

  it('[P-6] refuses an input id that came with another text, also while a turn is live', async () => {
    await using bench = await open();
    await admit(bench.store, 'other', 'turn', { inputId: 'input' });

    const changed = bench.store.admit(input('other', 'turn-2', { inputId: 'input', userInput: 'else' }));

    await expect(changed).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  });

  it.each(['__proto__', 'constructor', 'a\u0000b', '\u{1F9D8}', 'x'.repeat(10_000)])(
    'finds the turn of the input id %j',
    async (inputId) => {
      await using bench = await open();
      await admit(bench.store, 'ids', 'turn', { inputId });

      expect(await bench.store.turnOfInput(newSession('ids'), inputId)).toMatchObject({
        turn: { turnId: 'turn' },
      });
      expect(await bench.store.turnOfInput(newSession('ids'), `${inputId} `)).toBeUndefined();
    },
  );

  it('takes inputs without an id as often as they come', async () => {
    await using bench = await open();
    await spoken(bench.store, 'plain', 'turn-1', ['a']);

    const { turn } = await admit(bench.store, 'plain', 'turn-2');

    expect(turn).toMatchObject({ n: 2, turnId: 'turn-2' });
  });

  it('[P-6] refuses a second turn while one is live, before it looks at the basis', async () => {
    await using bench = await open();
    await admit(bench.store, 'busy', 'turn');

    const second = bench.store.admit(input('busy', 'turn-2', { basis: { epoch: 'none', version: 99 } }));

    await expect(second).rejects.toMatchObject({ code: 'TURN_IN_PROGRESS' });
  });

  it('[P-12] interrupts the live turn in the same step, its end before the new entries', async () => {
    await using bench = await open();
    const { store } = bench;
    const first = await admit(store, 'cut', 'turn-1');
    await store.append(first.lease, [token('turn-1', 0, 'half a sen')], LEASE_MS);

    const second = await admit(store, 'cut', 'turn-2', { interrupt: true });

    expect(second).toMatchObject({ interrupted: 'turn-1', turn: { n: 2, firstSeq: 4 } });
    const log = await wholeLog(store, first.lease);
    expect(log.map(({ event }) => event)).toEqual([
      'turn:started',
      'therapist:token',
      'turn:cancelled',
      'turn:started',
    ]);
    expect(replyOf(log, 'turn-1')).toBe('half a sen');
    expect(await store.append(first.lease, [token('turn-1', 10, 'tence')], LEASE_MS)).toBe('fenced');
    expect(await store.turn(first.lease, 'turn-1')).toMatchObject({
      turn: { state: 'cancelled' },
      text: 'half a sen',
    });
  });

  it('lets nothing come between an interrupted turn and the one that interrupts it', async () => {
    await using bench = await open();
    const { store } = bench;
    const first = await admit(store, 'tight', 'turn-0');
    const basis = { epoch: first.session.epoch, version: first.session.version };

    await Promise.all([
      store.append(first.lease, [token('turn-0', 0, 'a')], LEASE_MS),
      store.admit(input('tight', 'turn-1', { basis, interrupt: true })),
      store.append(first.lease, [token('turn-0', 1, 'b')], LEASE_MS),
      store.note(first.lease, [{ event: 'disclosure', data: { text: 'note', prominence: 'once' } }], {}),
    ]);

    const log = await wholeLog(store, first.lease);
    const [end] = endsOf(log, 'turn-0');
    expect(log[end?.seq ?? 0]).toMatchObject({ event: 'turn:started', data: { turn_id: 'turn-1' } });
  });

  it('interrupts nothing when no turn is live', async () => {
    await using bench = await open();

    const { interrupted } = await admit(bench.store, 'calm', 'turn', { interrupt: true });

    expect(interrupted).toBeNull();
  });

  it('asks to decide again when the session is not the one the decision was made from', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await store.create({ session: newSession('moved'), createKey: null, idGiven: true });
    await store.note(session, [], { safety: { ...noRisk, level: 'active', mode: 'crisis' } });

    const { epoch, version } = session;

    expect(await store.admit(input('moved', 'turn', { basis: { epoch, version } }))).toEqual({
      kind: 'stale',
    });
    expect(await store.admit(input('moved', 'turn', { basis: null }))).toEqual({ kind: 'stale' });
    expect(await store.admit(input('never', 'turn', { basis: { epoch, version } }))).toEqual({
      kind: 'stale',
    });
    expect(await store.session(newSession('never'))).toBeUndefined();
    expect(await wholeLog(store, session)).toEqual([]);
  });

  it('cancels nothing when an interrupting input is to be decided again', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'kept', 'turn');

    const stale = await bench.store.admit(input('kept', 'turn-2', { interrupt: true }));

    expect(stale).toEqual({ kind: 'stale' });
    expect(await bench.store.append(lease, [token('turn', 0, 'on')], LEASE_MS)).toBe('appended');
  });

  it('changes the version with every admission, end and change of the session', async () => {
    await using bench = await open();
    const { store } = bench;
    const ref = newSession('versions');
    const version = async () => (await store.session(ref))?.version ?? 0;
    const seen: number[] = [];

    const { lease } = await admit(store, 'versions', 'turn-1');
    seen.push(await version());
    await store.finish(lease, failure('turn-1', ''));
    seen.push(await version());
    await admit(store, 'versions', 'turn-2');
    seen.push(await version());
    await store.cancel(ref, null);
    seen.push(await version());
    await store.note(ref, [], { status: 'completed' });
    seen.push(await version());

    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  });
}
