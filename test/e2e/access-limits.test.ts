// Too much, at the doors of the real server: refused early with a time to wait, for whoever it counts for and nobody else.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Failure } from '../../src/contract/model.ts';
import { enter } from '../support/doors.ts';
import { startGuide } from '../support/guide-server.ts';
import type { GuideServer } from '../support/guide-server.ts';
import { rest } from '../support/rest.ts';
import type { Answer } from '../support/rest.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';
import { bearer, openJwtDesk, personToken } from '../support/tokens.ts';

const RISK = 'I am going to kill myself tonight';
const limits = {
  input_session: '3/60',
  create_address: '6/60',
  bytes_address: '20000/60',
  failure_address: '4/60',
  connections_address: '3',
  connections_subject: '2',
  turns_subject: '2',
  followers_subject: '3',
  followers_session: '2',
};
const LIMITS = Object.entries(limits)
  .map(([name, amount]) => `${name}=${amount}`)
  .join();
/** Room for everything that a test does not mean to fill. */
const ROOM = 'request_address=300/60,request_subject=250/60,input_subject=9000/60,input_address=9000/60';
const operatorKey = 'operator-'.repeat(4);

let stack: AsyncDisposableStack;
let counting: GuideServer;
let sparing: GuideServer;
beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const { env } = stack.use(await openJwtDesk());
  const on = { RATE_LIMIT: 'on', TRUST_PROXY: 'loopback', LIMITS: `${LIMITS},${ROOM}`, GUIDE_WORD_MS: '200' };
  [counting, sparing] = await Promise.all([
    startGuide({ ...env, ...on, OPERATOR_KEY: operatorKey }).then((server) => stack.use(server)),
    startGuide({ LIMITS: 'input_session=1/60,create_address=1/60,request_address=20/60' }).then((server) =>
      stack.use(server),
    ),
  ]);
});
afterAll(async () => await stack?.disposeAsync());

let lastAddress = 0;
/** Somebody nobody knows yet, at an address of their own. */
class Stranger {
  readonly address: string;
  readonly token: string;

  constructor(name: string, address = `198.51.100.${++lastAddress}`, tenant = 'acme', token?: string) {
    this.address = address;
    this.token = token ?? personToken({ tenant, name });
  }

  get headers(): Record<string, string> {
    return { ...bearer(this.token), 'X-Forwarded-For': this.address };
  }

  ask(line: string, body?: object, more: Record<string, string> = {}): Promise<Answer> {
    const headers = { ...this.headers, ...more };
    return rest(counting.url, line.replace(' /', ' /api/v1/'), { headers, ...(body && { body }) });
  }

  say(session_id: string, user_input: string, more: object = {}): Promise<Answer> {
    return this.ask('POST /input', { session_id, user_input, ...more }, { Prefer: 'respond-async' });
  }

  connect(): Promise<SocketClient> {
    return enter(counting.url, { auth: { token: this.token }, extraHeaders: this.headers });
  }

  events(path: string, url = counting.url) {
    return openEvents(url, `/api/v1${path}`, { headers: this.headers });
  }
}

/** That an answer of REST is the refusal, with the time to wait in the body and in the header. */
function mustBeLimited({ status, body, headers }: Answer): void {
  expect(body).toMatchObject({ code: 'RATE_LIMITED', retry_after_ms: expect.any(Number) });
  expect(status).toBe(429);
  const waitMs = Number(body['retry_after_ms']);
  expect(waitMs).toBeGreaterThan(0);
  expect(Number(headers['retry-after'])).toBe(Math.max(1, Math.ceil(waitMs / 1000)));
}

const limited = { code: 'RATE_LIMITED', retryable: true, retry_after_ms: expect.any(Number) };
const Done = z.looseObject({ turn_id: z.string(), source: z.string() });
const Admitted = z.looseObject({ turn_id: z.string() });

