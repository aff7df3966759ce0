// Counters that all nodes share, on Redis or a Cluster of them, over a connection of their own.
import { createRedisClient, createRedisCluster, isCluster, lookAtRedis, reasonOf } from '../redis.ts';
import type { Log } from '../log.ts';
import type { CounterCall, Counters } from './rate-limits.ts';

export interface RedisCountersOptions {
  /** `redis://…` or `rediss://…`; of a Cluster, one of its nodes or several. */
  urls: readonly string[];
  /** What every key begins with. Nodes of one prefix count together. */
  prefix: string;
  log: Pick<Log, 'info' | 'warn'>;
}

/** What is used of a client, of one server or of a Cluster. */
interface Client {
  eval(script: string, call: CounterCall): Promise<unknown>;
  destroy(): void;
}

/** A command without an answer for so long has failed, whatever becomes of it. */
const COMMAND_MS = 1_000;
/** For so long after that nothing is asked. */
const QUIET_MS = 5_000;
/** It is back when nothing has failed for so long: of a Cluster one node may be away while others answer. */
const SETTLED_MS = 1_000;

/** Opens the connection. Rejects with an Error of one line when nobody answers within ten seconds. */
export async function openRedisCounters(options: RedisCountersOptions): Promise<RedisCounters> {
  const info = await lookAtRedis(options.urls);
  const client = isCluster(info) ? createRedisCluster(options.urls) : createRedisClient(options.urls);
  // each command says for itself that it failed
  client.on('error', () => {});
  await client.connect();
  return new RedisCounters(client, options);
}

export class RedisCounters implements Counters, AsyncDisposable {
  readonly prefix: string;
  readonly #client: Client;
  readonly #log: RedisCountersOptions['log'];
  #quietUntil = Number.NEGATIVE_INFINITY;
  #isAway = false;
  #failedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(client: Client, { prefix, log }: Omit<RedisCountersOptions, 'urls'>) {
    this.prefix = prefix;
    this.#client = client;
    this.#log = log;
  }

  /** Rejects at once while Redis is away, after the time for a command at the latest: then each node counts for itself. */
  async eval(script: string, call: CounterCall): Promise<unknown> {
    if (this.#isClosed) throw new Error('The limits are closed');
    if (performance.now() < this.#quietUntil) throw new Error('Redis does not answer');
    try {
      const answer = await this.#inTime(this.#client.eval(script, call));
      this.#answered();
      return answer;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#client.destroy();
  }

  #inTime(answer: Promise<unknown>): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      this.#quietUntil = performance.now() + QUIET_MS;
      reject(new Error('Redis does not answer'));
    }, COMMAND_MS);
    answer.then(resolve, reject).finally(() => {
      clearTimeout(late);
      // it was answered after all, or its connection is closed
      if (isLate) this.#quietUntil = Number.NEGATIVE_INFINITY;
    });
    return promise;
  }

  #answered(): void {
    if (!this.#isAway || performance.now() - this.#failedAt < SETTLED_MS) return;
    this.#isAway = false;
    this.#log.info({}, 'Redis is back: limits are counted over all nodes');
  }

  #failed(error: unknown): void {
    this.#failedAt = performance.now();
    if (this.#isAway || this.#isClosed) return;
    this.#isAway = true;
    this.#log.warn({ reason: reasonOf(error) }, 'Redis is away: each node counts limits for itself');
  }
}
