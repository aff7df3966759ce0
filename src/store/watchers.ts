/** Who waits for changes of a session. A wake-up carries no data. */
export class Watchers {
  readonly #byKey = new Map<string, Set<{ wake: () => void }>>();
  readonly #onFault: (error: unknown) => void;

  /** `onFault` is told what a wake-up throws; the others are woken all the same. */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  watch(key: string, wake: () => void): Disposable {
    const watcher = { wake };
    const watchers = this.#byKey.get(key) ?? new Set();
    watchers.add(watcher);
    this.#byKey.set(key, watchers);
    return {
      [Symbol.dispose]: () => {
        watchers.delete(watcher);
        if (watchers.size === 0 && this.#byKey.get(key) === watchers) this.#byKey.delete(key);
      },
    };
  }

  /** Whether anybody watches it. */
  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** Wakes those who watch now: one that is added meanwhile waits for the next change, one removed is left alone. */
  wake(key: string): void {
    const watchers = this.#byKey.get(key);
    if (!watchers) return;
    const watching = Array.from(watchers);
    for (const watcher of watching) {
      if (!watchers.has(watcher)) continue;
      try {
        watcher.wake();
      } catch (error) {
        this.#onFault(error);
      }
    }
  }
}
