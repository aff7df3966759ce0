// Owners of turns that die, stall or are cut off. The clocks of the nodes are ten minutes apart throughout: nothing may
// depend on them (scenario 38).
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { sessionKey } from '../../src/store/envelope.ts';
import type { DeviceKind } from '../support/devices.ts';
import type { Client } from '../support/fold.ts';
import { openNodes, preload } from '../support/node-cluster.ts';
import type { Nodes } from '../support/node-cluster.ts';
import { randomFrom, seed } from '../support/random.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { firstWords, words } from '../support/scene.ts';

const LEASE_MS = 1_500;
const kinds: readonly DeviceKind[] = ['websocket', 'sse', 'long-poll'];

let redis: RedisProcess;
let nodes: Nodes;
beforeAll(async () => {
  redis = await startRedis();
  nodes = await openNodes({
    redis,
    proxied: true,
    env: {
      ...preload,
      LEASE_MS: `${LEASE_MS}`,
      TEST_BLOCK_MS: `${2 * LEASE_MS}`,
      MODEL: 'ollama',
      OLLAMA_SLOTS: '3',
    },
    envOf: (index) => ({ TEST_CLOCK_AHEAD_MS: String((index - 1) * 600_000) }),
  });
});
afterEach(async () => {
  nodes.fake.release();
  nodes.fake.always({});
  await nodes.startAll();
  await nodes.fake.idle();
});
afterAll(() => nodes[Symbol.asyncDispose]());

/** Three followers from where the client stands, one at each node, each over a transport of its own. */
const followers = (client: Client) => kinds.map((kind, i) => nodes.follow(kind, i, client.copy()).client);

const allEnded = (clients: readonly Client[], turnId: string) =>
  Promise.all(clients.map((client) => client.ended(turnId, 60_000)));

const Ended = z.looseObject({ gen: z.coerce.number(), attempts: z.coerce.number() });

/** How the first turn of a session ended, as the store has it. */
async function endOf(sessionId: string) {
  const key = `stillpoint:{${sessionKey({ tenant: 'default', sessionId })}}:t`;
  return Ended.parse(JSON.parse(await redis.command('HGET', key, '1.e')));
}

test('the clocks of the nodes are ten minutes apart (scenario 38)', () => {
  const times = nodes.all.map((node) => Number(node.logged('listening')[0]?.['time']));

  expect(times.map((time) => Math.round((time - (times[1] ?? 0)) / 300_000))).toEqual([-2, 0, 2]);
});

test(`[P-3] [P-8] a reply whose owner is killed at any word goes on at one other node, and everybody has it exactly (seed ${seed}) (scenarios 25, 30)`, async () => {
  const reply = words(60);
  const at = randomFrom(seed).between(1, 59);
  nodes.fake.always({ reply });
  nodes.fake.hold('piece', at);
  const { client, admission } = await nodes.speak(0, 'any-word', 'I feel restless');
  const all = followers(client);
  const record = await nodes.fake.reached('piece', at);
  await nodes.ownerOf(record).kill();
  nodes.fake.release();

  const turns = await allEnded(all, admission.turn_id);

  expect(turns.map(({ text }) => text)).toEqual([reply, reply, reply]);
  expect(await nodes.agree(all)).toMatchObject([{ state: 'done', text: reply }]);
  expect(all.every(({ counts }) => counts.snapshots === 0 && counts.resets === 0)).toBe(true);
  expect(await endOf('any-word')).toMatchObject({ gen: 2, attempts: 2 });
  expect(nodes.running.flatMap((node) => node.logged('turns taken over'))).toMatchObject([{ taken: 1 }]);
});

test('[P-8] a turn of which every new owner is killed too goes on while it makes progress (scenario 26)', async () => {
  const reply = words(40);
  nodes.fake.always({ reply });
  nodes.fake.hold('piece', 4);
  const { client, admission } = await nodes.speak(1, 'new-owners', 'hello');
  const all = followers(client);
  const starts: Promise<void>[] = [];
  for (let kills = 0, from = nodes.fake.requests.length - 1; kills < 4; kills++) {
    const record = await nodes.fake.reached('piece', 4, from);
    from = record.index + 1;
    const owner = nodes.ownerOf(record);
    const shown = firstWords(reply, 4 * (kills + 1));
    await Promise.all(all.map((one) => one.until(() => one.text() === shown, `${shown.length} characters`)));
    await owner.kill();
    starts.push(owner.start());
  }
  nodes.fake.release();
  await Promise.all(starts);

  const turns = await allEnded(all, admission.turn_id);

  expect(turns.map(({ text }) => text)).toEqual([reply, reply, reply]);
  await nodes.agree(all);
  expect(await endOf('new-owners')).toMatchObject({ gen: 5, attempts: 5 });
});

