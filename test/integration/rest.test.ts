// REST as a client of it sees it: answers by Accept and Prefer, paging, export, retry, long poll, and what goes wrong.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { countStore } from '../support/count-store.ts';
import type { CountedStore } from '../support/count-store.ts';
import { pathOf, rest } from '../support/rest.ts';
import type { Answer, RestOptions } from '../support/rest.ts';
import { fault, HOLD, ScriptedModel } from '../support/scripted-model.ts';
import type { Script } from '../support/scripted-model.ts';
import { openEvents } from '../support/sse.ts';

let app: TestApp;
let counted: CountedStore;
let model: ScriptedModel;

/** The application with a model that plays this script. */
async function start(script: Script): Promise<void> {
  counted = countStore(await openSqlite({ directory: ':memory:' }));
  model = new ScriptedModel(script);
  app = await startApp({ store: counted.store, speakers: { model, fallback: null } });
}

beforeEach(async () => await start({ always: ['Take ', 'your time.'] }));
afterEach(async () => {
  counted.release();
  await app[Symbol.asyncDispose]();
});

/** The application anew, with another script. */
async function again(script: Script): Promise<void> {
  await app[Symbol.asyncDispose]();
  await start(script);
}

const ask = (line: string, options: RestOptions = {}): Promise<Answer> => rest(app.url, line, options);
const say = (words: string, headers: Record<string, string> = {}, more: object = {}): Promise<Answer> =>
  ask(`POST ${pathOf('s', '/input')}`, { body: { user_input: words, ...more }, headers });
const later = { Prefer: 'respond-async' };

/** The id of the turn that an answered input began. */
const turnOf = ({ body }: Answer): string => String(body['turn_id']);

describe('an input', () => {
  test('is answered by the whole response once its turn has ended', async () => {
    const { status, body } = await say('hello');

    expect(status).toBe(200);
    expect(body).toMatchObject({
      session_id: 's',
      n: 1,
      therapist_response: 'Take your time.',
      source: 'ollama',
      model: 'scripted',
    });
  });

  test('without a session in its path is the same', async () => {
    const body = { session_id: 's', user_input: 'hello' };

    expect((await ask('POST /api/v1/input', { body })).body).toMatchObject({ session_id: 's', n: 1 });
  });

  test('is answered at once where the client asks for that, with the place to look at', async () => {
    const { status, headers, body } = await say('hello', later);

    expect(status).toBe(202);
    expect(headers['preference-applied']).toBe('respond-async');
    expect(headers.location).toBe(pathOf('s', `/turns/${String(body['turn_id'])}`));
    expect(Object.keys(body).sort()).toEqual(['cursor', 'n', 'turn_id']);
    expect((await ask(`GET ${headers.location}`)).body).toMatchObject({ user_input: 'hello' });
  });

  test('has no place to look at where the id would not fit into a header', async () => {
    const { status, headers } = await ask(`POST ${pathOf('i'.repeat(3_000), '/input')}`, {
      body: { user_input: 'hello' },
      headers: later,
    });

    expect(status).toBe(202);
    expect(headers.location).toBeUndefined();
  });

  test('is answered by the events of its turn and no others, and the stream ends with it', async () => {
    using stream = await openEvents(app.url, pathOf('s', '/input'), {
      method: 'POST',
      body: { user_input: 'hello' },
    });

    expect(await stream.ended()).toBe('whole');
    const events = stream.events.map(({ event }) => event).filter((event) => !event.startsWith('turn:st'));
    expect(stream.raw).toMatch(/^: /);
    expect(events.at(-1)).toBe('therapist:done');
    expect(stream.of('turn:started')).toHaveLength(1);
    expect(stream.of('therapist:done')).toMatchObject([{ data: { therapist_response: 'Take your time.' } }]);
  });

  test('[P-6] with the key of an earlier one is that one', async () => {
    const first = await say('hello', { 'Idempotency-Key': 'one', ...later });
    const repeat = await say('hello', {}, { input_id: 'one' });
    const other = await say('something else', { 'Idempotency-Key': 'one' });

    expect(repeat.body).toMatchObject({ turn_id: turnOf(first), therapist_response: 'Take your time.' });
    expect(other).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_CONFLICT' } });
  });

  test.each([
    { what: 'a list', body: [] },
    { what: 'a text', body: '"hello"' },
  ])('that is $what is refused', async ({ body }) => {
    expect(await ask(`POST ${pathOf('s', '/input')}`, { body })).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', detail: [{ loc: ['body'], type: 'object_type' }] },
    });
  });

  test('of more than 16,000 characters is refused, and no session is made for it', async () => {
    expect(await say('😊'.repeat(16_001))).toMatchObject({ status: 413 });
    expect((await ask(`GET ${pathOf('s', '/status')}`)).status).toBe(404);
  });
});

