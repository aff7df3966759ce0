// More than anybody needs: it is refused early and typed, others are served meanwhile, and words that show risk are answered.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGuide } from '../../support/guide-server.ts';
import type { GuideServer } from '../../support/guide-server.ts';
import { Client } from '../../support/fold.ts';
import { openPolling } from '../../support/polling.ts';
import { exchange } from '../../support/raw-socket.ts';
import { upgradeHead } from '../../support/raw-websocket.ts';
import { rest } from '../../support/rest.ts';
import { connect } from '../../support/socket-client.ts';

const from = (address: string): Record<string, string> => ({ 'X-Forwarded-For': address });
const polling = '/socket.io/?EIO=4&transport=polling';

describe('behind a proxy that is named', () => {
  let server: GuideServer;
  beforeAll(async () => {
    server = await startGuide({
      RATE_LIMIT: 'on',
      TRUST_PROXY: 'loopback',
      I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: '1',
    });
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  test('B023 of 5,000 handshakes from one address few are made, and others are let in', async () => {
    const count = 500;
    const one = `GET ${polling} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 198.51.100.1\r\n`;
    const bytes = `${one}\r\n`.repeat(count - 1) + `${one}Connection: close\r\n\r\n`;

    const answers = await Promise.all(Array.from({ length: 10 }, () => exchange(server.port, bytes, 30_000)));

    const statuses = answers.flatMap((text) => text.match(/HTTP\/1\.1 \d+/g) ?? []);
    const made = statuses.filter((status) => status.endsWith('200')).length;
    expect(statuses).toHaveLength(10 * count);
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThanOrEqual(200);
    expect(new Set(statuses)).toEqual(new Set(['HTTP/1.1 200', 'HTTP/1.1 429']));
    expect(answers.join('').match(/^Retry-After: [1-9]\d*\r$/gm)).toHaveLength(10 * count - made);
    expect(await exchange(server.port, upgradeHead(from('198.51.100.1')))).toMatch(/^HTTP\/1\.1 429 /);
    using other = await connect(server.url, { extraHeaders: from('198.51.100.2') });
    expect(other.socket.connected).toBe(true);
  });

  test('B035 of 5,000 packets in one polling body the connection does not live', async () => {
    const path = await openPolling(server.url);

    const body = Array.from({ length: 5_000 }, () => '42["session:create"]').join('\x1e');
    await rest(server.url, `POST ${path}`, { body }).catch(() => undefined);

    expect((await rest(server.url, `GET ${path}`)).status).toBe(400);
    const { body: all } = await rest(server.url, 'GET /api/v1/sessions', { headers: from('198.51.100.3') });
    expect(Number(all['total_sessions'])).toBeLessThan(1_000);
  });

  test('[P-12] B149 of 200 messages at once most are refused with a time, and the one that shows risk is answered', async () => {
    using socket = await connect(server.url, { extraHeaders: from('198.51.100.4') });
    const client = socket.feed(new Client('flood'));
    const say = (words: string) => socket.call('session:input', { session_id: 'flood', user_input: words });

    const before = Array.from({ length: 150 }, (_, n) => say(`message ${n}`));
    const risk = say('I want to kill myself');
    const after = Array.from({ length: 49 }, (_, n) => say(`later ${n}`));
    const acks = await Promise.all([...before, ...after]);
    const heard = await risk;
    const turn = await client.ended(String(heard['turn_id']));

    const refusals = acks.flatMap(({ error }) => error ?? []);
    const limited = refusals.filter(({ code }) => code === 'RATE_LIMITED');
    expect(heard.ok).toBe(true);
    expect(turn.state).toBe('done');
    expect(limited.length).toBeGreaterThan(100);
    for (const refusal of limited) expect(refusal).toMatchObject({ status: 429, retryable: true });
    for (const { retry_after_ms: ms } of limited) expect(ms).toBeGreaterThan(0);
    expect(refusals.filter(({ code }) => code !== 'RATE_LIMITED' && code !== 'TURN_IN_PROGRESS')).toEqual([]);
    const { body } = await rest(server.url, `GET /api/v1/session/flood/turns/${turn.turnId}`, {
      headers: from('198.51.100.5'),
    });
    expect(body).toMatchObject({ response: { source: 'safety' } });
  });
});

describe('B187 a header that says where a request comes from', () => {
  let server: GuideServer;
  beforeAll(async () => {
    server = await startGuide({ LIMITS: 'create_address=3/600' });
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  const create = async (headers: Record<string, string>): Promise<number> =>
    (await rest(server.url, 'POST /api/v1/session/create', { headers })).status;

  test('is not believed of a proxy nobody named: all its requests count for one, and that is said once', async () => {
    const statuses = [];
    for (let n = 1; n <= 5; n++) statuses.push(await create(from(`198.51.100.${n}`)));

    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect(await create({ Forwarded: 'for=198.51.100.9' })).toBe(429);
    const said = server.process.log.filter(({ msg }) => String(msg).includes('TRUST_PROXY'));
    expect(said).toHaveLength(1);
    expect(server.process.stdout).not.toContain('198.51.100');
  });

  test('that is not there leaves the callers of this machine uncounted', async () => {
    for (let n = 1; n <= 5; n++) expect(await create({})).toBe(200);
  });

  test('B187 a forwarded host makes neither an origin the same nor a name ours', async () => {
    const headers = { 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example' };
    const origin = await rest(server.url, 'GET /health', {
      headers: { ...headers, Origin: 'http://evil.example' },
    });
    const name = await rest(server.url, 'GET /health', {
      headers: { Host: 'evil.example', 'X-Forwarded-Host': '127.0.0.1' },
    });

    expect([origin.status, name.status]).toEqual([403, 403]);
  });
});
