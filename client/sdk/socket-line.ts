// Socket.IO over WebSocket. Its own reconnection is off: the connection decides when, and the cursor says from where.
import { io } from 'socket.io-client';
import type { Socket } from 'socket.io-client';
import type { RequestOptions } from './api.ts';
import { ChatError, ConnectionError, isErrorCode, isOut } from './errors.ts';
import type { Refusal } from './errors.ts';
import { requestOverHttp } from './http-request.ts';
import type { Server } from './http-request.ts';
import { arrivalOf, isAnnouncement, isEntry, REQUEST_MS } from './line.ts';
import type { Arrival, Following, Line, LineEvents, OperationName, Reader } from './line.ts';
import type { Operations, Snapshot } from './wire.ts';

/** A server closes a connection that sends a message over 1 MiB; over HTTP the same is answered. */
const LONG_CHARS = 200_000;
/** How often a session says what it has applied (flow control for slow links), at most. */
const RECEIVED_MS = 100;
/** Operations that are no events. */
export const withoutEvent = /:(log|events|export|list|get|health|grants?|revoke|ticket)$/;

type Ack = { ok: true } | { ok: false; error: Refusal };

/** Resolves once it is connected. @throws ChatError: the server does not let this client in; ConnectionError */
export async function openSocketLine(server: Server, events: LineEvents, timeoutMs: number): Promise<Line> {
  const token = await server.token();
  const { origin, pathname } = new URL(server.url);
  const socket = io(origin, {
    path: `${pathname.replace(/\/$/, '')}/socket.io`,
    transports: ['websocket'],
    reconnection: false,
    autoConnect: false,
    forceNew: true,
    auth: token === undefined ? {} : { token },
  });
  return await new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.disconnect();
      reject(error);
    };
    const timer = setTimeout(() => fail(new ConnectionError('timeout')), timeoutMs);
    socket.once('connect_error', (error: Error & { data?: Refusal }) => {
      const { data } = error;
      const isRefused = data && isErrorCode(data.code);
      fail(isRefused ? new ChatError(data) : new ConnectionError('unreachable', { cause: error }));
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(new SocketLine(socket, server, events));
    });
    socket.connect();
  });
}

class SocketLine implements Line {
  readonly via = 'socket';
  readonly #socket: Socket;
  readonly #server: Server;
  readonly #events: LineEvents;
  readonly #readers = new Map<string, Reader>();
  readonly #due = new Map<string, number>();
  #isOpen = true;

  constructor(socket: Socket, server: Server, events: LineEvents) {
    this.#socket = socket;
    this.#server = server;
    this.#events = events;
    socket.on('disconnect', () => this.#lose());
    socket.onAny((event: string, data: unknown) => this.#arrived(arrivalOf(event, data)));
  }

  #arrived(arrival: Arrival): void {
    if (isAnnouncement(arrival)) return this.#events.announced(this, arrival);
    this.#readers.get(arrival.data.session_id)?.arrived(arrival);
    if (isEntry(arrival)) this.#tellReceived(arrival.data);
  }

  /** Says what was applied, for all sessions that got something, soon. */
  #tellReceived({ session_id, seq }: { session_id: string; seq: number }): void {
    if (this.#due.size === 0)
      setTimeout(() => {
        for (const [session_id, seq] of this.#due) this.#socket.emit('received', { session_id, seq });
        this.#due.clear();
      }, RECEIVED_MS);
    this.#due.set(session_id, seq);
  }

  async request<N extends OperationName>(
    name: N,
    input: Operations[N]['input'],
    options: RequestOptions = {},
  ): Promise<Operations[N]['output']> {
    if (withoutEvent.test(name) || (JSON.stringify(input) ?? '').length > LONG_CHARS)
      return await requestOverHttp(this.#server, name, input, options);
    const { signal, timeoutMs = REQUEST_MS } = options;
    return await new Promise((resolve, reject) => {
      const aborted = () => reject(signal?.reason);
      if (signal?.aborted) return aborted();
      signal?.addEventListener('abort', aborted);
      this.#emit(name, input, timeoutMs, (ack, error) => {
        signal?.removeEventListener('abort', aborted);
        if (error) reject(error);
        else resolve(ack as Operations[N]['output']);
      });
    });
  }

  /** The answer is told in the same step in which it came: what comes after it finds it applied. */
  #emit(
    name: string,
    input: unknown,
    timeoutMs: number,
    answer: (ack: unknown, error: Error | null) => void,
  ): void {
    if (!this.#isOpen) return answer(null, new ConnectionError('lost'));
    this.#socket.timeout(timeoutMs).emit(name, input, (error: Error | null, ack: Ack) => {
      if (error) {
        answer(null, new ConnectionError(this.#isOpen ? 'timeout' : 'lost'));
        // who does not answer is gone, whatever the socket believes (REALTIME.md 5.14)
        this.#lose();
      } else if (ack.ok) {
        const { ok: _ok, ...value } = ack;
        answer(value, null);
      } else {
        const refusal = new ChatError(ack.error);
        if (isOut(refusal)) this.#lose();
        answer(null, refusal);
      }
    });
  }

  follow(sessionId: string, reader: Reader): Following {
    this.#readers.set(sessionId, reader);
    let isJoining = false;
    const resync = (timeoutMs = REQUEST_MS) => {
      if (isJoining) return;
      isJoining = true;
      this.#emit('session:join', { session_id: sessionId, after: reader.cursor }, timeoutMs, (ack, error) => {
        isJoining = false;
        if (this.#readers.get(sessionId) !== reader) return;
        if (error instanceof ChatError) reader.refused(error);
        else if (!error) reader.joined(snapshotOf(ack));
      });
    };
    resync();
    return { resync, overdue: resync, stop: () => this.#leave(sessionId, reader) };
  }

  #leave(sessionId: string, reader: Reader): void {
    if (this.#readers.get(sessionId) !== reader) return;
    this.#readers.delete(sessionId);
    if (this.#isOpen) this.#socket.emit('session:leave', { session_id: sessionId });
  }

  #lose(): void {
    if (!this.#isOpen) return;
    this.close();
    this.#events.lost(this, null);
  }

  /** Requests that wait are told that it is lost. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#readers.clear();
    this.#socket.offAny();
    this.#socket.disconnect();
  }
}

function snapshotOf(ack: unknown): Snapshot | null {
  const joined = ack as Operations['session:join']['output'];
  return joined.mode === 'snapshot' ? joined : null;
}
