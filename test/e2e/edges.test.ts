// What every answer of the server tells a browser, under which names it answers, and whom a request counts for.
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { openPolling } from '../support/polling.ts';
import { openRaw } from '../support/raw-socket.ts';
import { upgradeHead } from '../support/raw-websocket.ts';
import { rest } from '../support/rest.ts';

let server: GuideServer;
beforeAll(async () => {
  server = await startGuide({
    ALLOWED_ORIGINS: 'https://good.example',
    ALLOWED_HOSTS: 'chat.example',
    I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: '1',
  });
  await rest(server.url, 'POST /api/v1/session/here/input', { body: { user_input: 'hello' } });
});
afterAll(async () => await server[Symbol.asyncDispose]());

const web = join(import.meta.dirname, '../../client/web/dist');
const script = globSync('assets/*.js', { cwd: web })[0] ?? '';

interface Head {
  status: number;
  headers: Record<string, string>;
}

/** The head of an answer to these bytes. */
async function ask(bytes: string): Promise<Head> {
  using raw = await openRaw(server.port);
  raw.write(bytes);
  await raw.until(() => raw.text.includes('\r\n\r\n'), 'the head of an answer');
  const [line = '', ...lines] = raw.text.slice(0, raw.text.indexOf('\r\n\r\n')).split('\r\n');
  const headers = lines.map((text) => {
    const colon = text.indexOf(':');
    return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()];
  });
  return { status: Number(line.slice(9, 12)), headers: Object.fromEntries(headers) };
}

const host = 'Host: 127.0.0.1\r\n';
const request = (line: string, headers = host): string => `${line} HTTP/1.1\r\n${headers}\r\n`;

const plain = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
const unkept = { ...plain, 'cache-control': 'no-store' };
const json = { ...unkept, 'content-type': 'application/json; charset=utf-8' };
const pagePolicy =
  "default-src 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';" +
  "base-uri 'none';form-action 'none';frame-ancestors 'none';require-trusted-types-for 'script';trusted-types 'none'";
