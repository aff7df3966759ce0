// Which web pages may use the server, on every door alike.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { openRaw } from '../support/raw-socket.ts';
import { upgradeHead } from '../support/raw-websocket.ts';
import { rest } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';

let server: GuideServer;
beforeAll(async () => {
  server = await startGuide({
    ALLOWED_ORIGINS: 'https://good.example, http://listed.example:8080',
    ALLOWED_HOSTS: 'chat.example',
    I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: '1',
  });
  await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: 'here' } });
});
afterAll(async () => await server[Symbol.asyncDispose]());

interface Reply {
  status: number;
  /** Access-Control-Allow-Origin. */
  cors: string | undefined;
}
type Headers = Record<string, string>;

async function request(line: string, headers: Headers, body?: unknown): Promise<Reply> {
  const answer = await rest(server.url, line, { headers, body });
  return { status: answer.status, cors: answer.headers['access-control-allow-origin'] };
}

/** Only the head: an event stream has no end. */
async function head(bytes: string): Promise<Reply> {
  using raw = await openRaw(server.port);
  raw.write(bytes);
  await raw.until(() => raw.text.includes('\r\n\r\n'), 'the head of an answer');
  const cors = /access-control-allow-origin: (.*)\r\n/i.exec(raw.text)?.[1];
  return { status: Number(raw.text.slice(9, 12)), cors };
}

const doors: [name: string, open: (headers: Headers) => Promise<Reply>, ok: number][] = [
  ['REST GET', (headers) => request('GET /api/v1/sessions', headers), 200],
  [
    'REST POST',
    (headers) => request('POST /api/v1/session/here/input', headers, { user_input: 'hello' }),
    200,
  ],
  ['REST DELETE', (headers) => request('DELETE /api/v1/session/not-there', headers), 404],
  [
    'SSE',
    (headers) => {
      const lines = Object.entries({ Host: '127.0.0.1', ...headers }).map(
        ([name, value]) => `${name}: ${value}\r\n`,
      );
      return head(`GET /api/v1/session/here/events HTTP/1.1\r\n${lines.join('')}\r\n`);
    },
    200,
  ],
  ['polling', (headers) => request('GET /socket.io/?EIO=4&transport=polling', headers), 200],
  ['WebSocket', (headers) => head(upgradeHead(headers)), 101],
];

const allowed: [name: string, headers: Headers][] = [
  ['of the same origin', { Host: 'chat.example', Origin: 'http://chat.example' }],
  ['of the same origin behind TLS', { Host: 'chat.example:8443', Origin: 'https://chat.example:8443' }],
  ['of localhost', { Origin: 'http://localhost:5173' }],
  ['of 127.0.0.1', { Origin: 'http://127.0.0.1:3000' }],
  ['of another loopback address', { Origin: 'https://127.8.9.10' }],
  ['of [::1]', { Origin: 'http://[::1]:8080' }],
  ['that is listed', { Origin: 'https://good.example' }],
  ['that is listed with its port', { Origin: 'http://listed.example:8080' }],
];

const refused: [name: string, headers: Headers][] = [
  ['of a stranger', { Origin: 'https://evil.example' }],
  ['null', { Origin: 'null' }],
  ['that ends in something else than a listed one', { Origin: 'https://good.example.evil.example' }],
  ['that begins before a listed one', { Origin: 'https://evilgood.example' }],
  ['with another scheme than the listed one', { Origin: 'http://good.example' }],
  ['with another port than the listed one', { Origin: 'https://good.example:444' }],
  ['without the port of the listed one', { Origin: 'http://listed.example' }],
  ['in capitals', { Origin: 'https://GOOD.EXAMPLE' }],
  ['with a slash at the end', { Origin: 'https://good.example/' }],
  ['with a user before the host', { Origin: 'https://good.example@evil.example' }],
  ['that begins with localhost', { Origin: 'http://localhost.evil.example' }],
  ['that begins with 127.0.0.1', { Origin: 'http://127.0.0.1.evil.example' }],
  ['that only looks like 127.0.0.1', { Origin: 'http://127.0.0.1@evil.example' }],
  ['of the same host on another port', { Host: 'chat.example:8090', Origin: 'http://chat.example:8091' }],
  ['of a file', { Origin: 'file://' }],
  ['of an extension', { Origin: 'chrome-extension://abcdef' }],
  ['that is empty', { Origin: '' }],
  ['that is a star', { Origin: '*' }],
  ['that is two', { Origin: 'https://good.example https://evil.example' }],
];

