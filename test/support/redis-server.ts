// A real Redis as a child process, or a Cluster of them, for tests that stop, kill and starve it.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createClient } from 'redis';
import { inject } from 'vitest';
import { redisHint } from './redis-files.ts';
import type { RedisFiles } from './redis-files.ts';
import { tempDir } from './server-process.ts';
import { createChanges, deadline, until } from './wait.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Found or fetched by the set-up; null where there is none, or where no test needs one. */
    redis: RedisFiles | null;
  }
}

export interface RedisOptions {
  /** Lines of `redis.conf`, over those of the tests. */
  config?: readonly string[];
  /** Keeps the data over a restart: an append-only file, synced every second. Default: nothing is kept. */
  persistent?: boolean;
  /** Default: a free one. */
  port?: number;
  /** Default: what the set-up of the tests found. */
  files?: RedisFiles;
}

/** A Redis on 127.0.0.1 that answers. Disposing kills it and removes its files. */
export interface RedisProcess extends AsyncDisposable {
  /** `redis://127.0.0.1:port` */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs, or ran last. */
  readonly pid: number;
  /** Everything it has written so far, over all its starts. */
  readonly log: string;
  /** Resolves when `condition` holds of what it has written since it was started last. */
  logged(condition: (log: string) => boolean, label: string, ms?: number): Promise<void>;
  /**
   * Sends one command over a connection of its own. Numbers come as text, nil as `''`, an array as one line for each of
   * its items; an error is thrown.
   */
  command(...args: string[]): Promise<string>;
  /** Removes all keys. */
  flush(): Promise<void>;
  /** The bytes of all files with data, as they are now. */
  files(): Promise<Buffer>;
  /** Resolves when a kill would lose nothing that was answered so far. Only for a persistent one. */
  persisted(): Promise<void>;
  /** Sends a signal and nothing else: for SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it by SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** Starts it again, with the port and the files it had; kills it first where it runs. */
  restart(): Promise<void>;
}

/** Three masters that share all slots. Disposing kills them. */
export interface RedisCluster extends AsyncDisposable {
  readonly urls: readonly string[];
  readonly nodes: readonly RedisProcess[];
  /** Sends one command to each node, whatever its keys. */
  commandAll(...args: string[]): Promise<string[]>;
  /** Resolves when all nodes run and hold the cluster to be whole: after a restart of one. */
  ready(): Promise<void>;
}

const START_MS = 20_000;
const SLOTS = 16_384;
/** After so long without an answer a node counts as failed. */
const NODE_TIMEOUT_MS = 1_000;

