import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { startApp } from '../support/app.ts';
import type { TestApp } from '../support/app.ts';
import { countStore } from '../support/count-store.ts';
import type { CountedStore } from '../support/count-store.ts';
import { Device, followUntil } from '../support/devices.ts';
import type { DeviceKind } from '../support/devices.ts';
import type { Client } from '../support/fold.ts';
import { pathOf, rest } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';
import { speaker } from '../support/speaker.ts';
import { EventReader, openEvents } from '../support/sse.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const kinds: readonly DeviceKind[] = ['websocket', 'polling', 'sse', 'long-poll'];

let real: Store;
let counted: CountedStore;
let app: TestApp;

beforeEach(async () => {
  real = await openSqlite({ directory: ':memory:' });
  counted = countStore(real);
  app = await startApp({ store: counted.store });
});
afterEach(() => app[Symbol.asyncDispose]());

const noFollowers = () => counted.until(() => counted.watchers === 0, 'no follower');

describe.for(kinds)('over %s', (kind) => {
  test('[P-9] a client that was away while words were dropped gets the exact text (scenario 15)', async () => {
    const { say, end, client: fresh } = await speaker(real);
    const client = fresh();
    await say('one ');
    await followUntil(kind, app.url, client, () => client.text() === 'one ');
    for (let i = 0; i < 50; i++) await say(`word${i} `);
    await end();

    expect(await real.compact(Date.now() + 1)).toBe(1);
    await using device = new Device(kind, app.url, client);
    const { text } = await device.client.ended('turn');

    expect(text).toBe(`one ${Array.from({ length: 50 }, (_, i) => `word${i} `).join('')}`);
    expect(client.counts.snapshots).toBe(0);
  });

  test('ten reconnects within a second leave no follower behind (scenario 4)', async () => {
    const { say, end, client: fresh } = await speaker(real);
    const client = fresh();
    for (let i = 0; i < 10; i++) {
      await Promise.all([followUntil(kind, app.url, client, () => client.seq > i), i > 0 && say(`${i} `)]);
    }
    await end();
    await followUntil(kind, app.url, client, () => client.turns[0]?.state === 'done');

    expect(client.text()).toBe('1 2 3 4 5 6 7 8 9 ');
    expect(client.counts.repeats).toBe(0);
    await noFollowers();
  });
});

