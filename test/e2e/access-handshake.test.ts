// Tokens at the doors of the real server: where they may stand, and what is answered to everything that is none.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enter } from '../support/doors.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { exchange } from '../support/raw-socket.ts';
import { rest } from '../support/rest.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { bearer, openJwtDesk, openKeyDesk } from '../support/tokens.ts';
import type { TokenDesk } from '../support/tokens.ts';

const modes: [mode: string, openDesk: () => Promise<TokenDesk>][] = [
  ['jwt', openJwtDesk],
  ['key', openKeyDesk],
];
const generic = { code: 'UNAUTHENTICATED', message: 'No valid credentials' };
const LIST = 'GET /api/v1/sessions';

const nested = (depth: number): unknown => (depth === 0 ? 'x' : { token: nested(depth - 1) });
const handshakes: [what: string, auth: Record<string, unknown>][] = [
  ['nothing', {}],
  ['null', { token: null }],
  ['an empty token', { token: '' }],
  ['a number', { token: 5 }],
  ['true', { token: true }],
  ['a list', { token: ['x'] }],
  ['an object', { token: { token: 'x' } }],
  ['a deep object', { token: nested(500) }],
  ['10 KB', { token: 'x'.repeat(10_240) }],
  ['500 KB', { token: 'x'.repeat(512_000) }],
  ['binary', { token: Buffer.from('x') }],
  ['a token under another name', { Token: 'x', authorization: 'Bearer x', __proto__x: 'x' }],
  ['a lone surrogate', { token: '\uD800' }],
];

/** What stands in `Authorization`; undefined: there is none. */
const headers: [row: string, value: string | undefined][] = [
  ['B193 nothing', undefined],
  ['B193 an empty one', ''],
  ['B193 Bearer alone', 'Bearer'],
  ['B193 Bearer and a space', 'Bearer '],
  ['B193 Bearer and two spaces', 'Bearer  '],
  ['B193 8 KB', `Bearer ${'x'.repeat(8_000)}`],
  ['B193 what is not ASCII', 'Bearer t\u00F6ken'],
  ['B193 Basic', 'Basic YWRhOmFkYQ=='],
  ['two tokens', 'Bearer x y'],
  ['a comma', 'Bearer x, Bearer y'],
  ['a tab', 'Bearer\tx'],
  ['a quoted token', 'Bearer "x"'],
  ['no space', 'Bearerx'],
  ['Negotiate', 'Negotiate'],
];

