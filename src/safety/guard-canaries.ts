// Finds strings that must never leave, such as the sentences of a system prompt, while the text still comes. [US-53] [N17]
import { fold, undoubled } from './fold.ts';

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

/** Strings as words. */
interface Table {
  /** All strings in one row, with an empty word behind each. */
  words: readonly string[];
  /** How many words give the string away that begins or goes on here. */
  enough: readonly number[];
  places: ReadonlyMap<string, readonly number[]>;
  /** The words of short strings, and how they begin. */
  short: ReadonlySet<string>;
  beginnings: ReadonlySet<string>;
}

const none: { words: readonly string[]; shapes: readonly string[] } = { words: [], shapes: [] };

/** Whether so many words of a string are told from what anybody may say. */
const says = (enough: number, count: number): boolean => enough <= WORDS_FREE || count > WORDS_FREE;

type Read = (folded: string) => readonly string[];

function readTable(strings: readonly string[], read: Read): Table {
  const all: string[] = [];
  const enough: number[] = [];
  const places = new Map<string, number[]>();
  const beginnings = new Set<string>();
  const short = new Set<string>();
  for (const string of strings) {
    const words = read(fold(string));
    if (all.length + words.length > WORDS_MAX) break;
    const least = Math.min(WORDS_ENOUGH, words.length);
    for (const word of [...words, '']) {
      const known = places.get(word) ?? [];
      if (word !== '') places.set(word, known);
      known.push(all.length);
      all.push(word);
      enough.push(least);
      if (word === '' || least > WORDS_FREE) continue;
      short.add(word);
      for (const shape of [word, undoubled(word)])
        for (let length = 1; length <= shape.length; length += 1) beginnings.add(shape.slice(0, length));
    }
  }
  return { words: all, enough, places, short, beginnings };
}

/** The strings of a server are the same for every reply: read once. */
const tables = new WeakMap<readonly string[], Table>();

function tableOf(strings: readonly string[], read: Read): Table {
  const table = tables.get(strings) ?? readTable(strings, read);
  tables.set(strings, table);
  return table;
}

export class Canaries {
  readonly #table: Table;
  #runs: Run[] = [];
  /** Words that go on with a string, and are held if they come next; and how they may be spelled so far. */
  #held: { words: readonly string[]; shapes: readonly string[] } = none;

  /** `read` cuts a folded string into words as the text is cut. */
  constructor(strings: readonly string[], read: Read) {
    this.#table = tableOf(strings, read);
  }

  get since(): number {
    let since = Infinity;
    for (const run of this.#runs) if (run.since < since) since = run.since;
    return since;
  }

  /** Whether a word that begins like this, without doubled letters, goes on with a string or begins one, and is held. */
  mayHold(beginning: string): boolean {
    if (this.#table.beginnings.has(beginning)) return true;
    return this.#held.shapes.some((shape) => shape.startsWith(beginning));
  }

  /** Whether a word goes on with a string or begins one, and is held. */
  expects(word: string): boolean {
    return this.#table.short.has(word) || this.#held.words.includes(word);
  }

  #heldNow(): typeof none {
    if (this.#runs.length === 0) return none;
    const { words: all, enough } = this.#table;
    const words = this.#runs.flatMap(({ at, count }) =>
      says(enough[at] ?? Infinity, count + 1) ? (all[at] ?? []) : [],
    );
    // "had" may go on as "hadn't"
    return words.length === 0
      ? none
      : { words, shapes: words.flatMap((word) => [`${word}n`, undoubled(word)]) };
  }

  /** Takes one word; answers whether it completes a string. */
  feed(word: string, from: number): boolean {
    const { words, enough: enoughAt, places } = this.#table;
    if (words.length === 0) return false;
    const next: Run[] = [];
    let isWhole = false;
    const go = (at: number, count: number, since: number): void => {
      const enough = enoughAt[at] ?? Infinity;
      next.push({ at: at + 1, count, since: Math.min(since, says(enough, count) ? from : Infinity) });
      isWhole ||= count >= enough;
    };
    for (const run of this.#runs) {
      if (words[run.at] === word) go(run.at, run.count + 1, run.since);
    }
    for (const at of places.get(word) ?? []) go(at, 1, Infinity);
    this.#runs = next;
    this.#held = this.#heldNow();
    return isWhole;
  }
}
