// When the model is asked about an input that no rule has a word on, and what counts when it is not.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Judge } from '../../src/chat/judge.ts';
import { LocalSlots } from '../../src/store/local-slots.ts';
import { turnOf } from '../support/slot-request.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { pathOf, rest } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import { HOLD, ScriptedModel } from '../support/scripted-model.ts';
import type { Script } from '../support/scripted-model.ts';
import { deadline } from '../support/wait.ts';

/** No rule has a word on it where the vision was shown. */
const open = 'Clouds over the hill.';
const reply = ['Take ', 'your ', 'time.'];

let app: TestApp;
let model: ScriptedModel;

async function start(script: Script, navigateWithModel = true, size = 1): Promise<void> {
  model = new ScriptedModel({ always: reply, ...script });
  const slots = new LocalSlots({ size, maxWaiting: 100 });
  app = await startApp({ speakers: { model, fallback: null }, slots, navigateWithModel, rawReplies: true });
}

const say = (words: string, more: object = {}): Promise<Answer> =>
  rest(app.url, `POST ${pathOf('s', '/input')}`, { body: { user_input: words, ...more } });

const stateOf = ({ body }: Answer): unknown => Object(body['session_progress']).state_id;
const whyOf = ({ body }: Answer): string => String(Object(body['navigation']).reasoning);

/** To where the guide asks whether the vision fits. */
const toVision = (): Promise<Answer> => say('I want to feel calm and peaceful');
const asked = (): Promise<void> => model.until(({ questions }) => questions.length > 0, 'a question');

afterEach(async () => await app[Symbol.asyncDispose]());

describe('with NAVIGATE_WITH_MODEL off', () => {
  test('nothing is asked', async () => {
    await start({ choice: 'accepts the vision' }, false);
    await toVision();

    const answer = await say(open);

    expect([stateOf(answer), model.questions]).toEqual(['1.2', []]);
  });
});

describe('an input that no rule has a word on', () => {
  test('is judged once, and the state follows', async () => {
    await start({ choice: 'accepts the vision' });
    await toVision();

    const answer = await say(open);

    expect(stateOf(answer)).toBe('1.1.5');
    expect(whyOf(answer)).toContain('as the model judged');
    expect(model.questions.map(({ options }) => options)).toEqual([
      ['accepts the vision', 'rejects the vision', 'a question'],
    ]);
  });

  test('is decided by the rules when the model finds nothing that fits', async () => {
    await start({});
    await toVision();

    expect(whyOf(await say(open))).toBe('1.2: anything else: ask whether the vision fits');
    expect(model.questions).toHaveLength(1);
  });

  test('is answered in the slot in which it was judged', async () => {
    await start({ choice: 'accepts the vision' });
    await toVision();

    const { body } = await say(open);

    expect(body).toMatchObject({ therapist_response: 'Take your time.', source: 'ollama' });
    expect((await say('Yes, that makes sense')).status).toBe(200);
  });
});

describe('nothing is asked', () => {
  beforeEach(async () => {
    await start({ choice: 'accepts the vision' });
    await toVision();
  });

  test.each([
    ['a rule has a word on it', 'Yes, that fits.'],
    ['there is a risk', 'I want to kill myself'],
  ])('when %s', async (_, words) => {
    await say(words);

    expect(model.questions).toEqual([]);
  });

  test('when the model is not ready', async () => {
    model.become({ phase: 'loading' });

    const answer = await say(open);

    expect([stateOf(answer), model.questions]).toEqual(['1.2', []]);
  });

  test('about a repeated input', async () => {
    const first = await say(open, { input_id: 'one' });
    const again = await say(open, { input_id: 'one' });

    expect(again.body['turn_id']).toBe(first.body['turn_id']);
    expect(model.questions).toHaveLength(1);
  });
});

