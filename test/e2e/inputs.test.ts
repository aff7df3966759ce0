// One input, one turn, whoever sends it how often; and what a REST call that speaks is answered.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { pathOf, rest } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

/** Answers at once. */
let server: GuideServer;
/** Takes so long for a word that a turn stays live until a test ends it. */
let slow: GuideServer;
beforeAll(async () => {
  server = await startGuide();
  slow = await startGuide({ GUIDE_WORD_MS: '5000' });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await slow[Symbol.asyncDispose]();
});

async function historyOf(url: string, sessionId: string): Promise<Record<string, unknown>[]> {
  const { body } = await rest(url, `GET ${pathOf(sessionId, '/history')}`);
  return Array.isArray(body['turns']) ? body['turns'] : [];
}

describe('the same input_id', () => {
  test('[P-6] 100 times at once over sockets and REST is one turn (scenario 50)', async () => {
    using one = await connect(server.url);
    using two = await connect(server.url, { transports: ['polling'] });
    const words = { user_input: 'say it once', input_id: 'i-50' };
    const acks = Array.from({ length: 50 }, async (_, i) => {
      return await (i % 2 === 0 ? one : two).must('session:input', { session_id: 'fifty', ...words });
    });
    const answers = Array.from({ length: 50 }, async (_, i) => {
      if (i % 2 === 0) return await rest(server.url, 'POST /api/v1/session/fifty/input', { body: words });
      return await rest(server.url, 'POST /api/v1/input', {
        body: { session_id: 'fifty', user_input: words.user_input },
        headers: { 'Idempotency-Key': words.input_id },
      });
    });

    const [acked, answered] = await Promise.all([Promise.all(acks), Promise.all(answers)]);

    const turnIds = [...acked, ...answered.map(({ body }) => body)].map((answer) => answer['turn_id']);
    expect(new Set(turnIds).size).toBe(1);
    expect(new Set(acked.map(({ cursor, n }) => `${String(cursor)} ${String(n)}`)).size).toBe(1);
    expect(new Set(answered.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answered[0]?.status).toBe(200);
    expect(acked.filter(({ duplicate }) => duplicate === undefined).length).toBeLessThanOrEqual(1);
    expect(await historyOf(server.url, 'fifty')).toHaveLength(1);
  });

  test('[P-6] again after a lost ack, from a new connection, is the same turn (scenario 51)', async () => {
    await using proxy = await startTcpProxy({ target: slow.port });
    using lost = await connect(proxy.url);
    const words = { session_id: 'lost ack', user_input: 'did it arrive?', input_id: 'i-51' };
    proxy.swallow('down');
    lost.socket.emit('session:input', words, () => {});
    await proxy.until(() => proxy.lost.down > 0, 'the lost ack');
    proxy.reset();

    using socket = await connect(slow.url);
    const client = socket.feed(new Client('lost ack'));
    const again = await socket.must('session:input', words);
    await client.until(({ live }) => live !== undefined, 'turn:started');

    expect(again).toMatchObject({ n: 1, duplicate: true });
    expect(client.turns).toMatchObject([{ turnId: again['turn_id'], userInput: 'did it arrive?' }]);
    await socket.must('turn:cancel', { session_id: 'lost ack' });
  });

  test('[P-6] with other words is a conflict and changes nothing (scenario 52)', async () => {
    using socket = await connect(server.url);
    const words = { session_id: 'fifty-two', user_input: 'the first words', input_id: 'i-52' };
    await rest(server.url, 'POST /api/v1/input', { body: words });
    const before = await rest(server.url, 'GET /api/v1/session/fifty-two/export');

    const other = { ...words, user_input: 'other words', interrupt: true };
    const overSocket = await socket.refused('session:input', other);
    const overRest = await rest(server.url, 'POST /api/v1/input', { body: other });

    expect(overSocket).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', status: 409, retryable: false });
    expect(overRest).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_CONFLICT' } });
    expect((await rest(server.url, 'GET /api/v1/session/fifty-two/export')).text).toBe(before.text);
  });

  test('is one per session: another session has its own turn', async () => {
    const words = { user_input: 'hello', input_id: 'i-shared' };

    const one = await rest(server.url, 'POST /api/v1/session/shared-1/input', { body: words });
    const two = await rest(server.url, 'POST /api/v1/session/shared-2/input', { body: words });

    expect([one.status, two.status]).toEqual([200, 200]);
    expect(one.body['turn_id']).not.toBe(two.body['turn_id']);
  });

  test('in the header and in the body is an input_id all the same', async () => {
    const byHeader = await rest(server.url, 'POST /api/v1/session/by-key/input', {
      body: { user_input: 'hello' },
      headers: { 'Idempotency-Key': 'i-same' },
    });
    const byBody = await rest(server.url, 'POST /api/v1/session/by-key/input', {
      body: { user_input: 'hello', input_id: 'i-same' },
    });

    expect(byBody.text).toBe(byHeader.text);
  });
});

describe('two devices at the same instant', () => {
  test('[P-6] without interrupt one is accepted and one is told that a turn is live (scenario 54)', async () => {
    using one = await connect(slow.url);
    using two = await connect(slow.url);
    const follower = one.feed(new Client('reject'));

    const answers = await Promise.all([
      one.call('session:input', { session_id: 'reject', user_input: 'from one' }),
      two.call('session:input', { session_id: 'reject', user_input: 'from two' }),
    ]);

    const [accepted] = answers.filter(({ ok }) => ok);
    const [refused] = answers.filter(({ ok }) => !ok);
    expect(refused?.error).toMatchObject({ code: 'TURN_IN_PROGRESS', status: 409, retryable: true });
    await one.must('turn:cancel', { session_id: 'reject' });
    if (follower.cursor === undefined) await one.follow('reject', follower);
    await follower.ended(String(accepted?.['turn_id']));
    expect(follower.turns).toHaveLength(1);
  });

  test('[P-6] with interrupt the first is cancelled, and nothing lies between its end and the second (scenario 54)', async () => {
    using one = await connect(slow.url);
    using two = await connect(slow.url);
    const client = await makeSession(one, 'interrupt');

    const answers = await Promise.all([
      one.must('session:input', { session_id: 'interrupt', user_input: 'from one', interrupt: true }),
      two.must('session:input', { session_id: 'interrupt', user_input: 'from two', interrupt: true }),
    ]);

    const [first, second] = answers
      .sort((a, b) => Number(a['n']) - Number(b['n']))
      .map((ack) => String(ack['turn_id']));
    await client.until(() => client.live?.turnId === second, 'the second turn');
    await two.must('turn:cancel', { session_id: 'interrupt' });
    await client.ended(String(second));
    expect(client.turns.map(({ turnId, state }) => [turnId, state])).toEqual([
      [first, 'cancelled'],
      [second, 'cancelled'],
    ]);
    const { body } = await rest(slow.url, 'GET /api/v1/session/interrupt/export');
    const log = Array.isArray(body['log']) ? body['log'].map(({ event }: { event?: unknown }) => event) : [];
    expect(log[log.indexOf('turn:cancelled') + 1]).toBe('turn:started');
  });
});

async function makeSession(socket: Awaited<ReturnType<typeof connect>>, sessionId: string): Promise<Client> {
  const client = socket.feed(new Client(sessionId));
  await socket.must('session:create', sessionId);
  return client;
}

describe('an input over REST is answered', () => {
  const speak = async (sessionId: string, headers: Record<string, string>): Promise<Answer> =>
    await rest(server.url, `POST ${pathOf(sessionId, '/input')}`, {
      body: { user_input: 'I feel tense' },
      headers,
    });

  test.each([
    [{}],
    [{ Accept: '*/*' }],
    [{ Accept: 'application/json' }],
    [{ Accept: 'application/json, text/event-stream' }],
  ])('with the whole response for %j', async (headers) => {
    const { status, headers: head, body } = await speak('whole', headers);

    expect(status).toBe(200);
    expect(head['content-type']).toBe('application/json; charset=utf-8');
    expect(body).toMatchObject({
      session_id: 'whole',
      source: 'guide',
      therapist_response: expect.stringMatching(/\w/),
    });
  });

  test('[P-3] with the events of its turn for Accept: text/event-stream, and the stream ends with the turn', async () => {
    const client = new Client('streamed');
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: 'streamed' } });
    const { body: session } = await rest(server.url, 'GET /api/v1/session/streamed/status');
    client.acked(String(session['cursor']));

    using stream = await openEvents(server.url, '/api/v1/session/streamed/input', {
      method: 'POST',
      body: { user_input: 'I feel tense' },
      client,
    });
    const end = await stream.ended();

    expect(stream.status).toBe(200);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(stream.headers['content-encoding']).toBeUndefined();
    expect(end).toBe('whole');
    expect(stream.raw.startsWith(':')).toBe(true);
    expect(stream.events.at(-1)?.event).toBe('therapist:done');
    expect(stream.lastId).toBe(client.cursor);
    expect(client.turns).toMatchObject([
      { state: 'done', text: stream.of('therapist:done')[0]?.data['therapist_response'] },
    ]);
  });

  test('with 202 and a place to look for Prefer: respond-async', async () => {
    const id = 'later / odd?';
    const { status, headers, body } = await speak(id, { Prefer: 'respond-async' });
    const location = String(headers.location);
    const log = await rest(server.url, `GET ${pathOf(id, `/log?wait=10&after=${String(body['cursor'])}`)}`);
    const client = new Client(id);
    client.acked(String(body['cursor']));
    client.joined(log.body);
    while (client.turns[0]?.state !== 'done') {
      client.joined(
        (await rest(server.url, `GET ${pathOf(id, `/log?wait=10&after=${client.cursor}`)}`)).body,
      );
    }
    const turn = await rest(server.url, `GET ${location}`);

    expect(status).toBe(202);
    expect(Object.keys(body).sort()).toEqual(['cursor', 'n', 'turn_id']);
    expect(location).toBe(`/api/v1/session/later%20%2F%20odd%3F/turns/${String(body['turn_id'])}`);
    expect(turn.body).toMatchObject({
      state: 'done',
      text: client.text(),
      response: { turn_id: body['turn_id'] },
    });
  });

  test('with a place that no client folds into another one where the id is two dots', async () => {
    const { headers, body } = await speak('..', { Prefer: 'respond-async' });

    expect(headers.location).toBe(`/api/v1/session/%2E%2E/turns/${String(body['turn_id'])}`);
    expect((await rest(server.url, `GET ${String(headers.location)}`)).status).toBe(200);
  });

  test('with 202 and no place where the id is too long for a header', async () => {
    const id = '😀'.repeat(10_000);

    const { status, headers, body } = await speak(id, { Prefer: 'respond-async' });

    expect(status).toBe(202);
    expect(headers.location).toBeUndefined();
    expect(await rest(server.url, `GET ${pathOf(id, `/turns/${String(body['turn_id'])}`)}`)).toMatchObject({
      status: 200,
    });
  });

  test('with the place of a turn that is still live, which can be read at once', async () => {
    const { headers } = await rest(slow.url, 'POST /api/v1/session/live/input', {
      body: { user_input: 'hello' },
      headers: { Prefer: 'wait=5, respond-async' },
    });

    const turn = await rest(slow.url, `GET ${String(headers.location)}`);

    expect(turn.status).toBe(200);
    expect(turn.body['state']).toMatch(/^(queued|running)$/);
    await rest(slow.url, `POST ${String(headers.location)}/cancel`);
  });

  test('with TURN_CANCELLED when its turn is cancelled meanwhile', async () => {
    using socket = await connect(slow.url);
    const client = await makeSession(socket, 'to cancel');
    const waiting = rest(slow.url, `POST ${pathOf('to cancel', '/input')}`, {
      body: { user_input: 'hello' },
    });
    await client.until(({ live }) => live !== undefined, 'turn:started');

    await socket.must('turn:cancel', { session_id: 'to cancel' });

    expect(await waiting).toMatchObject({
      status: 409,
      body: { code: 'TURN_CANCELLED', error: 'TurnCancelled' },
    });
  });

  test('with SESSION_NOT_FOUND when its session is deleted meanwhile', async () => {
    using socket = await connect(slow.url);
    const client = await makeSession(socket, 'to delete');
    const waiting = rest(slow.url, `POST ${pathOf('to delete', '/input')}`, {
      body: { user_input: 'hello' },
    });
    await client.until(({ live }) => live !== undefined, 'turn:started');

    await socket.must('session:delete', { session_id: 'to delete' });

    expect(await waiting).toMatchObject({ status: 404, body: { code: 'SESSION_NOT_FOUND' } });
  });

  test('with an event stream that says so and ends when its session is deleted meanwhile', async () => {
    using stream = await openEvents(slow.url, '/api/v1/session/stream-deleted/input', {
      method: 'POST',
      body: { user_input: 'hello' },
    });
    await stream.until(() => stream.of('turn:started').length > 0, 'turn:started');

    await rest(slow.url, 'DELETE /api/v1/session/stream-deleted');

    expect(await stream.ended()).toBe('whole');
    expect(stream.events.at(-1)?.event).toBe('session:deleted');
  });

  test('with the refusal in JSON even where events were asked for', async () => {
    const { status, headers, body } = await rest(server.url, 'POST /api/v1/session/refused/input', {
      body: {},
      headers: { Accept: 'text/event-stream' },
    });

    expect(status).toBe(422);
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(body).toMatchObject({ detail: [{ loc: ['body', 'user_input'], type: 'missing' }] });
  });

  test('for the id in the path: one in the body is ignored, whatever it is', async () => {
    const { status, body } = await rest(server.url, 'POST /api/v1/session/in-the-path/input', {
      body: { session_id: 7, user_input: 'hello' },
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({ session_id: 'in-the-path' });
  });

  test('and heard by those who follow over a socket', async () => {
    using socket = await connect(server.url);
    const client = await makeSession(socket, 'both ways');

    const { body } = await rest(server.url, `POST ${pathOf('both ways', '/input')}`, {
      body: { user_input: 'hello' },
    });

    const turn = await client.ended(String(body['turn_id']));
    expect(turn.text).toBe(body['therapist_response']);
  });
});

