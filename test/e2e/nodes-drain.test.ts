// Nodes that are ended as an operator ends them.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { sessionKey } from '../../src/store/envelope.ts';
import { Client, FoldError } from '../support/fold.ts';
import { openNodes } from '../support/node-cluster.ts';
import type { Nodes } from '../support/node-cluster.ts';
import { randomFrom, seed } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { pathOf, rest } from '../support/rest.ts';
import { words } from '../support/scene.ts';

const reply = words(30);

let redis: RedisProcess;
let nodes: Nodes;
beforeAll(async () => {
  const env = { MODEL: 'ollama', OLLAMA_SLOTS: '8', LEASE_MS: '4000', DRAIN_MS: '200' };
  redis = await startRedis();
  nodes = await openNodes({ redis, env, fake: { behaviour: { reply } } });
});
afterEach(async () => {
  nodes.fake.release();
  await nodes.startAll();
});
afterAll(() => nodes[Symbol.asyncDispose]());

/** Until when the live turn of a session is somebody's. */
async function leaseOf(sessionId: string) {
  const key = `stillpoint:{${sessionKey({ tenant: 'default', sessionId })}}:v`;
  const [until, generation] = (await redis.command('HMGET', key, 'until', 'gen')).split('\n');
  return { until, generation };
}

test('[P-8] turns that a node cannot finish before it is ended go on at others at once, and its followers too (scenario 75)', async () => {
  nodes.fake.hold('piece', 5);
  const ids = Array.from({ length: 10 }, (_, i) => `drained ${i}`);
  const spoken = await Promise.all(ids.map((id) => nodes.speak(0, id, 'hello')));
  const atFive = () => nodes.fake.of('chat').filter(({ piecesSent }) => piecesSent === 5);
  await nodes.fake.until(() => atFive().length === 8, 'eight turns at their fifth word');
  const kinds = ['websocket', 'sse', 'long-poll'] as const;
  const followed = spoken.map(
    ({ client }, i) => nodes.follow(kinds[i % 3] ?? 'sse', 0, client.copy()).client,
  );
  const exit = await nodes.node(0).stop();
  const leases = await Promise.all(ids.map(leaseOf));
  nodes.fake.release();
  const turns = await Promise.all(
    followed.map((client, i) => client.ended(spoken[i]?.admission.turn_id ?? '', 60_000)),
  );

  expect(exit).toEqual({ code: 0, signal: null });
  // given back, or another node's by now
  expect(leases.filter(({ until, generation }) => until !== '0' && generation === '1')).toEqual([]);
  expect(turns.map(({ text }) => text)).toEqual(turns.map(() => reply));
  for (const client of followed) await nodes.agree([client]);
  expect(followed.every(({ counts }) => counts.snapshots === 0 && counts.resets === 0)).toBe(true);
});

/** Says something to any node that takes it, with the same input id each time, until it is taken. */
async function says(client: Client, n: number, random: Random): Promise<string> {
  const body = { user_input: `says ${n}`, input_id: `input ${n}` };
  const line = `POST ${pathOf(client.sessionId, '/input')}`;
  const headers = { Prefer: 'respond-async' };
  for (;;) {
    const { url } = nodes.all[random.between(0, 2)] ?? nodes.node(0);
    const answer = await rest(url, line, { body, headers }).catch(() => undefined);
    if (answer?.status === 202) return String(answer.body['turn_id']);
    if (answer) expect(answer).toMatchObject({ status: 503, body: { code: 'DRAINING' } });
    await pause(20);
  }
}

test(`[P-2] [P-3] through a rolling restart under load nothing is lost, and inputs are refused as draining or not at all (seed ${seed}) (scenario 76)`, async () => {
  const random = randomFrom(seed);
  nodes.fake.always({ reply, rate: 150 });
  const clients = Array.from({ length: 6 }, (_, i) => new Client(`rolling ${i}`));
  let isOver = false;
  const talks = clients.map(async (client, i) => {
    for (let n = 1; ; n++) {
      const turnId = await says(client, n, random);
      if (n === 1) nodes.follow(i % 2 === 0 ? 'websocket' : 'sse', i % 3, client);
      await client.until(() => client.turns.some((turn) => turn.turnId === turnId), 'the turn', 60_000);
      const turn = await client.ended(turnId, 60_000);
      if (turn.text !== reply) throw new FoldError('text', `${turn.state} ${turn.text}`);
      if (isOver) return n;
    }
  });
  for (const node of nodes.all) {
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    await node.start();
  }
  isOver = true;
  const counts = await Promise.all(talks);

  for (const [i, client] of clients.entries()) {
    const turns = await nodes.agree([client]);
    expect(turns.map(({ n, state }) => `${n} ${state}`)).toEqual(
      Array.from({ length: counts[i] ?? 0 }, (_, k) => `${k + 1} done`),
    );
  }
});
