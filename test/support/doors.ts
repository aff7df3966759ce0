// Every way into an operation of the table, read from the table itself: what comes back, whatever carried it.
import { z } from 'zod';
import { operations } from '../../src/contract/operations.ts';
import type { Operation } from '../../src/contract/operation.ts';
import type { OperationName } from '../../src/contract/types.ts';
import { pathOf, rest } from './rest.ts';
import { SocketClient } from './socket-client.ts';
import { openEvents } from './sse.ts';
import { bearer } from './tokens.ts';
import { deadline } from './wait.ts';

type Fields = Record<string, unknown>;

/** Somebody at the doors of one server. */
export interface Guest {
  readonly token: string | null;
  /** Connects with the first use. @throws Error with `data` where the server lets nobody in */
  socket(): Promise<SocketClient>;
  /** A fresh ticket for that session; for who is refused it, one for a session of its own, or one that nobody gave out. */
  ticket(sessionId: string): Promise<string>;
}

export interface Reply {
  isOk: boolean;
  status: number;
  code: string | null;
  /** Without what is another for each request. */
  body: Fields;
  /** Names of the headers, where there are any. */
  headers: string[];
  text: string;
}

export interface Door {
  name: string;
  ask(url: string, guest: Guest, input: Fields): Promise<Reply>;
}

type Route = Operation['rest'][number];

const rows = new Map<string, Operation>(Object.entries(operations));
const Ticket = z.object({ ticket: z.string() });
const NO_TICKET = `spt_${'A'.repeat(43)}`;
const Ack = z.looseObject({ ok: z.boolean(), error: z.record(z.string(), z.unknown()).optional() });

/** All doors of one operation. */
export function doorsOf(name: OperationName): Door[] {
  const row = rows.get(name);
  if (!row) throw new Error(`${name} is no operation`);
  const byRest = row.rest.flatMap((route) => doorsOfRoute(route));
  return row.socket
    ? [{ name: 'socket', ask: (_, guest, input) => emit(name, guest, input) }, ...byRest]
    : byRest;
}

function doorsOfRoute(route: Route): Door[] {
  const { method, path, reply } = route;
  const door = (how: string, ask: Door['ask']): Door => ({ name: `${method} ${path}${how}`, ask });
  const byHeader = (headers: Fields = {}): Door['ask'] => {
    return (url, guest, input) => send(url, guest, route, input, headers);
  };
  const asStream: Door['ask'] = (url, guest, input) => stream(url, route, input, bearer(guest.token));
  if (reply === 'turn') {
    return [
      door('', byHeader()),
      door(', as a stream', asStream),
      door(', respond-async', byHeader({ Prefer: 'respond-async' })),
    ];
  }
  if (reply === 'stream') {
    const byTicket: Door['ask'] = async (url, guest, input) =>
      stream(url, route, { ...input, ticket: await guest.ticket(String(input['session_id'])) }, {});
    return [door('', asStream), door(', by ticket', byTicket)];
  }
  return [door('', byHeader())];
}

/** Strings of one request only. */
function plain({ request_id: _id, timestamp: _time, ...body }: Fields): Fields {
  return body;
}

function refusalOf(error: Fields, text: string): Reply {
  const status = Number(error['status']);
  return { isOk: false, status, code: String(error['code']), body: plain(error), headers: [], text };
}

async function emit(name: string, guest: Guest, input: Fields): Promise<Reply> {
  let socket: SocketClient;
  try {
    socket = await guest.socket();
  } catch (error) {
    if (!(error instanceof Error && 'data' in error)) throw error;
    return refusalOf(error.data as Fields, JSON.stringify(error.data));
  }
  const { ok, error, ...value } = Ack.parse(await socket.call(name, input));
  const text = JSON.stringify(error ?? value);
  if (error) return refusalOf(error, text);
  return { isOk: ok, status: 200, code: null, body: value, headers: [], text };
}

/** Where a request goes, and what is left for its body. */
function lineOf({ method, path, query }: Route, input: Fields): { line: string; body: Fields } {
  const body = { ...input };
  const filled = path.replaceAll(/:(\w+)/g, (_, field: string) => {
    const value = String(body[field]);
    delete body[field];
    return pathOf(value).replace('/api/v1/session/', '');
  });
  const search = new URLSearchParams();
  for (const field of query) {
    const value = body[field];
    if (typeof value === 'string' || typeof value === 'number') search.set(field, String(value));
    delete body[field];
  }
  return { line: `${method} ${filled}${search.size > 0 ? `?${search.toString()}` : ''}`, body };
}

async function send(url: string, guest: Guest, route: Route, input: Fields, more: Fields): Promise<Reply> {
  const { line, body } = lineOf(route, input);
  const headers = { ...bearer(guest.token), ...more } as Record<string, string>;
  const answer = await rest(url, line, { headers, ...(route.method === 'POST' && { body }) });
  const isOk = answer.status < 300;
  const { status, text } = answer;
  const names = Object.keys(answer.headers).sort();
  return {
    isOk,
    status,
    code: isOk ? null : String(answer.body['code']),
    body: plain(answer.body),
    headers: names,
    text,
  };
}

/** A stream that is let in is read up to its first event; one that ends by itself, to its end. */
async function stream(
  url: string,
  route: Route,
  input: Fields,
  headers: Record<string, string>,
): Promise<Reply> {
  const { line, body } = lineOf(route, input);
  const method = route.method === 'POST' ? 'POST' : 'GET';
  const path = line.slice(method.length + 1);
  using reader = await openEvents(url, path, { method, headers, ...(method === 'POST' && { body }) });
  const isOk = reader.status === 200;
  if (!isOk || method === 'POST') await reader.ended();
  else await reader.until(() => reader.events.length > 0, 'the first event');
  const names = Object.keys(reader.headers).sort();
  const text = reader.raw;
  if (isOk) return { isOk, status: 200, code: null, body: {}, headers: names, text };
  const error = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  return { ...refusalOf({ ...error, status: reader.status }, text), body: plain(error), headers: names };
}

/** A connected socket. @throws Error of `connect_error`, with the failure as its `data` */
export async function enter(
  url: string,
  options: ConstructorParameters<typeof SocketClient>[1],
): Promise<SocketClient> {
  const client = new SocketClient(url, options);
  // the client tells of the close before it tells why
  client.connected.catch(() => undefined);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  client.socket.once('connect', resolve);
  client.socket.once('connect_error', reject);
  await deadline(promise, `a connection to ${url}`);
  return client;
}

/** Somebody with that token at a server, who owns that session; disposing closes the socket. */
export function newGuest(url: string, token: string | null, ownSession: string | null): Guest & Disposable {
  let socket: Promise<SocketClient> | undefined;
  const ticketFor = async (sessionId: string) => {
    const answer = await rest(url, `POST ${pathOf(sessionId, '/ticket')}`, { headers: bearer(token) });
    return Ticket.safeParse(answer.body).data?.ticket;
  };
  return {
    token,
    ticket: async (sessionId) =>
      (await ticketFor(sessionId)) ?? (ownSession && (await ticketFor(ownSession))) ?? NO_TICKET,
    socket: () => (socket ??= enter(url, { auth: token === null ? {} : { token } })),
    [Symbol.dispose]: () =>
      void socket?.then(
        (open) => open.close(),
        () => undefined,
      ),
  };
}
