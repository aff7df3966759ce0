// Undoes what hides a word from the lexicons: letters repeated, letters apart, words together, digits and signs for letters. [US-03]
import { apart } from './apart.ts';
import { NUMBER } from './tongue-phrases.ts';
import { END, isSign } from './tongue-words.ts';
import type { Token } from './tongue-words.ts';

/** Which words the lexicons hold. */
export interface Vocabulary {
  words: ReadonlySet<string>;
  /** Beginnings of words, and how long those are that begin with two letters. */
  byStem: { get(stem: string): unknown };
  stemLengths: ReadonlyMap<string, readonly number[]>;
}

const SIGNS = /[0-9@$]/;
const LETTER = /[^0-9@$]/;
const REPEATED = /(.)\1/u;
const THREEFOLD = /(.)\1\1+/gu;
const DOUBLED = /(.)\1+/gu;
const signLetters: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '@': 'a',
  $: 's',
};
/** Fewer letters apart are words of one letter. */
const SPACED_MIN = 4;
/** A run of letters may be some words written together when it has so many. */
const TOGETHER_MIN = 9;
const TOGETHER_MAX = 40;
/** A longer word is no word. */
const WORD_MAX = 60;
const PIECE_MAX = 14;
const PIECE_MIN = 3;
/** The shorter words that sentences begin with. */
const shortPieces: ReadonlySet<string> = new Set(['je', 'yo', 'eu', 'io', 'ik', 'no', 'me', 'mi', 'ja', 'я']);
/** So many different runs of a text are taken apart. */
const TRIES_MAX = 40;

/** The longest beginning of a word that the lexicons know as one, or ''. */
function stemOf(word: string, { byStem, stemLengths }: Vocabulary): string {
  let longest = '';
  for (const length of stemLengths.get(word.slice(0, 2)) ?? []) {
    const stem = word.slice(0, length);
    if (length <= word.length && stem.length > longest.length && byStem.get(stem) !== undefined)
      longest = stem;
  }
  return longest;
}

/** Whether some lexicon holds a word. */
export function isKnown(word: string, vocabulary: Vocabulary): boolean {
  return vocabulary.words.has(word) || stemOf(word, vocabulary) !== '';
}

/** The known word that a word is when its signs are letters and its repeated letters are one or two. */
function plainer(word: string, vocabulary: Vocabulary): string | undefined {
  const letters =
    SIGNS.test(word) && LETTER.test(word)
      ? word.replace(/[0-9@$]/g, (sign) => signLetters[sign] ?? sign)
      : word;
  const spellings = [letters];
  if (REPEATED.test(letters)) {
    spellings.push(
      letters.replace(THREEFOLD, '$1$1'),
      letters.replace(THREEFOLD, '$1'),
      letters.replace(DOUBLED, '$1'),
    );
  }
  return spellings.find((spelling) => spelling !== word && isKnown(spelling, vocabulary));
}

/** Known words written together, when nothing is left over. */
function knownApart(word: string, { words }: Vocabulary): string[] | undefined {
  const isPiece = (piece: string): boolean =>
    piece.length > 1 && words.has(piece) && (piece.length >= PIECE_MIN || shortPieces.has(piece));
  return apart(word, PIECE_MAX, isPiece);
}

function isSpelled(text: string, vocabulary: Vocabulary): boolean {
  if (isKnown(text, vocabulary) || plainer(text, vocabulary) !== undefined) return true;
  return (
    text.length >= TOGETHER_MIN && text.length <= TOGETHER_MAX && knownApart(text, vocabulary) !== undefined
  );
}

/** Letters that stand alone are one word, or some, when these are known. */
function joinLetters(row: readonly Token[], vocabulary: Vocabulary): Token[] {
  const joined: Token[] = [];
  let run: Token[] = [];
  const flush = (): void => {
    const [head] = run;
    if (head === undefined) return;
    const letters = run.filter(({ text }) => text !== END);
    const text = letters.map((token) => token.text).join('');
    if (letters.length < SPACED_MIN || !isSpelled(text, vocabulary)) joined.push(...run);
    else {
      joined.push({ ...head, text, accented: letters.map(({ accented }) => accented).join('') });
      if (run.at(-1)?.text === END) joined.push(...run.slice(-1));
    }
    run = [];
  };
  for (const token of row) {
    const isEnd = token.text === END;
    const isLetter =
      token.text.length === 1 &&
      !isEnd &&
      token.opens &&
      !isSign(token.text) &&
      !/[0-9\u1100-\uffff]/.test(token.text);
    const isBetween = isEnd && run.length > 0 && run.at(-1)?.text !== END;
    if (isLetter || isBetween) run.push(token);
    else {
      flush();
      joined.push(token);
    }
  }
  flush();
  return joined;
}

/** The row with its words as the lexicons spell them. Linear: what is dear is done for a bounded number of words. */
export function undisguised(row: readonly Token[], vocabulary: Vocabulary): Token[] {
  const readings = new Map<string, readonly string[] | undefined>();
  let tries = 0;
  const reading = (text: string): readonly string[] | undefined => {
    if (text === NUMBER || text.length > WORD_MAX || /^[0-9]+$/.test(text) || isKnown(text, vocabulary))
      return undefined;
    const word = plainer(text, vocabulary);
    if (word !== undefined) return [word];
    if (text.length < TOGETHER_MIN || text.length > TOGETHER_MAX || tries >= TRIES_MAX) return undefined;
    tries += 1;
    return knownApart(text, vocabulary);
  };
  return joinLetters(row, vocabulary).flatMap((token) => {
    if (!token.opens || token.text === END || isSign(token.text)) return [token];
    if (!readings.has(token.text)) readings.set(token.text, reading(token.text));
    const words = readings.get(token.text);
    if (words === undefined) return [token];
    return words.map((text, at) => ({
      ...token,
      text,
      accented: words.length === 1 ? token.accented : text,
      pause: token.pause && at === 0,
    }));
  });
}
