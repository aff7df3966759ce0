import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import { hostName } from '../model/host-name.ts';
import { LocalSlots } from '../store/local-slots.ts';
import type { Slots } from '../store/slots.ts';
import { openSqlite } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { Vault } from '../store/vault.ts';
import { readMasterKeys } from './master-keys.ts';

/** What is kept, and who waits for the model: on this machine alone, or on Redis with other nodes. */
export interface Kept {
  store: Store;
  slots: Slots;
  /** ms since 1970, by a clock that all nodes share. */
  now: () => number;
}

/** As the settings want it. Rejects with an Error of one line, fit for the person who starts the server. */
export async function openStore(config: Config, log: Log, resources: AsyncDisposableStack): Promise<Kept> {
  const { ENCRYPTION_KEY_FILE: path } = config;
  const vault = new Vault(path === '' ? [] : readMasterKeys(resolve(path)));
  return config.REDIS_URL.length === 0
    ? openEmbedded(config, vault, log, resources)
    : openShared(config, vault, log, resources);
}

async function openEmbedded(
  config: Config,
  vault: Vault,
  log: Log,
  resources: AsyncDisposableStack,
): Promise<Kept> {
  const store = await openSqlite({
    directory: resolve(config.DATA_DIR),
    durability: config.DURABILITY,
    vault,
    log,
    onFault: (error) => log.error({ err: error }, 'the store failed in something nobody waits for'),
  });
  resources.use(store);
  const { OLLAMA_SLOTS: size, OLLAMA_QUEUE: maxWaiting } = config;
  return { store, slots: resources.use(new LocalSlots({ size, maxWaiting })), now: Date.now };
}

async function openShared(
  config: Config,
  vault: Vault,
  log: Log,
  resources: AsyncDisposableStack,
): Promise<Kept> {
  // loaded where it is used only: every start would pay for it
  const [{ openRedis }, { RedisClock }, { RedisSlots }, { RedisStore }] = await Promise.all([
    import('../store/redis-open.ts'),
    import('../store/redis-clock.ts'),
    import('../store/redis-slots.ts'),
    import('../store/redis.ts'),
  ]);
  const link = resources.use(await openRedis({ urls: config.REDIS_URL, prefix: config.REDIS_PREFIX, log }));
  const store = resources.use(await RedisStore.open(link, log, vault));
  const slots = new RedisSlots(link, {
    model: config.OLLAMA_MODEL,
    hosts: [...new Set(config.OLLAMA_BASE_URL.map((url) => hostName(url, hostname())))],
    size: config.OLLAMA_SLOTS,
    maxWaiting: config.OLLAMA_QUEUE,
    leaseMs: config.LEASE_MS,
    log,
  });
  const clock = resources.use(new RedisClock(link));
  await clock.sync();
  return { store, slots: resources.use(slots), now: clock.now };
}
