// Wires the parts: HTTP, Socket.IO, dispatch, turns, followers. Reads no environment.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import express from 'express';
import type { Express } from 'express';
import helmet from 'helmet';
import { createChat } from './chat/chat.ts';
import { createDispatch } from './chat/dispatch.ts';
import { Follow, Frame } from './chat/follow.ts';
import { Slots } from './chat/slots.ts';
import type { Log } from './chat/turn.ts';
import { Turns } from './chat/turns.ts';
import { asyncApi, openApi } from './contract/docs.ts';
import type { Health } from './contract/types.ts';
import { AppError } from './errors.ts';
import { isUsable } from './model/model.ts';
import type { Model, ModelState } from './model/model.ts';
import type { Retrieval } from './retrieval/retrieval.ts';
import { createGuard } from './safety/guard.ts';
import type { Store } from './store/store.ts';
import { askModel } from './chat/ask.ts';
import { mountDocs } from './transport/docs-page.ts';
import { EventStreams } from './transport/events.ts';
import { edge, HEADER_BYTES, lastResort, REQUEST_LINE_BYTES } from './transport/http.ts';
import { mountRest, onlyThese } from './transport/rest.ts';
import { mountSocket } from './transport/socket.ts';

export interface AppParts {
  store: Store;
  /** Null with MODEL=guide. */
  ollama: Model | null;
  /** Null with MODEL=ollama. */
  guide: Model | null;
  retrieval: Retrieval;
  slots: { size: number; maxWaiting: number };
  leaseMs: number;
  /** Age of ended turns whose single words are dropped, in ms. */
  compactAfterMs: number;
  allowedOrigins: readonly string[];
  /** Directory of the page at `/`. */
  webDirectory: string;
  version: string;
  log: Log;
  now?: () => number;
  newId?: () => string;
}

export interface App extends AsyncDisposable {
  /** Takes over what was left unfinished, then opens the door. The port that was bound. */
  listen(port: number, host: string): Promise<number>;
  /** Refuses new turns, lets running ones finish for `ms`, hands the rest over and says goodbye to everybody. */
  drain(ms: number): Promise<void>;
}

/** SAFETY.md SEC-39: what a client may take for its headers, and for its whole request. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 15_000;
const CHECK_MS = 2_000;
const COMPACT_MS = 60_000;
/** Clients of ended streams come back spread over this time. */
const SPREAD_MS = 5_000;

function pageHeaders() {
  return helmet({
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      directives: {
        'connect-src': ["'self'", 'ws:', 'wss:'],
        'style-src': ["'self'", "'unsafe-inline'"],
        // over plain http on a LAN it would make every asset fail
        'upgrade-insecure-requests': null,
      },
    },
  });
}

interface ModelChoice {
  ollama: Model | null;
  guide: Model | null;
}

/** Who answers the next turn, as far as is known now. */
function speaker({ ollama, guide }: ModelChoice): Health['model'] {
  const state: ModelState = ollama?.state() ?? { phase: 'unavailable', reason: 'MODEL is guide' };
  const usable = isUsable(state);
  const model = ollama && (usable || !guide) ? ollama : guide;
  if (!model) throw new AppError('INTERNAL');
  const reason = state.phase === 'unavailable' ? state.reason : undefined;
  const pulling = state.phase === 'pulling' ? 'The model is being fetched' : reason;
  return {
    source: model.source,
    name: model.name,
    ...(!usable && pulling !== undefined && { reason: pulling }),
  };
}

async function health(parts: AppParts): Promise<Health> {
  const { store, ollama, guide, retrieval } = parts;
  const stored = await store.healthy();
  const served = stored && (guide !== null || (ollama !== null && isUsable(ollama.state())));
  return {
    status: served ? 'healthy' : 'unhealthy',
    timestamp: new Date().toISOString(),
    services: {
      ollama: ollama?.connected() ? 'connected' : 'disconnected',
      rag: retrieval.state(),
      state_machine: 'not_found',
      redis: 'not_configured',
      store: stored ? 'healthy' : 'unhealthy',
    },
    model: speaker(parts),
  };
}

/** The probes an orchestrator asks: alive at all, and ready for more. */
function mountProbes(app: Express, isReady: () => Promise<boolean>): void {
  app.get('/livez', (_req, res) => void res.json({ status: 'ok' }));
  app.get('/readyz', async (_req, res) => {
    const ready = await isReady();
    res.status(ready ? 200 : 503).json({ status: ready ? 'ok' : 'unavailable' });
  });
  for (const path of ['/livez', '/readyz']) app.all(path, onlyThese(['GET', 'HEAD']));
}

export function createApp(parts: AppParts): App {
  return new StillpointApp(parts);
}

