import type { Readable } from './api.ts';

/** What changes as a whole: a new object each time, told to everybody at once. */
export class Value<T> implements Readable<T> {
  #current: T;
  readonly #listeners = new Set<() => void>();

  constructor(first: T) {
    this.#current = first;
  }

  get(): T {
    return this.#current;
  }

  set(next: T): void {
    if (next === this.#current) return;
    this.#current = next;
    for (const listener of this.#listeners) safely(listener);
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when `is` says true of it, which may be at once; rejects when the signal aborts. */
  until(is: (value: T) => boolean, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!signal?.aborted && !is(this.#current)) return;
        unsubscribe();
        signal?.removeEventListener('abort', look);
        if (signal?.aborted) reject(signal.reason);
        else resolve(this.#current);
      };
      const unsubscribe = this.subscribe(look);
      signal?.addEventListener('abort', look);
      look();
    });
  }
}

/** A listener that throws stops nobody else; its error is reported as uncaught. */
export function safely(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
