import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { openSocketIo } from '../support/raw-websocket.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords, openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { compileCache, startServer, tempDir } from '../support/server-process.ts';
import { openEvents } from '../support/sse.ts';

const long = words(30, 'kiwi');
const short = words(8, 'short');
const replyTo = (messages: readonly { content: string }[]) =>
  messages.at(-1)?.content.includes('short') ? short : long;
const DRAIN_MS = 1_000;

/** Sixteen turns at their fifth word: half of them are short. */
async function sixteenTurns(scene: Scene) {
  scene.fake.hold('piece', 5);
  scene.fake.hold('piece', 20);
  const kinds = Array.from({ length: 16 }, (_, i) => ({ id: `s${i}`, reply: i % 2 === 0 ? long : short }));
  const spoken = await Promise.all(
    kinds.map(async ({ id, reply }) => {
      const one = await scene.speak(id, `one ${reply === long ? 'long' : 'short'} reply`);
      await one.client.until(() => one.client.text() === firstWords(reply, 5), 'five words');
      return { ...one, id, reply };
    }),
  );
  return spoken;
}

test('SIGTERM ends with code 0, and every turn is finished or goes on after the next start (scenario 75)', async () => {
  const env = { OLLAMA_SLOTS: '20', DRAIN_MS: String(DRAIN_MS) };
  await using scene = await openScene({ env, fake: { behaviour: { reply: replyTo } } });
  const turns = await sixteenTurns(scene);
  const readers = await Promise.all(
    turns.map(async ({ id }) => {
      const client = new Client(id);
      return { client, events: await openEvents(scene.url, pathOf(id, '/events'), { client }) };
    }),
  );
  for (const { client } of readers) await client.until(() => client.text() !== '', 'words over SSE');
  await (await scene.socket()).must('session:create', 'quiet');
  const { body } = await scene.rest('GET /api/v1/session/quiet/status');
  const path = `/api/v1/session/quiet/log?after=${String(body['cursor'])}&wait=30`;
  const polls = Array.from({ length: 5 }, () => scene.rest(`GET ${path}`));
  const waiting = scene.rest('POST /api/v1/input', {
    body: { session_id: 'rest', user_input: 'a long reply' },
  });
  const answers = Promise.all([...polls, waiting]);
  answers.catch(() => undefined);
  await scene.fake.until(() => scene.fake.of('chat').length === 17, 'the turn of the REST call');

  scene.server.signal('SIGTERM');
  await scene.server.logged('draining');
  const ready = await scene.rest('GET /readyz');
  const alive = await scene.rest('GET /livez');
  scene.fake.release('piece', 5);
  const exit = await scene.exited(DRAIN_MS + 10_000);

  expect(exit).toEqual({ code: 0, signal: null });
  expect([ready.status, alive.status]).toEqual([503, 200]);
  expect(turns.every(({ socket }) => socket.of('server:draining').length === 1)).toBe(true);
  expect(readers.every(({ events }) => events.of('server:draining').length === 1)).toBe(true);
  expect(readers.every(({ events }) => events.end === 'whole' && events.retryMs !== undefined)).toBe(true);
  expect((await answers).map(({ status }) => status)).toEqual([204, 204, 204, 204, 204, 503]);
  for (const { client, admission, reply } of turns.filter((turn) => turn.reply === short)) {
    expect(await client.ended(admission.turn_id)).toMatchObject({ state: 'done', text: reply });
  }

  scene.fake.release();
  await scene.start();
  const socket = await scene.socket();
  const clients = [...turns.map(({ client }) => client), ...readers.map(({ client }) => client)];
  for (const client of clients) {
    const { reply, admission } = turns.find(({ id }) => id === client.sessionId) ?? {};
    await socket.follow(client.sessionId, client);
    const turn = await client.ended(admission?.turn_id ?? '');
    expect(turn).toMatchObject({ state: 'done', text: reply });
    expect(client.counts).toMatchObject({ resets: 0 });
  }
});

