import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { connect, SocketClient } from '../support/socket-client.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { deadline } from '../support/wait.ts';

const REPLY = words(100);

/** A proxy of the kind that knows HTTP and no WebSocket: it `cuts` an upgrade, or answers it as if it were a plain request. */
async function startOldProxy(target: number, habit: 'cuts' | 'answers') {
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const onward = request(
      { port: target, host: '127.0.0.1', method, path: url, headers, agent: false },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  let upgrades = 0;
  server.on('upgrade', (_request, socket) => {
    upgrades++;
    if (habit === 'cuts') socket.destroy();
    else socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port }: AddressInfo = JSON.parse(JSON.stringify(server.address()));
  return {
    url: `http://127.0.0.1:${port}`,
    get upgrades() {
      return upgrades;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

let scene: Scene;
beforeAll(async () => {
  scene = await openScene({ fake: { behaviour: { reply: REPLY } } });
});
afterAll(() => scene[Symbol.asyncDispose]());

describe.for(['cuts', 'answers'] as const)('through a network that %s every WebSocket', (habit) => {
  test('a client with the default options streams over polling (scenario 24)', async () => {
    await using proxy = await startOldProxy(scene.server.port, habit);
    scene.fake.next({ reply: REPLY, rate: 200 });
    using socket = await connect(proxy.url, { transports: ['polling', 'websocket'] });
    const id = `default ${habit}`;
    const client = socket.feed(new Client(id));
    const { turn_id: turnId } = await socket.must('session:input', { session_id: id, user_input: 'hello' });

    expect(await client.ended(String(turnId))).toMatchObject({ state: 'done', text: REPLY });
    expect(proxy.upgrades).toBeGreaterThan(0);
    expect(socket.socket.io.engine.transport.name).toBe('polling');
    expect(client.counts.repeats).toBe(0);
  });

  test('a client that begins with a WebSocket falls back to polling (scenario 24)', async () => {
    await using proxy = await startOldProxy(scene.server.port, habit);
    using socket = await connect(proxy.url, { transports: ['websocket', 'polling'], tryAllTransports: true });
    const id = `fallback ${habit}`;
    const client = socket.feed(new Client(id));
    const { turn_id: turnId } = await socket.must('session:input', { session_id: id, user_input: 'hello' });

    expect(await client.ended(String(turnId))).toMatchObject({ state: 'done', text: REPLY });
    expect(socket.socket.io.engine.transport.name).toBe('polling');
  });
});

describe('where nothing is blocked', () => {
  test('a client with the default options upgrades in mid-reply and loses nothing', async () => {
    scene.fake.next({ reply: REPLY, rate: 300 });
    await using proxy = await startTcpProxy({ target: scene.server.port });
    proxy.delay(15);
    using socket = new SocketClient(proxy.url, { transports: ['polling', 'websocket'] });
    const upgraded = new Promise((resolve) => socket.socket.io.engine.once('upgrade', resolve));
    const client = socket.feed(new Client('upgrade'));
    const { turn_id: turnId } = await socket.must('session:input', {
      session_id: 'upgrade',
      user_input: 'hello',
    });
    await deadline(upgraded, 'the upgrade');

    expect(await client.ended(String(turnId))).toMatchObject({ state: 'done', text: REPLY });
    expect(socket.socket.io.engine.transport.name).toBe('websocket');
  });
});
