// Sockets and followers over several nodes: what one node tells the others, and what becomes of it without Redis.
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from '../../client/sdk/client.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { openControlAdapter } from '../../src/transport/redis-adapter.ts';
import { silent, startApp } from '../support/app.ts';
import { faultyStore, refused } from '../support/faulty-store.ts';
import { alarm, asOperator, followersOf, NodePair, operatorKey } from '../support/node-pair.ts';
import type { Command } from '../support/node-pair.ts';
import { openRedisBench } from '../support/redis-store.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { monitor, openLine } from '../support/redis-wire.ts';
import { pathOf, rest } from '../support/rest.ts';
import { connect } from '../support/socket-client.ts';
import type { SocketClient } from '../support/socket-client.ts';
import { openEvents } from '../support/sse.ts';
import type { EventReader } from '../support/sse.ts';
import { deadline } from '../support/wait.ts';

const actor = 'shift-7';
const text = 'We restart the server at noon. Nothing is lost.';

const announce = (url: string, words = text) => asOperator(url, 'POST /announce', { actor, text: words });

const noticesOf = (reader: SocketClient | EventReader): unknown[] =>
  reader.of('server:notice').map((entry) => (isEvent(entry) ? entry.data : entry));
/** A `watch` that never hears anything. */
const deaf = (): never => ({ [Symbol.dispose]: () => undefined }) as never;
const isEvent = (entry: unknown): entry is { data: unknown } =>
  typeof entry === 'object' && entry !== null && 'data' in entry;
const gets = (reader: SocketClient | EventReader, count = 1): Promise<void> =>
  reader.until(() => noticesOf(reader).length >= count, `${count} notices`);

interface Backend extends AsyncDisposable {
  urls: readonly string[];
  nodes: readonly RedisProcess[];
  command: Command;
  /** Resolves once a restart is over. */
  ready(): Promise<void>;
}

