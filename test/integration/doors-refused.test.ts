// Where an input is refused: who needs help gets it all the same, and everybody else hears why.
import OpenAI, { APIError } from 'openai';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ChatError } from '../../src/contract/doors.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { CountedLimits } from '../support/counted-limits.ts';
import {
  assistant,
  clientOf,
  fold,
  say,
  streamed,
  textsOf,
  turnsOf,
  uiChunks,
  user,
} from '../support/door-clients.ts';
import { openEntrance } from '../support/entrance.ts';
import { faultyStore, refused } from '../support/faulty-store.ts';
import { pathOf, rest } from '../support/rest.ts';
import { HOLD, ScriptedModel } from '../support/scripted-model.ts';
import { bearer } from '../support/tokens.ts';

const COMPLETIONS = 'POST /v1/chat/completions';
const UI = 'POST /api/v1/ui/chat';
const risk = 'I want to kill myself';
const calm = 'I want to feel calm';
const help = 'findahelpline.com';

/** Where somebody from outside is counted, by limits that a test sets. */
async function counted(): Promise<{ app: TestApp; limits: CountedLimits }> {
  const limits = new CountedLimits();
  const base = await startApp();
  await base[Symbol.asyncDispose]();
  const access = { ...base.parts.access, limits };
  return { app: await startApp({ access, addressOf: () => '192.0.2.1' }), limits };
}

const uiBody = (id: string, text: string) => ({
  id,
  messages: [{ id: text, role: 'user', parts: [{ type: 'text', text }] }],
});

test('[P-12] without a store help is answered, and everything else with 503 and when to come back', async () => {
  const store = faultyStore(await openSqlite({ directory: ':memory:' }), { admit: refused });
  await using app = await startApp({ store });

  const helped = await say(app.url, [user(risk)]);
  const stream = await streamed(app.url, [user(risk)]);
  const message = await fold(await uiChunks(app.url, 'x', risk));
  const failed = await rest(app.url, COMPLETIONS, { body: { messages: [user(calm)] } });

  expect(helped.text).toContain(help);
  expect(stream).toBe(helped.text);
  expect(textsOf(message)['reply']).toBe(helped.text);
  expect(failed.status).toBe(503);
  expect(ChatError.parse(failed.body).error).toMatchObject({
    type: 'server_error',
    code: 'STORE_UNAVAILABLE',
  });
  expect(failed.headers).toMatchObject({ 'x-should-retry': 'true' });
});

test('[P-12] a limit refuses words with 429, and never those that show risk', async () => {
  const { app, limits } = await counted();
  await using _ = app;
  limits.waitMs = 3_000;

  const calmly = await rest(app.url, COMPLETIONS, { body: { messages: [user(calm)] } });
  const models = await rest(app.url, 'GET /v1/models');
  limits.waitMs = 1;
  const helped = await say(app.url, [user(risk)]);

  for (const { status, headers, body } of [calmly, models]) {
    expect(status).toBe(429);
    expect(headers['retry-after']).toBe('3');
    expect(ChatError.parse(body).error.type).toBe('rate_limit_error');
  }
  expect(helped.text).toContain(help);
  expect(helped.turn).not.toBeNull();
});

test('a key says who asks; without one only help is given', async () => {
  await using entrance = await openEntrance({ mode: 'key' });
  const [ada, bob] = await Promise.all(['ada', 'bob'].map((name) => entrance.token({ tenant: 'a', name })));
  const { url } = entrance;
  const of = (key = '') => clientOf(url, key);
  const request = { model: 'gpt', messages: [user('hello there')] };

  const hers = await of(ada).chat.completions.create(request).withResponse();
  const his = await of(bob).chat.completions.create(request).withResponse();
  const stranger: unknown = await of('nobody')
    .chat.completions.create(request)
    .catch((error: unknown) => error);
  const inHers: unknown = await of(bob)
    .chat.completions.create({ ...request, metadata: { session_id: 'ada only' } })
    .then(() => of(ada).chat.completions.create({ ...request, metadata: { session_id: 'ada only' } }))
    .catch((error: unknown) => error);
  const helped = await of('nobody').chat.completions.create({ model: 'gpt', messages: [user(risk)] });

  const [herId, hisId] = [hers, his].map(({ response }) => response.headers.get('x-session-id'));
  expect(herId).not.toBe(hisId);
  expect(stranger).toBeInstanceOf(OpenAI.AuthenticationError);
  expect(inHers).toBeInstanceOf(APIError);
  expect(inHers).toMatchObject({ status: 409, code: 'SESSION_CONFLICT' });
  expect(helped.choices[0]?.message.content).toContain(help);
  const models: unknown = await of('nobody')
    .models.list()
    .catch((error: unknown) => error);
  expect(models).toBeInstanceOf(OpenAI.AuthenticationError);
  expect((await of(ada).models.list()).data).toHaveLength(1);
});

test('a capability speaks in its session without naming it', async () => {
  await using entrance = await openEntrance({ mode: 'key' });
  const token = await entrance.token({ tenant: 'a', name: 'ada' });
  const headers = bearer(token);
  await rest(entrance.url, 'POST /api/v1/session/create', { headers, body: { session_id: 'hers' } });
  const path = `POST ${pathOf('hers', '/capabilities')}`;
  const { body } = await rest(entrance.url, path, { headers, body: {} });
  const { chat } = clientOf(entrance.url, z.string().parse(body['token']));

  const request = { model: 'gpt', messages: [user('yes')] };
  await chat.completions.create(request);
  const { response } = await chat.completions.create(request).withResponse();

  expect(response.headers.get('x-session-id')).toBe('hers');
  expect(await turnsOf(entrance.url, 'hers', headers)).toHaveLength(2);
});

