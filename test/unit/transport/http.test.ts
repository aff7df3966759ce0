// What every HTTP request meets before and after its operation.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import {
  edge,
  goneSignal,
  HEADER_BYTES,
  hostRule,
  jsonBody,
  lastResort,
  notFound,
} from '../../../src/transport/http.ts';
import { answerHeaders } from '../../../src/transport/headers.ts';
import { exchange } from '../../support/raw-socket.ts';
import { rest } from '../../support/rest.ts';
import type { RestOptions } from '../../support/rest.ts';
import { deadline } from '../../support/wait.ts';

const good = 'https://good.example';

/** What the routes below do, one test at a time. */
let raised: unknown;
let left: PromiseWithResolvers<void>;
const bugs: unknown[] = [];

const app = express();
app.use(edge(new Set([good])));
app.post('/echo', jsonBody(), (req, res) => void res.json({ got: req.body ?? 'nothing' }));
app.get('/raise', () => {
  throw raised;
});
app.get('/half', (_req, res) => {
  res.write('half');
  throw new Error('in mid-answer');
});
app.get('/waits', (_req, res) => {
  goneSignal(res).addEventListener('abort', () => left.resolve());
  res.write('begun');
});
app.use(notFound);
app.use(lastResort((error) => bugs.push(error)));

