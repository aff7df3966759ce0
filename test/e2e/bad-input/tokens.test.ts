// Tokens that do not count, and tokens that count where they are used for what is somebody else's.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectHarmless } from '../../support/bystander.ts';
import { startGuide } from '../../support/guide-server.ts';
import type { GuideServer } from '../../support/guide-server.ts';
import { AUDIENCE, ISSUER, newSigner, setOf, tokenOf } from '../../support/jwt.ts';
import { exchange } from '../../support/raw-socket.ts';
import { openWebSocket } from '../../support/raw-websocket.ts';
import { rest } from '../../support/rest.ts';
import { tempDir } from '../../support/server-process.ts';
import { connect } from '../../support/socket-client.ts';
import type { SocketClient } from '../../support/socket-client.ts';

const signer = newSigner('ES256');
const secret = newSigner('HS256');
const nowS = Math.floor(Date.now() / 1000);
const times = { iat: nowS, exp: nowS + 3_600 };
const tokenFor = (sub: string, claims: object = {}): string => tokenOf(signer, { ...times, sub, ...claims });

let server: GuideServer;
const resources = new AsyncDisposableStack();
beforeAll(async () => {
  const dir = resources.use(await tempDir());
  const file = join(dir.path, 'jwks.json');
  await writeFile(file, setOf(signer, secret), { mode: 0o600 });
  const jwt = { AUTH_MODE: 'jwt', JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_KEYS_FILE: file };
  server = resources.use(await startGuide(jwt));
});
afterAll(async () => await resources.disposeAsync());

const [header = '', payload = '', signature = ''] = tokenFor('ada').split('.');
const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
/** The public key, taken for the secret of another algorithm. */
const confused = { ...newSigner('HS256', signer.kid), key: Buffer.from(JSON.stringify(signer.jwk)) };

const tokens: [row: string, token: string][] = [
  ['B083 that has run out', tokenFor('ada', { iat: nowS - 7_200, exp: nowS - 3_600 })],
  ['B083 without a signature', `${encoded({ alg: 'none', typ: 'JWT' })}.${payload}.`],
  ['B083 that says "none" and has one', `${encoded({ alg: 'none' })}.${payload}.${signature}`],
  ['B083 of another algorithm', tokenOf(confused, { ...times, sub: 'ada' })],
  ['B083 of a stranger', tokenOf(newSigner('ES256'), { ...times, sub: 'ada' })],
  ['B083 of an unknown key', tokenOf(newSigner('ES256', 'unknown'), { ...times, sub: 'ada' })],
  ['B083 for somebody else', tokenFor('ada', { aud: 'another' })],
  ['B083 by another issuer', tokenFor('ada', { iss: 'https://evil.example/' })],
  ['B083 of tomorrow', tokenFor('ada', { nbf: nowS + 86_400 })],
  ['B083 for ever', tokenFor('ada', { exp: nowS + 1e9 })],
  ['B083 of nobody', tokenFor('')],
  ['B083 that was changed', `${header}.${encoded({ ...times, sub: 'eve' })}.${signature}`],
  ['B083 that brings its key along', tokenOf(signer, { ...times, sub: 'ada' }, { jwk: signer.jwk })],
  [
    'B083 that says where its key is',
    tokenOf(signer, { ...times, sub: 'ada' }, { jku: 'http://127.0.0.1:1/' }),
  ],
  ['B083 that is a capability of nothing', `spc_${'A'.repeat(86)}`],
  ['B083 that is a key of nobody', `spk_${'A'.repeat(12)}_${'A'.repeat(43)}`],
  ['B083 that is text', 'password'],
  ['B083 that is two dots', '..'],
];

/** A refusal less what differs from one to the next. */
const constant = (text: string): string =>
  text
    .replaceAll(/"(request_id|timestamp)":"[^"]*"/g, '')
    .replaceAll(/(X-Request-Id|Date|ETag): .*\r\n/g, '');

