import type { ModelFault } from './model.ts';

/** Broken replies in a row after which a host is left alone; nobody answering is enough at once. */
const FAULTS_MAX = 3;
const WAIT_MIN_MS = 1_000;
const WAIT_MAX_MS = 30_000;

/** One request to the host. Disposed of without a word on how it went, it says nothing about the host. */
export interface Passage extends Disposable {
  /** The first word came. */
  spoke(): void;
  /** It came to its end, or was left with words. */
  succeeded(): void;
  failed(fault: ModelFault): void;
}

type State =
  | { phase: 'closed'; faults: number }
  | { phase: 'open'; until: number }
  | { phase: 'trial'; passage: Passage };

/**
 * Leaves a host alone that fails: for a second, and twice as long each time up to 30. After that one request at a time
 * tries it, until one of them gets words; then all may go there again.
 */
export class Breaker {
  /** In ms, and never set back. */
  readonly #now: () => number;
  #state: State = { phase: 'closed', faults: 0 };
  #waitMs = WAIT_MIN_MS;

  constructor(now: () => number) {
    this.#now = now;
  }

  get isClosed(): boolean {
    return this.#state.phase === 'closed';
  }

  /** How long nobody may go there; 0 when somebody may, or tries it just now. */
  get restMs(): number {
    return this.#state.phase === 'open' ? Math.max(0, this.#state.until - this.#now()) : 0;
  }

  /** Whether a request may begin now. */
  get admits(): boolean {
    return this.#state.phase !== 'trial' && this.restMs === 0;
  }

  /** Undefined where none may begin. */
  enter(): Passage | undefined {
    if (!this.admits) return undefined;
    const passage: Passage = {
      spoke: () => this.#spoke(passage),
      succeeded: () => this.#close(),
      failed: (fault) => this.#failed(passage, fault),
      [Symbol.dispose]: () => this.#left(passage),
    };
    if (!this.isClosed) this.#state = { phase: 'trial', passage };
    return passage;
  }

  #isTrial(passage: Passage): boolean {
    return this.#state.phase === 'trial' && this.#state.passage === passage;
  }

  /** Long replies are not waited for; but a trial that breaks off behind its first words opens it again. */
  #spoke(passage: Passage): void {
    if (this.#isTrial(passage)) this.#state = { phase: 'closed', faults: FAULTS_MAX - 1 };
  }

  #close(): void {
    this.#state = { phase: 'closed', faults: 0 };
    this.#waitMs = WAIT_MIN_MS;
  }

  #failed(passage: Passage, fault: ModelFault): void {
    // it answered, if only to say no
    if (fault === 'busy' || fault === 'refused') return;
    if (this.#isTrial(passage)) this.#open();
    // what began before it opened, or before the trial, tells nothing new
    if (this.#state.phase !== 'closed') return;
    const faults = this.#state.faults + 1;
    if (fault === 'unreachable' || faults >= FAULTS_MAX) this.#open();
    else this.#state = { phase: 'closed', faults };
  }

  #open(): void {
    this.#state = { phase: 'open', until: this.#now() + this.#waitMs };
    this.#waitMs = Math.min(WAIT_MAX_MS, 2 * this.#waitMs);
  }

  #left(passage: Passage): void {
    if (this.#isTrial(passage)) this.#state = { phase: 'open', until: this.#now() };
  }
}
