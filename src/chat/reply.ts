import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../errors.ts';
import type { Lease, Store, TurnEntry } from '../store/store.ts';

/** Another owner has the turn, or it is over: stop at once and say nothing. [P-5] */
export class Fenced extends Error {}

/** Above this much text that is not stored yet, the model is not read any further. */
const PENDING_CHARS = 262_144;
/** So much is not held back, however soon it comes. */
const GATHER_CHARS = 4_096;
/** A step that the store refuses is tried again this often, and given up after this long. */
const RETRY_MS = 250;
const GIVE_UP_MS = 30_000;

/**
 * Takes a step until the store has answered it: for steps that do no harm when they are taken twice. Gives up when
 * `signal` aborts.
 * @throws STORE_UNAVAILABLE
 */
export async function insist<T>(step: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await step();
  } catch (error) {
    return await insistAgain(error, step, signal);
  }
}

/** As `insist`, for a step that was refused with `error`. */
async function insistAgain<T>(error: unknown, step: () => Promise<T>, signal: AbortSignal): Promise<T> {
  let refusal = error;
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    const passing = refusal instanceof AppError && refusal.code === 'STORE_UNAVAILABLE';
    if (!passing || waitedMs >= GIVE_UP_MS || signal.aborted) throw refusal;
    await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    try {
      return await step();
    } catch (error) {
      refusal = error;
    }
  }
}

/**
 * The words of one turn on their way into the log: one append in flight, and what comes meanwhile goes with the next.
 * So groups form by themselves: every word alone while the store is idle, larger ones the slower it is. Where an append is
 * dear, words gather for a moment after each.
 */
export class Reply {
  /** All words so far, the ones that are not stored yet included. */
  text: string;
  readonly #store: Store;
  readonly #lease: Lease;
  readonly #leaseMs: number;
  readonly #signal: AbortSignal;
  #pending: TurnEntry[] = [];
  #pendingChars = 0;
  #half = '';
  #sentAt = Number.NEGATIVE_INFINITY;
  /** Aborted when nothing more comes, so nothing more is waited for. */
  readonly #whole = new AbortController();
  /** Whether words are gathered or stored at the moment, and who waits until that is over. */
  #isBusy = false;
  #waiting: (() => void)[] = [];
  #failure: unknown;

  /** Once `signal` aborts, what the store refuses is not insisted on. */
  constructor(store: Store, lease: Lease, leaseMs: number, text: string, signal: AbortSignal) {
    this.#store = store;
    this.#signal = signal;
    this.#lease = lease;
    this.#leaseMs = leaseMs;
    this.text = text;
  }

  /** Appends words. A surrogate pair is never cut: its first half waits for the second. */
  push(words: string): void {
    const joined = this.#half + words;
    const last = joined.charCodeAt(joined.length - 1);
    const cut = last >= 0xd800 && last <= 0xdbff ? joined.length - 1 : joined.length;
    this.#half = joined.slice(cut);
    this.#append(joined.slice(0, cut).toWellFormed());
  }

  /** Makes the reply exactly `text`. */
  reset(text: string, cause: string): void {
    this.#half = '';
    this.text = text;
    const data = { turn_id: this.#lease.turnId, at: text.length, text, cause };
    this.#pending.push({ event: 'therapist:reset', data });
    this.#pump();
  }

  /**
   * Settles when the store keeps up; the model is read no faster than that. Undefined when it does.
   * @throws Fenced · STORE_UNAVAILABLE
   */
  room(): Promise<void> | undefined {
    this.#check();
    return this.#isFull ? this.#untilRoom() : undefined;
  }

  get #isFull(): boolean {
    return this.#isBusy && this.#pendingChars > PENDING_CHARS;
  }

  async #untilRoom(): Promise<void> {
    while (this.#isFull) await this.#rest();
    this.#check();
  }

  /**
   * Settles when every word is stored.
   * @throws Fenced · STORE_UNAVAILABLE
   */
  async stored(): Promise<void> {
    if (this.#half !== '') this.#append(this.#half.toWellFormed());
    this.#half = '';
    this.#whole.abort();
    while (this.#isBusy) await this.#rest();
    this.#check();
  }

  #append(text: string): void {
    if (text === '') return;
    const last = this.#pending.at(-1);
    if (last?.event === 'therapist:token') last.data.text += text;
    else {
      const data = { turn_id: this.#lease.turnId, at: this.text.length, text };
      this.#pending.push({ event: 'therapist:token', data });
    }
    this.text += text;
    this.#pendingChars += text.length;
    this.#pump();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Settles after the step that is under way. */
  #rest(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  #pump(): void {
    if (this.#isBusy || this.#failure !== undefined || this.#pending.length === 0) return;
    this.#isBusy = true;
    const restMs = this.#sentAt + this.#store.gatherMs - performance.now();
    if (restMs > 0 && this.#pendingChars < GATHER_CHARS) void this.#gather(restMs).then(() => this.#send());
    else this.#send();
  }

  #send(): void {
    const entries = this.#pending;
    this.#pending = [];
    this.#pendingChars = 0;
    // a repeated append changes nothing, so an unclear one is simply sent again
    this.#sentAt = performance.now();
    const step = () => this.#store.append(this.#lease, entries, this.#leaseMs);
    // for every word: callbacks cost less than a function that waits
    step().then(this.#sent, (error: unknown) =>
      insistAgain(error, step, this.#signal).then(this.#sent, this.#failed),
    );
  }

  readonly #sent = (answer: 'appended' | 'fenced'): void =>
    this.#goOn(answer === 'fenced' ? new Fenced() : undefined);
  readonly #failed = (error: unknown): void => this.#goOn(error);

  #goOn(failure: unknown): void {
    this.#failure = failure;
    this.#isBusy = false;
    this.#pump();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  /** The first words go at once, and the last ones too. */
  #gather(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#whole.signal }).catch(() => undefined);
  }
}
