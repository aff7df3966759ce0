import { Worker } from 'node:worker_threads';
import type { Embedder, Urgency } from './embed.ts';
import { unit } from './embed.ts';
import type { EncoderAnswer, EncoderRequest } from './encoder-worker.ts';

/** The package that holds the weights, with its version: other weights make other vectors. */
const IDENTITY = 'model-embeddings-en@0.2.0';
/** Texts at a time: together they take less than half as long, and a turn waits for so many in the background at most. */
const BATCH = 8;
/** A thread that is silent for longer hangs. */
const PATIENCE_MS = 30_000;
/** A thread that never gets as far as an answer is not started for ever. */
const FAILURES_MAX = 3;

interface Job {
  text: string;
  resolve: (vector: Float32Array) => void;
  reject: (reason: unknown) => void;
}

/** The encoder that comes with the server (Universal Sentence Encoder lite, English, 512 numbers): it needs no network. */
export function createEncoder(): Embedder {
  return new Encoder();
}

class Encoder implements Embedder {
  readonly #waiting: Record<Urgency, Job[]> = { query: [], batch: [] };
  #worker: Worker | undefined;
  /** What the thread works on. */
  #running: Job[] = [];
  #watchdog: NodeJS.Timeout | undefined;
  #failures = 0;
  #isClosed = false;

  async identity(): Promise<string> {
    return IDENTITY;
  }

  async embed(texts: readonly string[], urgency: Urgency, signal: AbortSignal): Promise<Float32Array[]> {
    signal.throwIfAborted();
    const jobs = texts.map((text) => ({ text, ...Promise.withResolvers<Float32Array>() }));
    this.#waiting[urgency].push(...jobs);
    const leave = () => {
      this.#waiting[urgency] = this.#waiting[urgency].filter((job) => !jobs.some((mine) => mine === job));
      for (const { reject } of jobs) reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#next();
    try {
      return (await Promise.all(jobs.map(({ promise }) => promise))).map(unit);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#fail(new Error('the encoder is closed'));
    await this.#worker?.terminate();
  }

  /** What turns wait for goes first, the texts of several turns together. */
  #next(): void {
    if (this.#running.length > 0) return;
    const { query, batch } = this.#waiting;
    this.#running = (query.length > 0 ? query : batch).splice(0, BATCH);
    if (this.#running.length === 0) return;
    try {
      this.#worker ??= this.#start();
    } catch (error) {
      this.#fail(error);
      return;
    }
    const request: EncoderRequest = { texts: this.#running.map(({ text }) => text) };
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.#worker.postMessage(request);
    const hung = this.#worker;
    this.#watchdog = setTimeout(() => void hung.terminate(), PATIENCE_MS).unref();
  }

  #start(): Worker {
    if (this.#isClosed) throw new Error('the encoder is closed');
    if (this.#failures >= FAILURES_MAX) throw new Error(`the encoder has failed ${FAILURES_MAX} times`);
    const worker = new Worker(new URL('encoder-worker.ts', import.meta.url));
    worker.on('message', (answer: EncoderAnswer) => this.#heard(answer));
    // with a listener it is no uncaught exception; `exit` follows
    let cause: unknown;
    worker.on('error', (error) => (cause = error));
    worker.once('exit', () => {
      this.#worker = undefined;
      this.#failures += 1;
      this.#fail(new Error('the thread of the encoder ended', { cause }));
    });
    return worker;
  }

  #heard(answer: EncoderAnswer): void {
    clearTimeout(this.#watchdog);
    this.#failures = 0;
    const jobs = this.#running;
    this.#running = [];
    for (const [at, { resolve, reject }] of jobs.entries()) {
      const vector = 'vectors' in answer ? answer.vectors[at] : undefined;
      if (vector) resolve(vector);
      else reject(new Error('error' in answer ? answer.error : 'a vector is missing'));
    }
    this.#next();
  }

  /** Nobody who waits gets a vector. */
  #fail(reason: unknown): void {
    clearTimeout(this.#watchdog);
    const { query, batch } = this.#waiting;
    const jobs = [...this.#running.splice(0), ...query.splice(0), ...batch.splice(0)];
    for (const { reject } of jobs) reject(reason);
  }
}
