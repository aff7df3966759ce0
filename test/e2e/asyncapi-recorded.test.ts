// A long conversation over real sockets, recorded frame by frame: everything in it is in /asyncapi.json, and the other way round.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { readAsyncApi } from '../support/asyncapi-document.ts';
import { Recording } from '../support/asyncapi-recording.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { SocketClient } from '../support/socket-client.ts';
import { bearer, openJwtDesk, personToken } from '../support/tokens.ts';

const operator = 'operator-key-for-tests-0123456789abcdef';
const ada = { tenant: 'acme', name: 'ada' };
const reply = words(30);
const Turn = z.looseObject({ turn_id: z.string() });
const Alerts = z.looseObject({ alerts: z.array(z.looseObject({ alert_id: z.string() })) });

/** Documented, and not to be had in one conversation. */
const notHere: Record<string, string> = {
  'session:leave refused': 'whoever follows nothing has left already',
};

/** A socket that is recorded from its first packet on. */
async function open(scene: Scene, recording: Recording, token: string): Promise<SocketClient> {
  const socket = new SocketClient(scene.url, { auth: { token } });
  recording.take(socket.socket);
  await socket.connected;
  return socket;
}

const happens = (socket: SocketClient, event: string, count = 1): Promise<void> =>
  socket.until(() => socket.of(event).length >= count, `${event} ${count}`);

async function asOperator(scene: Scene, line: string, body?: object): Promise<unknown> {
  const answer = await scene.rest(line, { headers: bearer(operator), ...(body && { body }) });
  expect(answer.status).toBe(200);
  return answer.body;
}

async function speak(socket: SocketClient, fields: object): Promise<string> {
  return Turn.parse(await socket.must('session:input', fields)).turn_id;
}

/** Sessions made, read and let go of. */
async function readAndLeave(socket: SocketClient): Promise<void> {
  const session_id = 'first';
  await socket.must('session:create', { session_id, metadata: { from: 'a test' }, locale: 'en-GB' });
  await socket.refused('session:create', session_id);
  await socket.must('session:create');
  await speak(socket, { session_id, user_input: 'hello', input_id: 'i1' });
  await happens(socket, 'therapist:done');
  await socket.must('session:input', { session_id, user_input: 'hello', input_id: 'i1' });
  await socket.must('session:leave', { session_id });
  const { cursor } = await socket.must('session:join', { session_id });
  await socket.must('session:join', { session_id, after: cursor });
  await socket.must('session:status', { session_id });
  await socket.must('session:history', { session_id, limit: 1 });
  socket.socket.emit('received', { session_id, seq: 1 });
  socket.socket.emit('session:status', { session_id });
  await happens(socket, 'session:status:result');
  socket.socket.emit('session:status', { session_id: 'unheard of' });
  await happens(socket, 'session:status:result', 2);
}

/** A live turn, one that waits for the only slot, and what becomes of both. */
async function queueAndCancel(scene: Scene, socket: SocketClient): Promise<void> {
  scene.fake.hold('piece', 5);
  const first = await speak(socket, { session_id: 'live', user_input: 'hello' });
  await scene.fake.reached('piece', 5, scene.fake.requests.length - 1);
  await socket.refused('session:input', { session_id: 'live', user_input: 'and' });
  await speak(socket, { session_id: 'waiting', user_input: 'hello' });
  await happens(socket, 'turn:queued');
  await happens(socket, 'turn:status');
  await socket.must('turn:cancel', { session_id: 'waiting' });
  await socket.must('turn:cancel', { session_id: 'live', turn_id: first });
  await happens(socket, 'turn:cancelled', 2);
  scene.fake.release();
  const done = socket.of('therapist:done').length;
  await socket.must('turn:retry', { session_id: 'live', turn_id: first });
  await happens(socket, 'therapist:done', done + 1);
}

