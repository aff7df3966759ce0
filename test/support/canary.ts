// Phrases that occur nowhere else, and where they are found, however they are written there.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What every phrase begins with. */
const MARK = 'zqkanari';
const TAG = new RegExp(`${MARK}(?:-[a-z0-9]+)*`, 'g');

/** Ends a line, a string and an object, and colours a terminal, wherever somebody writes it down as it is. */
export const BREAKOUT = '"}\r\n{"level":60,"msg":"forged"}\r\n\u001b[31m\u2028\u2029\u0000';

/** A phrase of its own for each name, of ASCII letters: JSON, paths and headers leave it as it is. */
export function phrase(...names: string[]): string {
  const words =
    names
      .join('-')
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? [];
  return [MARK, ...words].join('-');
}

/** Which phrases a text has, as it stands. */
export const phrasesIn = (text: string): string[] => [...new Set(text.toLowerCase().match(TAG))].sort();

/** How a phrase begins where it was encoded, whatever is before and behind it. */
function disguises(): { how: string; text: string }[] {
  const inBase64 = [0, 1, 2].map((before) => {
    const text = Buffer.from(`${'?'.repeat(before)}${MARK}`).toString('base64');
    return {
      how: 'base64',
      text: text.slice(before === 0 ? 0 : 4, 4 * Math.floor((before + MARK.length) / 3)),
    };
  });
  const asHex = { how: 'hex', text: Buffer.from(MARK).toString('hex') };
  const wide = { how: 'utf16', text: Buffer.from(MARK, 'utf16le').subarray(0, -1).toString('latin1') };
  return [...inBase64, asHex, wide];
}

const encoded = disguises();
const SHOWN_CHARS = 60;

/** Which phrases are anywhere in the bytes: in whatever case, and also in base64, hex or UTF-16, where the place is shown. */
export function foundIn(bytes: Buffer | string): string[] {
  const text = typeof bytes === 'string' ? Buffer.from(bytes).toString('latin1') : bytes.toString('latin1');
  const found = encoded.flatMap(({ how, text: hidden }) => {
    const at = text.indexOf(hidden);
    return at < 0 ? [] : [`${how}: ${text.slice(at, at + SHOWN_CHARS)}`];
  });
  return [...phrasesIn(text), ...found];
}

/** Every byte of every file below a directory; one that is removed meanwhile has none. */
export async function bytesBelow(directory: string): Promise<Buffer> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const read = files.map((file) => readFile(join(file.parentPath, file.name)).catch(() => Buffer.alloc(0)));
  return Buffer.concat(await Promise.all(read));
}
