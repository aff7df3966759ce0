import { z } from 'zod';
import { Child } from '../stream/child.ts';
import { Counted } from './crowd-asks.ts';
import type { Told } from './crowd-asks.ts';

const Done = z.object({ done: z.literal(true) });

/** Many light connections to one server, in a process of their own. */
export class Crowd implements Disposable {
  readonly #child = new Child('../beside/crowd');

  /** Resolves once all are connected. */
  async open(crowd: Omit<Extract<Told, { kind: 'open' }>, 'kind'>): Promise<void> {
    await this.#child.ask({ kind: 'open', ...crowd }, Done);
  }

  /** What has come since it was asked last. */
  async count(): Promise<Counted> {
    return await this.#child.ask({ kind: 'count' }, Counted);
  }

  async close(): Promise<void> {
    await this.#child.ask({ kind: 'close' }, Done);
  }

  [Symbol.dispose](): void {
    this.#child[Symbol.dispose]();
  }
}
