// The terminal client as a child process, with pipes or in a terminal of its own.
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compileCache } from './server-process.ts';
import { Grid } from './terminal-grid.ts';
import { createChanges, deadline, until } from './wait.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = 'client/terminal/main.ts';
const COLUMNS = 60;

export interface TerminalOptions {
  url: string;
  args?: readonly string[];
  env?: Record<string, string>;
  /** In a terminal, by the `script` of util-linux: all that is written is in `stdout`, and on `grid`. */
  isTTY?: boolean;
}

/** Disposing kills it. */
export class Terminal implements AsyncDisposable {
  stdout = '';
  stderr = '';
  readonly grid = new Grid(COLUMNS);
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #changes = createChanges();
  readonly #exit = Promise.withResolvers<number | null>();

  constructor({ url, args = [], env = {}, isTTY = false }: TerminalOptions) {
    const given = [main, '--url', url, ...args];
    const quoted = [process.execPath, ...given].map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`);
    const [command, words] = isTTY
      ? ['script', ['-qec', `stty cols ${COLUMNS} rows 24; exec ${quoted.join(' ')}`, '/dev/null']]
      : [process.execPath, given];
    const own = { PATH: process.env['PATH'] ?? '', TERM: 'xterm', SHELL: '/bin/sh', ...compileCache };
    this.#child = spawn(command, words, { cwd: root, env: { ...own, ...env } });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      if (isTTY) this.grid.write(text);
      this.#changes.notify();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changes.notify();
    });
    this.#child.stdin.on('error', () => undefined);
    this.#child.once('close', (code) => this.#exit.resolve(code));
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Nothing more will be typed. */
  endInput(): void {
    this.#child.stdin.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async until(look: () => boolean, label: string): Promise<void> {
    await until(look, this.#changes.subscribe, () => `${label}\n${this.stdout}\n${this.stderr}`);
  }

  /** Its exit code, once it has ended. */
  async exited(): Promise<number | null> {
    return await deadline(this.#exit.promise, () => `its end\n${this.stdout}\n${this.stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited();
  }
}
