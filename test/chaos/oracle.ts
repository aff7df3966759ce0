// What every turn ended with, by whom it was seen first: whoever sees the end later must have the same. [P-3] [P-8]
import type { FoldedTurn } from '../support/fold.ts';
import { createChanges, until } from '../support/wait.ts';
import type { Journal } from './journal.ts';
import { isBeginningOf, replyTo } from './words.ts';

interface Ended extends FoldedTurn {
  sessionId: string;
  by: string;
}

/** When an entry of a turn was first seen by anybody. */
interface Sight {
  at: number;
  seq: number;
}

export class Oracle {
  readonly #journal: Journal;
  readonly #ended = new Map<string, Ended>();
  readonly #sights = new Map<string, Sight[]>();
  readonly #changes = createChanges();
  /** Frames applied, and ends compared, over all clients. */
  frames = 0;
  compared = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  get turns(): number {
    return this.#ended.size;
  }

  /** How the turns ended, by state. */
  get states(): Record<string, number> {
    const states: Record<string, number> = {};
    for (const { state } of this.#ended.values()) states[state] = (states[state] ?? 0) + 1;
    return states;
  }

  /** A client applied a frame up to `seq`. */
  saw(turnId: string, seq: number): void {
    this.frames++;
    const sights = this.#sights.get(turnId) ?? [];
    if ((sights.at(-1)?.seq ?? 0) >= seq) return;
    sights.push({ at: Date.now(), seq });
    this.#sights.set(turnId, sights);
  }

  /** Everything first seen of a turn, in order. */
  sights(turnId: string): readonly Sight[] {
    return this.#sights.get(turnId) ?? [];
  }

  /** A client has the end of a turn. */
  ended(sessionId: string, turn: FoldedTurn, by: string): void {
    this.compared++;
    const { turnId, text, state, userInput } = turn;
    const known = this.#ended.get(turnId);
    if (!known) {
      this.#ended.set(turnId, { ...turn, sessionId, by });
      // what does not begin so are words of the guide
      if (text.startsWith('And ') && !isBeginningOf(text, replyTo(userInput), state === 'done'))
        this.#journal.broken('text', by, `turn ${turnId} to ${JSON.stringify(userInput)} is ${text}`);
      this.#changes.notify();
    } else if (known.text !== text || known.state !== state || known.userInput !== userInput) {
      const two = [known, { ...turn, by }].map((one) => JSON.stringify(one));
      this.#journal.broken('text', by, `two ends of one turn: ${two.join(' and ')}`);
    }
  }

  of(turnId: string): FoldedTurn | undefined {
    return this.#ended.get(turnId);
  }

  /** Resolves when anybody has the end of the turn. */
  async end(turnId: string, ms: number, signal: AbortSignal): Promise<FoldedTurn | undefined> {
    const look = () => signal.aborted || this.#ended.get(turnId);
    const wake = () => this.#changes.notify();
    signal.addEventListener('abort', wake, { once: true });
    try {
      const found = await until(look, this.#changes.subscribe, `the end of turn ${turnId}`, ms);
      return found === true ? undefined : found;
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }
}
