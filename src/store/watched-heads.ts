// Who waits for changes of a session, and where the logs of those sessions end.
import { sessionKey } from './envelope.ts';
import type { SessionLife } from './store.ts';
import { Watchers } from './watchers.ts';

/** For a store that this process alone writes: the end of a watched log is looked up once for each change of it. */
export class WatchedHeads {
  readonly #watchers: Watchers;
  readonly #heads = new Map<string, { epoch: string; head: number }>();

  /** As for `Watchers`. */
  constructor(onFault: (error: unknown) => void) {
    this.#watchers = new Watchers(onFault);
  }

  watch(key: string, wake: () => void): Disposable {
    const watch = this.#watchers.watch(key, wake);
    return {
      [Symbol.dispose]: () => {
        watch[Symbol.dispose]();
        if (!this.#watchers.has(key)) this.#heads.delete(key);
      },
    };
  }

  /** Number of the last entry of a life of a session; `look` finds it. */
  head(life: SessionLife, look: () => number | undefined): number | undefined {
    const key = sessionKey(life);
    const known = this.#heads.get(key);
    if (known?.epoch === life.epoch) return known.head;
    const head = look();
    if (head !== undefined && this.#watchers.has(key)) this.#heads.set(key, { epoch: life.epoch, head });
    return head;
  }

  /** What is stored of it changed. */
  changed(key: string): void {
    this.#heads.delete(key);
    this.#watchers.wake(key);
  }

  /** What is stored of it did not change, but something else. */
  wake(key: string): void {
    this.#watchers.wake(key);
  }
}
