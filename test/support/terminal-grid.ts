// What stands on a terminal after the bytes that were written: enough of one for the sequences that are used here.
import { widthOf } from '../../client/terminal/plain.ts';

const SEQUENCE = /^\p{Cc}\[(\d*)([ACJKm])/u;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

export class Grid {
  readonly #columns: number;
  readonly #rows: string[][] = [[]];
  readonly cursor = { row: 0, column: 0 };

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Without the spaces at their ends, and without empty ones at the end. */
  get lines(): string[] {
    const lines = this.#rows.map((row) =>
      Array.from(row, (cell) => cell ?? ' ')
        .join('')
        .trimEnd(),
    );
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  write(text: string): void {
    for (let rest = text; rest !== '';) {
      const sequence = SEQUENCE.exec(rest);
      if (sequence) {
        this.#move(sequence[2] ?? '', Number(sequence[1] || 1));
        rest = rest.slice(sequence[0].length);
        continue;
      }
      const [first] = graphemes.segment(rest.slice(0, 32));
      const grapheme = first?.segment ?? '';
      this.#put(grapheme);
      rest = rest.slice(grapheme.length);
    }
  }

  #move(what: string, count: number): void {
    const { cursor } = this;
    if (what === 'A') cursor.row = Math.max(0, cursor.row - count);
    if (what === 'C') cursor.column = Math.min(this.#columns - 1, cursor.column + count);
    if (what !== 'J' && what !== 'K') return;
    if (what === 'J') this.#rows.length = cursor.row + 1;
    this.#row().length = Math.min(cursor.column, this.#row().length);
  }

  #put(grapheme: string): void {
    const { cursor } = this;
    if (grapheme === '\r\n') this.#newRow();
    else if (grapheme === '\r') cursor.column = 0;
    else if (grapheme === '\n') this.#newRow();
    else if (grapheme.startsWith('\x1b')) throw new Error('a sequence that is not known here');
    else {
      const width = widthOf(grapheme);
      if (width === 0) {
        const last = this.#row().findLastIndex((cell, at) => at < cursor.column && cell !== '');
        if (last >= 0) this.#row()[last] += grapheme;
        return;
      }
      if (cursor.column + width > this.#columns) this.#newRow();
      const row = this.#row();
      row[cursor.column] = grapheme;
      if (width === 2) row[cursor.column + 1] = '';
      cursor.column += width;
    }
  }

  #newRow(): void {
    this.cursor.row += 1;
    this.cursor.column = 0;
    this.#row();
  }

  #row(): string[] {
    const { row } = this.cursor;
    while (this.#rows.length <= row) this.#rows.push([]);
    return this.#rows[row] ?? [];
  }
}
