// npm run cluster: Redis, two nodes and one address in front of them, to try out what becomes of a reply whose node is killed.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { buildPage } from '../../client/build.ts';
import { findRedis, redisHint } from './redis-files.ts';
import { startRedis } from './redis-server.ts';
import { startRoundRobin } from './round-robin.ts';
import { tempDir } from './server-process.ts';

const usage = `npm run cluster -- [options]
  --nodes N       servers (default 2)
  --port P        the address in front of them (default 8090)
  --node-port P   of the first server; the others follow (default: free ones)
REDIS_URL takes a Redis that runs; all other settings of the servers come from the environment as well.
`;

const root = resolve(import.meta.dirname, '../..');
/** A node that died is started again after this. */
const AGAIN_MS = 3_000;
/** Of the log of a node, from this level on it is shown. */
const WARN = 40;
/** Shown as well. */
const NEWS = ['turn taken over', 'turn lost', 'draining', 'stopped'];

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '2' },
    port: { type: 'string', default: '8090' },
    'node-port': { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const Line = z
  .looseObject({ level: z.number().default(0), msg: z.string().default('') })
  .catch({ level: 0, msg: '' });

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** One server, started again whenever it ends, until it is disposed. */
class TriedNode implements AsyncDisposable {
  port: number;
  readonly #name: string;
  readonly #env: Record<string, string | undefined>;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isStopping = false;

  /** Port 0: a free one, which it keeps. */
  constructor(number: number, port: number, env: Record<string, string | undefined>) {
    this.#name = `node ${number}`;
    this.port = port;
    this.#env = env;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves when it listens, and rejects when it ends before. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ['src/main.ts'], {
      cwd: root,
      env: { ...this.#env, PORT: String(this.port) },
      stdio: ['ignore', 'pipe', 'inherit'],
      // Ctrl-C is for us: we tell it
      detached: true,
    });
    const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      if (this.#tell(line) === 'listening') resolve();
    });
    this.#child = child;
    this.#ended = new Promise((done) => {
      child.once('close', (code, signal) => {
        reject(new Error(`${this.#name} ended (${signal ?? code})`));
        done();
      });
    });
    await listening;
    void this.#ended.then(() => this.#again());
  }

  /** Shows what is worth it, and answers what the line says. */
  #tell(line: string): string {
    const { level, msg, ...facts } = Line.parse(parsed(line));
    if (msg === 'listening') this.port = Number(new URL(String(facts['url'])).port);
    delete facts['time'];
    if (level >= WARN || NEWS.includes(msg)) say(`  ${this.#name}: ${msg} ${JSON.stringify(facts)}`);
    return msg;
  }

  async #again(): Promise<void> {
    if (this.#isStopping) return;
    say(`\n${this.#name} has ended; it is started again in ${AGAIN_MS / 1000} seconds.`);
    await sleep(AGAIN_MS);
    if (this.#isStopping) return;
    try {
      await this.start();
      say(`${this.#name} is back, pid ${this.pid}.`);
    } catch (error) {
      say(String(error));
      if (!this.#isStopping) void this.#again();
    }
  }

  /** At once: nobody is left to go on anyway. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }
}

/** The Redis to use, which ends with the others if it is ours. */
async function redisUrl(resources: AsyncDisposableStack): Promise<string> {
  const given = process.env['REDIS_URL'];
  if (given) return given;
  const files = await findRedis();
  if (!files) throw new Error(`There is no Redis. ${redisHint} Or set REDIS_URL.`);
  return resources.use(await startRedis({ files, persistent: true })).url;
}

async function start(resources: AsyncDisposableStack): Promise<void> {
  const port = Number(values.port);
  const nodePort = Number(values['node-port'] ?? 0);
  await buildPage();
  const url = await redisUrl(resources);
  const directory = resources.use(await tempDir());
  const nodes = Array.from({ length: Number(values.nodes) }, (_, i) => {
    const env = {
      LEASE_MS: '3000',
      GUIDE_WORD_MS: '250',
      RETRIEVAL: 'off',
      NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compile'),
      ...process.env,
      HOST: '127.0.0.1',
      REDIS_URL: url,
      DATA_DIR: join(directory.path, String(i + 1)),
    };
    return resources.use(new TriedNode(i + 1, nodePort === 0 ? 0 : nodePort + i, env));
  });
  await Promise.all(nodes.map(async (node) => await node.start()));
  const front = resources.use(await startRoundRobin({ targets: nodes.map((node) => node.port), port }));
  const address = `http://127.0.0.1:${front.port}`;
  say(`
Open ${address}: each request and each WebSocket goes to the next node.

${nodes.map((node, i) => `  node ${i + 1}   http://127.0.0.1:${node.port}   pid ${node.pid}`).join('\n')}
  Redis    ${url.replace(/\/\/[^@/]*@/, '//')}

Say something, and while the reply is written: kill -9 one of the nodes. The page goes to another node, and within
LEASE_MS (${process.env['LEASE_MS'] ?? '3000'} ms here) that goes on with the reply where it was cut. A node that ends is started again.
kill -STOP and kill -CONT: the node sleeps, another one goes on, and when it wakes nobody listens to it.
Ctrl-C ends everything${process.env['REDIS_URL'] ? '' : ', and nothing is kept'}.
`);
}

async function main(): Promise<void> {
  if (values.help) return void process.stdout.write(usage);
  const { promise: told, resolve: end } = Promise.withResolvers<void>();
  process.on('SIGINT', () => end());
  process.on('SIGTERM', () => end());
  const resources = new AsyncDisposableStack();
  try {
    await Promise.race([start(resources).then(() => told), told]);
  } finally {
    await resources.disposeAsync();
  }
}

await main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