test('SIGTERM hands over turns that load or wait for a slot (scenario 75)', async () => {
  const fake = { models: [{ name: 'llama3.1', loaded: false }], behaviour: { reply: short } };
  await using scene = await openScene({ env: { OLLAMA_SLOTS: '1', DRAIN_MS: '100' }, fake });
  scene.fake.hold('load');
  const loads = await scene.speak('loads', 'hello');
  await scene.fake.reached('load');
  const waits = await scene.speak('waits', 'hello');

  const exit = await scene.kill('SIGTERM');
  scene.fake.release();
  await scene.start();
  const socket = await scene.socket();

  expect(exit).toEqual({ code: 0, signal: null });
  for (const { client, admission } of [loads, waits]) {
    await socket.follow(client.sessionId, client);
    expect(await client.ended(admission.turn_id)).toMatchObject({ state: 'done', text: short });
  }
});

test('SIGTERM ends at once when nothing runs', async () => {
  await using scene = await openScene({ env: { DRAIN_MS: '600000' } });
  const { client, socket, admission } = await scene.speak('s', 'hello');
  await client.ended(admission.turn_id);

  const exit = await scene.kill('SIGTERM');

  expect(exit).toEqual({ code: 0, signal: null });
  expect(socket.of('server:draining')).toHaveLength(1);
});

test('SIGTERM ends with code 0 though nobody reads its log any more', async () => {
  await using directory = await tempDir();
  await using server = await startServer({ dataDir: directory.path, env: { MODEL: 'guide' } });
  server.closeOutput();

  const exit = await server.stop();

  expect(exit).toEqual({ code: 0, signal: null });
});

// the first process of a container is not ended by a signal that it does not listen to
test('SIGTERM ends a start that waits for something', async () => {
  await using directory = await tempDir();
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const env = { PATH: process.env['PATH'], DATA_DIR: directory.path, ...compileCache };
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const connected = once(silent, 'connection');
  const server = spawn(process.execPath, [main], {
    env: { ...env, MODEL: 'guide', RETRIEVAL: 'off', REDIS_URL: `redis://127.0.0.1:${port}` },
    stdio: 'ignore',
  });
  const ended = once(server, 'exit');
  await connected;

  server.kill('SIGTERM');

  expect(await ended).toEqual([0, null]);
  silent.close();
});

test('with DRAIN_DELAY_MS everything is served on while /readyz already says 503', async () => {
  await using scene = await openScene({ env: { DRAIN_DELAY_MS: '4000' } });
  scene.server.signal('SIGTERM');
  await scene.server.logged('draining');

  const ready = await scene.rest('GET /readyz');
  const created = await scene.rest('POST /api/v1/session/create', { body: { session_id: 'late' } });
  const { client, admission } = await scene.speak('late', 'hello');
  const turn = await client.ended(admission.turn_id);
  const exit = await scene.exited();

  expect([ready.status, created.status]).toEqual([503, 200]);
  expect(turn).toMatchObject({ state: 'done' });
  expect(exit).toEqual({ code: 0, signal: null });
});

test('a second SIGTERM ends it at once, and the turn goes on after the next start', async () => {
  await using scene = await openScene({ env: { DRAIN_MS: '600000' }, fake: { behaviour: { reply: long } } });
  scene.fake.hold('piece', 5);
  const { client, admission } = await scene.speak('s', 'hello');
  await client.until(() => client.text() === firstWords(long, 5), 'five words');
  scene.server.signal('SIGTERM');
  await scene.server.logged('draining');

  const exit = await scene.kill('SIGTERM');
  scene.fake.release();
  await scene.start();
  await (await scene.socket()).follow('s', client);

  expect(exit).toEqual({ code: 1, signal: null });
  expect(await client.ended(admission.turn_id)).toMatchObject({ state: 'done', text: long });
});

test('SIGTERM ends with code 0 though a client does not answer the goodbye', async () => {
  await using scene = await openScene();
  using _mute = await openSocketIo(Number(new URL(scene.url).port));

  const exit = await scene.kill('SIGTERM');

  expect(exit).toEqual({ code: 0, signal: null });
});
