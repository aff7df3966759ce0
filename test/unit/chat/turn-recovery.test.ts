// What a turn does when its model fails: who speaks next, what becomes of the words that are shown, and when it ends.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ModelFault, Prefill } from '../../../src/model/model.ts';
import { fakeClock, hurry } from '../../support/hurry.ts';
import { fault, ScriptedModel } from '../../support/scripted-model.ts';
import type { Run } from '../../support/scripted-model.ts';
import { openStage } from '../../support/turn-stage.ts';
import type { TurnStage } from '../../support/turn-stage.ts';

let clock: Disposable;
beforeEach(() => {
  clock = fakeClock();
});
afterEach(() => clock[Symbol.dispose]());

/** Runs the turn to its end, on a clock that is turned. */
const ended = (stage: TurnStage) => hurry(stage.begin().ended, 'the end of the turn');

/** Why the reply was taken back, each time. */
async function resets(stage: TurnStage): Promise<string[]> {
  return (await stage.log()).flatMap(({ event, data }) => (event === 'therapist:reset' ? data.cause : []));
}

const interrupted = { code: 'MODEL_INTERRUPTED', status: 502, retryable: true };

const line = 'What would you like to get out of this?';
const guide = () =>
  new ScriptedModel({
    source: 'guide',
    prefill: 'line',
    always: ({ prefix }) => [line.slice(prefix.length)],
  });

describe('before the first word, when the guide is there,', () => {
  const givenUp: { kind: ModelFault; asked: number; runs: number; why: string }[] = [
    { kind: 'unreachable', asked: 2, runs: 1, why: 'after it was asked twice' },
    { kind: 'missing', asked: 1, runs: 1, why: 'at once' },
    { kind: 'refused', asked: 1, runs: 1, why: 'at once' },
    { kind: 'interrupted', asked: 2, runs: 2, why: 'after two runs' },
    { kind: 'busy', asked: 9, runs: 1, why: 'after half a minute' },
  ];
  test.for(givenUp)('the guide answers for a model that is $kind $why', async ({ kind, asked, runs }) => {
    const model = new ScriptedModel({ always: [fault(kind)] });
    await using stage = await openStage({ model, fallback: guide() });

    await ended(stage);

    expect((await stage.end()).data).toMatchObject({ source: 'guide', model: 'built-in' });
    // the guide's own run is counted too
    expect(await stage.outcome()).toMatchObject({ state: 'done', text: line, attempts: runs + 1 });
    expect(model.asked).toHaveLength(asked);
    expect(await resets(stage)).toEqual([]);
  });

  test.each<ModelFault>(['unreachable', 'busy', 'interrupted'])(
    'a model that is %s once is asked again and answers',
    async (kind) => {
      const model = new ScriptedModel({ runs: [[fault(kind)], ['Here I am.']] });
      await using stage = await openStage({ model, fallback: guide() });

      await ended(stage);

      expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Here I am.', source: 'ollama' });
    },
  );

  test.each(['unavailable', 'pulling'] as const)('a model that is %s is not asked at all', async (phase) => {
    const model = new ScriptedModel({ state: { phase, reason: 'not there' } });
    await using stage = await openStage({ model, fallback: guide() });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: line, attempts: 1 });
    expect(model.asked).toEqual([]);
  });

  test('nothing but blanks is no reply: the guide answers', async () => {
    const model = new ScriptedModel({ always: [' ', '\n\n'] });
    await using stage = await openStage({ model, fallback: guide() });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: line, source: 'guide' });
  });
});

