import { setTimeout as sleep } from 'node:timers/promises';
import type { Model, ModelFault } from '../model/model.ts';

const BACKOFF_MIN_MS = 250;
const BACKOFF_MAX_MS = 8_000;
/** How long a turn waits for a model that takes nothing, when nobody else can speak: before its first word … */
const SILENT_MS = 600_000;
/** … and with words shown, where it is better to say that they end here. */
const SHOWN_MS = 60_000;
/** How long a busy model is waited for when somebody else can speak. */
const BUSY_MS = 30_000;

/** How long one turn has waited for a model in a row, and how much longer it does. */
export class Patience {
  #waitedMs = 0;
  #backoffMs = BACKOFF_MIN_MS;

  /** Words came. */
  renew(): void {
    this.#waitedMs = 0;
    this.#backoffMs = BACKOFF_MIN_MS;
  }

  /** Twice as long each time, but no longer than until the model is there again. @throws the reason of `signal` */
  async wait(model: Model, signal: AbortSignal): Promise<void> {
    const back = new AbortController();
    using _watch = model.watch(({ phase }) => phase === 'ready' && back.abort());
    const patience = { signal: AbortSignal.any([signal, back.signal]) };
    await sleep(this.#backoffMs, undefined, patience).catch(() => signal.throwIfAborted());
    this.#waitedMs += this.#backoffMs;
    this.#backoffMs = Math.min(BACKOFF_MAX_MS, this.#backoffMs * 2);
  }

  isOver(wordsShown: boolean): boolean {
    return this.#waitedMs >= (wordsShown ? SHOWN_MS : SILENT_MS);
  }

  /** Whether, before the first word, somebody else should speak instead. */
  isLost(fault: ModelFault, runs: number): boolean {
    if (fault === 'busy') return this.#waitedMs >= BUSY_MS;
    if (fault === 'unreachable') return this.#waitedMs > 0;
    if (fault === 'interrupted') return runs > 1;
    return true;
  }
}
