// Socket.IO: a loop over the table of operations, and followers of the sessions a socket touches.
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from 'socket.io';
import type { Socket } from 'socket.io';
import { anonymous, refOf } from '../chat/access.ts';
import type { Caller } from '../chat/access.ts';
import type { Dispatch } from '../chat/dispatch.ts';
import type { Follow, Frame } from '../chat/follow.ts';
import { operations } from '../contract/operations.ts';
import type { Operation } from '../contract/operation.ts';
import type { Ack, OperationName } from '../contract/types.ts';
import { AppError, toFailure } from '../errors.ts';
import type { NodeControl } from './control.ts';
import type { AdapterFactory } from './redis-adapter.ts';
import { guardEngine, onePerConnection } from './socket-edge.ts';
import { Outbox, SocketFollows } from './socket-follows.ts';

export interface SocketParts {
  dispatch: Dispatch;
  follow: Follow;
  allowedOrigins: ReadonlySet<string>;
  /** Told what should not have been thrown. */
  onFault: (error: unknown) => void;
  /** Reaches the sockets of other nodes; undefined: there are none. Whoever hands it in closes it, after the transport. */
  adapter: AdapterFactory | undefined;
  control: NodeControl;
}

/** A message over this closes the connection (docs/protocol.md section 4). */
const MESSAGE_BYTES = 1024 * 1024;
/** Most of an unknown event's name that is sent back. */
const SHOWN_NAME = 100;
/** What a connection gets to take what is on its way to it when the server goes down. */
const LAST_TAKE_MS = 500;

type AnyAck = Ack<object>;
const socketRows = new Map(
  Object.entries(operations as Record<string, Operation>).filter(([, row]) => row.socket),
);

/** Splits what came with an event: at most one payload, then perhaps the ack. */
function readArguments(args: unknown[]): {
  payload: unknown;
  ack: ((answer: AnyAck) => void) | undefined;
  extra: boolean;
} {
  const last = args.at(-1);
  const ack =
    typeof last === 'function'
      ? (answer: AnyAck) => void Reflect.apply(last, undefined, [answer])
      : undefined;
  const payloads = ack ? args.slice(0, -1) : args;
  return { payload: payloads[0], ack, extra: payloads.length > 1 };
}

function sessionIdOf(payload: unknown): string {
  const named =
    typeof payload === 'object' && payload !== null && 'session_id' in payload ? payload.session_id : payload;
  return typeof named === 'string' ? named : '';
}

/** One connected client. Events of one session are handled in the order in which they came. */
class Connection {
  readonly #socket: Socket;
  readonly #dispatch: Dispatch;
  readonly #follows: SocketFollows;
  readonly #caller: Caller;
  readonly #onFault: (error: unknown) => void;
  readonly #queues = new Map<string, Promise<void>>();

  constructor(socket: Socket, parts: SocketParts, outbox: Outbox) {
    this.#socket = socket;
    this.#dispatch = parts.dispatch;
    this.#follows = new SocketFollows(socket, parts.follow, outbox, parts.onFault);
    this.#onFault = parts.onFault;
    const gone = new AbortController();
    this.#caller = anonymous(socket.id, gone.signal);
    socket.onAny((event: unknown, ...args: unknown[]) => this.#receive(event, args));
    // a client may send an event of this name; without a listener it would be thrown
    socket.on('error', () => {});
    socket.on('disconnect', () => {
      gone.abort();
      this.#follows.leaveAll();
    });
  }

  #receive(event: unknown, args: unknown[]): void {
    const name = typeof event === 'string' ? event : '';
    const { payload, ack, extra } = readArguments(args);
    const row = socketRows.get(name);
    const answer = (result: AnyAck) => {
      if (ack) ack(result);
      else if (name !== 'received' || !result.ok)
        this.#socket.emit(`${name.slice(0, SHOWN_NAME)}:result`, result);
    };
    if (!row || extra) {
      const message = row ? 'An event takes one payload' : 'Unknown event';
      const detail = [{ loc: ['body'], msg: message, type: row ? 'too_many_arguments' : 'unknown_event' }];
      answer({ ok: false, error: toFailure(new AppError('VALIDATION_FAILED', { message, detail })) });
      return;
    }
    this.#inOrder(sessionIdOf(payload), () => this.#handle(name as OperationName, row, payload, answer));
  }

