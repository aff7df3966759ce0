// Follow → Socket.IO: which sessions a socket follows, and how frames reach many sockets with one serialisation.
import type { Socket } from 'socket.io';
import { Frame } from '../chat/frame.ts';
import type { Packets } from './packets.ts';
import type { Follow, Sink } from '../chat/follow.ts';
import { startOf } from '../chat/wire.ts';
import type { SessionLife, SessionRef } from '../store/store.ts';

/** Sessions one socket may follow at once. */
const FOLLOWS_MAX = 200;
/**
 * Packets that may wait in a connection; beyond that its followers wait and merge. Python's client refuses a poll that
 * carries more than 16, acks and pings included.
 */
const WAITING_PACKETS = 8;
/** For a client that says what it has applied: entries sent ahead of that, and how long it is waited for. */
const WINDOW_ENTRIES = 64;
const WINDOW_WAIT_MS = 1_000;

/** The sink of one follower of one socket. */
class SocketSink implements Sink {
  readonly transport = 'socket';
  /** A stopped follower gets nothing more: who joins anew gets it from its cursor on. */
  isStopped = false;
  /** The last entry this client was sent. */
  sent: number;
  readonly #socket: Socket;
  readonly #packets: Packets;
  #applied = -1;
  #resume: () => void = () => {};

  constructor(socket: Socket, packets: Packets, sent: number) {
    this.#socket = socket;
    this.#packets = packets;
    this.sent = sent;
  }

  push(frame: Frame): void {
    if (this.isStopped) return;
    const { text, options } = this.#packets.of(frame);
    this.#socket.conn.write(text, options);
    if (frame.cursor !== null) this.sent = Math.max(this.sent, frame.seq);
  }

  /** What the client has applied; from the first word of it on, it is sent no more than a window ahead. */
  received(seq: number): void {
    if (seq < this.#applied || seq > this.sent) return;
    this.#applied = seq;
    this.#resume();
  }

  ready(signal: AbortSignal): Promise<void> | undefined {
    // private in the types; `ws.bufferedAmount` stays low while this grows without bound (REALTIME.md 5.2)
    const { writeBuffer } = this.#socket.conn as unknown as { writeBuffer: unknown[] };
    if (writeBuffer.length > WAITING_PACKETS) return this.#until('drain', signal);
    const isAhead = this.#applied >= 0 && this.sent - this.#applied > WINDOW_ENTRIES;
    return isAhead ? this.#until('received', signal) : undefined;
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
  readonly #packets: Packets;
  readonly #onFault: (error: unknown) => void;
  readonly #bySession = new Map<string, Following>();
  #reserved = 0;

  constructor(socket: Socket, follow: Follow, packets: Packets, onFault: (error: unknown) => void) {
    this.#socket = socket;
    this.#follow = follow;
    this.#packets = packets;
    this.#onFault = onFault;
    // every follower may wait for the connection to drain
    socket.conn.setMaxListeners(2 * FOLLOWS_MAX);
  }

  /**
   * A place for one more session while it is being asked for, so that many at once are counted too; undefined when all
   * are taken.
   */
  reserve(sessionId: string): Disposable | undefined {
    const places = this.#bySession.has(sessionId) ? 0 : 1;
    if (places > 0 && this.#bySession.size + this.#reserved >= FOLLOWS_MAX) return undefined;
    this.#reserved += places;
    return { [Symbol.dispose]: () => void (this.#reserved -= places) };
  }

  /**
   * Follows from the cursor on. One that follows already goes on as it is. Behind a stopped one, what it sent may come
   * again, but in frames of its own: the client may have applied it. [P-4] A follower of an earlier life of the id comes
   * to its own end and says so.
   */
  follow(ref: SessionRef, cursor: string): void {
    const { life, after } = startOf(ref, cursor);
    const { epoch } = life;
    const known = this.#bySession.get(ref.sessionId);
    const before = known?.epoch === epoch ? known.sink : undefined;
    if (before && !before.isStopped) return;
    const sink = new SocketSink(this.#socket, this.#packets, before?.sent ?? 0);
    const mine: Following = { epoch, sink, stop: new AbortController() };
    this.#bySession.set(ref.sessionId, mine);
    void this.#run(life, after, mine);
  }

  async #run(life: SessionLife, after: number, mine: Following): Promise<void> {
    const { sink, stop } = mine;
    const { sessionId, epoch } = life;
    try {
      const end = await this.#follow.run(life, after, sink, stop.signal, sink.sent);
      if (end === 'gone') sink.push(new Frame('session:deleted', { session_id: sessionId, epoch }));
      // no event says "take a snapshot": the client comes back with a cursor that gets one
      if (end === 'moved') this.#socket.conn.close();
    } catch (error) {
      // a follower that cannot go on must not fall silent: the client comes back with its cursor
      this.#onFault(error);
      this.#socket.conn.close();
    } finally {
      if (this.#bySession.get(sessionId) === mine) this.#bySession.delete(sessionId);
    }
  }

  received(sessionId: string, seq: number): void {
    this.#bySession.get(sessionId)?.sink.received(seq);
  }

  /** Nothing of the session is sent any more, what is due already included. */
  leave(sessionId: string): void {
    this.stop(sessionId);
    this.#bySession.delete(sessionId);
  }

  /** As `leave`, for a client that follows anew in the same tick. */
  stop(sessionId: string): void {
    const mine = this.#bySession.get(sessionId);
    if (!mine) return;
    mine.sink.isStopped = true;
    // without a reason an exception is made, with its stack
    mine.stop.abort('left');
  }

  leaveAll(): void {
    for (const sessionId of this.#bySession.keys()) this.leave(sessionId);
  }
}
