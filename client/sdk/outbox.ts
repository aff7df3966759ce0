// Inputs on their way: kept before the first try, sent in order, and each until it is known to be stored or refused. [P-6]
import type { KeyValueStorage, PendingInput } from './api.ts';
import { ChatError, ConnectionError } from './errors.ts';
import { keep, recall } from './surroundings.ts';
import type { Admission, Operations } from './wire.ts';

/** Tries of an input that the server refuses for now, each after twice the time: about a minute. */
const TRIES = 6;
const AGAIN_MS = 1_000;

/** What is kept of an input over a reload. */
interface Input {
  inputId: string;
  text: string;
  interrupt: boolean;
  /** The turn to be run again; null: the text is said. */
  retryOf: string | null;
}

interface Item {
  readonly input: Input;
  state: PendingInput['state'];
  error: PendingInput['error'];
  /** What it waits for: nothing, those before it, the end of the live turn, or a time. */
  gate: 'open' | 'order' | 'turn' | 'time';
  tries: number;
  /** It was sent and nobody said what became of it. */
  mayBeStored: boolean;
  settle: ((admission: Admission | null, error: Error | null) => void) | null;
}

export interface OutboxParts {
  storage: KeyValueStorage | undefined;
  /** Null: nothing is kept. */
  key: string | null;
  send<N extends 'session:input' | 'turn:retry'>(name: N, input: Sent<N>): Promise<Admission>;
  /** Is refused, always; with `safety` where the words show risk. */
  screen(text: string): Promise<unknown>;
  /** Whether the end of a turn is to come. */
  isLive(): boolean;
  /** An input was stored, or refused. */
  stored(admission: Admission): void;
  refused(error: ChatError): void;
  /** `pending` is another. */
  changed(): void;
}
type Sent<N extends 'session:input' | 'turn:retry'> = Omit<Operations[N]['input'], 'session_id'>;

