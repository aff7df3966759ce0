// What an operator sees of several nodes at once.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { asOperator, NodePair } from '../support/node-pair.ts';
import { startRedis } from '../support/redis-server.ts';
import { rest } from '../support/rest.ts';

const Overview = z.object({
  nodes: z.array(
    z.looseObject({
      node: z.string(),
      sessions: z.array(z.looseObject({ name: z.string(), followers: z.int() })),
    }),
  ),
});
const epochOf = (session: unknown): string => z.looseObject({ epoch: z.string() }).parse(session).epoch;

test('two nodes tell an operator what both do, and neither an id nor a word of anybody', async () => {
  await using redis = await startRedis();
  await using pair = await NodePair.open([redis.url], async (...args) => [await redis.command(...args)]);
  const socket = await pair.socket(0, 'crm_user_41');
  await pair.stream(1, 'crm_user_41');
  const { session } = await socket.must('session:join', { session_id: 'crm_user_41' });

  const { body, text: raw } = await asOperator(pair.url(1), 'GET /overview');
  const other = await asOperator(pair.url(0), 'GET /overview');
  const [refused] = [await rest(pair.url(0), 'GET /api/v1/operator/overview')];

  const { nodes } = Overview.parse(body);
  expect(nodes).toHaveLength(2);
  expect(Overview.parse(other.body).nodes.map(({ node }) => node)).toEqual(
    nodes.map(({ node }) => node).toReversed(),
  );
  const seen = nodes.flatMap(({ sessions }) => sessions);
  expect(seen).toMatchObject([
    { followers: 1, turn: null },
    { followers: 1, turn: null },
  ]);
  expect(new Set(seen.map(({ name }) => name)).size).toBe(1);
  expect(raw).not.toMatch(/crm_user|anonymous/);
  expect(raw).not.toContain(epochOf(session));
  expect(refused.status).toBe(401);
});
