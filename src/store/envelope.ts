// What lies in the columns of a store. The first character names the format, so that sealed records of another
// kind (encrypted ones) can lie beside these.
import { hash } from 'node:crypto';
import type { SessionRef } from './store.ts';

const PLAIN_JSON = '1';

/** The stored form of values of one type. */
export class Envelope<T> {
  seal(value: T): string {
    return PLAIN_JSON + JSON.stringify(value);
  }

  /** The value behind a stored form; throws on a damaged one and on a format this program does not know. */
  open(text: string): T {
    if (!text.startsWith(PLAIN_JSON)) {
      throw new Error(`A stored record has the format "${text.slice(0, 1)}", which this version cannot read`);
    }
    try {
      const value: T = JSON.parse(text.slice(1));
      return value;
    } catch {
      // The parser's own error quotes the text, and errors reach the logs: it must not become the cause either.
      throw new Error('A stored record is damaged: it is no JSON');
    }
  }
}

/** A short name for any list of strings: of one length, equal only for equal lists, and telling nothing of them. */
export function digest(...parts: string[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url');
}

/** Under what a session is stored: its id may be any string of any length. [S-1] */
export function sessionKey(ref: SessionRef): string {
  return digest(ref.tenant, ref.sessionId);
}
