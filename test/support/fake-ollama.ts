// A fake Ollama: real HTTP, words that can be foretold, and every fault on demand.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChatBody, chat, chatKind } from './fake-ollama-chat.ts';
import { Exchange } from './fake-ollama-exchange.ts';
import { Gates } from './fake-ollama-gates.ts';
import { Models } from './fake-ollama-models.ts';
import { replyText } from './fake-ollama-reply.ts';
import { embed, modelOf, ps, pull, show, tags } from './fake-ollama-routes.ts';
import type {
  Behaviour,
  Ending,
  FakeMessage,
  FakeModel,
  FakeOllama,
  FakeOptions,
  Point,
  RequestKind,
  RequestRecord,
} from './fake-ollama-types.ts';
import { createChanges, until } from './wait.ts';

export type * from './fake-ollama-types.ts';

const kinds: Record<string, RequestKind> = {
  'GET /': 'root',
  'HEAD /': 'root',
  'GET /api/version': 'version',
  'GET /api/tags': 'tags',
  'POST /api/show': 'show',
  'GET /api/ps': 'ps',
  'POST /api/pull': 'pull',
  'POST /api/embed': 'embed',
};

/** Starts a fake Ollama that has `llama3.1` and answers at once, unless told otherwise. */
export async function startFakeOllama(options: FakeOptions = {}): Promise<FakeOllama> {
  const fake = new Fake(options);
  await fake.start();
  return fake;
}

/** Of the real one, where it has no graphics card. */
const MAX_LOADED = 3;

class Fake implements FakeOllama {
  readonly requests: RequestRecord[] = [];
  readonly #changes = createChanges();
  readonly #gates = new Gates(this.#changes);
  readonly #models: Models;
  readonly #seed: number;
  readonly #always = new Map<RequestKind, Behaviour>();
  readonly #next = new Map<RequestKind, Behaviour[]>();
  readonly #sockets = new Set<Socket>();
  readonly #handling = new Set<Promise<void>>();
  #server: Server | undefined;
  #stopping = new AbortController();
  #port: number;
  open = 0;

