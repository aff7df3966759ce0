// Mends slips in the words that matter here and never touches a correct one. Correct English words that lie near those words were counted
// out beforehand from two dictionaries (test/support/near-words.ts), so that none is loaded while the server runs.
import near from '../content/near-words.en.json' with { type: 'json' };
import content from '../content/perceive.en.json' with { type: 'json' };

export interface Mended {
  text: string;
  /** What changed, piece by piece as white space parts them, with the punctuation they carry. */
  corrections: [from: string, to: string][];
}

const { pairs, vocabulary, names, english, other_languages: otherLanguages } = content.spelling;
const fixed: ReadonlyMap<string, string> = new Map(Object.entries(pairs));
const known: ReadonlySet<string> = new Set(vocabulary);
const correct: ReadonlySet<string> = new Set([...near.english, ...names]);
/** Hardly ever words of another language. */
const evidence: ReadonlySet<string> = new Set(english);
const foreign: ReadonlySet<string> = new Set(otherLanguages);

const LETTERS_MIN = 4;
/** Of the longer one of both words. Below that, one edit makes almost any word of any other. */
const LONGER_MIN = 5;
const LONGEST = Math.max(...vocabulary.map((word) => word.length)) + 1;
/** So short a text need not show that it is English. */
const SHORT_WORDS = 3;
/** One word in so many shows it. */
const EVIDENCE_SHARE = 10;

const PIECE = /\S+/g;
const WORD = /[\p{L}\p{M}\p{N}'\u2019]+/gu;
const ASCII_WORD = /^[a-z]+$/;
/** Addresses, paths, tags, amounts, code. */
const NO_PROSE = /[\d@#_/\\&=<>{}$%*~^|`+]|\p{L}[.:]\p{L}/u;

function* withoutOneLetter(word: string): Generator<string> {
  for (let i = 1; i < word.length; i += 1) {
    // of a doubled letter either one may go
    if (word[i] !== word[i - 1] || i === 1) yield word.slice(0, i) + word.slice(i + 1);
  }
}

/** What is left of a word of the vocabulary when any letter but its first is missing. */
const byRest: ReadonlyMap<string, readonly string[]> = restsOf(vocabulary);

function restsOf(words: readonly string[]): Map<string, string[]> {
  const rests = new Map<string, string[]>();
  for (const word of words) {
    for (const rest of withoutOneLetter(word)) rests.set(rest, [...(rests.get(rest) ?? []), word]);
  }
  return rests;
}

/** Whether the words, different in length by one at most, are one letter more, less, other or swapped apart. */
function isOneSlip(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && a[start] === b[start]) start += 1;
  let end = 0;
  const most = Math.min(a.length, b.length) - start;
  while (end < most && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const left = a.length - start - end;
  const right = b.length - start - end;
  if (left <= 1 && right <= 1) return true;
  return left === 2 && right === 2 && a[start] === b[start + 1] && a[start + 1] === b[start];
}

/** The one word of the vocabulary that begins like this one and is one slip away; for correct words too. */
export function nearest(word: string): string | undefined {
  if (word.length < LETTERS_MIN || word.length > LONGEST || known.has(word)) return undefined;
  let found: string | undefined;
  const isSecond = (candidate: string): boolean => {
    if (candidate === found || Math.max(word.length, candidate.length) < LONGER_MIN) return false;
    if (candidate[0] !== word[0] || !isOneSlip(word, candidate)) return false;
    if (found !== undefined) return true;
    found = candidate;
    return false;
  };
  if (byRest.get(word)?.some(isSecond)) return undefined;
  for (const rest of withoutOneLetter(word)) {
    if (known.has(rest) && isSecond(rest)) return undefined;
    if (byRest.get(rest)?.some(isSecond)) return undefined;
  }
  return found;
}

type Language = 'english' | 'any' | 'other';

/** A word of another language can lie as near as a slip does, so a text has to show that it is English, or be too short to. */
function languageOf(text: string): Language {
  const words = text.match(WORD) ?? [];
  const shown = words.filter((word) => evidence.has(word.replaceAll('\u2019', "'"))).length;
  if (shown > 0 && shown * EVIDENCE_SHARE >= words.length) return 'english';
  return words.length <= SHORT_WORDS ? 'any' : 'other';
}

function mendWord(word: string, language: Language): string {
  const pair = fixed.get(word);
  if (pair !== undefined) return pair;
  if (language === 'other' || !ASCII_WORD.test(word) || correct.has(word)) return word;
  if (language === 'any' && foreign.has(word)) return word;
  return nearest(word) ?? word;
}

/** Mends a lower-case text; white space and punctuation stay. Linear in its length. */
export function mend(text: string): Mended {
  const corrections: Mended['corrections'] = [];
  const language = languageOf(text);
  const mended = text.replace(PIECE, (piece) => {
    if (NO_PROSE.test(piece)) return piece;
    const better = piece.replace(WORD, (word) => mendWord(word, language));
    if (better !== piece) corrections.push([piece, better]);
    return better;
  });
  return { text: mended, corrections };
}