export class Outbox {
  pending: readonly PendingInput[] = [];
  readonly #parts: OutboxParts;
  #items: Item[];
  #key: string | null;
  #isReady = false;
  #isSending = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#key = parts.key;
    this.#items = restored(parts).map((input) => ({ ...fresh(input, null), mayBeStored: true }));
    this.pending = this.#items.map(viewOf);
  }

  /** Takes an input over. It settles with its admission, or with why it was not taken. */
  add(input: Input, settle: NonNullable<Item['settle']>): void {
    const same = this.#find(input.inputId);
    // the same key with another text is for the server to refuse
    if (same?.input.text !== input.text) this.#items.push(fresh(input, settle));
    else {
      const { settle: before } = same;
      same.settle = (admission, error) => {
        before?.(admission, error);
        settle(admission, error);
      };
      this.resend(input.inputId);
    }
    this.#changed();
    this.#flush();
  }

  /** Keeps them under this key from here on. */
  rename(key: string | null): void {
    this.#key = key;
    this.#changed();
  }

  /** A line is there, or is gone; what waited for a time has waited. */
  ready(isReady: boolean): void {
    this.#isReady = isReady;
    for (const item of this.#items) if (item.gate === 'time') item.gate = 'open';
    this.#flush();
  }

  /** The live turn has ended. */
  turnEnded(): void {
    for (const item of this.#items) if (item.gate === 'turn') item.gate = 'open';
    this.#flush();
  }

  resend(inputId: string): void {
    const item = this.#find(inputId);
    if (item?.state !== 'refused') return;
    Object.assign(item, fresh(item.input, item.settle));
    this.#changed();
    this.#flush();
  }

  /** Undefined: it may be stored already, or is not here. */
  withdraw(inputId: string, why: Error): PendingInput | undefined {
    const item = this.#find(inputId);
    if (!item || item.state === 'sending' || item.mayBeStored) return undefined;
    this.#drop(item);
    item.settle?.(null, why);
    return viewOf(item);
  }

  /** Forgets everything, here and in the storage. */
  clear(why: Error): void {
    const items = this.#items;
    this.#items = [];
    this.#changed();
    for (const { settle } of items) settle?.(null, why);
  }

  /** Nobody waits any more; what is kept stays kept. */
  abandon(why: Error): void {
    this.#isReady = false;
    this.#key = null;
    clearTimeout(this.#timer);
    for (const item of this.#items) {
      item.settle?.(null, why);
      item.settle = null;
    }
  }

  #find(inputId: string): Item | undefined {
    return this.#items.find(({ input }) => input.inputId === inputId);
  }

  #drop(item: Item): void {
    this.#items = this.#items.filter((other) => other !== item);
    this.#changed();
  }

  #changed(): void {
    const all = this.#items.map(({ input }) => input);
    keep(this.#parts.storage, this.#key, all.length === 0 ? null : JSON.stringify(all));
    this.pending = this.#items.map(viewOf);
    this.#parts.changed();
  }

  /** In order. An input that would have to wait behind others is asked about: one that shows risk goes before them. [P-12] */
  #flush(): void {
    if (!this.#isReady || this.#isSending) return;
    const [head, ...later] = this.#items.filter(({ state }) => state === 'waiting');
    const isFree = head?.gate === 'open' || head?.gate === 'order';
    const item = isFree ? head : later.find(({ gate }) => gate === 'open');
    if (!item) return;
    this.#isSending = true;
    if (isFree) item.state = 'sending';
    this.#changed();
    void (isFree ? this.#send(item) : this.#screen(item)).finally(() => {
      this.#isSending = false;
      this.#flush();
    });
  }

  async #screen(item: Item): Promise<void> {
    item.gate = 'order';
    try {
      await this.#parts.screen(item.input.text);
    } catch (error) {
      if (!(error instanceof ChatError)) item.gate = 'open';
      else if (error.safety && this.#items.includes(item))
        this.#items = [item, ...this.#items.filter((other) => other !== item)];
    }
  }

  async #send(item: Item): Promise<void> {
    try {
      const admission = await this.#request(item);
      item.state = 'waiting';
      this.#drop(item);
      this.#parts.stored(admission);
      item.settle?.(admission, null);
    } catch (error) {
      item.state = 'waiting';
      if (error instanceof ChatError) this.#refused(item, error);
      else this.#unanswered(item, error);
      this.#changed();
    }
  }

  #request({ input: { inputId: input_id, text, interrupt, retryOf } }: Item): Promise<Admission> {
    return retryOf === null
      ? this.#parts.send('session:input', { user_input: text, input_id, interrupt })
      : this.#parts.send('turn:retry', { turn_id: retryOf, input_id });
  }

  #unanswered(item: Item, error: unknown): void {
    item.mayBeStored = true;
    item.error = error instanceof ConnectionError ? error : new ConnectionError('lost', { cause: error });
    // it goes out again with the next line, or after a while on this one
    this.#later(item, AGAIN_MS);
  }

  #refused(item: Item, error: ChatError): void {
    item.mayBeStored = false;
    item.error = error;
    this.#parts.refused(error);
    item.tries += error.code === 'TURN_IN_PROGRESS' ? 0 : 1;
    if (!error.retryable || item.tries >= TRIES) this.#giveUp(item, error);
    // that turn may have ended before its refusal came
    else if (error.code === 'TURN_IN_PROGRESS' && this.#parts.isLive()) item.gate = 'turn';
    else this.#later(item, error.retryAfterMs ?? AGAIN_MS * 2 ** item.tries);
  }

  #giveUp(item: Item, error: ChatError): void {
    item.state = 'refused';
    item.settle?.(null, error);
    item.settle = null;
  }

  #later(item: Item, ms: number): void {
    item.gate = 'time';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.ready(this.#isReady), ms);
  }
}

const fresh = (input: Input, settle: Item['settle']): Item => ({
  input,
  state: 'waiting',
  error: null,
  gate: 'open',
  tries: 0,
  mayBeStored: false,
  settle,
});

const viewOf = ({ input: { inputId, text }, state, error }: Item): PendingInput => ({
  inputId,
  text,
  state,
  error,
});

function restored({ storage, key }: OutboxParts): Input[] {
  try {
    const kept: unknown = JSON.parse(recall(storage, key) ?? '[]');
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}
