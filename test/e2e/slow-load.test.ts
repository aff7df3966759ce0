import { expect, test } from 'vitest';
import { openScene, responseOf, words } from '../support/scene.ts';

const reply = words(10);
const fake = { models: [{ name: 'llama3.1', loaded: false }], behaviour: { reply } };

test('five of six who wait for a load get their reply from it though the first one cancels (scenario 66)', async () => {
  await using scene = await openScene({ env: { MODEL: 'ollama', OLLAMA_SLOTS: '6' }, fake });
  scene.fake.hold('load');
  const first = await scene.speak('s0', 'hello');
  await scene.fake.reached('load');
  const others = await Promise.all([1, 2, 3, 4, 5].map((i) => scene.speak(`s${i}`, 'hello')));
  const cancelled = await first.socket.must('turn:cancel', { session_id: 's0' });
  const ended = await first.client.ended(first.admission.turn_id);
  for (const { socket } of others) {
    const isLoading = () => socket.of('turn:status').some((status) => Object(status).phase === 'loading');
    await socket.until(isLoading, 'loading');
  }
  scene.fake.release();
  const turns = await Promise.all(others.map(({ client, admission }) => client.ended(admission.turn_id)));

  expect(cancelled['state']).toBe('cancelled');
  expect(ended).toMatchObject({ state: 'cancelled', text: '' });
  const heard = first.socket.received.map(({ event }) => event).filter((event) => event !== 'model:status');
  expect(heard.at(-1)).toBe('turn:cancelled');
  expect(turns.map(({ state, text }) => [state, text])).toEqual(others.map(() => ['done', reply]));
  expect(
    others.every(({ socket, admission }) => responseOf(socket, admission.turn_id).source === 'ollama'),
  ).toBe(true);
  expect(scene.fake.of('load')).toMatchObject([{ ending: 'done' }]);
  expect(scene.fake.of('chat')).toHaveLength(5);
});

test('the server is healthy while its only model loads', async () => {
  await using scene = await openScene({ env: { MODEL: 'ollama' }, fake });
  scene.fake.hold('load');
  const { client, admission } = await scene.speak('s', 'hello');
  await scene.fake.reached('load');
  const health = await scene.healthy(() => true);
  scene.fake.release();

  expect(health).toMatchObject({ status: 'healthy', model: { source: 'ollama' } });
  expect(await client.ended(admission.turn_id)).toMatchObject({ text: reply });
});

test('a server that is killed while the model loads leaves nobody without a reply (scenario 66)', async () => {
  await using scene = await openScene({ env: { OLLAMA_SLOTS: '3' }, fake });
  scene.fake.hold('load');
  const spoken = await Promise.all([0, 1, 2, 3].map((i) => scene.speak(`s${i}`, 'hello')));
  await scene.fake.reached('load');
  await scene.kill();
  scene.fake.release();
  await scene.start();
  const socket = await scene.socket();
  const turns = await Promise.all(
    spoken.map(async ({ client, admission }) => {
      await socket.follow(client.sessionId, client);
      return await client.ended(admission.turn_id);
    }),
  );

  expect(turns.map(({ text }) => text)).toEqual(Array(4).fill(reply));
});
