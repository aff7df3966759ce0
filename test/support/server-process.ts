// The real server as a child process, for tests that kill it.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS, createChanges, deadline, until } from './wait.ts';

export interface ServerOptions {
  /** Over the environment a server needs (and a cache that makes its start faster); of this process's own `PATH` is handed on. */
  env?: Record<string, string>;
  dataDir: string;
  /** Script to run, from the root of the repository; default `src/main.ts`. */
  script?: string;
  /** How long it may take until it listens, in ms; default 15,000. */
  startMs?: number;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A running server. Disposing kills it at once. */
export interface ServerProcess extends AsyncDisposable {
  /** Where it listens, as it said itself. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Everything it has written so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Its log lines so far, parsed; lines that are not JSON are left out. */
  readonly log: readonly Record<string, unknown>[];
  /** Resolves with the first log line of that `msg`; waits for it. */
  logged(msg: string, ms?: number): Promise<Record<string, unknown>>;
  /** Reads no more of what it writes to standard output: the other end of the pipe is gone. */
  closeOutput(): void;
  /** Sends a signal and nothing else: for SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal (default SIGKILL) and waits for the end. */
  kill(signal?: NodeJS.Signals, ms?: number): Promise<Exit>;
  /** Ends it as an operator does, by SIGTERM. */
  stop(ms?: number): Promise<Exit>;
  /** Resolves when it has ended, whoever ended it. */
  readonly exited: Promise<Exit>;
}

/** Several start at once. */
const START_MS = 60_000;
const root = fileURLToPath(new URL('../../', import.meta.url));
/** For the environment of whatever runs TypeScript as it stands: makes its start faster. */
export const compileCache = { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compile') };

/**
 * For servers that live some seconds, of which there are hundreds in a run: their start is most of what they cost, and a
 * quarter of that is collecting garbage and optimising code that does not run again.
 */
const shortLife = process.env['VITEST']
  ? ['--max-semi-space-size=64', '--min-semi-space-size=32', '--no-opt']
  : [];

/**
 * Starts `src/main.ts` on a port the system chooses, and resolves once it listens. A server that ends before that, or
 * takes too long, is an error that holds what it wrote.
 */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const server = new Child(options);
  try {
    await server.listening(options.startMs ?? START_MS);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs the server until it ends by itself: for a start that is refused. */
export async function runServer(options: ServerOptions): Promise<Exit & { stdout: string; stderr: string }> {
  await using server = new Child(options);
  const exit = await deadline(
    server.exited,
    () => `its end; it wrote ${server.stdout}${server.stderr}`,
    15_000,
  );
  return { ...exit, stdout: server.stdout, stderr: server.stderr };
}

/** A fresh directory under the system's own; disposing removes it. */
export async function tempDir(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'stillpoint-'));
  return {
    path,
    [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}

class Child implements ServerProcess {
  readonly exited: Promise<Exit>;
  readonly log: Record<string, unknown>[] = [];
  readonly #child: ChildProcess;
  readonly #changes = createChanges();
  #exit: Exit | undefined;
  #partial = '';
  /** No child outlives the tests, not even when they end without cleaning up. */
  readonly #killNow = () => void this.#child.kill('SIGKILL');
  url = '';
  stdout = '';
  stderr = '';

  constructor(options: ServerOptions) {
    const script = resolve(root, options.script ?? 'src/main.ts');
    this.#child = spawn(process.execPath, [...shortLife, script], {
      cwd: root,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOST: '127.0.0.1',
        PORT: '0',
        DATA_DIR: options.dataDir,
        RETRIEVAL: 'off',
        ...compileCache,
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    process.once('exit', this.#killNow);
    this.exited = this.#watch();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async listening(ms: number): Promise<void> {
    const line = await this.logged('listening', ms);
    this.url = String(line['url']).replace(/\/$/, '');
  }

  async logged(msg: string, ms = PATIENCE_MS): Promise<Record<string, unknown>> {
    const look = () => {
      const line = this.log.find((entry) => entry['msg'] === msg);
      if (!line && this.#exit) throw new Error(`it ended before "${msg}": ${this.#describe()}`);
      return line;
    };
    return await until(look, this.#changes.subscribe, () => `"${msg}" in the log: ${this.#describe()}`, ms);
  }

  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL', ms = PATIENCE_MS): Promise<Exit> {
    if (!this.#exit) this.#child.kill(signal);
    return await deadline(this.exited, () => `the end after ${signal}: ${this.#describe()}`, ms);
  }

  async stop(ms = 30_000): Promise<Exit> {
    return await this.kill('SIGTERM', ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL');
  }

  /** Waits for `close`, not for `exit`, so that all it wrote is there. */
  async #watch(): Promise<Exit> {
    const [code, signal]: [number | null, NodeJS.Signals | null] = await new Promise((resolve, reject) => {
      this.#child.once('close', (...outcome) => resolve(outcome));
      this.#child.once('error', reject);
    });
    this.#exit = { code, signal };
    process.off('exit', this.#killNow);
    this.#changes.notify();
    return this.#exit;
  }

  #read(text: string): void {
    this.stdout += text;
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) {
      const entry = parseObject(line);
      if (entry) this.log.push(entry);
    }
    this.#changes.notify();
  }

  #describe(): string {
    const exit = this.#exit ? `exit ${this.#exit.code ?? this.#exit.signal}` : 'running';
    return `${exit}\n${this.stdout}${this.stderr}`;
  }
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