class StillpointApp implements App {
  readonly #parts: AppParts;
  readonly #http: HttpServer;
  readonly #follow: Follow;
  readonly #turns: Turns;
  readonly #streams = new EventStreams();
  readonly #socket: ReturnType<typeof mountSocket>;
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #watch: Disposable | undefined;
  #isDraining = false;
  #closed: Promise<void> | undefined;

  constructor(parts: AppParts) {
    const { store, ollama, guide, retrieval, leaseMs, log, now = Date.now, newId = randomUUID } = parts;
    const node = randomUUID();
    const slots = new Slots(parts.slots);
    const ask = askModel(store, retrieval);
    this.#parts = parts;
    this.#follow = new Follow(store, now);
    this.#turns = new Turns(
      { store, slots, ollama, guide, ask, guard: createGuard, leaseMs, now, log },
      node,
    );
    const closing = this.#closing.signal;
    const chat = createChat({
      store,
      turns: this.#turns,
      slots,
      follow: this.#follow,
      modelState: () => ollama?.state() ?? null,
      isDraining: () => this.#isDraining,
      health: () => health(parts),
      closing,
      node,
      leaseMs,
      now,
      newId,
    });
    const dispatch = createDispatch(chat, log);
    const allowedOrigins = new Set(parts.allowedOrigins);
    const rest = { dispatch, follow: this.#follow, streams: this.#streams, closing };
    this.#http = createServer(
      {
        maxHeaderSize: REQUEST_LINE_BYTES + HEADER_BYTES,
        headersTimeout: HEADERS_MS,
        requestTimeout: REQUEST_MS,
        connectionsCheckingInterval: CHECK_MS,
      },
      this.#routes(allowedOrigins, rest),
    );
    this.#socket = mountSocket(this.#http, { dispatch, follow: this.#follow, allowedOrigins });
    this.#watch = ollama?.watch((state) => this.#announce(ollama.name, state));
    this.#timer = setInterval(() => void this.#compact(now), COMPACT_MS);
    this.#timer.unref();
  }

  #routes(allowedOrigins: ReadonlySet<string>, rest: Parameters<typeof mountRest>[1]): Express {
    const { version, webDirectory, log, store } = this.#parts;
    const app = express();
    app.disable('x-powered-by');
    app.enable('case sensitive routing');
    app.use(pageHeaders(), edge(allowedOrigins));
    app.use(['/api', '/health'], (_req, res, next) => {
      res.set('Cache-Control', 'no-store');
      next();
    });
    mountRest(app, rest);
    mountProbes(app, async () => !this.#isDraining && (await store.healthy()));
    mountDocs(app, { openapi: openApi(version), asyncapi: asyncApi(version) });
    app.use(express.static(webDirectory, { dotfiles: 'ignore', redirect: false }));
    app.use(() => {
      throw new AppError('NOT_FOUND');
    });
    app.use(lastResort((error) => log.error({ err: error }, 'a request failed on our side')));
    return app;
  }

  #announce(name: string, state: ModelState): void {
    const progress = state.phase === 'pulling' ? { completed: state.completed, total: state.total } : {};
    const frame = new Frame('model:status', { name, phase: state.phase, ...progress });
    this.#socket.announce(frame);
    this.#streams.announce(frame);
  }

  async #compact(now: () => number): Promise<void> {
    try {
      await this.#parts.store.compact(now() - this.#parts.compactAfterMs);
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'old words were not dropped');
    }
  }

  async listen(port: number, host: string): Promise<number> {
    const taken = await this.#turns.takeOver();
    if (taken > 0) this.#parts.log.info({ taken }, 'unfinished turns go on');
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen(port, host, resolve);
    });
    const address = this.#http.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  async drain(ms: number): Promise<void> {
    this.#isDraining = true;
    await this.#turns.drain(ms);
    await this.#close();
  }

  /** Once: everybody is told, then every connection is closed. */
  #close(): Promise<void> {
    this.#closed ??= this.#goodbye();
    return this.#closed;
  }

  async #goodbye(): Promise<void> {
    clearInterval(this.#timer);
    this.#watch?.[Symbol.dispose]();
    this.#socket.sayDraining();
    const draining = () => Math.round(Math.random() * SPREAD_MS);
    this.#streams.announce(new Frame('server:draining', { reconnect_after_ms: draining() }));
    this.#closing.abort();
    this.#streams.endAll(draining);
    const closed = this.#socket.close();
    this.#http.closeIdleConnections();
    setImmediate(() => this.#http.closeAllConnections());
    await closed.catch(() => undefined);
    this.#follow[Symbol.dispose]();
    this.#streams[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDraining = true;
    await this.#turns[Symbol.asyncDispose]();
    await this.#close();
  }
}
