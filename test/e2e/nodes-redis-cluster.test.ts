// The same on a Redis Cluster: every step of a session lies in one slot, and a master may come and go.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openNodes } from '../support/node-cluster.ts';
import type { Nodes } from '../support/node-cluster.ts';
import { startRedisCluster } from '../support/redis-server.ts';
import type { RedisCluster } from '../support/redis-server.ts';
import { firstWords, words } from '../support/scene.ts';

const reply = words(30);

let redis: RedisCluster;
let nodes: Nodes;
beforeAll(async () => {
  redis = await startRedisCluster({ persistent: true });
  nodes = await openNodes({ redis, count: 2, env: { MODEL: 'ollama', OLLAMA_SLOTS: '20' } });
});
afterAll(() => nodes[Symbol.asyncDispose]());

test('[P-3] [P-8] sessions in all slots outlive the death of their node and of a master (scenarios 25, 41, 49)', async () => {
  nodes.fake.always({ reply });
  nodes.fake.hold('piece', 10);
  const ids = Array.from({ length: 12 }, (_, i) => `session ${i}`);
  const spoken = await Promise.all(ids.map((id) => nodes.speak(0, id, 'hello')));
  const followed = spoken.map(
    ({ client }, i) => nodes.follow(i % 2 === 0 ? 'websocket' : 'sse', 1, client.copy()).client,
  );
  const upTo = firstWords(reply, 10);
  await Promise.all(followed.map((one) => one.until(() => one.text() === upTo, 'ten words', 60_000)));
  const [master] = redis.nodes;
  await master?.persisted();
  await master?.kill();
  await nodes.node(0).kill();
  nodes.fake.release();
  const ends = followed.map((one, i) => one.ended(spoken[i]?.admission.turn_id ?? '', 40_000));
  // those of the other two masters need the whole cluster too: it says when it has noticed
  await redis.nodes[1]?.logged((log) => log.includes('Cluster state changed: fail'), 'the loss of a master');
  await master?.restart();
  await redis.ready();
  const turns = await Promise.all(ends);

  expect(turns.map(({ text, state }) => ({ text, state }))).toEqual(
    turns.map(() => ({ text: reply, state: 'done' })),
  );
  for (const client of followed) await nodes.agree([client]);
  expect(followed.filter(({ counts }) => counts.snapshots > 0 || counts.resets > 0)).toEqual([]);
  const places = await redis.commandAll('DBSIZE');
  expect(places.every((size) => Number(size) > 0)).toBe(true);
});