test('[P-8] turns killed in the queue, before the request, in the prompt and behind the last word end once and whole (scenarios 27, 53, 62)', async () => {
  const reply = words(10);
  nodes.fake.always({ reply });
  const from = nodes.fake.requests.length;
  nodes.fake.hold('done');
  const spoken = [await nodes.speak(2, 'behind-the-last-word', 'hello')];
  await nodes.fake.reached('done', 0, from);
  nodes.fake.hold('prompt');
  spoken.push(await nodes.speak(2, 'in-the-prompt', 'hello'));
  await nodes.fake.reached('prompt', 0, from + 1);
  nodes.fake.hold('request');
  spoken.push(await nodes.speak(2, 'before-the-request', 'hello'));
  spoken.push(await nodes.speak(2, 'in-the-queue', 'hello'));
  expect(spoken.map(({ admission }) => admission.position)).toEqual([undefined, undefined, undefined, 1]);
  const all = spoken.map(({ client }) => followers(client));
  await nodes.node(2).kill();
  nodes.fake.release();

  for (const [i, { admission }] of spoken.entries()) {
    const turns = await allEnded(all[i] ?? [], admission.turn_id);
    expect(turns.map(({ text }) => text)).toEqual([reply, reply, reply]);
    expect(await nodes.agree(all[i] ?? [])).toMatchObject([{ state: 'done', n: 1 }]);
  }
});

const stalls = [
  {
    how: 'is stopped for longer than its lease',
    scenario: 28,
    stall: async () => nodes.node(0).freeze(),
    wake: () => nodes.node(0).thaw(),
  },
  {
    how: 'does not get to its event loop for two leases',
    scenario: 39,
    stall: async () => {
      nodes.node(0).server.signal('SIGUSR2');
      await nodes.node(0).server.logged('blocked');
    },
    wake: () => {},
  },
  {
    // what it sends meanwhile comes late, not never
    how: 'is cut off from Redis, but not from the model and from clients,',
    scenario: 29,
    stall: async () => nodes.node(0).toRedis.pause(),
    wake: () => nodes.node(0).toRedis.resume(),
  },
];

test.for(stalls)(
  '[P-5] an owner that $how is fenced off when it is back, shows nothing that is not in the log, and leaves the model (scenario $scenario)',
  async ({ stall, wake, scenario }) => {
    const reply = words(40);
    const shown = firstWords(reply, 10);
    const id = `stalled ${scenario}`;
    nodes.fake.always({ reply });
    // it gets ten words more, and would say them
    nodes.fake.next({ reply, fault: { kind: 'silence', after: 20 } });
    nodes.fake.hold('piece', 10);
    const from = nodes.fake.requests.length;
    const { client, admission } = await nodes.speak(0, id, 'hello');
    const all = followers(client);
    const record = await nodes.fake.reached('piece', 10, from);
    await Promise.all(all.map((one) => one.until(() => one.text() === shown, 'ten words')));
    await stall();
    nodes.fake.hold('prompt');
    nodes.fake.release('piece', 10);
    const next = await nodes.fake.reached('prompt', 0, record.index + 1);
    wake();
    await nodes.fake.until(() => record.ending === 'client', 'the end of the first request');

    expect(nodes.ownerOf(next).index).not.toBe(0);
    const log = await nodes.log(id, nodes.ownerOf(next).index);
    expect(log.map(({ text }) => text)).toEqual([shown]);
    expect(all.map((one) => one.text())).toEqual([shown, shown, shown]);
    nodes.fake.release();
    await allEnded(all, admission.turn_id);
    expect(await nodes.agree(all)).toMatchObject([{ state: 'done', text: reply }]);
    expect(await endOf(id)).toMatchObject({ gen: 2 });
    const later = await nodes.speak(0, id, 'and now?');
    expect(await later.client.ended(later.admission.turn_id)).toMatchObject({ n: 2, text: reply });
    expect(nodes.node(0).logged('turn failed')).toEqual([]);
  },
);

test('[P-8] turns go on when all nodes were killed and started again, and cursors stay good (scenario 31)', async () => {
  const reply = words(20);
  nodes.fake.always({ reply });
  nodes.fake.hold('piece', 5);
  const ids = Array.from({ length: 5 }, (_, i) => `all-killed-${i}`);
  const spoken = await Promise.all(ids.map((id, i) => nodes.speak(i % 3, id, 'hello')));
  const all = spoken.map(({ client }) => followers(client));
  for (let i = 0; i < 3; i++) await nodes.node(i).kill();
  nodes.fake.release();
  await nodes.startAll();

  for (const [i, { admission }] of spoken.entries()) {
    const turns = await allEnded(all[i] ?? [], admission.turn_id);
    expect(turns.map(({ text }) => text)).toEqual([reply, reply, reply]);
    expect(all[i]?.every(({ counts }) => counts.snapshots === 0)).toBe(true);
    await nodes.agree(all[i] ?? []);
  }
});

test('[P-8] a turn that kills its owner at every attempt ends with therapist:error, and the others live (scenario 37)', async () => {
  nodes.fake.always({ reply: words(10) });
  nodes.fake.hold('prompt');
  let from = nodes.fake.requests.length;
  const { client, admission } = await nodes.speak(0, 'poison', 'hello');
  const all = followers(client);
  const starts: Promise<void>[] = [];
  for (let attempt = 1; attempt <= 3; attempt++) {
    const record = await nodes.fake.reached('prompt', 0, from);
    from = record.index + 1;
    const owner = nodes.ownerOf(record);
    await owner.kill();
    starts.push(owner.start());
  }
  const turns = await allEnded(all, admission.turn_id);
  await Promise.all(starts);
  nodes.fake.release();

  expect(turns).toMatchObject([{ state: 'failed' }, { state: 'failed' }, { state: 'failed' }]);
  await nodes.agree(all);
  const next = await nodes.speak(1, 'not-poison', 'hello');
  expect(await next.client.ended(next.admission.turn_id)).toMatchObject({ state: 'done', text: words(10) });
});
