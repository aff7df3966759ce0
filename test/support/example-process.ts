// A program of client/examples as a child process, as somebody runs it who copied it.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createChanges, deadline, until } from './wait.ts';

const folder = fileURLToPath(new URL('../../client/examples/', import.meta.url));
const programs: Record<string, string> = { js: process.execPath, sh: 'bash', py: '/usr/bin/python3' };

/** What an example wrote, and how it ended. */
export interface ExampleResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A running example; disposing kills it. */
export class Example implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #changes = createChanges();
  stdout = '';
  stderr = '';

  constructor(file: string, words: readonly string[], env: Record<string, string>) {
    const program = programs[file.split('.').at(-1) ?? ''] ?? '';
    this.#child = spawn(program, [folder + file, ...words], {
      env: { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#changes.notify();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#closed = once(this.#child, 'close');
  }

  /** Resolves when `text` was written. */
  async wrote(text: string): Promise<void> {
    const state = () => `"${text}" of an example; it wrote "${this.stdout}" and "${this.stderr}"`;
    await until(() => this.stdout.includes(text), this.#changes.subscribe, state, 60_000);
  }

  /** Where an example that is a server listens. */
  async url(): Promise<string> {
    await this.wrote('\n');
    return /^listening on (\S+)$/m.exec(this.stdout)?.[1] ?? '';
  }

  async ended(): Promise<ExampleResult> {
    const state = () => `the end of an example; it wrote "${this.stdout}" and "${this.stderr}"`;
    await deadline(this.#closed, state, 60_000);
    return { code: this.#child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

/** Runs an example against the server at `url` until it ends. */
export async function runExample(url: string, file: string, ...words: string[]): Promise<ExampleResult> {
  await using example = new Example(file, words, { STILLPOINT_URL: url });
  return await example.ended();
}