  #inOrder(sessionId: string, task: () => Promise<void>): void {
    const before = this.#queues.get(sessionId) ?? Promise.resolve();
    const mine = before
      .then(task)
      .catch(this.#onFault)
      .finally(() => {
        if (this.#queues.get(sessionId) === mine) this.#queues.delete(sessionId);
      });
    this.#queues.set(sessionId, mine);
  }

  async #handle(
    name: OperationName,
    row: Operation,
    payload: unknown,
    answer: (result: AnyAck) => void,
  ): Promise<void> {
    if (!this.#socket.connected) return;
    // [P-12] an input is never refused for this
    const opens = name === 'session:join' || name === 'session:create';
    using place = opens ? this.#follows.reserve(sessionIdOf(payload)) : undefined;
    const result = opens && !place ? tooManySessions : await this.#dispatch(name, payload, this.#caller);
    if (!result.ok) {
      answer({ ok: false, error: result.failure });
      return;
    }
    // nothing of a log is sent before the ack it follows from, nor after the ack of a leave
    if (name === 'session:leave') this.#follows.leave(sessionIdOf(payload));
    else if (row.follows === 'join') this.#follows.stop(sessionIdOf(payload));
    answer({ ok: true, ...result.value });
    this.#after(name, row, payload, result.value);
  }

  /** What an acknowledged operation means for this socket's followers. */
  #after(name: OperationName, row: Operation, payload: unknown, value: object): void {
    const named = 'session_id' in value ? String(value.session_id) : sessionIdOf(payload);
    const ref = refOf(this.#caller, named);
    if (name === 'received' && typeof payload === 'object' && payload !== null && 'seq' in payload) {
      this.#follows.received(named, Number(payload.seq));
    }
    if (row.follows === undefined || !('cursor' in value) || !this.#socket.connected) return;
    this.#follows.follow(ref, String(value.cursor));
  }
}

const tooManySessions = {
  ok: false,
  failure: toFailure(
    new AppError('RATE_LIMITED', { message: 'This socket follows too many sessions', retryAfterMs: 1_000 }),
  ),
} as const;

export interface SocketTransport {
  announce(frame: Frame): void;
  /** Tells every client that the server goes down and when to come back, each its own time. */
  sayDraining(reconnectAfterMs: () => number): void;
  /** Takes no more connections, and closes each once it has what was sent to it. */
  close(): Promise<void>;
}

export function mountSocket(http: HttpServer, parts: SocketParts): SocketTransport {
  const io = new Server(http, {
    maxHttpBufferSize: MESSAGE_BYTES,
    pingInterval: 20_000,
    pingTimeout: 15_000,
    connectTimeout: 10_000,
    perMessageDeflate: false,
    httpCompression: false,
    ...(parts.adapter && { adapter: parts.adapter }),
  });
  if (parts.adapter) parts.control.join(io);
  guardEngine(io.engine, parts.allowedOrigins);
  const outbox = new Outbox(io);
  io.use(onePerConnection());
  io.on('connection', (socket) => void new Connection(socket, parts, outbox));
  return {
    announce: (frame) => void io.local.emit(frame.event, frame.data),
    sayDraining: (reconnectAfterMs) => {
      for (const socket of io.sockets.sockets.values()) {
        socket.emit('server:draining', { reconnect_after_ms: reconnectAfterMs() });
      }
    },
    close: async () => {
      const closed = once(http, 'close');
      http.close();
      await closeConnections(io);
      await io.close();
      await closed;
    },
  };
}

/** Each once it has taken what is on its way to it: Socket.IO's own `close` would throw that away, the goodbye too. */
async function closeConnections(io: Server): Promise<void> {
  const open = [...io.sockets.sockets.values()].filter(({ conn }) => conn.readyState !== 'closed');
  const closed = open.map(({ conn }) => once(conn, 'close'));
  for (const { conn } of open) conn.close();
  const late = new AbortController();
  const patience = sleep(LAST_TAKE_MS, undefined, { signal: late.signal }).catch(() => undefined);
  await Promise.race([Promise.all(closed), patience]);
  late.abort();
}
