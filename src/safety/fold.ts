// Makes one plain spelling out of the many a text can have, so that rules need to know only that one. [US-03]
import lookAlikes from './content/look-alikes.json' with { type: 'json' };

const letters: ReadonlyMap<string, string> = new Map(Object.entries(lookAlikes));

// Invisible, directional and control characters go first, so that halves of a pair which one of them parts join again. Marks go with
// them: a normalisation sorts a row of marks, and the time of that grows with the square of its length.
const UNSEEN = /[[\p{Cc}--[\t-\r]]\p{M}\uff9e\uff9f\p{Cf}\p{Default_Ignorable_Code_Point}]/gv;
// Words of one letter each; taken apart they would make a text up to eighteen times as long.
// So are fractions, whose two numbers would count as amounts.
export const LIGATURES =
  /[\u00bc-\u00be\u2150-\u215e\u2189\u321d\u321e\u327c\u3300-\u3357\u33ae\u33af\ufdfa\ufdfb]/g;
const MARKS = /[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
export const SINGLE_QUOTES = /[\u2018\u2019\u201a\u201b\u02bb\u02bc\u02b9\u2032\u00b4\u0060\uff07]/g;
const DOUBLE_QUOTES = /[\u201c-\u201f\u00ab\u00bb\u2033\uff02]/g;
const ELLIPSES = /\u2026/g;
const SPACES = /[^\S\n]+/g;
const NOT_ASCII = /[^\n -~]/;

/** Each letter once where it stands several times in a row. */
export function undoubled(word: string): string {
  return word.replace(/(.)\1+/gsu, '$1');
}

/** Letters in circles, in squares and flags made of letters have no decomposition of their own. */
const letterBlocks = [0x1f150, 0x1f170, 0x1f1e6] as const;

const DISGUISED = new RegExp(
  `[${[...letters.keys()].join('')}\u{1f150}-\u{1f169}\u{1f170}-\u{1f189}\u{1f1e6}-\u{1f1ff}]`,
  'gu',
);

function plain(letter: string): string {
  const known = letters.get(letter);
  if (known !== undefined) return known;
  const code = letter.codePointAt(0) ?? 0;
  const block = letterBlocks.find((first) => code >= first && code < first + 26);
  return block === undefined ? letter : String.fromCodePoint(0x61 + code - block);
}

/** The Latin letters that a text's letters look like. */
export function withoutLookAlikes(text: string): string {
  return text.replace(DISGUISED, plain);
}

/**
 * Lower case, without marks, invisible characters and look-alikes. Emoji stay. Linear in the length of the text. With `last`, at most
 * that many UTF-16 units of the end, for little more than their cost.
 */
export function fold(text: string, last = Infinity): string {
  // What is seen becomes at least half as long.
  const visible = text
    .replace(UNSEEN, '')
    .replace(SINGLE_QUOTES, "'")
    .replace(DOUBLE_QUOTES, '"')
    .replace(ELLIPSES, '.')
    .replace(SPACES, ' ')
    .slice(-2 * last);
  return plainSpelling(visible).slice(-last);
}

function plainSpelling(visible: string): string {
  if (!NOT_ASCII.test(visible)) return visible.toLowerCase();
  return visible
    .replace(LIGATURES, ' ')
    .normalize('NFKD')
    .replace(MARKS, '')
    .replace(DISGUISED, plain)
    .toLowerCase();
}