describe('inputs', () => {
  test('[P-12] B149 of 200 at once few are taken, the others told when to come back; one that shows risk is answered', async () => {
    const person = new Stranger('b149');
    using socket = await person.connect();
    const say = (user_input: string) =>
      socket.call('session:input', { session_id: 'flood', user_input, interrupt: true });

    const first = Array.from({ length: 100 }, (_, n) => say(`Number ${n}`));
    const risk = say(RISK);
    const others = Array.from({ length: 100 }, (_, n) => say(`Number ${100 + n}`));
    const answers = await Promise.all([...first, ...others]);
    const { turn_id: turnId } = Admitted.parse(await risk);
    const mine = () => socket.of('therapist:done').map((data) => Done.parse(data));
    await socket.until(() => mine().some((done) => done.turn_id === turnId), 'the reply to the risk');

    const refusals = answers.flatMap(({ error }) => error ?? []).map((error) => Failure.parse(error));
    expect(mine().find((done) => done.turn_id === turnId)).toMatchObject({ source: 'safety' });
    expect(answers.filter(({ ok }) => ok).length).toBeLessThanOrEqual(3);
    expect(refusals.length).toBeGreaterThanOrEqual(197);
    for (const refusal of refusals) expect(refusal).toMatchObject(limited);
    const history = await person.ask('GET /session/flood/history');
    expect(history.text).toContain(RISK);
  });

  test('[P-12] over the limit risk is answered by REST too, stored, and streamed to who follows', async () => {
    const person = new Stranger('rest');
    for (const n of [1, 2, 3]) await person.say('hers', `Number ${n}`, { interrupt: true });
    using events = await person.events('/session/hers/events');

    mustBeLimited(await person.say('hers', 'Number 4', { interrupt: true }));
    const answer = await person.ask('POST /input', { session_id: 'hers', user_input: RISK });

    expect(answer.body).toMatchObject({ source: 'safety', safety: { level: 'plan' } });
    await events.until(() => events.of('safety:resources').length > 0, 'places to get help');
    const done = () => events.of('therapist:done').map(({ data }) => data['turn_id']);
    await events.until(() => done().includes(answer.body['turn_id']), 'the reply');
  });

  test('[P-12] risk that shows only beside the inputs before is found over the limit', async () => {
    const person = new Stranger('window');
    const pieces = ['Hello', 'I want to', 'kill'];
    for (const piece of pieces) await person.say('split', piece, { interrupt: true });

    mustBeLimited(await person.say('split', 'the weeds', { interrupt: true }));
    const answer = await person.ask('POST /input', { session_id: 'split', user_input: 'myself' });

    expect(answer.body).toMatchObject({ source: 'safety', safety: { level: 'active' } });
  });

  test('[P-1] an event with one argument too many gets help with its refusal', async () => {
    using socket = await new Stranger('two arguments').connect();
    const say = (user_input: string) =>
      socket.refused('session:input', { session_id: 'two', user_input }, {});

    expect(await say(RISK)).toMatchObject({ code: 'VALIDATION_FAILED', safety: { level: 'plan' } });
    expect((await say('A word')).safety).toBeUndefined();
  });

  test('what is refused is nowhere, and counts for the session alone', async () => {
    const person = new Stranger('counted');
    for (const n of [1, 2, 3]) await person.say('full', `Number ${n}`, { interrupt: true });

    mustBeLimited(await person.say('full', 'A refused word', { interrupt: true }));

    expect((await person.ask('GET /session/full/export')).text).not.toContain('A refused word');
    expect((await person.say('other', 'A word')).status).toBe(202);
    const namesake = new Stranger('namesake');
    expect((await namesake.say('not-full', 'A word')).status).toBe(202);
  });

  test('their length counts too', async () => {
    const person = new Stranger('long');
    await person.say('long', 'x '.repeat(7_000));

    mustBeLimited(await person.say('longer', 'x '.repeat(7_000)));

    const longRisk = `${'x '.repeat(7_000)} ${RISK}`;
    expect((await person.say('longest', longRisk)).status).toBe(202);
  });
});

