// A body as it comes, for who reads every word of it: what is there already costs no promise, what is awaited costs one. The
// iterator of a stream has five for each piece, and an event of its own.
import type { Readable } from 'node:stream';

/** Pieces that may wait here; beyond that the body is read no further. */
const WAITING_MAX = 16;

/** The pieces of a body, in order, each once. */
export class Chunks implements Disposable {
  readonly #body: Readable;
  readonly #pieces: Uint8Array[] = [];
  #isOver = false;
  #failure: { cause: unknown } | undefined;
  #wake: () => void = () => undefined;

  /** Of a body that nobody has read from; it may be over already. */
  constructor(body: Readable) {
    this.#body = body;
    body.on('data', (piece: Uint8Array) => {
      this.#pieces.push(piece);
      if (this.#pieces.length >= WAITING_MAX) body.pause();
      this.#wake();
    });
    body.on('error', (cause: unknown) => this.#fail(cause));
    body.on('end', () => this.#end());
    // without an end or an error before it, where the other side just left
    body.on('close', () => this.#end());
    if (body.errored) this.#fail(body.errored);
    if (body.closed) this.#end();
  }

  /** Whether `next` has something to give, or to throw, without waiting for it. */
  get isReady(): boolean {
    return this.#pieces.length > 0 || this.#failure !== undefined || this.#isOver;
  }

  /** Settles once `isReady`. One may wait at a time. */
  ready(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.isReady) resolve();
    });
  }

  /** The next piece; undefined behind the last one. @throws what broke the body off, behind all that came before */
  next(): Uint8Array | undefined {
    const piece = this.#pieces.shift();
    if (piece) {
      if (this.#pieces.length === 0 && this.#body.isPaused()) this.#body.resume();
      return piece;
    }
    if (this.#failure) throw this.#failure.cause;
    return undefined;
  }

  #fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#wake();
  }

  #end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Leaves what is still to come. */
  [Symbol.dispose](): void {
    this.#body.destroy();
  }
}
