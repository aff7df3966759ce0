// What lies in the columns of a store, and under which names.
import { hash } from 'node:crypto';
import type { SessionRef } from './store.ts';
import type { Sealer } from './vault.ts';

/**
 * The stored form of values of one type. `record` says what they are, and `where` in which place of a session each lies: one
 * does not open in the place of another.
 */
export class Envelope<T> {
  readonly #record: string;

  constructor(record: string) {
    this.#record = record;
  }

  seal(value: T, sealer: Sealer, where: string | number = ''): string {
    return sealer.seal(this.#name(where), JSON.stringify(value));
  }

  /** The value behind a stored form; throws on a damaged one and on a format that cannot be read here. */
  open(text: string, sealer: Sealer, where: string | number = ''): T {
    const json = sealer.open(this.#name(where), text);
    try {
      const value: T = JSON.parse(json);
      return value;
    } catch {
      // The parser's own error quotes the text, and errors reach the logs: it must not become the cause either.
      throw new Error('A stored record is damaged: it is no JSON');
    }
  }

  /** A plain stored form, sealed. One that is damaged stays so. */
  move(text: string, to: Sealer, where: string | number = ''): string {
    return to.seal(this.#name(where), text.slice(1));
  }

  #name(where: string | number): string {
    return where === '' ? this.#record : `${this.#record} ${where}`;
  }
}

/** A short name for any list of strings: of one length, equal only for equal lists, and telling nothing of them. */
export function digest(...parts: string[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url');
}

/** Of leases and lives, which are asked about for every word. What they name never changes. */
const known = new WeakMap<SessionRef, string>();

/** Under what a session is stored: its id may be any string of any length. [S-1] */
export function sessionKey(ref: SessionRef): string {
  let key = known.get(ref);
  if (key === undefined) {
    key = digest(ref.tenant, ref.sessionId);
    known.set(ref, key);
  }
  return key;
}
