// The adapter of Socket.IO for several nodes: Redis's sharded pub/sub, over connections of its own.
import { createShardedAdapter } from '@socket.io/redis-adapter';
import type { ServerOptions } from 'socket.io';
import { createRedisClient, createRedisCluster, isCluster, lookAtRedis, reasonOf } from '../redis.ts';

/** Makes the adapter of one Socket.IO server. */
export type AdapterFactory = NonNullable<ServerOptions['adapter']>;

export interface ControlAdapterOptions {
  /** `redis://…` or `rediss://…`; of a Cluster, one of its nodes or several. */
  urls: readonly string[];
  /** What every channel begins with. Nodes of one prefix are one group. */
  prefix: string;
  log: { warn(facts: object, message: string): void };
}

/** For one server; to be disposed of when that is closed. */
export interface ControlAdapter extends AsyncDisposable {
  readonly adapter: AdapterFactory;
}

type Listener = (message: Buffer, channel: Buffer) => void;

/** What is used of a client, of one server or of a Cluster. */
interface Client {
  publish(channel: string, message: string | Buffer): Promise<unknown>;
  subscribe(channel: string, listener: Listener): Promise<unknown>;
  unsubscribe(channel: string, listener: Listener): Promise<unknown>;
  /** How many listen to the channel. */
  count(channel: string): Promise<number>;
  destroy(): void;
}

/** How often a subscription is looked after: one that is there costs nothing. */
const LOOK_MS = 1_000;
/** One that was asked for and not answered for so long is asked for again. */
const PATIENCE_MS = 10_000;
/** Messages that may be on their way at once, while Redis is silent. */
const WAITING_MAX = 1_000;

/**
 * Opens the connections. While Redis is away each node serves its own clients: what is said to other nodes is dropped, and
 * subscriptions come back by themselves. Rejects with an Error of one line when nobody answers within ten seconds.
 */
export async function openControlAdapter(options: ControlAdapterOptions): Promise<ControlAdapter> {
  const { urls, prefix, log } = options;
  const client = isCluster(await lookAtRedis(urls)) ? await openCluster(urls) : await openSingle(urls);
  const channels = new Channels(client, log);
  // static: no subscription is made for a room, and no name of one means anything (ids of 20 characters do in other modes)
  const settings = { channelPrefix: `${prefix}:nodes`, subscriptionMode: 'static' } as const;
  return {
    adapter: createShardedAdapter(channels, channels, settings),
    [Symbol.asyncDispose]: async () => channels.close(),
  };
}

async function openSingle(urls: readonly string[]): Promise<Client> {
  const publisher = createRedisClient(urls);
  const subscriber = createRedisClient(urls);
  // without a listener an error of a connection ends the process; that Redis is away the store says
  for (const client of [publisher, subscriber]) client.on('error', () => {});
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return {
    publish: (channel, message) => publisher.sPublish(channel, message),
    subscribe: (channel, listener) => subscriber.sSubscribe(channel, listener, true),
    unsubscribe: (channel, listener) => subscriber.sUnsubscribe(channel, listener, true),
    count: async (channel) => countIn(await publisher.sendCommand(askCount(channel))),
    destroy: () => [publisher, subscriber].forEach((client) => client.destroy()),
  };
}

async function openCluster(urls: readonly string[]): Promise<Client> {
  const cluster = createRedisCluster(urls);
  cluster.on('error', () => {});
  await cluster.connect();
  return {
    publish: (channel, message) => cluster.sPublish(channel, message),
    subscribe: (channel, listener) => cluster.sSubscribe(channel, listener, true),
    unsubscribe: (channel, listener) => cluster.sUnsubscribe(channel, listener, true),
    count: (channel) => countOnMasters(cluster, channel),
    destroy: () => cluster.destroy(),
  };
}

const askCount = (channel: string): string[] => ['PUBSUB', 'SHARDNUMSUB', channel];
const countIn = (answer: unknown): number => (Array.isArray(answer) ? Number(answer[1]) : 0);

/** The command has no key, and the library sends such a one anywhere; only the master of the slot knows. One that is away has no listeners. */
async function countOnMasters(
  cluster: ReturnType<typeof createRedisCluster>,
  channel: string,
): Promise<number> {
  const counts = cluster.masters.map(async (master) => {
    const client = await cluster.nodeClient(master);
    return countIn(await client.sendCommand(askCount(channel)));
  });
  const settled = await Promise.allSettled(counts);
  return settled.reduce((sum, count) => sum + (count.status === 'fulfilled' ? count.value : 0), 0);
}

interface Subscription {
  listener: Listener;
  /** Since when it is asked for; null: that was answered. */
  askedAt: number | null;
}

/**
 * The client that the adapter takes for one of the package `redis`. The adapter waits for no answer: here nothing is rejected
 * unheard, and a subscription that was lost or refused is made again.
 */
class Channels {
  readonly #client: Client;
  readonly #log: ControlAdapterOptions['log'];
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #timer: NodeJS.Timeout;
  #waiting = 0;
  /** Whether it was said that messages get lost. */
  #isTold = false;

  constructor(client: Client, log: ControlAdapterOptions['log']) {
    this.#client = client;
    this.#log = log;
    this.#timer = setInterval(() => this.#lookAfterAll(), LOOK_MS);
    this.#timer.unref();
  }

  async sPublish(channel: string, message: string | Buffer): Promise<void> {
    this.#waiting += 1;
    try {
      if (this.#waiting > WAITING_MAX) throw new Error('Redis does not answer');
      await this.#client.publish(channel, message);
      this.#isTold = false;
    } catch (error) {
      if (this.#isTold) return;
      this.#isTold = true;
      this.#log.warn({ reason: reasonOf(error) }, 'other nodes cannot be told: notices reach this one only');
    } finally {
      this.#waiting -= 1;
    }
  }

  sSubscribe(channel: string, heard: Listener): void {
    const listener: Listener = (message, from) => {
      try {
        heard(message, from);
      } catch (error) {
        // thrown on, it would end the process
        this.#log.warn({ err: error }, 'what another node said could not be read');
      }
    };
    const subscription = { listener, askedAt: null };
    this.#subscriptions.set(channel, subscription);
    this.#lookAfter(channel, subscription);
  }

  sUnsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    this.#subscriptions.delete(channel);
    // one that cannot be told now is told by the end of the connection
    if (subscription) this.#client.unsubscribe(channel, subscription.listener).catch(() => undefined);
  }

  /** The adapter asks nothing but how many listen. */
  async sendCommand([, , channel = '']: string[]): Promise<[channel: string, count: number]> {
    return [channel, await this.#client.count(channel)];
  }

  #lookAfterAll(): void {
    for (const [channel, subscription] of this.#subscriptions) this.#lookAfter(channel, subscription);
  }

  /** The client asks Redis only where it is not subscribed yet. */
  #lookAfter(channel: string, subscription: Subscription): void {
    const now = performance.now();
    const { askedAt, listener } = subscription;
    if (askedAt !== null && now - askedAt < PATIENCE_MS) return;
    subscription.askedAt = now;
    const answered = () => void (subscription.askedAt = null);
    this.#client.subscribe(channel, listener).then(answered, answered);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#subscriptions.clear();
    this.#client.destroy();
  }
}
