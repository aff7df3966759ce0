/** What a turn asks for when it wants to run on a model. */
export interface SlotRequest {
  /** Whose turns share the slots fairly: any string. */
  client: string;
  /** Where it may run now, best first; asked again whenever a place is looked for. Empty: nowhere now, it waits. */
  hosts: () => readonly string[];
  /** Never refused as busy: it was admitted before. */
  always: boolean;
  /** It had a slot before, or words of it are shown: goes before all that have neither. */
  first: boolean;
}

/** A place in the queue for the model, and later the slot itself. */
export interface Ticket {
  /** Settles when the slot is ours; never, if `release` came first. */
  readonly granted: Promise<void>;
  /**
   * 1 is next; null once the slot is ours. It only falls, unless a turn comes in that goes before: one that is `first`, or,
   * where its client had another turn when it came, one of a client with fewer, as long as its round has not begun.
   */
  readonly position: number | null;
  /** Where the slot is; null while there is none. */
  readonly host: string | null;
  /** Called on every change of `position`. */
  onPosition: (position: number | null) => void;
  /** Gives the place or the slot back; later calls do nothing. Never raises. */
  release(): void;
}

/**
 * Slots of one model on one host or several, the same number on each, with one queue before them. It is fair between
 * clients and first come first served within one. It goes in rounds: in each every client has one turn at most. A client
 * with no turn here joins the next round, never the one under way; its further turns join the rounds after that one, each
 * behind all turns of its round that are the only ones of their clients. So nobody waits for the tail of one who sent fifty,
 * and those who come later pass a turn only until its round begins: each of them once for every round before it. A turn
 * that can run nowhere now does not hold up those behind it that can. What is held when it is disposed is given back.
 */
export interface Slots extends AsyncDisposable {
  /** On each host. */
  readonly size: number;

  /**
   * Takes a place.
   * @throws MODEL_BUSY the queue is full · STORE_UNAVAILABLE
   */
  reserve(request: SlotRequest): Promise<Ticket>;
}

/** What a client waits before it asks again when the queue is full, in ms. */
export const BUSY_RETRY_MS = 5_000;
