/** Lines that wait to be read. A question gets the next one, before whoever reads. */
export class LineQueue {
  #lines: string[] = [];
  #hasEnded = false;
  #reader: ((line: string | null) => void) | null = null;
  #asker: ((line: string | null) => void) | null = null;

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  /** Whether the next line is an answer. */
  get isAsked(): boolean {
    return this.#asker !== null;
  }

  add(line: string): void {
    const taker = this.#asker ?? this.#reader;
    if (this.#asker) this.#asker = null;
    else this.#reader = null;
    if (taker) taker(line);
    else this.#lines.push(line);
  }

  /** No line comes any more. */
  end(): void {
    this.#hasEnded = true;
    this.#asker?.(null);
    this.#reader?.(null);
    this.#asker = null;
    this.#reader = null;
  }

  /** The next line; null: there is none and none will come. One at a time reads. */
  async next(): Promise<string | null> {
    return await this.#take((taker) => (this.#reader = taker));
  }

  /** The line after a question. */
  async ask(): Promise<string | null> {
    return await this.#take((taker) => (this.#asker = taker));
  }

  #take(wait: (taker: (line: string | null) => void) => void): Promise<string | null> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#hasEnded) return Promise.resolve(null);
    return new Promise(wait);
  }
}
