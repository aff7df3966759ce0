// What a connection may not do before any event of it is looked at.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { exchange } from '../support/raw-socket.ts';
import {
  frame,
  opcodes,
  openSocketIo,
  openWebSocket,
  textFrame,
  upgradeHead,
} from '../support/raw-websocket.ts';
import { rest } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';

const polling = 'GET /socket.io/?EIO=4&transport=polling';

let app: TestApp;
let port: number;
beforeEach(async () => {
  app = await startApp({ allowedOrigins: ['https://good.example'] });
  port = Number(new URL(app.url).port);
});
afterEach(async () => await app[Symbol.asyncDispose]());

describe('[R-1] an origin that is not allowed', () => {
  const headers = { Origin: 'https://evil.example' };

  test('opens no WebSocket', async () => {
    expect(await exchange(port, upgradeHead(headers))).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('opens no polling', async () => {
    const { status, headers: answered } = await rest(app.url, polling, { headers });

    expect(status).toBe(403);
    expect(answered['access-control-allow-origin']).toBeUndefined();
  });
});

describe('[R-1] an origin that is allowed', () => {
  const headers = { Origin: 'https://good.example' };

  test('opens a WebSocket', async () => {
    using socket = await connect(app.url, { extraHeaders: headers });

    expect(socket.socket.connected).toBe(true);
  });

  test('opens a polling connection, and its page may read it', async () => {
    const { status, headers: answered } = await rest(app.url, polling, { headers });

    expect(status).toBe(200);
    expect(answered['access-control-allow-origin']).toBe('https://good.example');
  });

  test('is told before it polls what it may send', async () => {
    const { status } = await rest(app.url, polling.replace('GET', 'OPTIONS'), {
      headers: { ...headers, 'Access-Control-Request-Method': 'POST' },
    });

    expect(status).toBe(204);
  });
});

test('[R-3] headers of more than 16 KiB open no connection', async () => {
  const headers = { 'X-Large': 'x'.repeat(16 * 1024) };

  expect((await rest(app.url, polling, { headers })).status).toBe(431);
  expect(await exchange(port, upgradeHead(headers))).toMatch(/^HTTP\/1\.1 431 /);
});

describe('a connection is closed', () => {
  test('that asks for a namespace of more than 100 characters, and the name is not echoed', async () => {
    using socket = await openWebSocket(port);

    socket.send(`40/${'canary'.repeat(20)},`);
    await socket.closed();

    expect(socket.messages.join(' ')).not.toContain('canary');
  });

  test('that sends more than a hundred pings in a second', async () => {
    using socket = await openSocketIo(port);

    // two seconds of them at most lie in this burst
    socket.write(...Array.from({ length: 202 }, () => frame({ opcode: opcodes.ping })));

    await socket.closed();
    expect(socket.pongs).toBeLessThanOrEqual(202);
  });

  test('that announces an attachment and does not send it within half a minute', async () => {
    using socket = await openSocketIo(port);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      socket.send('451-["session:create",{"_placeholder":true,"num":0}]');
      while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
      vi.advanceTimersByTime(30_000);
    } finally {
      vi.useRealTimers();
    }

    expect(await socket.closed()).toBe(1005);
  });
});

test('a hundred pings in a second are answered', async () => {
  using socket = await openSocketIo(port);

  socket.write(...Array.from({ length: 100 }, () => frame({ opcode: opcodes.ping })));
  await socket.until(() => socket.pongs === 100, 'the answers');

  expect(await socket.isServed()).toBe(true);
});

test('an attachment that comes is no reason to close', async () => {
  using socket = await openSocketIo(port);

  socket.write(
    textFrame('451-0["session:create",{"_placeholder":true,"num":0}]'),
    frame({ opcode: opcodes.binary, payload: 'abc' }),
  );

  expect(await socket.message('430')).toContain('VALIDATION_FAILED');
  expect(await socket.isServed()).toBe(true);
});

test('many CONNECT packets of one connection are one socket', async () => {
  using socket = await openWebSocket(port);

  socket.write(...Array.from({ length: 50 }, () => textFrame('40')));
  await socket.message('40');
  await socket.isServed();

  expect(socket.messages.filter((text) => text.startsWith('40'))).toHaveLength(1);
});
