import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestRecord } from '../support/fake-ollama.ts';
import { Client } from '../support/fold.ts';
import { firstWords, input, openScene, responseOf, words } from '../support/scene.ts';
import type { Scene, Spoken } from '../support/scene.ts';

const reply = words(30);
let scene: Scene;

beforeAll(async () => {
  scene = await openScene({ env: { MODEL: 'ollama', OLLAMA_SLOTS: '2' } });
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(() => {
  scene.fake.release();
  scene.fake.always({ reply });
});

/** Cancels, and looks at what the log says behind the confirmation: the end of the turn and nothing after it. [P-7] */
async function cancels({ client, socket, admission }: Spoken): Promise<{ state: unknown; text: string }> {
  const { turn_id } = admission;
  const answer = await socket.must('turn:cancel', { session_id: client.sessionId, turn_id });
  const snapshot = await socket.must('session:join', { session_id: client.sessionId });
  const turn = await client.ended(turn_id);
  expect(snapshot['live']).toBe(null);
  expect(turn.state).toBe('cancelled');
  scene.fake.release();
  await scene.fake.idle();
  const later = await scene.rest(`GET /api/v1/session/${client.sessionId}/status`);
  expect(later.body['cursor']).toBe(snapshot['cursor']);
  return { state: answer['state'], text: turn.text };
}

/** The chats of a session, told by what was said there. */
const chatsOf = (text: string): RequestRecord[] =>
  scene.fake.of('chat').filter(({ body }) => JSON.stringify(body).includes(text));

test('[P-7] a turn is cancelled while it waits in the queue, and the model never hears of it (scenario 58)', async () => {
  scene.fake.hold('prompt');
  const running = [await scene.speak('q1', 'hello one'), await scene.speak('q2', 'hello two')];
  const queued = await scene.speak('q3', 'never asked');
  expect(queued.admission.position).toBe(1);

  const { state, text } = await cancels(queued);

  expect([state, text]).toEqual(['cancelled', '']);
  for (const { client, admission } of running) await client.ended(admission.turn_id);
  expect(chatsOf('never asked')).toEqual([]);
});

test('[P-7] a turn is cancelled in prompt evaluation, and the request is closed (scenario 58)', async () => {
  scene.fake.hold('prompt');
  const spoken = await scene.speak('prompt', 'hello prompt');
  await scene.fake.until(() => scene.fake.generating === 1, 'prompt evaluation');

  const { state, text } = await cancels(spoken);

  expect([state, text]).toEqual(['cancelled', '']);
  expect(chatsOf('hello prompt')).toMatchObject([{ ending: 'client', piecesSent: 0 }]);
});

test('[P-7] a turn is cancelled with its first word in flight (scenario 58)', async () => {
  scene.fake.hold('piece', 1);
  const spoken = await scene.speak('first', 'hello first');
  await scene.fake.until(() => chatsOf('hello first')[0]?.piecesSent === 1, 'one piece');

  const { state, text } = await cancels(spoken);

  expect(state).toBe('cancelled');
  expect(['', firstWords(reply, 1)]).toContain(text);
  expect(chatsOf('hello first')).toMatchObject([{ ending: 'client', piecesSent: 1 }]);
});

test('[P-7] a turn is cancelled while it streams, keeps its words, and the request is closed (scenario 58)', async ({
  annotate,
}) => {
  scene.fake.hold('piece', 10);
  const spoken = await scene.speak('streams', 'hello streams');
  await spoken.client.until(() => spoken.client.text() === firstWords(reply, 10), 'ten words');

  const askedAt = performance.now();
  const { state, text } = await cancels(spoken);

  const [chat] = chatsOf('hello streams');
  await annotate(`closed after ${Math.round((chat?.closedAt ?? Number.NaN) - askedAt)} ms`);
  expect([state, text]).toEqual(['cancelled', firstWords(reply, 10)]);
  expect(chat).toMatchObject({ ending: 'client', piecesSent: 10 });
});

test('a turn that is cancelled twice, or has ended, tells its state and the log gets nothing (scenario 58)', async () => {
  scene.fake.hold('piece', 10);
  const spoken = await scene.speak('twice', 'hello twice');
  const { client, socket, admission } = spoken;
  await client.until(() => client.text() !== '', 'words');
  await cancels(spoken);
  const { seq } = client;
  const again = await socket.must('turn:cancel', { session_id: 'twice', turn_id: admission.turn_id });
  const next = await input(socket, 'twice', 'and again');
  const done = await client.ended(next.turn_id);
  const late = await socket.must('turn:cancel', { session_id: 'twice', turn_id: next.turn_id });

  expect(again).toMatchObject({ turn_id: admission.turn_id, state: 'cancelled' });
  expect(done).toMatchObject({ state: 'done', text: reply });
  expect(late).toMatchObject({ turn_id: next.turn_id, state: 'done' });
  expect(client.seq).toBeGreaterThan(seq);
  expect(socket.of('turn:cancelled')).toHaveLength(1);
});

test('a cancel is refused where there is no such turn, and the live turn of another session goes on (scenario 58)', async () => {
  scene.fake.hold('piece', 5);
  const { client, socket, admission } = await scene.speak('mine', 'hello mine');
  await socket.must('session:create', 'empty');
  const wrong = [
    await socket.refused('turn:cancel', { session_id: 'empty', turn_id: admission.turn_id }),
    await socket.refused('turn:cancel', { session_id: 'empty' }),
    await socket.refused('turn:cancel', { session_id: 'mine', turn_id: 'no such turn' }),
    await socket.refused('turn:cancel', { session_id: 'unknown' }),
  ];
  scene.fake.release();
  const turn = await client.ended(admission.turn_id);

  expect(wrong.map(({ code }) => code)).toEqual([
    'TURN_NOT_FOUND',
    'TURN_NOT_FOUND',
    'TURN_NOT_FOUND',
    'SESSION_NOT_FOUND',
  ]);
  expect(turn).toMatchObject({ state: 'done', text: reply });
});

test('an input right behind the ack of a cancel begins a turn with no word of the old one (scenario 59)', async () => {
  scene.fake.hold('piece', 10);
  const { client, socket, admission } = await scene.speak('again', 'the old input');
  await client.until(() => client.text() === firstWords(reply, 10), 'ten words');
  scene.fake.always({ reply: 'Nothing of that.' });
  const cancelled = socket.must('turn:cancel', { session_id: 'again' });
  const sent = input(socket, 'again', 'the new input');

  const [, next] = await Promise.all([cancelled, sent]);
  const turn = await client.ended(next.turn_id);

  expect(turn).toMatchObject({ state: 'done', text: 'Nothing of that.', n: 2 });
  expect(client.turns.find(({ turnId }) => turnId === admission.turn_id)?.state).toBe('cancelled');
  expect(responseOf(socket, next.turn_id).therapist_response).toBe('Nothing of that.');
});

test('[P-6] interrupt: true ends the live turn and begins the new one in one step', async () => {
  scene.fake.hold('piece', 10);
  const { client, socket, admission } = await scene.speak('step', 'the old input');
  await client.until(() => client.text() === firstWords(reply, 10), 'ten words');
  const refused = await socket.refused('session:input', { session_id: 'step', user_input: 'too early' });
  scene.fake.always({ reply: 'Something new.' });
  const next = await input(socket, 'step', 'the new input', { interrupt: true });
  const turn = await client.ended(next.turn_id);

  expect(refused).toMatchObject({ code: 'TURN_IN_PROGRESS', retryable: true });
  expect(turn).toMatchObject({ state: 'done', text: 'Something new.' });
  const logged = socket.received
    .filter(({ data }) => Object(data).seq !== undefined)
    .map(({ event }) => event);
  expect(logged.slice(logged.indexOf('turn:cancelled'))[1]).toBe('turn:started');
  expect(chatsOf('the old input')[0]).toMatchObject({ ending: 'client' });
  expect(client.text(admission.turn_id)).toBe(firstWords(reply, 10));
});

test('[P-10] a client that leaves for good in mid-reply does not end the turn (scenario 60)', async () => {
  scene.fake.hold('piece', 5);
  const { client, socket, admission } = await scene.speak('gone', 'hello gone');
  await client.until(() => client.text() === firstWords(reply, 5), 'five words');
  socket.close();
  const left = new AbortController();
  const call = scene.rest('POST /api/v1/session/rest/input', {
    body: { user_input: 'hi' },
    signal: left.signal,
  });
  call.catch(() => undefined);
  await scene.fake.until(() => scene.fake.generating === 2, 'both');
  left.abort();
  await expect(call).rejects.toThrow('aborted');
  scene.fake.release();
  const other = await scene.socket();
  const later = await other.follow('gone', new Client('gone'));
  const rest = await other.follow('rest', new Client('rest'));

  expect(await later.ended(admission.turn_id)).toMatchObject({ state: 'done', text: reply });
  await rest.until(() => rest.turns.at(-1)?.state === 'done', 'the turn of the REST call');
  expect(rest.text()).toBe(reply);
});

test('only the last turn is retried, if it failed or was cancelled', async () => {
  scene.fake.hold('piece', 3);
  const { client, socket, admission } = await scene.speak('retry', 'once more');
  await client.until(() => client.text() !== '', 'words');
  const live = await socket.refused('turn:retry', { session_id: 'retry', turn_id: admission.turn_id });
  await socket.must('turn:cancel', { session_id: 'retry' });
  scene.fake.release();
  const ask = { session_id: 'retry', turn_id: admission.turn_id, input_id: 'again' };
  const [again, repeated] = [await socket.must('turn:retry', ask), await socket.must('turn:retry', ask)];
  const turn = await client.ended(String(again['turn_id']));
  const refusals = [
    await socket.refused('turn:retry', { session_id: 'retry', turn_id: admission.turn_id }),
    await socket.refused('turn:retry', { session_id: 'retry', turn_id: turn.turnId }),
    await socket.refused('turn:retry', { session_id: 'retry', turn_id: 'no such turn' }),
  ];

  expect(live.code).toBe('TURN_IN_PROGRESS');
  expect(turn).toMatchObject({ state: 'done', text: reply, userInput: 'once more', n: 2 });
  expect(repeated).toMatchObject({ turn_id: turn.turnId, duplicate: true });
  expect(refusals.map(({ code }) => code)).toEqual(Array(3).fill('TURN_NOT_FOUND'));
});
