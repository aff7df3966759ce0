// Drops the single words of turns that ended long ago: their end entries have the whole replies.
import type { Listed, RedisIndex } from './redis-index.ts';
import type { RedisLink } from './redis-link.ts';
import { listOf, numberOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';

/** Turns compacted by one script, and sessions looked at in one go. */
const COMPACT_BATCH = 50;

export class RedisCompaction {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;

  constructor(link: RedisLink, index: RedisIndex) {
    this.#link = link;
    this.#index = index;
  }

  /** As the store's. */
  async compact(endedBefore: number): Promise<number> {
    let total = 0;
    for (;;) {
      const found = await this.#index.withWords(endedBefore, COMPACT_BATCH);
      for (const one of found) total += await this.#compact(one, endedBefore);
      if (found.length < COMPACT_BATCH) return total;
    }
  }

  async #compact(one: Listed, endedBefore: number): Promise<number> {
    const base = this.#index.baseOf(one.digest);
    for (let total = 0; ;) {
      const [count, next, lives] = listOf(
        await this.#link.run(steps.compact, base, [endedBefore, COMPACT_BATCH]),
      );
      total += numberOf(count);
      if (numberOf(count) === COMPACT_BATCH) continue;
      const later = next === '' ? null : numberOf(next);
      await this.#index.relist(one, later ?? (lives === 1 ? 'now' : null));
      return total;
    }
  }
}
