// `useChat` of the AI SDK, by the class behind it, on networks and servers that people have.
import { Chat } from '@ai-sdk/react';
import { DefaultChatTransport } from 'ai';
import type { UIMessage } from 'ai';
import { expect, test } from 'vitest';
import { turnsOf, textsOf } from '../support/door-clients.ts';
import { firstWords, openScene, words } from '../support/scene.ts';
import { sharedScene } from '../support/shared-scene.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { createChanges, until } from '../support/wait.ts';

const reply = words(40);
const open = sharedScene({ env: { RAW_REPLIES: '1' }, fake: { behaviour: { reply } } });

/** A chat as `useChat` keeps it, and a way to wait for what it shows. */
function openChat(url: string, id: string, messages: UIMessage[] = []) {
  const changes = createChanges();
  const data: unknown[] = [];
  const chat = new Chat<UIMessage>({
    id,
    messages,
    transport: new DefaultChatTransport({
      api: `${url}/api/v1/ui/chat`,
      prepareReconnectToStreamRequest: ({ api, id: chatId }) => ({
        api: `${api}/${encodeURIComponent(chatId)}/stream?ended=true`,
      }),
    }),
    onData: (part) => data.push(part),
  });
  chat['~registerMessagesCallback'](() => changes.notify());
  const said = () => {
    const last = chat.messages.at(-1);
    return last?.role === 'assistant' ? (textsOf(last)['reply'] ?? '') : '';
  };
  const shows = (text: string) =>
    until(
      () => said() === text,
      changes.subscribe,
      () => `"${text}", not "${said()}"`,
    );
  return { chat, data, said, shows };
}

test('the reply, the disclosure and how it goes on are there, in one message', async () => {
  const scene = await open();
  scene.fake.hold('piece', 5);
  const { chat, data, said, shows } = openChat(scene.url, 'live');

  const sent = chat.sendMessage({ text: 'I want to feel calm' });
  await shows(firstWords(reply, 5));
  scene.fake.release();
  await sent;

  expect([chat.status, said()]).toEqual(['ready', reply]);
  expect(chat.messages).toHaveLength(2);
  expect(chat.messages[1]?.parts.map(({ type }) => type)).toEqual([
    'data-disclosure',
    'text',
    'step-start',
    'text',
  ]);
  expect(data).toContainEqual(
    expect.objectContaining({
      type: 'data-status',
      data: expect.objectContaining({ phase: 'streaming' }),
    }),
  );
  expect(await turnsOf(scene.url, 'live')).toMatchObject([{ text: reply }]);
});

test('[P-3] [P-10] a chat that was cut off in mid-reply resumes to exactly the text of the log', async () => {
  const scene = await open();
  scene.fake.hold('piece', 9);
  scene.fake.hold('piece', 20);
  await using proxy = await startTcpProxy({ target: scene.server.port });
  const { chat, said, shows } = openChat(proxy.url, 'cut');
  const sent = chat.sendMessage({ text: 'I want to feel calm' });
  await shows(firstWords(reply, 9));

  proxy.reset();
  await sent;
  expect(chat.status).toBe('error');
  const resumed = chat.resumeStream();
  scene.fake.release('piece', 9);
  await shows(firstWords(reply, 20));
  proxy.cut();
  await resumed;
  scene.fake.release();
  await chat.resumeStream();

  expect([chat.status, said()]).toEqual(['ready', reply]);
  expect(chat.messages).toHaveLength(2);
  expect(await turnsOf(scene.url, 'cut')).toMatchObject([{ text: reply, state: 'done' }]);
});

test('a page that is loaded anew finds the live reply, and what it had before is not doubled', async () => {
  const scene = await open();
  scene.fake.hold('piece', 6);
  const before = openChat(scene.url, 'again');
  const sent = before.chat.sendMessage({ text: 'I want to feel calm' });
  await before.shows(firstWords(reply, 6));
  await before.chat.stop();
  await sent;

  const after = openChat(scene.url, 'again', structuredClone(before.chat.messages));
  const resumed = after.chat.resumeStream();
  scene.fake.release();
  await resumed;

  expect(after.said()).toBe(reply);
  expect(after.chat.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
});

test('[P-7] the stop button ends the turn, and regenerate runs it again', async () => {
  const scene = await open();
  const from = scene.fake.requests.length;
  scene.fake.hold('piece', 6);
  const { chat, said, shows } = openChat(scene.url, 'stopped');
  const sent = chat.sendMessage({ text: 'I want to feel calm' });
  await shows(firstWords(reply, 6));

  const stopped = await scene.rest('DELETE /api/v1/ui/chat/stopped/stream');
  await sent;

  expect(stopped.body).toMatchObject({ state: 'cancelled' });
  expect((await scene.fake.ended(from)).ending).toBe('client');
  expect(reply.startsWith(said())).toBe(true);
  scene.fake.release();
  await chat.regenerate();
  expect(said()).toBe(reply);
  expect(chat.messages).toHaveLength(2);
  const turns = await turnsOf(scene.url, 'stopped');
  expect(turns.map(({ state }) => state)).toEqual(['cancelled', 'done']);
  await chat.regenerate();
  expect(said()).toBe(reply);
  expect(await turnsOf(scene.url, 'stopped')).toHaveLength(2);
});

test('[P-8] a chat resumes to exactly the text of the log when the server was killed in mid-reply', async () => {
  await using scene = await openScene({ env: { RAW_REPLIES: '1' }, fake: { behaviour: { reply } } });
  scene.fake.hold('piece', 12);
  await using proxy = await startTcpProxy({ target: scene.server.port });
  const { chat, said, shows } = openChat(proxy.url, 'killed');
  const sent = chat.sendMessage({ text: 'I want to feel calm' });
  await shows(firstWords(reply, 12));

  await scene.kill();
  await sent;
  expect([chat.status, said()]).toEqual(['error', firstWords(reply, 12)]);
  scene.fake.release();
  await scene.start();
  proxy.retarget(scene.server.port);
  await chat.resumeStream();

  expect([chat.status, said()]).toEqual(['ready', reply]);
  expect(chat.messages).toHaveLength(2);
  expect(await turnsOf(scene.url, 'killed')).toMatchObject([{ text: reply, state: 'done' }]);
});