describe('a client that leaves while its join is still being read leaves no follower behind', () => {
  test('as a socket (scenario 22)', async () => {
    await speaker(real);
    using socket = await connect(app.url);
    counted.hold('session');
    socket.socket.emit('session:join', { session_id: 's' });
    await counted.until(() => counted.calls('session') > 0, 'the join');
    using bystander = await connect(app.url);
    socket.close();
    await bystander.call('no such event');
    counted.release();

    await bystander.must('session:status', { session_id: 's' });
    expect(counted.calls('read')).toBe(0);
    await noFollowers();
  });

  test('as a socket whose follower reads for the first time (scenario 22)', async () => {
    await speaker(real);
    using socket = await connect(app.url);
    counted.hold('read');
    await socket.must('session:join', { session_id: 's' });
    await counted.until(() => counted.calls('read') > 0, 'a first read');
    expect(counted.watchers).toBe(1);
    socket.close();
    counted.release();

    await noFollowers();
  });

  test('as an event stream (scenario 22)', async () => {
    await speaker(real);
    using stream = await openEvents(app.url, pathOf('s', '/events'));
    await counted.until(() => counted.watchers === 1, 'a follower');
    stream.leave();

    await noFollowers();
  });

  test('as an event stream whose join is held up (scenario 22)', async () => {
    await speaker(real);
    counted.hold('snapshot');
    using stream = new EventReader(app.url, pathOf('s', '/events'), {});
    stream.opened.catch(() => undefined);
    await counted.until(() => counted.calls('snapshot') > 0, 'the join');
    stream.leave();
    await rest(app.url, 'GET /livez');
    counted.release();

    await rest(app.url, 'GET /livez');
    expect(counted.watchers).toBe(0);
  });

  test('as an input that asks for its turn as an event stream, and the turn goes on [P-10] (scenario 22)', async () => {
    counted.hold('admit');
    const body = { user_input: 'hello' };
    using stream = new EventReader(app.url, pathOf('input', '/input'), { method: 'POST', body });
    stream.opened.catch(() => undefined);
    await counted.until(() => counted.calls('admit') > 0, 'the input');
    stream.leave();
    await rest(app.url, 'GET /livez');
    counted.release();

    using socket = await connect(app.url);
    const client = await socket.follow('input');
    await client.until(({ turns }) => turns[0]?.state === 'done', 'the end of the turn');
    socket.close();
    await noFollowers();
  });

  test('as a long poll (scenario 22)', async () => {
    const { life } = await speaker(real);
    const gone = new AbortController();
    const path = pathOf('s', `/log?wait=30&after=${life.epoch}.1`);
    const poll = rest(app.url, `GET ${path}`, { signal: gone.signal });
    await counted.until(() => counted.watchers === 1, 'a follower');
    gone.abort();
    await expect(poll).rejects.toThrow();

    await noFollowers();
  });

  test('as an input that waits for its turn, which goes on [P-10]', async () => {
    const gone = new AbortController();
    counted.hold('read');
    const options = { body: { user_input: 'hello' }, signal: gone.signal };
    const answer = rest(app.url, `POST ${pathOf('input', '/input')}`, options);
    await counted.until(() => counted.calls('read') > 0, 'a follower');
    gone.abort();
    await expect(answer).rejects.toThrow();
    counted.release();

    await noFollowers();
    const { body } = await rest(app.url, `GET ${pathOf('input', '/history')}`);
    expect(body['turns']).toMatchObject([{ user_input: 'hello' }]);
  });
});

describe('many followers of one session', () => {
  test('over sockets share one serialisation per entry (scenario 72)', async () => {
    const { say, end, client } = await speaker(real);
    const sockets = await Promise.all(Array.from({ length: 100 }, () => connect(app.url)));
    const clients = await Promise.all(sockets.map((socket) => socket.follow('s', client())));
    const all = (seq: number) =>
      Promise.all(clients.map((one) => one.until((c) => c.seq === seq, `entry ${seq}`)));
    await all(1);
    // the second look at the log, once a second, is switched off
    counted.hold('heads');
    const spy = vi.spyOn(JSON, 'stringify');
    const reads = counted.calls('read');

    for (let i = 1; i <= 10; i++) {
      await say(`marker-${i} `);
      await all(i + 1);
    }
    const serialised = spy.mock.results.filter(({ value }) => /^\{"session_id".*marker-/.test(String(value)));
    spy.mockRestore();
    const tokenReads = counted.calls('read') - reads;
    await end();
    await all(12);
    for (const socket of sockets) socket.close();

    expect(serialised).toHaveLength(10);
    expect(tokenReads).toBe(10);
    await noFollowers();
  });

  test('over event streams share one serialisation per entry (scenario 72)', async () => {
    const { say, end, client } = await speaker(real);
    const open = async (one: Client) => {
      await openEvents(app.url, pathOf('s', `/events?after=${one.cursor}`), { client: one });
      return one;
    };
    const clients = await Promise.all(Array.from({ length: 100 }, () => open(client())));
    const all = (seq: number) =>
      Promise.all(clients.map((one) => one.until((c) => c.seq === seq, `entry ${seq}`)));
    await all(1);
    const spy = vi.spyOn(JSON, 'stringify');

    for (let i = 1; i <= 10; i++) {
      await say(`marker-${i} `);
      await all(i + 1);
    }
    const serialised = spy.mock.results.filter(({ value }) => /^\{"session_id".*marker-/.test(String(value)));
    spy.mockRestore();
    await end();
    await all(12);

    expect(serialised).toHaveLength(10);
  });
});

describe('a socket that takes nothing any more', () => {
  test('is not read for, so that it costs the same however much is said, and resumes exactly (scenario 67)', async () => {
    const { say, client: fresh } = await speaker(real);
    const accepted: Socket[] = [];
    const onAccept = (message: unknown) => {
      if (typeof message === 'object' && message && 'socket' in message && message.socket instanceof Socket)
        accepted.push(message.socket);
    };
    subscribe('net.server.socket', onAccept);
    await using proxy = await startTcpProxy({ target: Number(new URL(app.url).port) });
    using socket = await connect(proxy.url);
    const client = await socket.follow('s', fresh());
    await client.until(({ seq }) => seq === 1, 'the first entry');
    proxy.pause('down');
    const word = 'abcdefgh'.repeat(256);

    for (let i = 0; i < 8_000; i++) await say(word);
    const reads = counted.calls('read');
    for (let i = 0; i < 2_000; i++) await say(word);
    unsubscribe('net.server.socket', onAccept);

    expect(counted.calls('read')).toBe(reads);
    for (const one of accepted) expect(one.writableLength).toBeLessThanOrEqual(1024 * 1024);
    proxy.resume('down');
    await client.until(({ seq }) => seq === 10_001, 'all words', 30_000);
    expect(client.text()).toBe(word.repeat(10_000));
    expect(client.counts.repeats).toBe(0);
  });
});

test('an event stream gets a comment every 15 s, so that no proxy takes it for idle (scenario 23)', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    await using own = await startApp();
    await rest(own.url, 'POST /api/v1/session/create', { body: { session_id: 'quiet' } });
    using stream = await openEvents(own.url, pathOf('quiet', '/events'));
    await stream.until(() => stream.comments === 1, 'the first comment');
    vi.advanceTimersByTime(15_000);
    await stream.until(() => stream.comments === 2, 'one more');
    vi.advanceTimersByTime(30_000);
    await stream.until(() => stream.comments === 4, 'two more');

    expect(stream.events.map(({ event }) => event)).toEqual(['session:snapshot']);
  } finally {
    vi.useRealTimers();
  }
});

