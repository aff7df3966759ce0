import { expect, test } from 'vitest';
import { startApp } from '../support/app.ts';
import { Client } from '../support/fold.ts';
import { rest } from '../support/rest.ts';
import { startRoundRobin } from '../support/round-robin.ts';
import { connect } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';

/** Two servers that share nothing, so that it can be told who answered. */
async function openTwo() {
  await using resources = new AsyncDisposableStack();
  const apps = [resources.use(await startApp()), resources.use(await startApp())];
  const targets = apps.map(({ url }) => Number(new URL(url).port));
  const front = resources.use(await startRoundRobin({ targets }));
  const owned = resources.move();
  return {
    apps,
    url: `http://127.0.0.1:${front.port}`,
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

const create = (url: string) =>
  rest(url, 'POST /api/v1/session/create', { body: { session_id: 's' } }).then(({ status }) => status);

test('hands each request to the next node', async () => {
  await using two = await openTwo();

  const answers = [await create(two.url), await create(two.url), await create(two.url)];

  expect(answers).toEqual([200, 200, 409]);
});

test('goes to the next node where one is down', async () => {
  await using two = await openTwo();
  await two.apps[0]?.[Symbol.asyncDispose]();

  const answers = [await create(two.url), await create(two.url)];

  expect(answers).toEqual([200, 409]);
});

test('says so where no node answers', async () => {
  await using two = await openTwo();
  for (const app of two.apps) await app[Symbol.asyncDispose]();

  expect(await create(two.url)).toBe(502);
});

test.for(['polling', 'websocket'] as const)('keeps a connection over %s at its node', async (transport) => {
  await using two = await openTwo();
  for (const _ of [1, 2]) {
    using socket = await connect(two.url, { transports: [transport] });
    const client = socket.feed(new Client('s'));

    const { turn_id } = await socket.must('session:input', { session_id: 's', user_input: 'hello' });

    expect(await client.ended(String(turn_id))).toMatchObject({ state: 'done', n: 1 });
  }
});

test('hands on server-sent events as they come', async () => {
  await using two = await openTwo();

  using events = await openEvents(two.url, '/api/v1/input', {
    method: 'POST',
    body: { session_id: 's', user_input: 'hello' },
    headers: { 'Content-Type': 'application/json' },
  });

  await events.until(() => events.of('therapist:done').length === 1, 'the end of the reply');
});
