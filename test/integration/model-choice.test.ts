// Choosing from a list, as Ollama does it with a grammar.
import { expect, it } from 'vitest';
import { createGuide } from '../../src/model/guide.ts';
import { choiceConformance, question } from '../conformance/model-choice.ts';
import type { ChoiceCase } from '../conformance/model-choice.ts';
import { ask, never, textOf } from '../conformance/model.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import type { Behaviour, Point } from '../support/fake-ollama.ts';
import { openOllama, openOllamas } from '../support/ollama-model.ts';
import { HOLD, ScriptedModel } from '../support/scripted-model.ts';
import { deadline } from '../support/wait.ts';

function behaviourOf(given: ChoiceCase): Behaviour {
  if (given.kind === 'answers') return { choice: given.answer };
  if (given.kind === 'garbage') return { reply: 'They agree: {"answer": "agrees"}' };
  return given.kind === 'fails' ? { fault: { kind: 'error' } } : { fault: { kind: 'silence' } };
}

choiceConformance('Ollama', async (given) => {
  const fake = await startFakeOllama();
  fake.always(behaviourOf(given), 'choice');
  const model = openOllama(fake.url);
  await model.known;
  return {
    model,
    idle: () => fake.idle(),
    asked: () => fake.until(() => fake.of('choice').length === 1, 'the question'),
    async [Symbol.asyncDispose]() {
      await model[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
});

choiceConformance('Ollama on two hosts', async (given) => {
  const fakes = [await startFakeOllama(), await startFakeOllama()];
  for (const fake of fakes) fake.always(behaviourOf(given), 'choice');
  const model = openOllamas(fakes.map(({ url }) => url));
  await model.known;
  return {
    model,
    idle: async () => void (await Promise.all(fakes.map((fake) => fake.idle()))),
    asked: () =>
      Promise.race(fakes.map((fake) => fake.until(() => fake.of('choice').length === 1, 'the question'))),
    async [Symbol.asyncDispose]() {
      await model[Symbol.asyncDispose]();
      for (const fake of fakes) await fake[Symbol.asyncDispose]();
    },
  };
});

choiceConformance('the scripted model of the tests', async (given) => {
  const choice = given.kind === 'answers' ? given.answer : given.kind;
  const model = new ScriptedModel({ choice: given.kind === 'sticks' ? HOLD : choice });
  return {
    model,
    idle: () => model.until(({ busy }) => busy === 0, 'nothing to do'),
    asked: () => model.until(({ questions }) => questions.length === 1, 'the question'),
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  };
});

it('the built-in guide chooses nothing', async () => {
  await using guide = createGuide({ wordMs: 0 });

  expect(await guide.choose(question, never(), '')).toBeUndefined();
});

it.each(['{}', '[]', '"agrees"', 'null', '{"answer":["agrees"]}', '{"answer":1}', '{"ans', ''])(
  'gives nothing for %s',
  async (reply) => {
    await using fake = await startFakeOllama();
    fake.always({ reply }, 'choice');
    await using model = openOllama(fake.url);

    expect(await model.choose(question, never(), '')).toBeUndefined();
  },
);

it.each([
  { refuse: { status: 400, error: 'invalid format' } },
  { refuse: { status: 404 } },
  { refuse: { status: 500 } },
  { refuse: { status: 503 } },
  { fault: { kind: 'reset' } },
  { fault: { kind: 'html' } },
] satisfies Behaviour[])(
  'gives nothing when the server answers by %j, and speaks all the same',
  async (given) => {
    await using fake = await startFakeOllama({ behaviour: { reply: 'Take your time.' } });
    fake.always(given, 'choice');
    await using model = openOllama(fake.url);

    expect(await model.choose(question, never(), '')).toBeUndefined();

    expect(await textOf(model.generate(ask(''), never()))).toBe('Take your time.');
  },
);

it('gives nothing when nobody answers', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url);
  await fake.stop();

  expect(await model.choose(question, never(), '')).toBeUndefined();
});

it('gives nothing when the answer takes longer than a first word may', async () => {
  await using fake = await startFakeOllama();
  fake.always({ fault: { kind: 'silence' } }, 'choice');
  await using model = openOllama(fake.url, { firstTokenMs: 20 });

  expect(await deadline(model.choose(question, never(), ''), 'the choice')).toBeUndefined();

  expect((await fake.ended(0, 'choice')).ending).toBe('client');
});

it('sends one request with the list as a schema, and the context of every other', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url, { keepAlive: '300', numCtx: 2048, numPredict: 99 });

  await model.choose(question, never(), '');

  expect(fake.of('choice').map(({ body }) => body)).toEqual([
    {
      model: 'llama3.1',
      think: false,
      keep_alive: 300,
      options: { num_ctx: 2048, num_predict: 40, temperature: 0 },
      messages: [
        { role: 'system', content: 'Say whether they agree.' },
        { role: 'user', content: 'hmm, well, sort of' },
      ],
      format: {
        type: 'object',
        properties: { answer: { type: 'string', enum: ['agrees', 'does not agree', 'none of these'] } },
        required: ['answer'],
      },
      stream: false,
    },
  ]);
});

const points: [Point, string][] = [
  ['request', 'before anything is done'],
  ['slot', 'in the queue of Ollama'],
  ['prompt', 'in prompt evaluation'],
  ['done', 'before the answer goes out'],
];

it.each(points)('closes the request at %s: %s', async (point) => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url);
  await textOf(model.generate(ask(''), never()));
  const from = fake.requests.length;
  fake.hold(point);
  const stop = new AbortController();
  const choosing = model.choose(question, stop.signal, '');
  choosing.catch(() => undefined);
  await fake.reached(point, undefined, from);

  stop.abort(new Error('enough'));

  expect((await fake.ended(from, 'choice')).ending).toBe('client');
  await expect(deadline(choosing, 'the end')).rejects.toThrow('enough');
  await fake.idle();
});

it('does not stop a load that it began when it is stopped itself', async () => {
  await using fake = await startFakeOllama({ models: [{ name: 'llama3.1', loaded: false }] });
  await using model = openOllama(fake.url);
  fake.hold('load');
  const stop = new AbortController();
  const choosing = model.choose(question, stop.signal, '');
  choosing.catch(() => undefined);
  await fake.reached('load');

  stop.abort(new Error('enough'));
  await expect(deadline(choosing, 'the end')).rejects.toThrow('enough');
  fake.release('load');

  expect((await fake.ended(0, 'load')).ending).toBe('done');
  expect(fake.of('choice')).toEqual([]);
});
