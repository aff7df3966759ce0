// Stores on a Redis of the tests, each case with keys of its own and a clock that it moves.
import { randomUUID } from 'node:crypto';
import { openRedis } from '../../src/store/redis-open.ts';
import { RedisStore } from '../../src/store/redis.ts';
import type { StoreUnderTest } from '../conformance/store-bench.ts';
import { LEASE_MS } from '../conformance/store-bench.ts';

/** What a test does to Redis besides. */
export interface RedisBench extends StoreUnderTest {
  store: RedisStore;
  readonly prefix: string;
  /** What was written to the log, by message. */
  readonly logged: string[];
  /** One more node. */
  join(): Promise<RedisStore>;
}

export async function openRedisBench(urls: readonly string[]): Promise<RedisBench> {
  const resources = new AsyncDisposableStack();
  const prefix = randomUUID();
  const logged: string[] = [];
  const write = (_fields: object, message: string) => void logged.push(message);
  const log = { info: write, warn: write };
  let aheadMs = 0;
  const join = async () => {
    const link = await openRedis({ urls, prefix, aheadMs: () => aheadMs, log });
    return resources.use(new RedisStore(link, log));
  };
  const store = await join();
  return {
    store,
    prefix,
    logged,
    join,
    advance: async (ms) => void (aheadMs += ms),
    restart: async () => {
      await store[Symbol.asyncDispose]();
      aheadMs += LEASE_MS + 1;
      return join();
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
