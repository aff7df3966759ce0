// Wires the parts: HTTP, Socket.IO, dispatch, turns, followers. Reads no environment.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import type { Express } from 'express';
import type { Authenticator } from './access/authenticator.ts';
import type { Limits } from './access/limits.ts';
import type { Tickets } from './access/tickets.ts';
import { createChat } from './chat/chat.ts';
import type { ChatParts } from './chat/chat.ts';
import { createDispatch } from './chat/dispatch.ts';
import { Frame } from './chat/frame.ts';
import { Follow } from './chat/follow.ts';
import { Judge } from './chat/judge.ts';
import { viewOf } from './chat/overview.ts';
import type { NodeView } from './chat/overview.ts';
import { Turns } from './chat/turns.ts';
import type { TurnParts } from './chat/turn.ts';
import { asyncApi, openApi } from './contract/docs.ts';
import type { Log } from './log.ts';
import { noMeter } from './meter.ts';
import type { Meter } from './meter.ts';
import { isUsable } from './model/model.ts';
import type { ModelState, Speakers } from './model/model.ts';
import { Escalation } from './ops/escalation.ts';
import { mountProbes, oneLook, readHealth } from './ops/health.ts';
import type { StoreLook } from './ops/health.ts';
import type { Metrics } from './ops/metrics.ts';
import type { Webhook } from './ops/webhook.ts';
import type { Retrieval } from './retrieval/retrieval.ts';
import { reviewOf } from './safety/resources.ts';
import { detector } from './safety/rules.ts';
import { createGuard } from './safety/guard.ts';
import { noAnnouncer } from './store/outbox.ts';
import type { Announcer } from './store/outbox.ts';
import type { Slots } from './store/slots.ts';
import type { Store } from './store/store.ts';
import { askModel } from './chat/ask.ts';
import { ownInstructions } from './therapy/prompt.ts';
import { NodeControl } from './transport/control.ts';
import { mountDocs } from './transport/docs-page.ts';
import { mountChatDoor } from './transport/doors/openai.ts';
import { mountUiDoor } from './transport/doors/ui-stream.ts';
import { mountMetrics } from './transport/metrics-page.ts';
import { EventStreams } from './transport/events.ts';
import { answerHeaders } from './transport/headers.ts';
import { edge, lastResort, notFound, openHttp } from './transport/http.ts';
import type { EdgeRules, HostRule } from './transport/http.ts';
import { mountPage } from './transport/page.ts';
import type { AdapterFactory } from './transport/redis-adapter.ts';
import { mountRest, onlyThese } from './transport/rest.ts';
import { mountSocket } from './transport/socket.ts';
import { Stays } from './transport/stays.ts';
import type { DoorParts } from './transport/visitors.ts';

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
  /** Who is let in, and how much they may ask for; whoever hands them in closes them, after the application. */
  access: { authenticator: Authenticator; tickets: Tickets; limits: Limits };
  /** Whether anybody outside may come in without a token: told to whoever asks whether the server is ready. */
  isOpenToAll?: boolean;
  /** The address of who sends a request; null for one that is not counted. */
  addressOf: (req: IncomingMessage) => string | null;
  allowedOrigins: readonly string[];
  /** Whether the server goes by the name that a request asks for. */
  isOurHost: HostRule;
  /** Whether nobody outside can reach the server. Elsewhere the probes are answered under every name. */
  isLoopbackOnly?: boolean;
  /** How long a connection is kept for a next request, in ms; longer than a proxy in front keeps it. */
  keepAliveMs?: number;
  /** Directory of the page at `/`. */
  webDirectory: string;
  /** Directory of the page at `/admin`, which is served only where there is an operator key; default: there is no such page. */
  adminDirectory?: string;
  version: string;
  /** Told of sessions outside; default: nobody is. Whoever hands it in closes it, after the application. */
  announcer?: Announcer;
  /** Told what happens; default: nobody is. */
  meter?: Meter;
  /** What is shown at `/metrics`, and to whom: whoever hands in the key, or, where that is null, this machine only. */
  metrics?: { shown: Metrics; key: string | null };
  log: Log;
  now?: () => number;
  newId?: () => string;
}

