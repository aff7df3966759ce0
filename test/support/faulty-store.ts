// A store whose methods go wrong where a test says so, around a real one.
import { AppError } from '../../src/errors.ts';
import type { Store } from '../../src/store/store.ts';

/** What becomes of a call: `run` does it for real. `count` is 1 for the first call of its method. */
export type Way = (run: () => Promise<unknown>, count: number) => Promise<unknown>;

/** Disposing it disposes the real one. */
export function faultyStore(real: Store, ways: Partial<Record<keyof Store, Way>>): Store {
  const byName = new Map<PropertyKey, Way>(Object.entries(ways));
  const counts = new Map<PropertyKey, number>();
  return new Proxy(real, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const run = () => Reflect.apply(value, target, args);
        const way = byName.get(key);
        if (!way) return run();
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        return way(run, count);
      };
    },
  });
}

const unavailable = (): AppError => new AppError('STORE_UNAVAILABLE');

/** Nothing is done. */
export const refused: Way = () => Promise.reject(unavailable());

/** It is done, and the caller does not learn of it. */
export const unheard: Way = async (run) => {
  await run();
  throw unavailable();
};

/** Only the first call goes wrong. */
export const once =
  (way: Way): Way =>
  (run, count) =>
    count === 1 ? way(run, count) : run();

/** Every second call goes wrong, from the first on. */
export const everySecond =
  (way: Way): Way =>
  (run, count) =>
    count % 2 === 1 ? way(run, count) : run();