const page = { ...plain, 'content-security-policy': pagePolicy };
const docsPolicy = expect.stringMatching(/^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'$/);
const events = {
  ...plain,
  'cache-control': 'no-cache, no-transform',
  'content-type': 'text/event-stream; charset=utf-8',
};

describe('SEC-23 the headers of', () => {
  const rows: [what: string, bytes: string, status: number, headers: object][] = [
    ['a session', request('GET /api/v1/session/here/status'), 200, json],
    ['a list', request('GET /api/v1/sessions'), 200, json],
    ['an export', request('GET /api/v1/session/here/export'), 200, json],
    ['an empty poll', request('GET /api/v1/session/here/log?wait=0&after=0'), 200, json],
    ['an event stream', request('GET /api/v1/session/here/events'), 200, events],
    ['the head of one', request('HEAD /api/v1/session/here/events'), 200, events],
    ['the health', request('GET /health'), 200, json],
    ['a probe', request('GET /livez'), 200, unkept],
    ['the safety page', request('GET /safety'), 200, json],
    ['a document', request('GET /openapi.json'), 200, json],
    ['the page', request('GET /'), 200, { ...page, 'content-type': 'text/html; charset=utf-8' }],
    [
      'its script',
      request(`GET /${script}`),
      200,
      { ...page, 'cache-control': expect.stringContaining('immutable') },
    ],
    ['the reference', request('GET /docs'), 200, { ...unkept, 'content-security-policy': docsPolicy }],
    [
      'its style',
      request('GET /docs/swagger-ui.css'),
      200,
      { ...plain, 'cache-control': 'public, max-age=3600' },
    ],
    ['a session that is not there', request('GET /api/v1/session/nobody/status'), 404, json],
    ['a route that is not there', request('GET /nowhere'), 404, json],
    ['an asset that is not there', request('GET /assets/nothing.js'), 404, json],
    ['a wrong method', request('PUT /api/v1/sessions'), 405, json],
    ['a wrong method on the page', request('POST /'), 405, json],
    [
      'a preflight',
      request(
        'OPTIONS /health',
        `${host}Origin: https://good.example\r\nAccess-Control-Request-Method: GET\r\n`,
      ),
      204,
      unkept,
    ],
    ['options', request('OPTIONS /api/v1/sessions'), 204, unkept],
    ['a path that cannot be decoded', request('GET /api/v1/session/%/status'), 400, json],
    [
      'a body that is no JSON',
      `${request('POST /api/v1/input', `${host}Content-Length: 1\r\n`)}{`,
      400,
      json,
    ],
    [
      'a body that is too large',
      request('POST /api/v1/input', `${host}Content-Length: 300000\r\n`),
      413,
      json,
    ],
    [
      'another charset',
      `${request('POST /api/v1/input', `${host}Content-Length: 2\r\nContent-Type: text/plain; charset=utf-16\r\n`)}{}`,
      415,
      json,
    ],
    [
      'a payload that is not valid',
      `${request('POST /api/v1/input', `${host}Content-Length: 2\r\n`)}{}`,
      422,
      json,
    ],
    ['another origin', request('GET /health', `${host}Origin: https://evil.example\r\n`), 403, json],
    ['another host', request('GET /health', 'Host: evil.example\r\n'), 403, json],
    ['no host', request('GET /health', ''), 400, json],
    [
      'headers that are too large',
      request('GET /health', `${host}X: ${'x'.repeat(20_000)}\r\n`),
      431,
      unkept,
    ],
    [
      'headers beyond everything',
      request('GET /health', `${host}X: ${'x'.repeat(200_000)}\r\n`),
      431,
      unkept,
    ],
    ['no HTTP', 'HELLO\r\n\r\n', 400, unkept],
    ['an odd expectation', request('GET /health', `${host}Expect: wonders\r\n`), 417, unkept],
    [
      'a handshake',
      request('GET /socket.io/?EIO=4&transport=polling'),
      200,
      { ...unkept, 'content-type': 'text/plain; charset=UTF-8' },
    ],
    ['a bad handshake', request('GET /socket.io/?EIO=3&transport=polling'), 400, json],
    [
      'a handshake of another origin',
      request('GET /socket.io/?EIO=4&transport=polling', `${host}Origin: https://evil.example\r\n`),
      403,
      json,
    ],
    ['an unknown connection', request('GET /socket.io/?EIO=4&transport=polling&sid=AAAA'), 400, json],
    ['an upgrade of another origin', upgradeHead({ Origin: 'https://evil.example' }), 403, unkept],
    ['an upgrade of nothing', upgradeHead().replace('transport=websocket', 'transport=pigeon'), 400, unkept],
  ];
  test.each(rows)('%s', async (_, bytes, status, headers) => {
    const answer = await ask(bytes);

    expect(answer).toMatchObject({ status, headers });
    expect(Object.keys(answer.headers)).not.toContain('server');
    expect(Object.keys(answer.headers)).not.toContain('x-powered-by');
    expect(JSON.stringify(answer.headers)).not.toMatch(
      /express|node|socket\.io|engine|\bv?\d+\.\d+\.\d+\b(?!\.)/i,
    );
  });

  test('answers that an allowed page reads across origins', async () => {
    const { headers } = await ask(request('GET /health', `${host}Origin: https://good.example\r\n`));

    expect(headers).toMatchObject({ 'access-control-allow-origin': 'https://good.example', vary: 'Origin' });
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
  });

  test('a post by polling', async () => {
    const path = await openPolling(server.url);
    const body = `${host}Content-Type: text/plain\r\nContent-Length: 1\r\n`;

    const { status, headers } = await ask(`${request(`POST ${path}`, body)}3`);

    expect({ status, headers }).toMatchObject({ status: 200, headers: unkept });
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
  });
});

const doors: [name: string, line: string, headers: string, ok: number][] = [
  ['REST', 'GET /api/v1/session/here/status', '', 200],
  ['REST POST', 'POST /api/v1/session/create', 'Content-Length: 0\r\n', 200],
  ['SSE', 'GET /api/v1/session/here/events', '', 200],
  ['the page', 'GET /', '', 200],
  ['the reference', 'GET /docs', '', 200],
  ['a document', 'GET /openapi.json', '', 200],
  ['the health', 'GET /health', '', 200],
  ['polling', 'GET /socket.io/?EIO=4&transport=polling', '', 200],
  [
    'WebSocket',
    'GET /socket.io/?EIO=4&transport=websocket',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n',
    101,
  ],
];

describe.each(doors)('[R-1] %s of a server on loopback', (_, line, headers, ok) => {
  test.each([
    'localhost',
    '127.0.0.1:8090',
    '127.9.9.9',
    '[::1]:80',
    'LOCALHOST.',
    'chat.example:80',
    'good.example',
  ])('is open to the name %s', async (name) => {
    expect((await ask(request(line, `Host: ${name}\r\n${headers}`))).status).toBe(ok);
  });

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '2130706433',
    '0.0.0.0',
    'localhost@evil.example',
    '[::ffff:7f00:1]',
  ])('is closed to the name %s', async (name) => {
    const own = `Host: ${name}\r\nOrigin: http://${name}\r\n${headers}`;

    const answers = [await ask(request(line, `Host: ${name}\r\n${headers}`)), await ask(request(line, own))];

    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
    expect(JSON.stringify(answers)).not.toContain('access-control');
  });

  test('is closed to two names', async () => {
    expect((await ask(request(line, `${host}Host: evil.example\r\n${headers}`))).status).toBe(400);
  });
});
