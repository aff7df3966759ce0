// Waits of the code under test that would take minutes: the clock is turned on as fast as the code asks for it.
import { vi } from 'vitest';

const realImmediate = setImmediate;
/** More steps than anything here takes: what has not happened by then does not happen. */
const STEPS_MAX = 20_000;

/** From now until it is disposed of, `setTimeout` waits for `hurry`. */
export function fakeClock(): Disposable {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], fakeNodeBuiltins: true });
  return { [Symbol.dispose]: () => void vi.useRealTimers() };
}

/** Turns the clock from one timer to the next until the promise has settled, and answers how. */
export async function hurry<T>(promise: Promise<T>, label: string): Promise<T> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    await new Promise((resolve) => realImmediate(resolve));
    if (isSettled) return await promise;
    if (steps % 10 === 9) await vi.advanceTimersToNextTimerAsync();
  }
  throw new Error(`it does not come: ${label}`);
}
