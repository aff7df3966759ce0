import { expect, it } from 'vitest';
import type { AnswerRequest, NewEntry } from '../../src/store/store.ts';
import type { OpenStore } from './store-bench.ts';
import {
  admit,
  done,
  endsOf,
  ending,
  fact,
  LEASE_MS,
  newSession,
  replyOf,
  reset,
  spoken,
  token,
  wholeAudit,
  wholeLog,
} from './store-bench.ts';
import { waits } from './store-escalation.ts';

const WORDS = 'I am here. \u{1F9D8}';

function words(text: string, turnId?: string): NewEntry {
  const said = { text, name: 'Ada' };
  return { event: 'human:message', data: turnId === undefined ? said : { ...said, turn_id: turnId } };
}

/** A person says these words. */
function answering(text = WORDS, changes: Partial<AnswerRequest> = {}): AnswerRequest {
  return {
    entries: (turn) => [words(text, turn?.turnId)],
    text,
    end: ({ turnId }) => {
      const end = done(turnId, text);
      if (end.event !== 'therapist:done') throw new Error('not an end');
      return { ...end, data: { ...end.data, source: 'human', model: 'person' } };
    },
    audit: [fact('answer', { kind: 'human_message' })],
    ...changes,
  };
}

export function answerCases(open: OpenStore): void {
  it('ends the turn that waits with a person’s words, and leaves memory and progress as they were', async () => {
    await using bench = await open();
    const { store } = bench;
    await spoken(store, 'waits', 'turn-1', ['a']);
    const { lease } = await waits(store, 'waits', 'turn-2');
    const before = await store.session(lease);
    await bench.advance(10);

    const { ended } = await store.answer(lease, answering());

    expect(ended).toMatchObject({ turnId: 'turn-2', state: 'done', source: 'human', model: 'person' });
    expect((await wholeLog(store, lease)).slice(-3).map(({ event }) => event)).toEqual([
      'human:message',
      'therapist:token',
      'therapist:done',
    ]);
    const view = await store.turn(lease, 'turn-2');
    expect(view).toMatchObject({ text: WORDS, end: { event: 'therapist:done' } });
    expect(view?.turn).toEqual(ended);
    const { memory, progress, version = 0 } = before ?? {};
    expect(await store.session(lease)).toMatchObject({
      memory,
      progress,
      turnCount: 2,
      version: version + 1,
    });
    expect(await wholeAudit(store)).toHaveLength(1);
  });

  it('tells the turn as it waits, and then with the words in it', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'told');
    const seen: unknown[] = [];
    const { entries, end } = answering();

    await store.answer(lease, {
      ...answering(),
      entries: (turn) => {
        seen.push([turn?.turnId, turn?.length]);
        return entries(turn);
      },
      end: (turn) => {
        seen.push([turn.turnId, turn.length]);
        return end(turn);
      },
    });

    expect(seen).toEqual([
      ['turn', 0],
      ['turn', WORDS.length],
    ]);
  });

  it('[P-3] takes back what the turn showed before', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'shown');
    await store.append(lease, [token('turn', 0, 'of a '), token('turn', 5, 'model')], LEASE_MS);

    await store.answer(lease, answering('of a person'));

    const log = await wholeLog(store, lease);
    expect(log.at(-3)).toMatchObject({ event: 'therapist:reset', data: { at: 0, text: '' } });
    expect(replyOf(log.slice(0, -1), 'turn')).toBe('of a person');
    expect(replyOf(log, 'turn')).toBe('of a person');
  });

  it('says the words although the turn said the same before', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'same');
    await store.append(lease, [reset('turn', ''), token('turn', 0, WORDS)], LEASE_MS);

    await store.answer(lease, answering());

    expect(replyOf((await wholeLog(store, lease)).slice(0, -1), 'turn')).toBe(WORDS);
  });

  it('[P-5] fences whoever owned the turn', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'fenced');

    await store.answer(lease, answering());

    for (const generation of [1, 2]) {
      const owner = { ...lease, generation };
      expect(await store.append(owner, [token('turn', WORDS.length, '!')], LEASE_MS)).toBe('fenced');
      expect(await store.finish(owner, ending('turn', 'late'))).toBe('fenced');
    }
    await bench.advance(LEASE_MS + 1000);
    expect(await store.takeOver('node', LEASE_MS, 10)).toEqual([]);
  });

  it('appends the words where no turn is live', async () => {
    await using bench = await open();
    const { store } = bench;
    const lease = await spoken(store, 'idle', 'turn', ['a']);
    const before = await store.session(lease);

    expect(await store.answer(lease, answering())).toEqual({ ended: null });

    expect((await wholeLog(store, lease)).at(-1)).toMatchObject({ seq: 4, ...words(WORDS) });
    expect(await store.session(lease)).toEqual({ ...before, lastSeq: 4 });
    expect(await wholeAudit(store)).toHaveLength(1);
  });

  it('leaves a turn alone that does not wait for a person', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'busy', 'turn');
    await store.append(lease, [token('turn', 0, 'on and ')], LEASE_MS);

    expect(await store.answer(lease, answering())).toEqual({ ended: null });

    expect(await store.append(lease, [token('turn', 7, 'on')], LEASE_MS)).toBe('appended');
    expect((await store.turn(lease, 'turn'))?.text).toBe('on and on');
    expect((await wholeLog(store, lease)).map(({ event }) => event)).toEqual([
      'turn:started',
      'therapist:token',
      'human:message',
      'therapist:token',
    ]);
  });

  it('[P-8] ends a turn once, however often a person answers at the same time', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'often');

    const answers = await Promise.all(
      ['one', 'two', 'three'].map((text) => store.answer(lease, answering(text))),
    );

    expect(answers.map(({ ended }) => ended?.turnId)).toEqual(['turn', undefined, undefined]);
    const log = await wholeLog(store, lease);
    expect(endsOf(log, 'turn')).toHaveLength(1);
    expect(log.filter(({ event }) => event === 'human:message')).toHaveLength(3);
    expect((await store.turn(lease, 'turn'))?.text).toBe('one');
    expect(await store.session(lease)).toMatchObject({ turnCount: 1 });
  });

  it('[P-8] ends a turn that is cancelled at the same moment once, and tells both of that end', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'at once');

    const [cancelled, { ended }] = await Promise.all([
      store.cancel(lease, 'turn'),
      store.answer(lease, answering()),
    ]);

    const state = (await store.turn(lease, 'turn'))?.turn.state;
    expect(cancelled).toMatchObject({ turnId: 'turn', state, wasLive: state === 'cancelled' });
    expect(ended?.state ?? 'cancelled').toBe(state);
    expect(endsOf(await wholeLog(store, lease), 'turn')).toHaveLength(1);
  });

  it('[P-7] changes nothing of a turn that was cancelled meanwhile', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'cancelled');
    await store.cancel(lease, 'turn');

    const { ended } = await store.answer(lease, answering());

    expect(ended).toBeNull();
    expect((await wholeLog(store, lease)).map(({ event }) => event)).toEqual([
      'turn:started',
      'turn:cancelled',
      'human:message',
    ]);
    expect(await store.session(lease)).toMatchObject({ turnCount: 0 });
  });

  it('refuses a session that is gone, and adds no fact', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'gone');
    await store.remove(lease);

    for (const life of [lease, newSession('never')]) {
      await expect(store.answer(life, answering())).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
    }

    expect(await wholeAudit(store)).toEqual([]);
  });

  it('leaves nothing behind when the end of the turn cannot be made', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await waits(store, 'broken');
    const before = [
      await store.session(lease),
      await wholeLog(store, lease),
      await store.turn(lease, 'turn'),
    ];
    const end = () => {
      throw new Error('no end');
    };

    await expect(store.answer(lease, answering(WORDS, { end }))).rejects.toThrow('no end');

    expect([
      await store.session(lease),
      await wholeLog(store, lease),
      await store.turn(lease, 'turn'),
    ]).toEqual(before);
    expect(await wholeAudit(store)).toEqual([]);
    expect(await store.answer(lease, answering())).toMatchObject({ ended: { turnId: 'turn' } });
  });
}