describe('what is open at once', () => {
  test('turns of a person; one that shows risk needs no place', async () => {
    const person = new Stranger('turns');
    const { body } = await person.say('one', 'A word');
    await person.say('two', 'A word');

    mustBeLimited(await person.say('three', 'A word'));
    expect((await person.say('four', RISK)).status).toBe(202);
    expect((await new Stranger('other turns').say('one of others', 'A word')).status).toBe(202);
    await person.ask(`POST /session/one/turns/${String(body['turn_id'])}/cancel`);
    await expect.poll(async () => (await person.say('five', 'A word')).status).toBe(202);
  });

  test('connections of a person', async () => {
    const person = new Stranger('connections');
    using first = await person.connect();
    using _second = await person.connect();

    await expect(person.connect()).rejects.toMatchObject({ data: limited });
    first.close();
    await expect.poll(() => person.connect().then((socket) => socket.close(), String)).toBeUndefined();
  });

  /** A connection by polling that no socket is on yet. */
  async function poll({ headers }: Stranger) {
    const path = '/socket.io/?EIO=4&transport=polling';
    const sid =
      /"sid":"([^"]+)"/.exec((await rest(counting.url, `GET ${path}`, { headers })).text)?.[1] ?? '';
    const ask = (method: string, body?: string) =>
      rest(counting.url, `${method} ${path}&sid=${sid}`, { headers, ...(body !== undefined && { body }) });
    return { send: (body: string) => ask('POST', body), read: async () => (await ask('GET')).text };
  }

  test('connections that are gone before anybody knows whose they are', async () => {
    const person = new Stranger('gone');
    for (let n = 0; n < 12; n++) {
      const connection = await poll(person);
      await connection.send(`40${JSON.stringify({ token: person.token })}\u001e1`);
    }

    const both = async () => {
      const outcomes = await Promise.allSettled([person.connect(), person.connect()]);
      for (const outcome of outcomes) if (outcome.status === 'fulfilled') outcome.value.close();
      return outcomes.map(({ status }) => status);
    };
    await expect.poll(both, { timeout: 5_000 }).toEqual(['fulfilled', 'fulfilled']);
  });

  test('sockets of one connection, one after the other, are one', async () => {
    const person = new Stranger('again and again');
    const { send, read } = await poll(person);

    for (let n = 0; n < 6; n++) {
      await send(`40${JSON.stringify({ token: person.token })}`);
      expect(await read()).toMatch(/^40\{"sid"/);
      await send('41');
    }
    using _another = await person.connect();
  });

  test('connections of an address', async () => {
    const people = ['a', 'b', 'c'].map((name) => new Stranger(name, '192.0.2.77'));
    const sockets = await Promise.all(people.map((person) => person.connect()));
    const headers = { 'X-Forwarded-For': '192.0.2.77' };

    const { status, body } = await rest(counting.url, 'GET /socket.io/?EIO=4&transport=polling', { headers });

    expect(status).toBe(429);
    expect(body).toMatchObject({ retry_after_ms: expect.any(Number) });
    using _elsewhere = await new Stranger('d').connect();
    for (const socket of sockets) socket.close();
  });

  test('event streams and long polls of a person', async () => {
    const person = new Stranger('follower');
    for (const session_id of ['one followed', 'two followed']) {
      await person.ask('POST /session/create', { session_id });
    }
    const path = (which: string, rest: string) => `/session/${which}%20followed/${rest}`;
    const { cursor } = (await person.ask(`GET ${path('two', 'log')}`)).body;
    const streams = [];
    for (const which of ['one', 'one', 'two']) streams.push(await person.events(path(which, 'events')));
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);

    mustBeLimited(await person.ask(`GET ${path('two', 'events')}`));
    mustBeLimited(await person.ask(`GET ${path('two', `log?wait=5&after=${String(cursor)}`)}`));

    for (const stream of streams) stream.leave();
    await expect.poll(async () => (await person.ask(`GET ${path('two', 'log')}`)).status).toBe(200);
  });

  test('event streams of a session, and not of another of the same id', async () => {
    const people = ['beta', 'gamma'].map((tenant) => new Stranger('same', undefined, tenant));
    for (const person of people) await person.ask('POST /session/create', { session_id: 'same' });
    const open = () => people.map((person) => person.events('/session/same/events'));

    const streams = await Promise.all([...open(), ...open()]);

    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    for (const person of people) mustBeLimited(await person.ask('GET /session/same/events'));
    for (const stream of streams) stream.leave();
  });

  test('followers of a session, whoever they are', async () => {
    const person = new Stranger('crowd');
    await person.ask('POST /session/create', { session_id: 'crowded' });
    const { body } = await person.ask('POST /session/crowded/capabilities', {});
    const letIn = { headers: { ...person.headers, ...bearer(String(body['token'])) } };
    using own = await person.events('/session/crowded/events');
    using guest = await openEvents(counting.url, '/api/v1/session/crowded/events', letIn);

    const third = await person.ask('GET /session/crowded/events');

    expect([own.status, guest.status]).toEqual([200, 200]);
    mustBeLimited(third);
  });
});

test('who was let in and asks too much does not slow down who let them in', async () => {
  const owner = new Stranger('owner');
  await owner.ask('POST /session/create', { session_id: 'shared' });
  const { body } = await owner.ask('POST /session/shared/capabilities', {});
  const holder = new Stranger('holder', undefined, 'acme', String(body['token']));
  const sockets = [await holder.connect(), await holder.connect()];
  const asks = Array.from({ length: 260 }, () => holder.ask('GET /session/shared/status'));
  const statuses = (await Promise.all(asks)).map(({ status }) => status);
  expect(statuses).toContain(429);

  await expect(holder.connect()).rejects.toMatchObject({ data: limited });
  mustBeLimited(await holder.ask('GET /session/shared/status'));
  expect((await owner.ask('GET /session/shared/status')).status).toBe(200);
  using _own = await owner.connect();
  const line = `DELETE /session/shared/capabilities/${String(body['capability_id'])}`;
  expect((await owner.ask(line)).status).toBe(200);
  for (const socket of sockets) await socket.until(() => !socket.socket.connected, 'the end');
});