  constructor(options: FakeOptions) {
    this.#port = options.port ?? 0;
    this.#seed = options.seed ?? 1;
    const limits = {
      slots: options.slots ?? Number.POSITIVE_INFINITY,
      maxLoaded: options.maxLoaded ?? MAX_LOADED,
      isLoadFragile: options.fragileLoad ?? true,
    };
    this.#models = new Models(this.#changes, this.#gates, limits);
    for (const model of options.models ?? ['llama3.1']) this.#models.install(model);
    this.always(options.behaviour ?? {});
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get generating(): number {
    return this.#models.generating;
  }

  get maxGenerating(): number {
    return this.#models.maxGenerating;
  }

  get installed(): readonly string[] {
    return this.#models.installed.map(({ name }) => name);
  }

  get loaded(): readonly string[] {
    return this.#models.loaded.map(({ model }) => model.name);
  }

  next(behaviour: Behaviour, times = 1, kind: RequestKind = 'chat'): void {
    const queue = this.#next.get(kind) ?? [];
    queue.push(...Array.from({ length: times }, () => behaviour));
    this.#next.set(kind, queue);
  }

  always(behaviour: Behaviour, kind: RequestKind = 'chat'): void {
    this.#always.set(kind, behaviour);
  }

  setSlots(slots: number): void {
    this.#models.slots = slots;
    this.#changes.notify();
  }

  setMaxLoaded(models: number): void {
    this.#models.maxLoaded = models;
    this.#changes.notify();
  }

  replyTo(model: string, messages: readonly FakeMessage[], behaviour: Behaviour = {}): string {
    const name = this.#models.find(model)?.name ?? model;
    return replyText(
      { model: name, messages, seed: this.#seed },
      { ...this.#always.get('chat'), ...behaviour },
    );
  }

  hold(point: Point, n = 0): void {
    this.#gates.hold(point, n);
  }

  release(point?: Point, n = 0): void {
    this.#gates.release(point, n);
  }

  async reached(point: Point, n = 0, from = 0): Promise<RequestRecord> {
    const look = () => this.requests.slice(from).find((record) => this.#gates.hasVisited(record, point, n));
    return await until(
      look,
      this.#changes.subscribe,
      () => `a request at ${point} ${n}: ${this.#describe()}`,
    );
  }

  async ended(from = 0, kind: RequestKind = 'chat'): Promise<RequestRecord> {
    const look = () =>
      this.requests.slice(from).find((record) => record.kind === kind && record.endedAt !== null);
    return await until(look, this.#changes.subscribe, () => `an ended ${kind}: ${this.#describe()}`);
  }

  of(kind: RequestKind): readonly RequestRecord[] {
    return this.requests.filter((record) => record.kind === kind);
  }

  async idle(): Promise<void> {
    await this.until(() => this.open === 0 && this.generating === 0, 'no open request and no generation');
  }

  async until(condition: () => boolean, label: string): Promise<void> {
    await until(condition, this.#changes.subscribe, () => `${label}: ${this.#describe()}`);
  }

  install(model: string | FakeModel): void {
    this.#models.install(model);
  }

  uninstall(name: string): void {
    this.#models.uninstall(name);
  }

  unload(name: string): void {
    this.#models.unload(name);
  }

  async start(): Promise<void> {
    if (this.#server) return;
    this.#stopping = new AbortController();
    const server = createServer((request, response) => this.#accept(request, response));
    server.keepAliveTimeout = 0;
    server.requestTimeout = 0;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#server = server;
  }

  async stop(options: { reset?: boolean } = {}): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.#stopping.abort(new Error('the fake Ollama was stopped'));
    for (const socket of this.#sockets) {
      if (options.reset) socket.resetAndDestroy();
      else socket.destroy();
    }
    await closed;
    await Promise.all(this.#handling);
    this.#models.forget();
    this.#changes.notify();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #accept(request: IncomingMessage, response: ServerResponse): void {
    const handling = this.#handle(request, response);
    this.#handling.add(handling);
    void handling.finally(() => this.#handling.delete(handling));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController();
    const arrivedAt = performance.now();
    let record: RequestRecord | undefined;
    this.open++;
    response.on('close', () => {
      this.open--;
      if (record) this.#close(record);
      left.abort(new Error('the client left'));
      this.#changes.notify();
    });
    const gone = AbortSignal.any([left.signal, this.#stopping.signal]);
    try {
      const body = await readJson(request);
      record = this.#record(request, body, arrivedAt);
      const behaviour = this.#behaviourOf(record.kind);
      const parts = { record, behaviour, response, gates: this.#gates, changes: this.#changes };
      await this.#answer(new Exchange({ ...parts, gone, stop: this.#stopping.signal }), body);
    } catch (error) {
      // Everything that waits for a client that left ends here; anything else is a fault of the fake itself.
      if (!gone.aborted && request.complete) throw error;
    }
  }

  #record(request: IncomingMessage, body: unknown, arrivedAt: number): RequestRecord {
    const route = `${request.method} ${new URL(request.url ?? '/', this.url).pathname}`;
    const record: RequestRecord = {
      index: this.requests.length,
      kind: kindOf(route, body),
      route,
      model: modelOf(body),
      body,
      authorization: request.headers.authorization ?? null,
      arrivedAt,
      reply: '',
      prefill: null,
      prefillFits: null,
      firstByteAt: null,
      piecesSent: 0,
      textSent: '',
      closedAt: null,
      endedAt: null,
      ending: null,
    };
    this.requests.push(record);
    return record;
  }

  #close(record: RequestRecord): void {
    const now = performance.now();
    if (record.ending === null) {
      record.ending = this.#stopping.signal.aborted ? 'stopped' : 'client';
      record.closedAt = now;
    }
    record.endedAt = now;
  }

  #behaviourOf(kind: RequestKind): Behaviour {
    const { loadMs, render } = this.#always.get('chat') ?? {};
    const shared = { ...(loadMs !== undefined && { loadMs }), ...(render && { render }) };
    return { ...shared, ...this.#always.get(kind), ...this.#next.get(kind)?.shift() };
  }

  async #answer(exchange: Exchange, body: unknown): Promise<Ending | undefined> {
    const { behaviour, record, parts } = exchange;
    await parts.gates.pass(record, 'request', 0, parts.gone);
    await sleep(behaviour.headersDelayMs ?? 0, undefined, { signal: parts.gone });
    if (behaviour.refuse) {
      const { status, error } = behaviour.refuse;
      return await exchange.json({ error: error ?? `refused with ${status}` }, status);
    }
    return await this.#route(exchange, body);
  }

  async #route(exchange: Exchange, body: unknown): Promise<Ending | undefined> {
    switch (exchange.record.kind) {
      case 'root':
        return await exchange.text('Ollama is running');
      case 'version':
        return await exchange.json({ version: '0.12.6' });
      case 'tags':
        return await tags(exchange, this.#models);
      case 'ps':
        return await ps(exchange, this.#models);
      case 'show':
        return await show(exchange, this.#models);
      case 'pull':
        return await pull(exchange, this.#models, body);
      case 'embed':
        return await embed(exchange, this.#models, body);
      case 'unknown':
        return await exchange.json({ error: 'not found or not readable' }, 400);
      default:
        return await chat(exchange, this.#models, ChatBody.parse(body), this.#seed);
    }
  }

  #describe(): string {
    const lines = this.requests.map(
      (r) => `#${r.index} ${r.kind} ${r.piecesSent} pieces ${r.ending ?? 'open'}`,
    );
    return lines.join(', ') || 'no request';
  }
}

function kindOf(route: string, body: unknown): RequestKind {
  if (route !== 'POST /api/chat') return kinds[route] ?? 'unknown';
  const parsed = ChatBody.safeParse(body);
  return parsed.success ? chatKind(parsed.data) : 'unknown';
}

/** The body as JSON; null when there is none or it cannot be read. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return null;
  }
}
