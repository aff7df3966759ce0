// How the rules of this room look at a text: words, sentences, phrases. The text is folded already: lower case, plain quotes.

/** A sentence or clause, as its words: letters and digits with apostrophes inside. */
export interface Sentence {
  words: readonly string[];
  isQuestion: boolean;
}

export interface Match {
  /** Index of the first word. */
  at: number;
  length: number;
  phrase: string;
}

const SENTENCE = /[^.?!\n]+[.?!\n]*/g;
const WORD = /[\p{L}\p{N}]+(?:'\p{L}+)*/gu;
const NEGATION_WINDOW = 3;
/** Behind one of these a denial no longer reaches: "not sad but tense", "no energy, I want to be strong". */
const TURNS: ReadonlySet<string> = new Set(['but', 'just', 'though', 'because', 'and', 'instead', ',']);
/** "I don't know", "not only", "can't stop": what stands behind is not denied. */
const LEAVES_OPEN: ReadonlySet<string> = new Set(['know', 'sure', 'certain', 'only', 'just', 'stop']);
/** "No it's my chest": an answer, and then a sentence. */
const BEGINS: ReadonlySet<string> = new Set(
  'i it its that this my the in just like rather we you really exactly perfect absolutely yes more better calmer'.split(
    ' ',
  ),
);
const DENIALS: ReadonlySet<string> = new Set(
  'not no never without nor neither hardly cannot dont cant isnt wasnt doesnt didnt wont arent nothing nowhere none'.split(
    ' ',
  ),
);

export function wordsOf(plain: string): string[] {
  return plain.match(WORD) ?? [];
}

export function sentencesOf(plain: string): Sentence[] {
  return (plain.match(SENTENCE) ?? [])
    .map((part) => ({ words: wordsOf(part), isQuestion: part.includes('?') }))
    .filter(({ words }) => words.length > 0);
}

export const isDenial = (word: string): boolean => DENIALS.has(word) || word.endsWith("n't");

const isAnswer = (words: readonly string[], at: number): boolean =>
  words[at] === 'no' && (at === 0 || words[at - 1] === ',') && BEGINS.has(words[at + 1] ?? '');

/** Whether one of the words before denies it: "not in my chest", "I don't feel sad". A comma among the words stops it. */
export function isDenied(words: readonly string[], at: number, reach = NEGATION_WINDOW): boolean {
  for (let i = at - 1; i >= 0 && i >= at - reach; i -= 1) {
    const word = words[i] ?? '';
    if (TURNS.has(word)) return false;
    if (!isDenial(word) || LEAVES_OPEN.has(words[i + 1] ?? '')) continue;
    // "never felt so alone" says how alone
    if (word === 'never' && words.slice(i, at).includes('so')) continue;
    return !isAnswer(words, i);
  }
  return false;
}

/** A list of words and phrases that is looked for at word boundaries, in time linear in the text. */
export class Phrases {
  readonly #byFirst = new Map<string, string[][]>();

  constructor(phrases: Iterable<string>) {
    for (const phrase of phrases) {
      const words = phrase.split(' ');
      const first = words[0] ?? '';
      const group = this.#byFirst.get(first) ?? [];
      group.push(words);
      // the longest reading of a place wins
      group.sort((a, b) => b.length - a.length);
      this.#byFirst.set(first, group);
    }
  }

  /** Every place where one begins, from left to right; they do not overlap. */
  find(words: readonly string[]): Match[] {
    const found: Match[] = [];
    for (let at = 0; at < words.length; at += 1) {
      const phrase = this.at(words, at);
      if (phrase === undefined) continue;
      found.push({ at, length: phrase.length, phrase: phrase.join(' ') });
      at += phrase.length - 1;
    }
    return found;
  }

  /** The longest one that begins at that word. */
  at(words: readonly string[], at: number): readonly string[] | undefined {
    const group = this.#byFirst.get(words[at] ?? '');
    return group?.find((phrase) => phrase.every((word, i) => words[at + i] === word));
  }

  has(words: readonly string[]): boolean {
    return words.some((_, at) => this.at(words, at) !== undefined);
  }

  /** The first that is not denied. */
  first(words: readonly string[]): Match | undefined {
    return this.find(words).find(({ at }) => !isDenied(words, at));
  }
}
