// Keeps one line open: finds the best way there is, comes back after a loss, and moves up to a socket when it can.
import type { ConnectionState, RequestOptions, Transport } from './api.ts';
import { next } from './connection-state.ts';
import type { ConnectionEvent } from './connection-state.ts';
import { ChatError, ConnectionError, isOut, waitOf } from './errors.ts';
import { HttpLine } from './http-line.ts';
import { limitOf } from './http-request.ts';
import type { Server } from './http-request.ts';
import { REQUEST_MS } from './line.ts';
import type { Announcement, Line, LineEvents, OperationName } from './line.ts';
import { openSocketLine } from './socket-line.ts';
import { Value } from './value.ts';
import type { Operations } from './wire.ts';

const OPEN_MS = 4_000;
/** A device that says it has no network is asked again by trying. */
const OFFLINE_MS = 10_000;
/** After falling back, a socket is tried again after this time, then after twice as long, and so on. */
const UPGRADE_FIRST_MS = 1_000;
const UPGRADE_MOST_MS = 120_000;
/** What is found lost so soon after somebody came back was lost while the page slept: there is nothing to wait for. */
const BACK_MS = 5_000;

export interface ConnectionParts {
  server: Server;
  transports: readonly Transport[];
  announced(announcement: Announcement): void;
}

export class Connection {
  readonly state = new Value<ConnectionState>({ phase: 'idle' });
  /** The open one; sessions follow through it until it is another. */
  readonly line = new Value<Line | null>(null);
  readonly #parts: ConnectionParts;
  /** What a line says that is not the open one means nothing. */
  readonly #events: LineEvents = {
    lost: (line, why) => line === this.line.get() && this.#lost(why),
    announced: (line, announcement) => line === this.line.get() && this.#announced(announcement),
  };
  #http: 'stream' | 'poll' = 'poll';
  #openedAt = 0;
  /** When somebody came back to a page whose line seemed open. */
  #backAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Of the state: what began in another one has no say any more. */
  #turn = 0;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** Waits for a line first. @throws ChatError, ConnectionError */
  async request<N extends OperationName>(
    name: N,
    input: Operations[N]['input'],
    options: RequestOptions = {},
  ): Promise<Operations[N]['output']> {
    const line = await this.#someLine(options);
    try {
      return await line.request(name, input, options);
    } catch (error) {
      if (!isOut(error)) throw error;
      const next = await this.#someLine(options).catch((why: unknown) => {
        // the first refusal may have brought help
        throw why instanceof ChatError ? error : why;
      });
      return await next.request(name, input, options);
    }
  }

  async #someLine({ signal, timeoutMs = REQUEST_MS }: RequestOptions): Promise<Line> {
    this.tell({ type: 'wanted' });
    try {
      const isDecided = ({ phase }: ConnectionState) => phase === 'online' || phase === 'closed';
      await this.state.until(isDecided, limitOf(signal, timeoutMs));
    } catch {
      throw signal?.aborted ? signal.reason : this.whyNot();
    }
    const line = this.line.get();
    if (!line) throw this.whyNot();
    return line;
  }

  /** Why there is no line. */
  whyNot(): ChatError | ConnectionError {
    const state = this.state.get();
    if (state.phase !== 'closed') return new ConnectionError('unreachable');
    return state.error ?? new ConnectionError('closed');
  }

  /** Something happened: the next state, and what it asks for. */
  tell(event: ConnectionEvent): void {
    const before = this.state.get();
    const after = next(before, event);
    if (after === before) {
      if (event.type === 'again') this.#backAt = performance.now();
      return;
    }
    this.#turn += 1;
    clearTimeout(this.#timer);
    if (after.phase !== 'online') this.#use(null);
    this.state.set(after);
    // a listener may have gone on
    if (this.state.get() !== after) return;
    if (after.phase === 'connecting') void this.#open();
    else if (after.phase === 'online') this.#upgradeAfter(UPGRADE_FIRST_MS);
    else if (after.phase !== 'closed') this.#againAfter('delayMs' in after ? after.delayMs : OFFLINE_MS);
  }

  #againAfter(ms: number): void {
    this.#timer = setTimeout(() => this.tell({ type: 'again' }), ms);
  }

  #use(line: Line | null): void {
    const before = this.line.get();
    if (before === line) return;
    this.#openedAt = performance.now();
    this.line.set(line);
    before?.close();
  }

  async #open(): Promise<void> {
    const mine = this.#turn;
    try {
      const line = await this.#anyLine();
      if (mine === this.#turn) this.#opened(line);
      else line.close();
    } catch (error) {
      if (mine !== this.#turn) return;
      if (error instanceof ChatError && !error.retryable) this.tell({ type: 'closed', error });
      else this.#failed('unreachable', 0, waitOf(error));
    }
  }

  #opened(line: Line): void {
    this.#use(line);
    this.tell({ type: 'opened', via: line.via });
  }

  #failed(reason: 'lost' | 'unreachable', heldMs: number, leastMs = 0): void {
    this.tell({ type: 'failed', reason, heldMs, leastMs, random: Math.random() });
  }

  /** The best that there is. @throws ChatError: not let in; ConnectionError */
  async #anyLine(): Promise<Line> {
    const { transports } = this.#parts;
    if (transports.includes('socket')) {
      try {
        return await this.#socketLine();
      } catch (error) {
        const isLast = transports.every((via) => via === 'socket');
        const isRefused = error instanceof ChatError && error.code !== 'RATE_LIMITED';
        if (isLast || isRefused) throw error;
      }
    }
    await this.#probe();
    this.#http = transports.includes('stream') ? 'stream' : 'poll';
    return this.#httpLine();
  }

  #socketLine(): Promise<Line> {
    return openSocketLine(this.#parts.server, this.#events, OPEN_MS);
  }

  #httpLine(): Line {
    return new HttpLine(this.#parts.server, this.#events, this.#http);
  }

  /** @throws ConnectionError: no server answers there */
  async #probe(): Promise<void> {
    const signal = AbortSignal.timeout(OPEN_MS);
    const answer = await fetch(`${this.#parts.server.url}/livez`, { signal }).catch(() => null);
    if (!answer?.ok) throw new ConnectionError('unreachable');
  }

  #lost(why: unknown): void {
    if (isOut(why)) return this.tell({ type: 'closed', error: why });
    const now = performance.now();
    const isBack = now - this.#backAt < BACK_MS;
    this.#backAt = -Infinity;
    if (why === 'buffered' && this.#http === 'stream' && this.#parts.transports.includes('poll')) {
      this.#http = 'poll';
      this.#opened(this.#httpLine());
    } else {
      this.#failed('lost', now - this.#openedAt);
      if (isBack) this.tell({ type: 'again' });
    }
  }

  #announced(announcement: Announcement): void {
    this.#parts.announced(announcement);
    if (announcement.event === 'server:draining')
      this.tell({ type: 'draining', reconnectAfterMs: announcement.data.reconnect_after_ms });
  }

  /** Tries for a socket beside the line that serves meanwhile. */
  #upgradeAfter(ms: number): void {
    const line = this.line.get();
    if (!line || line.via === 'socket' || !this.#parts.transports.includes('socket')) return;
    this.#timer = setTimeout(() => void this.#upgrade(line, ms), ms);
  }

  async #upgrade(from: Line, waitedMs: number): Promise<void> {
    const socket = await this.#socketLine().catch(() => null);
    if (from !== this.line.get()) socket?.close();
    else if (socket) this.#opened(socket);
    else this.#upgradeAfter(Math.min(waitedMs * 2, UPGRADE_MOST_MS));
  }
}