describe('a token', () => {
  test.each(tokens)('%s opens nothing, and is told no more than any other', async (_, token) => {
    using socket = await openWebSocket(server.port);
    socket.send(`40${JSON.stringify({ token })}`);
    const refused = await socket.message('44');
    const answer = await rest(server.url, 'GET /api/v1/sessions', {
      headers: { Authorization: `Bearer ${token}` },
    });

    expect(JSON.parse(refused.slice(2))).toEqual({
      message: 'No valid credentials',
      data: { code: 'UNAUTHENTICATED', status: 401, message: 'No valid credentials', retryable: false },
    });
    expect(answer).toMatchObject({
      status: 401,
      body: { code: 'UNAUTHENTICATED', message: 'No valid credentials' },
    });
    expect(server.process.stdout).not.toContain(token === '..' ? ' ..' : token);
  });

  const headers: [row: string, line: string][] = [
    ['B193 not at all', ''],
    ['B193 that is empty', 'Authorization:\r\n'],
    ['B193 Bearer and nothing', 'Authorization: Bearer\r\n'],
    ['B193 Bearer and spaces', 'Authorization: Bearer   \r\n'],
    ['B193 behind two words', `Authorization: Bearer Bearer ${tokenFor('ada')}\r\n`],
    ['B193 in two pieces', `Authorization: Bearer ${tokenFor('ada').replace('.', '. ')}\r\n`],
    ['B193 by Basic', `Authorization: Basic ${Buffer.from('ada:password').toString('base64')}\r\n`],
    ['B193 by no scheme', `Authorization: ${tokenFor('ada')}\r\n`],
    ['B193 of letters that are not ASCII', 'Authorization: Bearer t\u00f6ken\r\n'],
    ['B193 of 12 KiB', `Authorization: Bearer ${'x'.repeat(12_288)}\r\n`],
    ['B025 in the address', ''],
  ];
  test.each(headers)('%s is a 401 with one body', async (row, line) => {
    const query = row.startsWith('B025') ? `?token=${tokenFor('ada')}&access_token=${tokenFor('ada')}` : '';
    const head = `GET /api/v1/sessions${query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n`;

    const answer = await exchange(server.port, Buffer.from(`${head}${line}\r\n`, 'latin1'));
    const plain = await exchange(server.port, `${head}\r\n`);

    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(constant(answer)).toBe(constant(plain));
    expectHarmless(answer);
  });

  test('B193 of 100 KB is refused before it is looked at', async () => {
    const long = `Authorization: Bearer ${'x'.repeat(100_000)}\r\n`;
    const answer = await exchange(
      server.port,
      `GET /api/v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${long}\r\n`,
    );

    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('B193 that is good, by any spelling of the scheme, is taken', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER ']) {
      const authorization = `${scheme} ${tokenFor('ada')}`;
      const answer = await rest(server.url, 'GET /api/v1/sessions', {
        headers: { Authorization: authorization },
      });
      expect(answer.status).toBe(200);
    }
  });
});

describe('what is somebody else\u2019s is not found:', () => {
  let ada: SocketClient;
  let turnId = '';
  beforeAll(async () => {
    ada = await connect(server.url, { auth: { token: tokenFor('ada') } });
    const ack = await ada.must('session:input', { session_id: 'of ada', user_input: 'a secret of hers' });
    turnId = String(ack['turn_id']);
  });
  afterAll(() => ada.close());

  const others: [who: string, claims: object][] = [
    ['another person', {}],
    ['a person of another tenant', { tenant: 'elsewhere' }],
  ];
  const attempts: [row: string, event: string, payload: object][] = [
    ['B151 a cancel', 'turn:cancel', {}],
    ['B151 a cancel of a turn', 'turn:cancel', { turn_id: 'T' }],
    ['B153 a cursor', 'session:join', { after: 'C' }],
    ['B155 a join', 'session:join', {}],
    ['B155 a status', 'session:status', {}],
    ['B155 a history', 'session:history', {}],
    ['B157 a retry', 'turn:retry', { turn_id: 'T' }],
    ['B157 a delete', 'session:delete', {}],
  ];
  test.each(others.flatMap(([who, claims]) => attempts.map((attempt) => [...attempt, who, claims] as const)))(
    '%s by %s %j by %s is answered as for an unknown id',
    async (_, event, payload, __, claims) => {
      using bob = await connect(server.url, { auth: { token: tokenFor('bob', claims) } });
      const { cursor } = await ada.must('session:status', { session_id: 'of ada' });
      const given = JSON.parse(
        JSON.stringify(payload).replace('"T"', JSON.stringify(turnId)).replace('"C"', JSON.stringify(cursor)),
      );

      const foreign = await bob.refused(event, { session_id: 'of ada', ...given });
      const unknown = await bob.refused(event, { session_id: 'of nobody', ...given });

      expect(foreign).toEqual(unknown);
      expect(foreign).toMatchObject({ code: 'SESSION_NOT_FOUND', status: 404 });
      expect(await ada.must('session:status', { session_id: 'of ada' })).toMatchObject({
        session_id: 'of ada',
      });
    },
  );

  test('B153 a cursor of hers on a session of his gets a snapshot of his', async () => {
    using bob = await connect(server.url, { auth: { token: tokenFor('bob') } });
    const { cursor } = await ada.must('session:status', { session_id: 'of ada' });
    await bob.must('session:create', 'of bob');

    const joined = await bob.must('session:join', { session_id: 'of bob', after: cursor });

    expect(joined).toMatchObject({ mode: 'snapshot', session: { session_id: 'of bob' }, turns: [] });
    expect(JSON.stringify(joined)).not.toContain('secret of hers');
  });
});
