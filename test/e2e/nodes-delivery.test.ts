// Clients that follow one reply over several nodes, by whatever transport, and change between them.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { sessionKey } from '../../src/store/envelope.ts';
import { Device, followUntil } from '../support/devices.ts';
import type { DeviceKind } from '../support/devices.ts';
import { Client } from '../support/fold.ts';
import { openNodes } from '../support/node-cluster.ts';
import type { Nodes } from '../support/node-cluster.ts';
import { randomFrom, seed } from '../support/random.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { firstWords, words } from '../support/scene.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const kinds: readonly DeviceKind[] = ['websocket', 'sse', 'long-poll', 'polling'];
const kindOf = (i: number): DeviceKind => kinds[i % kinds.length] ?? 'websocket';

let redis: RedisProcess;
let nodes: Nodes;
beforeAll(async () => {
  redis = await startRedis();
  nodes = await openNodes({ redis, env: { MODEL: 'ollama', OLLAMA_SLOTS: '8' } });
});
afterEach(async () => {
  nodes.fake.release();
  nodes.fake.always({});
  await nodes.startAll();
  await nodes.fake.idle();
});
afterAll(() => nodes[Symbol.asyncDispose]());

test('[P-2] [P-3] one reader goes from socket to SSE to long poll to a socket, each at another node, and reads one text (scenario 10)', async () => {
  const reply = words(50);
  nodes.fake.always({ reply });
  for (const stop of [10, 20, 30, 40]) nodes.fake.hold('piece', stop);
  const { client, socket } = await nodes.speak(0, 'changes', 'hello');
  // one at a time: an answer to where it stood would else come behind what another one brought
  socket.close();
  for (const [i, kind] of (['websocket', 'sse', 'long-poll', 'websocket'] as const).entries()) {
    const upTo = firstWords(reply, 10 * (i + 1));
    await followUntil(kind, nodes.node((i + 1) % 3).url, client, () => client.text() === upTo);
    nodes.fake.release('piece', 10 * (i + 1));
  }
  nodes.follow('sse', 0, client);
  await client.until(() => client.live === undefined, 'the end');

  expect(await nodes.agree([client])).toMatchObject([{ text: reply }]);
  expect(client.counts).toMatchObject({ snapshots: 0, resets: 0 });
});

test(`[P-2] [P-3] a hundred readers who come in at any moment, and who are cut off at any moment, have one text (seed ${seed}) (scenarios 4, 5, 7, 18)`, async () => {
  const random = randomFrom(seed);
  const reply = words(150);
  nodes.fake.always({ reply, rate: 100 });
  await using devices = new AsyncDisposableStack();
  const proxies = await Promise.all(
    nodes.all.map(async ({ server }) => devices.use(await startTcpProxy({ target: server.port }))),
  );
  const { client, admission } = await nodes.speak(0, 'hundred', 'hello');
  const readers: Device[] = [];
  for (let i = 0; i < 100; i++) {
    const { seq } = client;
    // ten at the same entry, while the next one is on its way
    const isNext = () => i % 10 !== 0 || client.seq > seq || client.live === undefined;
    await client.until(isNext, 'a further entry');
    const place = async () => (proxies[random.between(0, 2)] ?? nodes.node(0)).url;
    readers.push(devices.use(new Device(kindOf(i), place, client.copy())));
    if (i % 20 === 19) proxies[random.between(0, 2)]?.reset();
  }
  const turns = await Promise.all([
    client.ended(admission.turn_id, 30_000),
    ...readers.map((reader) => reader.client.ended(admission.turn_id, 30_000)),
  ]);

  expect(turns.filter(({ text }) => text !== reply)).toEqual([]);
  await nodes.agree([client, ...readers.map((reader) => reader.client)]);
  expect(readers.filter(({ client: { counts } }) => counts.snapshots > 0 || counts.resets > 0)).toEqual([]);
});

test('[P-3] eighty readers of the node that runs the turn go over to others at once when it is killed (scenario 71)', async () => {
  const reply = words(60);
  nodes.fake.always({ reply });
  nodes.fake.hold('piece', 20);
  const { client, admission } = await nodes.speak(0, 'eighty', 'hello');
  const readers = Array.from({ length: 80 }, (_, i) => nodes.follow(kindOf(i), 0, client.copy()).client);
  const upTo = firstWords(reply, 20);
  await Promise.all(readers.map((one) => one.until(() => one.text() === upTo, 'twenty words', 30_000)));
  await nodes.node(0).kill();
  nodes.fake.release();
  const turns = await Promise.all(readers.map((one) => one.ended(admission.turn_id, 30_000)));

  expect(turns.filter(({ text }) => text !== reply)).toEqual([]);
  await nodes.agree(readers);
});

/** Scripts that Redis has run so far. */
async function scripts(): Promise<number> {
  const stats = await redis.command('INFO', 'commandstats');
  return [...stats.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  );
}

test('all readers of a node read an entry from Redis once (scenario 72)', async () => {
  const reply = words(60);
  nodes.fake.always({ reply, rate: 40 });
  nodes.fake.hold('piece', 1);
  const { client, admission } = await nodes.speak(0, 'once', 'hello');
  const readers = Array.from({ length: 40 }, () => nodes.follow('websocket', 1, new Client('once')).client);
  await Promise.all(readers.map((one) => one.until(() => one.text() !== '', 'a word', 30_000)));
  const before = await scripts();
  nodes.fake.release();
  await Promise.all(readers.map((one) => one.ended(admission.turn_id, 30_000)));
  const count = (await scripts()) - before;

  expect(await nodes.agree([client, ...readers])).toMatchObject([{ text: reply }]);
  // one append and one read for each entry, and what three nodes do anyway: not forty reads
  expect(count).toBeGreaterThan(client.seq);
  expect(count).toBeLessThan(10 * client.seq);
});

/** How many nodes Redis wakes when something happens in that session. */
const watching = async (id: string): Promise<number> => {
  const key = `stillpoint:{${sessionKey({ tenant: 'default', sessionId: id })}}`;
  return Number((await redis.command('PUBSUB', 'SHARDNUMSUB', key)).split('\n')[1]);
};

test('a node is woken for a session as long as somebody follows it there, however often they come and go (scenario 22)', async () => {
  const { socket } = await nodes.speak(0, 'comes and goes', 'hello');
  const others = [await nodes.socket(1), await nodes.socket(1), await nodes.socket(2)];
  const payload = { session_id: 'comes and goes' };
  for (let i = 0; i < 20; i++) {
    await Promise.all(others.map((one) => one.must('session:join', payload)));
    await Promise.all(others.map((one) => one.must('session:leave', payload)));
  }
  await others[0]?.must('session:join', payload);
  while ((await watching('comes and goes')) !== 2);
  await others[0]?.must('session:leave', payload);
  socket.close();
  while ((await watching('comes and goes')) !== 0);

  expect(await watching('comes and goes')).toBe(0);
});
