// Request bodies: JSON whatever the type says, its encodings, and how much is too much.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { exchange } from '../support/raw-socket.ts';
import { rest } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';

let server: GuideServer;
beforeAll(async () => void (server = await startGuide()));
afterAll(async () => await server[Symbol.asyncDispose]());

const create = async (body: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> =>
  await rest(server.url, 'POST /api/v1/session/create', { body, headers });

const speak = async (sessionId: string, userInput: string): Promise<Answer> =>
  await rest(server.url, 'POST /api/v1/input', { body: { session_id: sessionId, user_input: userInput } });

describe('[R-1] a JSON body is read', () => {
  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/json; charset="UTF-8"',
    'application/json;charset=us-ascii',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/html; charset=utf8',
    'application/octet-stream',
    'application/vnd.api+json',
    'image/png',
    'not a type at all',
    '',
  ])('under Content-Type %j', async (type) => {
    const { status, body } = await create(JSON.stringify({ client_id: type }), { 'Content-Type': type });

    expect(status).toBe(200);
    expect(body).toMatchObject({ client_id: type });
  });

  test('without any Content-Type', async () => {
    const head = `POST /api/v1/session/create HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n`;

    expect(await exchange(server.port, `${head}Content-Length: 2\r\n\r\n{}`)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('in chunks', async () => {
    const head =
      'POST /api/v1/session/create HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
    const chunks = '{"client_id":"in chunks"}'.split('').map((byte) => `1\r\n${byte}\r\n`);

    expect(await exchange(server.port, `${head}${chunks.join('')}0\r\n\r\n`)).toMatch(
      /"client_id":"in chunks"/,
    );
  });

  test('behind a byte order mark', async () => {
    expect(await create(`\uFEFF{"client_id":"bom"}`)).toMatchObject({
      status: 200,
      body: { client_id: 'bom' },
    });
  });

  test('with Content-Encoding: identity', async () => {
    expect((await create('{}', { 'Content-Encoding': 'identity' })).status).toBe(200);
  });
});

describe('[R-1] a body is refused with 415', () => {
  test.each([
    'iso-8859-1',
    'latin1',
    'utf-16',
    'utf-16le',
    'utf-7',
    'shift_jis',
    '"windows-1252"',
    'x'.repeat(1000),
  ])('in the charset %s', async (charset) => {
    const { status, body } = await create('{}', { 'Content-Type': `application/json; charset=${charset}` });

    expect(status).toBe(415);
    expect(body).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE', error: 'UnsupportedMediaType' });
    expect(String(body['message']).length).toBeLessThan(200);
  });

  test.each(['gzip', 'deflate', 'br', 'zstd', 'gzip, gzip', 'nonsense'])(
    'with Content-Encoding: %s',
    async (encoding) => {
      const { status, body } = await create(gzipSync('{}'), { 'Content-Encoding': encoding });

      expect(status).toBe(415);
      expect(body).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' });
    },
  );
});

describe('a body is refused with 400', () => {
  const broken: [name: string, body: string | Buffer][] = [
    ['half an object', '{"session_id":'],
    ['two objects', '{}{}'],
    ['a form', 'session_id=abc'],
    ['single quotes', `{'session_id':'a'}`],
    ['a comma at the end', '{"session_id":"a",}'],
    ['NaN', '{"metadata":{"x":NaN}}'],
    ['a comment', '{} // nothing'],
    ['only spaces', '   '],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['an overlong slash', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
    ['a raw newline in a string', '"a\nb"'],
  ];
  test.each(broken)('that is %s', async (_, body) => {
    const answer = await create(body);

    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'MALFORMED_JSON', message: 'The body is not JSON in UTF-8' });
  });
});

describe('the length of an input', () => {
  test.each([
    ['letters', 'x'],
    ['emoji', '😀'],
  ])('16,000 %s are taken whole, over both transports', async (name, character) => {
    using socket = await connect(server.url);
    const userInput = character.repeat(16_000);

    const overRest = await speak(`long ${name}`, userInput);
    const overSocket = await socket.must('session:input', {
      session_id: `long ${name}, socket`,
      user_input: userInput,
    });

    expect(overRest.status).toBe(200);
    expect(overRest.body).toMatchObject({ preprocessing: { original_input: userInput } });
    const turn = await rest(
      server.url,
      `GET /api/v1/session/long%20${name}%2C%20socket/turns/${String(overSocket['turn_id'])}`,
    );
    expect(turn.body['user_input']).toBe(userInput);
  });

  test.each([
    ['letters', 'x'],
    ['emoji', '😀'],
  ])('16,001 %s are refused over both transports, and no session is made', async (_, character) => {
    using socket = await connect(server.url);
    const words = { session_id: 'too long', user_input: character.repeat(16_001) };

    const overRest = await speak(words.session_id, words.user_input);
    const overSocket = await socket.refused('session:input', words);

    const message = 'user_input has more than 16000 characters';
    expect(overRest).toMatchObject({ status: 413, body: { code: 'PAYLOAD_TOO_LARGE', message } });
    expect(overSocket).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', status: 413, retryable: false, message });
    expect((await rest(server.url, 'GET /api/v1/session/too%20long/status')).status).toBe(404);
  });
});

describe('the length of a body', () => {
  const limit = 256 * 1024;
  const sized = (bytes: number): string => `{"client_id":"${'x'.repeat(bytes - 16)}"}`;

  test('256 KiB are taken', async () => {
    const { status } = await create(sized(limit));

    expect(status).toBe(200);
  });

  test('one byte more is a 413', async () => {
    const { status, body } = await create(sized(limit + 1));

    expect(status).toBe(413);
    expect(body).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', error: 'PayloadTooLarge' });
  });

  test('one byte more in chunks is a 413', async () => {
    const { status, body } = await create(sized(limit + 1), { 'Transfer-Encoding': 'chunked' });

    expect(status).toBe(413);
    expect(body).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  });

  test('a Content-Length of 2 GB is a 413 before any of it was sent', async () => {
    const head = `POST /api/v1/input HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 2147483648\r\n\r\n`;

    expect(await exchange(server.port, head)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a message of more than 1 MiB closes the socket, whose client comes back; REST answers 413 (scenario 81)', async () => {
    using socket = await connect(server.url, { reconnection: true, reconnectionDelay: 10 });
    await socket.must('session:create', 'big');
    const text = 'x'.repeat(1024 * 1024 + 1);
    const closed = new Promise((resolve) => socket.socket.once('disconnect', resolve));
    const back = new Promise<void>((resolve) => socket.socket.io.once('reconnect', () => resolve()));

    socket.socket.emit('session:input', { session_id: 'big', user_input: text });
    await closed;
    await back;
    const { status } = await speak('big', text);

    expect(status).toBe(413);
    expect(await socket.must('session:status', { session_id: 'big' })).toMatchObject({ turn_count: 0 });
  });

  test('a message of just under 1 MiB is answered over the socket', async () => {
    using socket = await connect(server.url);

    const failure = await socket.refused('session:input', {
      session_id: 'big',
      user_input: 'x'.repeat(1024 * 1024 - 200),
    });

    expect(failure).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(socket.socket.connected).toBe(true);
  });
});
