// What both doors for other people's clients share, with the application in this process and the official clients before it.
import { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChatCompletion, ChatCompletionChunk, UiChunk } from '../../src/contract/doors.ts';
import { OneWay } from '../../src/transport/doors/openai-chunks.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { clientOf, fold, say, streamed, textsOf, turnsOf, uiChunks, user } from '../support/door-clients.ts';
import { rest } from '../support/rest.ts';
import { fault, HOLD, ScriptedModel } from '../support/scripted-model.ts';

const COMPLETIONS = 'POST /v1/chat/completions';
const risk = 'I want to kill myself';
const calm = 'I want to feel calm';
const disclosure = 'You are talking with an AI.';

describe('with the built-in guide', () => {
  let app: TestApp;
  let url: string;
  beforeAll(async () => {
    app = await startApp();
    url = app.url;
  });
  afterAll(() => app[Symbol.asyncDispose]());

  test('every answer has the form the contract tells', async () => {
    const body = { messages: [user(calm)], stream: true, stream_options: { include_usage: true } };
    const whole = await rest(url, COMPLETIONS, { body: { messages: [user(calm)] } });
    const stream = await rest(url, COMPLETIONS, { body });
    const ui = await uiChunks(url, 'form', calm);

    ChatCompletion.parse(whole.body);
    const lines = stream.text.split('\n\n').filter((line) => line.startsWith('data: '));
    expect(lines.at(-1)).toBe('data: [DONE]');
    const chunks = lines.slice(0, -1).map((line) => ChatCompletionChunk.parse(JSON.parse(line.slice(6))));
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.at(-2)?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 0 } });
    for (const chunk of ui) UiChunk.parse(chunk);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-cursor': expect.stringMatching(/\.0$/),
    });
  });

  test('a risk is answered with its fixed reply and where help is, by both doors', async () => {
    const headers = { 'X-Session-Id': 'risk' };
    const first = await streamed(url, [user(risk)], headers);
    const later = await say(url, [user('the weather is nice')], headers);
    const message = await fold(await uiChunks(url, 'ui risk', risk));

    expect(first).toContain('findahelpline.com');
    expect(first).toContain('112');
    // named in the text already, so they are not listed once more
    expect(first).not.toContain('(24/7)');
    expect(later.text).toMatch(/112 \(24\/7\)\n.*findahelpline\.com \(24\/7\)$/);
    expect(textsOf(message)['reply']).toContain('findahelpline.com');
    expect(message.parts).toContainEqual(
      expect.objectContaining({ type: 'data-safety', data: expect.objectContaining({ level: 'active' }) }),
    );
    expect(message.metadata).toMatchObject({ source: 'safety', turn_id: message.id });
  });

  test('[P-1] words at risk are not left without help by a request that is refused', async () => {
    const messages = [user(risk)];
    const whole = await rest(url, COMPLETIONS, { body: { messages, n: 2 } });
    const stream = await rest(url, COMPLETIONS, { body: { messages, n: 2, stream: true } });
    const parts = [
      { type: 'text', text: risk },
      { type: 'file', url: 'data:,' },
    ];
    const ui = await rest(url, 'POST /api/v1/ui/chat', {
      body: { id: 'x', messages: [{ role: 'user', parts }] },
    });

    expect(ChatCompletion.parse(whole.body).choices[0]?.message.content).toContain('findahelpline.com');
    for (const { status, text } of [stream, ui]) {
      expect(status).toBe(200);
      expect(text).toContain('findahelpline.com');
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    }
  });

  test('the AI SDK gets the reply of the log, and the disclosure beside it', async () => {
    const message = await fold(await uiChunks(url, 'ui', calm));

    const [turn] = await turnsOf(url, 'ui');
    expect(textsOf(message)).toEqual({ disclosure: expect.stringContaining(disclosure), reply: turn?.text });
    expect(message.metadata).toMatchObject({ session_id: 'ui', n: 1, source: 'guide' });
    const again = await fold(await uiChunks(url, 'ui', calm));
    expect(again).toEqual(message);
    expect(await turnsOf(url, 'ui')).toHaveLength(1);
  });

  test.each([
    ['no id', { messages: [{ role: 'user', parts: [{ type: 'text', text: 'hello' }] }] }],
    ['no words', { id: 'x', messages: [{ role: 'user', parts: [] }] }],
    ['a file', { id: 'x', messages: [{ role: 'user', parts: [{ type: 'file', url: 'data:,' }] }] }],
  ])('the door of the AI SDK refuses %s', async (_, body) => {
    const answer = await rest(url, 'POST /api/v1/ui/chat', { body });

    expect([answer.status, answer.body['code']]).toEqual([422, 'VALIDATION_FAILED']);
  });

  test('a chat of the AI SDK where nothing runs has nothing to resume or to stop', async () => {
    await uiChunks(url, 'over', calm);

    for (const id of ['over', 'nobody']) {
      expect((await rest(url, `GET /api/v1/ui/chat/${id}/stream`)).status).toBe(204);
    }
    expect((await rest(url, 'DELETE /api/v1/ui/chat/over/stream')).status).toBe(204);
    expect((await rest(url, 'DELETE /api/v1/ui/chat/nobody/stream')).status).toBe(404);
    const ended = await rest(url, 'GET /api/v1/ui/chat/over/stream?ended=true');
    expect(ended.text).toContain('"type":"finish"');
  });
});

