// Keys of an identity provider, fetched when they are needed. While it is away, those it gave before count for an hour.
import type { KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { Agent, request } from 'undici';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { parseRemoteKeys } from './key-set.ts';
import type { KeyFinder, KeySet } from './key-set.ts';

const DEADLINE_MS = 5_000;
const ANSWER_BYTES = 131_072;
/** How long a set is used before it is fetched again, and how long it is used where that fails. */
const FRESH_MS = 600_000;
const KEPT_MS = 3_600_000;
/** Between two calls: unknown key ids cost the provider no more than that. The other one is for after a failure. */
const COOLDOWN_MS = 30_000;
const RETRY_MS = 5_000;

export interface RemoteKeysOptions {
  /** https, or http on loopback. */
  url: string;
  log: Pick<Log, 'warn'>;
  /** ms that only go forward. */
  elapsed?: () => number;
  /** How long the provider may take. */
  deadlineMs?: number;
}

/** @throws Error of one line: an address that is not taken */
export function mustKeysUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || url.username !== '' || url.password !== '' || !isSafe(url)) {
    throw new Error('JWT_JWKS_URL must be https, or http on loopback, without a name or password in it');
  }
  return url;
}

function isSafe({ protocol, hostname }: URL): boolean {
  const isLoopback =
    hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
  return protocol === 'https:' || (protocol === 'http:' && isLoopback);
}

export class RemoteKeys implements KeyFinder {
  readonly #url: URL;
  readonly #log: Pick<Log, 'warn'>;
  readonly #elapsed: () => number;
  readonly #deadlineMs: number;
  readonly #agent = new Agent({ connect: { timeout: DEADLINE_MS }, connections: 1 });
  readonly #closed = new AbortController();
  #set: { keys: KeySet; at: number } | undefined;
  #triedAt: number | undefined;
  #pending: Promise<void> | undefined;
  #isAway = false;

  private constructor({ url, log, elapsed, deadlineMs }: RemoteKeysOptions) {
    this.#url = mustKeysUrl(url);
    this.#log = log;
    this.#elapsed = elapsed ?? (() => performance.now());
    this.#deadlineMs = deadlineMs ?? DEADLINE_MS;
  }

  /** Begins to fetch them, and waits for nothing. @throws Error of one line: an address that is not taken */
  static open(options: RemoteKeysOptions): RemoteKeys {
    const keys = new RemoteKeys(options);
    void keys.#refresh();
    return keys;
  }

  async find(kid: string | undefined, algorithm: string): Promise<KeyObject | undefined> {
    const age = this.#age();
    if (age > KEPT_MS) await this.#refresh();
    else if (age > FRESH_MS) void this.#refresh();
    const key = this.#mustKeys().find(kid, algorithm);
    if (key) return key;
    await this.#refresh();
    return this.#mustKeys().find(kid, algorithm);
  }

  [Symbol.dispose](): void {
    this.#closed.abort();
    void this.#agent.destroy();
  }

  #age(): number {
    return this.#set ? this.#elapsed() - this.#set.at : Infinity;
  }

  #mustKeys(): KeySet {
    if (!this.#set || this.#age() > KEPT_MS)
      throw new AppError('STORE_UNAVAILABLE', {
        message: 'Nobody can be let in at the moment',
        retryAfterMs: RETRY_MS,
      });
    return this.#set.keys;
  }

  /** Never rejects; does nothing within the cooldown. */
  #refresh(): Promise<void> {
    const cooldownMs = this.#isAway ? RETRY_MS : COOLDOWN_MS;
    const isCooling = this.#triedAt !== undefined && this.#elapsed() - this.#triedAt < cooldownMs;
    if (!this.#pending && !isCooling) {
      this.#triedAt = this.#elapsed();
      this.#pending = this.#fetch().finally(() => (this.#pending = undefined));
    }
    return this.#pending ?? Promise.resolve();
  }

  async #fetch(): Promise<void> {
    try {
      const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.#deadlineMs)]);
      const headers = { accept: 'application/json, application/jwk-set+json' };
      // a redirect is not followed
      const answer = await request(this.#url, { dispatcher: this.#agent, signal, headers });
      const text = await textOf(answer.body);
      if (answer.statusCode !== 200) throw new Error(`the address answered ${answer.statusCode}`);
      this.#set = { keys: parseRemoteKeys(text), at: this.#elapsed() };
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway && !this.#closed.signal.aborted) {
        const reason = error instanceof Error ? error.message : 'it failed';
        this.#log.warn({ reason }, 'the JWT keys could not be fetched');
      }
      this.#isAway = true;
    }
  }
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    // leaving the loop ends the connection
    if (size > ANSWER_BYTES) throw new Error(`the answer has more than ${ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
