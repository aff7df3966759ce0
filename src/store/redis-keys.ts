// The data keys of sessions as this node knows them. What it knows may be old: scripts tell, and store nothing sealed by another key.
import { AppError } from '../errors.ts';
import type { RedisLink, Reply } from './redis-link.ts';
import type { Sealer, Vault } from './vault.ts';
import { Bounded } from './bounded.ts';
import { textOf } from './redis-reply.ts';
import { masterOf, plain } from './vault.ts';

/** The key of one session. */
export interface DataKey {
  /** A name of it, however it is wrapped; '' where nothing is encrypted. */
  readonly kid: string;
  readonly wrapped: string;
  readonly sealer: Sealer;
}

const KEYS_KEPT = 10_000;
/** How often a session may get another key while one step is tried. */
const TRIES = 4;
const RETRY_AFTER_MS = 1_000;
/** No name of any key. */
const UNKNOWN = '?';
const none: DataKey = { kid: '', wrapped: '', sealer: plain };

/** The name by which the session whose keys begin with `base` has its data key. */
export const nameOf = (base: string): string => base.slice(base.lastIndexOf('{') + 1, -1);

const unavailable = (cause: unknown): AppError =>
  new AppError('STORE_UNAVAILABLE', { cause, retryAfterMs: RETRY_AFTER_MS });

export class RedisKeys {
  readonly vault: Vault;
  readonly #link: RedisLink;
  readonly #known = new Bounded<DataKey>(KEYS_KEPT);

  constructor(link: RedisLink, vault: Vault) {
    this.#link = link;
    this.vault = vault;
  }

  /** A new key, for a session that is made. */
  make(base: string): DataKey {
    return this.#open(base, this.vault.newKey(nameOf(base)));
  }

  /** What is known here, for a script that is to answer it where it is another one. */
  known(base: string): DataKey | undefined {
    return this.#known.get(base) ?? (this.vault.masters.length === 0 ? none : undefined);
  }

  /** What a script answered to that. @throws STORE_UNAVAILABLE the master key is not here */
  told(base: string, wrapped: Reply | undefined, known: DataKey | undefined): Sealer {
    return known && (wrapped ?? null) === null ? known.sealer : this.sealer(base, textOf(wrapped));
  }

  /** By the wrapped key of a session as it was read. @throws STORE_UNAVAILABLE the master key is not here */
  sealer(base: string, wrapped: string): Sealer {
    return this.#read(base, wrapped).sealer;
  }

  /** Whether the master key of a wrapped key is here. */
  opens(wrapped: string): boolean {
    return wrapped === '' || this.vault.masters.includes(masterOf(wrapped));
  }

  /** Takes a step that brings something sealed, anew where the session had another key. @throws STORE_UNAVAILABLE */
  async with(
    base: string,
    step: (key: DataKey) => Promise<Reply>,
  ): Promise<{ reply: Reply; sealer: Sealer }> {
    let key = this.known(base) ?? (await this.#fetch(base));
    for (let tries = 1; ; tries += 1) {
      const reply = await step(key);
      if (reply !== 'key') return { reply, sealer: key.sealer };
      if (tries === TRIES) throw unavailable(new Error('The data key of a session keeps changing'));
      key = await this.#fetch(base);
    }
  }

  /** The session is gone. */
  forget(base: string): void {
    const key = this.#known.get(base);
    if (!key) return;
    this.#known.delete(base);
    this.vault.forget(nameOf(base), key.wrapped);
  }

  async #fetch(base: string): Promise<DataKey> {
    const wrapped = await this.#link.send(`${base}:s`, 'HGET', `${base}:s`, 'k');
    return this.#read(base, wrapped === null ? '' : textOf(wrapped));
  }

  #read(base: string, wrapped: string): DataKey {
    const known = this.known(base);
    if (known?.wrapped === wrapped) return known;
    const key = this.#open(base, wrapped);
    this.#known.set(base, key);
    return key;
  }

  #open(base: string, wrapped: string): DataKey {
    if (wrapped === '') return none;
    if (!this.opens(wrapped)) {
      throw unavailable(new Error('A session is encrypted by a master key that is not here'));
    }
    const sealer = this.vault.sealer(nameOf(base), wrapped);
    return { kid: sealer.fingerprint(''), wrapped, sealer };
  }
}

/** How a script is told what is known here. */
export const kidOf = (known: DataKey | undefined): string => known?.kid ?? UNKNOWN;
