// How many at once, on this node.
import { limitKey } from './key-limits.ts';
import type { PlaceRule } from './limit-rules.ts';
import type { Place, Who } from './limits.ts';

/** Counts who holds how many. Nothing is kept of those who hold none. */
export class Places {
  readonly #rules: readonly PlaceRule[];
  readonly #held = new Map<string, number>();

  constructor(rules: readonly PlaceRule[]) {
    this.#rules = rules;
  }

  /** How many counters there are. */
  get size(): number {
    return this.#held.size;
  }

  take(kind: Place, who: Who): Disposable | undefined {
    const names: string[] = [];
    for (const rule of this.#rules) {
      if (rule.place !== kind) continue;
      const key = rule.level === 'server' ? '' : limitKey(rule.level, who);
      if (key === null) continue;
      const name = `${rule.name} ${key}`;
      if ((this.#held.get(name) ?? 0) >= rule.points) return undefined;
      names.push(name);
    }
    for (const name of names) this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    return { [Symbol.dispose]: () => this.#giveBack(names.splice(0)) };
  }

  #giveBack(names: readonly string[]): void {
    for (const name of names) {
      const left = (this.#held.get(name) ?? 0) - 1;
      if (left > 0) this.#held.set(name, left);
      else this.#held.delete(name);
    }
  }
}
