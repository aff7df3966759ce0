// Makes one plain spelling out of the many a text can have, so that rules need to know only that one. [US-03]
import lookAlikes from './content/look-alikes.json' with { type: 'json' };

const letters: ReadonlyMap<string, string> = new Map(Object.entries(lookAlikes));

// Invisible, directional and control characters, in UTF-16 units, so that halves of a pair which one of them parts join again.
const INVISIBLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]/g;
const MARKS = /[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
const SINGLE_QUOTES = /[\u2018\u2019\u201a\u201b\u02bb\u02bc\u02b9\u2032\u00b4\u0060\uff07]/g;
const DOUBLE_QUOTES = /[\u201c-\u201f\u00ab\u00bb\u2033\uff02]/g;
const NOT_ASCII = /[^\n -~]/;

/** Letters in circles, in squares and flags made of letters have no decomposition of their own. */
const letterBlocks = [0x1f150, 0x1f170, 0x1f1e6] as const;

function plain(letter: string): string {
  const known = letters.get(letter);
  if (known !== undefined) return known;
  const code = letter.codePointAt(0) ?? 0;
  const block = letterBlocks.find((first) => code >= first && code < first + 26);
  return block === undefined ? letter : String.fromCodePoint(0x61 + code - block);
}

/** Lower case, without marks, invisible characters and look-alikes. Emoji stay. Linear in the length of the text. */
export function fold(text: string): string {
  const visible = text.replace(INVISIBLE, '').replace(SINGLE_QUOTES, "'").replace(DOUBLE_QUOTES, '"');
  if (!NOT_ASCII.test(visible)) return visible.toLowerCase();
  let folded = '';
  for (const letter of visible.normalize('NFKD').replace(MARKS, '')) folded += plain(letter);
  return folded.toLowerCase();
}
