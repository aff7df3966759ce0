// HTTP requests that no client sends: routes and headers.
import { describe, expect, test } from 'vitest';
import { expectHarmless } from '../../support/bystander.ts';
import { guardedServer } from '../../support/guarded-server.ts';
import { exchange, openRaw } from '../../support/raw-socket.ts';
import { rest } from '../../support/rest.ts';

const server = guardedServer({
  prepare: ({ url }) => rest(url, 'POST /api/v1/session/create', { body: { session_id: 'here' } }),
});

describe('a route', () => {
  const rows: [row: string, line: string, status: number, code: string][] = [
    ['B161 by another method', 'DELETE /api/v1/sessions', 405, 'METHOD_NOT_ALLOWED'],
    ['B163 by TRACE', 'TRACE /api/v1/sessions', 405, 'METHOD_NOT_ALLOWED'],
    ['B163 by TRACE, of a session', 'TRACE /api/v1/session/here', 405, 'METHOD_NOT_ALLOWED'],
    ['B163 by PROPFIND', 'PROPFIND /api/v1/session/here/status', 405, 'METHOD_NOT_ALLOWED'],
    ['B165 with a malformed percent', 'GET /api/v1/session/%/status', 400, 'MALFORMED_JSON'],
    [
      'B165 with a malformed percent at its end',
      'GET /api/v1/session/a/turns/%E0%A4%A',
      400,
      'MALFORMED_JSON',
    ],
    ['B165 with an overlong slash', 'GET /api/v1/session/%c0%af/status', 400, 'MALFORMED_JSON'],
    ['B167 with a key twice', 'GET /api/v1/sessions?limit=1&limit=2', 422, 'VALIDATION_FAILED'],
    ['B167 with after twice', 'GET /api/v1/session/here/log?after=a&after=b', 422, 'VALIDATION_FAILED'],
    ['B169 with limit -1', 'GET /api/v1/sessions?limit=-1', 422, 'VALIDATION_FAILED'],
    ['B169 with limit 0', 'GET /api/v1/sessions?limit=0', 422, 'VALIDATION_FAILED'],
    ['B169 with limit 1e9', 'GET /api/v1/sessions?limit=1e9', 422, 'VALIDATION_FAILED'],
    ['B169 with limit ten', 'GET /api/v1/sessions?limit=ten', 422, 'VALIDATION_FAILED'],
    [
      'B169 with a limit of 400 digits',
      `GET /api/v1/sessions?limit=${'9'.repeat(400)}`,
      422,
      'VALIDATION_FAILED',
    ],
    [
      'B169 with before 9007199254740993',
      'GET /api/v1/session/here/history?before=9007199254740993',
      422,
      'VALIDATION_FAILED',
    ],
    ['B177 for administrators', 'GET /admin', 404, 'NOT_FOUND'],
    ['B177 for administrators, below the API', 'GET /api/v1/admin/sessions', 404, 'NOT_FOUND'],
    ['B177 of a debugger', 'GET /debug/vars', 404, 'NOT_FOUND'],
  ];
  test.each(rows)('%s is refused', async (_, line, status, code) => {
    const answer = await rest(server.url, line);

    expect(answer).toMatchObject({ status, body: { code } });
    expectHarmless(answer.text);
  });

  test.each([
    '/api/v1/sessions?a[b][c]=1&__proto__[x]=1&constructor[prototype][x]=1',
    `/api/v1/sessions?${Array.from({ length: 5_000 }, (_, i) => `k${i}=1`).join('&')}`,
    '/api/v1/sessions?&&&===&%00=%00&%zz',
    '/api/v1/sessions?session_id=x&metadata=y',
  ])('B167 with odd keys in its query is served, and they are nothing to it (%#)', async (path) => {
    const plain = await rest(server.url, 'GET /api/v1/sessions');

    const { status, body } = await rest(server.url, `GET ${path}`);

    expect(status).toBe(200);
    expect(body['sessions']).toEqual(plain.body['sessions']);
  });

  test('B167 keys of a query do not reach the body of a POST', async () => {
    const { status } = await rest(server.url, 'POST /api/v1/session/here/input?user_input=from+the+query', {
      body: {},
    });

    expect(status).toBe(422);
  });

  test('B171 that can only be XML is JSON all the same', async () => {
    const { status, headers } = await rest(server.url, 'GET /api/v1/sessions', {
      headers: { Accept: 'application/xml' },
    });

    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test('B171 an input that can only be XML is answered in JSON', async () => {
    const { status, headers } = await rest(server.url, 'POST /api/v1/session/here/input', {
      body: { user_input: 'hello' },
      headers: { Accept: 'application/xml' },
    });

    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test('B173 that deletes a session is a 404 the second time', async () => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: 'twice' } });

    const first = await rest(server.url, 'DELETE /api/v1/session/twice');
    const second = await rest(server.url, 'DELETE /api/v1/session/twice');

    expect([first.status, second.status]).toEqual([200, 404]);
  });

  test('B175 of the health tells no more with ?verbose, and no version or host', async () => {
    const plain = await rest(server.url, 'GET /health');
    const verbose = await rest(server.url, 'GET /health?verbose=1&detail=1');

    expect(Object.keys(verbose.body).sort()).toEqual(Object.keys(plain.body).sort());
    expect(verbose.text).not.toMatch(/127\.0\.0\.1|localhost|\d+\.\d+\.\d+\.\d+|"version"|sqlite|\/tmp/);
    expect(Object.keys(verbose.headers)).not.toContain('x-powered-by');
    expect(Object.keys(verbose.headers)).not.toContain('server');
  });
});

