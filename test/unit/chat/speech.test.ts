// A model's words in a turn: shaped to what a guide says, the model let go when the reply is whole.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Speech } from '../../../src/chat/speech.ts';
import type { Shape } from '../../../src/chat/speech.ts';
import { FreshJoint } from '../../../src/chat/joint.ts';
import type { Ask } from '../../../src/chat/ask.ts';
import { ModelError } from '../../../src/model/model.ts';
import type { Prefill } from '../../../src/model/model.ts';
import { createGuard } from '../../../src/safety/guard.ts';
import { createShaper } from '../../../src/therapy/shape.ts';
import { fakeClock, hurry } from '../../support/hurry.ts';
import { HOLD, ScriptedModel } from '../../support/scripted-model.ts';
import { openStage } from '../../support/turn-stage.ts';

const line = 'What is it like there?';
const shape: Shape = (shown) => createShaper({ sentences: 3, said: [], answered: ['location'], line }, shown);
const ask: Ask = async (_, { userInput }) => ({
  messages: [{ role: 'user', content: userInput }],
  shape,
});

let clock: Disposable;
beforeEach(() => {
  clock = fakeClock();
});
afterEach(() => clock[Symbol.dispose]());

describe('a turn', () => {
  test('is done when the reply is whole, and lets the model go', async () => {
    const model = new ScriptedModel({ always: ['I see. How is', ' it now? And', ' what else', HOLD] });
    await using stage = await openStage({ model, ask });

    await hurry(stage.begin().ended, 'the end of the turn');

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: 'I see. How is it now?' });
    expect(model.busy).toBe(0);
  });

  test('says the line in place of a question that is answered', async () => {
    const model = new ScriptedModel({ always: ['I see. Where in', ' your body do you feel that?'] });
    await using stage = await openStage({ model, ask });

    await hurry(stage.begin().ended, 'the end of the turn');

    expect(await stage.outcome()).toMatchObject({ state: 'done', text: `I see. ${line}` });
    expect((await stage.log()).filter(({ event }) => event === 'therapist:reset')).toEqual([]);
  });
});

describe('a reply that was whole when its owner died', () => {
  const text = 'I see. How is it now?';

  test.each<Prefill>(['yes', 'no', 'unknown'])(
    'ends as it is, without the model, whose prefill is: %s',
    async (prefill) => {
      const model = new ScriptedModel({ prefill, always: ['Something else.'] });
      await using stage = await openStage({ model, ask, earlier: { source: 'ollama', text } });

      await hurry(stage.begin().ended, 'the end of the turn');

      expect(await stage.outcome()).toMatchObject({ state: 'done', text });
      expect(model.asked).toEqual([]);
    },
  );

  test('ends as it is while the model is away', async () => {
    const model = new ScriptedModel({ state: { phase: 'unavailable', reason: 'It is away' } });
    await using stage = await openStage({ model, ask, earlier: { source: 'ollama', text } });

    await hurry(stage.begin().ended, 'the end of the turn');

    expect(await stage.outcome()).toMatchObject({ state: 'done', text });
  });
});

describe('one run', () => {
  const open = (shown: string) =>
    new Speech({
      joint: new FreshJoint(),
      shape,
      guard: (text) => createGuard({ mode: 'normal', shown: text }),
      shown,
    });

  test('that says nothing is a fault of the model', () => {
    const speech = open('');
    speech.push(' \n');

    expect(() => speech.end()).toThrow(ModelError);
  });

  test('that goes on behind words may end without another', () => {
    expect(open('I see.').end()).toEqual({ restarts: false, text: '' });
  });
});
