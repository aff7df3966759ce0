// The SDK as tests hold it: waits for what a session comes to, an oracle on its events, a storage that is one object.
import type {
  ChatSession,
  KeyValueStorage,
  Readable,
  Reply,
  SessionState,
  Transport,
} from '../../client/sdk/api.ts';
import { loggedPushes, otherPushes } from '../../client/sdk/wire.ts';
import type { Client } from './fold.ts';
import { PATIENCE_MS, createChanges, deadline, until } from './wait.ts';
import type { Subscribe } from './wait.ts';

export const transports: readonly Transport[] = ['socket', 'stream', 'poll'];

const subscribeTo =
  (readable: Readable<unknown>): Subscribe =>
  (changed) => {
    const stop = readable.subscribe(changed);
    return { [Symbol.dispose]: stop };
  };

/** Resolves with the value as soon as the condition holds for it. */
export async function reaches<T extends object>(
  readable: Readable<T>,
  condition: (value: T) => boolean,
  label: string,
  ms = PATIENCE_MS,
): Promise<T> {
  const look = () => {
    const value = readable.get();
    return condition(value) && value;
  };
  const state = () => `${label}; it is ${JSON.stringify(readable.get()).slice(0, 2_000)}`;
  return await until(look, subscribeTo(readable), state, ms);
}

/** The session as soon as the text of its live turn is that. */
export const shows = (session: ChatSession, text: string, ms?: number): Promise<SessionState> =>
  reaches(session.state, ({ live }) => live?.text === text, `a live turn of ${text.length} characters`, ms);

/** The session as soon as so many turns have ended and none is live. */
export const rests = (session: ChatSession, turns: number, ms?: number): Promise<SessionState> =>
  reaches(
    session.state,
    (state) => state.turns.length === turns && state.live === null && state.pending.length === 0,
    `${turns} ended turns`,
    ms,
  );

/** All words of one iteration. */
export async function wordsOf(reply: Reply): Promise<string[]> {
  const words: string[] = [];
  for await (const word of reply) words.push(word);
  return words;
}

/** The text that an iteration hands out. */
export const textOf = async (reply: Reply, ms = 20_000): Promise<string> =>
  (await deadline(wordsOf(reply), 'the end of an iteration', ms)).join('');

/** An iteration of a reply, as it goes. */
export class Listening {
  /** The words so far, less those that were taken back. */
  text = '';
  /** What was kept each time that words were taken back. */
  readonly kept: string[] = [];
  /** The end of the iteration. */
  readonly over: Promise<void>;
  readonly #changes = createChanges();

  /** `say` is handed the listener for words that are taken back. */
  constructor(say: (onReset: (kept: string) => void) => Reply) {
    const reply = say((kept) => {
      this.kept.push(kept);
      this.text = kept;
    });
    this.over = this.#listen(reply);
    this.over.catch(() => undefined);
  }

  async #listen(reply: Reply): Promise<void> {
    for await (const word of reply) {
      this.text += word;
      this.#changes.notify();
    }
  }

  async hears(text: string): Promise<void> {
    await until(
      () => this.text === text,
      this.#changes.subscribe,
      () => `${text}, not ${this.text}`,
    );
  }
}

/** What a promise that is to be rejected is rejected with. */
export async function failureOf(promise: Promise<unknown>, ms?: number): Promise<unknown> {
  const outcome = promise.then(
    (value) => ({ error: new Error(`it was not rejected: ${JSON.stringify(value)}`) }),
    (error: unknown) => ({ error }),
  );
  return (await deadline(outcome, 'a rejection', ms)).error;
}

/** Feeds the client with every event of the session; it keeps the first broken promise for whoever waits. */
export function feeds(session: ChatSession, client: Client): Disposable {
  const stack = new DisposableStack();
  const names = [...loggedPushes, ...otherPushes].filter(
    (name) =>
      name !== 'model:status' &&
      name !== 'server:notice' &&
      name !== 'auth:expiring' &&
      name !== 'server:draining',
  );
  for (const name of names) {
    const take = (payload: unknown) => {
      try {
        client.apply(name, payload);
      } catch {
        // kept by the client
      }
    };
    stack.defer(session.on(name, take));
  }
  return stack;
}

/** Outlives the clients that use it, as the storage of a tab outlives a reload. */
export class TabStorage implements KeyValueStorage {
  readonly items = new Map<string, string>();

  getItem(key: string): string | null {
    return this.items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.items.set(key, value);
  }

  removeItem(key: string): void {
    this.items.delete(key);
  }

  /** All that is kept. */
  get text(): string {
    return JSON.stringify([...this.items]);
  }
}
