// The script a word is written in.

export type Script = 'latin' | 'cyrillic' | 'arabic' | 'devanagari' | 'han' | 'kana' | 'hangul' | 'other';

const patterns: readonly (readonly [Script, RegExp])[] = [
  ['cyrillic', /\p{sc=Cyrl}/u],
  ['arabic', /\p{sc=Arab}/u],
  ['devanagari', /\p{sc=Deva}/u],
  ['han', /\p{sc=Han}/u],
  ['kana', /[\p{sc=Hira}\p{sc=Kana}]/u],
  ['hangul', /\p{sc=Hang}/u],
];
/** Of a foreign script so many letters in a row are a word and no face made of signs. */
const FOREIGN_WORD = 3;
const LETTER = /\p{L}/gu;
const FIRST_LETTER = /\p{L}/u;
const ASCII_LETTER = /[a-z]/;
const LATIN_LETTER = /[\p{L}&&\p{sc=Latn}]/v;

export function lettersIn(word: string): number {
  return word.match(LETTER)?.length ?? 0;
}

/** The script of a word; a Latin word with letters that only look alike is Latin. Undefined without a letter. */
export function scriptOf(word: string): Script | undefined {
  if (ASCII_LETTER.test(word) || LATIN_LETTER.test(word)) return 'latin';
  const first = FIRST_LETTER.exec(word)?.[0];
  if (first === undefined) return undefined;
  const script = patterns.find(([, pattern]) => pattern.test(first))?.[0];
  return script ?? (lettersIn(word) < FOREIGN_WORD ? undefined : 'other');
}
