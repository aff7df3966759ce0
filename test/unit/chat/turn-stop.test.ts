// How a turn stops before its end: aborted wherever it is, taken by another owner, or left by its store.
import { describe, expect, test } from 'vitest';
import { LocalSlots } from '../../../src/store/local-slots.ts';
import { turnOf } from '../../support/slot-request.ts';
import { AppError } from '../../../src/errors.ts';
import { once, refused } from '../../support/faulty-store.ts';
import { fakeClock, hurry } from '../../support/hurry.ts';
import { fault, HOLD, ScriptedModel } from '../../support/scripted-model.ts';
import type { Script } from '../../support/scripted-model.ts';
import { openStage } from '../../support/turn-stage.ts';
import { deadline } from '../../support/wait.ts';

describe('[P-7] an abort', () => {
  const places: { where: string; script: Script; isThere: (model: ScriptedModel) => boolean }[] = [
    {
      where: 'while the model loads',
      script: { runs: [[{ kind: 'loading' }, HOLD, 'late']] },
      isThere: ({ held }) => held === 1,
    },
    {
      where: 'before the first word',
      script: { runs: [[{ kind: 'prompt' }, HOLD, 'late']] },
      isThere: ({ held }) => held === 1,
    },
    {
      where: 'in mid-reply',
      script: { runs: [['early ', HOLD, 'late']] },
      isThere: ({ held }) => held === 1,
    },
    {
      where: 'while a model that is busy is waited for',
      script: { always: [fault('busy')] },
      isThere: ({ asked, busy }) => asked.length === 1 && busy === 0,
    },
  ];
  test.for(places)(
    '$where closes the request, writes no end, and gives the slot back',
    async ({ script, isThere }) => {
      const slots = new LocalSlots({ size: 1, maxWaiting: 0 });
      const model = new ScriptedModel(script);
      await using stage = await openStage({ model, slots });
      const turn = stage.begin(await slots.reserve(turnOf('s')));
      await model.until(isThere, 'the place to stop at');

      turn.abort();
      await deadline(turn.ended, 'the end of the turn');

      expect(model.busy).toBe(0);
      expect(model.asked).toHaveLength(1);
      expect(['turn:started', 'therapist:token']).toContain((await stage.events()).at(-1));
      expect((await stage.outcome()).text).not.toContain('late');
      expect((await slots.reserve(turnOf('another'))).position).toBeNull();
    },
  );

  test('in the queue gives the place back, and the model never hears of it', async () => {
    const slots = new LocalSlots({ size: 1, maxWaiting: 1 });
    await slots.reserve(turnOf('a'));
    const model = new ScriptedModel({ always: ['late'] });
    await using stage = await openStage({ model, slots });
    const turn = stage.begin(await slots.reserve(turnOf('s')));
    await stage.shows({ phase: 'queued', position: 1 });

    turn.abort();
    await deadline(turn.ended, 'the end of the turn');

    expect(model.asked).toEqual([]);
    expect((await slots.reserve(turnOf('another'))).position).toBe(1);
  });

  test('before anything was done does nothing', async () => {
    const model = new ScriptedModel({ always: ['late'] });
    const slots = new LocalSlots({ size: 1, maxWaiting: 1 });
    await slots.reserve(turnOf('a'));
    await using stage = await openStage({ model, slots });
    const turn = stage.begin(await slots.reserve(turnOf('s')));

    turn.abort();
    await deadline(turn.ended, 'the end of the turn');

    expect(model.asked).toEqual([]);
    expect(await stage.events()).toEqual(['turn:started']);
  });

  test('keeps the words that were said, for whoever goes on', async () => {
    const model = new ScriptedModel({ runs: [['early ', HOLD, 'late']] });
    await using stage = await openStage({ model });
    const turn = stage.begin();
    await model.until(({ held }) => held === 1, 'the pause');

    turn.abort();
    await deadline(turn.ended, 'the end of the turn');

    expect(await stage.outcome()).toMatchObject({ state: 'running', text: 'early ' });
  });
});

describe('[P-5] a turn that is over in the store', () => {
  const steps: { step: 'start' | 'append' | 'finish' }[] = [
    { step: 'start' },
    { step: 'append' },
    { step: 'finish' },
  ];
  test.for(steps)('stops without a word when it learns so at $step', async ({ step }) => {
    const model = new ScriptedModel({ runs: [['one ', 'two']] });
    const open = { model, ways: { [step]: once((run) => cancel().then(run)) } };
    await using stage = await openStage(open);
    const cancel = () => stage.store.cancel(stage.session, 'turn');

    await deadline(stage.begin().ended, 'the end of the turn');

    expect((await stage.outcome()).state).toBe('cancelled');
    expect((await stage.events()).at(-1)).toBe('turn:cancelled');
    expect(stage.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('reads its model no further', async () => {
    const model = new ScriptedModel({ runs: [['one ', HOLD, ...Array<string>(1_000).fill('more ')]] });
    await using stage = await openStage({ model });
    const turn = stage.begin();
    await model.until(({ held }) => held === 1, 'the pause');
    await stage.store.cancel(stage.session, 'turn');

    model.release();
    await deadline(turn.ended, 'the end of the turn');

    expect(model.busy).toBe(0);
    expect((await stage.outcome()).text).toBe('one ');
  });
});

describe('a store that stays away', () => {
  const unavailable = () => Promise.reject(new AppError('STORE_UNAVAILABLE'));

  test('for the words leaves the turn to the next owner after half a minute', async () => {
    using _clock = fakeClock();
    await using stage = await openStage({
      model: new ScriptedModel({ runs: [['Yes.']] }),
      ways: { append: refused },
    });

    await hurry(stage.begin().ended, 'the end of the turn');

    expect(await stage.outcome()).toMatchObject({ state: 'running', text: '' });
    expect(stage.logged.map(({ message }) => message)).toContain('the end of a turn was not stored');
  });

  test('[P-8] for the start ends the turn with an error that tells to try again', async () => {
    using _clock = fakeClock();
    const model = new ScriptedModel();
    await using stage = await openStage({ model, ways: { start: unavailable } });

    await hurry(stage.begin().ended, 'the end of the turn');

    expect((await stage.end()).data).toMatchObject({ error: { code: 'STORE_UNAVAILABLE', retryable: true } });
    expect(model.asked).toEqual([]);
  });
});
