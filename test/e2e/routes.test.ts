// What the REST routes promise beside their answers: paging, methods, paths and sizes. [R-2] [R-3]
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { exchange } from '../support/raw-socket.ts';
import { pathOf, rest } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';

const turns = 60;

let server: GuideServer;
beforeAll(async () => {
  server = await startGuide();
  for (let n = 1; n <= turns; n++) {
    await rest(server.url, 'POST /api/v1/session/long/input', { body: { user_input: `input ${n}` } });
  }
});
afterAll(async () => await server[Symbol.asyncDispose]());

const get = async (path: string): Promise<Answer> => await rest(server.url, `GET ${path}`);

function entries(body: Record<string, unknown>, field: string): Record<string, unknown>[] {
  const list = body[field];
  return Array.isArray(list) ? list : [];
}

describe('history', () => {
  const pages: [query: string, first: number, last: number, before: number | null][] = [
    ['', 11, 60, 11],
    ['?before=11', 1, 10, null],
    ['?limit=3', 58, 60, 58],
    ['?before=58&limit=3', 55, 57, 55],
    ['?before=1', 0, -1, null],
    ['?before=1000000&limit=1', 60, 60, 60],
    ['?limit=200', 1, 60, null],
  ];
  test.each(pages)(
    '%j gives turns %i to %i, newest last, and where the page before begins',
    async (query, first, last, before) => {
      using socket = await connect(server.url);
      const asked = Object.fromEntries(
        [...new URLSearchParams(query)].map(([key, value]) => [key, Number(value)]),
      );

      const { status, body } = await get(`/api/v1/session/long/history${query}`);
      const overSocket = await socket.must('session:history', { session_id: 'long', ...asked });

      const expected = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      expect(status).toBe(200);
      expect(entries(body, 'turns').map(({ n }) => n)).toEqual(expected);
      expect(body['next_before']).toBe(before);
      expect(overSocket).toEqual({ ok: true, ...body });
    },
  );

  test.each([
    'limit=0',
    'limit=201',
    'limit=-1',
    'limit=ten',
    'limit=1.5',
    'limit=',
    'before=0',
    'before=9007199254740993',
  ])('%s is refused and the place is named', async (query) => {
    const { status, body } = await get(`/api/v1/session/long/history?${query}`);

    expect(status).toBe(422);
    expect(body).toMatchObject({
      code: 'VALIDATION_FAILED',
      detail: [{ loc: ['query', query.split('=')[0]] }],
    });
  });
});

describe('one turn', () => {
  test('is as it is in the history', async () => {
    const { body } = await get('/api/v1/session/long/history?limit=1');
    const [turn] = entries(body, 'turns');

    const { status, body: alone } = await get(`/api/v1/session/long/turns/${String(turn?.['turn_id'])}`);

    expect(status).toBe(200);
    expect(alone).toEqual(turn);
    expect(alone).toMatchObject({ n: 60, state: 'done', user_input: 'input 60', response: { n: 60 } });
  });

  test.each([
    ['/api/v1/session/long/turns/unknown', 'TURN_NOT_FOUND'],
    ['/api/v1/session/unknown/turns/unknown', 'SESSION_NOT_FOUND'],
  ])('%s is %s', async (path, code) => {
    expect(await get(path)).toMatchObject({ status: 404, body: { code } });
  });

  test('of another session is not found', async () => {
    const { body } = await rest(server.url, 'POST /api/v1/session/other/input', {
      body: { user_input: 'private' },
    });

    const answer = await get(`/api/v1/session/long/turns/${String(body['turn_id'])}`);

    expect(answer).toMatchObject({ status: 404, body: { code: 'TURN_NOT_FOUND' } });
    expect(answer.text).not.toContain('private');
  });
});

describe('export', () => {
  test('[P-2] holds the session, every turn and a log without holes', async () => {
    const { status, body } = await get('/api/v1/session/long/export');

    const log = entries(body, 'log');
    expect(status).toBe(200);
    expect(body['session']).toMatchObject({ session_id: 'long', turn_count: turns });
    expect(entries(body, 'turns').map(({ n }) => n)).toEqual(Array.from({ length: turns }, (_, i) => i + 1));
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, i) => i + 1));
    expect(log.filter(({ event }) => event === 'therapist:done')).toHaveLength(turns);
  });

  test('of an unknown session is a 404', async () => {
    expect(await get('/api/v1/session/unknown/export')).toMatchObject({ status: 404 });
  });
});

