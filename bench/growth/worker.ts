// A child process that is asked one thing after the other, so that what it costs is counted apart.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { z } from 'zod';

const Reply = z.union([z.object({ value: z.unknown() }), z.object({ error: z.string() })]);

export class Worker implements Disposable {
  readonly #child: ChildProcess;

  constructor(script: URL, args: readonly string[] = []) {
    this.#child = fork(script, args);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws what went wrong there, or that it has ended */
  async ask<T>(question: object, answer: z.ZodType<T>): Promise<T> {
    const over = new AbortController();
    const ended = once(this.#child, 'exit', { signal: over.signal }).then(() => {
      throw new Error('a process of the bench has ended');
    });
    const replied = once(this.#child, 'message', { signal: over.signal });
    this.#child.send(question);
    try {
      const [said] = z.array(z.unknown()).parse(await Promise.race([replied, ended]));
      const reply = Reply.parse(said);
      if ('error' in reply) throw new Error(reply.error);
      return answer.parse(reply.value);
    } finally {
      ended.catch(() => undefined);
      replied.catch(() => undefined);
      over.abort();
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

/** In the child: answers what it is asked, until its parent is gone. */
export function answer<T>(question: z.ZodType<T>, work: (question: T) => Promise<unknown>): void {
  process.on('message', (message) => {
    const replied = work(question.parse(message)).then(
      (value) => ({ value: value ?? null }),
      (error: unknown) => ({
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    );
    void replied.then((reply) => process.send?.(reply));
  });
  process.on('disconnect', () => process.exit(0));
}

/** CPU of this process that something costs, in µs. */
export async function cpuUs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
