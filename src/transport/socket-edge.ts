// What plain Socket.IO lets through (SAFETY.md 3.2) and we do not: per connection, before any event is looked at.
import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { answerCors, refuseEarly } from './http.ts';

/** A binary packet whose attachments do not come, in ms. */
const COMPLETION_MS = 30_000;
const NAMESPACE_CHARS = 100;
/** WebSocket pings of a client in one second; a browser sends none. */
const PINGS_PER_S = 100;

type Engine = Server['engine'];
interface RawWebSocket {
  on(event: 'ping', listener: () => void): void;
}
interface EngineSocket {
  transport: { socket?: RawWebSocket };
  on(event: 'packet', listener: (packet: { type: string; data: unknown }) => void): void;
  on(event: 'upgrade' | 'close', listener: () => void): void;
  close(): void;
}

/** The origin rule and CORS for polling and WebSocket alike: what REST has, so that no door is wider. */
export function guardEngine(engine: Engine, allowed: ReadonlySet<string>): void {
  engine.use((req: Parameters<typeof refuseEarly>[0], res: ServerResponse, next: () => void) => {
    const refusal = refuseEarly(req, allowed);
    if (refusal !== undefined && req.headers.upgrade !== undefined) {
      req.socket.end(`HTTP/1.1 ${refusal} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    } else if (refusal !== undefined) {
      res.writeHead(refusal, { 'Content-Type': 'application/json' });
      res.end('{"code":4,"message":"Forbidden"}');
    } else if (req.headers.upgrade !== undefined || !answerCors(req, res)) next();
  });
  engine.on('connection', watchConnection);
}

function watchConnection(conn: EngineSocket): void {
  refuseLongNamespaces(conn);
  expectAttachments(conn);
  limitPings(conn);
  conn.on('upgrade', () => limitPings(conn));
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
  let pings = 0;
  let second = 0;
  conn.transport.socket?.on('ping', () => {
    const now = Math.floor(performance.now() / 1000);
    pings = now === second ? pings + 1 : 1;
    second = now;
    if (pings > PINGS_PER_S) conn.close();
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