describe('the list of sessions', () => {
  test('pages through every session once', async () => {
    for (let i = 0; i < 7; i++)
      await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: `listed/${i}?` } });
    const whole = entries((await get('/api/v1/sessions')).body, 'sessions').map(({ session_id: id }) => id);

    const seen: unknown[] = [];
    for (let next: string | null = ''; next !== null;) {
      const { body }: Answer = await get(
        `/api/v1/sessions?limit=2${next === '' ? '' : `&after=${encodeURIComponent(next)}`}`,
      );
      expect(entries(body, 'sessions').length).toBeLessThanOrEqual(2);
      seen.push(...entries(body, 'sessions').map(({ session_id: id }) => id));
      next = typeof body['next'] === 'string' ? body['next'] : null;
    }

    expect(seen).toEqual(whole);
    expect(new Set(seen).size).toBe(seen.length);
    expect(whole).toContain('listed/6?');
  });

  test.each(['limit=0', 'limit=1001', 'limit=ten', 'limit=1&limit=2'])('%s is refused', async (query) => {
    expect(await get(`/api/v1/sessions?${query}`)).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['query', 'limit'] }] },
    });
  });
});

describe('long poll', () => {
  test.each(['wait=31', 'wait=-1', 'wait=1e12', 'wait=soon'])('%s is refused', async (query) => {
    expect(await get(`/api/v1/session/long/log?${query}`)).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['query', 'wait'] }] },
    });
  });
});

describe('methods', () => {
  const resources: [path: string, allow: string][] = [
    ['/api/v1/session/create', 'POST, OPTIONS'],
    ['/api/v1/session/long/input', 'POST, OPTIONS'],
    ['/api/v1/input', 'POST, OPTIONS'],
    ['/api/v1/session/long/status', 'GET, HEAD, OPTIONS'],
    ['/api/v1/session/long/history', 'GET, HEAD, OPTIONS'],
    ['/api/v1/session/long/log', 'GET, HEAD, OPTIONS'],
    ['/api/v1/session/long/events', 'GET, HEAD, OPTIONS'],
    ['/api/v1/session/long/turns/x', 'GET, HEAD, OPTIONS'],
    ['/api/v1/session/long/turns/x/cancel', 'POST, OPTIONS'],
    ['/api/v1/session/long/turns/x/retry', 'POST, OPTIONS'],
    ['/api/v1/session/long', 'DELETE, OPTIONS'],
    ['/api/v1/session/long/export', 'GET, HEAD, OPTIONS'],
    ['/api/v1/sessions', 'GET, HEAD, OPTIONS'],
    ['/health', 'GET, HEAD, OPTIONS'],
    ['/livez', 'GET, HEAD, OPTIONS'],
    ['/readyz', 'GET, HEAD, OPTIONS'],
    ['/openapi.json', 'GET, HEAD, OPTIONS'],
  ];

  test.each(resources)('[R-2] OPTIONS %s answers 204 and Allow: %s', async (path, allow) => {
    const { status, headers } = await rest(server.url, `OPTIONS ${path}`);

    expect(status).toBe(204);
    expect(headers.allow).toBe(allow);
  });

  test.each(resources)('other methods on %s are a 405 that allows %s', async (path, allow) => {
    // DELETE of /session/create is that of the session named "create"
    const others = ['PUT', 'PATCH', 'GET', 'POST', 'DELETE'].filter((method) => !allow.includes(method));
    for (const method of path.endsWith('/create') ? others.filter((name) => name !== 'DELETE') : others) {
      const { status, headers, body } = await rest(server.url, `${method} ${path}`);

      expect([method, status, headers.allow]).toEqual([method, 405, allow]);
      expect(body).toMatchObject({ code: 'METHOD_NOT_ALLOWED', error: 'MethodNotAllowed' });
    }
  });

  test.each([
    '/api/v1/sessions',
    '/api/v1/session/long/status',
    '/api/v1/session/long/export',
    '/openapi.json',
  ])('[R-2] HEAD %s has the head of GET and no body', async (path) => {
    const whole = await get(path);

    const head = await rest(server.url, `HEAD ${path}`);

    expect(head.status).toBe(200);
    expect(head.text).toBe('');
    expect(head.headers['content-type']).toBe(whole.headers['content-type']);
    expect(Math.abs(Number(head.headers['content-length']) - Buffer.byteLength(whole.text))).toBeLessThan(10);
  });

  test('[R-2] HEAD of an event stream ends at once', async () => {
    const head = await rest(server.url, 'HEAD /api/v1/session/long/events', {
      headers: { Accept: 'text/event-stream' },
    });

    expect(head.status).toBe(200);
    expect(head.headers['content-type']).toMatch(/^text\/event-stream/);
  });

  test('HEAD of an unknown session is a 404', async () => {
    expect((await rest(server.url, 'HEAD /api/v1/session/unknown/status')).status).toBe(404);
  });
});

