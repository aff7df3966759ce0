// Slots of several nodes on one Redis, on a clock the test moves.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { RedisLink } from '../../src/store/redis-link.ts';
import { openRedis } from '../../src/store/redis-open.ts';
import { RedisSlots } from '../../src/store/redis-slots.ts';
import type { Ticket } from '../../src/store/slots.ts';
import { silent } from './app.ts';
import { turnOf } from './slot-request.ts';
import { createChanges, until } from './wait.ts';

export interface NodesOptions {
  size: number;
  maxWaiting?: number;
  leaseMs?: number;
  /** Whether the state is new, so that nothing is given out at first. */
  isYoung?: boolean;
}

/** One node: its slots, and ways to see that it asks Redis, and to end it. */
export interface Node {
  readonly slots: RedisSlots;
  /** Resolves when Redis answered it once more from now. */
  asked(): Promise<void>;
  /** Resolves when it is woken once more from now. */
  woken(): Promise<void>;
  /** Releases a ticket of it; resolves when Redis knows. */
  giveBack(ticket: Ticket): Promise<void>;
  /** Cuts it off, as if it were dead: Redis never hears of it again. */
  die(): Promise<void>;
}

/** What a node asks of Redis. */
const Step = z.looseObject({ leave: z.array(z.string()) });

const HOSTS = ['one', 'two', 'three'];

export class RedisNodes implements AsyncDisposable {
  readonly #urls: readonly string[];
  readonly #options: NodesOptions;
  readonly #prefix = `test-${randomUUID()}`;
  readonly #stack = new AsyncDisposableStack();
  /** What the nodes logged as errors. */
  readonly faults: object[] = [];
  #aheadMs = 0;

  constructor(urls: readonly string[], options: NodesOptions) {
    this.#urls = urls;
    this.#options = options;
  }

  get leaseMs(): number {
    return this.#options.leaseMs ?? 8_000;
  }

  /** Moves the clock of the store on. */
  advance(ms: number): void {
    this.#aheadMs += ms;
  }

  /** Makes the state and lets the time pass in which it gives nothing out. */
  async #age(): Promise<void> {
    await using link = await this.#connect();
    await using first = this.#slotsOn(link);
    await first.reserve(turnOf('nobody', { always: true }));
    this.advance(this.leaseMs / 2);
  }

  #connect(): Promise<RedisLink> {
    return openRedis({
      urls: this.#urls,
      prefix: this.#prefix,
      aheadMs: () => this.#aheadMs,
      log: silent,
    });
  }

  #slotsOn(link: ConstructorParameters<typeof RedisSlots>[0], hosts = HOSTS): RedisSlots {
    const { size, maxWaiting = 100 } = this.#options;
    return new RedisSlots(link, {
      model: 'm',
      hosts,
      size,
      maxWaiting,
      leaseMs: this.leaseMs,
      log: { error: (facts, message) => void this.faults.push({ message, ...facts }) },
    });
  }

  /** `isDeaf`: no wake-up reaches it. */
  async open({ isDeaf = false, hosts = HOSTS }: { isDeaf?: boolean; hosts?: string[] } = {}): Promise<Node> {
    if (!this.#options.isYoung && this.#aheadMs === 0) await this.#age();
    const link = this.#stack.use(await this.#connect());
    const changes = createChanges();
    let answers = 0;
    let left = 0;
    const run: RedisLink['run'] = async (...request) => {
      const reply = await link.run(...request);
      answers += 1;
      if (Step.parse(JSON.parse(String(request[2][3]))).leave.length > 0) left += 1;
      setImmediate(() => changes.notify());
      return reply;
    };
    let wakes = 0;
    const watch: RedisLink['wakes']['watch'] = (channel, wake) =>
      link.wakes.watch(channel, (message) => {
        wakes += 1;
        wake(message);
        changes.notify();
      });
    const deaf: typeof watch = () => ({ [Symbol.dispose]: () => {} });
    const slots = this.#stack.use(
      this.#slotsOn({ prefix: link.prefix, run, wakes: { watch: isDeaf ? deaf : watch } }, hosts),
    );
    const woken = async () => {
      const before = wakes;
      await until(() => wakes > before, changes.subscribe, 'a wake-up');
    };
    // it is woken once when it can be
    if (!isDeaf) await woken();
    return {
      slots,
      asked: async () => {
        const before = answers;
        await until(() => answers > before, changes.subscribe, 'an answer of Redis');
      },
      woken,
      giveBack: async (ticket) => {
        const before = left;
        ticket.release();
        await until(() => left > before, changes.subscribe, 'Redis to know what was given back');
      },
      die: async () => await link[Symbol.asyncDispose](),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
