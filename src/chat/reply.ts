import { AppError } from '../errors.ts';
import type { Lease, Store, TurnEntry } from '../store/store.ts';

/** Another owner has the turn, or it is over: stop at once and say nothing. [P-5] */
export class Fenced extends Error {}

/** Above this much text that is not stored yet, the model is not read any further. */
const PENDING_CHARS = 262_144;
/** An append that the store refuses is tried again this often, and given up after this long. */
const RETRY_MS = 250;
const GIVE_UP_MS = 30_000;

/**
 * The words of one turn on their way into the log: one append in flight, and what comes meanwhile goes with the next.
 * So groups form by themselves: every word alone while the store is idle, larger ones the slower it is.
 */
export class Reply {
  /** All words so far, the ones that are not stored yet included. */
  text: string;
  readonly #store: Store;
  readonly #lease: Lease;
  readonly #leaseMs: number;
  #pending: TurnEntry[] = [];
  #pendingChars = 0;
  #half = '';
  #work: Promise<void> | null = null;
  #failure: unknown;

  constructor(store: Store, lease: Lease, leaseMs: number, text: string) {
    this.#store = store;
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

  /** Settles when the store keeps up; the model is read no faster than that. */
  async room(): Promise<void> {
    while (this.#pendingChars > PENDING_CHARS && this.#work) await this.#work;
    this.#check();
  }

  /**
   * Settles when every word is stored.
   * @throws Fenced · STORE_UNAVAILABLE
   */
  async stored(): Promise<void> {
    if (this.#half !== '') this.#append(this.#half.toWellFormed());
    this.#half = '';
    while (this.#work) await this.#work;
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

  #pump(): void {
    if (this.#work || this.#failure !== undefined || this.#pending.length === 0) return;
    this.#work = this.#drain()
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#work = null;
        this.#pump();
      });
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const entries = this.#pending;
      this.#pending = [];
      this.#pendingChars = 0;
      if ((await this.#insist(entries)) === 'fenced') throw new Fenced();
    }
  }

  /** A repeated append changes nothing, so an unclear one is simply sent again. */
  async #insist(entries: TurnEntry[]): Promise<'appended' | 'fenced'> {
    for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
      try {
        return await this.#store.append(this.#lease, entries, this.#leaseMs);
      } catch (error) {
        const passing = error instanceof AppError && error.code === 'STORE_UNAVAILABLE';
        if (!passing || waitedMs >= GIVE_UP_MS) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
