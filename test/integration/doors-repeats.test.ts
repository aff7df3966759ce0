// What a client sends again by itself is said once, wherever it was cut off and whatever failed meanwhile.
import { DefaultChatTransport } from 'ai';
import type { UIMessageChunk } from 'ai';
import { expect, test } from 'vitest';
import { noMeter } from '../../src/meter.ts';
import type { Transport } from '../../src/meter.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { startApp } from '../support/app.ts';
import { assistant, clientOf, fold, say, textsOf, turnsOf, user } from '../support/door-clients.ts';
import type { Messages } from '../support/door-clients.ts';
import { faultyStore, refused } from '../support/faulty-store.ts';
import { rest } from '../support/rest.ts';
import { HOLD, ScriptedModel } from '../support/scripted-model.ts';
import { createChanges, until } from '../support/wait.ts';

const COMPLETIONS = 'POST /v1/chat/completions';
const calm = 'I want to feel calm';
/** The official clients count their tries in a header. */
const retry = (count = 1) => ({ 'X-Stainless-Retry-Count': String(count) });

const pieces = ['And so ', 'it ', 'went ', 'on ', '😀😀 ', 'and on.'];
/** Words come one by one. */
const talking = () =>
  startApp({
    speakers: { model: new ScriptedModel({ always: pieces }), fallback: null },
    rawReplies: true,
  });

/** The first so many of what comes; then the client leaves. */
async function firstOf<T>(chunks: AsyncIterable<T>, count: number, leave: AbortController): Promise<T[]> {
  const got: T[] = [];
  for await (const chunk of chunks) {
    got.push(chunk);
    if (got.length === count) break;
  }
  leave.abort();
  return got;
}

test('[P-3] a chat of the AI SDK that is cut off behind any of its chunks resumes to the text of the log', async () => {
  await using app = await talking();
  const transport = new DefaultChatTransport({
    api: `${app.url}/api/v1/ui/chat`,
    prepareReconnectToStreamRequest: ({ id }) => ({
      api: `${app.url}/api/v1/ui/chat/${id}/stream?ended=true`,
    }),
  });
  const cutBehind = async (count: number): Promise<boolean> => {
    const chatId = `cut${count}`;
    const leave = new AbortController();
    const message = { id: 'm', role: 'user' as const, parts: [{ type: 'text' as const, text: calm }] };
    const asked = { trigger: 'submit-message' as const, messageId: undefined, messages: [message] };
    const stream = await transport.sendMessages({ ...asked, chatId, abortSignal: leave.signal });
    const got = await firstOf<UIMessageChunk>(stream.values(), count, leave);
    const resumed = await transport.reconnectToStream({ chatId });

    const again = await fold(await Array.fromAsync(resumed?.values() ?? []));
    expect([count, await turnsOf(app.url, chatId)]).toMatchObject([count, [{ state: 'done' }]]);
    expect(textsOf(again)['reply']).toBe((await turnsOf(app.url, chatId))[0]?.text);
    return got.length < count;
  };

  let count = 1;
  while (!(await cutBehind(count))) count += 1;

  expect(count).toBeGreaterThan(4);
});

test('a completion that is cut off behind any of its chunks is run again, and its words are said once', async () => {
  await using app = await talking();
  const request = { model: 'gpt', messages: [user(calm)], stream: true as const };
  const cutBehind = async (count: number): Promise<boolean> => {
    const id = `cut${count}`;
    const leave = new AbortController();
    const headers = { 'X-Session-Id': id };
    const stream = await clientOf(app.url).chat.completions.create(request, {
      headers,
      signal: leave.signal,
    });
    const got = await firstOf(stream, count, leave);
    const again = await say(app.url, [user(calm)], { ...headers, ...retry() });

    const turns = await turnsOf(app.url, id);
    const last = turns.pop();
    expect([count, again.text.endsWith(last?.text ?? '-'), last?.state]).toEqual([count, true, 'done']);
    expect(turns.filter(({ state }) => state !== 'cancelled')).toEqual([]);
    return got.length < count;
  };

  let count = 1;
  while (!(await cutBehind(count))) count += 1;

  expect(count).toBeGreaterThan(4);
});

