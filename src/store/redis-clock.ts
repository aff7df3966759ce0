import type { RedisLink } from './redis-link.ts';
import { textsOf } from './redis-reply.ts';

/** How often the clock of Redis is looked at, and how long the answer may take to be believed. */
const SYNC_MS = 30_000;
const SLOW_MS = 250;

/** The clock of Redis as this node knows it: nodes whose own clocks are apart agree on it, and it never jumps with one of them. */
export class RedisClock implements Disposable {
  readonly #link: RedisLink;
  readonly #timer: NodeJS.Timeout;
  #known = { redisMs: Date.now(), at: performance.now() };

  constructor(link: RedisLink) {
    this.#link = link;
    this.#timer = setInterval(() => void this.sync().catch(() => undefined), SYNC_MS);
    this.#timer.unref();
  }

  /** ms since 1970. */
  readonly now = (): number => {
    const { redisMs, at } = this.#known;
    return Math.round(redisMs + performance.now() - at);
  };

  /** @throws STORE_UNAVAILABLE */
  async sync(): Promise<void> {
    const askedAt = performance.now();
    const [seconds, micros] = textsOf(await this.#link.send(this.#link.prefix, 'TIME'));
    const at = performance.now();
    if (at - askedAt > SLOW_MS) return;
    this.#known = { redisMs: Number(seconds) * 1000 + Number(micros) / 1000, at: (askedAt + at) / 2 };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
