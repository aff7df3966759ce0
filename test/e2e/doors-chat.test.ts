// The official client of that protocol on networks and servers that people have.
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { APIUserAbortError } from 'openai';
import { expect, test } from 'vitest';
import { clientOf, turnsOf, user } from '../support/door-clients.ts';
import { runExample } from '../support/example-process.ts';
import { pathOf } from '../support/rest.ts';
import { scrape } from '../support/scrape.ts';
import { firstWords, openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { sharedScene } from '../support/shared-scene.ts';
import { openEvents } from '../support/sse.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const reply = words(40);
const open = sharedScene({ env: { RAW_REPLIES: '1' }, fake: { behaviour: { reply } } });

const request = (id: string, text = 'I want to feel calm') => ({
  model: 'gpt',
  messages: [user(text)],
  metadata: { session_id: id },
});

const contentOf = ({ choices }: OpenAI.ChatCompletion) => choices[0]?.message.content ?? '';

/** A client that tries again, as it does by default, and at once. */
const retrying = (url: string) => new OpenAI({ apiKey: 'none', baseURL: `${url}/v1`, maxRetries: 5 });

const LOOK_MS = 25;
const PATIENCE_MS = 30_000;

/** Resolves with what `look` finds, once `isThere` holds of it. */
async function found<T>(look: () => Promise<T>, isThere: (value: T) => boolean, label: string): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await look();
    if (isThere(value)) return value;
    if (performance.now() > until) throw new Error(`${label}: it stays ${JSON.stringify(value)}`);
    await sleep(LOOK_MS);
  }
}

/** The text of the last turn of a session, once it is in that state. */
async function ended(scene: Scene, id: string, state: string): Promise<string> {
  const last = async () => (await turnsOf(scene.url, id)).at(-1);
  const turn = await found(last, (one) => one?.state === state, `a turn that is ${state}`);
  return turn?.text ?? '';
}

test('words come as they are made, and nothing but them', async () => {
  const scene = await open();
  scene.fake.hold('piece', 10);
  const stream = await clientOf(scene.url).chat.completions.create({ ...request('live'), stream: true });
  let text = '';

  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    if (text.endsWith(firstWords(reply, 10))) scene.fake.release();
  }

  expect(text.endsWith(`\n\n${reply}`)).toBe(true);
  expect(await turnsOf(scene.url, 'live')).toMatchObject([{ text: reply, state: 'done' }]);
});

test.each([true, false])('who leaves stops the reply and the model (stream: %s)', async (stream) => {
  const scene = await open();
  const from = scene.fake.requests.length;
  scene.fake.hold('piece', 7);
  const leave = new AbortController();
  const id = `left ${stream}`;
  const asked = clientOf(scene.url).chat.completions.create(
    { ...request(id), stream },
    { signal: leave.signal },
  );
  const answer = Promise.resolve(asked).catch((error: unknown) => error);
  await scene.fake.reached('piece', 7, from);

  if (stream) await answer;
  leave.abort();

  const { ending } = await scene.fake.ended(from);
  expect(ending).toBe('client');
  expect(reply.startsWith(await ended(scene, id, 'cancelled'))).toBe(true);
  if (!stream) expect(await answer).toBeInstanceOf(APIUserAbortError);
});

test('who leaves does not stop a reply that another one waits for', async () => {
  const scene = await open();
  const from = scene.fake.requests.length;
  scene.fake.hold('piece', 7);
  const { chat } = clientOf(scene.url);
  const leave = new AbortController();
  const headers = { 'Idempotency-Key': 'both' };
  const first = await chat.completions.create(
    { ...request('two wait'), stream: true },
    { headers, signal: leave.signal },
  );
  const second = chat.completions.create(request('two wait'), { headers }).withResponse();
  await scene.fake.reached('piece', 7, from);
  // the second is there once its input is known to be a repeat
  const third = await chat.completions.create({ ...request('two wait'), stream: true }, { headers });

  leave.abort();
  for await (const _ of first);
  third.controller.abort();
  for await (const _ of third);
  scene.fake.release();

  const { data } = await second;
  expect(contentOf(data).endsWith(reply)).toBe(true);
  expect(await turnsOf(scene.url, 'two wait')).toMatchObject([{ state: 'done' }]);
});

test('nothing is kept for those who left, however many they were', async () => {
  const scene = await open();
  const from = scene.fake.requests.length;
  scene.fake.hold('piece', 7);
  const leave = new AbortController();
  const key = { headers: { 'Idempotency-Key': 'many' }, signal: leave.signal };
  const { chat } = retrying(scene.url);
  const first = await chat.completions.create({ ...request('many'), stream: true }, key);
  await scene.fake.reached('piece', 7, from);
  const streams = await Promise.all(
    Array.from({ length: 100 }, () => openEvents(scene.url, '/api/v1/ui/chat/many/stream')),
  );
  const chats = Promise.allSettled(
    Array.from({ length: 100 }, (_, i) =>
      chat.completions.create({ ...request('many'), stream: i % 2 === 0 }, key),
    ),
  );
  const count = async (name: string) => {
    const counts = await scrape(scene.url);
    return counts.sum(name, { transport: 'sse' }) + counts.sum(name, { transport: 'turn' });
  };
  await found(
    () => count('followers'),
    (many) => many === 201,
    'all of them',
  );

  for (const stream of streams) stream[Symbol.dispose]();
  leave.abort();
  await chats;
  for await (const _ of first);

  expect((await scene.fake.ended(from)).ending).toBe('client');
  await found(
    () => count('followers'),
    (many) => many === 0,
    'no followers',
  );
  await found(
    () => count('connections'),
    (many) => many === 0,
    'no connections',
  );
});

