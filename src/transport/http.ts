// What every HTTP request meets before and after its operation: origin, header size, body, error body.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { pascalCase } from '../contract/json-schema.ts';
import type { ErrorBody } from '../contract/types.ts';
import { AppError, toFailure } from '../errors.ts';

/** The request line may be long, since ids in paths can be; everything else is short. */
export const REQUEST_LINE_BYTES = 128 * 1024;
export const HEADER_BYTES = 16 * 1024;
/** PAYLOAD_TOO_LARGE begins here. */
const BODY_BYTES = 256 * 1024;

const METHODS = 'GET, HEAD, POST, DELETE, OPTIONS';
const REQUEST_HEADERS = 'Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer';
const RESPONSE_HEADERS = 'Location, Retry-After, X-Cursor, X-Request-Id';
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

function headerBytes(req: IncomingMessage): number {
  let bytes = 0;
  for (const part of req.rawHeaders) bytes += part.length + 2;
  return bytes;
}

/** Why a request is turned away before anything looks at it, or undefined. */
export function refuseEarly(req: IncomingMessage, allowed: ReadonlySet<string>): 403 | 431 | undefined {
  if (headerBytes(req) > HEADER_BYTES) return 431;
  return isAllowedOrigin(req.headers.origin, req.headers.host, allowed) ? undefined : 403;
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

export function edge(allowed: ReadonlySet<string>): RequestHandler {
  return (req, res, next) => {
    const refusal = refuseEarly(req, allowed);
    if (refusal === 403) throw new AppError('FORBIDDEN', { message: 'This origin is not allowed' });
    if (refusal === 431) res.status(431).end();
    else if (!answerCors(req, res)) next();
  };
}

const raw = express.raw({ type: () => true, limit: BODY_BYTES, inflate: false });

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

/** Reads the body as JSON whatever its type says; undefined when there is none. */
export const jsonBody: RequestHandler = (req, res, next) => {
  // the reader would take in all of it before it says so
  if (Number(req.headers['content-length']) > BODY_BYTES) throw new AppError('PAYLOAD_TOO_LARGE');
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

function sendError(res: Response, error: unknown): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { code, status, message, detail, safety, retry_after_ms } = toFailure(error);
  const requestId = randomUUID();
  const body: ErrorBody = {
    error: pascalCase(code),
    code,
    message,
    ...(detail && { detail }),
    ...(safety && { safety }),
    request_id: requestId,
    timestamp: new Date().toISOString(),
  };
  if (retry_after_ms !== undefined)
    res.setHeader('Retry-After', Math.max(1, Math.ceil(retry_after_ms / 1000)));
  if (error instanceof AppError && error.allow) res.setHeader('Allow', error.allow.join(', '));
  res.setHeader('X-Request-Id', requestId);
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

/** Express' last handler: shapes whatever came up on the way. */
export function lastResort(log: (error: unknown) => void) {
  return (error: unknown, _req: Request, res: Response, _next: NextFunction): void => {
    const known = toAppError(error);
    if (!(known instanceof AppError)) log(error);
    sendError(res, known);
  };
}