describe('received', () => {
  test('keeps a client that says it no more than a window behind, and the rest comes merged', async () => {
    const { say, end, client: fresh } = await speaker(real);
    using socket = await connect(app.url);
    const client = await socket.follow('s', fresh());
    await client.until(({ seq }) => seq === 1, 'the first entry');
    socket.socket.emit('received', { session_id: 's', seq: 1 });
    await socket.must('session:status', { session_id: 's' });
    using other = await connect(app.url);
    const steady = await other.follow('s', fresh());
    for (let i = 1; i <= 300; i++) {
      await say(`${i} `);
      await steady.until(({ seq }) => seq === i + 1, `entry ${i + 1}`);
    }
    await end();
    await steady.ended('turn');
    socket.socket.emit('received', { session_id: 's', seq: client.seq });
    const { text } = await client.ended('turn');

    expect(text).toBe(steady.text());
    expect(steady.counts.merged).toBe(0);
    expect(client.counts.merged).toBeGreaterThan(0);
    expect(client.counts.frames).toBeLessThan(steady.counts.frames);
  });

  test.for([
    ['of the future', { session_id: 's', seq: 1_000_000 }],
    ['that goes back', { session_id: 's', seq: 0 }],
    ['of a session it does not follow', { session_id: 'other', seq: 5 }],
    ['that is no number', { session_id: 's', seq: 'five' }],
    ['of nothing', undefined],
  ] as const)('%s changes nothing of the text (scenario 69)', async ([, payload]) => {
    const { say, end, client: fresh } = await speaker(real);
    using socket = await connect(app.url);
    const client = await socket.follow('s', fresh());
    for (let i = 1; i <= 20; i++) {
      socket.socket.emit('received', payload);
      await say(`${i} `);
    }
    await end();

    expect((await client.ended('turn')).text).toBe(
      Array.from({ length: 20 }, (_, i) => `${i + 1} `).join(''),
    );
    expect(client.counts.repeats).toBe(0);
  });
});
