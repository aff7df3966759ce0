// Stores on a Redis of the tests, each case with keys of its own and a clock that it moves.
import { randomBytes, randomUUID } from 'node:crypto';
import { openRedis } from '../../src/store/redis-open.ts';
import { RedisIndex } from '../../src/store/redis-index.ts';
import { RedisKeys } from '../../src/store/redis-keys.ts';
import type { RedisLink } from '../../src/store/redis-link.ts';
import { RedisScan } from '../../src/store/redis-scan.ts';
import { RedisVault } from '../../src/store/redis-vault.ts';
import { RedisStore } from '../../src/store/redis.ts';
import type { MasterKey } from '../../src/store/vault.ts';
import { masterKey, Vault } from '../../src/store/vault.ts';
import type { StoreUnderTest } from '../conformance/store-bench.ts';
import { LEASE_MS } from '../conformance/store-bench.ts';

/** What a test does to Redis besides. */
export interface RedisBench extends StoreUnderTest {
  store: RedisStore;
  readonly prefix: string;
  /** What was written to the log, by message. */
  readonly logged: string[];
  /** One more node; it has the same master keys unless others are given. */
  join(masters?: readonly MasterKey[]): Promise<RedisStore>;
  /** A node that sees to the keys of all sessions when it is told to, and does nothing else. */
  keeper(masters: readonly MasterKey[]): Promise<Keeper>;
}

export interface Keeper {
  vault: RedisVault;
  keys: RedisKeys;
  link: RedisLink;
}

export const newMaster = (): MasterKey => masterKey(randomBytes(32));

/** Without master keys nothing is encrypted. */
export async function openRedisBench(
  urls: readonly string[],
  masters: readonly MasterKey[] = [],
): Promise<RedisBench> {
  const resources = new AsyncDisposableStack();
  const prefix = randomUUID();
  const logged: string[] = [];
  const write = (_fields: object, message: string) => void logged.push(message);
  const log = { info: write, warn: write };
  let aheadMs = 0;
  const connect = async () => resources.use(await openRedis({ urls, prefix, aheadMs: () => aheadMs, log }));
  const join = async (keys = masters) => {
    const link = await connect();
    return resources.use(await RedisStore.open(link, log, new Vault(keys)));
  };
  const store = await join();
  return {
    store,
    prefix,
    logged,
    join,
    keeper: async (own) => {
      const link = await connect();
      const index = new RedisIndex(link);
      const keys = new RedisKeys(link, new Vault(own));
      const scan = new RedisScan(link, index, keys);
      return { vault: resources.use(new RedisVault(link, index, keys, scan, log, () => {})), keys, link };
    },
    advance: async (ms) => void (aheadMs += ms),
    restart: async () => {
      await store[Symbol.asyncDispose]();
      aheadMs += LEASE_MS + 1;
      return join();
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
