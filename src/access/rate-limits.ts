// How fast: fixed windows that begin with the first point taken. The library counts by one script, on Redis or on what acts like it.
import { LRUCache } from 'lru-cache';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { RateRule } from './limit-rules.ts';
import { MemoryCounters } from './memory-limits.ts';

/** What the script is called with: the key; the cost, the seconds and the points. */
export interface CounterCall {
  keys: [key: string];
  arguments: string[];
}

/** Where counters are kept: as much of a Redis client as the library needs. Answers what is consumed, and the ms until that is forgotten. */
export interface Counters {
  eval(script: string, call: CounterCall): Promise<unknown>;
}

/** What is refused takes nothing; what is given back (a cost below 0) never makes room that was not there; a cost of 0 looks. */
const SCRIPT = `
local cost, ms, points = tonumber(ARGV[1]), ARGV[2] * 1000, tonumber(ARGV[3])
local wait = redis.call('PTTL', KEYS[1])
local isNew = wait < 0
if isNew then wait = ms end
local before = isNew and 0 or tonumber(redis.call('GET', KEYS[1]))
local consumed = math.max(0, before + cost)
if consumed > points or cost == 0 or isNew and cost < 0 then return { consumed, wait } end
if isNew then redis.call('SET', KEYS[1], consumed, 'PX', ms)
else redis.call('SET', KEYS[1], consumed, 'KEEPTTL') end
return { consumed, wait }`;

/** Of each rule: those known to have nothing left are refused without asking. */
const FULL_KEPT = 5_000;

const limiterOf = (rule: RateRule, counters: Counters, prefix: string, insurance?: RateLimiterRedis) =>
  new RateLimiterRedis({
    storeClient: counters,
    useRedisPackage: true,
    customIncrTtlLuaScript: SCRIPT,
    keyPrefix: `${prefix}${rule.name}`,
    points: rule.points,
    duration: rule.seconds,
    ...(insurance && { insuranceLimiter: insurance }),
  });

/** Where all nodes count together. */
export interface SharedCounters extends Counters {
  readonly prefix: string;
}

/** One rule, for everybody. None of its promises rejects. */
export class Rate {
  readonly rule: RateRule;
  readonly #limiter: RateLimiterRedis;
  readonly #now: () => number;
  /** Until when nothing is left. */
  readonly #full = new LRUCache<string, number>({ max: FULL_KEPT });

  /** Without shared counters, and while they do not answer, each process counts for itself. */
  constructor(rule: RateRule, shared: SharedCounters | undefined, now: () => number) {
    this.rule = rule;
    this.#now = now;
    const alone = limiterOf(rule, new MemoryCounters(now), '');
    this.#limiter = shared ? limiterOf(rule, shared, `${shared.prefix}:limit:`, alone) : alone;
  }

  /** As `take`, of what is known here already; 0: that has to be asked. */
  fullFor(key: string): number {
    const until = this.#full.get(key);
    return until === undefined ? 0 : Math.max(0, Math.ceil(until - this.#now()));
  }

  /** 0: it is taken; else nothing is, and there may be room in so many ms. */
  async take(key: string, cost: number): Promise<number> {
    try {
      await this.#limiter.consume(key, this.#affordable(cost));
      return 0;
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) return 0;
      const hadNothing = refusal.consumedPoints - this.#affordable(cost) >= this.rule.points;
      return this.#refuse(key, refusal, hadNothing);
    }
  }

  async giveBack(key: string, cost: number): Promise<void> {
    await this.#limiter.reward(key, this.#affordable(cost)).catch(() => undefined);
  }

  /** As `take`, without taking. */
  async isOver(key: string): Promise<number> {
    const state = await this.#limiter.penalty(key, 0).catch(() => undefined);
    if (!state || state.consumedPoints < this.rule.points) return 0;
    return this.#refuse(key, state, true);
  }

  #refuse(key: string, { msBeforeNext }: RateLimiterRes, isFull: boolean): number {
    const waitMs = Math.max(1, Math.ceil(msBeforeNext));
    if (isFull) this.#full.set(key, this.#now() + waitMs);
    return waitMs;
  }

  #affordable(cost: number): number {
    return Math.min(Math.ceil(cost), this.rule.points);
  }
}
