// A store of which every step is measured.
import { errorTable } from '../contract/errors.ts';
import type { Meter } from '../meter.ts';
import type { Store } from '../store/store.ts';

/** The same store: what it answers and raises is its own. */
export function meterStore(store: Store, meter: Meter): Store {
  const measured = new Map<PropertyKey, unknown>();
  return new Proxy(store, {
    get(target, name) {
      const known = measured.get(name);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const step = (...args: unknown[]): unknown => {
        const beganAt = performance.now();
        const result: unknown = Reflect.apply(value, target, args);
        if (typeof name === 'string' && result instanceof Promise) follow(result, name, beganAt);
        return result;
      };
      measured.set(name, step);
      return step;
    },
  });

  function follow(result: Promise<unknown>, name: string, beganAt: number): void {
    const tell = (outcome: 'ok' | 'fenced' | 'error') =>
      meter.stored(name, performance.now() - beganAt, outcome);
    result.then(
      (answer) => tell(outcomeOf(name, answer)),
      (error: unknown) => tell(isAnswer(error) ? 'ok' : 'error'),
    );
  }
}

/** A store that says it cannot store anything has failed, too. */
function outcomeOf(name: string, answer: unknown): 'ok' | 'fenced' | 'error' {
  if (name === 'healthy' && answer === false) return 'error';
  return answer === 'fenced' ? 'fenced' : 'ok';
}

/** A refusal is an answer; a store that is away, or a bug, is none. */
function isAnswer(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return Object.hasOwn(errorTable, code) && code !== 'STORE_UNAVAILABLE' && code !== 'INTERNAL';
}
