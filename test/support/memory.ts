// What a server in a process of its own says of its memory.
import { z } from 'zod';
import type { ServerProcess } from './server-process.ts';

const options = `--import ${new URL('./memory-preload.ts', import.meta.url).href}`;
/** What makes a server load `memory-preload.ts`. */
export const preloadMemory = { NODE_OPTIONS: options };
/** The same for a server that takes its rubbish away before it answers: that costs time. */
export const preloadTidyMemory = { NODE_OPTIONS: `--expose-gc ${options}` };

const Memory = z.object({
  rss: z.number(),
  heap: z.number(),
  /** Delays of the event loop since the last time, in ms. */
  loop: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
});
/** In bytes. */
export type Memory = z.output<typeof Memory>;

export class MemoryGauge {
  readonly #server: ServerProcess;
  #count = 0;

  constructor(server: ServerProcess) {
    this.#server = server;
  }

  async read(): Promise<Memory> {
    this.#count += 1;
    this.#server.signal('SIGUSR2');
    return Memory.parse(await this.#server.logged(`memory ${this.#count}`));
  }
}
