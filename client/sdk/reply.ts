// The reply to one input. Its session tells it of its turn; there is no second way for words to come.
import type { Reply, SayOptions, TurnView } from './api.ts';
import { ChatError, ReplyReset } from './errors.ts';
import type { Admission, TherapistResponse } from './wire.ts';

export class SessionReply implements Reply {
  readonly inputId: string;
  readonly #cancel: () => Promise<void>;
  readonly #onReset: SayOptions['onReset'];
  readonly turnId: Promise<string>;
  readonly response: Promise<TherapistResponse>;
  #resolveTurnId: (turnId: string) => void = () => {};
  #resolve: (response: TherapistResponse) => void = () => {};
  #reject: (error: Error) => void = () => {};
  readonly #waiting = new Set<() => void>();
  #turnId: string | undefined;
  #turn: TurnView | undefined;
  /** Grows whenever words of the turn may have been taken back. */
  #takenBack = 0;
  #failure: Error | undefined;
  #isOver = false;

  constructor(
    inputId: string,
    cancel: (reply: SessionReply) => Promise<void>,
    onReset: SayOptions['onReset'],
  ) {
    this.inputId = inputId;
    this.#cancel = () => cancel(this);
    this.#onReset = onReset;
    const failed = new Promise<never>((_, reject) => (this.#reject = reject));
    this.turnId = Promise.race([failed, new Promise<string>((resolve) => (this.#resolveTurnId = resolve))]);
    this.response = Promise.race([
      failed,
      new Promise<TherapistResponse>((resolve) => (this.#resolve = resolve)),
    ]);
    // nobody has to listen
    this.turnId.catch(() => {});
    this.response.catch(() => {});
  }

  get text(): string {
    return this.#turn?.text ?? '';
  }

  /** Undefined until the input is known to be stored. */
  get knownTurnId(): string | undefined {
    return this.#turnId;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  cancel(): Promise<void> {
    return this.#cancel();
  }

  admitted({ turn_id }: Admission): void {
    this.#turnId = turn_id;
    this.#resolveTurnId(turn_id);
  }

  /** The turn as it is now. */
  show(turn: TurnView, takenBack: number): void {
    if (this.#isOver || turn === this.#turn) return;
    this.#turn = turn;
    this.#takenBack = takenBack;
    if (turn.ended_at !== null) this.#end(turn);
    this.#wake();
  }

  fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = error;
    this.#reject(error);
    this.#wake();
  }

  #end(turn: TurnView): void {
    if (turn.state !== 'done' || !turn.response) return this.fail(errorOf(turn));
    this.#isOver = true;
    this.#resolve(turn.response);
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    let handed = '';
    let takenBack = this.#takenBack;
    for (;;) {
      const { text } = this;
      if (takenBack !== this.#takenBack && !text.startsWith(handed)) {
        handed = handed.startsWith(text) ? text : '';
        if (!this.#onReset) throw new ReplyReset(handed);
        this.#onReset(handed);
      }
      takenBack = this.#takenBack;
      if (text.length > handed.length) {
        const piece = text.slice(handed.length);
        handed = text;
        yield piece;
      } else if (this.#isOver) {
        return this.#throwFailure();
      } else {
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    }
  }

  /** A cancelled reply just ends. */
  #throwFailure(): void {
    const failure = this.#failure;
    if (failure && !(failure instanceof ChatError && failure.code === 'TURN_CANCELLED')) throw failure;
  }
}

function errorOf({ state, error }: TurnView): ChatError {
  if (state === 'cancelled') return cancelled();
  return new ChatError(error ?? { code: 'INTERNAL', status: 500 });
}

export const cancelled = (): ChatError => new ChatError({ code: 'TURN_CANCELLED', status: 409 });