export interface App extends AsyncDisposable {
  /** Opens the door and goes on with what was left unfinished. The port that was bound. */
  listen(port: number, host: string): Promise<number>;
  /**
   * Serves on for `delayMs` while `/readyz` says 503; then refuses new turns, lets running ones finish for `ms`, hands the
   * rest over and says goodbye to everybody.
   */
  drain(ms: number, delayMs?: number): Promise<void>;
}

const COMPACT_MS = 60_000;
const HELP_MS = 20_000;
/** Clients come back spread over this time after a restart. */
const SPREAD_MS = 5_000;
/** What followers get to read the ends of the last turns. */
const SETTLE_MS = 1_000;
/** What a client gets to answer the goodbye: one that lost its network answers nothing. */
const GOODBYE_MS = 1_000;

const guard: TurnParts['guard'] = (options) => createGuard({ ...options, canaries: ownInstructions });

export function createApp(parts: AppParts): App {
  return new StillpointApp(parts);
}

class StillpointApp implements App {
  readonly #parts: AppParts;
  readonly #http: HttpServer;
  readonly #follow: Follow;
  readonly #turns: Turns;
  readonly #escalation: Escalation;
  readonly #streams: EventStreams;
  readonly #socket: ReturnType<typeof mountSocket>;
  readonly #stays: Stays;
  readonly #look: StoreLook;
  readonly #closing = new AbortController();
  readonly #draining = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #watch: Disposable;
  readonly #connections = new Set<Socket>();
  #toldPercent = '';
  #isLeaving = false;
  #closed: Promise<void> | undefined;

  constructor(parts: AppParts) {
    const { store, slots, speakers, retrieval, leaseMs, log, now = Date.now, newId = randomUUID } = parts;
    const { meter = noMeter, announcer = noAnnouncer } = parts;
    const node = randomUUID();
    const { roomTokens } = speakers.model;
    const { helpMs = HELP_MS, webhook, ackMs, rawReplies, guideName } = parts;
    const ask = askModel(store, retrieval, { roomTokens, rawReplies, guideName });
    this.#parts = parts;
    this.#follow = new Follow(store, now, meter);
    this.#streams = new EventStreams(meter);
    const told = { announcer, meter, log };
    this.#turns = new Turns({ store, slots, speakers, ask, guard, helpMs, leaseMs, now, ...told }, node);
    this.#escalation = new Escalation({ store, webhook, ackMs, now, meter, log });
    const startedAt = now();
    const closing = this.#closing.signal;
    const { access, addressOf } = parts;
    const stays = new Stays(access.authenticator, now);
    this.#stays = stays;
    this.#look = oneLook(store);
    const control = new NodeControl({
      follow: this.#follow,
      deliver: (frame) => this.#deliver(frame),
      revoke: (credential) => stays.revoke(credential),
      look: () => this.#view(node, startedAt, now),
    });
    const { limits } = access;
    const dispatch = createDispatch(this.#chat({ node, control, now, newId, meter }), { limits, meter, log });
    const door: DoorParts = { ...access, stays, addressOf, now };
    const rules = { allowedOrigins: new Set(parts.allowedOrigins), isOurHost: parts.isOurHost };
    const rest = { ...door, dispatch, follow: this.#follow, streams: this.#streams, closing };
    this.#http = openHttp(this.#routes(rules, rest), {
      ...(parts.keepAliveMs !== undefined && { keepAliveMs: parts.keepAliveMs }),
    });
    const onFault = (error: unknown) => log.error({ err: error }, 'a socket failed on our side');
    const { adapter } = parts;
    const sockets = { ...door, dispatch, follow: this.#follow, rules, onFault, adapter, control, meter };
    this.#socket = mountSocket(this.#http, sockets);
    this.#http.on('connection', (connection) => {
      this.#connections.add(connection);
      connection.once('close', () => this.#connections.delete(connection));
    });
    parts.metrics?.shown.look({
      turns: () => this.#turns.count(),
      isModelUp: () => isUsable(speakers.model.state()),
    });
    this.#watch = speakers.model.watch((state) => this.#announce(speakers.model.name, state));
    this.#timer = setInterval(() => void this.#compact(now), COMPACT_MS);
    this.#timer.unref();
  }

