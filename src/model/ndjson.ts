import { TextDecoder } from 'node:util';
import { ModelError } from './model.ts';

const lineFeed = 0x0a;

/** Hears what the server says of an error. A fault does not carry it, so that it gets neither into answers nor into logs. */
export type Hear = (text: string) => void;

/**
 * Passes a body on in whole lines, each one a JSON object that is not an error. The library behind it only warns about a
 * bad line, and a line dropped in silence is a lost word, so here it ends the reply.
 * @throws ModelError `interrupted` on a line that is no JSON object, not UTF-8, longer than `maxLineBytes`, or an error
 */
export async function* jsonLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
  hear: Hear = () => undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const decoder = strictDecoder();
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      const piece = chunk.subarray(start, end + 1);
      start = end + 1;
      if (size + piece.length > maxLineBytes) throw tooLong(maxLineBytes);
      const line = checkedLine(parts.length === 0 ? piece : Buffer.concat([...parts, piece]), decoder, hear);
      parts = [];
      size = 0;
      if (line) yield line;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > maxLineBytes) throw tooLong(maxLineBytes);
  }
  const last =
    size > 0 ? checkedLine(Buffer.concat([...parts, Buffer.from('\n')]), decoder, hear) : undefined;
  if (last) yield last;
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
  mustBeObject(text, hear);
  return text;
}

function strictDecoder(): TextDecoder {
  return new TextDecoder('utf-8', { fatal: true });
}

function checkedLine(line: Uint8Array, decoder: TextDecoder, hear: Hear): Uint8Array | undefined {
  const text = decoded(line, decoder);
  if (text.trim() === '') return undefined;
  mustBeObject(text, hear);
  return line;
}

function decoded(bytes: Uint8Array, decoder: TextDecoder): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new ModelError('interrupted', 'the answer is not UTF-8', error);
  }
}

function mustBeObject(text: string, hear: Hear): void {
  const value = parsed(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ModelError('interrupted', 'the answer is JSON, but not an object');
  }
  if ('error' in value) {
    hear(said(value.error));
    throw new ModelError('interrupted', 'Ollama reported an error');
  }
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
