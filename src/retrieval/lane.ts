import type { Urgency } from './embed.ts';

interface Waiting {
  urgency: Urgency;
  begin: () => void;
}

/** Runs jobs so many at a time; what a turn waits for comes before work in the background. */
export class Lane {
  readonly #size: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /**
   * The outcome of the job, or the signal's reason, whichever comes first. A job whose signal aborts while it waits is
   * never begun; one that runs keeps its place until it ends.
   */
  async run<T>(urgency: Urgency, signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const { promise: left, reject } = Promise.withResolvers<never>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const place = { urgency, begin };
    const leave = () => {
      const at = this.#waiting.indexOf(place);
      if (at >= 0) this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    const done = begun.then(job).finally(() => this.#next(-1));
    done.catch(() => undefined);
    this.#enter(place);
    try {
      return await Promise.race([done, left]);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #enter(place: Waiting): void {
    const behind =
      place.urgency === 'query' ? this.#waiting.findIndex(({ urgency }) => urgency === 'batch') : -1;
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, place);
    this.#next(0);
  }

  #next(change: number): void {
    this.#running += change;
    while (this.#running < this.#size) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#running += 1;
      next.begin();
    }
  }
}
