// The limits as they are counted: rates in memory or on Redis, places on this node.
import { limitKey } from './key-limits.ts';
import type { LimitRules } from './limit-rules.ts';
import type { Budget, Limits, Place, Who } from './limits.ts';
import { Places } from './place-limits.ts';
import { Rate } from './rate-limits.ts';
import type { RedisCounters } from './redis-limits.ts';

export interface LimitsOptions {
  rules: LimitRules;
  /** Counts for all nodes; closed with the limits. Default: in memory, for this process. */
  redis?: RedisCounters;
  /** ms that only go forward; above 0; default `performance.now`. */
  now?: () => number;
}

/** A rate and whom it is counted for. */
interface Counted {
  rate: Rate;
  key: string;
}

export function createLimits(options: LimitsOptions): Limits {
  return new CountedLimits(options);
}

class CountedLimits implements Limits {
  readonly #rates: readonly Rate[];
  readonly #places: Places;
  readonly #redis: RedisCounters | undefined;

  constructor({ rules, redis, now = () => performance.now() }: LimitsOptions) {
    this.#rates = rules.rates.map((rule) => new Rate(rule, redis, now));
    this.#places = new Places(rules.places);
    this.#redis = redis;
  }

  async take(budget: Budget, who: Who, cost = 1): Promise<number> {
    if (!(cost > 0)) return 0;
    const counted = this.#counted(budget, who);
    const known = longest(counted.map(({ rate, key }) => rate.fullFor(key)));
    if (known > 0) return known;
    const waits = await Promise.all(counted.map(({ rate, key }) => rate.take(key, cost)));
    const wait = longest(waits);
    if (wait === 0) return 0;
    // else somebody who is refused again and again would use up what others of the same address or tenant have
    const taken = counted.filter((_, at) => waits[at] === 0);
    await Promise.all(taken.map(({ rate, key }) => rate.giveBack(key, cost)));
    return wait;
  }

  async isOver(budget: Budget, who: Who): Promise<number> {
    const counted = this.#counted(budget, who);
    const known = longest(counted.map(({ rate, key }) => rate.fullFor(key)));
    if (known > 0) return known;
    return longest(await Promise.all(counted.map(({ rate, key }) => rate.isOver(key))));
  }

  place(kind: Place, who: Who): Disposable | undefined {
    return this.#places.take(kind, who);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis?.[Symbol.asyncDispose]();
  }

  #counted(budget: Budget, who: Who): Counted[] {
    return this.#rates.flatMap((rate) => {
      const key = rate.rule.budget === budget ? limitKey(rate.rule.level, who) : null;
      return key === null ? [] : { rate, key };
    });
  }
}

const longest = (waits: readonly number[]): number => Math.max(0, ...waits);