describe.each(modes)('with AUTH_MODE=%s', (_, openDesk) => {
  let stack: AsyncDisposableStack;
  let server: GuideServer;
  let token: string;
  beforeAll(async () => {
    stack = new AsyncDisposableStack();
    const desk = stack.use(await openDesk());
    token = await desk.token({ tenant: 'acme', name: 'ada' });
    server = stack.use(await startGuide({ ...desk.env, LOG_LEVEL: 'debug' }));
  });
  afterAll(async () => await stack?.disposeAsync());

  type Options = Parameters<typeof enter>[1];
  const goIn = async (options: Options): Promise<SocketClient> => await enter(server.url, options);
  const ask = (headers: Record<string, string>, line = LIST) => rest(server.url, line, { headers });

  test.concurrent.for(handshakes)(
    '%s in the handshake is answered as any other',
    async ([, auth], { expect }) => {
      await expect(goIn({ auth })).rejects.toMatchObject({
        message: generic.message,
        data: { ...generic, status: 401, retryable: false },
      });
    },
  );

  test.concurrent('all of them get the same', async ({ expect }) => {
    const failures = await Promise.all(
      handshakes.map(([, auth]) =>
        goIn({ auth }).then(
          () => 'in',
          (error: unknown) => JSON.stringify(error),
        ),
      ),
    );

    expect(new Set(failures).size).toBe(1);
  });

  test.concurrent.for(headers)('%s in the header is a 401 with one body', async ([, value], { expect }) => {
    const { status, body } = await ask(value === undefined ? {} : { Authorization: value });

    expect(status).toBe(401);
    const { request_id: _id, timestamp: _time, ...rest } = body;
    expect(rest).toEqual({ ...generic, error: 'Unauthenticated' });
  });

  test.concurrent('B193 100 KB are too much for a header', async ({ expect }) => {
    const { status, text } = await ask({ Authorization: `Bearer ${'x'.repeat(100 * 1024)}` });

    expect(status).toBe(431);
    expect(text).not.toContain('xxx');
  });

  test.concurrent(
    'a good token counts in either place, whatever the case and the spaces before it',
    async ({ expect }) => {
      using _auth = await goIn({ auth: { token } });
      using _header = await goIn({ extraHeaders: bearer(token) });
      using _polling = await goIn({ transports: ['polling'], extraHeaders: bearer(token) });
      using _upgraded = await goIn({ transports: ['polling', 'websocket'], auth: { token } });
      using _both = await goIn({ auth: { token }, extraHeaders: bearer('nonsense') });

      for (const value of [`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token} `]) {
        expect((await ask({ Authorization: value })).status).toBe(200);
      }
      await expect(goIn({ auth: { token: 'nonsense' }, extraHeaders: bearer(token) })).rejects.toMatchObject({
        data: generic,
      });
      await expect(goIn({ auth: { token: 5 }, extraHeaders: bearer(token) })).rejects.toMatchObject({
        data: generic,
      });
    },
  );

  test.concurrent('a good token in an address or a cookie lets nobody in', async ({ expect }) => {
    const names = ['token', 'access_token', 'auth', 'authorization', 'api_key', 'ticket'];
    const query = new URLSearchParams(Object.fromEntries(names.map((name) => [name, token]))).toString();
    const cookie = { Cookie: names.map((name) => `${name}=${token}`).join('; ') };
    const path = '/api/v1/session/hers/events';

    const answers = [
      await ask({}, `${LIST}?${query}`),
      await ask(cookie),
      await ask(cookie, `GET ${path}?${query}`),
      await ask(cookie, `DELETE /api/v1/session/hers?${query}`),
      await ask(cookie, `POST /api/v1/input?${query}`),
    ];

    expect(answers.map(({ status }) => status)).toEqual(Array(answers.length).fill(401));
    const queries = Object.fromEntries(new URLSearchParams(query));
    await expect(goIn({ query: queries, extraHeaders: cookie })).rejects.toMatchObject({ data: generic });
    await expect(
      goIn({ query: queries, extraHeaders: cookie, transports: ['polling'] }),
    ).rejects.toMatchObject({ data: generic });
  });

  const engine = '/socket.io/?EIO=4&transport';
  const upgrade =
    'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
  test.concurrent.for([
    ['REST', '/api/v1/sessions', 'Connection: close\r\n'],
    ['polling', `${engine}=polling`, 'Connection: close\r\n'],
    ['WebSocket', `${engine}=websocket`, `Connection: Upgrade\r\n${upgrade}`],
  ] as const)(
    'two headers are one too many for %s, whichever is good',
    async ([, path, head], { expect }) => {
      const request = (...lines: string[]) =>
        exchange(
          server.port,
          `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${head}${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
        );
      const [good, bad] = [`Authorization: Bearer ${token}`, 'authorization: Bearer nonsense'];

      for (const lines of [
        [good, bad],
        [bad, good],
        [good, good],
      ]) {
        expect(await request(...lines)).toMatch(/^HTTP\/1\.1 400 /);
      }
    },
  );

  test.concurrent('what was never given out before is not found unchanged', async ({ expect }) => {
    const conditions = { 'If-None-Match': '*', 'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT' };
    const lines = [LIST, 'GET /health', 'GET /safety', 'GET /api/v1/session/never/log'];

    for (const line of lines) {
      const plain = await ask(bearer(token), line);
      const conditional = await ask({ ...bearer(token), ...conditions }, line);
      expect([line, conditional.status]).toEqual([line, plain.status]);
      expect(Object.keys(conditional.body)).toEqual(Object.keys(plain.body));
      expect(conditional.text).not.toBe('');
    }
  });

  test.concurrent('what needs no token is answered without one, and with a bad one', async ({ expect }) => {
    const open = ['/health', '/livez', '/readyz', '/safety', '/openapi.json', '/asyncapi.json', '/docs', '/'];

    for (const path of open) {
      expect([path, (await ask({}, `GET ${path}`)).status]).toEqual([path, 200]);
      expect([path, (await ask(bearer('nonsense'), `GET ${path}`)).status]).toEqual([path, 200]);
    }
  });

  test.concurrent('a page of another origin gets nowhere with a good token either', async ({ expect }) => {
    const { status } = await ask({ ...bearer(token), Origin: 'https://evil.example' });

    expect(status).toBe(403);
  });

  test('nothing that was handed in is in the log', () => {
    const written = server.process.stdout + server.process.stderr;

    expect(written).toContain('somebody was not let in');
    for (const part of token.split(/[._]/).filter(({ length }) => length > 5)) {
      expect(written).not.toContain(part);
    }
    expect(written).not.toContain('xxx');
    expect(written).not.toContain('YWRh');
  });
});
