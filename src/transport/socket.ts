// Socket.IO: a loop over the table of operations, and followers of the sessions a socket touches.
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from 'socket.io';
import type { Socket } from 'socket.io';
import type { Identity } from '../access/authenticator.ts';
import { mayRead, refOf } from '../chat/access.ts';
import type { Dispatch } from '../chat/dispatch.ts';
import { orHelp } from '../chat/help.ts';
import type { Frame } from '../chat/frame.ts';
import type { Follow } from '../chat/follow.ts';
import { operations } from '../contract/operations.ts';
import type { Operation } from '../contract/operation.ts';
import type { Ack, OperationName } from '../contract/types.ts';
import { AppError, toFailure } from '../errors.ts';
import type { Meter } from '../meter.ts';
import type { NodeControl } from './control.ts';
import type { AdapterFactory } from './redis-adapter.ts';
import type { EdgeRules } from './http.ts';
import { guardEngine, onePerConnection } from './socket-edge.ts';
import { Packets } from './packets.ts';
import { SocketFollows } from './socket-follows.ts';
import { letIn, SocketGuest } from './socket-guest.ts';
import type { DoorParts } from './visitors.ts';

export interface SocketParts extends DoorParts {
  dispatch: Dispatch;
  follow: Follow;
  /** What is asked of every request. */
  rules: EdgeRules;
  /** Told what should not have been thrown. */
  onFault: (error: unknown) => void;
  /** Reaches the sockets of other nodes; undefined: there are none. Whoever hands it in closes it, after the transport. */
  adapter: AdapterFactory | undefined;
  control: NodeControl;
  meter: Meter;
}

/** A message over this closes the connection (docs/protocol.md section 4). */
const MESSAGE_BYTES = 1024 * 1024;
/** Most of an unknown event's name that is sent back. */
const SHOWN_NAME = 100;
/** What a connection gets to take what is on its way to it when the server goes down. */
const LAST_TAKE_MS = 500;
/** Events of one connection that are not answered yet, and the characters in them: who sends more does not read, or means harm. */
const WAITING_EVENTS = 1_000;
const WAITING_CHARS = 8 * MESSAGE_BYTES;

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

/** Characters of a payload, the names in it too. */
function charsOf(payload: unknown): number {
  const open = [payload];
  let chars = 0;
  while (open.length > 0 && chars <= WAITING_CHARS) {
    const value = open.pop();
    if (typeof value === 'string') chars += value.length;
    else if (ArrayBuffer.isView(value)) chars += value.byteLength;
    else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        chars += name.length;
        open.push(inner);
      }
    }
  }
  return chars;
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
  readonly #guest: SocketGuest;
  readonly #onFault: (error: unknown) => void;
  readonly #queues = new Map<string, Promise<void>>();
  #waiting = 0;
  #waitingChars = 0;

  constructor(socket: Socket, parts: SocketParts, packets: Packets, identity: Identity) {
    this.#socket = socket;
    this.#dispatch = parts.dispatch;
    this.#follows = new SocketFollows(socket, parts.follow, packets, parts.onFault);
    this.#onFault = parts.onFault;
    this.#guest = new SocketGuest(socket, parts, identity);
    socket.onAny((event: unknown, ...args: unknown[]) => this.#receive(event, args));
    // a client may send an event of this name; without a listener it would be thrown
    socket.on('error', () => {});
    const disconnected = parts.meter.connected('socket');
    socket.on('disconnect', (reason) => {
      disconnected(reason);
      this.#guest[Symbol.dispose]();
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
      const refusal = new AppError('VALIDATION_FAILED', { message, detail });
      answer({
        ok: false,
        error: toFailure(name === 'session:input' ? orHelp(payload, refusal) : refusal),
      });
      return;
    }
    const chars = charsOf(payload);
    if (this.#waiting >= WAITING_EVENTS || this.#waitingChars + chars > WAITING_CHARS) {
      this.#socket.conn.close();
      return;
    }
    this.#inOrder(sessionIdOf(payload), chars, () =>
      this.#handle(name as OperationName, row, payload, answer),
    );
  }

  #inOrder(sessionId: string, chars: number, task: () => Promise<void>): void {
    this.#waiting += 1;
    this.#waitingChars += chars;
    const before = this.#queues.get(sessionId) ?? Promise.resolve();
    const mine = before
      .then(task)
      .catch(this.#onFault)
      .finally(() => {
        this.#waiting -= 1;
        this.#waitingChars -= chars;
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
    const result = opens && !place ? tooManySessions : await this.#dispatch(name, payload, this.#guest);
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
    const ref = refOf(this.#guest.identity, named);
    if (name === 'received' && typeof payload === 'object' && payload !== null && 'seq' in payload) {
      this.#follows.received(named, Number(payload.seq));
    }
    if (row.follows === undefined || !('cursor' in value) || !this.#socket.connected) return;
    // who may only open a session does not read what is said in it
    if (!mayRead(this.#guest.identity)) return;
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
  const { rules, addressOf, limits } = parts;
  guardEngine(io.engine, rules.allowedOrigins, { isOurHost: rules.isOurHost, addressOf, limits });
  const packets = new Packets();
  io.use(onePerConnection());
  const identities = new WeakMap<Socket, Identity>();
  const keep = (socket: Socket, identity: Identity) => void identities.set(socket, identity);
  io.use((socket, next) => void letIn(socket, parts, keep, next));
  io.on('connection', (socket) => {
    const identity = identities.get(socket);
    if (identity) void new Connection(socket, parts, packets, identity);
    else socket.disconnect(true);
  });
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
