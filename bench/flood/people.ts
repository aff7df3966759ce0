// People with tokens and addresses of their own, over sockets and REST.
import { writeFile } from 'node:fs/promises';
import { io } from 'socket.io-client';
import type { Socket } from 'socket.io-client';
import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { ErrorBody, Failure } from '../../src/contract/model.ts';
import { AUDIENCE, ISSUER, newSigner, setOf, tokenOf } from '../../test/support/jwt.ts';
import type { Signer } from '../../test/support/jwt.ts';
import type { Ending } from './tally.ts';

/** How long somebody waits for anything, in ms. */
const PATIENCE_MS = 30_000;
/** Longest wait for the end of a turn, in ms. */
const TURN_MS = 40_000;
const LIFE_S = 3_600;

/** Who signs tokens, and what a server must be told of it. */
export class Issuer {
  readonly env: Record<string, string>;
  readonly #signer: Signer;

  private constructor(signer: Signer, path: string) {
    this.#signer = signer;
    this.env = { AUTH_MODE: 'jwt', JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_KEYS_FILE: path };
  }

  static async open(path: string): Promise<Issuer> {
    const signer = newSigner('EdDSA');
    await writeFile(path, setOf(signer), { mode: 0o600 });
    return new Issuer(signer, path);
  }

  tokenOf(sub: string): string {
    const iat = Math.floor(Date.now() / 1_000);
    return tokenOf(this.#signer, { sub, iat, exp: iat + LIFE_S });
  }
}

/** The address number n of a network of 65,536. */
export const addressIn = (network: number, n: number): string =>
  `${network}.77.${Math.floor(n / 256) % 256}.${n % 256}`;

const Refused = z.looseObject({ ok: z.literal(false), error: Failure });

/** `untyped` unless it says until when, where it should. */
function codeOf({ code, retryable, retry_after_ms }: z.output<typeof Failure>): string {
  return retryable && code !== 'TURN_IN_PROGRESS' && retry_after_ms === undefined ? 'untyped' : code;
}

const sessionOf = (data: unknown): string =>
  typeof data === 'object' && data !== null && 'session_id' in data ? String(data.session_id) : '';

export interface Said extends Ending {
  /** Time of the first word, `performance.now()`; undefined when the turn ended without one. */
  firstWord: Promise<number | undefined>;
  /** Resolves when the turn has ended. */
  ended: Promise<void>;
}

/** A connection of somebody. */
export class Person implements Disposable {
  readonly token: string;
  readonly address: string;
  readonly #socket: Socket;
  readonly #words = new Map<string, (at: number | undefined) => void>();
  readonly #ends = new Map<string, () => void>();

  private constructor(url: string, token: string, address: string) {
    this.token = token;
    this.address = address;
    const extraHeaders = { 'X-Forwarded-For': address };
    const options = { transports: ['websocket'], reconnection: false, forceNew: true };
    this.#socket = io(url, { ...options, auth: { token }, extraHeaders });
    this.#socket.on('therapist:token', (data: unknown) =>
      this.#words.get(sessionOf(data))?.(performance.now()),
    );
    for (const event of ['therapist:done', 'therapist:error', 'turn:cancelled']) {
      this.#socket.on(event, (data: unknown) => this.#over(sessionOf(data)));
    }
    this.#socket.on('disconnect', () => {
      for (const id of this.#ends.keys()) this.#over(id);
    });
  }

  static async open(url: string, token: string, address: string): Promise<Person> {
    const person = new Person(url, token, address);
    await new Promise<void>((resolve, reject) => {
      person.#socket.once('connect', resolve);
      person.#socket.once('connect_error', reject);
    });
    return person;
  }

  async call(event: string, payload: object): Promise<Ending> {
    const sentAt = performance.now();
    const answer: unknown = await this.#socket.timeout(PATIENCE_MS).emitWithAck(event, payload);
    const ms = performance.now() - sentAt;
    const refused = Refused.safeParse(answer);
    return { code: refused.success ? codeOf(refused.data.error) : 'ok', ms };
  }

  async say(sessionId: string, words: string): Promise<Said> {
    const word = Promise.withResolvers<number | undefined>();
    const end = Promise.withResolvers<void>();
    this.#words.set(sessionId, word.resolve);
    this.#ends.set(sessionId, end.resolve);
    const ending = await this.call('session:input', { session_id: sessionId, user_input: words });
    if (ending.code !== 'ok') this.#over(sessionId);
    // it counts as one without words then
    const late = setTimeout(() => this.#over(sessionId), TURN_MS);
    const ended = end.promise.then(() => clearTimeout(late));
    return { ...ending, firstWord: word.promise, ended };
  }

  [Symbol.dispose](): void {
    this.#socket.disconnect();
  }

  #over(sessionId: string): void {
    this.#words.get(sessionId)?.(undefined);
    this.#ends.get(sessionId)?.();
    this.#words.delete(sessionId);
    this.#ends.delete(sessionId);
  }
}

interface Rest {
  dispatcher: Dispatcher;
  token: string;
  address: string;
  body?: object;
}

/** One request over REST. */
export async function ask(
  url: string,
  method: 'GET' | 'POST',
  { dispatcher, token, address, body }: Rest,
): Promise<Ending> {
  const sentAt = performance.now();
  const answer = await request(url, {
    method,
    dispatcher,
    headers: { Authorization: `Bearer ${token}`, 'X-Forwarded-For': address },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.body.text();
  const ms = performance.now() - sentAt;
  if (answer.statusCode < 400) return { code: 'ok', ms };
  return { code: errorOf(text), ms };
}

function errorOf(text: string): string {
  const { data } = ErrorBody.safeParse(parse(text));
  if (!data) return 'untyped';
  const isRetried = data.code === 'RATE_LIMITED' || data.code === 'MODEL_BUSY';
  return isRetried && data.retry_after_ms === undefined ? 'untyped' : data.code;
}

/** Asks for a connection and takes no more than the first answer; a refusal of one is typed when it says until when. */
export async function knock(url: string, dispatcher: Dispatcher, address: string): Promise<Ending> {
  const sentAt = performance.now();
  const headers = { 'X-Forwarded-For': address };
  const path = `${url}/socket.io/?EIO=4&transport=polling`;
  const answer = await request(path, { method: 'GET', dispatcher, headers });
  const text = await answer.body.text();
  const ms = performance.now() - sentAt;
  if (answer.statusCode === 200) return { code: 'ok', ms };
  const isTyped = z.looseObject({ retry_after_ms: z.number() }).safeParse(parse(text)).success;
  return { code: isTyped ? `HTTP ${answer.statusCode}` : 'untyped', ms };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
