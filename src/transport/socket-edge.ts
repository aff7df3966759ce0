// What plain Socket.IO lets through (SAFETY.md 3.2) and we do not: per connection, before any event is looked at.
import { ServerResponse, STATUS_CODES } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { noLimits } from '../access/limits.ts';
import type { Limits, Who } from '../access/limits.ts';
import type { AddressOf } from './address.ts';
import { answerHeaders, bareAnswer, setHeaders } from './headers.ts';
import type { AnswerHeaders } from './headers.ts';
import { answerCors, refuseEarly } from './http.ts';
import type { EdgeRules, HostRule } from './http.ts';

/** A binary packet whose attachments do not come, in ms. */
const COMPLETION_MS = 30_000;
const NAMESPACE_CHARS = 100;
/** WebSocket pings and pongs of a client in one second; a browser sends none of its own. */
const PINGS_PER_S = 100;
/** Packets of somebody who is counted: so many in a second, on average over some of them. */
const PACKETS_PER_S = 200;
const PACKETS_OVER_S = 5;
/**
 * What may wait in a connection that takes nothing, in characters. Followers wait long before this (socket-follows.ts);
 * answers do not, and a client may join 200 sessions at once.
 */
const WAITING_CHARS = 64 * 1024 * 1024;
/** What a client gets to answer the end of its WebSocket, in ms; in the middle of a frame it never does. */
const FAREWELL_MS = 5_000;
/** When to try again where there is no place, in ms. */
const FULL_MS = 5_000;

type Engine = Server['engine'];
interface RawWebSocket {
  on(event: 'ping' | 'pong', listener: () => void): void;
  terminate(): void;
}
interface Packet {
  type: string;
  data?: unknown;
}
interface EngineSocket {
  request: IncomingMessage;
  transport: { socket?: RawWebSocket };
  on(event: 'packet' | 'packetCreate', listener: (packet: Packet) => void): void;
  on(event: 'upgrade' | 'flush' | 'close', listener: () => void): void;
  /** With `discard` nothing is waited for. */
  close(discard?: boolean): void;
}

interface EngineOptions {
  isOurHost?: HostRule;
  headers?: AnswerHeaders;
  addressOf?: AddressOf;
  limits?: Limits;
}

/** The rules of the edge and CORS for polling and WebSocket alike: what REST has, so that no door is wider. */
export function guardEngine(
  engine: Engine,
  allowedOrigins: ReadonlySet<string>,
  { isOurHost = () => true, headers = answerHeaders(), addressOf, limits = noLimits }: EngineOptions = {},
): void {
  const rules = { allowedOrigins, isOurHost };
  const guard = new Guard({ rules, headers, addressOf: addressOf ?? (() => null), limits });
  engine.use((req: IncomingMessage, res: object, next: () => void) => guard.meet(req, res, next));
  engine.on('connection_error', (failure: HandshakeFailure) => guard.refused(failure));
  engine.on('headers', (given: Record<string, string>) => {
    if (given['Content-Type'] === 'text/html') given['Content-Type'] = 'text/html; charset=utf-8';
  });
  engine.on('connection', (conn: EngineSocket) => {
    if (guard.opened(conn)) limitPackets(conn);
    watchConnection(conn);
  });
}

interface HandshakeFailure {
  req: IncomingMessage & { res?: ServerResponse };
  code: number;
  message: string;
}

interface GuardParts {
  rules: EdgeRules;
  headers: AnswerHeaders;
  addressOf: AddressOf;
  limits: Limits;
}

/** A handshake that was let in. */
interface Admission {
  place: Disposable;
  isCounted: boolean;
  /** A connection has come of it, and gives the place back. */
  isOpen: boolean;
}

/** Everything that comes to the engine by HTTP. */
class Guard {
  readonly #parts: GuardParts;
  readonly #admissions = new WeakMap<IncomingMessage, Admission>();

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** `res` is a real response where nothing is upgraded. */
  async meet(req: IncomingMessage, res: object, next: () => void): Promise<void> {
    const { rules, headers } = this.#parts;
    const response = res instanceof ServerResponse ? res : undefined;
    if (response) setHeaders(response, headers);
    // Node has let go of it, and what it fails with nobody else hears
    else req.socket.on('error', () => {});
    const refusal = refuseEarly(req, rules);
    if (refusal) {
      this.#refuse(req, response, refusal.status, { code: 4, message: STATUS_CODES[refusal.status] ?? '' });
      return;
    }
    if (response && answerCors(req, response)) return;
    const { searchParams } = new URL(req.url ?? '', 'http://localhost');
    const fault = faultOf(req, response === undefined, searchParams);
    if (fault) this.#refuse(req, response, 400, fault);
    else if (searchParams.getAll('sid').at(-1)) next();
    else await this.#admit(req, response, next);
  }

