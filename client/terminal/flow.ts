// Words that come in pieces, broken into rows between them: what would run over the edge is taken to the next row.
import { isWide, piecesOf, widthOf } from './plain.ts';

export interface Flow {
  readonly column: number;
  /** The word that may go on, as far as it stands in this row. */
  readonly word: string;
}

export const atStart: Flow = { column: 0, word: '' };

export const toColumn = (column: number): string => (column > 0 ? `\r\x1b[${column}C` : '\r');

export interface Flowed {
  flow: Flow;
  /** What a terminal is to be told. */
  output: string;
}

/** `columns` of the terminal that are used; at most one less than it has. */
export function flowed(from: Flow, text: string, columns: number): Flowed {
  let flow = from;
  let output = '';
  for (const part of text.match(/\n| |[^\n ]+/g) ?? []) {
    const step =
      part === '\n'
        ? { flow: atStart, output: '\n' }
        : part === ' '
          ? spaced(flow, columns)
          : worded(flow, part, columns);
    flow = step.flow;
    output += step.output;
  }
  return { flow, output };
}

/** A space that would stand at the edge is left out. */
function spaced({ column }: Flow, columns: number): Flowed {
  if (column >= columns) return { flow: { column, word: '' }, output: '' };
  return { flow: { column: column + 1, word: '' }, output: ' ' };
}

function worded({ column, word }: Flow, part: string, columns: number): Flowed {
  const whole = word + part;
  const width = widthOf(whole);
  const start = Math.max(0, column - widthOf(word));
  // scripts that are written without spaces break anywhere
  if (isWide(whole)) return broken({ column, word }, part, columns);
  if (width > columns && start === 0) return broken({ column, word }, part, columns);
  if (start + width <= columns) return { flow: { column: start + width, word: whole }, output: part };
  const back = word === '' ? '' : `${toColumn(start)}\x1b[K`;
  const next = broken(atStart, whole, columns);
  return { flow: next.flow, output: `${back}\n${next.output}` };
}

function broken({ column, word }: Flow, part: string, columns: number): Flowed {
  let at = column;
  let row = word;
  let output = '';
  for (const piece of piecesOf(part)) {
    const width = widthOf(piece);
    if (at + width > columns) {
      output += '\n';
      at = 0;
      row = '';
    }
    output += piece;
    row += piece;
    at += width;
  }
  return { flow: { column: at, word: isWide(row) ? '' : row }, output };
}
