// A store that counts and can be held, around a real one.
import type { Store } from '../../src/store/store.ts';
import { createChanges, until } from './wait.ts';

export interface CountedStore {
  readonly store: Store;
  /** Calls of a method so far. */
  calls(method: keyof Store): number;
  /** Who watches now. */
  readonly watchers: number;
  /** From now on every wake-up takes this way; undefined: the usual one. */
  onWake: ((wake: () => void) => void) | undefined;
  /** Calls of a method wait from now on, until `release` of it, or of all. */
  hold(method: keyof Store): void;
  release(method?: keyof Store): void;
  /** Resolves when the condition holds; it is looked at after every call, its end, and every change of the watchers. */
  until(condition: () => boolean, label: string): Promise<void>;
}

/** Disposing the store disposes the real one. */
export function countStore(real: Store): CountedStore {
  const changes = createChanges();
  const counts = new Map<PropertyKey, number>();
  let watchers = 0;
  const held = new Map<PropertyKey, PromiseWithResolvers<void>>();

  const watch: Store['watch'] = (ref, wake) => {
    const way = () => (counted.onWake ? counted.onWake(wake) : wake());
    const watching = real.watch(ref, way);
    watchers++;
    changes.notify();
    return {
      [Symbol.dispose]: () => {
        watching[Symbol.dispose]();
        watchers--;
        changes.notify();
      },
    };
  };
  const store = new Proxy(real, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (key === 'watch') return watch;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        counts.set(key, (counts.get(key) ?? 0) + 1);
        changes.notify();
        const call = () => Reflect.apply(value, target, args);
        const gate = held.get(key);
        return gate ? gate.promise.then(call) : call();
      };
    },
  });
  const counted: CountedStore = {
    store,
    calls: (method) => counts.get(method) ?? 0,
    get watchers() {
      return watchers;
    },
    onWake: undefined,
    hold(method) {
      held.set(method, Promise.withResolvers<void>());
    },
    release(method) {
      for (const key of method === undefined ? Array.from(held.keys()) : [method]) {
        held.get(key)?.resolve();
        held.delete(key);
      }
    },
    until: async (condition, label) => {
      await until(
        condition,
        changes.subscribe,
        () => `${label}: ${watchers} watchers, ${JSON.stringify([...counts])}`,
      );
    },
  };
  return counted;
}