test.each<[string, (before: string) => Messages]>([
  ['the first words of a chat', () => [user(calm)]],
  ['words with a history', (before) => [user('hello there'), assistant(before), user(calm)]],
  ['a history that nobody knows here', () => [user('hello there'), assistant('Good day!'), user(calm)]],
])('%s that are given up again and again stay in one session', async (_, messagesOf) => {
  const model = new ScriptedModel({ runs: [['And hello.']], always: ['And so it went ', HOLD, 'on.'] });
  await using app = await startApp({ speakers: { model, fallback: null }, rawReplies: true });
  const before = await say(app.url, [user('hello there')]);
  const body = { messages: messagesOf(before.text), stream: true };
  const sessions = new Set<string>();
  for (let count = 0; count < 3; count++) {
    const leave = new AbortController();
    const headers = retry(count);
    const stream = await clientOf(app.url)
      .chat.completions.create({ ...body, model: 'gpt', stream: true }, { headers, signal: leave.signal })
      .withResponse();
    await model.until(() => model.held === 1, 'a reply that waits');
    sessions.add(stream.response.headers.get('x-session-id') ?? '');
    leave.abort();
    await model.until(() => model.busy === 0, 'a model that was left');
  }

  const asked = say(app.url, body.messages, retry(3));
  await model.until(() => model.held === 1, 'the reply');
  model.release();

  sessions.add((await asked).session);
  expect([...sessions]).toHaveLength(1);
  const turns = await turnsOf(app.url, [...sessions].join());
  const states = turns.filter(({ user_input: words }) => words === calm).map(({ state }) => state);
  expect(states).toEqual(['cancelled', 'cancelled', 'cancelled', 'done']);
});

test('an Idempotency-Key says the first words of a chat once, and another one begins another chat', async () => {
  await using app = await startApp();
  const said = async (key: string) => say(app.url, [user(calm)], { 'Idempotency-Key': key });

  const [one, other, again] = [await said('a'), await said('b'), await said('a')];

  expect(again).toEqual(one);
  expect(other.session).not.toBe(one.session);
  const next = [user(calm), assistant(other.text), user('yes')];
  const went = await say(app.url, next, { 'Idempotency-Key': 'c' });
  expect([one.session, other.session]).toContain(went.session);
});

test('while nobody can look up what was said, nothing is said twice and no chat begins anew', async () => {
  let isAway = false;
  const real = await openSqlite({ directory: ':memory:' });
  const turns = faultyStore(real, { turns: (run, count) => (isAway ? refused(run, count) : run()) });
  await using app = await startApp({ store: turns });
  const headers = { 'X-Session-Id': 'named' };
  await say(app.url, [user(calm)], headers);
  const { text } = await say(app.url, [user('hello there')]);
  isAway = true;

  const answers = [
    await rest(app.url, COMPLETIONS, {
      body: { messages: [user(calm)] },
      headers: { ...headers, ...retry() },
    }),
    await rest(app.url, COMPLETIONS, { body: { messages: [user('hello there')] }, headers: retry() }),
    await rest(app.url, COMPLETIONS, {
      body: { messages: [user('hello there'), assistant(text), user('yes')] },
    }),
  ];

  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
  isAway = false;
  expect(await turnsOf(app.url, 'named')).toHaveLength(1);
  const { body } = await rest(app.url, 'GET /api/v1/sessions');
  expect(body['total_sessions']).toBe(2);
});

test('a first message that is refused and sent again leaves no empty session behind', async () => {
  const store = faultyStore(await openSqlite({ directory: ':memory:' }), {
    admit: (run, count) => (count < 3 ? refused(run, count) : run()),
  });
  await using app = await startApp({ store });
  const sent = (count: number) =>
    rest(app.url, COMPLETIONS, { body: { messages: [user(calm)] }, headers: retry(count) });

  const answers = [await sent(0), await sent(1), await sent(2)];

  expect(answers.map(({ status }) => status)).toEqual([503, 503, 200]);
  const { body } = await rest(app.url, 'GET /api/v1/sessions');
  expect(body['total_sessions']).toBe(1);
});

test('who came back for a turn that is then cancelled is told to come again, or that it was cut', async () => {
  const model = new ScriptedModel({ always: ['And so it went ', HOLD, 'on.'] });
  const changes = createChanges();
  const followers: string[] = [];
  const meter = {
    ...noMeter,
    follower: (transport: Transport) => {
      followers.push(transport);
      changes.notify();
      return noMeter.follower(transport);
    },
  };
  await using app = await startApp({ speakers: { model, fallback: null }, rawReplies: true, meter });
  const headers = { 'X-Session-Id': 'named', 'Idempotency-Key': 'a' };
  const request = { model: 'gpt', messages: [user(calm)] };
  const { completions } = clientOf(app.url).chat;
  const first = await completions.create({ ...request, stream: true }, { headers });
  await model.until(() => model.held === 1, 'a reply that waits');
  const joined = await completions.create({ ...request, stream: true }, { headers });
  const whole = rest(app.url, COMPLETIONS, { body: request, headers });
  await until(() => followers.includes('turn'), changes.subscribe, 'somebody who waits for all of it');

  await rest(app.url, `DELETE /api/v1/ui/chat/named/stream`);

  const { status, headers: told } = await whole;
  expect([status, told['x-should-retry']]).toEqual([409, 'true']);
  const caught: unknown = await Array.fromAsync(joined).catch((error: unknown) => error);
  expect(caught).toMatchObject({ code: 'TURN_CANCELLED' });
  expect((await Array.fromAsync(first)).at(-1)?.choices[0]?.finish_reason).toBe('stop');
});