describe.each(doors)('[R-1] %s', (_, open, ok) => {
  test('is open without an origin, and says nothing of CORS', async () => {
    expect(await open({})).toEqual({ status: ok, cors: undefined });
  });

  test.each(allowed)('is open to a page %s', async (_, headers) => {
    const { status, cors } = await open(headers);

    expect(status).toBe(ok);
    // a WebSocket knows no CORS
    if (ok !== 101) expect(cors).toBe(headers['Origin']);
  });

  test.each(refused)('is closed to an origin %s', async (_, headers) => {
    expect(await open(headers)).toEqual({ status: 403, cors: undefined });
  });
});

describe('[R-1] CORS', () => {
  const ask = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };

  test.each([
    '/api/v1/session/create',
    '/api/v1/session/a%2Fb/input',
    '/socket.io/?EIO=4&transport=polling',
    '/health',
  ])('answers the preflight for %s of an allowed page', async (path) => {
    const { status, headers, text } = await rest(server.url, `OPTIONS ${path}`, {
      headers: { Origin: 'https://good.example', ...ask },
    });

    expect([status, text]).toEqual([204, '']);
    expect(headers['access-control-allow-origin']).toBe('https://good.example');
    expect(headers['access-control-allow-methods']).toMatch(/POST.*DELETE/);
    expect(headers['access-control-allow-headers']).toMatch(/Content-Type.*Idempotency-Key/);
    expect(headers['vary']).toMatch(/Origin/i);
    expect(headers['access-control-allow-credentials']).toBeUndefined();
  });

  test.each(['/api/v1/session/create', '/socket.io/?EIO=4&transport=polling'])(
    'refuses the preflight for %s of another page',
    async (path) => {
      const { status, headers } = await rest(server.url, `OPTIONS ${path}`, {
        headers: { Origin: 'https://evil.example', ...ask },
      });

      expect(status).toBe(403);
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    },
  );

  test('lets an allowed page read the headers it needs, in refusals too', async () => {
    const { status, headers } = await rest(server.url, 'GET /api/v1/session/unknown/status', {
      headers: { Origin: 'https://good.example' },
    });

    expect(status).toBe(404);
    expect(headers['access-control-allow-origin']).toBe('https://good.example');
    expect(headers['access-control-expose-headers']).toMatch(/Location.*Retry-After.*X-Cursor/);
  });

  test('a refused page learns nothing and changes nothing', async () => {
    const { status, body } = await rest(server.url, 'POST /api/v1/session/create', {
      body: { session_id: 'planted' },
      headers: { Origin: 'https://evil.example', 'Content-Type': 'text/plain' },
    });

    expect(status).toBe(403);
    expect(body).toMatchObject({ code: 'FORBIDDEN', error: 'Forbidden' });
    expect((await rest(server.url, 'GET /api/v1/session/planted/status')).status).toBe(404);
  });
});

test.each([['websocket'], ['polling']])(
  '[R-1] socket.io-client of an allowed page connects by %s',
  async (transport) => {
    using socket = await connect(server.url, {
      transports: [transport],
      extraHeaders: { Origin: 'https://good.example' },
    });

    expect(await socket.must('session:status', { session_id: 'here' })).toMatchObject({ session_id: 'here' });
  },
);

test.each([['websocket'], ['polling']])(
  '[R-1] socket.io-client of another page is refused by %s',
  async (transport) => {
    const attempt = connect(server.url, {
      transports: [transport],
      extraHeaders: { Origin: 'https://evil.example' },
    });

    await expect(attempt).rejects.toThrow();
  },
);