describe('before the first word, when nobody else can speak,', () => {
  test.each<ModelFault>(['unreachable', 'busy', 'missing'])(
    'a model that is %s is asked until it takes the turn, and that is one run',
    async (kind) => {
      const waits: Run[] = Array.from({ length: 20 }, () => [fault(kind)]);
      const model = new ScriptedModel({ runs: [...waits, ['Here I am.']] });
      await using stage = await openStage({ model });

      await ended(stage);

      expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Here I am.', attempts: 1 });
      expect(model.asked).toHaveLength(21);
    },
  );

  test.each<ModelFault>(['unreachable', 'busy', 'missing'])(
    '[P-8] a model that stays %s is given up after ten minutes',
    async (kind) => {
      const model = new ScriptedModel({ always: [fault(kind)] });
      await using stage = await openStage({ model });

      await ended(stage);

      expect((await stage.end()).data).toMatchObject({ error: interrupted, text: '' });
      expect(await stage.outcome()).toMatchObject({ state: 'failed', attempts: 1 });
      // 250 ms and twice as long each time up to 8 s: 600 s are 80 waits
      expect(model.asked).toHaveLength(81);
    },
  );

  test('[P-8] a model that refuses is not asked again', async () => {
    const model = new ScriptedModel({ always: [fault('refused')] });
    await using stage = await openStage({ model });

    await ended(stage);

    expect((await stage.end()).data).toMatchObject({ error: interrupted });
    expect(model.asked).toHaveLength(1);
  });

  test.each<{ what: string; run: Run }>([
    { what: 'breaks off', run: [fault('interrupted')] },
    { what: 'says nothing', run: [] },
  ])('[P-8] a model that $what is given three runs', async ({ run }) => {
    const model = new ScriptedModel({ always: run });
    await using stage = await openStage({ model });

    await ended(stage);

    expect((await stage.end()).data).toMatchObject({ error: interrupted, text: '' });
    expect(model.asked).toHaveLength(3);
  });

  test('what the model said of its fault is in the log of the server, and not on the wire', async () => {
    const model = new ScriptedModel({ always: [fault('refused')] });
    await using stage = await openStage({ model });

    await ended(stage);

    expect(stage.logged).toContainEqual({
      level: 'warn',
      fields: { turnId: 'turn', fault: 'refused', reason: 'it is refused' },
      message: 'model fault',
    });
    expect(JSON.stringify(await stage.log())).not.toContain('it is refused');
  });
});

const shown = 'Let us stay with that for a moment. Where in your body ';
const rest = 'do you feel it most?';
const whole = shown + rest;

