// Follow → Socket.IO: which sessions a socket follows, and how frames reach many sockets with one serialisation.
import type { Server, Socket } from 'socket.io';
import { Frame } from '../chat/follow.ts';
import type { Follow, Sink } from '../chat/follow.ts';
import { fromCursor } from '../chat/wire.ts';
import type { SessionRef } from '../store/store.ts';

/** Sessions one socket may follow at once. */
const FOLLOWS_MAX = 200;
/** Packets that may wait in a connection; beyond that its followers wait and merge. */
const WAITING_PACKETS = 16;
/** For a client that says what it has applied: frames sent ahead of that, and how long it is waited for. */
const WINDOW_FRAMES = 64;
const WINDOW_WAIT_MS = 1_000;

/**
 * Sends a frame that several sockets are due for once: Socket.IO serialises it one time for all of them. A frame
 * belongs to one batch of one session, so the order of frames is the same for all who get them.
 */
export class Outbox {
  readonly #io: Server;
  #due = new Map<Frame, SocketSink[]>();

  constructor(io: Server) {
    this.#io = io;
  }

  push(frame: Frame, sink: SocketSink): void {
    if (this.#due.size === 0) queueMicrotask(() => this.#flush());
    const sinks = this.#due.get(frame);
    if (sinks) sinks.push(sink);
    else this.#due.set(frame, [sink]);
  }

  #flush(): void {
    const due = this.#due;
    this.#due = new Map();
    for (const [frame, sinks] of due) {
      const ids = sinks.flatMap((sink) => (sink.isStopped ? [] : sink.socketId));
      if (ids.length > 0) this.#io.local.to(ids).emit(frame.event, frame.data);
    }
  }
}

/** The sink of one follower of one socket. */
class SocketSink implements Sink {
  /** What is due to a stopped follower is not sent: who joins anew gets it from its cursor on. */
  isStopped = false;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  #ahead: number[] = [];
  #applied = -1;
  #resume: () => void = () => {};

  constructor(socket: Socket, outbox: Outbox) {
    this.#socket = socket;
    this.#outbox = outbox;
  }

  get socketId(): string {
    return this.#socket.id;
  }

  push(frame: Frame): void {
    this.#outbox.push(frame, this);
    if (this.#applied >= 0 && frame.cursor !== null) this.#ahead.push(Number(frame.data['seq']));
  }

  /** What the client has applied; from the first word of it on, it is sent no more than a window ahead. */
  received(seq: number): void {
    if (seq < this.#applied) return;
    this.#applied = seq;
    this.#ahead = this.#ahead.filter((sent) => sent > seq);
    this.#resume();
  }

  ready(signal: AbortSignal): Promise<void> | undefined {
    // private in the types; `ws.bufferedAmount` stays low while this grows without bound (REALTIME.md 5.2)
    const { writeBuffer } = this.#socket.conn as unknown as { writeBuffer: unknown[] };
    if (writeBuffer.length > WAITING_PACKETS) return this.#until('drain', signal);
    return this.#ahead.length > WINDOW_FRAMES ? this.#until('received', signal) : undefined;
  }

  #until(what: 'drain' | 'received', signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = what === 'received' ? setTimeout(() => done(), WINDOW_WAIT_MS) : undefined;
      const done = () => {
        clearTimeout(timer);
        this.#socket.conn.off('drain', done);
        signal.removeEventListener('abort', done);
        this.#resume = () => {};
        resolve();
      };
      signal.addEventListener('abort', done);
      if (what === 'drain') this.#socket.conn.on('drain', done);
      else this.#resume = done;
    });
  }
}

interface Following {
  epoch: string;
  sink: SocketSink;
  stop: AbortController;
}

/** The followers of one socket, at most one per session. */
export class SocketFollows {
  readonly #socket: Socket;
  readonly #follow: Follow;
  readonly #outbox: Outbox;
  readonly #bySession = new Map<string, Following>();

  constructor(socket: Socket, follow: Follow, outbox: Outbox) {
    this.#socket = socket;
    this.#follow = follow;
    this.#outbox = outbox;
  }

  isFull(sessionId: string): boolean {
    return this.#bySession.size >= FOLLOWS_MAX && !this.#bySession.has(sessionId);
  }

  /**
   * Follows from the cursor on. One that follows already goes on as it is. A follower of an earlier life of the id comes
   * to its own end and says so.
   */
  follow(ref: SessionRef, cursor: string): void {
    const epoch = cursor.slice(0, cursor.lastIndexOf('.'));
    if (this.#bySession.get(ref.sessionId)?.epoch === epoch) return;
    const sink = new SocketSink(this.#socket, this.#outbox);
    const mine: Following = { epoch, sink, stop: new AbortController() };
    this.#bySession.set(ref.sessionId, mine);
    void this.#run(ref, fromCursor(cursor, epoch) ?? 0, mine);
  }

  async #run(ref: SessionRef, after: number, mine: Following): Promise<void> {
    const { epoch } = mine;
    try {
      const end = await this.#follow.run({ ...ref, epoch }, after, mine.sink, mine.stop.signal);
      if (end === 'gone') mine.sink.push(new Frame('session:deleted', { session_id: ref.sessionId, epoch }));
    } finally {
      if (this.#bySession.get(ref.sessionId) === mine) this.#bySession.delete(ref.sessionId);
    }
  }

  received(sessionId: string, seq: number): void {
    this.#bySession.get(sessionId)?.sink.received(seq);
  }

  /** Nothing of the session is sent any more, what is due already included. */
  leave(sessionId: string): void {
    const mine = this.#bySession.get(sessionId);
    if (!mine) return;
    mine.sink.isStopped = true;
    mine.stop.abort();
    this.#bySession.delete(sessionId);
  }

  leaveAll(): void {
    for (const sessionId of this.#bySession.keys()) this.leave(sessionId);
  }
}