describe('an input whose turn does not end well', () => {
  test('is told that it failed, and the words stay in the history', async () => {
    await again({ runs: [['Well, ', fault('interrupted')]], always: [fault('refused')], prefill: 'no' });

    const { status, headers, body } = await say('hello');

    expect(status).toBe(502);
    expect(body).toMatchObject({ code: 'MODEL_INTERRUPTED', error: 'ModelInterrupted' });
    expect(headers['x-request-id']).toBe(body['request_id']);
  });

  test('is told that it was cancelled', async () => {
    await again({ always: ['Well,', HOLD] });
    const answer = say('hello');
    await model.until(({ held }) => held === 1, 'the pause');
    const history = await ask(`GET ${pathOf('s', '/history')}`);
    const [{ turn_id: turnId }] = history.body['turns'] as [{ turn_id: string }];

    const cancel = await ask(`POST ${pathOf('s', `/turns/${turnId}/cancel`)}`);

    expect(cancel.body).toEqual({ turn_id: turnId, state: 'cancelled' });
    expect(await answer).toMatchObject({ status: 409, body: { code: 'TURN_CANCELLED' } });
    expect(model.busy).toBe(0);
  });

  test('is told that its session was deleted, and the model stops', async () => {
    await again({ always: ['Well,', HOLD] });
    const answer = say('hello');
    await model.until(({ held }) => held === 1, 'the pause');

    const { status, body } = await ask(`DELETE ${pathOf('s')}`);

    expect({ status, message: body['message'] }).toEqual({
      status: 200,
      message: "Session 's' was deleted.",
    });
    expect(await answer).toMatchObject({ status: 404, body: { code: 'SESSION_NOT_FOUND' } });
    await model.until(({ busy }) => busy === 0, 'the end of the request');
  });

  test('as events ends with the deletion of its session', async () => {
    await again({ always: ['Well,', HOLD] });
    const open = { method: 'POST', body: { user_input: 'hello' } } as const;
    using stream = await openEvents(app.url, pathOf('s', '/input'), open);
    await stream.until(() => stream.of('therapist:token').length > 0, 'a word');

    await ask(`DELETE ${pathOf('s')}`);

    expect(await stream.ended()).toBe('whole');
    expect(stream.events.at(-1)?.event).toBe('session:deleted');
  });

  test('is told that the server goes down, and the turn keeps its words', async () => {
    await again({ always: ['Well,', HOLD] });
    const answer = say('hello');
    await model.until(({ held }) => held === 1, 'the pause');

    await app.drain(0);

    expect(await answer).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { code: 'DRAINING' },
    });
    const [view] = (await counted.store.turns(await session(), null, 1)) ?? [];
    expect(view).toMatchObject({ text: 'Well,', turn: { state: 'running' } });
  });
});

async function session() {
  const found = await counted.store.session({ tenant: 'default', sessionId: 's' });
  if (!found) throw new Error('no session');
  return found;
}

