import { expect, test } from 'vitest';
import { z } from 'zod';
import { input, openScene, words } from '../support/scene.ts';
import type { Scene, Spoken } from '../support/scene.ts';

const reply = words(10);
const Queued = z.looseObject({ turn_id: z.string(), position: z.number() });

/** The places a turn was told, the one of its ack first. */
const placesOf = ({ socket, admission }: Spoken): number[] => [
  admission.position ?? 0,
  ...socket
    .of('turn:queued')
    .map((data) => Queued.parse(data).position)
    .filter((place, i, all) => place !== (all[i - 1] ?? admission.position)),
];

const Asked = z.looseObject({ messages: z.array(z.object({ role: z.string(), content: z.string() })) });

/** What the person said last in a request to the model. */
const lastUserText = (body: unknown): string =>
  Asked.parse(body).messages.findLast(({ role }) => role === 'user')?.content ?? '';

/** An input of somebody known by `clientId`, in a session of its own. */
async function speakAs(scene: Scene, clientId: string, id: string): Promise<Spoken> {
  const socket = await scene.socket();
  await socket.must('session:create', { session_id: id, client_id: clientId });
  socket.close();
  return await scene.speak(id, `hello from ${id}`);
}

test('the model is never asked for more than its slots, and who sends much delays nobody, also through a kill -9 (scenario 61)', async () => {
  const fake = { behaviour: { reply, promptMs: 10 } };
  await using scene = await openScene({ env: { MODEL: 'ollama', OLLAMA_SLOTS: '2' }, fake });
  scene.fake.hold('piece', 5);
  const greedy = await Promise.all(
    Array.from({ length: 12 }, (_, i) => speakAs(scene, 'greedy', `greedy${i}`)),
  );
  const users = await Promise.all(
    Array.from({ length: 6 }, (_, i) => speakAs(scene, `user${i}`, `user${i}`)),
  );
  const atPiece = () => scene.fake.of('chat').filter(({ piecesSent }) => piecesSent === 5);
  await scene.fake.until(() => atPiece().length === 2, 'two replies in the middle');

  await scene.kill();
  scene.fake.release();
  await scene.start();
  const socket = await scene.socket();
  await Promise.all(
    [...greedy, ...users].map(async ({ client, admission }) => {
      await socket.follow(client.sessionId, client);
      expect(await client.ended(admission.turn_id)).toMatchObject({ state: 'done', text: reply });
    }),
  );

  expect(scene.fake.maxGenerating).toBe(2);
  const asked = scene.fake
    .of('chat')
    .slice(2)
    .map(({ body }) => lastUserText(body));
  const last = Math.max(...users.map(({ client }) => asked.indexOf(`hello from ${client.sessionId}`)));
  expect(asked.slice(last + 1).filter((text) => text.includes('greedy')).length).toBeGreaterThan(6);
});

test('every change of its place in the queue is told to a turn that waits (scenario 61)', async () => {
  await using scene = await openScene({
    env: { MODEL: 'ollama', OLLAMA_SLOTS: '1' },
    fake: { behaviour: { reply } },
  });
  scene.fake.hold('prompt');
  const all: Spoken[] = [];
  for (const id of ['a', 'b', 'c', 'd']) all.push(await scene.speak(id, `hello ${id}`));
  const [a, b, c, d] = all;
  if (!a || !b || !c || !d) throw new Error('four turns');
  const isAt = async (spoken: Spoken, place: number) =>
    await spoken.socket.until(() => placesOf(spoken).at(-1) === place, `place ${place}`);
  await isAt(d, 3);
  await b.socket.must('turn:cancel', { session_id: 'b' });
  await isAt(d, 2);
  await a.socket.must('turn:cancel', { session_id: 'a' });
  await isAt(d, 1);
  scene.fake.release();
  await Promise.all([c, d].map(({ client, admission }) => client.ended(admission.turn_id)));

  expect([b, c, d].map(placesOf)).toEqual([[1], [2, 1], [3, 2, 1]]);
  expect(scene.fake.of('chat')).toHaveLength(3);
});

test('an input is refused with MODEL_BUSY when the queue is full, and leaves nothing behind', async () => {
  const env = { MODEL: 'ollama', OLLAMA_SLOTS: '1', OLLAMA_QUEUE: '1' };
  await using scene = await openScene({ env, fake: { behaviour: { reply } } });
  scene.fake.hold('prompt');
  const first = await scene.speak('first', 'hello');
  const second = await scene.speak('second', 'hello', { input_id: 'one' });
  const socket = await scene.socket();

  const refused = await socket.refused('session:input', { session_id: 'third', user_input: 'hello' });
  const overRest = await scene.rest('POST /api/v1/session/third/input', { body: { user_input: 'hello' } });
  const unknown = await scene.rest('GET /api/v1/session/third/status');
  const repeated = await input(socket, 'second', 'hello', { input_id: 'one' });

  expect(refused).toMatchObject({ code: 'MODEL_BUSY', status: 503, retryable: true });
  expect(refused.retry_after_ms).toBeGreaterThan(0);
  expect(overRest).toMatchObject({ status: 503, body: { code: 'MODEL_BUSY' } });
  expect(Number(overRest.headers['retry-after'])).toBeGreaterThan(0);
  expect(unknown.status).toBe(404);
  expect(repeated).toMatchObject({ turn_id: second.admission.turn_id, duplicate: true });
  scene.fake.release();
  for (const { client, admission } of [first, second]) await client.ended(admission.turn_id);
  const later = await scene.speak('third', 'hello');
  expect(await later.client.ended(later.admission.turn_id)).toMatchObject({ text: reply });
});

test('an input is refused with MODEL_BUSY when the queue is full while the model loads', async () => {
  const env = { MODEL: 'ollama', OLLAMA_SLOTS: '1', OLLAMA_QUEUE: '1' };
  const fake = { models: [{ name: 'llama3.1', loaded: false }], behaviour: { reply } };
  await using scene = await openScene({ env, fake });
  scene.fake.hold('load');
  const first = await scene.speak('first', 'hello');
  await scene.fake.reached('load');
  const second = await scene.speak('second', 'hello');
  const socket = await scene.socket();

  const refused = await socket.refused('session:input', { session_id: 'third', user_input: 'hello' });

  expect(refused.code).toBe('MODEL_BUSY');
  scene.fake.release();
  for (const { client, admission } of [first, second]) await client.ended(admission.turn_id);
});