describe('words that are taken back', () => {
  test('are said anew where they differ, and only gone on with where they do not', () => {
    const same = new OneWay();
    const other = new OneWay();

    expect(['one two', '', 'one', 'one two three'].map((text) => same.next(text, false))).toEqual([
      'one two',
      '',
      '',
      ' three',
    ]);
    expect(['one two', '', 'one', 'one five'].map((text) => other.next(text, false))).toEqual([
      'one two',
      '',
      '',
      '\n\none five',
    ]);
    expect(other.next('one five six', true)).toBe(' six');
  });

  test('leave the text of the log at the end of a completion, and nothing else in a UI message', async () => {
    const anew = 'And quietly the rain went on.';
    const runs = () => [['And suddenly the sun ', 'came out ', fault('interrupted')], [anew]];
    const model = new ScriptedModel({ runs: [...runs(), ...runs()], prefill: 'no' });
    await using app = await startApp({ speakers: { model, fallback: null }, rawReplies: true });

    const completion = await streamed(app.url, [user(calm)]);
    const message = await fold(await uiChunks(app.url, 'reset', calm));

    expect(completion).toMatch(/\n\nAnd suddenly the sun came out\s*\n\nAnd quietly the rain went on\.$/);
    expect(textsOf(message)['reply']).toBe(anew);
    expect(await turnsOf(app.url, 'reset')).toMatchObject([{ text: anew }]);
  });
});

test('a stream that ends before its turn says so, or breaks off: nobody takes a part for the whole', async () => {
  const model = new ScriptedModel({ always: ['And so it went ', HOLD, 'on.'] });
  const app = await startApp({ speakers: { model, fallback: null }, rawReplies: true });
  const stream = await clientOf(app.url).chat.completions.create({
    model: 'gpt',
    messages: [user(calm)],
    stream: true,
  });
  const whole = clientOf(app.url)
    .chat.completions.create({ model: 'gpt', messages: [user('hello')] })
    .catch((error: unknown) => error);
  const ui = uiChunks(app.url, 'drained', calm).catch((error: unknown) => error);
  await model.until(() => model.held === 2, 'two replies that wait');

  await app.drain(0);

  const caught: unknown = await Array.fromAsync(stream).catch((error: unknown) => error);
  expect(caught).toMatchObject({ code: 'DRAINING' });
  expect(await whole).toBeInstanceOf(APIError);
  expect(await ui).toBeInstanceOf(TypeError);
  await app[Symbol.asyncDispose]();
});