describe('with words shown,', () => {
  /** A model whose first run breaks off behind `shown`. */
  const brokenOff = (prefill: Prefill, ...runs: Run[]) =>
    new ScriptedModel({ prefill, runs: [[shown, fault('interrupted')], ...runs] });

  test('a model that goes on is given them and goes on behind them', async () => {
    const model = brokenOff('yes', [rest]);
    await using stage = await openStage({ model, fallback: guide() });

    await ended(stage);

    expect(await stage.outcome()).toEqual({ state: 'done', text: whole, source: 'ollama', attempts: 2 });
    expect(model.asked.map(({ prefix }) => prefix)).toEqual(['', shown]);
    expect(await resets(stage)).toEqual([]);
  });

  test('a model that cannot go on begins anew', async () => {
    const model = brokenOff('no', ['Is it warm?']);
    await using stage = await openStage({ model });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Is it warm?' });
    expect(model.asked.map(({ prefix }) => prefix)).toEqual(['', '']);
    expect(await resets(stage)).toEqual(['begun_anew']);
  });

  test('a model that says it goes on but begins anew is taken at its words', async () => {
    const anew = 'Let us stay with that for a moment. Is it warm?';
    const model = brokenOff('yes', [anew]);
    await using stage = await openStage({ model });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: anew });
    expect(await resets(stage)).toEqual(['begun_anew']);
  });

  test('a model that refuses to go on is asked for a new reply', async () => {
    const model = brokenOff('yes', [fault('refused')], ['Is it warm?']);
    await using stage = await openStage({ model });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Is it warm?' });
    expect(model.asked.map(({ prefix }) => prefix)).toEqual(['', shown, '']);
    expect(await resets(stage)).toEqual(['begun_anew']);
  });

  test('a model that refuses even that is given up, and what was taken back stays taken back', async () => {
    const model = brokenOff('yes', [fault('refused')], [fault('refused')]);
    await using stage = await openStage({ model });

    await ended(stage);

    expect((await stage.end()).data).toMatchObject({ error: interrupted, text: '' });
  });

  test('the guide answers when a model took its words back and then refuses', async () => {
    const model = brokenOff('no', [fault('refused')]);
    await using stage = await openStage({ model, fallback: guide() });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: line, source: 'guide' });
    expect(await resets(stage)).toEqual(['begun_anew']);
  });

  test('a model of which nothing is known has to repeat the end, and then goes on', async () => {
    const model = brokenOff('unknown', ({ prefix }) => [whole.slice(prefix.length)]);
    await using stage = await openStage({ model });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: whole });
    expect(shown.startsWith(model.asked[1]?.prefix ?? shown)).toBe(true);
    expect(model.asked[1]?.prefix.length).toBeLessThan(shown.length - 12);
    expect(await resets(stage)).toEqual([]);
  });

  test('a model of which nothing is known, and that says something else, begins anew in a request of its own', async () => {
    const model = brokenOff('unknown', ['I do not follow.'], ['Is it warm?']);
    await using stage = await openStage({ model });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Is it warm?' });
    expect(model.asked[2]?.prefix).toBe('');
    expect(await resets(stage)).toEqual(['begun_anew']);
  });

  test('too few words to prove anything are taken back', async () => {
    const runs: Run[] = [['Hi', fault('interrupted')], ['Hello you.']];
    const model = new ScriptedModel({ prefill: 'unknown', runs });
    await using stage = await openStage({ model });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'Hello you.' });
    expect(await resets(stage)).toEqual(['begun_anew']);
  });

  test('one who says the line goes on where they are its beginning', async () => {
    const model = guide();
    await using stage = await openStage({ model, earlier: { source: 'guide', text: line.slice(0, 11) } });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: line });
    expect(model.asked.map(({ prefix }) => prefix)).toEqual([line.slice(0, 11)]);
    expect(await resets(stage)).toEqual([]);
  });

  test('one who says the line begins anew where they are not', async () => {
    await using stage = await openStage({ model: guide(), earlier: { source: 'guide', text: 'Well, ' } });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: line });
    expect(await resets(stage)).toEqual(['begun_anew']);
  });

  test('whoever said them goes on, though the model is back', async () => {
    const model = new ScriptedModel({ always: ['no'] });
    const earlier = { source: 'guide' as const, text: line.slice(0, 11) };
    await using stage = await openStage({ model, fallback: guide(), earlier });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: line, source: 'guide' });
    expect(model.asked).toEqual([]);
  });

  test('no other speaker goes on: the model is waited for until it is back', async () => {
    const model = new ScriptedModel({ runs: [[rest]], state: { phase: 'unavailable', reason: 'away' } });
    const earlier = { source: 'ollama' as const, text: shown };
    await using stage = await openStage({ model, fallback: guide(), earlier });
    const over = stage.begin().ended;
    await hurry(stage.shows({ phase: 'recovering' }), 'the wait for the model');
    expect(model.asked).toEqual([]);

    model.become({ phase: 'ready' });
    await hurry(over, 'the end of the turn');

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: whole, source: 'ollama' });
  });

  test('[P-8] a model that stays away for a minute ends the turn, and the words stay', async () => {
    const model = brokenOff('yes', ...Array.from({ length: 100 }, () => [fault('unreachable')]));
    await using stage = await openStage({ model, fallback: guide() });

    await ended(stage);

    expect((await stage.end()).data).toMatchObject({ error: interrupted, text: shown });
    // 250 ms and twice as long each time up to 8 s: 60 s are 12 waits
    expect(model.asked).toHaveLength(13);
  });

  test('a new word gives a model that goes away again its whole minute', async () => {
    const away: Run[] = Array.from({ length: 11 }, () => [fault('unreachable')]);
    const model = brokenOff('yes', ...away, ['do you ', fault('interrupted')], ...away, ['feel it most?']);
    await using stage = await openStage({ model });

    await ended(stage);

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: whole });
  });

  test('whoever follows is told that the reply recovers, before the model is asked again', async () => {
    const model = brokenOff('yes', [rest]);
    await using stage = await openStage({ model });
    stage.begin();

    await stage.shows({ phase: 'recovering' });

    expect(model.asked).toHaveLength(1);
  });

  test('[P-8] three runs without a new word end the turn, and the words stay', async () => {
    const always = [fault('interrupted')];
    const model = new ScriptedModel({ runs: [[shown, ...always]], always });
    await using stage = await openStage({ model, fallback: guide() });

    await ended(stage);

    expect((await stage.end()).data).toMatchObject({ error: interrupted, text: shown });
    expect(model.asked).toHaveLength(4);
  });

  test('[P-8] ten runs end the turn, though each brought a new word', async () => {
    const always: Run = ({ prefix }) => [`word${prefix.length} `, fault('interrupted')];
    const model = new ScriptedModel({ always });
    await using stage = await openStage({ model });

    await ended(stage);

    expect((await stage.end()).event).toBe('therapist:error');
    expect((await stage.outcome()).text.trim().split(' ')).toHaveLength(10);
    expect(model.asked).toHaveLength(10);
  });
});
