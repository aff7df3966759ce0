// Bodies of Socket.IO polling that no client sends.
import { describe, expect, test } from 'vitest';
import { expectHarmless } from '../../support/bystander.ts';
import { guardedServer } from '../../support/guarded-server.ts';
import { startGuide } from '../../support/guide-server.ts';
import { openPolling } from '../../support/polling.ts';
import { openRaw } from '../../support/raw-socket.ts';
import { rest } from '../../support/rest.ts';
import type { Answer } from '../../support/rest.ts';

const server = guardedServer();

/** What the server made of the bytes: an answer, or the end of the connection. */
async function attempt(line: string, options: Parameters<typeof rest>[2]): Promise<Answer | 'closed'> {
  try {
    return await rest(server.url, line, options);
  } catch {
    return 'closed';
  }
}

/** Refused, or taken and ignored; never a fault of ours. */
function expectCalm(answer: Answer | 'closed'): void {
  if (answer === 'closed') return;
  expect([200, 400, 413]).toContain(answer.status);
  expectHarmless(answer.text);
}

describe('a polling POST', () => {
  const bodies: [row: string, body: string | Buffer][] = [
    ['B027 with an empty body', ''],
    ['B027 with only separators', '\x1e\x1e\x1e'],
    ['B027 with rubbish', 'rubbish'],
    ['B027 with NUL bytes', '\0'.repeat(100)],
    ['B027 with bytes that are not UTF-8', Buffer.from([0x34, 0x32, 0xff, 0xfe])],
    ['B035 with 5,000 engine pings', Array.from({ length: 5_000 }, () => '2').join('\x1e')],
    ['B035 with 5,000 unknown events', Array.from({ length: 5_000 }, () => '42["x"]').join('\x1e')],
    [
      'B035 with 5,000 refused inputs',
      Array.from({ length: 5_000 }, () => '42["session:input",{}]').join('\x1e'),
    ],
    ['B035 with more than 1 MiB', `42["${'x'.repeat(1024 * 1024)}"]`],
  ];
  test.each(bodies)('%s is ignored or refused', async (_, body) => {
    const line = `POST ${await openPolling(server.url)}`;

    expectCalm(await attempt(line, { body, headers: { 'Content-Type': 'text/plain;charset=UTF-8' } }));
  });

  test('B029 of binary type is a 400', async () => {
    const line = `POST ${await openPolling(server.url)}`;

    const answer = await rest(server.url, line, {
      body: '42["x"]',
      headers: { 'Content-Type': 'application/octet-stream' },
    });

    expect(answer.status).toBe(400);
    expectHarmless(answer.text);
  });

  test('B033 beside another one on the same sid ends at least one of them, and no event is doubled', async () => {
    const sid = await openPolling(server.url);
    const { hostname, port } = new URL(server.url);
    const head = `POST ${sid} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n`;
    using one = await openRaw(Number(port));
    using two = await openRaw(Number(port));

    one.write(`${head}42[`);
    two.write(`${head}42[`);
    const isRefused = (text: string): boolean => / 4\d\d /.test(text.slice(0, 20));
    await one.until(
      () => one.isClosed || isRefused(one.text) || isRefused(two.text) || two.isClosed,
      'a refusal of either',
    );

    expectHarmless(one.text + two.text);
  });
});

test('B039 a poll that is held open while the server goes down is answered or closed, and the server ends with 0', async () => {
  await using other = await startGuide();
  const sid = await openPolling(other.url);
  using raw = await openRaw(other.port);
  raw.write(`GET ${sid} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  await rest(other.url, 'GET /health');

  const exit = await other.process.stop();
  await raw.closed();

  expect(exit.code).toBe(0);
});
