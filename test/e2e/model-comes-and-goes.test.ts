import { expect, test } from 'vitest';
import { z } from 'zod';
import { openScene, responseOf, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';

const reply = words(20);
const isLlama = { source: 'ollama', model: 'llama3.1' };
const isGuide = { source: 'guide', model: 'built-in' };

/** Who answers an input in a session of its own. */
async function answers(scene: Scene, id: string) {
  const { client, socket, admission } = await scene.speak(id, 'hello');
  expect(await client.ended(admission.turn_id)).toMatchObject({ state: 'done' });
  return responseOf(socket, admission.turn_id);
}

test('the guide answers while Ollama is away, and Ollama again once it is back', async () => {
  await using scene = await openScene({ fake: { behaviour: { reply } } });
  const before = await answers(scene, 'before');
  await scene.fake.stop();
  await scene.healthy(({ services }) => services.ollama === 'disconnected');
  const while_ = await answers(scene, 'while');
  const away = await scene.healthy(() => true);
  await scene.fake.start();
  const back = await scene.healthy(({ model }) => model.source === 'ollama');
  const after = await answers(scene, 'after');

  expect([before, while_, after]).toMatchObject([isLlama, isGuide, isLlama]);
  expect(away).toMatchObject({ status: 'healthy', model: { source: 'guide' } });
  expect(away.model.reason).toContain('does not answer');
  expect(back).toMatchObject({ status: 'healthy', services: { ollama: 'connected' } });
});

test('the guide answers, under its own name, a turn that finds Ollama gone', async () => {
  await using scene = await openScene({ env: { OLLAMA_CHECK_MS: '60000' }, fake: { behaviour: { reply } } });
  await scene.fake.stop();

  const response = await answers(scene, 's');

  expect(response).toMatchObject(isGuide);
});

test('with MODEL=auto the guide answers until the model is there', async () => {
  await using scene = await openScene({ fake: { models: ['another'], behaviour: { reply } } });
  const missing = await scene.healthy(() => true);
  const without = await answers(scene, 'without');
  scene.fake.install('llama3.1');
  await scene.healthy(({ model }) => model.source === 'ollama');
  const withIt = await answers(scene, 'with');

  expect(missing).toMatchObject({ status: 'healthy', model: { source: 'guide' } });
  expect(missing.model.reason).toContain('is not there');
  expect([without, withIt]).toMatchObject([isGuide, isLlama]);
});

test('with MODEL=ollama a turn waits for an Ollama that is not there yet', async () => {
  const options = { env: { MODEL: 'ollama' }, fake: { behaviour: { reply } } };
  await using scene = await openScene({ ...options, prepare: (fake) => fake.stop() });
  const away = await scene.healthy(() => true);
  const { client, socket, admission } = await scene.speak('s', 'hello');
  await scene.server.logged('model fault');
  await scene.fake.start();
  const turn = await client.ended(admission.turn_id);

  expect(away).toMatchObject({ status: 'unhealthy', services: { ollama: 'disconnected' } });
  expect(turn).toMatchObject({ state: 'done', text: reply });
  expect(responseOf(socket, admission.turn_id)).toMatchObject(isLlama);
});

test('with MODEL=ollama a turn that waits for Ollama can be cancelled', async () => {
  await using scene = await openScene({ env: { MODEL: 'ollama' } });
  await scene.fake.stop();
  const { client, socket, admission } = await scene.speak('s', 'hello');
  await scene.server.logged('model fault');
  const answer = await socket.must('turn:cancel', { session_id: 's' });

  expect(answer['state']).toBe('cancelled');
  expect(await client.ended(admission.turn_id)).toMatchObject({ state: 'cancelled', text: '' });
});

const Status = z.looseObject({
  name: z.string(),
  phase: z.string(),
  completed: z.number().optional(),
  total: z.number().optional(),
});

test('OLLAMA_PULL=1 fetches the model, tells its progress, and the guide answers meanwhile', async () => {
  await using scene = await openScene({
    env: { OLLAMA_PULL: '1' },
    fake: { models: [], behaviour: { reply } },
    prepare: (fake) => {
      fake.always({ pull: { total: 4000, steps: 4 } }, 'pull');
      fake.hold('piece', 2);
    },
  });
  const socket = await scene.socket();
  const meanwhile = await answers(scene, 'meanwhile');
  scene.fake.release();
  const statuses = () => socket.of('model:status').map((data) => Status.parse(data));
  await socket.until(() => statuses().some(({ phase }) => phase === 'ready'), 'the model is ready');
  const after = await answers(scene, 'after');

  expect(meanwhile).toMatchObject(isGuide);
  const pulling = statuses().filter(({ phase }) => phase === 'pulling');
  expect(pulling.length).toBeGreaterThan(0);
  expect(pulling.every(({ name, total }) => name === 'llama3.1' && total === 4000)).toBe(true);
  const progress = pulling.map(({ completed }) => completed ?? 0);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(after).toMatchObject(isLlama);
});
