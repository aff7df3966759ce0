// Letting others in: no more than one has, into one session, and nothing beside it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Right } from '../../src/contract/model.ts';
import { ada, closed, openEntrance } from '../support/entrance.ts';
import type { Entrance } from '../support/entrance.ts';

const HOUR = 3_600_000;
const RISK = 'I am going to kill myself tonight';
const List = z.object({ capabilities: z.array(z.looseObject({ capability_id: z.string() })) });
const bob = { tenant: 'acme', name: 'bob' };

describe.each(['jwt', 'key'] as const)('with AUTH_MODE=%s', (mode) => {
  let here: Entrance;
  let owner: string;
  let poor: string;
  let stranger: string;
  beforeAll(async () => {
    here = await openEntrance({ mode });
    owner = await here.token();
    poor = await here.token({ ...ada, rights: ['create', 'read', 'grant'] });
    stranger = await here.token(bob);
  });
  afterAll(async () => await here?.[Symbol.asyncDispose]());

  let last = 0;
  /** A new session of the owner. */
  async function newSession(): Promise<string> {
    const id = `hers-${++last}`;
    await here.must(owner, 'POST /session/create', { session_id: id });
    return id;
  }
  const granted = async (id: string) =>
    List.parse(await here.must(owner, `GET /session/${id}/capabilities`)).capabilities;

  test('nobody hands out more than they have, nor the right to make or to grant', async () => {
    const id = await newSession();
    const grant = (token: string, rights: unknown) =>
      here.ask(token, `POST /session/${id}/capabilities`, { body: { rights } });

    for (const right of ['write', 'export', 'erase']) {
      expect((await grant(poor, ['read', right])).body).toMatchObject({ code: 'FORBIDDEN' });
    }
    expect((await grant(poor, null)).body).toMatchObject({ code: 'FORBIDDEN' });
    for (const rights of [
      ['create'],
      ['grant'],
      [],
      ['READ'],
      'read',
      ['read', 'write', 'export', 'erase', 'read'],
    ]) {
      expect((await grant(owner, rights)).body).toMatchObject({ code: 'VALIDATION_FAILED' });
    }
    expect((await grant(poor, ['read'])).status).toBe(200);
    expect(await granted(id)).toHaveLength(1);
  });

  test('each right opens its operations and no other', async () => {
    const id = await newSession();
    const lines = {
      read: `GET /session/${id}/status`,
      write: `POST /session/${id}/input`,
      export: `GET /session/${id}/export`,
      erase: `DELETE /session/${id}`,
    };

    for (const right of ['read', 'write', 'export', 'erase'] as const) {
      const { token } = await here.capability(owner, id, { rights: [right] });
      for (const [needed, line] of Object.entries(lines)) {
        const body = line.startsWith('POST') ? { user_input: 'A word' } : undefined;
        const { status } = await here.ask(token, line, body && { body });
        const isOpen = right === needed || (right === 'write' && needed === 'read');
        expect([right, needed, status]).toEqual([right, needed, isOpen ? 200 : 403]);
      }
    }
  });

  test('the list tells them apart and holds no token', async () => {
    const id = await newSession();
    const first = await here.capability(owner, id, { label: 'a browser' });
    const second = await here.capability(owner, id, { expires_in: null });

    const list = await here.ask(owner, `GET /session/${id}/capabilities`);

    expect(List.parse(list.body).capabilities).toMatchObject([
      { capability_id: first.id, label: 'a browser', expires_at: expect.any(String) },
      { capability_id: second.id, label: null, expires_at: null },
    ]);
    for (const { token } of [first, second]) expect(list.text).not.toContain(token.slice(-43));
  });

  test('one of another session is not taken back by way of this one', async () => {
    const [id, other] = [await newSession(), await newSession()];
    const capability = await here.capability(owner, other);

    const answer = await here.ask(owner, `DELETE /session/${id}/capabilities/${capability.id}`);

    expect(answer.body).toMatchObject({ code: 'NOT_FOUND' });
    expect((await here.ask(capability.token, `GET /session/${other}/status`)).status).toBe(200);
  });

  test('the same key of another caller makes a session of its own', async () => {
    const make = (token: string, more: object = {}) =>
      here.must(token, 'POST /session/create', { create_key: 'key', ...more });

    const hers = await make(owner);
    const his = await make(stranger);
    const again = await make(owner);
    const taken = await here.ask(stranger, 'POST /session/create', {
      body: { create_key: 'another', session_id: hers['session_id'] },
    });

    expect(again).toMatchObject({ created: false, session_id: hers['session_id'] });
    expect(his).toMatchObject({ created: true });
    expect(his['session_id']).not.toBe(hers['session_id']);
    expect(taken.body).toMatchObject({ code: 'SESSION_CONFLICT' });
  });

  test('what is known of the clients of one is not shown to another of the same tenant', async () => {
    const client_id = 'a client of both';
    await here.must(owner, 'POST /session/create', { session_id: 'at risk', client_id });
    await here.must(owner, 'POST /input', { session_id: 'at risk', user_input: RISK });

    const made = await here.must(stranger, 'POST /session/create', { client_id });

    expect(made).toMatchObject({ safety: { level: 'none', mode: 'normal' } });
  });

  test('who may only make sessions does not hear what is said in them', async () => {
    const maker = await here.socket(await here.token({ ...ada, rights: ['create'] }));
    const reader = await here.socket(await here.token({ ...ada, rights: ['create', 'read'] }));
    const [id, other] = [`made-${++last}`, `made-${++last}`];
    await maker.must('session:create', { session_id: id });
    await reader.must('session:create', { session_id: other });

    for (const session_id of [id, other]) {
      await here.must(owner, 'POST /input', { session_id, user_input: 'A word' });
    }

    await reader.until(() => reader.of('therapist:done').length > 0, 'the reply in the other session');
    await maker.must('session:create', { session_id: `made-${++last}` });
    expect(maker.received).toEqual([]);
    expect(await maker.refused('session:join', { session_id: id })).toMatchObject({ code: 'FORBIDDEN' });
  });

  test('who may write sees the answer, also where the right to read was not named', async () => {
    const id = await newSession();
    const { token } = await here.capability(owner, id, { rights: ['write'] });
    const writer = await here.socket(token);

    await writer.must('session:input', { session_id: id, user_input: RISK });

    await writer.until(() => writer.of('safety:resources').length > 0, 'the places to get help');
    await writer.until(() => writer.of('therapist:done').length > 0, 'the reply');
    await writer.must('session:history', { session_id: id });
  });

  test('a connection by one goes on with another of the same session only', async () => {
    const [id, other] = [await newSession(), await newSession()];
    const socket = await here.socket((await here.capability(owner, id)).token);
    const next = await here.capability(owner, id, { expires_in: 3_600 });
    const elsewhere = await here.capability(owner, other);

    for (const token of [elsewhere.token, owner, stranger]) {
      expect(await socket.refused('auth:refresh', { token })).toMatchObject({ code: 'FORBIDDEN' });
    }
    const { expires_at: at } = await socket.must('auth:refresh', { token: next.token });

    expect(Date.parse(String(at))).toBeGreaterThan(Date.now());
    await here.must(owner, `DELETE /session/${id}/capabilities/${next.id}`);
    await closed(socket);
  });

  test('at most a hundred that have not ended', async () => {
    const id = await newSession();
    await here.capability(owner, id, { expires_in: 60 });
    await Promise.all(Array.from({ length: 99 }, () => here.capability(owner, id)));
    const grant = () => here.ask(owner, `POST /session/${id}/capabilities`, { body: {} });

    expect((await grant()).body).toMatchObject({ code: 'FORBIDDEN' });
    const [first] = await granted(id);
    await here.must(owner, `DELETE /session/${id}/capabilities/${String(first?.capability_id)}`);
    expect((await grant()).status).toBe(200);
    expect((await grant()).body).toMatchObject({ code: 'FORBIDDEN' });
  });
});

