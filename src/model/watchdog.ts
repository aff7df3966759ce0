import { ModelError } from './model.ts';

/**
 * The life of one request to a model. It ends when a parent signal aborts, when the model stays silent for too long, or
 * when it is disposed of, whichever comes first; the reason is kept in `signal`. Whatever ends it closes the request.
 */
export class Call implements Disposable {
  /** Whether the other side answered at all, with whatever status. */
  answered = false;
  readonly #controller = new AbortController();
  readonly #unlink: (() => void)[] = [];
  #silence: { timer: NodeJS.Timeout; afterMs: number; what: string } | undefined;
  #isArmed = false;
  #total: NodeJS.Timeout | undefined;

  constructor(...parents: AbortSignal[]) {
    for (const parent of parents) this.#link(parent);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Limits the wait that begins now. Only time in which somebody waits for the model counts: disarm it meanwhile. */
  arm(afterMs: number, what: string): void {
    this.#isArmed = true;
    const known = this.#silence;
    // for every word: a timer begun anew costs less than another one
    if (known?.afterMs === afterMs && known.what === what) {
      known.timer.refresh();
      return;
    }
    clearTimeout(known?.timer);
    const timer = setTimeout(() => this.#isArmed && this.#expire(what, afterMs), afterMs);
    this.#silence = { timer, afterMs, what };
  }

  disarm(): void {
    this.#isArmed = false;
  }

  /** Limits the whole request. */
  limit(totalMs: number): void {
    clearTimeout(this.#total);
    this.#total = setTimeout(() => this.#expire('the reply did not end', totalMs), totalMs);
  }

  /** The outcome of the promise, or the reason this call ended with, whichever comes first. */
  async race<T>(promise: Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const ended = Promise.withResolvers<never>();
    const onAbort = () => ended.reject(this.signal.reason);
    this.signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([promise, ended.promise]);
    } finally {
      this.signal.removeEventListener('abort', onAbort);
    }
  }

  [Symbol.dispose](): void {
    this.#end(new ModelError('interrupted', 'the request is over'));
  }

  #link(parent: AbortSignal): void {
    const onAbort = () => this.#end(parent.reason);
    if (parent.aborted) {
      onAbort();
      return;
    }
    parent.addEventListener('abort', onAbort, { once: true });
    this.#unlink.push(() => parent.removeEventListener('abort', onAbort));
  }

  #expire(what: string, afterMs: number): void {
    this.#end(new ModelError('interrupted', `${what} within ${afterMs} ms`));
  }

  #end(reason: unknown): void {
    clearTimeout(this.#silence?.timer);
    clearTimeout(this.#total);
    for (const unlink of this.#unlink.splice(0)) unlink();
    this.#controller.abort(reason);
  }
}

/**
 * Turns a generator into an iteration that can be left at any time: `return` aborts `left` first, so it takes effect
 * also while a `next` is waiting, where a plain generator would queue it.
 */
export function leavable<T>(run: (left: AbortSignal) => AsyncGenerator<T, void, void>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<T, void, void> {
      const left = new AbortController();
      const inner = run(left.signal);
      const over = (error: unknown): IteratorReturnResult<void> => {
        if (left.signal.aborted) return { done: true, value: undefined };
        throw error;
      };
      return {
        // for every word: a callback costs less than a function that waits
        next: () => inner.next().catch(over),
        async return() {
          left.abort();
          await inner.return();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
