import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';

/** A script of this folder in a process of its own, so that its work is not counted with anybody else's. Dies when disposed. */
export class Child implements Disposable {
  readonly #process: ChildProcess;

  /** `script`: its name. `env`: over this process's own. */
  constructor(script: string, env: Record<string, string> = {}) {
    const path = fileURLToPath(new URL(`./${script}.ts`, import.meta.url));
    // arrays of numbers go as they are
    this.#process = fork(path, { env: { ...process.env, ...env }, serialization: 'advanced' });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The next thing it says. @throws it died, or says what went wrong */
  async hear<T>(schema: z.ZodType<T>): Promise<T> {
    const over = new AbortController();
    const { signal } = over;
    const died = once(this.#process, 'exit', { signal }).then(() => {
      throw new Error('a process of the bench ended');
    });
    died.catch(() => undefined);
    try {
      const heard = await Promise.race([once(this.#process, 'message', { signal }), died]);
      const [message]: unknown[] = heard;
      const read = schema.safeParse(message);
      if (read.success) return read.data;
      throw typeof message === 'string' ? new Error(message) : read.error;
    } finally {
      over.abort();
    }
  }

  /** Tells it something, and hears its answer. */
  async ask<T>(message: object | string, schema: z.ZodType<T>): Promise<T> {
    const answer = this.hear(schema);
    this.#process.send(message);
    return await answer;
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGKILL');
  }
}
