// What the figures are taken from: a Redis, a fake Ollama and nodes, each a process of its own.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createClient } from 'redis';
import { z } from 'zod';
import { findRedis, redisHint } from '../../test/support/redis-files.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import type { RedisProcess } from '../../test/support/redis-server.ts';
import { startServer, tempDir } from '../../test/support/server-process.ts';
import type { ServerProcess } from '../../test/support/server-process.ts';
import { startTcpProxy } from '../../test/support/tcp-proxy.ts';
import { CommandCounter } from './count.ts';

export interface StageOptions {
  /** Of the nodes, over the defaults here. */
  env?: Record<string, string>;
  /** Counts what each node sends to Redis, in a proxy between the two. */
  counted?: boolean;
}

/** A reply: words a second (absent: at once), and how many. */
export interface Speech {
  rate?: number;
  words: number;
}

/** Commands, as flat answers. */
export interface Commands {
  send(...command: string[]): Promise<unknown>;
}

const defaults = {
  LOG_LEVEL: 'warn',
  MODEL: 'ollama',
  RAW_REPLIES: '1',
  OLLAMA_SLOTS: '1000',
  OLLAMA_QUEUE: '100000',
  OLLAMA_NUM_PREDICT: '100000',
};

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  await using resources = new AsyncDisposableStack();
  const files = await findRedis();
  if (!files) throw new Error(redisHint);
  const redis = resources.use(await startRedis({ files }));
  const client = createClient({ url: redis.url, RESP: 2 });
  client.on('error', () => {});
  await client.connect();
  resources.defer(() => client.destroy());
  const ollama = fork(fileURLToPath(new URL('./ollama.ts', import.meta.url)));
  resources.defer(() => void ollama.kill('SIGKILL'));
  const [url] = z.tuple([z.string()]).parse((await once(ollama, 'message')).slice(0, 1));
  const commands: Commands = { send: (...command) => client.sendCommand(command) };
  const stage = new Stage(redis, commands, ollama, url, options);
  stage.owns(resources.move());
  return stage;
}

/** One node. */
export interface BenchNode {
  readonly server: ServerProcess;
  readonly url: string;
  readonly pid: number;
  /** Only where it was asked for. */
  readonly counter: CommandCounter | undefined;
}

export class Stage implements AsyncDisposable {
  readonly redis: RedisProcess;
  readonly commands: Commands;
  readonly nodes: BenchNode[] = [];
  readonly #ollama: ChildProcess;
  readonly #ollamaUrl: string;
  readonly #options: StageOptions;
  #resources = new AsyncDisposableStack();

  constructor(
    redis: RedisProcess,
    commands: Commands,
    ollama: ChildProcess,
    ollamaUrl: string,
    options: StageOptions,
  ) {
    this.redis = redis;
    this.commands = commands;
    this.#ollama = ollama;
    this.#ollamaUrl = ollamaUrl;
    this.#options = options;
  }

  owns(resources: AsyncDisposableStack): void {
    this.#resources = resources;
  }

  /** How every reply goes from now on. */
  async speak(speech: Speech): Promise<void> {
    const told = once(this.#ollama, 'message');
    this.#ollama.send(speech);
    await told;
  }

  /** Starts nodes until there are so many. */
  async grow(count: number): Promise<void> {
    while (this.nodes.length < count) this.nodes.push(await this.#start());
  }

  /** Kills a node, and puts another one in its place, once `then` is over. */
  async replace(index: number, then: () => Promise<void>): Promise<void> {
    const node = this.node(index);
    node.server.signal('SIGKILL');
    await then();
    await node.server.exited;
    this.nodes[index] = await this.#start();
  }

  node(index: number): BenchNode {
    const node = this.nodes[index];
    if (!node) throw new Error(`There is no node ${index}`);
    return node;
  }

  async #start(): Promise<BenchNode> {
    const directory = this.#resources.use(await tempDir());
    const proxy = this.#options.counted
      ? this.#resources.use(await startTcpProxy({ target: this.redis.port }))
      : undefined;
    const env = {
      ...defaults,
      OLLAMA_BASE_URL: this.#ollamaUrl,
      REDIS_URL: proxy ? `redis://127.0.0.1:${proxy.port}` : this.redis.url,
      ...this.#options.env,
    };
    // a node says where it listens at this level, and nothing else is measured while it starts
    const server = this.#resources.use(
      await startServer({ dataDir: directory.path, env: { ...env, LOG_LEVEL: 'info' } }),
    );
    return { server, url: server.url, pid: server.pid, counter: proxy && new CommandCounter(proxy) };
  }

  /** A number of Redis's INFO. */
  async info(name: string): Promise<number> {
    const text = z.string().parse(await this.commands.send('INFO', 'everything'));
    return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}