describe('retry and cancel over REST', () => {
  test('a cancelled turn is run again with its words, once per input_id', async () => {
    const { body: first } = await rest(slow.url, 'POST /api/v1/session/again/input', {
      body: { user_input: 'try this' },
      headers: { Prefer: 'respond-async' },
    });
    const path = `/api/v1/session/again/turns/${String(first['turn_id'])}`;
    const cancelled = await rest(slow.url, `POST ${path}/cancel`);

    const retried = await rest(slow.url, `POST ${path}/retry`, { body: { input_id: 'r-1' } });
    const repeated = await rest(slow.url, `POST ${path}/retry`, { body: { input_id: 'r-1' } });

    expect(cancelled).toMatchObject({ status: 200, body: { turn_id: first['turn_id'], state: 'cancelled' } });
    expect(retried).toMatchObject({ status: 200, body: { n: 2 } });
    expect(repeated.body).toMatchObject({ turn_id: retried.body['turn_id'], n: 2, duplicate: true });
    expect(await historyOf(slow.url, 'again')).toMatchObject([
      { user_input: 'try this' },
      { user_input: 'try this' },
    ]);
    await rest(slow.url, `DELETE /api/v1/session/again`);
  });

  test('a turn that is done, or unknown, cannot be retried', async () => {
    const { body } = await rest(server.url, 'POST /api/v1/session/well/input', {
      body: { user_input: 'hello' },
    });

    const done = await rest(server.url, `POST /api/v1/session/well/turns/${String(body['turn_id'])}/retry`);
    const unknown = await rest(server.url, 'POST /api/v1/session/well/turns/nothing/retry');

    expect(done).toMatchObject({ status: 404, body: { code: 'TURN_NOT_FOUND' } });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'TURN_NOT_FOUND' } });
    expect(await historyOf(server.url, 'well')).toHaveLength(1);
  });

  test('an ended turn answers a cancel with its state', async () => {
    const { body } = await rest(server.url, 'POST /api/v1/session/over/input', {
      body: { user_input: 'hello' },
    });

    const { status, body: answer } = await rest(
      server.url,
      `POST /api/v1/session/over/turns/${String(body['turn_id'])}/cancel`,
    );

    expect(status).toBe(200);
    expect(answer).toEqual({ turn_id: body['turn_id'], state: 'done' });
  });
});
