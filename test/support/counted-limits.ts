// Limits that keep what they were asked, and say what a test wants.
import type { Budget, Limits, Place, Who } from '../../src/access/limits.ts';
import { createChanges, until } from './wait.ts';

export class CountedLimits implements Limits {
  readonly taken: [Budget, Who][] = [];
  readonly #changes = createChanges();
  waitMs = 0;
  places = 2;
  open = 0;
  /** Before an answer of `take`. */
  gate: Promise<void> = Promise.resolve();

  async take(budget: Budget, who: Who): Promise<number> {
    this.taken.push([budget, who]);
    this.#changes.notify();
    await this.gate;
    return this.waitMs;
  }

  async isOver(): Promise<number> {
    return 0;
  }

  place(_kind: Place): Disposable | undefined {
    if (this.open >= this.places) return undefined;
    this.open++;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.open--;
        isHeld = false;
        this.#changes.notify();
      },
    };
  }

  async until(open: number): Promise<void> {
    await until(
      () => this.open === open,
      this.#changes.subscribe,
      () => `${open} places, not ${this.open}`,
    );
  }

  async untilAsked(): Promise<void> {
    await until(() => this.taken.length > 0, this.#changes.subscribe, 'a question');
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
