// Random rubbish at every door: it gets refusals, and the server goes on as if nothing had been.
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { operations } from '../../../src/contract/operations.ts';
import type { Operation } from '../../../src/contract/operation.ts';
import { expectHarmless, standBy } from '../../support/bystander.ts';
import type { Bystander } from '../../support/bystander.ts';
import { startGuide } from '../../support/guide-server.ts';
import type { GuideServer } from '../../support/guide-server.ts';
import { seed } from '../../support/random.ts';
import { frame, openSocketIo, textFrame } from '../../support/raw-websocket.ts';
import { rest } from '../../support/rest.ts';
import { connect } from '../../support/socket-client.ts';
import { deadline } from '../../support/wait.ts';

/** For each of the three doors. */
const budgetMs = process.env['CI'] ? 6_000 : 2_500;
/** The first failure is the one that counts: the smaller ones that follow only show a server that is gone. */
const settings = { seed, numRuns: 100_000, interruptAfterTimeLimit: budgetMs, endOnFailure: true };

let server: GuideServer;
let bystander: Bystander;
let before = '';
beforeAll(async () => {
  server = await startGuide();
  await rest(server.url, 'POST /api/v1/session/the%20others/input', { body: { user_input: 'leave me be' } });
  before = (await rest(server.url, 'GET /api/v1/session/the%20others/export')).text;
  bystander = await standBy(server);
});
afterAll(async () => {
  bystander.close();
  await server[Symbol.asyncDispose]();
});

/** What was there is there, unchanged, and is served. Sessions the rubbish happened to make may be there too. */
async function expectUnharmed(): Promise<void> {
  expect((await rest(server.url, 'GET /api/v1/session/the%20others/export')).text).toBe(before);
  await bystander.settle();
  await bystander.expectUnharmed();
}

const rows = Object.entries(operations as Record<string, Operation>);
const events = rows.filter(([name, row]) => row.socket && name !== 'received').map(([name]) => name);
const routes = rows.flatMap(([, row]) => row.rest);
const fields = (
  'session_id user_input input_id interrupt client_id metadata create_key locale country age_band after ' +
  'before limit turn_id token seq wait __proto__ constructor toString'
).split(' ');

const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    '',
    '\ud800',
    '\0',
    '__proto__',
    'constructor',
    '../..',
    '%',
    'a/b',
    '😀',
    '\u202e',
    '-1',
    '1e400',
    'null',
  ),
  fc.constantFrom('x'.repeat(16_001), '😀'.repeat(9_000), ' '.repeat(5_000)),
);

/** So many lists or objects around a value. */
const nested = fc.tuple(fc.integer({ min: 1, max: 3_000 }), fc.boolean()).map(([depth, isList]) => {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = isList ? [value] : { a: value };
  return value;
});

const wide = fc
  .integer({ min: 200, max: 2_000 })
  .map((width) => Object.fromEntries(Array.from({ length: width }, (_, i) => [`k${i}`, i])));

const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: oddText },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(null, true, false, 0, -1, 1.5, 2 ** 53, 1e308, -0, [], {}, [[]], ['a'], {
      a: 1,
    }),
  },
  { weight: 1, arbitrary: nested },
  { weight: 1, arbitrary: wide },
);

/** Something like a payload: known names, odd values. */
const payload: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.dictionary(fc.oneof(fc.constantFrom(...fields), oddText), oddValue, { maxKeys: 6 }),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(oddText, oddText).map(([id, words]) => ({ session_id: id, user_input: words })),
  },
  { weight: 2, arbitrary: oddValue },
);

test(`random payloads of every event get acks that are no fault of ours (seed ${seed}) (scenario 78)`, async () => {
  using socket = await connect(server.url);
  const binary = fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes));
  const event = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...events) },
    { weight: 1, arbitrary: oddText },
  );
  const mayBeSent = (name: string): boolean =>
    ![
      'connect',
      'connect_error',
      'disconnect',
      'disconnecting',
      'newListener',
      'removeListener',
      'received',
    ].includes(name);
  const property = fc.asyncProperty(
    event.filter(mayBeSent),
    fc.array(fc.oneof({ weight: 9, arbitrary: payload }, { weight: 1, arbitrary: binary }), { maxLength: 2 }),
    async (name, args) => {
      const { ok, error } = await socket.call(name, ...args);

      if (ok) return;
      expect(error?.code).not.toBe('INTERNAL');
      expect(error?.status).toBeGreaterThanOrEqual(400);
      expect(error?.status).toBeLessThan(500);
      expectHarmless(error?.message ?? '');
    },
  );

  await fc.assert(property, settings);

  expect(socket.socket.connected).toBe(true);
  await expectUnharmed();
});