describe('a retry', () => {
  test('runs the words of a cancelled turn again, as a turn of its own', async () => {
    await again({ runs: [['Well,', HOLD]], always: ['Take your time.'] });
    const first = turnOf(await say('hello', later));
    await model.until(({ held }) => held === 1, 'the pause');
    await ask(`POST ${pathOf('s', `/turns/${first}/cancel`)}`);

    const { status, body } = await ask(`POST ${pathOf('s', `/turns/${first}/retry`)}`);

    expect(status).toBe(200);
    expect(body).toMatchObject({ n: 2 });
    expect(body['turn_id']).not.toBe(first);
    const path = pathOf('s', `/turns/${String(body['turn_id'])}`);
    expect((await ask(`GET ${path}`)).body).toMatchObject({ user_input: 'hello', n: 2 });
  });

  test('of a turn that lives, is done, or is unknown is refused', async () => {
    await again({ runs: [['Take your time.'], ['Well,', HOLD]] });
    const done = turnOf(await say('hello'));
    const retry = async (id: string) => (await ask(`POST ${pathOf('s', `/turns/${id}/retry`)}`)).body['code'];
    const whenDone = await retry(done);
    const live = turnOf(await say('again', later));

    expect(whenDone).toBe('TURN_NOT_FOUND');
    expect(await retry(live)).toBe('TURN_IN_PROGRESS');
    expect(await retry('nothing')).toBe('TURN_NOT_FOUND');
  });
});

describe('what was said', () => {
  test('is read turn by turn, page by page, from the newest on', async () => {
    for (const words of ['one', 'two', 'three']) await say(words);

    const newest = await ask(`GET ${pathOf('s', '/history?limit=2')}`);
    const before = await ask(`GET ${pathOf('s', `/history?before=${String(newest.body['next_before'])}`)}`);

    expect(newest.body).toMatchObject({
      turns: [{ user_input: 'two' }, { user_input: 'three' }],
      next_before: 2,
    });
    expect(before.body).toMatchObject({ turns: [{ user_input: 'one' }], next_before: null });
  });

  test('is one turn where a turn is asked for, with its response', async () => {
    const turnId = turnOf(await say('hello'));

    const { body } = await ask(`GET ${pathOf('s', `/turns/${turnId}`)}`);

    expect(body).toMatchObject({
      turn_id: turnId,
      state: 'done',
      text: 'Take your time.',
      response: { therapist_response: 'Take your time.' },
    });
    expect((await ask(`GET ${pathOf('s', '/turns/other')}`)).body['code']).toBe('TURN_NOT_FOUND');
  });

  test('[P-2] is all in the export: the session, every turn, and the log without a hole', async () => {
    for (let n = 1; n <= 201; n++) {
      await counted.store.note(
        await made(),
        [{ event: 'disclosure', data: { text: `${n}`, prominence: 'once' } }],
        {},
      );
    }
    await say('hello');

    const { body } = await ask(`GET ${pathOf('s', '/export')}`);

    const log = body['log'] as { seq: number }[];
    expect(body).toMatchObject({ session: { session_id: 's' }, turns: [{ user_input: 'hello' }] });
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at + 1));
    expect(log).toMatchObject({ 0: { event: 'disclosure' }, [log.length - 1]: { event: 'therapist:done' } });
  });

  /** The session, made by the first who asks. */
  async function made() {
    const found = await counted.store.session({ tenant: 'default', sessionId: 's' });
    if (found) return found;
    await ask('POST /api/v1/session/create', { body: { session_id: 's' } });
    return await session();
  }
});

test('sessions are listed page by page, with where they are stored', async () => {
  for (const id of ['a', 'b', 'c']) await ask('POST /api/v1/session/create', { body: { session_id: id } });

  const first = await ask('GET /api/v1/sessions?limit=2');
  const rest = await ask(`GET /api/v1/sessions?after=${String(first.body['next'])}`);

  expect(first.body).toMatchObject({
    total_sessions: 3,
    sessions: [{ session_id: 'a' }, { session_id: 'b' }],
  });
  expect(rest.body).toMatchObject({ sessions: [{ session_id: 'c' }], next: null });
});

