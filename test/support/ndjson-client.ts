// The thinnest client of an NDJSON stream: chunks as they come, lines, and how it ended.
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { z } from 'zod';
import { createChanges, deadline, until } from './wait.ts';

const Line = z.looseObject({
  message: z.looseObject({ content: z.string(), thinking: z.string().optional() }).optional(),
  done: z.boolean().optional(),
  done_reason: z.string().optional(),
  error: z.string().optional(),
});

/** One POST in flight. */
export class NdjsonClient {
  readonly chunks: Buffer[] = [];
  readonly #changes = createChanges();
  readonly #request: ClientRequest;
  /** `whole`: the body came to its end. `broken`: the connection did. */
  readonly over: Promise<'whole' | 'broken'>;
  status: number | undefined;
  contentType: string | undefined;
  error: NodeJS.ErrnoException | undefined;

  constructor(url: string, body: unknown) {
    const { promise, resolve } = Promise.withResolvers<'whole' | 'broken'>();
    this.over = promise;
    this.#request = request(url, {
      method: 'POST',
      agent: false,
      headers: { 'Content-Type': 'application/json' },
    });
    this.#request.on('error', (error) => {
      this.error = error;
      resolve('broken');
    });
    this.#request.on('response', (response) => this.#read(response, resolve));
    this.#request.end(JSON.stringify(body));
  }

  #read(response: IncomingMessage, resolve: (how: 'whole' | 'broken') => void): void {
    this.status = response.statusCode;
    this.contentType = response.headers['content-type'];
    this.#changes.notify();
    response.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.#changes.notify();
    });
    response.on('error', (error) => (this.error = error));
    response.on('close', () => resolve(response.complete ? 'whole' : 'broken'));
  }

  get raw(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }

  get lines() {
    const whole = this.raw.split('\n').slice(0, -1);
    return whole.map((line) => Line.parse(JSON.parse(line)));
  }

  get text(): string {
    return this.lines.map(({ message }) => message?.content ?? '').join('');
  }

  async end(): Promise<'whole' | 'broken'> {
    return await deadline(this.over, () => `the end after ${JSON.stringify(this.raw.slice(-200))}`);
  }

  /** Resolves when the condition holds; it is looked at after every chunk. */
  async until(condition: () => boolean, label: string): Promise<void> {
    await until(condition, this.#changes.subscribe, label);
  }

  leave(): void {
    this.#request.destroy();
  }
}
