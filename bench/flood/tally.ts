// What became of many requests, and how soon.

/** The value below which that share of them lies; NaN of none. */
export function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** How a request ended: well, or with a code. `untyped`: without a code of the contract, or without a time to try again where one is due. */
export interface Ending {
  code: 'ok' | 'untyped' | (string & {});
  ms: number;
}

/** Requests of one kind in one phase. */
export class Tally {
  sent = 0;
  /** Not sent, since too many were under way. */
  held = 0;
  readonly firstWord: number[] = [];
  readonly #ms = new Map<string, number[]>();

  note({ code, ms }: Ending): void {
    const list = this.#ms.get(code) ?? [];
    list.push(ms);
    this.#ms.set(code, list);
  }

  /** Milliseconds until the answer, of those that ended so. */
  of(code: Ending['code']): readonly number[] {
    return this.#ms.get(code) ?? [];
  }

  get codes(): string[] {
    return [...this.#ms.keys()].filter((code) => code !== 'ok').toSorted((a, b) => a.localeCompare(b));
  }
}

/** One kind of request at a steady rate. */
export interface Lane {
  name: string;
  /** Requests a second. */
  rate: number;
  /** Does one; what it learns it puts in the tally. */
  fire: (tally: Tally) => Promise<void>;
}

const TICK_MS = 20;
/** More of one kind are not waited for at a time. */
const UNDER_WAY = 1_500;

/** Every lane at its rate for a while, whether answers come or not; resolves once they have all come. */
export async function drive(lanes: readonly Lane[], seconds: number): Promise<Map<string, Tally>> {
  const tallies = new Map(lanes.map(({ name }) => [name, new Tally()]));
  const underWay = new Set<Promise<void>>();
  const startedAt = performance.now();
  const faults: unknown[] = [];
  const tick = () => {
    const elapsed = Math.min(seconds, (performance.now() - startedAt) / 1_000);
    for (const { name, rate, fire } of lanes) {
      const tally = tallies.get(name);
      if (!tally) continue;
      for (; tally.sent + tally.held < Math.floor(elapsed * rate);) {
        if (underWay.size > UNDER_WAY) {
          tally.held += 1;
          continue;
        }
        tally.sent += 1;
        const one: Promise<void> = fire(tally)
          .catch((error: unknown) => void faults.push(error))
          .finally(() => underWay.delete(one));
        underWay.add(one);
      }
    }
  };
  const timer = setInterval(tick, TICK_MS);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  clearInterval(timer);
  await Promise.all(underWay);
  if (faults.length > 0)
    throw new Error(`${faults.length} requests failed by themselves`, { cause: faults[0] });
  return tallies;
}
