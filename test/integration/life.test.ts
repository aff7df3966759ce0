// The life of the application: what it takes over, who answers meanwhile, what it tells, and how it goes down.
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { AppParts } from '../../src/app.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { admit, newSession, token } from '../conformance/store-bench.ts';
import { silent, startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { countStore } from '../support/count-store.ts';
import { faultyStore, refused } from '../support/faulty-store.ts';
import { Client } from '../support/fold.ts';
import { openPolling } from '../support/polling.ts';
import { pathOf, rest } from '../support/rest.ts';
import { input, responseOf } from '../support/scene.ts';
import { HOLD, ScriptedModel } from '../support/scripted-model.ts';
import { connect } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';
import { createChanges, deadline, until } from '../support/wait.ts';

afterEach(() => void vi.useRealTimers());

const risk = 'I want to kill myself tonight';
const owner = { tenant: 'default', owner: 'anonymous' };

/** The application with this model and, where told, the guide beside it. */
function startWith(
  model: ScriptedModel,
  parts: Partial<AppParts> = {},
  fallback: ScriptedModel | null = null,
) {
  return startApp({ speakers: { model, fallback }, ...parts });
}

/** A turn of the session `s` that said `text` and whose owner is gone. */
async function orphan(store: Store, text: string) {
  const { lease } = await admit(store, 's', 'turn', { session: newSession('s', owner) });
  await store.start(lease, { source: 'ollama', model: 'scripted', phase: 'streaming' });
  await store.append(lease, [token('turn', 0, text)], 1);
  await store.release([lease]);
  return lease;
}

/** What the application writes to its log, and a way to wait for it. */
function listen() {
  const messages: string[] = [];
  const changes = createChanges();
  const write = (_: object, message: string) => {
    messages.push(message);
    changes.notify();
  };
  return {
    log: { ...silent, info: write, warn: write, error: write },
    says: (message: string) => until(() => messages.includes(message), changes.subscribe, message),
  };
}

describe('[P-8] an unfinished turn', () => {
  test('goes on at the start, behind the words that are there', async () => {
    const store = await openSqlite({ directory: ':memory:' });
    await orphan(store, 'Take ');
    const model = new ScriptedModel({ always: ['your time.'] });
    await using app = await startWith(model, { store });
    const socket = await connect(app.url);
    const client = await socket.follow('s');

    expect(await client.ended('turn')).toMatchObject({ state: 'done', text: 'Take your time.' });
    expect(model.asked.map(({ prefix }) => prefix)).toEqual(['Take ']);
    socket.close();
  });

  test('that another owner leaves later is taken over too', async () => {
    const store = await openSqlite({ directory: ':memory:' });
    const { log, says } = listen();
    await using app = await startWith(new ScriptedModel({ always: ['your time.'] }), {
      store,
      leaseMs: 40,
      log,
    });
    await orphan(store, 'Take ');
    await says('turns taken over');
    using socket = await connect(app.url);

    const client = await socket.follow('s');

    expect(await client.ended('turn')).toMatchObject({ state: 'done', text: 'Take your time.' });
  });

  test('[P-5] that another owner took is left alone from then on', async () => {
    const store = await openSqlite({ directory: ':memory:' });
    const lease = await orphan(store, 'Take ');
    const model = new ScriptedModel({ always: [HOLD, 'your time.'] });
    await using _app = await startWith(model, { store, leaseMs: 40 });
    await model.until(({ held }) => held === 1, 'the turn to go on');

    // its own node renews its lease, and looks for turns that were given back, all the time
    for (let taken: unknown[] = []; taken.length === 0;) {
      const generation = (await store.turn(lease, 'turn'))?.turn.generation ?? 0;
      const given = store.release([{ ...lease, generation }]);
      taken = await store.takeOver('another', 60_000, 1);
      await given;
    }

    await model.until(({ busy }) => busy === 0, 'the request to be closed');
    expect((await store.turn(lease, 'turn'))?.text).toBe('Take ');
  });

  test('is no reason to stop when its lease cannot be renewed for a moment', async () => {
    const { log, says } = listen();
    const store = faultyStore(await openSqlite({ directory: ':memory:' }), { renew: refused });
    const model = new ScriptedModel({ always: ['Slowly', HOLD, ' now.'] });
    await using app = await startWith(model, { store, leaseMs: 40, log });
    using socket = await connect(app.url);
    const client = socket.feed(new Client('s'));
    const { turn_id } = await input(socket, 's', 'hello');
    await model.until(({ held }) => held === 1, 'the pause');
    await says('leases not renewed');

    model.release();

    expect(await client.ended(turn_id)).toMatchObject({ state: 'done', text: 'Slowly now.' });
  });
});

describe('where the model is not there', () => {
  const away = { phase: 'unavailable', reason: 'Nobody is there' } as const;

  test('the guide answers, and the health says so', async () => {
    const fallback = new ScriptedModel({ source: 'guide', always: ['Hello ', 'you.'] });
    await using app = await startWith(new ScriptedModel({ state: away }), {}, fallback);

    const { body } = await rest(app.url, `POST ${pathOf('s', '/input')}`, { body: { user_input: 'hello' } });
    const health = await rest(app.url, 'GET /health');

    expect(body).toMatchObject({ therapist_response: 'Hello you.', source: 'guide', model: 'built-in' });
    expect(health).toMatchObject({
      status: 200,
      body: {
        status: 'healthy',
        services: { ollama: 'disconnected' },
        model: { source: 'guide', name: 'built-in', reason: 'Nobody is there' },
      },
    });
  });

  test('it answers again once it is back', async () => {
    const model = new ScriptedModel({ state: away, always: ['Here I am.'] });
    const fallback = new ScriptedModel({ source: 'guide', always: ['Hello.'] });
    await using app = await startWith(model, {}, fallback);
    const say = () => rest(app.url, `POST ${pathOf('s', '/input')}`, { body: { user_input: 'hello' } });
    const before = await say();

    model.become({ phase: 'ready' });
    const after = await say();

    expect([before.body['source'], after.body['source']]).toEqual(['guide', 'ollama']);
  });

  test('and nobody speaks for it, the health is bad, still with status 200', async () => {
    await using app = await startWith(new ScriptedModel({ state: away }));

    expect(await rest(app.url, 'GET /health')).toMatchObject({ status: 200, body: { status: 'unhealthy' } });
  });
});

describe('the state of the model', () => {
  test('is told to everybody when it changes', async () => {
    const model = new ScriptedModel({ state: { phase: 'loading' } });
    await using app = await startWith(model);
    await rest(app.url, 'POST /api/v1/session/create', { body: { session_id: 's' } });
    using socket = await connect(app.url);
    using stream = await openEvents(app.url, pathOf('s', '/events'));
    await stream.until(() => stream.events.length > 0, 'the snapshot');

    model.become({ phase: 'ready' });
    await socket.until(() => socket.of('model:status').length > 0, 'the news');
    await stream.until(() => stream.of('model:status').length > 0, 'the news');

    expect(socket.of('model:status')).toEqual([{ name: 'scripted', phase: 'ready' }]);
    expect(stream.of('model:status')).toMatchObject([{ data: { name: 'scripted', phase: 'ready' } }]);
  });

  test('is told once for each hundredth of the model that is fetched', async () => {
    const model = new ScriptedModel();
    await using app = await startWith(model);
    using socket = await connect(app.url);
    const said = () => socket.of('model:status');

    for (let completed = 0; completed < 10_000; completed++) {
      model.become({ phase: 'pulling', completed, total: 10_000 });
    }
    model.become({ phase: 'ready' });
    await socket.until(() => said().length === 101, 'a hundred steps and the end');

    expect(said()[0]).toEqual({ name: 'scripted', phase: 'pulling', completed: 0, total: 10_000 });
    expect(said()[99]).toMatchObject({ phase: 'pulling', completed: 9_900 });
    expect(said()[100]).toEqual({ name: 'scripted', phase: 'ready' });
  });
});

describe('every minute', () => {
  async function aMinuteLater(store: Store, log: AppParts['log'] = silent): Promise<TestApp> {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const model = new ScriptedModel({ always: ['Take ', 'your time.'] });
    const app = await startWith(model, { store, log, compactAfterMs: -1 });
    await rest(app.url, `POST ${pathOf('s', '/input')}`, { body: { user_input: 'hello' } });
    vi.advanceTimersByTime(60_000);
    return app;
  }

  test('the single words of turns that ended long ago are dropped, and the text stays', async () => {
    const counted = countStore(await openSqlite({ directory: ':memory:' }));
    await using app = await aMinuteLater(counted.store);
    await counted.until(() => counted.calls('compact') === 1, 'the words to be dropped');

    const { body } = await rest(app.url, `GET ${pathOf('s', '/export')}`);

    const log = body['log'] as { event: string }[];
    expect(log.map(({ event }) => event)).toEqual(['turn:started', 'disclosure', 'therapist:done']);
    expect(body).toMatchObject({ turns: [{ text: 'Take your time.' }] });
  });

  test('a store that cannot drop them now costs a line in the log', async () => {
    const { log, says } = listen();
    const store = faultyStore(await openSqlite({ directory: ':memory:' }), { compact: refused });
    await using app = await aMinuteLater(store, log);

    await says('old words were not dropped');

    expect((await rest(app.url, 'GET /livez')).status).toBe(200);
  });
});

describe('a server that goes down', () => {
  /** A server with a turn that waits, and a drain of ten seconds that has begun. */
  async function draining() {
    const model = new ScriptedModel({ always: ['Slowly', HOLD, ' now.'] });
    const app = await startWith(model);
    const socket = await connect(app.url);
    const client = socket.feed(new Client('s'));
    const { turn_id } = await input(socket, 's', 'hello');
    await model.until(({ held }) => held === 1, 'the pause');
    const over = app.drain(10_000);
    return {
      app,
      model,
      socket,
      over,
      ended: () => client.ended(turn_id),
      async [Symbol.asyncDispose]() {
        socket.close();
        await app[Symbol.asyncDispose]();
      },
    };
  }

  test('takes nothing new, and says that it will be back', async () => {
    await using scene = await draining();
    const { url } = scene.app;

    const created = await rest(url, 'POST /api/v1/session/create');
    const said = await rest(url, `POST ${pathOf('other', '/input')}`, { body: { user_input: 'hello' } });
    const ready = await rest(url, 'GET /readyz');

    expect(created).toMatchObject({
      status: 503,
      headers: { 'retry-after': '2' },
      body: { code: 'DRAINING' },
    });
    expect(said).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
    expect(ready.status).toBe(503);
  });

  test('[P-12] still answers who is at risk', async () => {
    await using scene = await draining();

    const { body } = await rest(scene.app.url, `POST ${pathOf('other', '/input')}`, {
      body: { user_input: risk },
    });

    expect(body).toMatchObject({ source: 'safety' });
  });

  test('lets running turns end, and then says goodbye to everybody', async () => {
    await using scene = await draining();
    const { app, model, socket, over, ended } = scene;
    using stream = await openEvents(app.url, pathOf('s', '/events'));
    await stream.until(() => stream.events.length > 0, 'the snapshot');

    model.release();
    const turn = await ended();
    await deadline(over, 'the end of the drain');
    await socket.until(() => !socket.socket.connected, 'the end of the connection');

    expect(turn).toMatchObject({ state: 'done', text: 'Slowly now.' });
    expect(socket.of('server:draining')).toMatchObject([{ reconnect_after_ms: expect.any(Number) }]);
    expect(await stream.ended()).toBe('whole');
    expect(stream.of('server:draining')).toHaveLength(1);
    expect(stream.retryMs).toBeLessThanOrEqual(5_000);
  });

  test('does not wait for a client that polls and is away between two polls', async () => {
    await using app = await startApp();
    await openPolling(app.url);

    await deadline(app.drain(0), 'the end of the drain', 5_000);

    await expect(rest(app.url, 'GET /livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('leaves a turn that does not end in time to the next one, with its words', async () => {
    const model = new ScriptedModel({ always: ['Slowly', HOLD, ' now.'] });
    const store = await openSqlite({ directory: ':memory:' });
    await using app = await startWith(model, { store });
    using socket = await connect(app.url);
    await input(socket, 's', 'hello');
    await model.until(({ held }) => held === 1, 'the pause');

    await app.drain(20);

    expect(model.busy).toBe(0);
    const [taken] = await store.takeOver('next', 8_000, 1);
    expect(taken?.view).toMatchObject({ text: 'Slowly', turn: { generation: 2, state: 'running' } });
  });
});

test('[P-7] a cancel over the socket stops the model, and the words stay', async () => {
  const model = new ScriptedModel({ always: ['Slowly', HOLD, ' now.'] });
  await using app = await startWith(model);
  using socket = await connect(app.url);
  const client = socket.feed(new Client('s'));
  const { turn_id } = await input(socket, 's', 'hello');
  await model.until(({ held }) => held === 1, 'the pause');

  const answer = await socket.must('turn:cancel', { session_id: 's' });

  expect(answer).toMatchObject({ turn_id, state: 'cancelled' });
  expect(await client.ended(turn_id)).toMatchObject({ state: 'cancelled', text: 'Slowly' });
  expect(model.busy).toBe(0);
});

test('[P-12] a risk interrupts the live turn and is answered by the fixed reply', async () => {
  const model = new ScriptedModel({ always: ['Slowly', HOLD, ' now.'] });
  await using app = await startWith(model);
  using socket = await connect(app.url);
  const client = socket.feed(new Client('s'));
  const first = await input(socket, 's', 'hello');
  await model.until(({ held }) => held === 1, 'the pause');

  const second = await input(socket, 's', risk);

  expect((await client.ended(first.turn_id)).state).toBe('cancelled');
  await client.ended(second.turn_id);
  expect(responseOf(socket, second.turn_id).source).toBe('safety');
  expect(model.busy).toBe(0);
});

describe('the page', () => {
  test('is served at /, and a browser is told to load nothing from elsewhere', async () => {
    await using app = await startApp();

    const { status, headers } = await rest(app.url, 'GET /');

    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/html/);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['x-powered-by']).toBeUndefined();
  });

  test('takes no other method than GET and HEAD', async () => {
    await using app = await startApp();

    expect(await rest(app.url, 'POST /')).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, OPTIONS' },
    });
  });
});

test('whoever asks whether it is ready is told that everybody may come in', async () => {
  for (const isOpenToAll of [true, false]) {
    await using app = await startApp({ isOpenToAll });

    const { body } = await rest(app.url, 'GET /readyz');

    expect(Object(body).open_to_all).toBe(isOpenToAll || undefined);
  }
});
