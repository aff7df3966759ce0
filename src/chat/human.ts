// A turn that a person answers waits here, until that person has answered, has left, or did not come in time.
import { AppError } from '../errors.ts';
import type { SessionLife, Store } from '../store/store.ts';

/** Longest time a timer can run. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const AGAIN_MS = 250;

/**
 * Settles when nobody answers in this session any more. The answer itself ends the turn in the store, and whoever took it aborts `signal`.
 * @throws the reason of `signal`
 */
export async function untilNobodyAnswers(
  store: Store,
  life: SessionLife,
  now: () => number,
  signal: AbortSignal,
): Promise<void> {
  let wake = () => {};
  using _ = store.watch(life, () => wake());
  for (;;) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const leftMs = await patience(store, life, now);
    signal.throwIfAborted();
    if (leftMs <= 0) return;
    const timer = setTimeout(() => wake(), Math.min(leftMs, TIMER_MAX_MS));
    const stop = () => wake();
    signal.addEventListener('abort', stop, { once: true });
    await woken;
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** How much longer somebody may answer, in ms; a store that is away is asked again soon. */
async function patience(store: Store, life: SessionLife, now: () => number): Promise<number> {
  try {
    const human = (await store.session(life))?.human;
    return (human?.untilAt ?? 0) - now();
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'STORE_UNAVAILABLE')) throw error;
    return AGAIN_MS;
  }
}
