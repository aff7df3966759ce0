// The engine behind its guard: who gets a connection, and what it may bring.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { guardEngine } from '../../../src/transport/socket-edge.ts';
import { CountedLimits } from '../../support/counted-limits.ts';
import { openPolling } from '../../support/polling.ts';
import { exchange, openRaw } from '../../support/raw-socket.ts';
import {
  frame,
  opcodes,
  openSocketIo,
  openWebSocket,
  textFrame,
  upgradeHead,
} from '../../support/raw-websocket.ts';
import { rest } from '../../support/rest.ts';

const polling = '/socket.io/?EIO=4&transport=polling';

let limits: CountedLimits;
let address: string | null;
let server: Server;
let port: number;
let url: string;
beforeEach(async () => {
  limits = new CountedLimits();
  address = '203.0.113.9';
  const http = createServer({ requireHostHeader: false });
  server = new Server(http, { maxHttpBufferSize: 1024 * 1024 });
  guardEngine(server.engine, new Set(['https://good.example']), {
    limits,
    addressOf: () => address,
    isOurHost: (host) => host.startsWith('127.0.0.1'),
  });
  server.on('connection', (socket) => {
    socket.onAny((...args: unknown[]) => {
      const ack = args.at(-1);
      if (typeof ack === 'function') Reflect.apply(ack, undefined, [{ name: args[0] }]);
      if (args[0] === 'much') socket.emit('much', 'x'.repeat(4 * 1024 * 1024));
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  // bound to TCP just now
  ({ port } = http.address() as AddressInfo);
  url = `http://127.0.0.1:${port}`;
});
afterEach(async () => await server.close());

const upgrade = async (headers: Record<string, string> = {}): Promise<string> =>
  await exchange(port, upgradeHead(headers));

describe('SEC-35 a connection', () => {
  test('counts for its address, once, and has a place until it is closed', async () => {
    {
      using socket = await openSocketIo(port);
      expect(await socket.isServed()).toBe(true);
      expect(limits.open).toBe(1);
    }
    await limits.until(0);

    expect(limits.taken).toEqual([
      ['connect', { address: '203.0.113.9', tenant: null, subject: null, session: null }],
    ]);
  });

  test('over the rate is a 429 with Retry-After, and no session is made', async () => {
    limits.waitMs = 2_500;

    const answer = await rest(url, `GET ${polling}`);
    const upgraded = await upgrade();

    expect(answer.status).toBe(429);
    expect(answer.headers['retry-after']).toBe('3');
    expect(answer.body).toMatchObject({ retry_after_ms: 2_500 });
    expect(upgraded).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n(.*\r\n)*Retry-After: 3\r\n/);
    expect(upgraded).toContain('X-Content-Type-Options: nosniff');
    expect([server.engine.clientsCount, limits.open]).toEqual([0, 0]);
  });

  test('without a place is a 429, and gets one when another leaves', async () => {
    limits.places = 1;
    const first = await openWebSocket(port);

    const refused = await Promise.all([upgrade(), rest(url, `GET ${polling}`)]);
    first[Symbol.dispose]();
    await limits.until(0);

    expect(refused).toEqual([expect.stringMatching(/ 429 /), expect.objectContaining({ status: 429 })]);
    expect((await rest(url, `GET ${polling}`)).status).toBe(200);
  });

  test('that goes from polling to WebSocket is one', async () => {
    const client = io(url, { forceNew: true, reconnection: false });
    await new Promise((resolve) => client.io.engine.once('upgrade', resolve));

    expect([limits.taken.length, limits.open]).toEqual([1, 1]);
    client.close();
    await limits.until(0);
  });

  test('by polling gives its place back when it says goodbye', async () => {
    const path = await openPolling(url);
    expect(limits.open).toBe(1);

    await rest(url, `POST ${path}`, { body: '1' });

    await limits.until(0);
  });

  test.each([
    ['by POST', `POST ${polling}`],
    ['of an old protocol', 'GET /socket.io/?EIO=3&transport=polling'],
    ['by an unknown transport', 'GET /socket.io/?EIO=4&transport=pigeon'],
  ])('that does not come about, %s, keeps no place', async (_, line) => {
    expect((await rest(url, line)).status).toBe(400);

    await limits.until(0);
  });

  test.each([{ 'Sec-WebSocket-Key': 'short' }, { 'Sec-WebSocket-Version': '12' }])(
    'whose upgrade is refused keeps no place: %j',
    async (headers) => {
      expect(await upgrade(headers)).toMatch(/^HTTP\/1\.1 4/);

      await limits.until(0);
    },
  );

  test('whose client leaves while it is counted keeps no place', async () => {
    const gate = Promise.withResolvers<void>();
    limits.gate = gate.promise;
    const gone = new Promise((resolve) => {
      server.httpServer.once('connection', (socket) => socket.once('close', resolve));
    });
    const raw = await openRaw(port);
    raw.write(`GET ${polling} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await limits.untilAsked();
    raw.close();
    await gone;

    gate.resolve();
    await rest(url, `POST ${polling}`);

    expect([server.engine.clientsCount, limits.open]).toEqual([0, 0]);
  });

  test.each([0, 1_000])(
    'whose client breaks off an upgrade while it is counted keeps no place (%i)',
    async (ms) => {
      const gate = Promise.withResolvers<void>();
      limits.gate = gate.promise;
      const closed = new Promise((resolve) => {
        server.httpServer.once('connection', (socket) => socket.once('close', resolve));
      });
      const client = connect({ port, host: '127.0.0.1' });
      client.on('error', () => {});
      client.write(upgradeHead());
      await limits.untilAsked();
      client.resetAndDestroy();
      await once(client, 'close');

      limits.waitMs = ms;
      gate.resolve();
      await closed;

      await limits.until(0);
    },
  );

  test('that is refused is not held open by a client that stays', async () => {
    limits.waitMs = 1_000;
    const closed = new Promise((resolve) => {
      server.httpServer.once('connection', (socket) => socket.once('close', resolve));
    });

    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    client.write(upgradeHead());

    await closed;
    client.destroy();
  });

  test('of somebody who is not counted has a place and no budget of packets', async () => {
    address = null;
    using socket = await openSocketIo(port);

    socket.write(...Array.from({ length: 3_000 }, () => textFrame('42["x"]')));

    expect(await socket.isServed()).toBe(true);
    expect(limits.open).toBe(1);
  });
});

describe('SEC-33 more packets than anybody needs', () => {
  // what a second adds to the burst is less than a thousand
  const many = 3_000;

  test('close a WebSocket', async () => {
    using socket = await openSocketIo(port);

    socket.write(...Array.from({ length: many }, () => textFrame('42["x"]')));

    await socket.closed();
    await limits.until(0);
  });

  test('B035 close a connection by polling, also in one body', async () => {
    const path = await openPolling(url);
    let handled = 0;
    for (const socket of server.sockets.sockets.values()) socket.onAny(() => handled++);

    await rest(url, `POST ${path}`, { body: Array(many).fill('42["x"]').join('\x1e') });

    await limits.until(0);
    expect(handled).toBeGreaterThan(500);
    expect(handled).toBeLessThan(many - 1_000);
    expect((await rest(url, `GET ${path}`)).status).toBe(400);
  });

  test('a thousand at once are served', async () => {
    using socket = await openSocketIo(port);

    socket.write(...Array.from({ length: 900 }, () => textFrame('42["x"]')));

    expect(await socket.isServed()).toBe(true);
  });
});

describe('B053 a flood of control frames', () => {
  test.each(['ping', 'pong'] as const)('of the kind %s closes the connection', async (kind) => {
    using socket = await openSocketIo(port);

    socket.write(...Array.from({ length: 300 }, () => frame({ opcode: opcodes[kind] })));

    await socket.closed();
    await limits.until(0);
  });

  test('behind an upgrade from polling closes it too', async () => {
    const client = io(url, { forceNew: true, reconnection: false });
    await new Promise((resolve) => client.io.engine.once('upgrade', resolve));
    const closed = new Promise((resolve) => client.once('disconnect', resolve));
    const [socket] = server.engine.clientsCount === 1 ? await server.fetchSockets() : [];
    expect(socket?.id).toBe(client.id);

    const { ws } = Object(client.io.engine.transport);
    for (let n = 0; n < 300; n++) ws.ping();

    expect(await closed).toBe('transport close');
    await limits.until(0);
  });
});

test('SEC-37 who asks and asks and takes no answer is let go', async () => {
  const connected = once(server, 'connection');
  // nobody reads what comes
  const silent = connect({ port, host: '127.0.0.1' });
  silent.on('error', () => {});
  silent.write(upgradeHead());
  silent.write(textFrame('40'));
  await connected;

  for (let n = 0; n < 40; n++) silent.write(textFrame('42["much"]'));

  await limits.until(0);
  silent.destroy();
});

test('a client that does not answer the end of its connection, as in the middle of a frame, is cut off', async () => {
  using socket = await openSocketIo(port);
  socket.write(textFrame('4'.repeat(100)).subarray(0, 20));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    server.disconnectSockets(true);
    await limits.until(0);
    vi.advanceTimersByTime(5_000);
  } finally {
    vi.useRealTimers();
  }

  await socket.raw.closed();
  expect(await socket.closed()).toBe(1005);
});

describe('what the engine would answer in its own way', () => {
  const nosniff = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' };

  test('a request by another method on a connection is a 400, never a fault of ours', async () => {
    const path = await openPolling(url);

    for (const method of ['PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']) {
      expect(await rest(url, `${method} ${path}`)).toMatchObject({ status: 400, headers: nosniff });
    }
    expect((await rest(url, `POST ${path}`, { body: '42["x"]' })).status).toBe(200);
  });

  test('a plain request on a connection by WebSocket is a 400, not silence', async () => {
    using socket = await openWebSocket(port);
    const sid = /"sid":"([^"]+)"/.exec(socket.messages[0] ?? '')?.[1] ?? '';

    const answer = await rest(url, `GET /socket.io/?EIO=4&transport=websocket&sid=${sid}`);

    expect(answer).toMatchObject({ status: 400, headers: nosniff });
  });

  test('a connection by script is a 400: another page could read it', async () => {
    expect((await rest(url, `GET ${polling}&j=0`)).status).toBe(400);
    expect((await rest(url, `GET ${polling}&j=___eio`)).status).toBe(400);
    expect(server.engine.clientsCount).toBe(0);
  });

  test('answers of polling carry the headers and a charset', async () => {
    const path = await openPolling(url);

    const posted = await rest(url, `POST ${path}`, { body: '42["x"]' });
    const unknown = await rest(url, `GET ${polling}&sid=unknown`);

    expect(posted.headers).toMatchObject({ ...nosniff, 'content-type': 'text/html; charset=utf-8' });
    expect(unknown).toMatchObject({
      status: 400,
      text: '{"code":1,"message":"Session ID unknown"}',
      headers: { ...nosniff, 'content-type': 'application/json; charset=utf-8' },
    });
  });

  test.each([
    ['of an unknown session', upgradeHead().replace('websocket ', 'websocket&sid=unknown ')],
    ['by an unknown transport', upgradeHead().replace('transport=websocket', 'transport=pigeon')],
    ['from another page', upgradeHead({ Origin: 'https://evil.example' })],
    ['under another name', upgradeHead({ Host: 'evil.example' })],
    [
      'with too many headers',
      upgradeHead(Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`X-${i}`, 'y']))),
    ],
  ])('an upgrade %s is refused with the headers', async (_, head) => {
    const answer = await exchange(port, head);

    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d [A-Z]/);
    expect(answer).toContain('X-Content-Type-Options: nosniff\r\n');
    expect(answer).toContain("Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
    expect(answer).not.toMatch(/access-control/i);
    await limits.until(0);
    expect(server.engine.clientsCount).toBe(0);
  });

  test('[R-1] polling under another name is a 403', async () => {
    const { status, headers } = await rest(url, `GET ${polling}`, { headers: { Host: 'evil.example' } });

    expect(status).toBe(403);
    expect(headers).toMatchObject(nosniff);
  });
});
