// The servers of the canary run: all they take comes with phrases, and all they write can be searched.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { bytesBelow, phrase } from './canary.ts';
import { keySet, operatorKey } from './canary-cast.ts';
import { startFakeOllama } from './fake-ollama.ts';
import type { FakeOllama } from './fake-ollama.ts';
import { AUDIENCE, ISSUER } from './jwt.ts';
import type { RedisProcess } from './redis-server.ts';
import { startServer, tempDir } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';
import { wrappedKeys } from './store-canary.ts';
import { createChanges, until } from './wait.ts';

const MODEL = 'llama3.1';

/** So much that nobody is refused for it, but in one session. */
const limits = [
  ...['request', 'create', 'input', 'connect', 'bytes', 'failure', 'risk'].map(
    (name) => `${name}_address=999999999`,
  ),
  ...['request', 'create', 'input', 'connections', 'turns', 'followers'].map(
    (name) => `${name}_subject=99999`,
  ),
  'input_session=9/3600',
];

/** A receiver of alerts, or of webhooks, that answers with a phrase wherever it can. */
class Receiver implements AsyncDisposable {
  readonly calls: string[] = [];
  readonly #takes: (call: number) => boolean;
  readonly #changes = createChanges();
  readonly #server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      this.calls.push(`${JSON.stringify(req.headers)}\n${Buffer.concat(chunks).toString('utf8')}`);
      const status = this.#takes(this.calls.length) ? 200 : 500;
      res.writeHead(status, phrase('receiver', 'status'), { 'x-answer': phrase('receiver', 'header') });
      res.end(JSON.stringify({ error: phrase('receiver', 'body') }));
      this.#changes.notify();
    });
  });

  /** Whether it takes its first call, its second … */
  constructor(takes: (call: number) => boolean) {
    this.#takes = takes;
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${phrase('receiver', 'path')}`;
  }

  async received(count: number): Promise<void> {
    await until(() => this.calls.length >= count, this.#changes.subscribe, `${count} alerts`, 60_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface StageOptions {
  /** What two nodes share; absent: one server with the embedded store. */
  redis?: RedisProcess;
  isEncrypted?: boolean;
  env?: Record<string, string>;
}

export class Stage implements AsyncDisposable {
  readonly fake: FakeOllama;
  readonly receiver: Receiver;
  /** Of webhooks: it takes none, so that all wait. */
  readonly hooks: Receiver;
  /** Of traces. */
  readonly traces: Receiver;
  readonly dataDirs: readonly string[];
  readonly redis: RedisProcess | undefined;
  /** Every process so far. */
  readonly past: ServerProcess[] = [];
  readonly #env: Record<string, string>;
  readonly #resources: AsyncDisposableStack;
  servers: ServerProcess[] = [];
  #isCrashed = false;

  private constructor(
    parts: Pick<Stage, 'fake' | 'receiver' | 'hooks' | 'traces' | 'dataDirs' | 'redis'>,
    env: Record<string, string>,
    resources: AsyncDisposableStack,
  ) {
    ({ fake: this.fake, receiver: this.receiver, dataDirs: this.dataDirs, redis: this.redis } = parts);
    this.hooks = parts.hooks;
    this.traces = parts.traces;
    this.#env = env;
    this.#resources = resources;
  }

  static async open({ redis, isEncrypted = true, env = {} }: StageOptions = {}): Promise<Stage> {
    await using resources = new AsyncDisposableStack();
    if (redis) resources.use(redis);
    // the first try fails, so that it is logged
    const receiver = resources.use(new Receiver((call) => call > 1));
    const hooks = resources.use(new Receiver(() => false));
    const traces = resources.use(new Receiver(() => true));
    const fake = resources.use(
      await startFakeOllama({ models: [MODEL, { name: 'embedder', capabilities: ['embedding'] }] }),
    );
    const keys = resources.use(await tempDir()).path;
    await writeFile(join(keys, 'jwks.json'), keySet, { mode: 0o600 });
    await writeFile(join(keys, 'master'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    const secret = phrase('receiver', 'webhook', 'secret', 'of', 'thirty', 'two');
    const hook = { name: 'hooks', tenant: '*', url: await hooks.open(), secret, private: true };
    await writeFile(join(keys, 'webhooks'), JSON.stringify([hook]), { mode: 0o600 });
    const settings = {
      AUTH_MODE: 'jwt',
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      JWT_KEYS_FILE: join(keys, 'jwks.json'),
      ...(isEncrypted && { ENCRYPTION_KEY_FILE: join(keys, 'master') }),
      OPERATOR_KEY: operatorKey,
      OTEL_EXPORTER_OTLP_ENDPOINT: await traces.open(),
      WEBHOOKS_FILE: join(keys, 'webhooks'),
      ESCALATION_URL: await receiver.open(),
      ESCALATION_SECRET: phrase('escalation', 'secret', 'of', 'thirty', 'two'),
      ESCALATION_PRIVATE_HOSTS: '127.0.0.1',
      OLLAMA_BASE_URL: `http://${phrase('ollama', 'user')}:${phrase('ollama', 'password')}@127.0.0.1:${fake.port}`,
      OLLAMA_CHECK_MS: '50',
      GUIDE_WORD_MS: '0',
      RATE_LIMIT: 'on',
      LIMITS: limits.join(','),
      TRUST_PROXY: 'loopback',
      LOG_LEVEL: 'trace',
      ...(redis && { REDIS_URL: redis.url }),
      ...env,
    };
    const dataDirs: string[] = [];
    while (dataDirs.length < (redis ? 2 : 1)) dataDirs.push(resources.use(await tempDir()).path);
    const stage = new Stage({ fake, receiver, hooks, traces, dataDirs, redis }, settings, resources.move());
    stage.#resources.defer(() => stage.kill());
    try {
      await stage.start();
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
    return stage;
  }

  /** One address for requests, and one for sockets: of another node, where there is one. */
  get urls(): readonly [string, string] {
    const [first, second = first] = this.servers;
    if (!first || !second) throw new Error('no server runs');
    return [first.url, second.url];
  }

  /** Starts all servers; `env` goes over what was said before. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const settings = { ...this.#env, ...env };
    this.servers = await Promise.all(this.dataDirs.map((dataDir) => startServer({ dataDir, env: settings })));
    this.past.push(...this.servers);
    this.#isCrashed = false;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill(signal, 30_000)));
    this.servers = [];
  }

  /** Ends, by SIGKILL, whoever keeps the data: the server, or Redis. */
  async crash(): Promise<void> {
    this.#isCrashed = true;
    await (this.redis ? this.redis.kill() : this.kill());
  }

  /** All that the servers wrote. */
  get written(): string {
    return this.past.map(({ stdout, stderr }) => stdout + stderr).join('\n');
  }

  /** Every line of a log, which was to be one object. */
  get lines(): string[] {
    return this.past.flatMap(({ stdout }) => stdout.split('\n').slice(0, -1));
  }

  async files(): Promise<Buffer> {
    if (!this.#isCrashed) await this.redis?.persisted();
    const files = await Promise.all(this.dataDirs.map(bytesBelow));
    return Buffer.concat([...files, ...(this.redis ? [await this.redis.files()] : [])]);
  }

  /** The wrapped key of every session there is. */
  async wrappedKeys(): Promise<string[]> {
    const { redis } = this;
    if (!redis) return wrappedKeys(this.dataDirs[0] ?? '').filter((key) => key.startsWith('k1'));
    const names = (await redis.command('KEYS', '*:s')).split('\n').filter(Boolean);
    return await Promise.all(names.map((name) => redis.command('HGET', name, 'k')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}
