import { afterAll, beforeAll } from 'vitest';
import { storeConformance } from '../conformance/store.ts';
import type { RedisCluster, RedisProcess } from '../support/redis-server.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';
import { newMaster, openRedisBench } from '../support/redis-store.ts';

let redis: RedisProcess;
let cluster: RedisCluster;

beforeAll(async () => {
  [redis, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
});

afterAll(() => Promise.all([redis[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()]));

storeConformance('redis', () => openRedisBench([redis.url]), { survives: true });
const encrypted = [newMaster()];
storeConformance('redis, encrypted', () => openRedisBench([redis.url], encrypted), { survives: true });
storeConformance('redis cluster, encrypted', () => openRedisBench(cluster.urls, encrypted), {
  survives: true,
});
