// Lines from a person at a terminal, or from a pipe. The line editor draws nothing itself: the screen does.
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import type { Typed } from './screen.ts';

/** Lines that come closer together than this were pasted, and are one text. */
const PASTE_MS = 25;

export interface Listener {
  line(text: string): void;
  /** What is typed now. */
  typed(typed: Typed): void;
  /** Ctrl-C. */
  interrupt(): void;
  /** Ctrl-D, or the end of the pipe; nothing comes after it. */
  end(): void;
}

/** Disposing gives the terminal back. */
export function openKeyboard(
  input: ReadStream | NodeJS.ReadStream,
  isEdited: boolean,
  listener: Listener,
): Disposable {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input,
    output: nowhere,
    terminal: isEdited,
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  let isClosed = false;
  const pasted = isEdited ? gather(listener) : null;
  lines.on('line', (text) => (pasted ? pasted.add(text) : listener.line(text)));
  lines.on('SIGINT', () => listener.interrupt());
  lines.on('close', () => {
    pasted?.flush();
    if (!isClosed) listener.end();
  });
  const tell = () => listener.typed(typedIn(lines));
  if (isEdited) input.on('keypress', tell);
  return {
    [Symbol.dispose]() {
      isClosed = true;
      input.off('keypress', tell);
      lines.close();
    },
  };
}

const typedIn = ({ line, cursor }: Interface): Typed => ({ line, cursor });

function gather(listener: Listener) {
  let texts: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    const text = texts.join('\n');
    const isThere = texts.length > 0;
    texts = [];
    if (isThere) listener.line(text);
  };
  const add = (text: string) => {
    texts.push(text);
    clearTimeout(timer);
    timer = setTimeout(flush, PASTE_MS);
  };
  return { add, flush };
}
