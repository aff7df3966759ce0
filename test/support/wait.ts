// Tests wait for events, never for time; every wait has a deadline that says what was waited for.

/** Calls back after every change, until disposed. */
export type Subscribe = (changed: () => void) => Disposable;

/** What a wait was for: shown when its deadline passes. A function is asked then, so that it can tell the state. */
export type Label = string | (() => string);

/** What is awaited comes much sooner; a machine with too much to do is not a fault. */
export const PATIENCE_MS = 30_000;

/** A list of listeners and a way to wake them. */
export interface Changes {
  subscribe: Subscribe;
  notify(): void;
  /** How many listen now. */
  readonly size: number;
}

export function createChanges(): Changes {
  const listeners = new Set<() => void>();
  return {
    subscribe(changed) {
      const listener = () => changed();
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    notify() {
      for (const listener of Array.from(listeners)) listener();
    },
    get size() {
      return listeners.size;
    },
  };
}

/** The promise's own outcome, or an error that names the label once `ms` have passed. */
export async function deadline<T>(promise: Promise<T>, label: Label, ms = PATIENCE_MS): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`not within ${ms} ms: ${typeof label === 'string' ? label : label()}`));
  }, ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Looks now and after every change, and resolves with the first thing found that is neither `undefined` nor `false`.
 * What `look` throws is the outcome.
 */
export async function until<T>(
  look: () => T | undefined | false,
  subscribe: Subscribe,
  label: Label,
  ms = PATIENCE_MS,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const check = () => {
    try {
      const found = look();
      if (found !== undefined && found !== false) resolve(found);
    } catch (error) {
      reject(error);
    }
  };
  using _subscription = subscribe(check);
  check();
  return await deadline(promise, label, ms);
}
