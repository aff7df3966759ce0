// One direction of a proxied connection: a queue between two sockets, and everything that can go wrong in it.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChanges } from './wait.ts';

/** `up`: client to target. `down`: target to client. */
export type Direction = 'up' | 'down';

/** How a direction is treated now; shared by all connections of a proxy. */
export interface Rules {
  isPaused: boolean;
  isSwallowed: boolean;
  delayMs: number;
  /** Bytes per second, or null. */
  throttle: number | null;
  /** Nothing is handed on before so many bytes are there, or the end. */
  bufferBytes: number;
  /** Bytes until the connection that carries the last of them is cut, or null. */
  cut: { left: number; how: 'fin' | 'reset' } | null;
}

export const freeRules = (): Rules => ({
  isPaused: false,
  isSwallowed: false,
  delayMs: 0,
  throttle: null,
  bufferBytes: 0,
  cut: null,
});

const queueLimitBytes = 64 * 1024;

export interface PipeEvents {
  /** Bytes were handed on. */
  onBytes(chunk: Buffer): void;
  /** Bytes were taken and are not handed on. */
  onLost(chunk: Buffer): void;
  /** The count of the rules has run out. */
  onCut(how: 'fin' | 'reset'): void;
}

export class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #rules: Rules;
  readonly #events: PipeEvents;
  readonly #queue: { chunk: Buffer; at: number }[] = [];
  readonly #changes = createChanges();
  #queued = 0;
  /** How many of the queued bytes were enough once, and so may go. */
  #free = 0;
  #isEnded = false;
  #isMuted = false;
  /** Bytes were lost here, so nothing may pass any more. */
  #isBroken = false;

  constructor(from: Socket, to: Socket, rules: Rules, events: PipeEvents) {
    this.#from = from;
    this.#to = to;
    this.#rules = rules;
    this.#events = events;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.on('end', () => {
      this.#isEnded = true;
      this.#changes.notify();
    });
    to.on('close', () => this.#changes.notify());
    void this.#run();
    this.wake();
  }

  /** Looks at the rules again. */
  wake(): void {
    if (this.#rules.isPaused && !this.#isBroken) this.#from.pause();
    else if (this.#queued < this.#limit) this.#from.resume();
    this.#changes.notify();
  }

  /** Takes and does not hand on, whatever the rules say. */
  mute(): void {
    this.#isMuted = true;
  }

  get isSwallowed(): boolean {
    return this.#isMuted || this.#rules.isSwallowed;
  }

  /** Lets nothing through from now on. */
  break(): void {
    this.#isBroken = true;
    this.#queue.length = 0;
    this.#queued = 0;
    this.#from.resume();
    this.#changes.notify();
  }

  get #limit(): number {
    return Math.max(queueLimitBytes, this.#rules.bufferBytes + 1);
  }

  #take(chunk: Buffer): void {
    if (this.isSwallowed) this.#isBroken = true;
    if (this.#isBroken) return this.#events.onLost(chunk);
    this.#queue.push({ chunk, at: performance.now() });
    this.#queued += chunk.length;
    if (this.#queued >= this.#limit) this.#from.pause();
    this.#changes.notify();
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#until(() => this.#isOver || this.#mayWrite());
      if (this.#isOver) return;
      const first = this.#queue[0];
      if (!first) {
        // A lost FIN is part of a half-open connection.
        if (!this.isSwallowed) this.#to.end();
        return;
      }
      const waitMs = first.at + this.#rules.delayMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      else await this.#forward(first);
    }
  }

  get #isOver(): boolean {
    return this.#isBroken || this.#to.destroyed;
  }

  #mayWrite(): boolean {
    if (this.#rules.isPaused) return false;
    if (this.#isEnded || this.#queued >= this.#rules.bufferBytes) this.#free = this.#queued;
    return this.#free > 0 || this.#isEnded;
  }

  /** Hands on as much of the chunk as the rules let through at once. */
  async #forward(first: { chunk: Buffer }): Promise<void> {
    const { throttle, cut } = this.#rules;
    const most = Math.min(
      throttle ? Math.max(1, Math.ceil(throttle / 20)) : Infinity,
      cut ? cut.left : Infinity,
    );
    const part = first.chunk.subarray(0, most);
    first.chunk = first.chunk.subarray(part.length);
    if (first.chunk.length === 0) this.#queue.shift();
    this.#queued -= part.length;
    this.#free -= part.length;
    if (cut) cut.left -= part.length;
    if (part.length > 0) await this.#write(part);
    if (cut?.left === 0 && this.#rules.cut === cut) {
      this.#rules.cut = null;
      this.#events.onCut(cut.how);
      return;
    }
    if (throttle) await sleep((part.length * 1000) / throttle);
    this.wake();
  }

  async #write(part: Buffer): Promise<void> {
    this.#events.onBytes(part);
    let isTaken = false;
    this.#to.write(part, () => {
      isTaken = true;
      this.#changes.notify();
    });
    await this.#until(() => isTaken || this.#isOver);
  }

  async #until(look: () => boolean): Promise<void> {
    if (look()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _subscription = this.#changes.subscribe(() => {
      if (look()) resolve();
    });
    await promise;
  }
}
