// A client made from /openapi.json alone: whatever it asks, the answer is one that the document has.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { OpenApiClient } from '../support/openapi-client.ts';
import type { Endpoint } from '../support/openapi-document.ts';
import type { JsonObject } from '../support/openapi-schema.ts';
import { plainShot } from '../support/openapi-shots.ts';
import { seed } from '../support/random.ts';
import { openKeyDesk } from '../support/tokens.ts';

/** Requests by chance; more show more. */
const runs = Number(process.env['RUNS'] ?? 600);
const operator = 'operator-key-for-tests-0123456789abcdef';

let server: GuideServer;
let client: OpenApiClient;
beforeAll(async () => {
  server = await startGuide({ OPERATOR_KEY: operator });
  client = await OpenApiClient.of(server.url, { token: null, operator });
});
afterAll(async () => {
  client[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

const shown = (findings: Map<string, string>): string[] =>
  [...findings].map(([finding, request]) => `${finding} (${request})`);

test('whatever lies at an edge of its document is answered as the document says', async () => {
  const words = { session_id: 'one in need', user_input: 'I want to kill myself' };
  await client.fire({ ...plainShot(client.endpoint('sessionInput2'), client.api), body: words });

  await client.tryEdges();

  expect(client.sent).toBeGreaterThan(1_000);
  expect(shown(client.findings)).toEqual([]);
});

test(`whatever a client asks by chance is answered as the document says (seed ${seed})`, async () => {
  await client.tryAny(runs, seed);

  expect(shown(client.findings)).toEqual([]);
});

/** Documented, and not to be had from these two servers. */
const elsewhere: [RegExp, string][] = [
  [/ 500$/, 'a fault of the server'],
  [/^operator(Alerts|Overview|Announce) 404$/, 'a server without an operator key'],
  [/ 502$/, 'a model that breaks off; there is none'],
  [
    /^(chatCompletion|uiChat) (404|409)$|^uiStop 20[04]$/,
    'a chat that is live, or of others: doors*.test.ts',
  ],
  [/ 503$/, 'a store that is away; theirs is a file. DRAINING is seen where it does not need a live turn'],
];

test('every status of the document is seen, also those of keys, limits, live turns and the way down', async () => {
  await using desk = await openKeyDesk();
  const token = await desk.token({ tenant: 'acme', name: 'ada' });
  const bare = await desk.token({ tenant: 'acme', name: 'bob', rights: ['write'] });
  const secured = client.api.endpoints.filter(({ security = [] }) => security.length > 0);
  await using guarded = await startGuide({
    ...desk.env,
    OPERATOR_KEY: operator,
    GUIDE_WORD_MS: '300',
    RATE_LIMIT: 'on',
    // some ask twice who it is
    LIMITS: `failure_address=${2 * secured.length}/3600`,
  });
  using nobody = await OpenApiClient.of(guarded.url);
  using reader = await OpenApiClient.of(guarded.url, { token: bare, operator: null });
  using owner = await OpenApiClient.of(guarded.url, { token, operator });
  const statuses = async (from: OpenApiClient, endpoints: Endpoint[]) => {
    const all = new Set<number | undefined>();
    for (const endpoint of endpoints) all.add((await from.fire(plainShot(endpoint, from.api)))?.status);
    return [...all];
  };
  const owners = secured.filter(({ security = [] }) => security.some((needed) => 'token' in needed));

  expect(await statuses(nobody, secured)).toEqual([401]);
  await statuses(nobody, secured);
  expect(await statuses(nobody, secured)).toEqual([429]);
  expect(await statuses(reader, owners)).toContain(403);

  await owner.prepare(owner.endpoint('sessionInput'));
  const ask = async (operationId: string, params: JsonObject = {}) => {
    const shot = plainShot(owner.endpoint(operationId), owner.api);
    return (await owner.fire({ ...shot, params }))?.status;
  };
  const later = { Prefer: 'respond-async' };
  expect(await ask('sessionInput', later)).toBe(202);
  expect(await ask('sessionInput', later)).toBe(409);
  expect(await ask('sessionInput2', later)).toBe(202);
  expect(await ask('sessionInput2', later)).toBe(409);
  expect(await ask('turnCancel')).toBe(200);
  expect(await ask('turnRetry')).toBe(200);
  expect(await ask('turnRetry')).toBe(409);

  guarded.process.signal('SIGTERM');
  await guarded.process.logged('draining');
  for (const operationId of ['sessionCreate', 'readyz']) expect(await ask(operationId)).toBe(503);

  const clients = [client, nobody, reader, owner];
  expect(clients.flatMap(({ findings }) => shown(findings))).toEqual([]);
  const seen = new Set(clients.flatMap(({ seen }) => [...seen]));
  const missing = client.api.endpoints
    .flatMap(({ operationId, responses }) =>
      Object.keys(responses).map((status) => `${operationId} ${status}`),
    )
    .filter((name) => !seen.has(name) && !elsewhere.some(([pattern]) => pattern.test(name)));
  expect(missing).toEqual([]);
});
