// Finds strings that must never leave, such as the sentences of a system prompt, while the text still comes. [US-53] [N17]
import { fold } from './fold.ts';

/** So many words in a row give a longer string away. */
const WORDS_ENOUGH = 8;
/** So many words of a long one may be shown: they are in many sentences. */
const WORDS_FREE = 3;
/** Taking more than this of a prompt in would cost too much for each word. */
const WORDS_MAX = 4000;

interface Run {
  /** Place of the next word. */
  at: number;
  count: number;
  since: number;
}

export class Canaries {
  /** All strings in one row, with an empty word behind each. */
  readonly #words: string[] = [];
  /** How many words give the string away that begins or goes on here. */
  readonly #enough: number[] = [];
  readonly #places = new Map<string, number[]>();
  #runs: Run[] = [];

  /** `read` cuts a folded string into words as the text is cut. */
  constructor(strings: readonly string[], read: (folded: string) => readonly string[]) {
    for (const string of strings) {
      const words = read(fold(string));
      if (this.#words.length + words.length > WORDS_MAX) break;
      const enough = Math.min(WORDS_ENOUGH, words.length);
      for (const word of [...words, '']) {
        const places = this.#places.get(word) ?? [];
        if (word !== '') this.#places.set(word, places);
        places.push(this.#words.length);
        this.#words.push(word);
        this.#enough.push(enough);
      }
    }
  }

  get isIdle(): boolean {
    return this.#runs.length === 0;
  }

  get since(): number {
    let since = Infinity;
    for (const run of this.#runs) if (run.since < since) since = run.since;
    return since;
  }

  /** Whether a word may be the beginning of a string that is held from its first word on. */
  begins(partial: string): boolean {
    if (this.#words.length === 0) return false;
    for (const [word, places] of this.#places) {
      if (word.startsWith(partial) && places.some((at) => (this.#enough[at] ?? 0) <= WORDS_FREE)) return true;
    }
    return false;
  }

  /** Takes one word; answers whether it completes a string. */
  feed(word: string, from: number): boolean {
    if (this.#words.length === 0) return false;
    const next: Run[] = [];
    let isWhole = false;
    const go = (at: number, count: number, since: number): void => {
      const enough = this.#enough[at] ?? Infinity;
      const says = enough <= WORDS_FREE || count > WORDS_FREE;
      next.push({ at: at + 1, count, since: Math.min(since, says ? from : Infinity) });
      isWhole ||= count >= enough;
    };
    for (const run of this.#runs) {
      if (this.#words[run.at] === word) go(run.at, run.count + 1, run.since);
    }
    for (const at of this.#places.get(word) ?? []) go(at, 1, Infinity);
    this.#runs = next;
    return isWhole;
  }
}