/** A model that begins anew, and one that breaks off again and again. */
async function failingModel(scene: Scene, socket: SocketClient): Promise<void> {
  scene.fake.always({ reply, prefill: 'ignored' });
  scene.fake.next({ reply, fault: { kind: 'close', after: 8 } });
  await speak(socket, { session_id: 'anew', user_input: 'hello' });
  await happens(socket, 'therapist:reset');
  scene.fake.always({ reply, fault: { kind: 'error', after: 0 } });
  await speak(socket, { session_id: 'broken', user_input: 'hello' });
  await happens(socket, 'therapist:error');
  scene.fake.always({ reply });
  await scene.healthy(({ services }) => services.ollama === 'connected');
}

/** Somebody in need, and a person who answers. */
async function person(scene: Scene, socket: SocketClient): Promise<void> {
  const session_id = 'in need';
  await speak(socket, { session_id, user_input: 'I want to kill myself' });
  await happens(socket, 'safety:resources');
  const { alerts } = Alerts.parse(await asOperator(scene, 'GET /api/v1/operator/alerts'));
  const path = `POST /api/v1/operator/alerts/${alerts[0]?.alert_id}`;
  const updates = socket.of('session:updated').length;
  await asOperator(scene, `${path}/take_over`, { actor: 'shift-7', name: 'Ann' });
  await happens(socket, 'session:updated', updates + 1);
  await speak(socket, { session_id, user_input: 'is anybody there?' });
  await asOperator(scene, `${path}/message`, { actor: 'shift-7', text: 'I am here.' });
  await happens(socket, 'human:message');
  await socket.must('session:join', { session_id });
  await asOperator(scene, 'POST /api/v1/operator/announce', { actor: 'shift-7', text: 'We move at ten.' });
  await happens(socket, 'server:notice');
}

/** Each event for what is not there. */
async function refusals(socket: SocketClient): Promise<void> {
  const session_id = 'unheard of';
  for (const event of ['session:join', 'session:status', 'session:history', 'session:delete', 'turn:cancel'])
    await socket.refused(event, { session_id });
  await socket.refused('turn:retry', { session_id, turn_id: 'x' });
  await socket.refused('auth:refresh', { token: 'nobody gave this out' });
}

test('a recorded conversation has nothing that /asyncapi.json does not have, and misses nothing of it', async () => {
  await using desk = await openJwtDesk();
  const env = { ...desk.env, MODEL: 'ollama', OLLAMA_SLOTS: '1', OPERATOR_KEY: operator, RAW_REPLIES: '1' };
  await using scene = await openScene({ env, fake: { models: [], slots: 1, behaviour: { reply } } });
  const recording = new Recording(readAsyncApi(await (await fetch(`${scene.url}/asyncapi.json`)).json()));
  using socket = await open(scene, recording, await desk.token(ada));
  await expect(open(scene, recording, 'nobody gave this out')).rejects.toThrow();
  using leaving = await open(scene, recording, personToken(ada, undefined, 40));
  const expired = happens(leaving, 'auth:expiring');
  scene.fake.install('llama3.1');
  await happens(socket, 'model:status');

  await readAndLeave(socket);
  await queueAndCancel(scene, socket);
  await failingModel(scene, socket);
  await person(scene, socket);
  await refusals(socket);
  await socket.must('session:delete', { session_id: 'first' });
  await happens(socket, 'session:deleted');
  await expired;
  await leaving.must('auth:refresh', { token: await desk.token(ada) });
  scene.server.signal('SIGTERM');
  await happens(socket, 'server:draining');
  await scene.exited();
  recording.judge();

  expect([...recording.findings]).toEqual([]);
  const { events } = recording.api;
  const documented = [...events].flatMap(([name, { payloads }]) =>
    [...payloads.keys()].map((message) => `${name} ${message}`),
  );
  const missing = documented.filter((name) => !recording.seen.has(name) && !(name in notHere));
  expect(missing).toEqual([]);
  expect(recording.seen).toContain('connect_error');
});
