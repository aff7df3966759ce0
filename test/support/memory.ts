// What a server in a process of its own says of its memory.
import { z } from 'zod';
import type { ServerProcess } from './server-process.ts';

const options = `--import ${new URL('./memory-preload.ts', import.meta.url).href}`;
/** What makes a server load `memory-preload.ts`. */
export const preloadMemory = { NODE_OPTIONS: options };
/** The same for a server that takes its rubbish away before it answers: that costs time. */
export const preloadTidyMemory = { NODE_OPTIONS: `--expose-gc ${options}` };
/** The same for one whose timers, handles and functions are all counted. */
export const preloadCountedMemory = {
  // that functions can be counted is an experiment of Node
  NODE_OPTIONS: `${preloadTidyMemory.NODE_OPTIONS} --disable-warning=ExperimentalWarning`,
  TEST_COUNT_RESOURCES: '1',
};

const Tally = z.record(z.string(), z.number());

const Memory = z.object({
  rss: z.number(),
  heap: z.number(),
  /** Of the heap, what is compiled. */
  code: z.number(),
  /** Functions and closures that something holds; only where that was asked for. */
  functions: z.number().optional(),
  external: z.number(),
  /** Delays of the event loop since the last time, in ms. */
  loop: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
  /** What keeps the process alive, by kind. */
  active: Tally,
  /** Everything that is open, by kind, timers by their ms; only where it is counted. */
  all: Tally,
});
/** In bytes. */
export type Memory = z.output<typeof Memory>;

export class MemoryGauge {
  readonly #server: ServerProcess;
  #count = 0;

  constructor(server: ServerProcess) {
    this.#server = server;
  }

  async read({ functions = false } = {}): Promise<Memory> {
    this.#count += 1;
    this.#server.signal(functions ? 'SIGPWR' : 'SIGUSR2');
    return Memory.parse(await this.#server.logged(`memory ${this.#count}`, 30_000));
  }
}
