// A bare TCP connection: for bytes no HTTP client would send.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createChanges, deadline, until } from './wait.ts';

export async function openRaw(port: number): Promise<RawSocket> {
  const raw = new RawSocket(port);
  await deadline(raw.opened, 'a TCP connection');
  return raw;
}

/** Sends the bytes and resolves with all that came until the other end closed. */
export async function exchange(port: number, bytes: string | Buffer, ms?: number): Promise<string> {
  using raw = await openRaw(port);
  raw.write(bytes);
  await raw.closed(ms);
  return raw.text;
}

export class RawSocket implements Disposable {
  readonly opened: Promise<void>;
  readonly #socket: Socket;
  readonly #changes = createChanges();
  #received = Buffer.alloc(0);
  /** The other end has closed, in whichever way. */
  isClosed = false;

  constructor(port: number) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.opened = promise;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true }, resolve);
    this.#socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#changes.notify();
    });
    this.#socket.on('error', (error) => {
      reject(error);
      this.#over();
    });
    this.#socket.on('end', () => this.#over());
    this.#socket.on('close', () => this.#over());
  }

  /** Bytes that were not taken off yet. */
  get received(): Buffer {
    return this.#received;
  }

  get text(): string {
    return this.#received.toString('utf8');
  }

  /** What is sent after the other end has closed is lost without a sign. */
  write(bytes: string | Buffer): void {
    if (!this.isClosed && this.#socket.writable) this.#socket.write(bytes);
  }

  /** Takes bytes off the front. */
  take(bytes: number): Buffer {
    const taken = this.#received.subarray(0, bytes);
    this.#received = this.#received.subarray(bytes);
    return taken;
  }

  /** Resolves when the condition holds; it is looked at after all that comes. */
  async until(condition: () => boolean, label: string, ms?: number): Promise<void> {
    const state = () => `${label}; came: ${JSON.stringify(this.text.slice(0, 300))}`;
    await until(condition, this.#changes.subscribe, state, ms);
  }

  async closed(ms?: number): Promise<void> {
    await this.until(() => this.isClosed, 'the other end closes', ms);
  }

  /** Says that nothing more will be sent; what comes is still read. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #over(): void {
    this.isClosed = true;
    this.#changes.notify();
  }
}
