// Opens the connections to Redis, after a look at what answers there.
import { createRedisClient, createRedisCluster, isCluster, lookAtRedis, reasonOf } from '../redis.ts';
import type { LinkOptions, Reply } from './redis-link.ts';
import { RedisLink } from './redis-link.ts';
import { RedisWakes } from './redis-wakes.ts';

export interface RedisOptions extends LinkOptions {
  /** `redis://…` or `rediss://…`; of a Cluster, one of its nodes or several. */
  urls: readonly string[];
  /** How long Redis is waited for at the start, in ms; default 10,000. */
  startMs?: number;
  /** Told when Redis comes and goes, and what a wake-up throws. */
  log: { info(facts: object, message: string): void; warn(facts: object, message: string): void };
}

/** The first version with sharded pub/sub. */
const MIN_VERSION = 7;

/**
 * Opens the way to Redis, or to the Cluster it is a node of. Rejects with an Error of one line, fit for the person who
 * starts the server, when nobody answers in time, or when it is a Redis that cannot keep what is promised.
 */
export async function openRedis(options: RedisOptions): Promise<RedisLink> {
  const info = await lookAtRedis(options.urls, options.startMs);
  judge(info, options.log);
  return isCluster(info) ? openCluster(options) : openSingle(options);
}

async function openSingle({ urls, log, ...rest }: RedisOptions): Promise<RedisLink> {
  const commands = createRedisClient(urls);
  const subscriber = createRedisClient(urls);
  const wakes = new RedisWakes(subscriber, (error) => log.warn({ err: error }, 'a wake-up failed'));
  tellOf(commands, log);
  // without a listener an error of a connection ends the process
  subscriber.on('error', () => {});
  subscriber.on('ready', () => wakes.wakeAll());
  await Promise.all([commands.connect(), subscriber.connect()]);
  const send = (_key: string, command: string[]) => commands.sendCommand<Reply>(command);
  const masters = () => [{ id: 'one', send: (...command: string[]) => commands.sendCommand<Reply>(command) }];
  return new RedisLink(rest, { send, masters, destroy: () => commands.destroy() }, wakes);
}

async function openCluster({ urls, log, ...rest }: RedisOptions): Promise<RedisLink> {
  const cluster = createRedisCluster(urls);
  const wakes = new RedisWakes(cluster, (error) => log.warn({ err: error }, 'a wake-up failed'));
  tellOf(cluster, log);
  cluster.on('node-ready', () => wakes.wakeAll());
  await cluster.connect();
  const send = (key: string, command: string[]) => cluster.sendCommand<Reply>(key, false, command);
  const masters = () =>
    cluster.masters.map((master) => ({
      id: master.id,
      send: async (...command: string[]) => (await cluster.nodeClient(master)).sendCommand<Reply>(command),
    }));
  return new RedisLink(rest, { send, masters, destroy: () => {} }, wakes);
}

/** Says once that Redis is gone, and once that it is back. */
function tellOf(
  client: { on(event: string, listener: (error?: unknown) => void): unknown },
  log: RedisOptions['log'],
): void {
  let isGone = false;
  client.on('error', (error) => {
    if (isGone) return;
    isGone = true;
    log.warn({ reason: reasonOf(error) }, 'Redis is away');
  });
  for (const event of ['ready', 'node-ready']) {
    client.on(event, () => {
      if (isGone) log.info({}, 'Redis is back');
      isGone = false;
    });
  }
}

function judge(info: ReadonlyMap<string, string>, log: RedisOptions['log']): void {
  const version = info.get('redis_version') ?? '';
  if (Number.parseInt(version, 10) < MIN_VERSION) {
    throw new Error(`Redis ${MIN_VERSION} or newer is needed (or Valkey), this is ${version}.`);
  }
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  const isBounded = Number(info.get('maxmemory') ?? 0) > 0;
  if (policy !== 'noeviction' && isBounded) {
    throw new Error(
      `Redis would throw away conversations when its memory is full: its maxmemory-policy is ${policy}; set it to noeviction.`,
    );
  }
  if (policy !== 'noeviction') {
    log.warn(
      { policy },
      'maxmemory-policy of Redis should be noeviction: with a maxmemory it would throw away conversations',
    );
  }
  if (info.get('aof_enabled') === '0') {
    log.warn(
      {},
      'Redis writes no append-only file: when it is restarted, what was said since its last snapshot is gone',
    );
  }
}
