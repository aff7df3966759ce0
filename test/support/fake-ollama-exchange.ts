// One request and its answer: how bytes go out, how slowly, and what goes wrong on the way.
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Gates } from './fake-ollama-gates.ts';
import type { Behaviour, Ending, Fault, RequestRecord } from './fake-ollama-types.ts';
import type { Changes } from './wait.ts';

/** One line of a stream and the reply text in it. */
export interface Piece {
  line: unknown;
  text: string;
}

export interface ExchangeParts {
  record: RequestRecord;
  behaviour: Behaviour;
  response: ServerResponse;
  gates: Gates;
  changes: Changes;
  /** Aborts when the client left or the fake is stopped. */
  gone: AbortSignal;
  /** Aborts when the fake is stopped. */
  stop: AbortSignal;
}

const encode = (value: unknown) => Buffer.from(`${JSON.stringify(value)}\n`);

export class Exchange {
  readonly parts: ExchangeParts;
  readonly record: RequestRecord;
  readonly behaviour: Behaviour;
  #pending = Buffer.alloc(0);
  #packets = 0;

  constructor(parts: ExchangeParts) {
    this.parts = parts;
    this.record = parts.record;
    this.behaviour = parts.behaviour;
  }

  /** Answers with one JSON value; a fault comes before it unless that is a refusal. */
  async json(value: unknown, status = 200): Promise<Ending> {
    const { response } = this.parts;
    response.statusCode = status;
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    const ended = status < 400 ? await this.#faultAt(0, true, value) : undefined;
    if (ended) return ended;
    await this.#write(encode(value));
    return await this.#finish(status < 400 ? 'done' : 'refused');
  }

  /** Answers with plain words; a fault comes before them. */
  async text(words: string): Promise<Ending> {
    this.parts.response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    const ended = await this.#faultAt(0, true, words);
    if (ended) return ended;
    await this.#write(Buffer.from(words));
    return await this.#finish('done');
  }

  /** Answers with one line per piece, then the last line. */
  async stream(pieces: readonly Piece[], last: unknown): Promise<Ending> {
    this.parts.response.setHeader('Content-Type', 'application/x-ndjson');
    return await this.#run(pieces, last, async (piece) => await this.#write(encode(piece.line)));
  }

  /** Takes as long as a stream would, and answers with the one value. */
  async whole(pieces: readonly Piece[], value: unknown): Promise<Ending> {
    this.parts.response.setHeader('Content-Type', 'application/json; charset=utf-8');
    return await this.#run(pieces, value, async () => {});
  }