test.each([
  ['a b', 'c', 'a', 'b c'],
  ['a', 'b', 'a","b', ''],
  ['a:b', 'c', 'a', 'b:c'],
])('clients of services whose names run into each other are not one: %j %j, %j %j', async (...names) => {
  const [name, client_id, otherName, otherClient] = names;
  await using here = await openEntrance({ mode: 'key' });
  const service = await here.token({ tenant: 'acme', name });
  const other = await here.token({ tenant: 'acme', name: otherName });
  const make = (token: string, client_id: string) => here.must(token, 'POST /session/create', { client_id });
  const { session_id } = await make(service, client_id);
  await here.must(service, 'POST /input', { session_id, user_input: RISK });

  const elsewhere = await make(other, otherClient);

  expect(elsewhere).toMatchObject({ safety: { level: 'none', mode: 'normal' } });
  expect(await make(service, client_id)).not.toMatchObject({ safety: { mode: 'normal' } });
});

test('one that has ended counts for nothing, makes room, and is in no list', async () => {
  await using here = await openEntrance();
  const owner = here.tokenFor(24 * 3_600);
  await here.must(owner, 'POST /session/create', { session_id: 'hers' });
  const ended = await here.capability(owner, 'hers', { expires_in: 60 });
  const lasting = await here.capability(owner, 'hers', { rights: Right.options.slice(1, 3) });
  here.pass(HOUR);

  const answer = await here.ask(ended.token, 'GET /session/hers/status');

  expect(answer.body).toMatchObject({ code: 'UNAUTHENTICATED', message: 'No valid credentials' });
  const { capabilities } = List.parse(await here.must(owner, 'GET /session/hers/capabilities'));
  expect(capabilities.map(({ capability_id: id }) => id)).toEqual([lasting.id]);
});

const Sessions = z.object({
  total_sessions: z.number(),
  sessions: z.array(z.object({ session_id: z.string() })),
});

test('[S-7] names of tenants, people and sessions that run into each other stay apart', async () => {
  await using here = await openEntrance();
  const rows = [
    ['a', 'b', 'c:d'],
    ['a:b', 'b', 'd'],
    ['a:b', 'c', 'd:'],
    ['a', 'b:c', 'd'],
    ['a\u0000b', 'c', 'c'],
    ['a', 'b\u0000c', 'c'],
    ['A', 'b', 'c:d'],
    ['a ', 'b', 'c:d'],
    ['a%', 'b', 'c:d'],
    ['_', 'b', 'c:d'],
    ['default', 'b', 'c:d'],
    ['__proto__', 'constructor', 'c:d'],
    ['e\u0301', 'b', 'c:d'],
    ['\u00E9', 'b', 'c:d'],
  ] as const;
  const tokens = await Promise.all(rows.map(([tenant, name]) => here.token({ tenant, name })));
  const make = (token: string, session_id: string) =>
    here.ask(token, 'POST /session/create', { body: { session_id } });

  const made = await Promise.all(rows.map(([, , id], n) => make(tokens[n] ?? '', id)));

  expect(made.map(({ status }) => status)).toEqual(rows.map(() => 200));
  for (const [n, [, , id]] of rows.entries()) {
    const list = Sessions.parse(await here.must(tokens[n] ?? '', 'GET /sessions'));
    expect(list).toEqual({ total_sessions: 1, sessions: [{ session_id: id }] });
  }
});