describe('a long poll', () => {
  const poll = (cursor: string, wait = 0) =>
    ask(`GET ${pathOf('s', `/log?after=${encodeURIComponent(cursor)}&wait=${wait}`)}`);

  async function begun(): Promise<string> {
    const { body } = await ask('POST /api/v1/session/create', { body: { session_id: 's' } });
    return String(body['cursor']);
  }

  test('[P-9] with a cursor that cannot be served is answered by a snapshot at once', async () => {
    await say('hello');

    const { status, headers, body } = await poll('garbage', 30);

    expect(status).toBe(200);
    expect(body).toMatchObject({ mode: 'snapshot', turns: [{ text: 'Take your time.' }], live: null });
    expect(headers['x-cursor']).toBe(body['cursor']);
  });

  test('brings what lies behind the cursor', async () => {
    const cursor = await begun();
    await say('hello');

    const { body } = await poll(cursor);

    expect(body).toMatchObject({ mode: 'tail', entries: { 0: { seq: 1, event: 'turn:started' } } });
  });

  test('waits for what comes', async () => {
    const cursor = await begun();
    const answer = poll(cursor, 30);
    await counted.until(() => counted.watchers > 0, 'the poll to wait');

    await say('hello');

    expect((await answer).body).toMatchObject({ entries: { 0: { event: 'turn:started' } } });
  });

  test('in which nothing came says so, with the cursor to go on from', async () => {
    const cursor = await begun();

    expect(await poll(cursor)).toMatchObject({ status: 204, text: '', headers: { 'x-cursor': cursor } });
  });

  test('is told that its session is gone', async () => {
    const answer = poll(await begun(), 30);
    await counted.until(() => counted.watchers > 0, 'the poll to wait');

    await ask(`DELETE ${pathOf('s')}`);

    expect(await answer).toMatchObject({ status: 404, body: { code: 'SESSION_NOT_FOUND' } });
  });

  test('is answered by a server that goes down', async () => {
    const cursor = await begun();
    const answer = poll(cursor, 30);
    await counted.until(() => counted.watchers > 0, 'the poll to wait');

    await app.drain(0);

    expect(await answer).toMatchObject({ status: 204, headers: { 'x-cursor': cursor } });
  });
});

describe('[R-2] a route', () => {
  test('refuses every method it does not have, and names those it has', async () => {
    const { status, headers, body } = await ask('PUT /api/v1/session/create');

    expect({ status, code: body['code'] }).toEqual({ status: 405, code: 'METHOD_NOT_ALLOWED' });
    expect(headers.allow).toBe('POST, OPTIONS');
  });

  test('answers OPTIONS by its methods', async () => {
    expect(await ask(`OPTIONS ${pathOf('s', '/status')}`)).toMatchObject({
      status: 204,
      headers: { allow: 'GET, HEAD, OPTIONS' },
    });
  });

  test('names the place of every fault', async () => {
    await ask('POST /api/v1/session/create', { body: { session_id: 's' } });

    const { body } = await ask(`GET ${pathOf('s', '/history?limit=0&before=x')}`);

    const detail = body['detail'] as { loc: unknown[] }[];
    expect(detail.map(({ loc }) => loc)).toEqual([
      ['query', 'before'],
      ['query', 'limit'],
    ]);
  });

  test('takes an id with dots alone, encoded, as an id', async () => {
    const { headers } = await ask(`POST ${pathOf('..', '/input')}`, {
      body: { user_input: 'hi' },
      headers: later,
    });

    expect(headers.location).toMatch(/^\/api\/v1\/session\/%2E%2E\/turns\//);
  });

  test('under /api is never kept by a cache', async () => {
    expect((await ask('GET /api/v1/sessions')).headers['cache-control']).toBe('no-store');
  });
});