  async #run(pieces: readonly Piece[], last: unknown, put: (piece: Piece) => Promise<void>): Promise<Ending> {
    const { gates, gone, changes } = this.parts;
    const beganAt = performance.now();
    for (const [i, piece] of pieces.entries()) {
      const ended = await this.#stop(i, false, piece.line);
      if (ended) return ended;
      await this.#pace(beganAt, i);
      await put(piece);
      this.record.piecesSent = i + 1;
      this.record.textSent += piece.text;
      changes.notify();
    }
    const ended = await this.#stop(pieces.length, true, last);
    if (ended) return ended;
    if (gates.isHeld('done', 0)) await this.#flush();
    await gates.pass(this.record, 'done', 0, gone);
    await this.#write(encode(last));
    return await this.#finish('done');
  }

  /** The gate and the fault behind piece `n`. */
  async #stop(n: number, isLast: boolean, next: unknown): Promise<Ending | undefined> {
    const { gates, gone } = this.parts;
    if (gates.isHeld('piece', n)) await this.#flush();
    await gates.pass(this.record, 'piece', n, gone);
    return await this.#faultAt(n, isLast, next);
  }

  async #pace(beganAt: number, i: number): Promise<void> {
    const { rate } = this.behaviour;
    if (!rate) return;
    const waitMs = beganAt + ((i + 1) * 1000) / rate - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.parts.gone });
  }

  async #faultAt(n: number, isLast: boolean, next: unknown): Promise<Ending | undefined> {
    const { fault } = this.behaviour;
    if (!fault) return undefined;
    if (fault.kind === 'html') return await this.#page();
    const after = fault.after ?? 0;
    const isDue = after === n || (isLast && after > n);
    return isDue ? await this.#fail(fault, next) : undefined;
  }

  async #fail(fault: Exclude<Fault, { kind: 'html' }>, next: unknown): Promise<Ending | undefined> {
    switch (fault.kind) {
      case 'error':
        await this.#write(encode({ error: fault.message ?? 'llama runner process has terminated' }));
        return await this.#finish('error');
      case 'line':
        await this.#write(Buffer.from(fault.line));
        return undefined;
      case 'long-line':
        return await this.#longLine(fault.bytes);
      case 'whitespace':
        return await this.#whitespace();
      default:
        return await this.#break(fault, next);
    }
  }

  async #break(
    fault: Extract<Fault, { kind: 'end' | 'close' | 'reset' | 'silence' }>,
    next: unknown,
  ): Promise<Ending> {
    const { response } = this.parts;
    if (fault.partial) await this.#write(encode(next).subarray(0, fault.partial));
    await this.#flush();
    if (fault.kind === 'silence') {
      if (fault.headers) response.flushHeaders();
      return await this.#whenGone();
    }
    if (fault.kind === 'end') return await this.#finish('end');
    this.record.ending = fault.kind;
    if (fault.kind === 'reset') response.socket?.resetAndDestroy();
    else response.socket?.destroy();
    return fault.kind;
  }

  async #page(): Promise<Ending> {
    this.parts.response.statusCode = 200;
    this.parts.response.setHeader('Content-Type', 'text/html; charset=utf-8');
    await this.#write(Buffer.from('<!doctype html>\n<html><body><h1>Welcome to nginx!</h1></body></html>\n'));
    return await this.#finish('html');
  }

  async #longLine(bytes: number): Promise<undefined> {
    const [head, tail] = ['{"message":{"role":"assistant","content":"', '"},"done":false}\n'];
    const block = Buffer.alloc(64 * 1024, 'x');
    let left = Math.max(0, bytes - head.length - tail.length);
    await this.#write(Buffer.from(head));
    for (; left > 0; left -= block.length) await this.#write(block.subarray(0, Math.min(left, block.length)));
    await this.#write(Buffer.from(tail));
  }

  async #whitespace(): Promise<never> {
    const beganAt = performance.now();
    const line = encode({
      model: this.record.model,
      message: { role: 'assistant', content: ' ' },
      done: false,
    });
    for (let i = 0; ; i++) {
      await this.#pace(beganAt, i);
      await this.#write(line);
    }
  }

  async #whenGone(): Promise<never> {
    const { gone } = this.parts;
    return await new Promise<never>((_resolve, reject) => {
      const leave = () => reject(gone.reason);
      if (gone.aborted) leave();
      else gone.addEventListener('abort', leave, { once: true });
    });
  }

  async #finish(ending: Ending): Promise<Ending> {
    await this.#flush();
    this.record.ending = ending;
    this.parts.response.end();
    return ending;
  }

  /** Hands the bytes on in packets of the wanted sizes; what is short of a packet waits for more. */
  async #write(bytes: Buffer): Promise<void> {
    const { packetBytes } = this.behaviour;
    if (packetBytes === undefined) return await this.#send(bytes);
    const sizes = typeof packetBytes === 'number' ? [packetBytes] : packetBytes;
    const size = () => Math.max(1, sizes[this.#packets % sizes.length] ?? 1);
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (this.#pending.length >= size()) {
      const packet = this.#pending.subarray(0, size());
      this.#pending = this.#pending.subarray(packet.length);
      this.#packets++;
      await this.#send(packet);
    }
  }

  async #flush(): Promise<void> {
    const rest = this.#pending;
    this.#pending = Buffer.alloc(0);
    if (rest.length > 0) await this.#send(rest);
  }

  /** Resolves when the system has taken the bytes. */
  async #send(bytes: Buffer): Promise<void> {
    const { response, gone } = this.parts;
    gone.throwIfAborted();
    this.record.firstByteAt ??= performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = () => reject(gone.reason);
    gone.addEventListener('abort', leave, { once: true });
    response.write(bytes, () => resolve());
    try {
      await promise;
    } finally {
      gone.removeEventListener('abort', leave);
    }
    gone.throwIfAborted();
  }
}