interface Shot {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

/** The head of the answer and, unless it is a stream of events, its text. */
async function fire({ method, path, headers, body }: Shot): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(server.url);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = request({ hostname, port, method, path, headers, agent: false }, resolve);
  outgoing.on('error', reject);
  outgoing.end(body.length > 0 ? body : undefined);
  const response = await deadline(promise, `an answer to ${method} ${path.slice(0, 300)}`);
  const chunks: Buffer[] = [];
  if (response.headers['content-type']?.startsWith('text/event-stream')) response.destroy();
  else for await (const chunk of response) chunks.push(Buffer.from(chunk));
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
}

const segment = fc.oneof(
  {
    weight: 4,
    arbitrary: oddText.filter((text) => text.isWellFormed()).map((text) => encodeURIComponent(text)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('%', '%zz', '%ff', '..', '.', ';', '%00', '*', '(', '[', ':', '$', 'a%2'),
  },
);
const path = fc
  .tuple(fc.constantFrom(...routes), fc.array(segment, { minLength: 2, maxLength: 2 }), fc.boolean())
  .map(([route, segments, slash]) => {
    let next = 0;
    return route.path.replaceAll(/:\w+/g, () => segments[next++] ?? '') + (slash ? '/' : '');
  });
const query = fc
  .array(fc.tuple(fc.constantFrom('limit', 'after', 'before', 'x', '__proto__', 'a[b]'), segment), {
    maxLength: 3,
  })
  .map((pairs) => pairs.map(([key, value]) => `${encodeURIComponent(key)}=${value}`).join('&'));
const headers = fc.dictionary(
  fc.constantFrom(
    'Accept',
    'Prefer',
    'Content-Type',
    'Content-Encoding',
    'Idempotency-Key',
    'Last-Event-ID',
    'Cookie',
    'X-Odd',
    'Authorization',
    'If-None-Match',
  ),
  fc.oneof(
    fc.constantFrom(
      'text/event-stream',
      'application/json',
      'respond-async',
      'gzip',
      'text/plain; charset=utf-16',
      'q=0',
      '*',
      '',
    ),
    fc.string({ maxLength: 30 }).map((text) => text.trim()),
  ),
  { maxKeys: 3 },
);
const body = fc.oneof(
  { weight: 5, arbitrary: payload.map((value) => Buffer.from(JSON.stringify(value) ?? '')) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(0)) },
);

test(`random requests of every route are served or refused, never a fault of ours (seed ${seed}) (scenario 78)`, async () => {
  const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS');
  const shot = fc.record({
    method: fc.oneof({ weight: 3, arbitrary: fc.constant('POST') }, method),
    path: fc.tuple(path, query).map(([path, query]) => (query === '' ? path : `${path}?${query}`)),
    headers,
    body,
  });
  const property = fc.asyncProperty(shot, async (shot) => {
    const { status, text } = await fire(shot);

    expect(status).toBeGreaterThanOrEqual(200);
    expect(status).toBeLessThan(500);
    if (status >= 400) expectHarmless(text);
  });

  await fc.assert(property, settings);

  await expectUnharmed();
});

test(`random frames and packets at most close their own connection (seed ${seed}) (scenario 78)`, async () => {
  const packet = fc
    .tuple(
      fc.constantFrom('4', '42', '421', '40', '43', '451-', '461-', '2', '5', '0', '44', ''),
      fc.oneof(oddText, fc.json({ maxDepth: 3 })),
    )
    .map(([start, rest]) => textFrame(start + rest.slice(0, 2_000)));
  const bits = fc.record({
    opcode: fc.integer({ min: 0, max: 15 }),
    fin: fc.boolean(),
    reserved: fc.constantFrom(0, 0, 0, 0x40, 0x20, 0x10),
    payload: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  });
  const bytes = fc.oneof(
    { weight: 4, arbitrary: packet },
    { weight: 2, arbitrary: bits.map((options) => frame(options)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }).map((raw) => Buffer.from(raw)) },
  );
  const property = fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 5 }), async (all) => {
    using socket = await openSocketIo(server.port);
    socket.write(...all);
    // half a frame may be among it, so that nothing more is ever answered
    socket.raw.end();

    await socket.closed();

    expectHarmless(socket.messages.join(' '));
  });

  await fc.assert(property, settings);

  await expectUnharmed();
});
