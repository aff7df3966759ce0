// `POST /v1/chat/completions`, with the application in this process and the official client before it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ChatError } from '../../src/contract/doors.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { assistant, clientOf, say, streamed, turnsOf, user } from '../support/door-clients.ts';
import type { Messages } from '../support/door-clients.ts';
import { rest } from '../support/rest.ts';
import type { RestOptions } from '../support/rest.ts';
import { bearer } from '../support/tokens.ts';

const COMPLETIONS = 'POST /v1/chat/completions';
const risk = 'I want to kill myself';
const calm = 'I want to feel calm';
const disclosure = 'You are talking with an AI.';

describe('with the built-in guide', () => {
  let app: TestApp;
  let url: string;
  beforeAll(async () => {
    app = await startApp({ operatorKey: 'k'.repeat(32) });
    url = app.url;
  });
  afterAll(() => app[Symbol.asyncDispose]());

  test('a completion is the disclosure and the words of the log, whole and in chunks', async () => {
    const whole = await say(url, [user(calm)], { 'X-Session-Id': 'whole' });
    const [turn] = await turnsOf(url, 'whole');

    expect(whole.text).toBe(`${whole.text.split('\n\n')[0]}\n\n${turn?.text}`);
    expect(whole.text).toContain(disclosure);
    const chunks = await streamed(url, [user(calm)], { 'X-Session-Id': 'chunks' });
    const [other] = await turnsOf(url, 'chunks');
    expect(chunks).toBe(`${whole.text.split('\n\n')[0]}\n\n${other?.text}`);
  });

  test('numbers fit the country that the first request of a chat names', async () => {
    const { chat } = clientOf(url);
    const metadata = { country: 'GB', locale: 'en-GB', client_id: 'ana' };
    const answer = await chat.completions.create({ model: 'gpt', messages: [user(risk)], metadata });

    expect(answer.choices[0]?.message.content).toContain('116 123');
  });

  test('what a person behind the server said in between stands before the next reply, once', async () => {
    const operator = (line: string, body?: object) =>
      rest(url, line, { headers: bearer('k'.repeat(32)), body });
    const headers = { 'X-Session-Id': 'taken over' };
    await say(url, [user(risk)], { 'X-Session-Id': encodeURIComponent('taken over') });
    const { body } = await operator('GET /api/v1/operator/alerts?limit=1');
    const Alerts = z.object({ alerts: z.array(z.looseObject({ alert_id: z.string() })) });
    const [alert] = Alerts.parse(body).alerts;
    const path = `POST /api/v1/operator/alerts/${alert?.alert_id}`;
    await operator(`${path}/take_over`, { actor: 'ana', name: 'Ana' });
    await operator(`${path}/message`, { actor: 'ana', text: 'I am here with you.' });
    await operator(`${path}/release`, { actor: 'ana' });

    headers['X-Session-Id'] = encodeURIComponent('taken over');
    const next = await streamed(url, [user('thank you')], headers);
    const after = await streamed(url, [user('that was good')], headers);

    expect(next.startsWith('Ana: I am here with you.\n\n')).toBe(true);
    expect(after).not.toContain('I am here with you.');
  });

  test('a chat without a name is found by what was said in it, also beside one that began alike', async () => {
    const opening = user('good morning to you');
    const one = await say(url, [opening]);
    const two = await say(url, [opening]);
    const went = async (reply: string, words: string) =>
      (await say(url, [opening, assistant(reply), user(words)])).session;

    expect(one.session).toMatch(/^chat_[\w-]{22}_1$/);
    expect(two.session).toBe(one.session.replace(/1$/, '2'));
    const first = await went(one.text, 'I want to sleep well');
    const second = await went(two.text, 'I want to laugh more');
    expect(new Set([first, second])).toEqual(new Set([one.session, two.session]));
    expect(await went('words of somebody else', 'hello')).toBe(one.session.replace(/1$/, '3'));
    const inputs = await Promise.all(
      [first, second].map(async (id) => (await turnsOf(url, id)).map(({ user_input: words }) => words)),
    );
    expect(inputs).toEqual([
      [opening.content, 'I want to sleep well'],
      [opening.content, 'I want to laugh more'],
    ]);
  });

  test('the same request with its history is said once and answered with the same words', async () => {
    const opening = user('good evening to you');
    const { text, session } = await say(url, [opening]);
    const request: Messages = [opening, assistant(`${text}\n`), user('yes')];
    const once = await say(url, [{ role: 'system', content: 'It is Monday.' }, ...request]);
    const again = await say(url, [{ role: 'system', content: 'It is Tuesday.' }, ...request]);
    const more = await say(url, [...request, assistant(once.text), user('yes')]);

    expect(again).toEqual(once);
    expect(more.turn).not.toBe(once.turn);
    expect(await turnsOf(url, session)).toHaveLength(3);
  });

  test('one message into a named session is said each time; Idempotency-Key says it once', async () => {
    const headers = { 'X-Session-Id': 'named' };
    await say(url, [user('yes')], headers);
    await say(url, [user('yes')], headers);
    await say(url, [user('yes')], { ...headers, 'Idempotency-Key': 'a' });
    await say(url, [user('yes')], { ...headers, 'Idempotency-Key': 'a' });

    expect(await turnsOf(url, 'named')).toHaveLength(3);
  });

  test('a session is named by header, metadata, the chat id of Open WebUI or the user, in this order', async () => {
    const { chat } = clientOf(url);
    const where = async (headers: Record<string, string>, metadata?: Record<string, string>) => {
      const request = { model: 'gpt', messages: [user('hello')], user: 'u 1', ...(metadata && { metadata }) };
      const { response } = await chat.completions.create(request, { headers }).withResponse();
      return response.headers.get('x-session-id');
    };
    const openWebUi = { 'X-OpenWebUI-Chat-Id': 'o1' };

    expect(await where({})).toBe('u%201');
    expect(await where(openWebUi)).toBe('o1');
    expect(await where(openWebUi, { session_id: 'é' })).toBe('%C3%A9');
    expect(await where({ ...openWebUi, 'X-Session-Id': 'a%2Fb' }, { session_id: 'm' })).toBe('a%2Fb');
    expect(await turnsOf(url, 'a/b')).toHaveLength(1);
  });

  test.each<[string, object, string | null]>([
    ['no messages', {}, 'messages'],
    ['nothing from the user', { messages: [assistant('hello')] }, 'messages'],
    ['empty words', { messages: [user('')] }, 'messages.0.content'],
    [
      'a picture',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] },
      'messages.0.content.0.type',
    ],
    ['two choices', { messages: [user(calm)], n: 2 }, 'n'],
    ['a tool that must be used', { messages: [user(calm)], tool_choice: 'required' }, 'tool_choice'],
    ['JSON', { messages: [user(calm)], response_format: { type: 'json_object' } }, 'response_format.type'],
  ])('refuses %s with 400 in the form of that protocol', async (_, body, param) => {
    const answer = await rest(url, COMPLETIONS, { body });

    expect(answer.status).toBe(400);
    expect(ChatError.parse(answer.body).error).toMatchObject({
      type: 'invalid_request_error',
      code: 'VALIDATION_FAILED',
      param,
    });
    expect(answer.headers['x-should-retry']).toBe('false');
  });

  test.each<[string, RestOptions, number, string]>([
    ['POST /v1/embeddings', { body: {} }, 404, 'NOT_FOUND'],
    ['GET /v1/models/gpt-5', {}, 404, 'NOT_FOUND'],
    [COMPLETIONS, { body: '{"messages":' }, 400, 'MALFORMED_JSON'],
    [COMPLETIONS, { body: '[]' }, 400, 'VALIDATION_FAILED'],
    [COMPLETIONS, { body: 'x'.repeat(1_100_000) }, 413, 'PAYLOAD_TOO_LARGE'],
    [COMPLETIONS, { body: { messages: [user('x'.repeat(16_001))] } }, 413, 'PAYLOAD_TOO_LARGE'],
    [COMPLETIONS, { body: '{}', headers: { 'Content-Encoding': 'gzip' } }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['GET /v1/models', { headers: { Origin: 'https://other.example' } }, 403, 'FORBIDDEN'],
  ])('%s is refused as elsewhere (case %#)', async (line, options, status, code) => {
    const answer = await rest(url, line, options);

    expect(answer.status).toBe(status);
    expect(ChatError.parse(answer.body).error.code).toBe(code);
    expect(answer.headers['x-request-id']).toBeDefined();
  });

  test('HEAD, OPTIONS and preflights are answered', async () => {
    const head = await rest(url, 'HEAD /v1/models');
    const options = await rest(url, 'OPTIONS /v1/chat/completions');
    const preflight = await rest(url, 'OPTIONS /v1/chat/completions', {
      headers: {
        Origin: 'http://localhost:3000',
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'authorization,x-stainless-retry-count,x-session-id',
      },
    });

    const wrong = await rest(url, 'GET /v1/chat/completions');

    expect([head.status, head.text]).toEqual([200, '']);
    expect([wrong.status, wrong.headers.allow]).toEqual([405, 'POST, OPTIONS']);
    expect([options.status, options.headers.allow]).toEqual([204, 'POST, OPTIONS']);
    expect(preflight.headers['access-control-allow-headers']).toMatch(
      /X-Session-Id.*X-Stainless-Retry-Count/,
    );
    expect(preflight.headers['access-control-expose-headers']).toMatch(/X-Session-Id, X-Turn-Id/);
  });

  test('the one model is listed', async () => {
    const { models } = clientOf(url);

    const listed = await Array.fromAsync(await models.list());

    expect(listed.map(({ id }) => id)).toEqual(['stillpoint']);
    expect(await models.retrieve('stillpoint')).toEqual(listed[0]);
  });
});
