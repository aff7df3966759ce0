// What every HTTP request meets before and after its operation: origin, header size, body, error body.
import { randomUUID } from 'node:crypto';
import { createServer, ServerResponse } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { isIPv4 } from 'node:net';
import type { Duplex } from 'node:stream';
import express from 'express';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { pascalCase } from '../contract/json-schema.ts';
import type { ErrorBody, Failure } from '../contract/types.ts';
import { AppError, toFailure } from '../errors.ts';
import { answerHeaders, bareAnswer, setHeaders } from './headers.ts';
import type { AnswerHeaders } from './headers.ts';

/** The request line may be long, since ids in paths can be; everything else is short. */
const REQUEST_LINE_BYTES = 128 * 1024;
export const HEADER_BYTES = 16 * 1024;
const HEADER_FIELDS = 100;
/** PAYLOAD_TOO_LARGE begins here. */
const BODY_BYTES = 256 * 1024;

const METHODS = 'GET, HEAD, POST, DELETE, OPTIONS';
/** What the official clients of the protocol behind `/v1` send beside their own. */
const CHAT_HEADERS = [
  'X-Session-Id, X-OpenWebUI-Chat-Id, X-OpenWebUI-User-Id, OpenAI-Organization, OpenAI-Project, OpenAI-Beta',
  ...['Arch', 'Lang', 'OS', 'Package-Version', 'Runtime', 'Runtime-Version', 'Retry-Count', 'Timeout'].map(
    (name) => `X-Stainless-${name}`,
  ),
  'X-Stainless-Helper-Method',
].join(', ');
const REQUEST_HEADERS = `Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, ${CHAT_HEADERS}`;
const RESPONSE_HEADERS = 'Location, Retry-After, X-Cursor, X-Request-Id, X-Session-Id, X-Turn-Id';
const PREFLIGHT_SECONDS = '600';

