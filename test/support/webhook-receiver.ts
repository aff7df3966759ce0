// Somebody who receives alerts: takes, refuses, or never answers.
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createChanges, until } from './wait.ts';

export interface Call {
  headers: IncomingHttpHeaders;
  body: string;
}

export type Habit = number | 'hang' | 'redirect';

export class WebhookReceiver implements AsyncDisposable {
  readonly calls: Call[] = [];
  /** How the next calls are answered: a status, not at all, or with a redirect to itself. */
  habit: Habit = 204;
  readonly #changes = createChanges();
  readonly #server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      this.calls.push({ headers: req.headers, body: Buffer.concat(chunks).toString('utf8') });
      this.#answer(res);
      this.#changes.notify();
    });
  });

  static async open(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/alerts`;
  }

  #answer(res: ServerResponse): void {
    if (this.habit === 'hang') return;
    if (this.habit === 'redirect') res.writeHead(307, { location: '/elsewhere' }).end();
    else res.writeHead(this.habit).end();
  }

  /** The first `count` calls. */
  async received(count: number): Promise<Call[]> {
    return until(
      () => this.calls.length >= count && this.calls.slice(0, count),
      this.#changes.subscribe,
      () => `${count} alerts, there are ${this.calls.length}`,
      20_000,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
