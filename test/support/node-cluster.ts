// Several real servers on one Redis and one fake Ollama, each of which may be killed, stopped, cut off and started again.
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Device } from './devices.ts';
import type { DeviceKind } from './devices.ts';
import { startFakeOllama } from './fake-ollama.ts';
import type { FakeOllama, FakeOptions, RequestRecord } from './fake-ollama.ts';
import { Client } from './fold.ts';
import type { FoldedTurn } from './fold.ts';
import type { RedisCluster, RedisProcess } from './redis-server.ts';
import { Snapshot } from './fold-shapes.ts';
import { pathOf, rest } from './rest.ts';
import type { Answer } from './rest.ts';
import { complaints, input } from './scene.ts';
import type { Spoken } from './scene.ts';
import { startServer, tempDir } from './server-process.ts';
import type { Exit, ServerProcess } from './server-process.ts';
import { connect } from './socket-client.ts';
import type { SocketClient } from './socket-client.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';

export interface NodesOptions {
  /** What they share, and what ends with them; absent: each keeps a file of its own. */
  redis?: RedisProcess | RedisCluster;
  /** Default 3. */
  count?: number;
  /** Of every server, over the defaults here. */
  env?: Record<string, string>;
  /** Of one server, over `env`. */
  envOf?: (index: number) => Record<string, string>;
  fake?: FakeOptions;
  /** Puts a TCP proxy between each server and Redis; not for a Cluster, which tells its own addresses. */
  proxied?: boolean;
  /** What they store is encrypted, by one master key. */
  isEncrypted?: boolean;
}

/** A pause of a follower while no node runs. */
const NOBODY_MS = 100;

/** What makes a server load `node-preload.ts`; see there what else it reads from its environment. */
export const preload = { NODE_OPTIONS: `--import ${new URL('./node-preload.ts', import.meta.url).href}` };

/** Starts all servers at once, and resolves when all listen. Disposing ends everything, and fails if a server had to complain of itself. */
export async function openNodes(options: NodesOptions): Promise<Nodes> {
  await using resources = new AsyncDisposableStack();
  if (options.redis) resources.use(options.redis);
  const fake = resources.use(await startFakeOllama(options.fake));
  const nodes: Node[] = [];
  const all = new Nodes(fake, nodes);
  resources.defer(() => all.end());
  while (nodes.length < (options.count ?? 3)) {
    nodes.push(await openNode(nodes.length, options, fake, resources));
  }
  await all.startAll();
  all.owns(resources.move());
  return all;
}

/** The same key in a file of its own. */
async function keyFile(directory: string): Promise<string> {
  const path = join(directory, 'master-keys');
  await writeFile(path, `${Buffer.alloc(32, 8).toString('base64')}\n`, { mode: 0o600 });
  return path;
}

async function openNode(
  index: number,
  { redis, env, envOf, proxied, isEncrypted = false }: NodesOptions,
  fake: FakeOllama,
  resources: AsyncDisposableStack,
): Promise<Node> {
  const directory = resources.use(await tempDir());
  const alone = redis && 'port' in redis ? redis : undefined;
  if (proxied && !alone) throw new Error('A proxy stands in front of one Redis only');
  const proxy = proxied && alone ? resources.use(await startTcpProxy({ target: alone.port })) : undefined;
  const redisUrls = redis && 'urls' in redis ? redis.urls.join(',') : alone?.url;
  const settings = {
    GUIDE_WORD_MS: '1',
    LEASE_MS: '1500',
    OLLAMA_CHECK_MS: '200',
    RAW_REPLIES: '1',
    OLLAMA_BASE_URL: `http://node-${index}:x@127.0.0.1:${fake.port}`,
    REDIS_URL: proxy ? `redis://127.0.0.1:${proxy.port}` : (redisUrls ?? ''),
    PORT: String(await freePort()),
    ...(isEncrypted && { ENCRYPTION_KEY_FILE: await keyFile(directory.path) }),
    ...env,
    ...envOf?.(index),
  };
  return new Node(index, directory.path, settings, proxy);
}

/** One server, over all its starts; its address stays. */
export class Node {
  readonly index: number;
  readonly url: string;
  /** Every process so far, the last one last. */
  readonly past: ServerProcess[] = [];
  readonly dataDir: string;
  readonly #settings: Record<string, string>;
  readonly #proxy: TcpProxy | undefined;
  isRunning = false;
  #started: Promise<void> | undefined;

  constructor(index: number, dataDir: string, settings: Record<string, string>, proxy: TcpProxy | undefined) {
    this.index = index;
    this.url = `http://127.0.0.1:${settings['PORT']}`;
    this.dataDir = dataDir;
    this.#settings = settings;
    this.#proxy = proxy;
  }

  /** The process that runs, or ran last. */
  get server(): ServerProcess {
    const server = this.past.at(-1);
    if (!server) throw new Error(`node ${this.index} was never started`);
    return server;
  }

  /** The way from it to Redis: `up` is what it sends. */
  get toRedis(): TcpProxy {
    if (!this.#proxy) throw new Error('These nodes have no proxy');
    return this.#proxy;
  }

  /** Everything its processes have logged under that `msg`. */
  logged(msg: string): Record<string, unknown>[] {
    return this.past.flatMap(({ log }) => log.filter((line) => line['msg'] === msg));
  }

  /** Starts it, again after its end, at the same address; `env` goes over what was said before, for this start. */
  async start(env: Record<string, string> = {}): Promise<void> {
    this.#started = this.#start({ ...this.#settings, ...env });
    await this.#started;
  }

  async #start(env: Record<string, string>): Promise<void> {
    this.past.push(await startServer({ dataDir: this.dataDir, env }));
    this.isRunning = true;
  }

