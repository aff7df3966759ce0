// All printing. On a terminal the transcript grows above one quiet status line and the line that is being typed; both are
// taken away before words are written and drawn again below them.
import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { atStart, flowed, toColumn } from './flow.ts';
import type { Flow } from './flow.ts';
import { placeAfter, plain, plainLine, shortened, wrapped } from './plain.ts';

type Style = 'bold' | 'dim' | 'cyan';

export interface ScreenOptions {
  /** Replies go here; on a terminal everything does. */
  out: Writable & { columns?: number };
  /** Everything but replies where `out` is no terminal. */
  err: Writable;
  /** Whether `out` is a terminal whose cursor can be moved. */
  isTTY: boolean;
  hasStyle: boolean;
}

/** What is being typed. */
export interface Typed {
  line: string;
  cursor: number;
}

const PROMPT = '› ';
const ROWS_MAX = 6;
const COLUMNS = 80;
const COLUMNS_MIN = 4;

const up = (rows: number): string => (rows > 0 ? `\x1b[${rows}A` : '');

export class Screen {
  readonly #options: ScreenOptions;
  /** Where the transcript stands in its last row. */
  #flow: Flow = atStart;
  /** Where `out` is no terminal: the last of its lines has not ended. */
  #isMidLine = false;
  /** Rows from the first one below the transcript down to the cursor; null: nothing is drawn there. */
  #below: number | null = null;
  #status: string | null = null;
  /** The last status that is a line of its own, as long as nothing stands below it. */
  #told: string | null = null;
  #typed: Typed | null = null;

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  get isTTY(): boolean {
    return this.#options.isTTY;
  }

  get #columns(): number {
    // a terminal that has no size yet says 0
    return Math.max(COLUMNS_MIN, this.#options.out.columns || COLUMNS);
  }

  /** Columns of the transcript: the last one stays free, for what a terminal does there differs. */
  get room(): number {
    return this.#columns - 1;
  }

  /** Words of a reply: the next ones go on in the same line. */
  words(text: string): void {
    const safe = plain(text);
    if (!this.isTTY) {
      if (safe === '') return;
      this.#isMidLine = !safe.endsWith('\n');
      this.#options.out.write(safe);
      return;
    }
    const erased = this.#erase();
    const { flow, output } = flowed(this.#flow, safe.replaceAll('\t', '  '), this.room);
    this.#flow = flow;
    this.#write(erased + output);
  }

  /** Ends the line that words were written in. */
  endWords(): void {
    if (this.#isMidLine || this.#flow.column > 0) this.words('\n');
  }

  /** Whole lines that are no reply. `isWhole`: they are to be copied, so the terminal alone breaks them. */
  lines(lines: readonly string[], style?: Style, isWhole = false): void {
    const safe = lines.map((line) => plain(line).replaceAll('\t', '  '));
    if (!this.isTTY) {
      this.#options.err.write(`${safe.join('\n')}\n`);
      this.#told = null;
      return;
    }
    const rows = isWhole ? safe : safe.flatMap((line) => wrapped(line, this.room));
    this.#writeRows(rows.map((row) => this.#styled(style, row)));
  }

  /** A quiet line. */
  note(text: string): void {
    this.lines([text], 'dim');
  }

  /** What has to be noticed: bold, or between stars where there are no styles. */
  disclosure(text: string): void {
    this.lines([this.#options.hasStyle ? plain(text) : `*** ${plain(text)} ***`], 'bold');
  }

  /** An empty line in the transcript of a terminal. */
  gap(): void {
    if (this.isTTY) this.#writeRows(['']);
  }

  /** Where lines stay, a status is a line of its own, once. */
  status(text: string | null): void {
    if (text === this.#status) return;
    this.#status = text;
    if (this.isTTY) this.#write('');
    else if (text !== null && text !== this.#told) {
      this.#options.err.write(`${plainLine(text)}\n`);
      this.#told = text;
    }
  }

  /** Shows the line that is being typed; null: none is. */
  typed(typed: Typed | null): void {
    this.#typed = typed;
    if (this.isTTY) this.#write('');
  }

  /** Draws anew what is below the transcript: the terminal has another size. */
  redraw(): void {
    if (this.isTTY) this.#write('');
  }

  /** Takes away what is below the transcript, for good. */
  close(): void {
    this.#status = null;
    this.#typed = null;
    this.endWords();
    if (this.isTTY) this.#write('');
  }

  #styled(style: Style | undefined, text: string): string {
    if (style === undefined || !this.#options.hasStyle || text === '') return text;
    return styleText(style, text, { validateStream: false });
  }

  #writeRows(rows: readonly string[]): void {
    const erased = this.#erase();
    const start = this.#flow.column > 0 ? '\n' : '';
    this.#flow = atStart;
    this.#write(`${erased}${start}${rows.join('\n')}\n`);
  }

  #write(text: string): void {
    const all = text + this.#erase() + this.#draw();
    if (all !== '') this.#options.out.write(all);
  }

  /** Back to the end of the transcript. */
  #erase(): string {
    if (this.#below === null) return '';
    const back = this.#flow.column > 0 ? up(1) + toColumn(this.#flow.column) : '';
    const moves = `${up(this.#below)}\r\x1b[J${back}`;
    this.#below = null;
    return moves;
  }

  #draw(): string {
    if (this.#status === null && this.#typed === null) return '';
    const start = this.#flow.column > 0 ? '\n' : '';
    const quiet = this.#status === null ? '' : shortened(plainLine(this.#status), this.room);
    const statusRows = quiet !== '' && this.#typed !== null ? 1 : 0;
    const input = this.#typed === null ? { text: '', cursorRow: 0 } : this.#drawTyped(this.#typed);
    this.#below = statusRows + input.cursorRow;
    return start + this.#styled('dim', quiet) + (statusRows > 0 ? '\n' : '') + input.text;
  }

  /** The typed line, and the cursor put into it; of a very long one only the end before the cursor. */
  #drawTyped({ line, cursor }: Typed): { text: string; cursorRow: number } {
    const columns = this.#columns;
    const room = columns * ROWS_MAX;
    const from = Math.max(0, cursor - room);
    const shown = line.slice(from, cursor + columns).replaceAll(/[\n\t]/g, ' ');
    const text = `${PROMPT}${plainLine(shown)}`;
    const settle = (part: string) => {
      const place = placeAfter(part, columns);
      return place.column < columns ? place : { row: place.row + 1, column: 0 };
    };
    const end = settle(text);
    const at = settle(text.slice(0, PROMPT.length + cursor - from));
    const edge = end.column === 0 ? '\n' : '';
    return {
      text:
        this.#styled('cyan', PROMPT) +
        text.slice(PROMPT.length) +
        edge +
        up(end.row - at.row) +
        toColumn(at.column),
      cursorRow: at.row,
    };
  }
}
