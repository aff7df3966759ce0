// The servers that are compared, each a process of its own.
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { MemoryGauge, preloadTidyMemory } from '../../test/support/memory.ts';
import { startServer, tempDir } from '../../test/support/server-process.ts';
import { Child } from '../stream/child.ts';
import type { Speech } from '../stream/speech.ts';

/** A server, whoever wrote it. */
export interface Measured extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Reads after rubbish was taken away. */
  readonly gauge: MemoryGauge;
}

async function open(env: Record<string, string>, script?: string): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const settings = { ...preloadTidyMemory, ...env };
  const server = stack.use(
    await startServer({ dataDir: path, env: settings, ...(script !== undefined && { script }) }),
  );
  const kept = stack.move();
  return {
    url: server.url,
    pid: server.pid,
    gauge: new MemoryGauge(server),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Ours, on SQLite. Where no model is named the guide speaks, at once. */
export const openOurs = (env: Record<string, string> = {}): Promise<Measured> =>
  open({
    RAW_REPLIES: '1',
    OLLAMA_SLOTS: '1000',
    OLLAMA_QUEUE: '100000',
    OLLAMA_NUM_PREDICT: '100000',
    GUIDE_WORD_MS: '0',
    MODEL: env['OLLAMA_BASE_URL'] === undefined ? 'guide' : 'ollama',
    ...env,
  });

/** What ours is compared with: a script of this folder. */
export const openOther = (script: string, env: Record<string, string> = {}): Promise<Measured> =>
  open(env, fileURLToPath(new URL(`./${script}.ts`, import.meta.url)));

/** A fake Ollama that speaks at a pace. */
export class PacedOllama implements Disposable {
  readonly url: string;
  readonly #child: Child;

  private constructor(child: Child, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async open(): Promise<PacedOllama> {
    const child = new Child('ollama');
    return new PacedOllama(child, await child.hear(z.string()));
  }

  /** How every reply goes from now on. */
  async speak(speech: Speech): Promise<void> {
    await this.#child.ask(speech, z.literal('told'));
  }

  [Symbol.dispose](): void {
    this.#child[Symbol.dispose]();
  }
}