  /** Ends it, by SIGKILL unless told, and waits for the end. One that is starting may be at work before it is known to listen. */
  async kill(signal: NodeJS.Signals = 'SIGKILL', ms?: number): Promise<Exit> {
    await this.#started;
    this.isRunning = false;
    return await this.server.kill(signal, ms);
  }

  /** As an operator ends it. */
  async stop(ms?: number): Promise<Exit> {
    return await this.kill('SIGTERM', ms ?? 30_000);
  }

  /** SIGSTOP and SIGCONT: it hears and says nothing in between, and does not know. */
  freeze(): void {
    this.server.signal('SIGSTOP');
  }

  thaw(): void {
    this.server.signal('SIGCONT');
  }
}

export class Nodes implements AsyncDisposable {
  readonly fake: FakeOllama;
  readonly all: readonly Node[];
  readonly #sockets: SocketClient[] = [];
  readonly #followers = new AsyncDisposableStack();
  #resources = new AsyncDisposableStack();

  constructor(fake: FakeOllama, all: readonly Node[]) {
    this.fake = fake;
    this.all = all;
  }

  owns(resources: AsyncDisposableStack): void {
    this.#resources = resources;
  }

  node(index: number): Node {
    const node = this.all[index];
    if (!node) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** Starts every one that does not run. */
  async startAll(): Promise<void> {
    await Promise.all(this.all.filter(({ isRunning }) => !isRunning).map((node) => node.start()));
  }

  get running(): readonly Node[] {
    return this.all.filter(({ isRunning }) => isRunning);
  }

  /** Whose request to the model that is. */
  ownerOf({ authorization }: Pick<RequestRecord, 'authorization'>): Node {
    const [, encoded = ''] = (authorization ?? '').split(' ');
    const name = Buffer.from(encoded, 'base64').toString('latin1').split(':')[0];
    return this.node(Number(name?.replace('node-', '')));
  }

  rest(index: number, line: string, options?: Parameters<typeof rest>[2]): Promise<Answer> {
    return rest(this.node(index).url, line, options);
  }

  /** A socket to that node, which never reconnects by itself. */
  async socket(index: number): Promise<SocketClient> {
    const socket = await connect(this.node(index).url);
    this.#sockets.push(socket);
    return socket;
  }

  /** A socket to that node that speaks in the session `id`, made by its first input, and follows it. */
  async speak(
    index: number,
    id: string,
    userInput: string,
    more: Record<string, unknown> = {},
  ): Promise<Spoken> {
    const socket = await this.socket(index);
    const client = socket.feed(new Client(id));
    return { socket, client, admission: await input(socket, id, userInput, more) };
  }

  /**
   * Follows the client's session through that node, from where the client stands; whenever a connection ends, goes on
   * over the next node that runs. Ends with the nodes, or when it is disposed.
   */
  follow(kind: DeviceKind, index: number, client: Client): Device {
    let next = index;
    const place = async () => {
      if (this.running.length === 0) await sleep(NOBODY_MS);
      while (!this.node(next % this.all.length).isRunning && this.running.length > 0) next += 1;
      return this.node(next++ % this.all.length).url;
    };
    return this.#followers.use(new Device(kind, place, client));
  }

  /** The turns of a session as its log has them, read through that node from the first entry. Rejects at a broken promise. */
  async log(id: string, index = this.running[0]?.index ?? 0): Promise<readonly FoldedTurn[]> {
    const log = new Client(id);
    const { session } = Snapshot.parse((await this.rest(index, `GET ${pathOf(id, '/log')}`)).body);
    log.acked(`${session.epoch}.0`);
    for (;;) {
      const line = `GET ${pathOf(id, `/log?after=${encodeURIComponent(log.cursor ?? '')}`)}`;
      const answer = await this.rest(index, line);
      if (answer.status === 204) return log.turns;
      if (answer.status !== 200) throw new Error(`${answer.status} for the log of ${id}: ${answer.text}`);
      log.joined(answer.body);
      if (log.counts.snapshots > 0) throw new Error(`The log of ${id} is not there from its first entry`);
    }
  }

  /**
   * That every client has exactly what the log has, and every node tells the same log; answers its turns. Each client has
   * to be at the end of the log.
   */
  async agree(clients: readonly Client[]): Promise<readonly FoldedTurn[]> {
    const [{ sessionId } = new Client('')] = clients;
    const [first = [], ...others] = await Promise.all(
      this.running.map(({ index }) => this.log(sessionId, index)),
    );
    for (const turns of [...others, ...clients.map((client) => client.turns)]) {
      if (isDeepStrictEqual(turns, first)) continue;
      throw new Error(`In ${sessionId} one has ${JSON.stringify(turns)}, the log ${JSON.stringify(first)}`);
    }
    return first;
  }

  /** Followers and sockets first: they would come back. */
  async end(): Promise<void> {
    await this.#followers.disposeAsync();
    for (const socket of this.#sockets) socket.close();
    await Promise.all(this.running.map((node) => node.kill()));
    const past = this.all.flatMap((node) => node.past);
    const bad = past.flatMap(({ log }) => log).filter(({ msg }) => complaints.includes(String(msg)));
    const errors = past.map(({ stderr }) => stderr).join('');
    if (bad.length > 0 || errors !== '')
      throw new Error(`the servers complained ${bad.length} times: ${JSON.stringify(bad[0])} ${errors}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

/** Below those that the system gives out: else a connection could take the port of a server that is down. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(3_000, 10_000);
    const server = createServer();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    if (await promise) return port;
  }
}