describe('an address', () => {
  test('that hands in wrong tokens is slowed down, by every door; others and good tokens are not', async () => {
    const thief = new Stranger('thief');
    const nonsense = { ...thief.headers, ...bearer('nonsense') };
    const ask = (body?: object) =>
      rest(counting.url, body ? 'POST /api/v1/input' : 'GET /api/v1/sessions', {
        headers: nonsense,
        ...(body && { body }),
      });

    const tries = [await ask(), await ask(), await ask(), await ask()];
    expect(tries.map(({ status }) => status)).toEqual([401, 401, 401, 401]);

    mustBeLimited(await ask());
    const atRisk = await ask({ session_id: 'x', user_input: RISK });
    mustBeLimited(atRisk);
    expect(atRisk.body).toMatchObject({ safety: { level: 'plan' } });
    const handshake = enter(counting.url, { auth: { token: 'nonsense' }, extraHeaders: thief.headers });
    await expect(handshake).rejects.toMatchObject({ data: limited });
    expect((await thief.ask('GET /sessions')).status).toBe(200);
    const other = { ...nonsense, 'X-Forwarded-For': '203.0.113.9' };
    expect((await rest(counting.url, 'GET /api/v1/sessions', { headers: other })).status).toBe(401);
  });

  test('[P-12] that asks too much still finds help, and people behind the server are not kept out', async () => {
    const flood = [new Stranger('flood 1'), new Stranger('flood 2', `198.51.100.${lastAddress}`)];
    const ask = (line: string, headers = flood[0]?.headers ?? {}) => rest(counting.url, line, { headers });
    const fill = flood.map((person) =>
      Promise.all(Array.from({ length: 160 }, () => person.ask('GET /sessions'))),
    );
    const answers = (await Promise.all(fill)).flat();
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(300);

    for (const person of flood) mustBeLimited(await person.ask('GET /sessions'));
    const operator = { ...flood[0]?.headers, ...bearer(operatorKey) };
    expect((await ask('GET /api/v1/operator/alerts', operator)).status).toBe(200);
    expect((await ask('GET /safety')).status).toBe(200);
    expect((await ask('GET /health')).status).toBe(200);
  });

  test('that makes too many sessions leaves others alone; 64 bits of IPv6 are one', async () => {
    const make = (address: string, n: number) =>
      new Stranger(`${address} ${n}`, address).ask('POST /session/create', {});

    for (let n = 0; n < 6; n++) expect((await make(`2001:db8:1:2::${n}`, n)).status).toBe(200);

    mustBeLimited(await make('2001:db8:1:2:ffff::1', 6));
    mustBeLimited(await make('2001:db8:1:2::1', 7));
    expect((await make('2001:db8:1:3::1', 8)).status).toBe(200);
  });

  test('is not what a client says behind the proxy that is trusted', async () => {
    const make = (n: number) =>
      new Stranger(`spoof ${n}`, `192.0.2.${n}, 198.51.100.250`).ask('POST /session/create', {});

    for (let n = 0; n < 6; n++) expect((await make(n)).status).toBe(200);

    mustBeLimited(await make(6));
  });
});

describe('RATE_LIMIT=auto', () => {
  const ask = (line: string, body?: object, headers: Record<string, string> = {}) =>
    rest(sparing.url, line, { headers: { Prefer: 'respond-async', ...headers }, ...(body && { body }) });

  test('does not count callers on this machine', async () => {
    const made = await Promise.all(Array.from({ length: 30 }, () => ask('POST /api/v1/session/create', {})));
    const said = [];
    for (const user_input of ['one', 'two', 'three']) {
      said.push(await ask('POST /api/v1/input', { session_id: 'here', user_input, interrupt: true }));
    }

    expect(new Set(made.map(({ status }) => status))).toEqual(new Set([200]));
    expect(said.map(({ status }) => status)).toEqual([202, 202, 202]);
  });

  test('counts what something on this machine hands on, as one address, and says so', async () => {
    const from = (n: number) => ({ 'X-Forwarded-For': `198.51.100.${n}` });
    await ask('POST /api/v1/session/create', {}, from(1));

    const second = await ask('POST /api/v1/session/create', {}, from(2));

    mustBeLimited(second);
    await sparing.process.logged(
      'requests come through a proxy that TRUST_PROXY does not name: whoever uses it is counted as one address',
    );
  });
});