const server = createServer({ maxHeaderSize: 256 * 1024 }, app);
let url: string;
let port: number;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // bound to TCP just now
  ({ port } = server.address() as AddressInfo);
  url = `http://127.0.0.1:${port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  raised = undefined;
  left = Promise.withResolvers<void>();
  bugs.length = 0;
});

const ask = (line: string, options: RestOptions = {}) => rest(url, line, options);
const echo = (body: string | Buffer, headers: Record<string, string> = {}) =>
  ask('POST /echo', { body, headers });

describe('[R-1] an origin', () => {
  test.each([good, 'http://localhost', 'http://localhost:5173', 'http://127.0.0.1:1', 'http://[::1]:3000'])(
    '%s is let in, and its page may read the answer',
    async (origin) => {
      const { status, headers } = await ask('POST /echo', { headers: { Origin: origin } });

      expect(status).toBe(200);
      expect(headers['access-control-allow-origin']).toBe(origin);
      expect(headers.vary).toBe('Origin');
    },
  );

  test('that is our own is let in', async () => {
    const headers = { Host: 'chat.example:8090', Origin: 'http://chat.example:8090' };

    expect((await ask('POST /echo', { headers })).status).toBe(200);
  });

  test.each([
    'https://evil.example',
    'https://good.example.evil.example',
    'http://good.example',
    'https://good.example/',
    'http://127.0.0.1.evil.example',
    'http://user@localhost',
    'file://',
    'null',
    'no origin at all',
    '',
  ])('%j is turned away, and its page learns nothing', async (origin) => {
    const { status, headers, body } = await ask('POST /echo', { headers: { Origin: origin } });

    expect({ status, code: body['code'] }).toEqual({ status: 403, code: 'FORBIDDEN' });
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  test('that is absent is let in without a word of CORS', async () => {
    const { status, headers } = await ask('POST /echo');

    expect(status).toBe(200);
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  test('asks before it sends, and is told what it may do', async () => {
    const headers = { Origin: good, 'Access-Control-Request-Method': 'DELETE' };

    const answer = await ask('OPTIONS /echo', { headers });

    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-methods']).toContain('DELETE');
    expect(answer.headers['access-control-allow-headers']).toContain('Idempotency-Key');
    expect(answer.headers['access-control-max-age']).toBe('600');
  });
});

describe('[R-1] a host', () => {
  const loopback = hostRule({ allowedHosts: [], allowedOrigins: [good], isLoopbackOnly: true });
  const ours = [
    'localhost',
    'localhost:8090',
    'LocalHost:1',
    'localhost.',
    'localhost.:8090',
    '127.0.0.1',
    '127.0.0.1:8090',
    '127.255.0.9',
    '[::1]',
    '[::1]:8090',
    'good.example',
    'GOOD.example:443',
    'good.example.:8090',
  ];
  const foreign = [
    '',
    'evil.example',
    'evil.example:8090',
    'evil.example.',
    'localhost.evil.example',
    'evil.localhost.example',
    'notlocalhost',
    'localhost..',
    'localhost@evil.example',
    'evil.example@localhost',
    'user:pass@localhost',
    'localhost/evil.example',
    'localhost#evil.example',
    'localhost?evil.example',
    'localhost\\evil.example',
    'localhost,evil.example',
    'localhost evil.example',
    'localhost:8090:1',
    'localhost:evil',
    'localhost:123456',
    ':8090',
    '127.0.0.1.evil.example',
    '127.0.0.1.',
    '127.0.0.256',
    '127.1',
    '0127.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.0.0.1',
    '017700000001',
    '0.0.0.0',
    '10.0.0.1',
    '1270.0.1',
    '::1',
    '[::]',
    '[::1',
    '[::1]evil.example',
    '[::ffff:127.0.0.1]',
    '[::1%25lo]',
    '%6cocalhost',
    'loc\u0430lhost',
    '__proto__',
    'constructor',
    'good.example.evil.example',
    'evilgood.example',
  ];

  test.each(ours)('%j is one of a server on loopback', (host) => expect(loopback(host)).toBe(true));

  test.each(foreign)('%j is none of a server on loopback', (host) => expect(loopback(host)).toBe(false));

  test('that is listed counts with its port, or for every port without one', () => {
    const allowedHosts = ['chat.example', 'other.example:8443', '[2001:db8::1]'];
    const isOurs = hostRule({ allowedHosts, allowedOrigins: [], isLoopbackOnly: false });

    const yes = ['chat.example', 'chat.example:1', 'other.example:8443', '[2001:db8::1]:9', '127.0.0.1'];
    const no = ['other.example', 'other.example:1', '[2001:db8::2]', 'evil.example', '10.0.0.1', ''];
    expect([yes.filter(isOurs), no.filter(isOurs)]).toEqual([yes, []]);
  });

  test('may be any where none is listed and others may reach the server', () => {
    const isOurs = hostRule({ allowedHosts: [], allowedOrigins: [good], isLoopbackOnly: false });

    expect(isOurs('any.example')).toBe(true);
  });

  const app = express();
  app.use(edge(new Set([good]), { isOurHost: loopback, headers: answerHeaders() }));
  app.use((_req, res) => void res.json({}));
  app.use(lastResort(() => {}));
  const server = createServer({ requireHostHeader: false }, app);
  let hostPort: number;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // bound to TCP just now
    hostPort = (server.address() as AddressInfo).port;
  });
  afterAll(() => void server.close());

  test.each([
    ['1.1', 'Host: localhost\r\n', '200', 'OK'],
    ['1.1', 'Host: evil.example\r\n', '403', 'FORBIDDEN'],
    ['1.1', 'Host: evil.example\r\nOrigin: http://evil.example\r\n', '403', 'FORBIDDEN'],
    ['1.1', 'Host: evil.example\r\nX-Forwarded-Host: localhost\r\n', '403', 'FORBIDDEN'],
    ['1.1', 'Host:\r\n', '403', 'FORBIDDEN'],
    ['1.1', '', '400', 'MALFORMED_JSON'],
    ['1.1', 'Host: localhost\r\nHost: evil.example\r\n', '400', 'MALFORMED_JSON'],
    ['1.1', 'Host: localhost\r\nhost: localhost\r\n', '400', 'MALFORMED_JSON'],
    // no browser: there is no name in it that could lead here
    ['1.0', '', '200', 'OK'],
    ['1.0', 'Host: evil.example\r\n', '403', 'FORBIDDEN'],
    ['1.0', 'Host: 127.0.0.1\r\n', '200', 'OK'],
  ])('B185 HTTP/%s with %j is a %s', async (version, headers, status, code) => {
    const head = `GET / HTTP/${version}\r\n${headers}Connection: close\r\n\r\n`;

    const answer = await exchange(hostPort, head);

    expect(answer.slice(9, 12)).toBe(status);
    expect(answer).toContain(code);
    expect(answer).toContain('X-Content-Type-Options: nosniff');
  });
});

test('[R-3] headers of more than 16 KiB in all are a 431', async () => {
  const answer = await ask('POST /echo', { headers: { 'X-Large': 'x'.repeat(HEADER_BYTES) } });

  expect(answer.status).toBe(431);
});

test('[R-3] a hundred headers are taken, and one more is a 431', async () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => `X-${i}: y\r\n`).join('') + 'Connection: close\r\n\r\n';

  const most = await exchange(port, `POST /echo HTTP/1.1\r\nHost: a\r\n${many(98)}`);
  const more = await exchange(port, `POST /echo HTTP/1.1\r\nHost: a\r\n${many(99)}`);

  expect([most.slice(9, 12), more.slice(9, 12)]).toEqual(['200', '431']);
});

describe('[R-1] a body', () => {
  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset="UTF-8"',
    'nonsense',
  ])('is read as JSON under the type %s', async (type) => {
    expect((await echo('{"a":"é"}', { 'Content-Type': type })).body).toEqual({ got: { a: 'é' } });
  });

  test('is read as JSON without a type', async () => {
    expect((await echo('[1]')).body).toEqual({ got: [1] });
  });

  test('that is empty is none', async () => {
    expect((await echo('')).body).toEqual({ got: 'nothing' });
  });

  test.each([
    ['half an object', '{"a":'],
    ['no JSON', 'user_input=hello'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('that is %s is a 400', async (_, body) => {
    expect(await echo(body)).toMatchObject({ status: 400, body: { code: 'MALFORMED_JSON' } });
  });

  test.each([
    ['another charset', { 'Content-Type': 'application/json; charset=utf-16' }],
    ['an encoding', { 'Content-Encoding': 'gzip' }],
  ])('in %s is a 415', async (_, headers) => {
    expect(await echo('{}', headers)).toMatchObject({
      status: 415,
      body: { code: 'UNSUPPORTED_MEDIA_TYPE' },
    });
  });

  test('of 256 KiB is taken', async () => {
    expect((await echo(`"${'x'.repeat(256 * 1024 - 2)}"`)).status).toBe(200);
  });

  test('that says it is longer is a 413 before any of it was sent', async () => {
    const head = `POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 262145\r\n\r\n`;

    expect(await exchange(port, head)).toMatch(/^HTTP\/1\.1 413 .*PAYLOAD_TOO_LARGE/s);
  });

  test('that is longer, in chunks, is a 413', async () => {
    const body = Buffer.alloc(262_145, 'x');
    const head = 'POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
    const chunk = `${body.length.toString(16)}\r\n${body.toString()}\r\n0\r\n\r\n`;

    expect(await exchange(port, head + chunk)).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('an error', () => {
  test('is answered with its code in two spellings, its words, and an id to ask for', async () => {
    raised = new AppError('SESSION_NOT_FOUND');

    const { status, headers, body } = await ask('GET /raise');

    expect(status).toBe(404);
    expect(body).toEqual({
      error: 'SessionNotFound',
      code: 'SESSION_NOT_FOUND',
      message: 'No such session',
      request_id: headers['x-request-id'],
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
  });

  test('that passes says when to come again, in whole seconds and one at least', async () => {
    const seconds: unknown[] = [];
    for (const retryAfterMs of [1, 1_000, 1_001]) {
      raised = new AppError('MODEL_BUSY', { retryAfterMs });
      seconds.push((await ask('GET /raise')).headers['retry-after']);
    }

    expect(seconds).toEqual(['1', '1', '2']);
  });

  test('brings what is wrong, what may be asked, and help where it has any', async () => {
    const detail = [{ loc: ['body', 'a'], msg: 'must be there', type: 'missing' }];
    const safety = { level: 'active' as const, text: 'I am glad that you told me.', resources: [] };
    raised = new AppError('METHOD_NOT_ALLOWED', { detail, safety, allow: ['GET', 'HEAD'] });

    const { headers, body } = await ask('GET /raise');

    expect(body).toMatchObject({ detail, safety });
    expect(headers.allow).toBe('GET, HEAD');
  });

  test('that is a bug is logged whole and answered with nothing of it', async () => {
    raised = new TypeError('secret');

    const { status, body, text } = await ask('GET /raise');

    expect({ status, code: body['code'] }).toEqual({ status: 500, code: 'INTERNAL' });
    expect(text).not.toContain('secret');
    expect(bugs).toEqual([raised]);
  });

  test('in mid-answer breaks the connection: half an answer never looks whole', async () => {
    await expect(ask('GET /half')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('[R-2] a path', () => {
  test('that is not there is a 404', async () => {
    expect(await ask('GET /nowhere')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });

  test('that cannot be decoded is a 400', async () => {
    expect(await ask('GET /%E0%A4%A')).toMatchObject({ status: 400, body: { code: 'MALFORMED_JSON' } });
  });

  test('that is the server itself tells every method', async () => {
    const { status, headers } = await ask('OPTIONS *');

    expect(status).toBe(204);
    expect(headers.allow).toBe('GET, HEAD, POST, DELETE, OPTIONS');
  });
});

test('[P-10] who goes away before the answer is whole is noticed', async () => {
  const away = new AbortController();
  const answer = ask('GET /waits', { signal: away.signal });
  await once(server, 'request');

  away.abort();

  await expect(answer).rejects.toThrow('aborted');
  await deadline(left.promise, 'the sign that the client is gone');
});
