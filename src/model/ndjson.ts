import { TextDecoder } from 'node:util';
import { ModelError } from './model.ts';

const lineFeed = 0x0a;

/** Hears what the server says of an error. A fault does not carry it, so that it gets neither into answers nor into logs. */
export type Hear = (text: string) => void;

/** One line of a body, with its end, and the object it is. */
export interface JsonLine {
  bytes: Uint8Array;
  value: object;
}

/** Cuts a body into whole lines while it comes, each one a JSON object that is not an error. */
export class JsonLines {
  readonly #maxBytes: number;
  readonly #hear: Hear;
  readonly #decoder = strictDecoder();
  #parts: Uint8Array[] = [];
  #size = 0;

  constructor(maxLineBytes: number, hear: Hear = () => undefined) {
    this.#maxBytes = maxLineBytes;
    this.#hear = hear;
  }

  /** The lines that end in the next chunk. @throws ModelError `interrupted` behind the good ones, on one that is not UTF-8,
   * no JSON object, too long, or an error */
  *read(chunk: Uint8Array): Generator<JsonLine, void, void> {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      const line = this.#checked(this.#joined(chunk.subarray(start, end + 1)));
      start = end + 1;
      if (line) yield line;
    }
    if (start === chunk.length) return;
    this.#parts.push(chunk.subarray(start));
    this.#size += chunk.length - start;
    if (this.#size > this.#maxBytes) throw tooLong(this.#maxBytes);
  }

  /** The last line, where the body ends without an end of it. @throws as `read` */
  *end(): Generator<JsonLine, void, void> {
    const line = this.#size > 0 ? this.#checked(this.#joined(Buffer.from('\n'))) : undefined;
    if (line) yield line;
  }

  #joined(piece: Uint8Array): Uint8Array {
    const size = this.#size + piece.length;
    if (size > this.#maxBytes) throw tooLong(this.#maxBytes);
    const line = this.#parts.length === 0 ? piece : Buffer.concat([...this.#parts, piece]);
    this.#parts = [];
    this.#size = 0;
    return line;
  }

  #checked(bytes: Uint8Array): JsonLine | undefined {
    const text = decoded(bytes, this.#decoder);
    return text.trim() === '' ? undefined : { bytes, value: objectIn(text, this.#hear) };
  }
}

/**
 * Passes a body on in whole lines. The library behind it only warns about a bad line, and a line dropped in silence is a
 * lost word, so here it ends the reply.
 * @throws ModelError as `JsonLines`
 */
export async function* jsonLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
  hear?: Hear,
): AsyncGenerator<Uint8Array, void, void> {
  const lines = new JsonLines(maxLineBytes, hear);
  for await (const chunk of chunks) for (const { bytes } of lines.read(chunk)) yield bytes;
  for (const { bytes } of lines.end()) yield bytes;
}

/**
 * Reads a body that is one JSON object, and gives its text.
 * @throws ModelError `interrupted` when it is anything else, an error, or longer than `maxBytes`
 */
export async function jsonBody(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
  hear: Hear = () => undefined,
): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size > maxBytes) throw tooLong(maxBytes);
  }
  const text = decoded(Buffer.concat(parts), strictDecoder());
  objectIn(text, hear);
  return text;
}

function strictDecoder(): TextDecoder {
  return new TextDecoder('utf-8', { fatal: true });
}

function decoded(bytes: Uint8Array, decoder: TextDecoder): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new ModelError('interrupted', 'the answer is not UTF-8', error);
  }
}

function objectIn(text: string, hear: Hear): object {
  const value = parsed(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ModelError('interrupted', 'the answer is JSON, but not an object');
  }
  if ('error' in value) {
    hear(said(value.error));
    throw new ModelError('interrupted', 'Ollama reported an error');
  }
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message would quote the text.
    throw new ModelError('interrupted', 'the answer is not JSON');
  }
}

/** What an error field says, short enough for one line. */
export function said(error: unknown): string {
  return (typeof error === 'string' ? error : (JSON.stringify(error) ?? '')).slice(0, 500);
}

function tooLong(maxBytes: number): ModelError {
  return new ModelError('interrupted', `the answer has a line longer than ${maxBytes} bytes`);
}