/** Resolves once it answers. One that does not start is an error that holds what it wrote. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisProcess> {
  const files = options.files ?? inject('redis');
  if (!files) throw new Error(`There is no Redis for the tests. ${redisHint}`);
  for (;;) {
    const dir = await tempDir();
    const redis = new Redis(files, dir, options.port ?? (await freePort()));
    try {
      await writeFile(join(dir.path, 'redis.conf'), configOf(redis.port, dir.path, options));
      await redis.restart();
      return redis;
    } catch (error) {
      await redis[Symbol.asyncDispose]();
      const isTaken = redis.log.includes('Address already in use');
      if (!isTaken || options.port !== undefined) throw error;
    }
  }
}

/** Resolves once every node says that the cluster is whole; Redis lets no master say so in its first two seconds. */
export async function startRedisCluster(options: Omit<RedisOptions, 'port'> = {}): Promise<RedisCluster> {
  const config = [
    'cluster-enabled yes',
    'cluster-announce-ip 127.0.0.1',
    `cluster-node-timeout ${NODE_TIMEOUT_MS}`,
    ...(options.config ?? []),
  ];
  await using stack = new AsyncDisposableStack();
  const nodes: RedisProcess[] = [];
  while (nodes.length < 3) nodes.push(stack.use(await startRedis({ ...options, config })));
  for (const [index, node] of nodes.entries()) {
    const bounds = [index, index + 1].map((part) => Math.floor((part * SLOTS) / nodes.length));
    await node.command('CLUSTER', 'ADDSLOTSRANGE', String(bounds[0]), String((bounds[1] ?? 0) - 1));
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    for (const other of nodes.slice(0, index)) {
      await node.command('CLUSTER', 'MEET', '127.0.0.1', String(other.port));
    }
  }
  const cluster = new Cluster(nodes, stack.move());
  try {
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

function configOf(port: number, dir: string, options: RedisOptions): string {
  const lines = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir ${dir}`,
    'save ""',
    `appendonly ${options.persistent ? 'yes' : 'no'}`,
    'appendfsync everysec',
    ...(options.config ?? []),
  ];
  return `${lines.join('\n')}\n`;
}

/** One whose bus port is free as well. All lie below those of outgoing connections, which else could take the port of a server that is down. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 22_240);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  return await promise;
}

class Redis implements RedisProcess {
  readonly port: number;
  readonly #files: RedisFiles;
  readonly #dir: AsyncDisposable & { readonly path: string };
  readonly #changes = createChanges();
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isRunning = false;
  /** Where in the log the last start begins. */
  #logStart = 0;
  log = '';

  constructor(files: RedisFiles, dir: AsyncDisposable & { readonly path: string }, port: number) {
    this.#files = files;
    this.#dir = dir;
    this.port = port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async logged(condition: (log: string) => boolean, label: string, ms = START_MS): Promise<void> {
    const look = () => {
      if (condition(this.log.slice(this.#logStart))) return true;
      if (!this.#isRunning) throw new Error(`Redis ended before ${label}:\n${this.log}`);
      return false;
    };
    await until(look, this.#changes.subscribe, () => `${label} from Redis:\n${this.log}`, ms);
  }

  async command(...args: string[]): Promise<string> {
    const client = createClient({
      url: this.url,
      RESP: 2,
      disableClientInfo: true,
      socket: { reconnectStrategy: false },
    });
    // It is the outcome of the command as well.
    client.on('error', () => undefined);
    try {
      const answer = client.connect().then(async () => await client.sendCommand<Answer>(args));
      return textOf(await deadline(answer, () => `an answer to ${args.join(' ')}`));
    } finally {
      if (client.isOpen) client.destroy();
    }
  }

  async flush(): Promise<void> {
    await this.command('FLUSHALL');
  }

  async files(): Promise<Buffer> {
    const entries = await readdir(this.#dir.path, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && entry.name !== 'redis.conf');
    // one that is replaced meanwhile is in its successor
    const read = files.map((file) => readFile(join(file.parentPath, file.name)).catch(() => Buffer.alloc(0)));
    return Buffer.concat(await Promise.all(read));
  }

  /** What is answered waits in memory for as long as the sync of what came before it runs. */
  async persisted(): Promise<void> {
    for (;;) {
      const info = await this.command('INFO', 'persistence');
      const waiting = /^aof_buffer_length:(\d+)/m.exec(info)?.[1];
      if (waiting === undefined) throw new Error('This Redis keeps nothing');
      if (waiting === '0') return;
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await deadline(this.#ended, () => `the end of Redis:\n${this.log}`);
  }

  async restart(): Promise<void> {
    await this.kill();
    this.#start();
    await this.logged((log) => log.includes('Ready to accept connections'), 'its start');
    await this.command('PING');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#dir[Symbol.asyncDispose]();
  }

  #start(): void {
    this.#logStart = this.log.length;
    const child = spawn(this.#files.path, [join(this.#dir.path, 'redis.conf')], {
      env: { PATH: process.env['PATH'] ?? '', ...this.#files.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    // No child outlives the tests, not even when they end without cleaning up.
    const killNow = () => void child.kill('SIGKILL');
    process.once('exit', killNow);
    const read = (text: string) => {
      this.log += text;
      this.#changes.notify();
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('error', (error) => read(`${error.message}\n`));
    child.once('close', () => {
      process.off('exit', killNow);
      this.#isRunning = false;
      this.#changes.notify();
      resolve();
    });
    this.#child = child;
    this.#ended = promise;
    this.#isRunning = true;
  }
}

class Cluster implements RedisCluster {
  readonly nodes: readonly RedisProcess[];
  readonly #processes: AsyncDisposable;

  constructor(nodes: readonly RedisProcess[], processes: AsyncDisposable) {
    this.nodes = nodes;
    this.#processes = processes;
  }

  get urls(): readonly string[] {
    return this.nodes.map(({ url }) => url);
  }

  async commandAll(...args: string[]): Promise<string[]> {
    return await Promise.all(this.nodes.map(async (node) => await node.command(...args)));
  }

  async ready(): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => await node.logged(isWhole, 'a whole cluster')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes[Symbol.asyncDispose]();
  }
}

function isWhole(log: string): boolean {
  return [...log.matchAll(/Cluster state changed: (\w+)/g)].at(-1)?.[1] === 'ok';
}

type Answer = string | number | null | readonly Answer[];

function textOf(answer: Answer): string {
  if (typeof answer === 'object' && answer !== null) return answer.map(textOf).join('\n');
  return answer === null ? '' : String(answer);
}