describe('a header', () => {
  const get = (headers: string): string => `GET /health HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`;
  const post = 'POST /api/v1/session/create HTTP/1.1\r\n';
  const rows: [row: string, bytes: string, status: number][] = [
    ['B183 of 17 KiB', get(`Host: 127.0.0.1\r\nX-Long: ${'x'.repeat(17 * 1024)}\r\n`), 431],
    ['B183 of 200 KiB', get(`Host: 127.0.0.1\r\nX-Long: ${'x'.repeat(200 * 1024)}\r\n`), 431],
    ['B185 that is missing: Host', get(''), 400],
    ['B185 that is there twice: Host', get('Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n'), 400],
    [
      'B189 of a length beside a transfer encoding',
      `${post}Host: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'B189 of two different lengths',
      `${post}Host: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} `,
      400,
    ],
    ['B189 of a length that is no number', `${post}Host: 127.0.0.1\r\nContent-Length: 2x\r\n\r\n{}`, 400],
    ['B189 of a negative length', `${post}Host: 127.0.0.1\r\nContent-Length: -1\r\n\r\n`, 400],
    [
      'B189 of an unknown transfer encoding',
      `${post}Host: 127.0.0.1\r\nTransfer-Encoding: rot13\r\n\r\n`,
      400,
    ],
    [
      'B189 of a chunk whose size is no number',
      `${post}Host: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
      400,
    ],
    ['B191 that ends in a bare LF', 'GET /health HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n', 400],
    ['B191 with a space before its colon', get('Host: 127.0.0.1\r\nX-Odd : 1\r\n'), 400],
    ['B191 that is folded', get('Host: 127.0.0.1\r\nX-Odd: 1\r\n 2\r\n'), 400],
    ['B191 with a NUL', get('Host: 127.0.0.1\r\nX-Odd: a\0b\r\n'), 400],
    ['B191 of a line that is no HTTP', 'HELLO\r\n\r\n', 400],
    ['B191 of an HTTP/9.9 request', 'GET /health HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n', 400],
    [
      'B195 that is 8 KiB of cookies',
      get(`Host: 127.0.0.1\r\nCookie: ${'=;,"\\%zz\x7f'.repeat(900).replaceAll('\x7f', '')}\r\n`),
      200,
    ],
    ['B183 of 200 fields', get(`Host: 127.0.0.1\r\n${'X-A: b\r\n'.repeat(200)}`), 431],
    [
      'B193 with rubbish as credentials, which nobody asked for',
      get('Host: 127.0.0.1\r\nAuthorization: Bearer  \u00ff\u0080\r\n'),
      200,
    ],
  ];
  test.each(rows)('%s', async (_, bytes, status) => {
    const answer = await exchange(server.port, Buffer.from(bytes, 'latin1'));

    expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expectHarmless(answer);
  });

  test('B189 a request behind one that was refused is not served', async () => {
    const smuggled =
      'POST /api/v1/session/create HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 24\r\n\r\n{"session_id":"smuggle"}';
    const first = `${post}Host: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;

    const answer = await exchange(server.port, first + smuggled);

    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect((await rest(server.url, 'GET /api/v1/session/smuggle/status')).status).toBe(404);
  });

  test('B197 of no type at all is no obstacle: a body is JSON', async () => {
    const { status } = await rest(server.url, 'POST /api/v1/session/here/input', {
      body: '{"user_input":"hello"}',
      headers: { 'Content-Type': 'text/plain' },
    });

    expect(status).toBe(200);
  });
});

describe('a request in an unusual form', () => {
  test('B165 with a whole address as its target is served or refused, and reaches no other host', async () => {
    const answer = await exchange(
      server.port,
      'GET http://evil.example/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n',
    );

    expect(answer).toMatch(/^HTTP\/1\.1 (200|400|404) /);
    expectHarmless(answer);
  });

  test.each(['*', '//evil.example/health', '/\\evil.example', '/health#a', '/;/health', '/health%00'])(
    'B165 of the target %s is refused calmly',
    async (target) => {
      const answer = await exchange(
        server.port,
        `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
      );

      expect(answer).toMatch(/^HTTP\/1\.1 (200|400|404) /);
      expectHarmless(answer);
    },
  );

  test('B199 that breaks off in its body is forgotten, and its words with it', async () => {
    const head = 'POST /api/v1/session/here/input HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n';
    using raw = await openRaw(server.port);

    raw.write(`${head}{"user_input":"half of`);
    raw.end();
    await raw.closed();

    expect((await rest(server.url, 'GET /api/v1/session/here/export')).text).not.toContain('half of');
  });

  test('B165 by CONNECT is refused', async () => {
    const answer = await exchange(
      server.port,
      'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n',
    );

    expect(answer).not.toMatch(/ 200 /);
  });

  test('B165 many in one packet are all answered, in order', async () => {
    const one = 'GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    const answer = await exchange(
      server.port,
      one.repeat(50) + one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    );

    expect(answer.match(/HTTP\/1\.1 200 /g)).toHaveLength(51);
  });
});
