// People at nodes: light sockets that speak and follow.
import { io } from 'socket.io-client';
import type { Socket } from 'socket.io-client';
import { z } from 'zod';

const Token = z.looseObject({ session_id: z.string(), seq: z.number(), text: z.string() });
export type Token = z.output<typeof Token>;
const Ack = z.looseObject({ ok: z.literal(true) });

export const inputs = [
  'hello',
  'I feel tense today',
  'it sits in my chest',
  'I want to feel calm',
  'yes',
  'it is a tight knot and it does not move',
];
export const risks = ['I want to kill myself'];

const sessionOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null && 'session_id' in data ? data.session_id : undefined;

/** One connection. */
export class Person implements Disposable {
  readonly socket: Socket;
  onToken: (token: Token) => void = () => {};
  readonly #ended = new Map<string, () => void>();

  constructor(url: string) {
    this.socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true });
    // what comes thousands of times a second is not checked
    this.socket.on('therapist:token', (token: Token) => this.onToken(token));
    for (const event of ['therapist:done', 'therapist:error', 'turn:cancelled']) {
      this.socket.on(event, (data: unknown) => this.#end(String(sessionOf(data))));
    }
  }

  async connected(): Promise<this> {
    if (!this.socket.connected) {
      await new Promise<void>((resolve, reject) => {
        this.socket.once('connect', resolve);
        this.socket.once('connect_error', reject);
      });
    }
    return this;
  }

  async call(event: string, payload: unknown): Promise<void> {
    Ack.parse(await this.socket.timeout(20_000).emitWithAck(event, payload));
  }

  async say(sessionId: string, words: string): Promise<void> {
    await this.call('session:input', { session_id: sessionId, user_input: words });
  }

  async join(sessionId: string): Promise<void> {
    await this.call('session:join', { session_id: sessionId });
  }

  /** The live turn. */
  async cancel(sessionId: string): Promise<void> {
    await this.call('turn:cancel', { session_id: sessionId });
  }

  /** Resolves with the next end of a turn in the session. */
  ended(sessionId: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended.set(sessionId, resolve);
    return promise;
  }

  /** Says something and waits for the whole answer. */
  async turn(sessionId: string, words: string): Promise<void> {
    const ended = this.ended(sessionId);
    await this.say(sessionId, words);
    await ended;
  }

  #end(sessionId: string): void {
    this.#ended.get(sessionId)?.();
    this.#ended.delete(sessionId);
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }
}

export function openPerson(url: string): Promise<Person> {
  return new Person(url).connected();
}

/** Does `work` for every one of the numbers below `count`, so many at a time. */
export async function inParallel(
  count: number,
  atOnce: number,
  work: (n: number, worker: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (number: number) => {
    while (next < count) {
      const n = next;
      next += 1;
      await work(n, number);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, (_, number) => worker(number)));
}

/** Words in a piece of a reply of the fake: each but the first has a space before it. */
export function wordsIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf(' '); at !== -1; at = text.indexOf(' ', at + 1)) count += 1;
  return count;
}

export function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
