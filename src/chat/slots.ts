import { AppError } from '../errors.ts';

/** A place in the queue for the model, and later the slot itself. */
export interface Ticket {
  /** Settles when the slot is ours; never, if `release` came first. */
  readonly granted: Promise<void>;
  /** 1 is next; null once the slot is ours. */
  readonly position: number | null;
  /** Called on every change of `position`. */
  onPosition: (position: number | null) => void;
  /** Gives the place or the slot back; later calls do nothing. */
  release(): void;
}

class Place implements Ticket {
  readonly granted: Promise<void>;
  position: number | null = null;
  onPosition: (position: number | null) => void = () => {};
  readonly client: string;
  readonly round: number;
  readonly grant: () => void;
  readonly #release: (place: Place) => void;

  constructor(client: string, round: number, release: (place: Place) => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.granted = promise;
    this.grant = resolve;
    this.client = client;
    this.round = round;
    this.#release = release;
  }

  release(): void {
    this.#release(this);
  }
}

/** What a client waits before it asks again when the queue is full, in ms. */
const BUSY_RETRY_MS = 5_000;

/**
 * N model slots with one queue before them, fair between clients and first come first served within one. The queue goes
 * in rounds, as start-time fair queueing does: in each round every client has one turn, and a client's next turn belongs
 * to the round after its last one. So nobody waits for the tail of one who sent fifty, and that tail is not put off for
 * ever by those who come later.
 */
export class Slots {
  readonly #size: number;
  readonly #maxWaiting: number;
  readonly #running = new Set<Place>();
  /** By round, then by arrival. */
  readonly #waiting: Place[] = [];
  #round = 0;

  constructor(options: { size: number; maxWaiting: number }) {
    this.#size = options.size;
    this.#maxWaiting = options.maxWaiting;
  }

  /**
   * Takes a place. `always` is for turns that were admitted before this process started.
   * @throws MODEL_BUSY the queue is full
   */
  reserve(client: string, always = false): Ticket {
    const full = this.#running.size >= this.#size && this.#waiting.length >= this.#maxWaiting;
    if (full && !always) throw new AppError('MODEL_BUSY', { retryAfterMs: BUSY_RETRY_MS });
    const place = new Place(client, this.#nextRound(client), (mine) => this.#leave(mine));
    const behind = this.#waiting.findIndex((other) => other.round > place.round);
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, place);
    this.#advance();
    return place;
  }

  #nextRound(client: string): number {
    let round = this.#round;
    for (const place of [...this.#running, ...this.#waiting]) {
      if (place.client === client) round = Math.max(round, place.round + 1);
    }
    return round;
  }

  #leave(place: Place): void {
    const at = this.#waiting.indexOf(place);
    if (at >= 0) this.#waiting.splice(at, 1);
    else if (!this.#running.delete(place)) return;
    this.#advance();
  }

  #advance(): void {
    while (this.#running.size < this.#size) {
      const next = this.#waiting.shift();
      if (!next) break;
      this.#round = next.round;
      this.#running.add(next);
      this.#tell(next, null);
      next.grant();
    }
    this.#waiting.forEach((place, index) => this.#tell(place, index + 1));
  }

  #tell(place: Place, position: number | null): void {
    if (place.position === position) return;
    place.position = position;
    place.onPosition(position);
  }
}
