import { AppError } from '../errors.ts';
import { BUSY_RETRY_MS } from './slots.ts';
import type { SlotRequest, Slots, Ticket } from './slots.ts';
import { HeldTicket } from './ticket.ts';

interface Seat {
  request: SlotRequest;
  /** Of a round: its even half is for turns that are the only ones of their clients when they come, the odd one for others. */
  half: number;
  ticket: HeldTicket;
}

/** How soon it is seen that a host is there again on which somebody waits. */
const LOOK_MS = 250;

/** The even half of the round after this one. */
const nextRound = (half: number): number => half - (half % 2) + 2;

const goesBefore = (a: Seat, b: Seat): boolean =>
  a.request.first === b.request.first ? a.half < b.half : a.request.first;

/** The slots of one process. */
export class LocalSlots implements Slots {
  readonly size: number;
  readonly #maxWaiting: number;
  readonly #running = new Map<Seat, string>();
  /** Those that go first, then by half, then by arrival. */
  readonly #waiting: Seat[] = [];
  /** Hosts that were ever named. */
  readonly #names = new Set<string>();
  /** The latest half of which a turn was granted. */
  #half = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { size: number; maxWaiting: number }) {
    this.size = options.size;
    this.#maxWaiting = options.maxWaiting;
  }

  async reserve(request: SlotRequest): Promise<Ticket> {
    const isFree = this.#hostFor(request) !== undefined;
    this.#advance({ looks: isFree });
    const isFull = this.#waiting.length >= this.#maxWaiting && this.#hostFor(request) === undefined;
    if (isFull && !request.always) throw new AppError('MODEL_BUSY', { retryAfterMs: BUSY_RETRY_MS });
    const ticket = new HeldTicket(this.#waiting.length + 1, () => this.#leave(seat));
    const seat = { request, half: this.#halfFor(request.client), ticket };
    const behind = this.#waiting.findIndex((other) => goesBefore(seat, other));
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, seat);
    this.#advance({ looks: isFree });
    return ticket;
  }

  #halfFor(client: string): number {
    let half = nextRound(this.#half);
    for (const seat of [...this.#running.keys(), ...this.#waiting]) {
      if (seat.request.client === client) half = Math.max(half, nextRound(seat.half) + 1);
    }
    return half;
  }

  #leave(seat: Seat): void {
    const at = this.#waiting.indexOf(seat);
    if (at >= 0) this.#waiting.splice(at, 1);
    else if (!this.#running.delete(seat)) return;
    this.#advance({ looks: false });
  }

  #hasRoom(host: string): boolean {
    const running = [...this.#running.values()].filter((other) => other === host);
    return running.length < this.size;
  }

  #hostFor({ hosts }: SlotRequest): string | undefined {
    const names = hosts();
    for (const name of names) this.#names.add(name);
    return names.find((name) => this.#hasRoom(name));
  }

  /** Gives out what is free. Unless it `looks`, nobody is asked where he may run while all hosts known are full. */
  #advance({ looks }: { looks: boolean }): void {
    if (looks || [...this.#names].some((name) => this.#hasRoom(name))) this.#grant();
    this.#waiting.forEach(({ ticket }, index) => ticket.moveTo(index + 1));
    if (this.#waiting.length > 0) this.#keepLooking();
    else this.#stopLooking();
  }

  #grant(): void {
    for (const seat of Array.from(this.#waiting)) {
      const host = this.#hostFor(seat.request);
      // whoever hears of a grant may give a place back
      const at = this.#waiting.indexOf(seat);
      if (host === undefined || at < 0) continue;
      this.#waiting.splice(at, 1);
      this.#running.set(seat, host);
      // one that goes first is out of turn
      if (!seat.request.first) this.#half = Math.max(this.#half, seat.half);
      seat.ticket.grant(host);
    }
  }

  #keepLooking(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#advance({ looks: true });
    }, LOOK_MS).unref();
  }

  #stopLooking(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopLooking();
    this.#waiting.length = 0;
    this.#running.clear();
  }
}
