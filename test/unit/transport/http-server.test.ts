// What clients of HTTP may take, and what they are told who send what cannot be read.
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerHeaders } from '../../../src/transport/headers.ts';
import { openHttp } from '../../../src/transport/http.ts';
import { exchange, openRaw } from '../../support/raw-socket.ts';
import { upgradeHead } from '../../support/raw-websocket.ts';

const half = Promise.withResolvers<void>();
const server = openHttp(
  (req, res) => {
    if (req.url === '/half') {
      res.write('half');
      half.resolve();
    } else res.end('all');
  },
  { headers: answerHeaders({ strictTransport: true }) },
);
let port: number;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // bound to TCP just now
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('what cannot be read is refused with our headers:', () => {
  test.each([
    ['headers beyond every limit', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`, '431'],
    ['no HTTP', 'HELLO\r\n\r\n', '400'],
    ['a NUL', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0\r\n\r\n', '400'],
    [
      'an expectation that is not 100-continue',
      'GET / HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\n\r\n',
      '417',
    ],
  ])('%s', async (_, bytes, status) => {
    using raw = await openRaw(port);
    raw.write(bytes);
    await raw.until(() => raw.text.includes('\r\n\r\n'), 'the head of the answer');

    expect(raw.text.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expect(raw.text).toContain('X-Content-Type-Options: nosniff\r\n');
    expect(raw.text).toContain("Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
    expect(raw.text).toContain('Cache-Control: no-store\r\n');
    expect(raw.text).toContain('Strict-Transport-Security: max-age=31536000\r\n');
    expect(raw.text).not.toMatch(/^(Server|X-Powered-By):/im);
  });

  test('and never in the middle of another answer', async () => {
    using raw = await openRaw(port);

    raw.write('GET /half HTTP/1.1\r\nHost: a\r\n\r\n');
    await half.promise;
    raw.write('HELLO\r\n\r\n');
    await raw.closed();

    expect(raw.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });
});

test('who goes away within its request is no fault', async () => {
  using raw = await openRaw(port);

  raw.write('GET / HTTP/1.1\r\nHos');
  raw.close();

  expect(await exchange(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')).toMatch(/ 200 /);
});

test('SEC-39 a connection is given up after a thousand requests, and its client loses none', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const connections = new Set<number | undefined>();
  const get = async (): Promise<{ status: number | undefined; close: boolean }> => {
    const outgoing = request({ port, host: '127.0.0.1', agent });
    outgoing.end();
    const [response] = await once(outgoing, 'response');
    connections.add(outgoing.socket?.localPort);
    response.resume();
    await once(response, 'end');
    return { status: response.statusCode, close: response.headers.connection === 'close' };
  };

  const answers = [];
  for (let n = 0; n < 1_005; n++) answers.push(await get());
  agent.destroy();

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(answers.findIndex(({ close }) => close)).toBe(999);
  expect(connections.size).toBe(2);
});

test('SEC-39 a connection is kept for five seconds, and a client is told so', async () => {
  using raw = await openRaw(port);
  raw.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await raw.until(() => raw.text.includes('all'), 'the answer');

  expect(raw.text).toContain('Keep-Alive: timeout=5, max=1000\r\n');
  expect(server).toMatchObject({ keepAliveTimeout: 5_000, headersTimeout: 10_000, requestTimeout: 15_000 });
});

test('B201 an upgrade of anything but Socket.IO is passed over, and holds nothing open', async () => {
  using raw = await openRaw(port);

  raw.write(upgradeHead().replace('/socket.io/?', '/api/v1/sessions?'));
  await raw.until(() => raw.text.endsWith('all'), 'the answer to the request');

  expect(raw.text).toMatch(/^HTTP\/1\.1 200 /);
});

test('the address of a client is known when it has left', async () => {
  const arrived = once(server, 'connection');
  using raw = await openRaw(port);
  const [socket] = await arrived;
  raw.close();
  await once(socket, 'close');

  expect(socket.remoteAddress).toBe('127.0.0.1');
});
