// docs/custom-session-ids.md says what the server answers: its tables and its warnings (its blocks: docs-blocks.test.ts).
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorTable } from '../../src/contract/errors.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { pathOf, rest } from '../support/rest.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/custom-session-ids.md'), 'utf8');

let server: GuideServer;
beforeAll(async () => void (server = await startGuide()));
afterAll(async () => await server[Symbol.asyncDispose]());

/** The cells of the table rows whose first cell is code. */
const rows = [...page.matchAll(/^\| `.*\|$/gm)].map(([row]) =>
  row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim()),
);
const encoded = rows.flatMap(([id, path]) => {
  const found = /^`(\/api\/v1\/session\/.+)`$/.exec(path ?? '');
  return found ? [[(id ?? '').slice(1, -1), found[1] ?? ''] as const] : [];
});
const errors = rows.flatMap(([codes, status]) =>
  /^\d{3}$/.test(status ?? '')
    ? [...(codes ?? '').matchAll(/`([A-Z_]+)`/g)].map((match) => [match[1] ?? '', Number(status)] as const)
    : [],
);

describe('the tables', () => {
  test.each(encoded)('[S-1] the id %s is found under %s', async (id, path) => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: id } });

    const byFetch = await fetch(`${server.url}${path}`);

    expect(encodeURIComponent(id)).toBe(path.split('/')[4]);
    expect(await byFetch.json()).toMatchObject({ session_id: id });
  });

  test('of odd ids has rows', () => {
    expect(encoded.length).toBeGreaterThan(3);
  });

  test('of errors has the codes and statuses of the contract', () => {
    const table = new Map<string, { status: number }>(Object.entries(errorTable));

    expect(errors.length).toBeGreaterThan(5);
    expect(errors).toEqual(errors.map(([code]) => [code, table.get(code)?.status]));
  });

  test.each([
    ['7', 422, 'VALIDATION_FAILED'],
    [String.raw`"\ud83d"`, 422, 'VALIDATION_FAILED'],
    ['"x', 400, 'MALFORMED_JSON'],
  ])('[S-3] the id %s is %i %s', async (id, status, code) => {
    const body = `{"session_id":${id}}`;

    expect(await rest(server.url, 'POST /api/v1/session/create', { body })).toMatchObject({
      status,
      body: { code },
    });
  });

  test.each([
    ['orders/2024', 404, 'NOT_FOUND'],
    ['100%25 never made', 404, 'SESSION_NOT_FOUND'],
    ['100% me', 400, 'MALFORMED_JSON'],
  ])('[R-2] the id %s as it is in a path is %i %s', async (id, status, code) => {
    const path = `/api/v1/session/${id.replaceAll(' ', '%20')}/status`;

    expect(await rest(server.url, `GET ${path}`)).toMatchObject({ status, body: { code } });
  });
});

describe('the warnings', () => {
  test('fetch takes an encoded .. for a way up', async () => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: '..' } });

    const byFetch = await fetch(`${server.url}/api/v1/session/%2E%2E/status`);
    const byPath = await rest(server.url, `GET ${pathOf('..', '/status')}`);

    expect(await byFetch.json()).toMatchObject({ code: 'NOT_FOUND' });
    expect(byPath.body).toMatchObject({ session_id: '..' });
  });

  test('an input makes a session without client_id', async () => {
    await rest(server.url, 'POST /api/v1/session/mistyped/input', { body: { user_input: 'Hello' } });

    const { body } = await rest(server.url, 'GET /api/v1/session/mistyped/status');

    expect(body).toMatchObject({ client_id: null, metadata: {} });
  });

  test('the list shows every id to whoever reaches the server', async () => {
    await rest(server.url, 'POST /api/v1/session/create', { body: { session_id: 'no secret' } });

    const { text } = await rest(server.url, 'GET /api/v1/sessions');

    expect(text).toContain('"no secret"');
  });

  test('care passes to the session of the same client that is made before the delete, and stays', async () => {
    const create = async (id: string, clientId: string) =>
      await rest(server.url, 'POST /api/v1/session/create', {
        body: { session_id: id, client_id: clientId },
      });
    await create('in danger', 'crm:48');
    await rest(server.url, `POST ${pathOf('in danger', '/input')}`, {
      body: { user_input: 'I am going to kill myself tonight' },
    });

    const before = await create('before', 'crm:48');
    const stranger = await create('stranger', 'crm:49');
    await rest(server.url, `DELETE ${pathOf('in danger')}`);
    const after = await create('after', 'crm:48');
    const kept = await rest(server.url, 'GET /api/v1/session/before/status');

    expect(before.body).toMatchObject({ safety: { mode: 'crisis_hold' } });
    expect(kept.body).toMatchObject({ safety: { mode: 'crisis_hold' } });
    expect(stranger.body).toMatchObject({ safety: { mode: 'normal' } });
    expect(after.body).toMatchObject({ safety: { mode: 'normal' } });
  });
});
