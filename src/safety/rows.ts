// A table as it is kept in a file: each row is a key, a separator and a value that is read when it is first asked for.
export class Rows<Value> {
  readonly #rest = new Map<string, string>();
  readonly #read = new Map<string, Value>();
  readonly #valueOf: (text: string) => Value;

  constructor(rows: readonly string[], separator: string, valueOf: (text: string) => Value) {
    for (const row of rows) {
      const at = row.indexOf(separator);
      this.#rest.set(row.slice(0, at), row.slice(at + 1));
    }
    this.#valueOf = valueOf;
  }

  keys(): Iterable<string> {
    return this.#rest.keys();
  }

  get(key: string): Value | undefined {
    const rest = this.#rest.get(key);
    if (rest === undefined) return undefined;
    const value = this.#read.get(key) ?? this.#valueOf(rest);
    this.#read.set(key, value);
    return value;
  }
}
