// Wires the parts: HTTP, Socket.IO, dispatch, turns, followers. Reads no environment.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import express from 'express';
import type { Express } from 'express';
import helmet from 'helmet';
import { createChat } from './chat/chat.ts';
import { createDispatch } from './chat/dispatch.ts';
import { Follow, Frame } from './chat/follow.ts';
import { Judge } from './chat/judge.ts';
import { Turns } from './chat/turns.ts';
import type { TurnParts } from './chat/turn.ts';
import { asyncApi, openApi } from './contract/docs.ts';
import type { Log } from './log.ts';
import type { ModelState, Speakers } from './model/model.ts';
import { Escalation } from './ops/escalation.ts';
import { mountProbes, readHealth } from './ops/health.ts';
import type { Webhook } from './ops/webhook.ts';
import type { Retrieval } from './retrieval/retrieval.ts';
import { reviewOf } from './safety/resources.ts';
import { detector } from './safety/rules.ts';
import { createGuard } from './safety/guard.ts';
import type { Slots } from './store/slots.ts';
import type { Store } from './store/store.ts';
import { askModel } from './chat/ask.ts';
import { ownInstructions } from './therapy/prompt.ts';
import { NodeControl } from './transport/control.ts';
import { mountDocs } from './transport/docs-page.ts';
import { EventStreams } from './transport/events.ts';
import { edge, HEADER_BYTES, lastResort, notFound, REQUEST_LINE_BYTES } from './transport/http.ts';
import { mountPage } from './transport/page.ts';
import type { AdapterFactory } from './transport/redis-adapter.ts';
import { mountRest, onlyThese } from './transport/rest.ts';
import { mountSocket } from './transport/socket.ts';

export interface AppParts {
  store: Store;
  speakers: Speakers;
  retrieval: Retrieval;
  /** Whether a model's words are handed on as they come. */
  rawReplies: boolean;
  /** Whether the model may choose the next step where no rule has a word on an input. */
  navigateWithModel: boolean;
  /** What the guide calls itself. */
  guideName: string;
  /** The queue for the model; whoever hands it in closes it, after the application. */
  slots: Slots;
  /** How the sockets of other nodes are reached; undefined: this is the only node. Whoever hands it in closes it, after the application. */
  adapter: AdapterFactory | undefined;
  /** Where alerts go; null: they wait in the list. */
  webhook: Webhook | null;
  /** How long an alert may stay open before it is said aloud. */
  ackMs: { immediate: number; urgent: number };
  /** What people behind the server hand in; null: there are no routes for them. */
  operatorKey: string | null;
  /** How long a checked answer of the model is waited for, while the process rests. */
  helpMs?: number;
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
  /** Opens the door and goes on with what was left unfinished. The port that was bound. */
  listen(port: number, host: string): Promise<number>;
  /** Refuses new turns, lets running ones finish for `ms`, hands the rest over and says goodbye to everybody. */
  drain(ms: number): Promise<void>;
}

/** SAFETY.md SEC-39: what a client may take for its headers, and for its whole request. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 15_000;
const CHECK_MS = 2_000;
const COMPACT_MS = 60_000;
const HELP_MS = 20_000;
/** Clients come back spread over this time after a restart. */
const SPREAD_MS = 5_000;
/** What a client gets to answer the goodbye: one that lost its network answers nothing. */
const GOODBYE_MS = 1_000;

function pageHeaders() {
  return helmet({
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      directives: {
        'style-src': ["'self'"],
        'font-src': ["'self'"],
        // over plain http on a LAN it would make every asset fail
        'upgrade-insecure-requests': null,
      },
    },
  });
}

const guard: TurnParts['guard'] = (options) => createGuard({ ...options, canaries: ownInstructions });

/** With limits of its own for how long a client may take. */
function openHttp(routes: Express): HttpServer {
  return createServer(
    {
      maxHeaderSize: REQUEST_LINE_BYTES + HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
      // any other upgrade is an offer that HTTP may pass over: Java's client makes one with every request
      shouldUpgradeCallback: (req) => req.headers.upgrade?.toLowerCase() === 'websocket',
    },
    routes,
  );
}

export function createApp(parts: AppParts): App {
  return new StillpointApp(parts);
}

class StillpointApp implements App {
  readonly #parts: AppParts;
  readonly #http: HttpServer;
  readonly #follow: Follow;
  readonly #turns: Turns;
  readonly #escalation: Escalation;
  readonly #streams = new EventStreams();
  readonly #socket: ReturnType<typeof mountSocket>;
  readonly #closing = new AbortController();
  readonly #draining = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #watch: Disposable;
  readonly #connections = new Set<Socket>();
  #toldPercent = '';
  #closed: Promise<void> | undefined;

