import { Worker } from 'node:worker_threads';
import type { Embedder, Urgency } from './embed.ts';
import { unit } from './embed.ts';
import type { EncoderAnswer, EncoderRequest } from './encoder-worker.ts';
import { Lane } from './lane.ts';

/** The package that holds the weights, with its version: other weights make other vectors. */
const IDENTITY = 'model-embeddings-en@0.2.0';
/** A turn waits for one batch at most. */
const BATCH = 8;
/** A thread that never gets as far as an answer is not started for ever. */
const FAILURES_MAX = 3;

interface Job {
  resolve: (vectors: Float32Array[]) => void;
  reject: (reason: Error) => void;
}

/** The encoder that comes with the server (Universal Sentence Encoder lite, English, 512 numbers): it needs no network. */
export function createEncoder(): Embedder {
  return new Encoder();
}

class Encoder implements Embedder {
  readonly #lane = new Lane(1);
  readonly #jobs = new Map<number, Job>();
  #worker: Worker | undefined;
  #nextId = 0;
  #failures = 0;
  #isClosed = false;

  async identity(): Promise<string> {
    return IDENTITY;
  }

  async embed(texts: readonly string[], urgency: Urgency, signal: AbortSignal): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (let at = 0; at < texts.length; at += BATCH) {
      const batch = texts.slice(at, at + BATCH);
      vectors.push(...(await this.#lane.run(urgency, signal, () => this.#ask(batch))));
    }
    return vectors.map(unit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  #ask(texts: readonly string[]): Promise<Float32Array[]> {
    if (this.#isClosed) throw new Error('the encoder is closed');
    this.#worker ??= this.#start();
    const request: EncoderRequest = { id: (this.#nextId += 1), texts };
    const { promise, resolve, reject } = Promise.withResolvers<Float32Array[]>();
    this.#jobs.set(request.id, { resolve, reject });
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.#worker.postMessage(request);
    return promise;
  }

  #start(): Worker {
    if (this.#failures >= FAILURES_MAX) throw new Error(`the encoder has failed ${FAILURES_MAX} times`);
    const worker = new Worker(new URL('encoder-worker.ts', import.meta.url));
    worker.on('message', (answer: EncoderAnswer) => this.#heard(answer));
    // with a listener it is no uncaught exception; `exit` follows
    let cause: unknown;
    worker.on('error', (error) => (cause = error));
    worker.once('exit', () => this.#ended(new Error('the thread of the encoder ended', { cause })));
    return worker;
  }

  #heard(answer: EncoderAnswer): void {
    this.#failures = 0;
    const job = this.#jobs.get(answer.id);
    this.#jobs.delete(answer.id);
    if ('error' in answer) job?.reject(new Error(answer.error));
    else job?.resolve(answer.vectors);
  }

  #ended(reason: Error): void {
    this.#worker = undefined;
    this.#failures += 1;
    for (const { reject } of this.#jobs.values()) reject(reason);
    this.#jobs.clear();
  }
}