  #chat(own: Pick<ChatParts, 'node' | 'control' | 'now' | 'newId' | 'meter'>): ReturnType<typeof createChat> {
    const { store, slots, speakers, navigateWithModel, access, operatorKey, webhook, leaseMs, log } =
      this.#parts;
    const { announcer = noAnnouncer } = this.#parts;
    return createChat({
      ...own,
      store,
      announcer,
      turns: this.#turns,
      slots,
      follow: this.#follow,
      tickets: access.tickets,
      speakers,
      judge: navigateWithModel ? new Judge(speakers, this.#draining.signal) : null,
      isDraining: () => this.#draining.signal.aborted,
      health: () => readHealth({ ...this.#parts, store: this.#look }),
      closing: this.#closing.signal,
      operatorKey,
      sendsAlerts: webhook !== null,
      onAlert: () => this.#escalation.wake(),
      leaseMs,
      log,
    });
  }

  #view(node: string, startedAt: number, now: () => number): NodeView {
    const { version, speakers } = this.#parts;
    const [turns, follow] = [this.#turns, this.#follow];
    const isDraining = () => this.#isLeaving || this.#draining.signal.aborted;
    const modelPhase = () => speakers.model.state().phase;
    const slots = () =>
      speakers.model.needsSlot ? this.#parts.slots.size * speakers.model.hosts().length : 0;
    return viewOf({ node, startedAt, version, turns, follow, isDraining, modelPhase, slots, now });
  }

  #routes(rules: EdgeRules, rest: Parameters<typeof mountRest>[1]): Express {
    const { version, webDirectory, adminDirectory, operatorKey, log, isOpenToAll } = this.#parts;
    const app = express();
    app.disable('x-powered-by');
    // nothing of the API is kept, so that nothing of it can be found unchanged
    app.disable('etag');
    app.enable('case sensitive routing');
    app.use(
      edge(rules.allowedOrigins, {
        isOurHost: rules.isOurHost,
        namelessPaths: this.#namelessPaths(),
        headers: answerHeaders(),
      }),
    );
    mountRest(app, rest);
    const onFault = (error: unknown) => log.error({ err: error }, 'a request failed on our side');
    mountUiDoor(app, rest);
    mountChatDoor(app, { ...rest, onFault });
    const isReady = async () =>
      !this.#isLeaving && !this.#draining.signal.aborted && (await this.#look.healthy());
    mountProbes(
      app,
      isReady,
      {
        detector: detector.hash,
        resources: reviewOf(Date.now()).stale === 0 ? 'fresh' : 'stale',
        ...(isOpenToAll && { open_to_all: true }),
      },
      onlyThese,
    );
    const { metrics } = this.#parts;
    if (metrics) mountMetrics(app, { exposition: () => metrics.shown.exposition(), key: metrics.key });
    mountDocs(app, { openapi: () => openApi(version), asyncapi: () => asyncApi(version) });
    if (operatorKey !== null && adminDirectory !== undefined) mountPage(app, adminDirectory, '/admin');
    mountPage(app, webDirectory);
    app.use(notFound);
    app.use(lastResort(onFault));
    return app;
  }

  #namelessPaths(): Set<string> {
    const { isLoopbackOnly = true, metrics } = this.#parts;
    if (isLoopbackOnly) return new Set();
    return new Set(['/livez', '/readyz', ...(metrics?.key ? ['/metrics'] : [])]);
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

  async drain(ms: number, delayMs = 0): Promise<void> {
    this.#isLeaving = true;
    if (delayMs > 0) await sleep(delayMs);
    this.#draining.abort();
    await this.#turns.drain(ms);
    // who reads a turn that has just ended reads its end here
    await this.#follow.settle(SETTLE_MS);
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
    this.#stays[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#draining.abort();
    await this.#turns[Symbol.asyncDispose]();
    await this.#close();
  }
}