describe('paths', () => {
  test.each([
    '/api/v1/sessions/',
    '/api/v1/session/long/status/',
    '/health/',
    '/livez/',
    '/api/v1/session/long/history/?limit=1',
  ])('[R-2] the trailing slash of %s is tolerated', async (path) => {
    expect((await get(path)).status).toBe(200);
  });

  test('[R-2] a trailing slash on a POST is tolerated', async () => {
    const { status, body } = await rest(server.url, 'POST /api/v1/session/create/', {
      body: { session_id: 'slash' },
    });

    expect(status).toBe(200);
    expect(body).toMatchObject({ session_id: 'slash' });
  });

  test.each([
    '/api/v1/session/%/status',
    '/api/v1/session/a%2/status',
    '/api/v1/session/%zz/status',
    '/api/v1/session/%FF/status',
  ])('[R-2] the malformed percent of %s is a 400', async (path) => {
    expect(await get(path)).toMatchObject({ status: 400, body: { code: 'MALFORMED_JSON' } });
  });

  test('[R-2] a segment is decoded once: %2525 is the id %25', async () => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: 'a%25b' } });

    expect(await get('/api/v1/session/a%2525b/status')).toMatchObject({
      status: 200,
      body: { session_id: 'a%25b' },
    });
    expect((await get('/api/v1/session/a%25b/status')).status).toBe(404);
  });

  test('[R-2] dots that were not encoded are an id too, never a way to another path', async () => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: '..' } });

    expect(await get('/api/v1/session/../status')).toMatchObject({ status: 200, body: { session_id: '..' } });
    expect((await get('/api/v1/session/%2e%2e/status')).body).toMatchObject({ session_id: '..' });
    expect((await get('/api/v1/session/long/../../sessions')).status).toBe(404);
  });

  test('a plus in a path is a plus', async () => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: 'a+b' } });

    expect(await get('/api/v1/session/a+b/status')).toMatchObject({
      status: 200,
      body: { session_id: 'a+b' },
    });
  });

  test.each([
    '/api/v1/session//status',
    '/api/v2/sessions',
    '/api/v1',
    '/API/V1/sessions',
    '/.env',
    '/../package.json',
    '/%2e%2e/package.json',
    '/src/main.ts',
  ])('%s is not there, and says so in JSON', async (path) => {
    expect(await get(path)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
});

describe('[R-3] sizes', () => {
  test('an id of which the path takes 120,000 bytes is served', async () => {
    const id = '😀'.repeat(10_000);

    const { status, body } = await rest(server.url, `POST ${pathOf(id, '/input')}`, {
      body: { user_input: 'hello' },
    });

    expect(status).toBe(200);
    expect(body['session_id']).toBe(id);
  });

  test('headers of 15 KiB are served', async () => {
    expect(
      (await rest(server.url, 'GET /health', { headers: { 'X-Long': 'x'.repeat(15 * 1024) } })).status,
    ).toBe(200);
  });

  test.each(['/health', '/api/v1/sessions', '/socket.io/?EIO=4&transport=polling', '/'])(
    'headers of more than 16 KiB are a 431 at %s',
    async (path) => {
      const { status } = await rest(server.url, `GET ${path}`, {
        headers: { 'X-Long': 'x'.repeat(17 * 1024) },
      });

      expect(status).toBe(431);
    },
  );

  test('many short headers of more than 16 KiB in all are a 431', async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`X-Header-${i}`, 'x'.repeat(30)]),
    );

    expect((await rest(server.url, 'GET /health', { headers })).status).toBe(431);
  });

  test('a request line of more than 128 KiB is a 431, and the connection closes', async () => {
    const line = `GET /api/v1/session/${'x'.repeat(145 * 1024)}/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;

    expect(await exchange(server.port, line)).toMatch(/^HTTP\/1\.1 431 /);
  });
});

test('SSE of an unknown session is a 404 in JSON', async () => {
  using events = await openEvents(server.url, '/api/v1/session/unknown/events');

  expect(events.status).toBe(404);
  expect(events.headers['content-type']).toMatch(/^application\/json/);
});

describe('what no operation serves', () => {
  test.each(['/', '/index.html'])('[R-2] %s is read only, and says so', async (path) => {
    const post = await rest(server.url, `POST ${path}`);
    const options = await rest(server.url, `OPTIONS ${path}`);

    expect([post.status, post.body['code']]).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(post.headers['allow']).toBe('GET, HEAD, OPTIONS');
    expect([options.status, options.headers['allow']]).toEqual([204, 'GET, HEAD, OPTIONS']);
  });

  test.each(['/%', '/nowhere/%', '/nowhere/%ZZ/x'])(
    '[R-2] %s cannot be decoded, and is a 400',
    async (path) => {
      const { status, body } = await get(path);

      expect([status, body['code']]).toEqual([400, 'MALFORMED_JSON']);
    },
  );

  test('OPTIONS of the server itself is answered', async () => {
    const answer = await exchange(
      server.port,
      'OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n',
    );

    expect(answer).toMatch(/^HTTP\/1\.1 204 /);
  });

  test('an offer to upgrade to HTTP/2, as some clients make with every request, is passed over', async () => {
    const head =
      'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n';

    const answer = await exchange(server.port, `${head}Connection: close, Upgrade, HTTP2-Settings\r\n\r\n`);

    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toContain('"healthy"');
  });
});
