// Cuts a text of any language into the words its frames speak of. Unlike `fold`, it keeps the scripts apart from Latin readable: vowel
// signs of Devanagari and voice marks of kana stay. Lexicons are cut by the same function, so both sides always agree. [US-03]
import { LIGATURES, SINGLE_QUOTES, withoutLookAlikes } from './fold.ts';

export interface Token {
  /** The plain spelling. */
  text: string;
  /** The spelling with its accents. */
  accented: string;
  /** Which of the inputs it came from. */
  source: number;
  /** Begins a written word. Of Korean every syllable is a token; all but the first of a word do not. */
  opens: boolean;
  /** How many tokens of its written word come after it. */
  rest: number;
  /** A comma stands before it. */
  pause: boolean;
}

/** The end of a sentence, as a token no frame matches. */
export const END = '.';

const UNSEEN = /[[\p{Cc}--[\t-\r]]\p{Cf}\p{Default_Ignorable_Code_Point}]/gv;
// A row of marks is sorted when it is normalised, at a cost that grows with the square of its length.
const CROWDED = /(\p{M}\p{M}\p{M})\p{M}+/gu;
/** But for vowel signs of Devanagari and voice marks of kana. */
const MARKS = /[\p{M}--[\u0900-\u093b\u093d-\u097f\u3099\u309a]]/gv;
const PIECE = /[\p{L}\p{M}\p{N}@$]+|[.?!;\n\u3002\uff61\u061f\u061b\u06d4\u0964\u0965]|[,\u060c\u3001]/gu;
const APART =
  /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\u3005\u30fc]|[\p{sc=Hang}]+|[^\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\u3005\u30fc\p{sc=Hang}]+/gu;
const SIGN = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\u3005\u30fc]/u;
const HANGUL = /\p{sc=Hang}/u;
const SIGN_OR_SYLLABLE = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\u3005\u30fc\p{sc=Hang}]/u;
const DIGIT = /\p{Nd}/u;
const ASCII = /^[ -~]*$/;
const ASCII_WORD = /^[a-z0-9]+$/;
const ASCII_TEXT = /^[\t-\r -~]*$/;
/** Letters that neither join with others nor come apart when they are normalised: each has a plain one of its own. */
const LETTERS_ALONE =
  /^[0-9a-z\u00df-\u00f6\u00f8-\u024f\u0400-\u0481\u048a-\u052f\u0621-\u063a\u0641-\u064a\u1e00-\u1eff]+$/;
/** Small letters that have one spelling only. */
const PLAIN_TEXT = /^[ 0-9a-z\u00df-\u00f6\u00f8-\u00ff\u0430-\u045f\u0621-\u063a\u0641-\u064a]*$/;
/** What a capital I with a dot leaves behind. */
const DOTS = /\u0307/g;
const FOREIGN_DIGIT = /[[\p{Nd}--[0-9]]]/gv;
const COMMA = /^[,\u060c\u3001]$/;
const STOPS = /^[.?!;\n\u3002\uff61\u061f\u061b\u06d4\u0964\u0965]$/;
const APOSTROPHE = /(?<=\p{sc=Cyrl})'(?=\p{sc=Cyrl})/gu;

/** Spellings that many people do not tell apart when they type. */
const sameLetters: Readonly<Record<string, string>> = {
  '\u0901': '\u0902',
  '\u0629': '\u0647',
  '\u0649': '\u064a',
  '\u06cc': '\u064a',
  '\u06a9': '\u0643',
  '\u0671': '\u0627',
  '\u0640': '',
};
const SAME = new RegExp(`[${Object.keys(sameLetters).join('')}]`, 'g');

/** The digit a character stands for in any script. */
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let zero = code;
  while (code - zero < 9 && DIGIT.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String(code - zero);
}

function hiragana(sign: string): string {
  return String.fromCodePoint((sign.codePointAt(0) ?? 0) - 0x60);
}

const plainLetters: (string | undefined)[] = Array.from({ length: 0x1f00 });

