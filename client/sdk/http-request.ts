// One request over HTTP: an operation of the protocol by its route.
import type { RequestOptions } from './api.ts';
import { ChatError, ConnectionError, isErrorCode } from './errors.ts';
import type { Refusal } from './errors.ts';
import { REQUEST_MS } from './line.ts';
import type { OperationName } from './line.ts';
import { routes } from './wire.ts';
import type { Operations } from './wire.ts';

export interface Server {
  /** Without a slash at its end. */
  url: string;
  token: () => Promise<string | undefined>;
}

type Fields = Record<string, unknown>;
type Route = readonly [method: string, path: string, ...query: string[]];

const known: Partial<Record<OperationName, Route>> = routes;

/** A path segment; ids that a URL would take for steps in a path cannot be written. */
function segment(value: unknown): string {
  const text = String(value);
  if (!text.isWellFormed() || text === '.' || text === '..')
    throw new ChatError({ code: 'VALIDATION_FAILED', status: 422 });
  return encodeURIComponent(text);
}

/** Method, address and body of an operation. */
export function lineOf(url: string, name: OperationName, input: Fields) {
  const route = known[name];
  if (!route) throw new ChatError({ code: 'NOT_FOUND', status: 404, message: name });
  const [method, path, ...query] = route;
  const rest = { ...input };
  const filled = path.replaceAll(/:(\w+)/g, (_, field: string) => {
    const value = segment(rest[field]);
    delete rest[field];
    return value;
  });
  const search = query.flatMap((field) => {
    const value = rest[field] ?? '';
    return value === '' ? [] : `${field}=${segment(value)}`;
  });
  return {
    method,
    body: method === 'POST' ? JSON.stringify(rest) : null,
    address: `${url}${filled}?${search.join('&')}`,
  };
}

/** The error body of an answer; what no server of ours wrote is told by its status. */
export async function refusalOf(response: Response): Promise<ChatError | ConnectionError> {
  // a body that is no JSON is somebody else's; one that was cut off is none
  const body: unknown = await response.json().catch((error: unknown) => {
    if (!(error instanceof SyntaxError)) throw error;
  });
  const refusal: Partial<Refusal> = Object(body);
  if (!isErrorCode(refusal.code)) return new ConnectionError('unreachable', { cause: response.status });
  return new ChatError({ ...refusal, code: refusal.code, status: response.status });
}

export async function headersFor(
  server: Server,
  more: Record<string, string>,
): Promise<Record<string, string>> {
  const token = await server.token();
  return token === undefined ? more : { ...more, Authorization: `Bearer ${token}` };
}

/** @throws ChatError; ConnectionError: no answer came, or none of ours */
export async function requestOverHttp<N extends OperationName>(
  server: Server,
  name: N,
  input: Operations[N]['input'],
  { signal, timeoutMs = REQUEST_MS }: RequestOptions = {},
): Promise<Operations[N]['output']> {
  const fields: Fields = typeof input === 'object' && input !== null ? { ...input } : { session_id: input };
  const { method, address, body } = lineOf(server.url, name, fields);
  const limit = limitOf(signal, timeoutMs);
  try {
    const headers = await headersFor(server, { Prefer: 'respond-async' });
    const response = await fetch(address, { method, headers, body, signal: limit });
    if (!response.ok) throw refusedBy(response.status, await refusalOf(response));
    const isNothingNew = response.status === 204;
    const answer = isNothingNew ? nothingNew(response.headers) : await response.json();
    return answer as Operations[N]['output'];
  } catch (error) {
    if (error instanceof ChatError || error instanceof ConnectionError || signal?.aborted) throw error;
    throw new ConnectionError(limit.aborted ? 'timeout' : 'lost', { cause: error });
  }
}

/** Somebody on the way may refuse for good, in words of their own: asking again would not help. */
const refusedBy = (status: number, error: Error): Error =>
  error instanceof ChatError || status >= 429 || status === 408
    ? error
    : new ChatError({ code: 'FORBIDDEN', status });

/** A long poll that found nothing has no body: its cursor is in a header. */
const nothingNew = (headers: Headers) => ({ mode: 'tail', entries: [], cursor: headers.get('X-Cursor') });

/** Aborts with the signal, or after the time. */
export function limitOf(signal: AbortSignal | undefined, ms: number): AbortSignal {
  const over = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([signal, over]) : over;
}
