// Histograms that are observed for every frame and every step: plain numbers, put together when somebody asks.
import { Histogram } from 'prom-client';

/** Durations under one set of labels. */
export class Timing {
  readonly #bounds: readonly number[];
  /** Durations by bucket; the last one has those over all bounds. */
  readonly counts: number[];
  /** Seconds. */
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(seconds: number): void {
    let at = 0;
    while (seconds > (this.#bounds[at] ?? Infinity)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += seconds;
  }
}

type Labels<L extends string> = Record<L, string>;

/** Is read as any histogram, and observed by its `Timing`s only. */
export class Timings<L extends string> extends Histogram<L> {
  readonly #options: { name: string; help: string; buckets: number[] };
  readonly #all = new Map<string, { labels: Labels<L>; timing: Timing }>();

  constructor(options: ConstructorParameters<typeof Histogram<L>>[0] & { buckets: number[] }) {
    super(options);
    this.#options = options;
  }

  /** Always the same one for the same labels. */
  of(labels: Labels<L>): Timing {
    const key = JSON.stringify(labels);
    const known = this.#all.get(key);
    if (known) return known.timing;
    const timing = new Timing(this.#options.buckets);
    this.#all.set(key, { labels, timing });
    return timing;
  }

  /** Asked for by the registry instead of `get`. */
  getForPromString() {
    const { name, help } = this.#options;
    const values = [...this.#all.values()].flatMap((each) => this.#series(each));
    return Promise.resolve({ name, help, type: 'histogram', values, aggregator: 'sum' });
  }

  #series({ labels, timing: { counts, sum } }: { labels: Labels<L>; timing: Timing }) {
    const { name, buckets } = this.#options;
    let below = 0;
    const bars = counts.map((count, at) => {
      below += count;
      const le = buckets[at] ?? '+Inf';
      return { metricName: `${name}_bucket`, labels: { le }, sharedLabels: labels, value: below };
    });
    const whole = { labels: {}, sharedLabels: labels };
    return [
      ...bars,
      { ...whole, metricName: `${name}_sum`, value: sum },
      { ...whole, metricName: `${name}_count`, value: below },
    ];
  }
}