test('[P-12] words at risk that come second, over the limit, are answered in their session', async () => {
  const { app, limits } = await counted();
  await using _ = app;
  const { text, session } = await say(app.url, [user(calm)]);
  await say(app.url, [user(calm)], { 'X-Session-Id': 'named' });
  await uiChunks(app.url, 'ui', calm);
  limits.waitMs = 1;

  const derived = await say(app.url, [user(calm), assistant(text), user(risk)]);
  const named = await say(app.url, [user(risk)], { 'X-Session-Id': 'named' });
  const again = { 'X-Session-Id': 'named', 'X-Stainless-Retry-Count': '1' };
  const retried = await streamed(app.url, [user('I will kill myself')], again);
  const ui = await rest(app.url, UI, { body: uiBody('ui', risk) });

  expect(derived.session).toBe(session);
  for (const answer of [derived.text, named.text, retried, ui.text]) expect(answer).toContain(help);
  limits.waitMs = 0;
  for (const [id, count] of [
    [session, 2],
    ['named', 3],
    ['ui', 2],
  ] as const) {
    expect(await turnsOf(app.url, id)).toHaveLength(count);
  }
});

test('what a door looks up for a request is not counted as a request of the person', async () => {
  const { app, limits } = await counted();
  await using _ = app;
  const { text } = await say(app.url, [user(calm)]);
  limits.taken.length = 0;

  await say(app.url, [user(calm), assistant(text), user('yes')]);

  const budgets = limits.taken.map(([budget]) => budget);
  expect(budgets.toSorted()).toEqual(['bytes', 'input', 'request', 'request']);
});

test('[P-1] words at risk whose reply cannot be read are not left without help', async () => {
  let isFailing = false;
  let isAway = false;
  const store = faultyStore(await openSqlite({ directory: ':memory:' }), {
    admit: (run) => run().finally(() => (isAway = isFailing)),
    turns: (run, count) => (isAway ? refused(run, count) : run()),
  });
  await using app = await startApp({ store });
  const headers = { 'X-Session-Id': 'named' };
  await say(app.url, [user(calm)], headers);
  await uiChunks(app.url, 'ui', calm);

  isFailing = true;
  const answer = await rest(app.url, COMPLETIONS, { body: { messages: [user(risk)] }, headers });
  isAway = false;
  const ui = await rest(app.url, UI, { body: uiBody('ui', risk) });

  for (const { status, text } of [answer, ui]) expect([status, text.includes(help)]).toEqual([200, true]);
});

const text = risk;
test.each<[string, string, object]>([
  [
    'parts of another API',
    COMPLETIONS,
    { messages: [{ role: 'user', content: [{ type: 'input_text', text }] }] },
  ],
  [
    'a part that is none',
    COMPLETIONS,
    { messages: [{ role: 'user', content: [{ type: 'text', text }, 5] }] },
  ],
  ['no role', COMPLETIONS, { messages: [{ content: risk }] }],
  ['another role behind it', COMPLETIONS, { messages: [user(risk), { role: 'robot', content: 'x' }] }],
  ['no list', COMPLETIONS, { messages: risk }],
  ['a list too deep', COMPLETIONS, { messages: [user(risk), JSON.parse('['.repeat(900) + ']'.repeat(900))] }],
  ['a message of an older version', UI, { id: 'x', messages: [{ role: 'user', content: risk }] }],
  ['one message alone', UI, { id: 'x', message: { role: 'user', parts: [{ type: 'text', text }] } }],
  ['no id', UI, { messages: uiBody('', risk).messages }],
])('[P-1] words at risk in a body with %s are not left without help', async (_, line, body) => {
  await using app = await startApp();

  const answer = await rest(app.url, line, { body });

  expect([answer.status, answer.text.includes(help)]).toEqual([200, true]);
});

test('words at risk that were said before do not answer a request that is refused now', async () => {
  await using app = await startApp();
  const messages = [user(risk), assistant('Call 112.'), user(calm)];

  const answer = await rest(app.url, COMPLETIONS, { body: { messages, n: 2 } });

  expect(answer.status).toBe(400);
});

test('[P-12] words at risk are taken while the server goes down, and no others', async () => {
  const model = new ScriptedModel({ always: ['And so it went ', HOLD, 'on.'] });
  await using app = await startApp({ speakers: { model, fallback: null }, rawReplies: true });
  const waiting = say(app.url, [user(calm)]);
  await model.until(() => model.held === 1, 'a reply that waits');
  const drained = app.drain(10_000);

  const refusal = await rest(app.url, COMPLETIONS, { body: { messages: [user('hello there')] } });
  const helped = await say(app.url, [user(risk)]);
  const ui = await rest(app.url, UI, { body: uiBody('ui', risk) });

  expect([refusal.status, ChatError.parse(refusal.body).error.code]).toEqual([503, 'DRAINING']);
  expect(helped.text).toContain(help);
  expect(helped.turn).not.toBeNull();
  expect(ui.text).toContain('"source":"safety"');
  model.release();
  await Promise.allSettled([waiting, drained]);
});
