// Who gets an id, and what becomes of it: [S-4] to [S-6] against the running server.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { pathOf, rest } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';

let server: GuideServer;
beforeAll(async () => void (server = await startGuide()));
afterAll(async () => await server[Symbol.asyncDispose]());

const create = async (body: unknown) => await rest(server.url, 'POST /api/v1/session/create', { body });

describe('[S-4] taken', () => {
  test('is refused on both transports, whoever was first, and the first one stays', async () => {
    using socket = await connect(server.url);
    await create({ session_id: 'taken', client_id: 'first' });

    const overRest = await create({ session_id: 'taken', client_id: 'second' });
    const overSocket = await socket.refused('session:create', { session_id: 'taken', client_id: 'third' });

    const message = expect.stringMatching(/'taken' already exists.*leave it out/);
    expect(overRest).toMatchObject({ status: 409, body: { code: 'SESSION_CONFLICT', message } });
    expect(overSocket).toMatchObject({ code: 'SESSION_CONFLICT', status: 409, retryable: false, message });
    expect(await socket.must('session:status', { session_id: 'taken' })).toMatchObject({
      client_id: 'first',
    });
  });

  test('[P-11] of 50 creates at once over sockets and REST exactly one succeeds (scenario 55)', async () => {
    using one = await connect(server.url);
    using two = await connect(server.url);
    const tries = Array.from({ length: 50 }, async (_, i) => {
      const session = { session_id: 'wanted by many', client_id: `client ${i}` };
      if (i % 2 === 0) {
        const { status, body } = await create(session);
        return { ok: status === 200, code: body['code'], clientId: session.client_id };
      }
      const answer = await (i % 4 === 1 ? one : two).call('session:create', session);
      return { ok: answer.ok, code: answer.error?.code, clientId: session.client_id };
    });

    const outcomes = await Promise.all(tries);

    const winners = outcomes.filter(({ ok }) => ok);
    expect(winners).toHaveLength(1);
    expect(new Set(outcomes.filter(({ ok }) => !ok).map(({ code }) => code))).toEqual(
      new Set(['SESSION_CONFLICT']),
    );
    const { body } = await rest(server.url, `GET ${pathOf('wanted by many', '/status')}`);
    expect(body).toMatchObject({ client_id: winners[0]?.clientId });
  });

  test('the message holds no more of a long id than is readable', async () => {
    const id = '😀'.repeat(10_000);
    await create({ session_id: id });

    const { status, body } = await create({ session_id: id });

    expect(status).toBe(409);
    expect(String(body['message']).length).toBeLessThan(400);
    expect(String(body['message']).isWellFormed()).toBe(true);
    await rest(server.url, `DELETE ${pathOf(id)}`);
  });
});

describe('[S-5] a create that is repeated with its key', () => {
  test('returns the session of the first try over either transport', async () => {
    using socket = await connect(server.url);
    const first = await create({ session_id: 'keyed', create_key: 'k1' });

    const again = await socket.must('session:create', { session_id: 'keyed', create_key: 'k1' });
    const nameless = await create({ create_key: 'k1' });

    expect(first.body).toMatchObject({ created: true });
    expect(again).toMatchObject({ session_id: 'keyed', epoch: first.body['epoch'], created: false });
    expect(nameless.body).toMatchObject({ session_id: 'keyed', epoch: first.body['epoch'], created: false });
  });

  test('gives one made session for many tries at once', async () => {
    const tries = await Promise.all(
      Array.from({ length: 20 }, async () => await create({ create_key: 'k2' })),
    );

    expect(new Set(tries.map(({ body }) => body['session_id'])).size).toBe(1);
    expect(tries.filter(({ body }) => body['created'] === true)).toHaveLength(1);
  });

  test('does not open an id that another key made', async () => {
    await create({ session_id: 'theirs', create_key: 'k3' });

    expect(await create({ session_id: 'theirs', create_key: 'k4' })).toMatchObject({
      status: 409,
      body: { code: 'SESSION_CONFLICT' },
    });
  });

  test('is refused for another id than the first time', async () => {
    await create({ session_id: 'one id', create_key: 'k5' });

    expect(await create({ session_id: 'another id', create_key: 'k5' })).toMatchObject({ status: 409 });
    expect(await rest(server.url, `GET ${pathOf('another id', '/status')}`)).toMatchObject({ status: 404 });
  });
});