  constructor(parts: AppParts) {
    const { store, slots, speakers, retrieval, leaseMs, log, now = Date.now, newId = randomUUID } = parts;
    const node = randomUUID();
    const { roomTokens } = speakers.model;
    const { helpMs = HELP_MS, webhook, ackMs, operatorKey, rawReplies, guideName } = parts;
    const ask = askModel(store, retrieval, { roomTokens, rawReplies, guideName });
    this.#parts = parts;
    this.#follow = new Follow(store, now);
    this.#turns = new Turns({ store, slots, speakers, ask, guard, helpMs, leaseMs, now, log }, node);
    this.#escalation = new Escalation({ store, webhook, ackMs, now, log });
    const closing = this.#closing.signal;
    const control = new NodeControl({ follow: this.#follow, deliver: (frame) => this.#deliver(frame) });
    const chat = createChat({
      store,
      turns: this.#turns,
      slots,
      follow: this.#follow,
      control,
      speakers,
      judge: parts.navigateWithModel ? new Judge(speakers, this.#draining.signal) : null,
      isDraining: () => this.#draining.signal.aborted,
      health: () => readHealth(parts),
      closing,
      operatorKey,
      sendsAlerts: webhook !== null,
      onAlert: () => this.#escalation.wake(),
      node,
      leaseMs,
      now,
      newId,
      log,
    });
    const dispatch = createDispatch(chat, log);
    const allowedOrigins = new Set(parts.allowedOrigins);
    const rest = { dispatch, follow: this.#follow, streams: this.#streams, closing };
    this.#http = openHttp(this.#routes(allowedOrigins, rest));
    const onFault = (error: unknown) => log.error({ err: error }, 'a socket failed on our side');
    const { adapter } = parts;
    const sockets = { dispatch, follow: this.#follow, allowedOrigins, onFault, adapter, control };
    this.#socket = mountSocket(this.#http, sockets);
    this.#http.on('connection', (connection) => {
      this.#connections.add(connection);
      connection.once('close', () => this.#connections.delete(connection));
    });
    this.#watch = speakers.model.watch((state) => this.#announce(speakers.model.name, state));
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
    const isReady = async () => !this.#draining.signal.aborted && (await store.healthy());
    mountProbes(
      app,
      isReady,
      { detector: detector.hash, resources: reviewOf(Date.now()).stale === 0 ? 'fresh' : 'stale' },
      onlyThese,
    );
    mountDocs(app, { openapi: () => openApi(version), asyncapi: () => asyncApi(version) });
    mountPage(app, webDirectory);
    app.use(notFound);
    app.use(lastResort((error) => log.error({ err: error }, 'a request failed on our side')));
    return app;
  }

  #announce(name: string, state: ModelState): void {
    const progress = state.phase === 'pulling' ? { completed: state.completed, total: state.total } : {};
    const { completed, total } = progress;
    if (completed !== undefined && total !== undefined) {
      // a server that fetches tells much more often than anybody looks
      const percent = `${Math.floor((100 * completed) / total)} of ${total}`;
      if (percent === this.#toldPercent) return;
      this.#toldPercent = percent;
    }
    this.#deliver(new Frame('model:status', { name, phase: state.phase, ...progress }));
  }

  /** To every client of this node. */
  #deliver(frame: Frame): void {
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
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen(port, host, resolve);
    });
    this.#escalation.start();
    const taken = await this.#turns.start();
    if (taken > 0) this.#parts.log.info({ taken }, 'unfinished turns go on');
    const address = this.#http.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  async drain(ms: number): Promise<void> {
    this.#draining.abort();
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
    this.#watch[Symbol.dispose]();
    const reconnectAfterMs = () => Math.round(Math.random() * SPREAD_MS);
    this.#socket.sayDraining(reconnectAfterMs);
    this.#streams.announce(new Frame('server:draining', { reconnect_after_ms: reconnectAfterMs() }));
    this.#closing.abort();
    this.#streams.endAll(reconnectAfterMs);
    const closed = this.#socket.close();
    this.#http.closeIdleConnections();
    setImmediate(() => this.#http.closeAllConnections());
    const patience = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, GOODBYE_MS);
    await closed.catch(() => undefined);
    await this.#escalation[Symbol.asyncDispose]();
    clearTimeout(patience);
    this.#follow[Symbol.dispose]();
    this.#streams[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#draining.abort();
    await this.#turns[Symbol.asyncDispose]();
    await this.#close();
  }
}
