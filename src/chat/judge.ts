// The model's word on an input that no rule has a word on. The rules are what counts wherever it does not come in time.
import type { Speakers } from '../model/model.ts';
import type { Ticket } from '../store/slots.ts';
import { buildQuestion } from '../therapy/question.ts';
import type { OpenInput } from '../therapy/question.ts';

/** Longest wait for it: whoever sent the input waits for the ack meanwhile. */
const PATIENCE_MS = 2_000;

export class Judge {
  readonly #speakers: Speakers;
  readonly #leaving: AbortSignal;

  /** `leaving` aborts when the server goes down: nothing is waited for then. */
  constructor(speakers: Speakers, leaving: AbortSignal) {
    this.#speakers = speakers;
    this.#leaving = leaving;
  }

  /** Whether the model can be asked now, in a slot that the turn has already. */
  isFree(ticket: Ticket | null): boolean {
    const isGranted = ticket !== null && ticket.position === null;
    return isGranted && !this.#leaving.aborted && this.#speakers.model.state().phase === 'ready';
  }

  /** One of the options or nothing, after the patience at the latest; asked where the slot is. Never raises. */
  async ask(input: OpenInput, host: string, signal: AbortSignal): Promise<string | undefined> {
    const patience = AbortSignal.any([signal, this.#leaving, AbortSignal.timeout(PATIENCE_MS)]);
    try {
      return await this.#speakers.model.choose(buildQuestion(input), patience, host);
    } catch {
      return undefined;
    }
  }
}