describe('[S-6] delete', () => {
  test('frees the id: the next session under it has a new epoch and nothing of the old one', async () => {
    using socket = await connect(server.url);
    const client = socket.feed(new Client('again'));
    const first = await socket.must('session:create', 'again');
    const input = await socket.must('session:input', { session_id: 'again', user_input: 'a secret' });
    await client.ended(String(input['turn_id']));
    await socket.must('session:delete', { session_id: 'again' });

    const second = await socket.must('session:create', 'again');

    expect(second['epoch']).not.toBe(first['epoch']);
    expect(second).toMatchObject({ turn_count: 0, created: true });
    const { text } = await rest(server.url, 'GET /api/v1/session/again/export');
    expect(text).not.toContain('a secret');
  });

  test('leaves the old cursor a snapshot of the new session', async () => {
    using socket = await connect(server.url);
    const old = socket.feed(new Client('reborn'));
    await socket.must('session:create', 'reborn');
    const input = await socket.must('session:input', { session_id: 'reborn', user_input: 'old words' });
    await old.ended(String(input['turn_id']));
    const { cursor } = old;
    await socket.must('session:delete', { session_id: 'reborn' });
    await socket.must('session:create', 'reborn');

    const joined = await socket.must('session:join', { session_id: 'reborn', after: cursor });
    const polled = await rest(server.url, `GET /api/v1/session/reborn/log?after=${cursor}`);
    using events = await openEvents(server.url, '/api/v1/session/reborn/events', {
      headers: { 'Last-Event-ID': String(cursor) },
    });
    await events.until(() => events.events.length > 0, 'the snapshot');

    expect(joined).toMatchObject({ mode: 'snapshot', turns: [], live: null });
    expect(polled.body).toMatchObject({ mode: 'snapshot', turns: [] });
    expect(events.events[0]).toMatchObject({ event: 'session:snapshot', data: { turns: [] } });
  });

  test('twice is a 404 the second time', async () => {
    await create({ session_id: 'once' });

    const first = await rest(server.url, 'DELETE /api/v1/session/once');
    const second = await rest(server.url, 'DELETE /api/v1/session/once');

    expect([first.status, second.status]).toEqual([200, 404]);
    expect(second.body).toMatchObject({ code: 'SESSION_NOT_FOUND' });
  });
});

test('[S-6] [P-5] a session deleted during a turn, then claimed again, gets no word of the old turn (scenario 57)', async () => {
  await using slow = await startGuide({ GUIDE_WORD_MS: '20' });
  using socket = await connect(slow.url);
  using other = await connect(slow.url);
  const old = socket.feed(new Client('contested'));
  await socket.must('session:input', { session_id: 'contested', user_input: 'before the delete' });
  await old.until((client) => client.text() !== '', 'the first words');
  const { cursor } = old;

  await other.must('session:delete', { session_id: 'contested' });
  const anew = other.feed(new Client('contested'));
  const claimed = await other.must('session:create', 'contested');
  await old.until(({ isDeleted }) => isDeleted, 'session:deleted');
  const input = await other.must('session:input', { session_id: 'contested', user_input: 'after it' });
  const turn = await anew.ended(String(input['turn_id']));

  expect(input).toMatchObject({ n: 1 });
  expect(turn).toMatchObject({ state: 'done', userInput: 'after it' });
  expect(anew.turns).toHaveLength(1);
  const joined = await socket.must('session:join', { session_id: 'contested', after: cursor });
  expect(joined).toMatchObject({
    mode: 'snapshot',
    session: { epoch: claimed['epoch'] },
    turns: [{ text: turn.text }],
  });
  const { text } = await rest(slow.url, 'GET /api/v1/session/contested/export');
  expect(text).not.toContain('before the delete');
});
