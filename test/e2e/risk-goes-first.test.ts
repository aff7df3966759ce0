import { expect, test } from 'vitest';
import { firstWords, input, openScene, responseOf, words } from '../support/scene.ts';
import type { Spoken } from '../support/scene.ts';

const risk = 'I want to kill myself tonight';
const reply = words(30);

/** The fixed reply with its resources, and that the model was not asked. */
async function isAnswered({ client, socket, admission }: Spoken) {
  const turn = await client.ended(admission.turn_id);
  expect(turn.state).toBe('done');
  expect(responseOf(socket, admission.turn_id).source).toBe('safety');
  const found = socket.of('safety:resources').find((data) => Object(data).turn_id === admission.turn_id);
  expect(found).toMatchObject({ session_id: client.sessionId });
  expect(Object(found).resources.length).toBeGreaterThan(0);
}

test('[P-12] risk interrupts a live turn and is answered without the model', async () => {
  await using scene = await openScene({ fake: { behaviour: { reply } } });
  scene.fake.hold('piece', 5);
  const { client, socket, admission } = await scene.speak('s', 'I feel restless');
  await client.until(() => client.text() === firstWords(reply, 5), 'five words');
  const answer = await input(socket, 's', risk);
  await isAnswered({ client, socket, admission: answer });
  await scene.fake.idle();

  expect(client.turns.find(({ turnId }) => turnId === admission.turn_id)).toMatchObject({
    state: 'cancelled',
    text: firstWords(reply, 5),
  });
  expect(scene.fake.of('chat')).toMatchObject([{ ending: 'client' }]);
});

test('[P-12] risk is answered while the queue for the model is full', async () => {
  const env = { MODEL: 'ollama', OLLAMA_SLOTS: '1', OLLAMA_QUEUE: '0' };
  await using scene = await openScene({ env, fake: { behaviour: { reply } } });
  scene.fake.hold('prompt');
  await scene.speak('other', 'hello');
  const socket = await scene.socket();
  const busy = await socket.refused('session:input', { session_id: 's', user_input: 'hello' });
  const spoken = await scene.speak('s', risk);
  await isAnswered(spoken);
  const overRest = await scene.rest('POST /api/v1/session/r/input', { body: { user_input: risk } });

  expect(busy.code).toBe('MODEL_BUSY');
  expect(overRest).toMatchObject({ status: 200, body: { source: 'safety' } });
  expect(scene.fake.of('chat')).toHaveLength(1);
});

test('[P-12] risk is answered with MODEL=ollama and no Ollama', async () => {
  await using scene = await openScene({ env: { MODEL: 'ollama' }, prepare: (fake) => fake.stop() });

  await isAnswered(await scene.speak('s', risk));
});

test('[P-12] risk is answered while the server drains, and everything else is refused', async () => {
  await using scene = await openScene({ env: { DRAIN_MS: '20000' }, fake: { behaviour: { reply } } });
  scene.fake.hold('piece', 5);
  const live = await scene.speak('live', 'hello');
  await live.client.until(() => live.client.text() !== '', 'words');
  const socket = await scene.socket();
  scene.server.signal('SIGTERM');
  await scene.server.logged('draining');
  const refused = await socket.refused('session:input', { session_id: 's', user_input: 'hello' });
  const overRest = await scene.rest('POST /api/v1/session/s/input', { body: { user_input: 'hello' } });
  await isAnswered(await scene.speak('s', risk));
  await isAnswered({ ...live, admission: await input(live.socket, 'live', risk) });

  expect(refused).toMatchObject({ code: 'DRAINING', retryable: true });
  expect(overRest).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
  expect(overRest.headers['retry-after']).toBeDefined();
  expect(await scene.server.exited).toMatchObject({ code: 0 });
});

test('[P-12] risk in a session whose turn waits for a slot takes its place', async () => {
  const env = { MODEL: 'ollama', OLLAMA_SLOTS: '1' };
  await using scene = await openScene({ env, fake: { behaviour: { reply } } });
  scene.fake.hold('prompt');
  await scene.speak('other', 'hello');
  const { client, socket, admission } = await scene.speak('s', 'never asked');
  await isAnswered({ client, socket, admission: await input(socket, 's', risk) });

  expect(admission.position).toBe(1);
  expect(client.turns.map(({ state }) => state)).toEqual(['cancelled', 'done']);
  expect(JSON.stringify(scene.fake.of('chat').map(({ body }) => body))).not.toContain('never asked');
});
