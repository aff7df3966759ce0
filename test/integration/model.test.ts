import { createGuide } from '../../src/model/guide.ts';
import { modelConformance } from '../conformance/model.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import { openOllama, openOllamas } from '../support/ollama-model.ts';
import { HOLD, ScriptedModel } from '../support/scripted-model.ts';

modelConformance('the built-in guide', async ({ sticks }) => {
  const model = createGuide({ wordMs: sticks ? 2 ** 30 : 0 });
  return { model, idle: async () => undefined, [Symbol.asyncDispose]: () => model[Symbol.asyncDispose]() };
});

modelConformance('Ollama', async ({ reply, sticks }) => {
  const fake = await startFakeOllama({ behaviour: { reply } });
  if (sticks) fake.hold('piece', 1);
  const model = openOllama(fake.url);
  await model.known;
  return {
    model,
    idle: () => fake.idle(),
    async [Symbol.asyncDispose]() {
      await model[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
});

modelConformance('Ollama on two hosts', async ({ reply, sticks }) => {
  const fakes = [
    await startFakeOllama({ behaviour: { reply } }),
    await startFakeOllama({ behaviour: { reply } }),
  ];
  if (sticks) for (const fake of fakes) fake.hold('piece', 1);
  const model = openOllamas(fakes.map(({ url }) => url));
  await model.known;
  return {
    model,
    idle: async () => void (await Promise.all(fakes.map((fake) => fake.idle()))),
    async [Symbol.asyncDispose]() {
      await model[Symbol.asyncDispose]();
      for (const fake of fakes) await fake[Symbol.asyncDispose]();
    },
  };
});

modelConformance('the scripted model of the tests', async ({ reply, sticks }) => {
  const model = new ScriptedModel({
    always: ({ prefix }) => {
      const [first = '', ...more] = reply.slice(prefix.length).match(/\S*\s*/g) ?? [];
      return sticks ? [first, HOLD, ...more] : [first, ...more];
    },
  });
  return {
    model,
    idle: () => model.until(({ busy }) => busy === 0, 'nothing to do'),
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  };
});
