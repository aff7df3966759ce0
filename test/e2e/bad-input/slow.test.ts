// Clients that begin and do not go on: each is let go at its deadline, and the others are served meanwhile.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectHarmless, standBy } from '../../support/bystander.ts';
import type { Bystander } from '../../support/bystander.ts';
import { startGuide } from '../../support/guide-server.ts';
import type { GuideServer } from '../../support/guide-server.ts';
import { openPolling } from '../../support/polling.ts';
import { openRaw } from '../../support/raw-socket.ts';
import { openSocketIo, openWebSocket, upgradeHead } from '../../support/raw-websocket.ts';

/** Longer than the longest deadline of the server, which is that of a binary packet (30 s). */
const patienceMs = 45_000;

let server: GuideServer;
let bystander: Bystander;
beforeAll(async () => {
  server = await startGuide();
  bystander = await standBy(server);
});
afterAll(async () => {
  bystander.close();
  await server[Symbol.asyncDispose]();
});

/** Writes one byte a second until the other end closes. */
async function drip(raw: Awaited<ReturnType<typeof openRaw>>, bytes: string): Promise<void> {
  let next = 0;
  const timer = setInterval(() => raw.write(bytes[next++ % bytes.length] ?? ''), 1_000);
  try {
    await raw.closed(patienceMs);
  } finally {
    clearInterval(timer);
  }
}

describe.concurrent('a client that does not go on is let go:', () => {
  test('B031 a polling body of which two bytes come', async () => {
    const path = await openPolling(server.url);
    using raw = await openRaw(server.port);
    raw.write(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\n42`);

    await raw.closed(patienceMs);

    expect(raw.text).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('B031 a polling body that announces more than is taken', async () => {
    const path = await openPolling(server.url);
    using raw = await openRaw(server.port);
    raw.write(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2000000\r\n\r\n42`);

    await raw.closed(patienceMs);

    expectHarmless(raw.text);
  });

  test('B037 a polling body in chunks of one byte', async () => {
    const path = await openPolling(server.url);
    using raw = await openRaw(server.port);
    raw.write(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n`);

    await drip(raw, '1\r\n2\r\n');

    expect(raw.text).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('B075 a WebSocket without CONNECT', async () => {
    using socket = await openWebSocket(server.port);

    await socket.closed(patienceMs);

    expect(socket.messages).toHaveLength(1);
  });

  test('B107 a binary event whose bytes never come', async () => {
    using socket = await openSocketIo(server.port);
    socket.send('451-["session:create",{"_placeholder":true,"num":0}]');
    const answerPings = setInterval(() => socket.send('3'), 5_000);

    await socket.closed(patienceMs);
    clearInterval(answerPings);

    expectHarmless(socket.messages.join(' '));
  });

  test('B199 Expect: 100-continue, and then no body', async () => {
    using raw = await openRaw(server.port);
    raw.write(
      'POST /api/v1/input HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n',
    );

    await raw.closed(patienceMs);

    expect(raw.text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 408 /);
  });

  test('B203 headers that come byte by byte, on 300 connections', async () => {
    const raws = await Promise.all(Array.from({ length: 300 }, async () => await openRaw(server.port)));
    for (const raw of raws) raw.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-');

    await Promise.all(raws.map(async (raw) => await drip(raw, 'a')));

    expect(new Set(raws.map((raw) => raw.text.slice(0, 12)))).toEqual(new Set(['HTTP/1.1 408']));
    for (const raw of raws) raw.close();
  });

  test('B203 headers of an upgrade that come byte by byte', async () => {
    using raw = await openRaw(server.port);
    raw.write(upgradeHead().trimEnd());

    await drip(raw, 'a');

    expect(raw.text).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('SEC-39 a connection that is kept and not used', async () => {
    using raw = await openRaw(server.port);
    raw.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');

    await raw.closed(patienceMs);

    expect(raw.text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test('B203 nothing at all', async () => {
    using raw = await openRaw(server.port);

    await raw.closed(patienceMs);

    expect(raw.text).toMatch(/^(HTTP\/1\.1 408 .*)?/);
  });

  test('B215 a body of one byte a second', async () => {
    using raw = await openRaw(server.port);
    raw.write('POST /api/v1/input HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200000\r\n\r\n');

    await drip(raw, ' ');

    expect(raw.text).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('and others are served meanwhile', async () => {
    for (let i = 0; i < 20; i++) await bystander.expectUnharmed();
  });
});

test('nobody noticed any of them', async () => {
  await bystander.expectUnharmed();
});
