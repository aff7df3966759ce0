// Text that others wrote, made fit for a terminal, and how much room it takes there.

const PICTURES = 0x2400;
const DELETE = 0x7f;
/** All but the line feed and the tab. */
const CONTROLS = /[^\P{Cc}\n\t]/gu;

function pictureOf(control: string): string {
  const code = control.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(PICTURES + code);
  return code === DELETE ? '\u2421' : '\ufffd';
}

/**
 * Control characters become pictures of themselves, so that no text can command the terminal; line ends and tabs stay. What
 * it makes of the beginning of a text is the beginning of what it makes of the whole.
 */
export const plain = (text: string): string =>
  text.replace(CONTROLS, (found, at: number) =>
    found === '\r' && (text[at + 1] === '\n' || at + 1 === text.length) ? '' : pictureOf(found),
  );

/** The same, on one line. */
export const plainLine = (text: string): string => plain(text).replace(/[\n\t]+/g, ' ');

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const WIDE =
  /^[\p{Emoji_Presentation}\p{scx=Han}\p{scx=Hangul}\p{scx=Hiragana}\p{scx=Katakana}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
/** A tone that came in another piece than its emoji takes no room either. */
const NO_WIDTH = /^[\p{M}\p{Cf}\p{Cc}\p{Emoji_Modifier}]/u;
const ASCII = /^[ -~]*$/;

/** Columns that one grapheme takes. */
function columnsOf(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) || grapheme.includes('\ufe0f') ? 2 : 1;
}

/** What a reader sees as one character each. */
export const piecesOf = (text: string): string[] =>
  ASCII.test(text) ? text.split('') : Array.from(graphemes.segment(text), ({ segment }) => segment);

/** Whether a text has letters of two columns. */
export const isWide = (text: string): boolean => piecesOf(text).some((piece) => columnsOf(piece) > 1);

/** How many columns a text of one line takes. */
export const widthOf = (text: string): number =>
  piecesOf(text).reduce((sum, grapheme) => sum + columnsOf(grapheme), 0);

/** Where a cursor is; a `column` that equals the number of columns is the edge, before the terminal wraps. */
export interface Place {
  row: number;
  column: number;
}

/** Where the cursor stands after a terminal of that many columns wrote the text. */
export function placeAfter(text: string, columns: number, from: Place = { row: 0, column: 0 }): Place {
  let { row, column } = from;
  for (const grapheme of piecesOf(text)) {
    if (grapheme === '\n') {
      row += 1;
      column = 0;
      continue;
    }
    const width = columnsOf(grapheme);
    if (column + width > columns) {
      row += 1;
      column = 0;
    }
    column += width;
  }
  return { row, column };
}

/** The text, or as much of its beginning as fits beside an ellipsis. */
export function shortened(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = '';
  let width = 1;
  for (const grapheme of piecesOf(text)) {
    width += columnsOf(grapheme);
    if (width > columns) break;
    kept += grapheme;
  }
  return `${kept}…`;
}

/** Lines of at most that many columns, broken between words; a word that is longer stays whole. */
export function wrapped(text: string, columns: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const [first = '', ...others] = paragraph.split(' ');
    const lines: string[] = [];
    let line = first;
    for (const word of others) {
      if (line.trim() !== '' && widthOf(`${line} ${word}`) > columns) {
        lines.push(line);
        line = word;
      } else {
        line = `${line} ${word}`;
      }
    }
    return [...lines, line];
  });
}