/** Absent, same-origin, a loopback origin, or listed; the whole origin counts, not a part of it. */
function isAllowedOrigin(
  origin: string | undefined,
  host: string | undefined,
  allowed: ReadonlySet<string>,
): boolean {
  if (origin === undefined || allowed.has(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (url.origin !== origin || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  return url.host === host || /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
}

/** Whether this server goes by the name a request asks for: the text of its `Host`, '' where it has none. */
export type HostRule = (host: string) => boolean;

interface HostOptions {
  /** Names, with a port or for every port. */
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
  /** Nobody outside can reach the server: then a page that had its own name lead here must not (DNS rebinding). */
  isLoopbackOnly: boolean;
}

const anyHost: HostRule = () => true;

/** Loopback names and listed ones; every name, where none is listed and others may reach the server. */
export function hostRule({ allowedHosts, allowedOrigins, isLoopbackOnly }: HostOptions): HostRule {
  if (allowedHosts.length === 0 && !isLoopbackOnly) return anyHost;
  const listed = new Set([...allowedHosts, ...allowedOrigins.map((origin) => new URL(origin).host)]);
  return (host) => {
    const [, text = '', port = ''] =
      /^(\[[\da-f:.]+\]|[\w.-]+)((?::\d{1,5})?)$/.exec(host.toLowerCase()) ?? [];
    const name = text.replace(/\.$/, '');
    const isLoopback = name === 'localhost' || text === '[::1]' || (isIPv4(text) && text.startsWith('127.'));
    return isLoopback || (name !== '' && (listed.has(name) || listed.has(name + port)));
  };
}

/** What a request is asked before anything looks at it. */
export interface EdgeRules {
  /** Exact origins. */
  allowedOrigins: ReadonlySet<string>;
  isOurHost: HostRule;
  /** Paths that are answered under every name: probes are asked by address. */
  namelessPaths?: ReadonlySet<string>;
}

interface Refusal {
  status: 400 | 403 | 431;
  message: string;
}

const refusals = {
  headers: { status: 431, message: 'The headers are too large' },
  twoHosts: { status: 400, message: 'A request has one Host' },
  twoTokens: { status: 400, message: 'A request has one Authorization' },
  host: { status: 403, message: 'This Host is not one of this server; ALLOWED_HOSTS lists them' },
  origin: { status: 403, message: 'This origin is not allowed' },
} as const satisfies Record<string, Refusal>;

/** What its headers take, and how often those come that may come once. */
function measure(rawHeaders: readonly string[]): { bytes: number; hosts: number; tokens: number } {
  let bytes = 0;
  let hosts = 0;
  let tokens = 0;
  for (const [index, part] of rawHeaders.entries()) {
    bytes += part.length + 2;
    if (index % 2 !== 0) continue;
    const name = part.toLowerCase();
    if (name === 'host') hosts += 1;
    if (name === 'authorization') tokens += 1;
  }
  return { bytes, hosts, tokens };
}

/** Why a request is turned away, or undefined. */
export function refuseEarly(req: IncomingMessage, rules: EdgeRules): Refusal | undefined {
  const { rawHeaders, headers, httpVersion, url = '' } = req;
  const { bytes, hosts, tokens } = measure(rawHeaders);
  if (bytes > HEADER_BYTES || rawHeaders.length > 2 * HEADER_FIELDS) return refusals.headers;
  if (hosts > 1 || (hosts === 0 && httpVersion !== '1.0')) return refusals.twoHosts;
  if (tokens > 1) return refusals.twoTokens;
  // who sends none speaks HTTP/1.0, and is no browser
  const isNamed = hosts > 0 && rules.namelessPaths?.has(url) !== true;
  if (isNamed && !rules.isOurHost(headers.host ?? '')) return refusals.host;
  return isAllowedOrigin(headers.origin, headers.host, rules.allowedOrigins) ? undefined : refusals.origin;
}

/** CORS for exactly those origins that are allowed; answers preflights. True when the request is answered. */
export function answerCors(req: IncomingMessage, res: ServerResponse): boolean {
  const { origin } = req.headers;
  if (origin === undefined) return false;
  res.setHeader('Access-Control-Allow-Origin', origin);
  res.setHeader('Vary', 'Origin');
  res.setHeader('Access-Control-Expose-Headers', RESPONSE_HEADERS);
  if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return false;
  res.setHeader('Access-Control-Allow-Methods', METHODS);
  res.setHeader('Access-Control-Allow-Headers', REQUEST_HEADERS);
  res.setHeader('Access-Control-Max-Age', PREFLIGHT_SECONDS);
  res.statusCode = 204;
  res.end();
  return true;
}

interface EdgeOptions {
  isOurHost?: HostRule;
  namelessPaths?: ReadonlySet<string>;
  /** Of every answer; a route may set its own over them. */
  headers?: AnswerHeaders;
}

export function edge(
  allowedOrigins: ReadonlySet<string>,
  { isOurHost = anyHost, namelessPaths = new Set(), headers = {} }: EdgeOptions = {},
): RequestHandler {
  const rules = { allowedOrigins, isOurHost, namelessPaths };
  return (req, res, next) => {
    setHeaders(res, headers);
    // whoever asks for anything but what it has gets what there is
    if (req.headers['if-none-match'] === '*') delete req.headers['if-none-match'];
    const refusal = refuseEarly(req, rules);
    if (refusal?.status === 431) res.status(431).end();
    else if (refusal) {
      const { status, message } = refusal;
      throw new AppError(status === 400 ? 'MALFORMED_JSON' : 'FORBIDDEN', { message });
    } else if (!answerCors(req, res)) next();
  };
}

function parseBody(contentType: string | undefined, body: unknown): unknown {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType ?? '')?.[1]?.toLowerCase();
  if (charset !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(charset)) {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', { message: `charset ${charset.slice(0, 40)} is not read` });
  }
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new AppError('MALFORMED_JSON', { message: 'The body is not JSON in UTF-8', cause });
  }
}

/** Reads the body as JSON whatever its type says; undefined when there is none. `limit` is in bytes. */
export function jsonBody(limit = BODY_BYTES): RequestHandler {
  const raw = express.raw({ type: () => true, limit, inflate: false });
  return (req, res, next) => {
    // the reader would take in all of it before it says so
    if (Number(req.headers['content-length']) > limit) throw new AppError('PAYLOAD_TOO_LARGE');
    raw(req, res, (error: unknown) => {
      if (error !== undefined) return next(error);
      try {
        req.body = parseBody(req.headers['content-type'], req.body);
      } catch (refusal) {
        // the body came in a later tick: what is thrown here, nobody catches
        return next(refusal);
      }
      next();
    });
  };
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'status' in error && typeof error.status === 'number'
    ? error.status
    : undefined;
}

/** What Express and its body reader raise, in our codes. */
function toAppError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const status = statusOf(error);
  if (status === 413) return new AppError('PAYLOAD_TOO_LARGE', { cause: error });
  if (status === 415) return new AppError('UNSUPPORTED_MEDIA_TYPE', { cause: error });
  return status !== undefined && status < 500 ? new AppError('MALFORMED_JSON', { cause: error }) : error;
}