describe('where turns wait', () => {
  test('nothing is asked by one that has no slot yet', async () => {
    await start({ choice: 'accepts the vision', runs: [reply, [...reply, HOLD]] });
    await toVision();
    const busy = rest(app.url, `POST ${pathOf('other', '/input')}`, { body: { user_input: 'hello' } });
    await model.until(({ held }) => held === 1, 'the slot to be taken');

    const admitted = await rest(app.url, `POST ${pathOf('s', '/input')}`, {
      body: { user_input: open },
      headers: { Prefer: 'respond-async' },
    });

    expect([admitted.status, model.questions]).toEqual([202, []]);
    model.release();
    await busy;
  });

  test('an input that is refused because a turn is live is refused without a question', async () => {
    await start({ choice: 'accepts the vision', runs: [reply, [...reply, HOLD]] }, true, 2);
    await toVision();
    const live = say('Yes? What is that for?');
    await model.until(({ held }) => held === 1, 'a live turn');

    const { status, body } = await say(open);

    expect([status, body['code']]).toEqual([409, 'TURN_IN_PROGRESS']);
    expect(model.questions).toEqual([]);
    model.release();
    await live;
  });
});

describe('while the model is asked', () => {
  beforeEach(async () => {
    await start({ choice: HOLD, runs: [reply] }, true, 2);
    await toVision();
  });

  test('the ack of a risk does not wait', async () => {
    const first = say(open);
    await asked();

    const risk = await deadline(say('I want to kill myself'), 'the answer to the risk');

    expect(risk.body['source']).toBe('safety');
    model.release();
    await first;
  });

  test('another step of the session goes first, and the answer is taken for the same list', async () => {
    const first = say(open);
    await asked();
    await say('What is that for?');

    model.answers('accepts the vision');
    model.release();

    expect(whyOf(await first)).toContain('accepts the vision, as the model judged');
    expect(model.questions).toHaveLength(1);
  });

  test('an answer to another list counts for nothing', async () => {
    const first = say(open);
    await asked();
    await say('Yes, that fits.');

    model.answers('accepts the vision');
    model.release();

    expect(whyOf(await first)).toMatch(/^1\.1\.5: /);
    expect(model.questions).toHaveLength(1);
  });

  test('a server that drains waits for it no more', async () => {
    await app[Symbol.asyncDispose]();
    await start({ choice: HOLD, runs: [reply, [...reply, HOLD]] }, true, 2);
    await toVision();
    const live = rest(app.url, `POST ${pathOf('other', '/input')}`, { body: { user_input: 'hello' } });
    await model.until(({ held }) => held === 1, 'a turn to drain for');
    const first = say(open);
    await asked();

    const drained = app.drain(10_000);

    expect(whyOf(await deadline(first, 'the answer'))).toContain('anything else');
    model.release();
    await Promise.all([live, drained]);
  });
});

describe('the judge', () => {
  const input = { state: '1.2', options: ['accepts the vision'], userInput: open } as const;
  const never = new AbortController().signal;

  beforeEach(async () => await start({}, false));

  test('asks only with a slot that is granted', async () => {
    const judge = new Judge({ model, fallback: null }, never);
    const slots = new LocalSlots({ size: 1, maxWaiting: 1 });

    const [granted, waiting] = [await slots.reserve(turnOf('a')), await slots.reserve(turnOf('b'))];

    expect([null, granted, waiting].map((ticket) => judge.isFree(ticket))).toEqual([false, true, false]);
  });

  test('asks nothing once the server goes down', async () => {
    const judge = new Judge({ model, fallback: null }, AbortSignal.abort());

    const granted = await new LocalSlots({ size: 1, maxWaiting: 1 }).reserve(turnOf('a'));

    expect(judge.isFree(granted)).toBe(false);
  });

  test.each(['the caller', 'the server'])('finds nothing when %s goes away', async (who) => {
    const hanging = new ScriptedModel({ choice: HOLD });
    const [caller, server] = [new AbortController(), new AbortController()];
    const judge = new Judge({ model: hanging, fallback: null }, server.signal);
    const judging = judge.ask(input, '', caller.signal);
    await hanging.until(({ held }) => held === 1, 'a question');

    (who === 'the caller' ? caller : server).abort(new Error('gone'));

    expect(await deadline(judging, 'the judgement')).toBeUndefined();
    await hanging.until(({ busy }) => busy === 0, 'nothing to do');
  });
});