/** The plain spelling of one word in lower case. */
export function plainWord(word: string): string {
  if (ASCII.test(word)) return word;
  if (!LETTERS_ALONE.test(word)) return plainText(word);
  let plain = '';
  for (let at = 0; at < word.length; at += 1)
    plain += plainLetters[word.charCodeAt(at)] ??= plainText(word.charAt(at));
  return plain;
}

function plainText(word: string): string {
  const bare = word.normalize('NFKD').replace(MARKS, '').normalize('NFC');
  return withoutLookAlikes(bare)
    .replace(SAME, (letter) => sameLetters[letter] ?? letter)
    .replace(/[\u30a1-\u30f6]/g, hiragana)
    .toLowerCase();
}

const smallLetters: (string | undefined)[] = Array.from({ length: 0x1f00 });

function spelled(seen: string): string {
  if (ASCII_TEXT.test(seen)) return seen.toLowerCase();
  if (!LETTERS_ALONE.test(seen)) return spelledText(seen);
  let small = '';
  for (let at = 0; at < seen.length; at += 1)
    small += smallLetters[seen.charCodeAt(at)] ??= spelledText(seen.charAt(at));
  return small;
}

function spelledText(seen: string): string {
  return seen
    .replace(CROWDED, '$1')
    .replace(SINGLE_QUOTES, "'")
    .replace(LIGATURES, ' ')
    .normalize('NFKC')
    .toLowerCase()
    .replace(DOTS, '')
    .replace(APOSTROPHE, '')
    .replace(FOREIGN_DIGIT, asciiDigit);
}

/**
 * A text without what nobody sees, in lower case and composed letters. Linear. With `most`, at most that many UTF-16 units of the
 * beginning, or of the end when it is negative, for little more than their cost.
 */
export function visible(text: string, most = Infinity): string {
  if (PLAIN_TEXT.test(text)) return most < 0 ? text.slice(most) : text.slice(0, most);
  const seen = text.replace(UNSEEN, '');
  return most < 0
    ? spelled(seen.slice(2 * most)).slice(most)
    : spelled(seen.slice(0, 2 * most)).slice(0, most);
}

/** What a piece of letters is cut into: a sign or a syllable each, or a whole word. */
function partsOf(piece: string): string[] {
  if (!SIGN_OR_SYLLABLE.test(piece)) return [piece];
  return (piece.match(APART) ?? []).flatMap((part) => (HANGUL.test(part) ? part.split('') : [part]));
}

/** Counts what is left of each written word. */
function withRests(tokens: Token[]): Token[] {
  let rest = 0;
  for (const token of tokens.toReversed()) {
    token.rest = rest;
    rest = token.opens ? 0 : rest + 1;
  }
  return tokens;
}

/** The tokens of one visible text. */
export function tokensOf(text: string, source = 0): Token[] {
  if (ASCII_WORD.test(text)) return [{ text, accented: text, source, opens: true, rest: 0, pause: false }];
  if (LETTERS_ALONE.test(text))
    return [{ text: plainWord(text), accented: text, source, opens: true, rest: 0, pause: false }];
  return cut(text, source);
}

function cut(text: string, source: number): Token[] {
  const tokens: Token[] = [];
  const plain = new Map<string, string>();
  let pause = false;
  for (const piece of text.match(PIECE) ?? []) {
    if (COMMA.test(piece)) {
      pause = true;
      continue;
    }
    if (STOPS.test(piece)) {
      if (tokens.length > 0 && tokens.at(-1)?.text !== END)
        tokens.push({ text: END, accented: END, source, opens: true, rest: 0, pause: false });
      continue;
    }
    let before = '';
    for (const part of partsOf(piece)) {
      const word = plain.get(part) ?? plainWord(part);
      plain.set(part, word);
      const opens = before === '' || !(HANGUL.test(part) && HANGUL.test(before));
      if (word !== '') tokens.push({ text: word, accented: part, source, opens, rest: 0, pause });
      before = part;
      pause = false;
    }
  }
  if (tokens.at(-1)?.text === END) tokens.pop();
  return withRests(tokens);
}

/** Whether a token is one sign of a script that is written without spaces. */
export function isSign(text: string): boolean {
  return SIGN.test(text);
}
