import { isDeepStrictEqual } from 'node:util';
import type { ModelState } from './model.ts';
import type { ModelLog } from './ollama.ts';

/** Tells those who watch a model when its state is another one than before. */
export class Announcer {
  readonly #log: ModelLog | undefined;
  readonly #listeners = new Set<(state: ModelState) => void>();
  #told: ModelState;

  constructor(state: ModelState, log: ModelLog | undefined) {
    this.#told = state;
    this.#log = log;
  }

  watch(listener: (state: ModelState) => void): Disposable {
    // Its own function, so that one listener given twice is two.
    const entry = (state: ModelState) => listener(state);
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  tell(state: ModelState): void {
    if (isDeepStrictEqual(state, this.#told)) return;
    this.#told = state;
    for (const listener of this.#listeners) {
      try {
        listener(state);
      } catch (error) {
        this.#log?.warn({ err: error }, 'a listener of the model state failed');
      }
    }
  }

  /** Nobody is told anything any more. */
  close(): void {
    this.#listeners.clear();
  }
}