async function openOne(): Promise<Backend> {
  const redis = await startRedis();
  return {
    urls: [redis.url],
    nodes: [redis],
    command: async (...args) => [await redis.command(...args)],
    ready: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
}

async function openThree(): Promise<Backend> {
  const cluster = await startRedisCluster();
  return {
    urls: cluster.urls,
    nodes: cluster.nodes,
    command: (...args) => cluster.commandAll(...args),
    ready: () => cluster.ready(),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

describe.for([
  ['one Redis', openOne],
  ['a Redis Cluster', openThree],
] as const)('two nodes on %s', ([, open]) => {
  let redis: Backend;
  beforeAll(async () => {
    redis = await open();
  });
  afterAll(() => redis[Symbol.asyncDispose]());
  const openPair = () => NodePair.open(redis.urls, redis.command);

  test('show a notice to every socket and every stream of both, once each', async () => {
    await using pair = await openPair();
    const sockets = [await pair.socket(0, 'a'), await pair.socket(0), await pair.socket(1)];
    const streams = [await pair.stream(0, 'a'), await pair.stream(1, 'a')];

    const first = await announce(pair.url(0));
    const second = await announce(pair.url(1), 'All is well again.');

    expect(first.body).toEqual({ time: expect.any(String), audited: true });
    for (const reader of [...sockets, ...streams]) {
      await gets(reader, 2);
      expect(noticesOf(reader)).toHaveLength(2);
      expect(noticesOf(reader)).toContainEqual({ text, at: first.body['time'] });
      expect(noticesOf(reader)).toContainEqual({ text: 'All is well again.', at: second.body['time'] });
    }
  });

  test('count the followers of a session on both: sockets, streams and polls, and no operator', async () => {
    await using pair = await openPair();
    const alertId = await alarm(pair.url(0), 'a');
    expect(await followersOf(pair.url(1), alertId)).toBe(0);

    const [socket] = [await pair.socket(0), await pair.socket(1, 'another')];
    const { cursor } = await socket.must('session:join', { session_id: 'a' });
    await pair.stream(1, 'a');
    await pair.stream(1, 'a');
    expect(await followersOf(pair.url(0), alertId)).toBe(3);

    const left = new AbortController();
    const wait = `log?after=${String(cursor)}&wait=30`;
    const signal = left.signal;
    const polls = [
      rest(pair.url(1), `GET ${pathOf('a', `/${wait}`)}`, { signal }),
      rest(pair.url(1), `GET /api/v1/operator/alerts/${alertId}/${wait}`, {
        headers: { Authorization: `Bearer ${operatorKey}` },
        signal,
      }),
    ].map((poll) => poll.catch(() => undefined));
    await counts(pair.url(0), alertId, 4);
    expect(await followersOf(pair.url(1), alertId)).toBe(4);

    left.abort();
    await Promise.all(polls);
    socket.close();
    await counts(pair.url(1), alertId, 2);
  });

  test('mix no ids up, whatever they look like', async () => {
    await using pair = await openPair();
    const socket = await pair.socket(0);
    const ids = ['abcdefghij0123456789', pair.channel, socket.socket.id ?? '', '__proto__'];
    const pairs = await Promise.all(
      ids.map(async (id) => ({
        id,
        mine: await pair.socket(0, id),
        theirs: await pair.stream(1, id),
        alertId: await alarm(pair.url(1), id),
      })),
    );
    await announce(pair.url(0));

    for (const { mine, theirs, alertId, id } of pairs) {
      await Promise.all([gets(mine), gets(theirs)]);
      expect(noticesOf(mine)).toHaveLength(1);
      expect(noticesOf(theirs)).toHaveLength(1);
      const heard = [...mine.received, ...theirs.events].map(({ data }) => sessionIn(data));
      expect(new Set(heard)).toEqual(new Set([id, undefined]));
      expect(await followersOf(pair.url(0), alertId)).toBe(2);
    }
    expect(socket.received.map(({ event }) => event)).toEqual(['server:notice']);
  });

  test('serve their own clients while Redis is gone, and each other again when it is back', async () => {
    await using pair = await openPair();
    const [near, far] = [await pair.socket(0), await pair.socket(1)];
    const alertId = await alarm(pair.url(0), 'a');
    const followers = [await pair.stream(0, 'a'), await pair.stream(1, 'a')];
    expect(await followersOf(pair.url(0), alertId)).toBe(2);

    await Promise.all(redis.nodes.map((node) => node.kill()));
    const [first, second] = [await announce(pair.url(0)), await announce(pair.url(0), 'and again')];
    await gets(near, 2);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(await followersOf(pair.url(0), alertId)).toBe(1);

    await Promise.all(redis.nodes.map((node) => node.restart()));
    await redis.ready();
    await pair.together();
    await counts(pair.url(0), alertId, 2);
    await announce(pair.url(0), 'we are back');
    await gets(far);

    expect(noticesOf(far)).toMatchObject([{ text: 'we are back' }]);
    expect(noticesOf(near)).toHaveLength(3);
    expect(followers.map(({ end }) => end)).toEqual(['open', 'open']);
    expect(pair.warnings[0]).toEqual(['other nodes cannot be told: notices reach this one only']);
  });

  test.for([
    ['by the wake-up alone', { heads: () => new Promise<never>(() => undefined) }],
    ['by looking again where no wake-up comes', { watch: deaf }],
  ] as const)('end whoever follows a session that is deleted on the other, %s', async ([, ways]) => {
    await using bench = await openRedisBench(redis.urls);
    await using near = await startApp({ store: bench.store });
    await using far = await startApp({ store: faultyStore(await bench.join(), ways) });
    using owner = await connect(near.url);
    const { epoch } = await owner.must('session:create', { session_id: 'a' });
    using socket = await connect(far.url);
    await socket.must('session:join', { session_id: 'a' });
    using stream = await openEvents(far.url, pathOf('a', '/events'));

    await owner.must('session:delete', { session_id: 'a' });
    await socket.until(() => socket.of('session:deleted').length > 0, 'the end');

    expect(await stream.ended()).toBe('whole');
    expect(socket.of('session:deleted')).toEqual([{ session_id: 'a', epoch }]);
    expect(stream.of('session:deleted')).toMatchObject([{ data: { session_id: 'a', epoch } }]);
  });

  test('wait for nothing while Redis is silent', async () => {
    await using pair = await openPair();
    const [near, far] = [await pair.socket(0), await pair.socket(1)];
    const alertId = await alarm(pair.url(0), 'a');
    await pair.stream(0, 'a');
    await pair.stream(1, 'a');

    for (const node of redis.nodes) node.signal('SIGSTOP');
    try {
      expect((await announce(pair.url(0))).status).toBe(200);
      await gets(near);
      expect(await followersOf(pair.url(0), alertId)).toBe(1);
      expect(noticesOf(far)).toEqual([]);
    } finally {
      for (const node of redis.nodes) node.signal('SIGCONT');
    }
    await gets(far);
    await counts(pair.url(1), alertId, 2);

    expect(noticesOf(far)).toHaveLength(1);
  });

  test('hear one that was started while Redis was gone', async () => {
    await using pair = await openPair();
    await using late = await openControlAdapter({ urls: redis.urls, prefix: pair.prefix, log: silent });
    await Promise.all(redis.nodes.map((node) => node.kill()));
    await using app = await startApp({ operatorKey, adapter: late.adapter });
    using socket = await connect(app.url);

    await Promise.all(redis.nodes.map((node) => node.restart()));
    await redis.ready();
    await pair.together(3);
    await announce(pair.url(0));
    await gets(socket);

    expect(noticesOf(socket)).toHaveLength(1);
  });

  test('leave out of the count who listens and never answers', async () => {
    await using pair = await openPair();
    const alertId = await alarm(pair.url(0), 'a');
    await pair.stream(1, 'a');
    await using mute = await openLine(redis.urls);
    await mute.listen(pair.channel);

    expect(await followersOf(pair.url(0), alertId)).toBe(1);
  });

  test('read over what makes no sense on their channel', async () => {
    await using pair = await openPair();
    const far = await pair.socket(1);
    const notice = { text: 'from a later version', at: '2026-01-01T00:00:00.000Z', more: 1 };
    const said = (packet: unknown) =>
      JSON.stringify({ type: 9, uid: 'x', nsp: '/', data: { packet: ['node', packet] } });
    const strange = ['', 'null', '{', '{}', '{"type":9}', '\u0000\u00ff', '{"type":3,"uid":"x","nsp":"/"}'];
    const unknown = [null, 'text', { kind: 'later' }, { kind: 'notice' }, { kind: 'counted', question: 'q' }];
    await using line = await openLine(redis.urls);

    for (const message of [...strange, ...unknown.map(said)]) await line.publish(pair.channel, message);
    await line.publish(pair.channel, said({ kind: 'notice', notice }));
    await gets(far);

    expect(noticesOf(far)).toEqual([{ text: notice.text, at: notice.at }]);
    expect(new Set(pair.warnings[1])).toEqual(new Set(['what another node said could not be read']));
  });
});

/** Resolves once the session has so many followers. */
async function counts(url: string, alertId: string, followers: number): Promise<void> {
  let last = -1;
  const look = async (): Promise<void> => {
    while (last !== followers) {
      last = await followersOf(url, alertId);
      await setImmediate();
    }
  };
  await deadline(look(), () => `${followers} followers, not ${last}`);
}

function sessionIn(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return undefined;
  return 'session' in data ? sessionIn(data.session) : 'session_id' in data ? data.session_id : undefined;
}

test('no word of a reply and no id of a session goes from node to node', async () => {
  await using redis = await startRedis();
  await using pair = await NodePair.open([redis.url], async (...args) => [await redis.command(...args)]);
  const id = 'plumtree-4711';
  const [near, far] = [await pair.socket(0, id), await pair.socket(1, id)];
  using monitored = await monitor(redis);

  await near.must('session:input', { session_id: id, user_input: 'I want to feel calm' });
  const done = (socket: SocketClient) =>
    socket.until(() => socket.of('therapist:done').length === 1, 'the end of the reply');
  await Promise.all([done(near), done(far)]);
  const alertId = await alarm(pair.url(1), id);
  expect(await followersOf(pair.url(0), alertId)).toBe(2);
  await announce(pair.url(1));
  await monitored.sees(text);

  const { text: commands } = monitored.seen;
  const published = commands.split('\n').filter((line) => /"spublish"/i.test(line));
  expect(published.map((line) => /kind\W+(\w+)/.exec(line)?.[1])).toEqual(['count', 'counted', 'notice']);
  expect(commands).not.toContain(id);
  expect(commands).not.toContain('calm');
  expect(far.of('therapist:token').length).toBeGreaterThan(0);
});

describe('a node alone', () => {
  test('shows a notice to its own clients, and not to who polls', async () => {
    await using app = await startApp({ operatorKey });
    using socket = await connect(app.url);
    const { cursor } = await socket.must('session:create', { session_id: 'a' });
    using stream = await openEvents(app.url, pathOf('a', '/events'));
    const alertId = await alarm(app.url, 'b');

    await announce(app.url);
    await Promise.all([gets(socket), gets(stream)]);
    const polled = await rest(app.url, `GET ${pathOf('a', `/log?after=${String(cursor)}`)}`);

    expect(stream.of('server:notice')[0]).not.toHaveProperty('id');
    expect(polled.status).toBe(204);
    expect(await followersOf(app.url, alertId)).toBe(0);
  });

  test('keeps in the audit who announced, and never the text', async () => {
    await using app = await startApp({ operatorKey });

    await announce(app.url);
    const facts = await app.parts.store.audit(0, 10);

    expect(facts.map(({ body }) => JSON.parse(body))).toMatchObject([
      { kind: 'announced', level: 'none', actor },
    ]);
    expect(facts[0]?.body).not.toContain('noon');
  });

  test('shows it while the store is away, and says that the audit does not know', async () => {
    const store = faultyStore(await openSqlite({ directory: ':memory:' }), { attest: refused });
    await using app = await startApp({ operatorKey, store });
    using socket = await connect(app.url);

    const { status, body } = await announce(app.url);
    await gets(socket);

    expect([status, body['audited']]).toEqual([200, false]);
  });

  test.for([
    ['', 422],
    ['x'.repeat(2_001), 422],
    ['\ud800', 422],
    ['x'.repeat(2_000), 200],
  ] as const)('takes a text of 1 to 2,000 characters (%#)', async ([words, status]) => {
    await using app = await startApp({ operatorKey });

    expect((await announce(app.url, words)).status).toBe(status);
  });

  test('takes it from nobody without the key, and has no such route where none is set', async () => {
    await using app = await startApp({ operatorKey });
    await using open = await startApp();
    using socket = await connect(app.url);

    const refusals = await Promise.all([
      asOperator(app.url, 'POST /announce', { actor, text }, 'wrong'),
      asOperator(open.url, 'POST /announce', { actor, text }),
    ]);
    await announce(app.url, 'with the key');
    await gets(socket);

    expect(refusals.map(({ status }) => status)).toEqual([401, 404]);
    expect(noticesOf(socket)).toMatchObject([{ text: 'with the key' }]);
  });
});

test('the SDK tells notices by their time, by which copies of several streams are known', async () => {
  await using app = await startApp({ operatorKey });
  using client = createClient({ url: app.url, transports: ['stream'] });
  const sessions = await Promise.all(['a', 'b'].map((session_id) => client.create({ session_id })));
  for (const { id } of sessions) await counts(app.url, await alarm(app.url, id ?? ''), 1);
  const told = new Map<string, string>();
  client.notice.subscribe(() => {
    const { at = '', text: words = '' } = client.notice.get() ?? {};
    told.set(at, words);
  });

  await announce(app.url);
  await announce(app.url, 'the next');
  // each stream keeps the order: behind these replies there is no copy of a notice
  await Promise.all(sessions.map((session) => session.say('I am safe now').response));

  expect([...told.values()]).toEqual([text, 'the next']);
});