/** Sets what a refusal says in headers; answers its request id. */
export function refusalHeaders(res: Response, error: unknown, { status, retry_after_ms }: Failure): string {
  const requestId = randomUUID();
  if (retry_after_ms !== undefined)
    res.setHeader('Retry-After', Math.max(1, Math.ceil(retry_after_ms / 1000)));
  if (error instanceof AppError && error.allow) res.setHeader('Allow', error.allow.join(', '));
  // RFC 9110, 15.5.2
  if (status === 401) res.setHeader('WWW-Authenticate', 'Bearer');
  // a page may have set its own before it failed
  setHeaders(res, answerHeaders());
  res.setHeader('X-Request-Id', requestId);
  return requestId;
}

function sendError(res: Response, error: unknown): void {
  const failure = toFailure(error);
  const { code, status, message, detail, safety, retry_after_ms } = failure;
  const body: ErrorBody = {
    error: pascalCase(code),
    code,
    message,
    ...(detail && { detail }),
    ...(safety && { safety }),
    ...(retry_after_ms !== undefined && { retry_after_ms }),
    request_id: refusalHeaders(res, error, failure),
    timestamp: new Date().toISOString(),
  };
  res.status(status).json(body);
}

/** Aborts when the client goes away before its answer is complete. [P-10] */
export function goneSignal(res: Response): AbortSignal {
  const gone = new AbortController();
  res.once('close', () => gone.abort());
  return gone.signal;
}

/** No route is left. @throws NOT_FOUND · MALFORMED_JSON the path cannot be decoded */
export const notFound: RequestHandler = (req, res) => {
  if (req.method === 'OPTIONS' && req.url === '*') {
    res.status(204).set('Allow', METHODS).end();
    return;
  }
  try {
    decodeURIComponent(req.path);
  } catch (cause) {
    throw new AppError('MALFORMED_JSON', { message: 'The path cannot be decoded', cause });
  }
  throw new AppError('NOT_FOUND');
};

/** Express' last handler: shapes whatever came up on the way. `send` answers with an error of ours, or with what is none. */
export function lastResort(log: (error: unknown) => void, send = sendError) {
  return (error: unknown, _req: Request, res: Response, _next: NextFunction): void => {
    const known = toAppError(error);
    if (!(known instanceof AppError)) log(error);
    if (res.headersSent) res.destroy();
    else send(res, known);
  };
}

/** SAFETY.md SEC-39: what a client may take for its headers, for its whole request, and between two of them. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 15_000;
const CHECK_MS = 2_000;
const KEEP_ALIVE_MS = 5_000;
const REQUESTS_PER_CONNECTION = 1_000;
/** Where Socket.IO is. */
const ENGINE_PATH = '/socket.io/';

interface HttpOptions {
  /** Of answers to what cannot be read. */
  headers?: AnswerHeaders;
  /** How long a connection is kept for a next request, in ms. A proxy must give it up sooner than we do. */
  keepAliveMs?: number;
}

/** A server with limits of its own for how long a client may take. */
export function openHttp(
  listener: RequestListener,
  { headers = answerHeaders(), keepAliveMs = KEEP_ALIVE_MS }: HttpOptions = {},
): Server {
  const server = createServer(
    {
      maxHeaderSize: REQUEST_LINE_BYTES + HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
      keepAliveTimeout: keepAliveMs,
      // refused at the edge, as every other request
      requireHostHeader: false,
      // any other upgrade is an offer that HTTP may pass over: Java's client makes one with every request
      shouldUpgradeCallback: ({ headers: { upgrade }, url = '' }) =>
        upgrade?.toLowerCase() === 'websocket' && url.startsWith(ENGINE_PATH),
    },
    listener,
  );
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION;
  // Node keeps what was read once: who sends a request and leaves at once has an address all the same
  server.on('connection', (socket) => void socket.remoteAddress);
  server.on('checkExpectation', (_req, res) => {
    setHeaders(res, headers);
    res.writeHead(417).end();
  });
  server.on('clientError', (error, socket) => answerBroken(error, socket, headers));
  return server;
}

const brokenStatus: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** As Node does, and with our headers: nothing is written into the middle of an answer. */
function answerBroken(error: NodeJS.ErrnoException, socket: Duplex, headers: AnswerHeaders): void {
  const current: unknown = '_httpMessage' in socket ? socket._httpMessage : null;
  const hasBegun = current instanceof ServerResponse && current.headersSent;
  if (!socket.writable || hasBegun || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = brokenStatus[error.code ?? ''] ?? '400 Bad Request';
  socket.end(bareAnswer(status, headers), () => socket.destroy());
}
