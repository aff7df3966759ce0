// Handshakes of engine.io and WebSocket that no client makes. Rows of the catalogue carry their number.
import { describe, expect, test } from 'vitest';
import { expectHarmless } from '../../support/bystander.ts';
import { guardedServer } from '../../support/guarded-server.ts';
import { exchange } from '../../support/raw-socket.ts';
import { upgradeHead } from '../../support/raw-websocket.ts';
import { rest } from '../../support/rest.ts';

const server = guardedServer({ env: { ALLOWED_ORIGINS: 'https://good.example' } });

const ask = async (line: string, headers: Record<string, string> = {}) =>
  await rest(server.url, line, { headers });

describe('a handshake', () => {
  const rows: [row: string, line: string, code: number][] = [
    ['B001 without any query', 'GET /socket.io/', 0],
    ['B003 with EIO=3', 'GET /socket.io/?EIO=3&transport=polling', 5],
    ['B007 with the transport __proto__', 'GET /socket.io/?EIO=4&transport=__proto__', 0],
    ['B007 with the transport constructor', 'GET /socket.io/?EIO=4&transport=constructor', 0],
    ['B009 with two transports', 'GET /socket.io/?EIO=4&transport=polling&transport=websocket', 3],
    ['B011 with an unknown sid', 'GET /socket.io/?EIO=4&transport=polling&sid=AAAA', 1],
    ['B011 with the sid __proto__', 'GET /socket.io/?EIO=4&transport=polling&sid=__proto__', 1],
    ['B013 with two sids', 'GET /socket.io/?EIO=4&transport=polling&sid=AAAA&sid=BBBB', 1],
    ['B015 by POST', 'POST /socket.io/?EIO=4&transport=polling', 2],
    ['B015 by PUT', 'PUT /socket.io/?EIO=4&transport=polling', 2],
    ['B017 by OPTIONS', 'OPTIONS /socket.io/?EIO=4&transport=polling', 2],
  ];
  test.each(rows)('%s is a 400', async (_, line, code) => {
    const { status, headers, body, text } = await ask(line);

    expect(status).toBe(400);
    expect(body).toMatchObject({ code });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expectHarmless(text);
  });

  test('B005 with EIO=4 twice is answered or refused, by rule', async () => {
    const { status, text } = await ask('GET /socket.io/?EIO=4&EIO=4&transport=polling');

    expect([200, 400]).toContain(status);
    expectHarmless(text);
  });

  test('B011 an expired sid is answered as an unknown one', async () => {
    const { text } = await ask('GET /socket.io/?EIO=4&transport=polling');
    const sid = /"sid":"([^"]+)"/.exec(text)?.[1] ?? '';
    await rest(server.url, `POST /socket.io/?EIO=4&transport=polling&sid=${sid}`, { body: '1' });

    const expired = await ask(`GET /socket.io/?EIO=4&transport=polling&sid=${sid}`);
    const unknown = await ask('GET /socket.io/?EIO=4&transport=polling&sid=AAAA');

    expect([expired.status, expired.text]).toEqual([unknown.status, unknown.text]);
  });

  test('B019 with a control byte in its origin is a 400', async () => {
    const head =
      'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://localhost\x01\r\n\r\n';

    expect(await exchange(server.port, head)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('B021 with a listed origin as a mere prefix is a 403', async () => {
    const { status, text } = await ask('GET /socket.io/?EIO=4&transport=polling', {
      Origin: 'https://good.example.evil.example',
    });

    expect(status).toBe(403);
    expectHarmless(text);
  });

  test('B025 with a token in its query puts that into no log line', async () => {
    await ask('GET /socket.io/?EIO=4&transport=polling&token=canary-4711');
    await ask('GET /api/v1/sessions?token=canary-4711');
    await ask('GET /api/v1/nothing?token=canary-4711');

    expect(server.process.stdout + server.process.stderr).not.toContain('canary-4711');
  });
});

describe('an upgrade', () => {
  const rows: [row: string, headers: Record<string, string>, status: RegExp][] = [
    ['B055 with Sec-WebSocket-Version 12', { 'Sec-WebSocket-Version': '12' }, /^(400|426)$/],
    ['B057 with a short key', { 'Sec-WebSocket-Key': 'AAAA' }, /^400$/],
    ['B057 with a long key', { 'Sec-WebSocket-Key': 'A'.repeat(1000) }, /^400$/],
    ['B059 to h2c', { Upgrade: 'h2c', Connection: 'Upgrade, close' }, /^400$/],
    [
      'B061 with 1,200 headers',
      Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`X-${i}`, 'y'])),
      /^(400|431)$/,
    ],
    ['B061 with a header of 20 KiB', { 'X-Long': 'y'.repeat(20_480) }, /^431$/],
  ];
  test.each(rows)('%s is refused', async (_, headers, status) => {
    const answer = await exchange(server.port, upgradeHead(headers));

    expect(answer.slice(9, 12)).toMatch(status);
    expectHarmless(answer);
  });

  test('B201 of a REST route is not made', async () => {
    const head = upgradeHead({ Connection: 'Upgrade, close' }).replace(/^GET \S+/, 'GET /api/v1/sessions');

    const answer = await exchange(server.port, head);

    expect(answer).not.toMatch(/ 101 /);
    expectHarmless(answer);
  });

  test('B201 of a session by POST is not made', async () => {
    const headers = { Connection: 'Upgrade, close', 'Content-Length': '8' };
    const head = upgradeHead(headers).replace(/^GET \S+/, 'POST /api/v1/session/create');

    expect(await exchange(server.port, `${head}not JSON`)).not.toMatch(/ 101 /);
  });
});
