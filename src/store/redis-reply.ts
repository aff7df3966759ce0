// Reads what a script answered. A shape that is not as agreed is a bug, and raised as one.
import type { Reply } from './redis-link.ts';

export function listOf(reply: Reply | undefined): readonly Reply[] {
  if (typeof reply !== 'object' || reply === null) throw new TypeError('Redis answered no list');
  return reply;
}

export function textOf(reply: Reply | undefined): string {
  if (typeof reply === 'string') return reply;
  if (typeof reply === 'number') return String(reply);
  throw new TypeError('Redis answered no text');
}

export function numberOf(reply: Reply | undefined): number {
  const number = typeof reply === 'number' ? reply : Number(textOf(reply));
  if (Number.isNaN(number)) throw new TypeError('Redis answered no number');
  return number;
}

export const textsOf = (reply: Reply | undefined): string[] => listOf(reply).map(textOf);

/** The fields of a hash, of which one that is not there reads as ''. */
export class Fields {
  readonly #values: ReadonlyMap<string, string>;

  private constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** Of a flat list: name, value, name, value … */
  static ofList(reply: Reply | undefined): Fields {
    const flat = textsOf(reply);
    const pairs = flat.flatMap((name, at): [string, string][] =>
      at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : [],
    );
    return new Fields(new Map(pairs));
  }

  /** Of an answer to HMGET. */
  static ofValues(names: readonly string[], reply: Reply | undefined): Fields {
    const values = listOf(reply);
    const pairs = names.flatMap((name, at): [string, string][] => {
      const value = values[at] ?? null;
      return value === null ? [] : [[name, textOf(value)]];
    });
    return new Fields(new Map(pairs));
  }

  /** Of an object in JSON with texts and numbers in it. */
  static ofJson(text: string): Fields {
    const values: Record<string, string | number> = JSON.parse(text);
    return new Fields(new Map(Object.entries(values).map(([name, value]) => [name, String(value)])));
  }

  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  text(name: string): string {
    return this.#values.get(name) ?? '';
  }

  number(name: string): number {
    return Number(this.text(name));
  }

  /** Null where there is none. */
  maybeText(name: string): string | null {
    return this.text(name) || null;
  }

  maybeNumber(name: string): number | null {
    return this.text(name) === '' ? null : this.number(name);
  }
}