test('help is not stopped when somebody leaves', async () => {
  const scene = await open();
  const leave = new AbortController();
  const stream = await clientOf(scene.url).chat.completions.create(
    { ...request('risk left', 'I want to kill myself'), stream: true },
    { signal: leave.signal },
  );

  leave.abort();
  for await (const _ of stream);

  expect(await ended(scene, 'risk left', 'done')).toContain('findahelpline.com');
});

test.each(['named', 'found by its words'])(
  'a connection that drops costs no word and says nothing twice (a session %s)',
  async (how) => {
    const scene = await open();
    const from = scene.fake.requests.length;
    scene.fake.hold('piece', 5);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    const { metadata, ...rest } = request('dropped', `I want to feel calm (${how})`);
    const body = how === 'named' ? { ...rest, metadata } : rest;
    const asked = retrying(proxy.url).chat.completions.create(body).withResponse();
    await scene.fake.reached('piece', 5, from);

    proxy.reset();
    await scene.fake.ended(from);
    scene.fake.release();

    const { data, response } = await asked;
    const id = decodeURIComponent(response.headers.get('x-session-id') ?? '');
    expect(contentOf(data).endsWith(reply)).toBe(true);
    // the one that was cut is the one that was run again
    expect((await turnsOf(scene.url, id)).map(({ state }) => state)).toEqual(['cancelled', 'done']);
    expect(how === 'named' ? 'dropped' : id).toBe(id);
    expect(how === 'named' || id.endsWith('_1')).toBe(true);
  },
);

test('a live turn refuses the next words, which come through once it has ended', async () => {
  const scene = await open();
  const from = scene.fake.requests.length;
  scene.fake.hold('piece', 3);
  const first = clientOf(scene.url).chat.completions.create(request('busy')).asResponse();
  await scene.fake.reached('piece', 3, from);
  const refused: unknown = await clientOf(scene.url)
    .chat.completions.create(request('busy', 'and then?'))
    .catch((error: unknown) => error);
  const later = retrying(scene.url).chat.completions.create(request('busy', 'and then?'));

  scene.fake.release();

  expect(refused).toMatchObject({ status: 409, code: 'TURN_IN_PROGRESS' });
  expect((await first).status).toBe(200);
  expect(contentOf(await later)).toContain(reply);
  expect(await turnsOf(scene.url, 'busy')).toHaveLength(2);
});

test('with metadata.interrupt the next words take the place of a live turn', async () => {
  const scene = await open();
  const from = scene.fake.requests.length;
  scene.fake.hold('piece', 3);
  const first = await clientOf(scene.url).chat.completions.create({ ...request('busy 2'), stream: true });
  await scene.fake.reached('piece', 3, from);
  const metadata = { session_id: 'busy 2', interrupt: 'true' };
  const next = clientOf(scene.url).chat.completions.create({ ...request('', 'and then?'), metadata });

  const { ending } = await scene.fake.ended(from);
  scene.fake.release();

  expect(ending).toBe('client');
  expect(contentOf(await next)).toContain(reply);
  expect((await Array.fromAsync(first)).at(-1)?.choices[0]?.finish_reason).toBe('stop');
  const turns = await turnsOf(scene.url, 'busy 2');
  expect(turns.map(({ state }) => state)).toEqual(['cancelled', 'done']);
});

test('a session that is deleted in mid-reply ends with an error, never with half a reply', async () => {
  const scene = await open();
  const from = scene.fake.requests.length;
  scene.fake.hold('piece', 5);
  const stream = await clientOf(scene.url).chat.completions.create({ ...request('gone'), stream: true });
  await scene.fake.reached('piece', 5, from);

  await scene.rest(`DELETE ${pathOf('gone')}`);

  const error: unknown = await Array.fromAsync(stream).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'SESSION_NOT_FOUND' });
});

test('openai.js of the examples prints the reply', async () => {
  const scene = await open();

  const result = await runExample(scene.url, 'openai.js', 'an example', 'I want to feel calm');

  expect(result).toMatchObject({ code: 0, stderr: 'session an example\n' });
  expect(result.stdout).toMatch(/^You are talking with an AI\./);
  expect(result.stdout.endsWith(`\n\n${reply}\n`)).toBe(true);
});

test('[P-8] the client that waits gets the whole reply from a server that was killed and started again', async () => {
  await using scene = await openScene({ env: { RAW_REPLIES: '1' }, fake: { behaviour: { reply } } });
  scene.fake.hold('piece', 12);
  await using proxy = await startTcpProxy({ target: scene.server.port });
  const asked = retrying(proxy.url).chat.completions.create(request('killed')).withResponse();
  await scene.fake.reached('piece', 12);

  await scene.kill();
  scene.fake.release();
  await scene.start();
  proxy.retarget(scene.server.port);

  expect(contentOf((await asked).data).endsWith(reply)).toBe(true);
  expect(await turnsOf(scene.url, 'killed')).toMatchObject([{ state: 'done', text: reply }]);
});