  async #admit(req: IncomingMessage, response: ServerResponse | undefined, next: () => void): Promise<void> {
    const { limits, addressOf } = this.#parts;
    const address = addressOf(req);
    const who: Who = { address, tenant: null, subject: null, session: null };
    const waitMs = await limits.take('connect', who);
    // nobody is left to be let in, and no end of the connection will be told any more
    if (req.socket.destroyed) return;
    const place = waitMs > 0 ? undefined : limits.place('connection', who);
    if (!place) {
      this.#tooMany(req, response, waitMs || FULL_MS);
      return;
    }
    const admission = { place, isCounted: address !== null, isOpen: false };
    this.#admissions.set(req, admission);
    (response ?? req.socket).once('close', () => {
      if (!admission.isOpen) place[Symbol.dispose]();
    });
    next();
  }

  /** Whether its packets are counted. */
  opened(conn: EngineSocket): boolean {
    const admission = this.#admissions.get(conn.request);
    if (!admission) return false;
    admission.isOpen = true;
    conn.on('close', () => admission.place[Symbol.dispose]());
    return admission.isCounted;
  }

  /** The engine is about to turn it away in its own words: ours come first. */
  refused({ req, code, message }: HandshakeFailure): void {
    this.#refuse(req, req.res, code === 4 ? 403 : 400, { code, message });
  }

  #tooMany(req: IncomingMessage, response: ServerResponse | undefined, waitMs: number): void {
    const body = { code: 4, message: 'Too many connections', retry_after_ms: waitMs };
    this.#refuse(req, response, 429, body, { 'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1000))) });
  }

  #refuse(
    req: IncomingMessage,
    response: ServerResponse | undefined,
    status: number,
    body: object,
    extra: AnswerHeaders = {},
  ): void {
    if (!response) {
      const text = bareAnswer(`${status} ${STATUS_CODES[status] ?? ''}`, {
        ...this.#parts.headers,
        ...extra,
      });
      req.socket.end(text, () => req.socket.destroy());
    } else if (!response.headersSent) {
      const text = JSON.stringify(body);
      const type = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': text.length };
      response.writeHead(status, { ...type, ...extra });
      response.end(text);
    }
  }
}

/** What the engine would answer with a fault of ours, or never; and scripts for pages of before CORS. */
function faultOf(req: IncomingMessage, isUpgrade: boolean, query: URLSearchParams): object | undefined {
  if (isUpgrade) return undefined;
  if (req.method !== 'GET' && req.method !== 'POST') return { code: 2, message: 'Bad handshake method' };
  const isScript = query.has('j');
  const isNoUpgrade = query.has('sid') && query.getAll('transport').at(-1) === 'websocket';
  return isScript || isNoUpgrade ? { code: 3, message: 'Bad request' } : undefined;
}

function watchConnection(conn: EngineSocket): void {
  refuseLongNamespaces(conn);
  expectAttachments(conn);
  limitPings(conn);
  limitWaiting(conn);
  endInTime(conn);
  conn.on('upgrade', () => limitPings(conn));
}

/** Whether one more is within so many in a second, on average over some seconds. */
function allowance(perSecond: number, seconds: number): () => boolean {
  const most = perSecond * seconds;
  let left = most;
  let at = performance.now();
  return () => {
    const now = performance.now();
    left = Math.min(most, left + ((now - at) / 1000) * perSecond);
    at = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

/** At once: whoever floods us is not waited for. */
function drop(conn: EngineSocket): void {
  const { socket } = conn.transport;
  conn.close(socket === undefined);
  socket?.terminate();
}

/** There is one namespace; the name of another would be echoed as it came. */
function refuseLongNamespaces(conn: EngineSocket): void {
  conn.on('packet', ({ type, data }) => {
    if (type !== 'message' || typeof data !== 'string' || !data.startsWith('0/')) return;
    const end = data.indexOf(',');
    if ((end < 0 ? data.length : end) > NAMESPACE_CHARS) conn.close();
  });
}

/** Closes a connection that announces attachments and does not send them. */
function expectAttachments(conn: EngineSocket): void {
  let missing = 0;
  let deadline: NodeJS.Timeout | undefined;
  conn.on('packet', ({ type, data }) => {
    if (type !== 'message') return;
    const announced = typeof data === 'string' ? /^[56](\d{1,3})-/.exec(data)?.[1] : undefined;
    missing = announced === undefined ? Math.max(0, missing - 1) : Number(announced);
    clearTimeout(deadline);
    deadline = missing > 0 ? setTimeout(() => conn.close(), COMPLETION_MS) : undefined;
  });
  conn.on('close', () => clearTimeout(deadline));
}

function limitPings(conn: EngineSocket): void {
  const isAllowed = allowance(PINGS_PER_S, 1);
  const count = () => {
    if (!isAllowed()) drop(conn);
  };
  conn.transport.socket?.on('ping', count);
  conn.transport.socket?.on('pong', count);
}

/** Many packets in one body of polling are many. */
function limitPackets(conn: EngineSocket): void {
  const isAllowed = allowance(PACKETS_PER_S, PACKETS_OVER_S);
  conn.on('packet', () => {
    if (!isAllowed()) drop(conn);
  });
}

/** Closes a connection whose client asks and asks, and takes no answer. */
function limitWaiting(conn: EngineSocket): void {
  let waiting = 0;
  conn.on('packetCreate', ({ data }) => {
    if (waiting > WAITING_CHARS) drop(conn);
    waiting += typeof data === 'string' ? data.length : 0;
  });
  conn.on('flush', () => (waiting = 0));
}

/** Of itself a WebSocket would wait for half a minute. */
function endInTime(conn: EngineSocket): void {
  conn.on('close', () => {
    const { socket } = conn.transport;
    if (socket) setTimeout(() => socket.terminate(), FAREWELL_MS).unref();
  });
}

/** One socket per connection: of many CONNECT packets in a burst the first one counts. */
export function onePerConnection() {
  const taken = new WeakSet<object>();
  return (socket: Socket, next: (error?: Error) => void): void => {
    if (taken.has(socket.conn)) {
      next(new Error('One socket per connection'));
      return;
    }
    taken.add(socket.conn);
    socket.once('disconnect', () => taken.delete(socket.conn));
    next();
  };
}
