// Counters of one rule in memory: a table that never grows, whoever asks under however many names.
import type { CounterCall, Counters } from './rate-limits.ts';

const SLOTS = 65_536;
/** Each name has this many places where its counter may lie. */
const WAYS = 8;
const DIGEST_CHARS = 43;

/**
 * Does what the script of the rates does. Objects in a map would be bounded as well, but a million new names would still
 * cost hundreds of MB, until the garbage of them is collected. Where all places are taken, the counter that has consumed
 * least gives way: who asks much is not forgotten over many who ask once.
 */
export class MemoryCounters implements Counters {
  readonly #now: () => number;
  readonly #sets: number;
  readonly #digest = Buffer.alloc(32);
  /** 48 bits of the digest that a key ends with. */
  readonly #names: Float64Array;
  readonly #consumed: Float64Array;
  /** No later than now: there is no counter. */
  readonly #endsAt: Float64Array;

  constructor(now: () => number, slots = SLOTS) {
    this.#now = now;
    this.#sets = slots / WAYS;
    this.#names = new Float64Array(slots);
    this.#consumed = new Float64Array(slots);
    this.#endsAt = new Float64Array(slots);
  }

  async eval(_script: string, call: CounterCall): Promise<[consumed: number, waitMs: number]> {
    const [cost = 0, seconds = 0, points = 0] = call.arguments.map(Number);
    return this.#change(call.keys[0], cost, seconds * 1_000, points);
  }

  #change(key: string, cost: number, ms: number, points: number): [consumed: number, waitMs: number] {
    const now = this.#now();
    this.#digest.write(key.slice(-DIGEST_CHARS), 'base64url');
    const name = this.#digest.readUIntBE(0, 6);
    const start = (this.#digest.readUInt32BE(6) % this.#sets) * WAYS;
    const found = this.#find(start, name, now);
    const waitMs = found === undefined ? ms : this.#at(this.#endsAt, found) - now;
    const consumed = Math.max(0, (found === undefined ? 0 : this.#at(this.#consumed, found)) + cost);
    if (consumed > points || cost === 0 || (found === undefined && cost < 0)) return [consumed, waitMs];
    const slot = found ?? this.#free(start, now);
    this.#names[slot] = name;
    this.#consumed[slot] = consumed;
    this.#endsAt[slot] = now + waitMs;
    return [consumed, waitMs];
  }

  #find(start: number, name: number, now: number): number | undefined {
    for (let slot = start; slot < start + WAYS; slot += 1) {
      if (this.#names[slot] === name && this.#at(this.#endsAt, slot) > now) return slot;
    }
    return undefined;
  }

  #free(start: number, now: number): number {
    let least = start;
    for (let slot = start; slot < start + WAYS; slot += 1) {
      if (this.#at(this.#endsAt, slot) <= now) return slot;
      if (this.#at(this.#consumed, slot) < this.#at(this.#consumed, least)) least = slot;
    }
    return least;
  }

  #at(values: Float64Array, slot: number): number {
    return values[slot] ?? 0;
  }
}
