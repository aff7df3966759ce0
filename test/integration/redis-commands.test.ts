// What a command leaves behind once it was answered.
import { createHook } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { createRedisClient, createRedisCluster } from '../../src/redis.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';

const COMMANDS = 200;
/** The connection itself has some: it asks now and then whether Redis is there. */
const FEW = COMMANDS / 10;

/** Timers that were made by so many commands, one after the other, and are there still. */
async function timersAfter(send: () => Promise<unknown>): Promise<number> {
  const timers = new Set<number>();
  const hook = createHook({
    init: (id, type) => void (type === 'Timeout' && timers.add(id)),
    destroy: (id) => void timers.delete(id),
  });
  hook.enable();
  for (let n = 0; n < COMMANDS; n += 1) await send();
  hook.disable();
  return timers.size;
}

test('a command that was answered leaves no timer', async () => {
  await using redis = await startRedis();
  const client = createRedisClient([redis.url]);
  client.on('error', () => {});
  await client.connect();

  const timers = await timersAfter(() => client.sendCommand(['GET', 'key']));

  client.destroy();
  expect(timers).toBeLessThan(FEW);
});

test('a command that a Cluster answered leaves none either', async () => {
  await using redis = await startRedisCluster();
  const cluster = createRedisCluster(redis.urls);
  cluster.on('error', () => {});
  await cluster.connect();

  const timers = await timersAfter(() => cluster.sendCommand('key', true, ['GET', 'key']));

  cluster.destroy();
  expect(timers).toBeLessThan(FEW);
});
