// Keys at rest: each session has a data key of its own, wrapped by a master key that lies elsewhere. (SAFETY.md SEC-70)
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
/** 96 random bits, as NIST SP 800-38D has it; one data key seals far less than 2^32 records. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Unwrapped data keys kept in memory. */
const KEYS_KEPT = 10_000;
/** What a wrapped key begins with, before the id of its master key and a dot. */
const WRAPPED = 'k1.';
const PLAIN = '1';
const ENCRYPTED = '2';

/** A master key. Its id tells nothing of it, and is the same wherever the key is used. */
export interface MasterKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** Of 32 bytes. @throws Error of one line */
export function masterKey(bytes: Uint8Array): MasterKey {
  if (bytes.length !== KEY_BYTES) throw new Error(`A master key has ${KEY_BYTES} bytes, not ${bytes.length}`);
  const id = hash('sha256', Buffer.concat([Buffer.from('stillpoint master key'), bytes]), 'hex').slice(0, 16);
  return { id, key: createSecretKey(bytes) };
}

/** Seals what one session keeps. `record` names what it is: a sealed text opens under its own name and session only. */
export interface Sealer {
  seal(record: string, text: string): string;
  /** @throws Error it is damaged, or of another session, record or format; the message holds nothing of it */
  open(record: string, sealed: string): string;
  /** A short name of a text, equal for equal texts of this session, that tells nothing without the key. */
  fingerprint(text: string): string;
}

/** Keeps what is sealed as it is. */
export const plain: Sealer = {
  seal: (_record, text) => PLAIN + text,
  open: (_record, sealed) => {
    if (sealed.startsWith(PLAIN)) return sealed.slice(1);
    throw new Error(`A stored record has the format "${sealed.slice(0, 1)}", which cannot be read here`);
  },
  fingerprint: (text) => hash('sha256', text, 'base64url').slice(0, 16),
};

/** How many characters lie under a sealed text, about. */
export function charsOf(sealed: string): number {
  return sealed.startsWith(PLAIN) ? sealed.length : Math.ceil(sealed.length * 0.75) - NONCE_BYTES - TAG_BYTES;
}

function encrypt(key: KeyObject, aad: string, text: string | Uint8Array): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(aad));
  const body = typeof text === 'string' ? cipher.update(text, 'utf8') : cipher.update(text);
  return Buffer.concat([nonce, body, cipher.final(), cipher.getAuthTag()]).toString('base64url');
}

function decrypt(key: KeyObject, aad: string, sealed: string): Buffer {
  const bytes = Buffer.from(sealed, 'base64url');
  try {
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(aad)).setAuthTag(bytes.subarray(-TAG_BYTES));
    const body = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([body, decipher.final()]);
  } catch {
    throw new Error('A stored record is damaged, or was put in the place of another');
  }
}

class SessionSealer implements Sealer {
  readonly #session: string;
  readonly #key: KeyObject;
  readonly #prints: Buffer;

  /** Takes the key, and leaves no copy of it. */
  constructor(session: string, key: Buffer) {
    this.#session = session;
    this.#key = createSecretKey(key);
    this.#prints = Buffer.from(hkdfSync('sha256', key, '', 'stillpoint fingerprints', KEY_BYTES));
    key.fill(0);
  }

  seal(record: string, text: string): string {
    return ENCRYPTED + encrypt(this.#key, this.#aad(record), text);
  }

  open(record: string, sealed: string): string {
    // nobody may put a plain record in the place of a sealed one
    if (!sealed.startsWith(ENCRYPTED)) throw new Error('A stored record is not encrypted as its session is');
    return decrypt(this.#key, this.#aad(record), sealed.slice(1)).toString('utf8');
  }

  fingerprint(text: string): string {
    return createHmac('sha256', this.#prints).update(text).digest('base64url').slice(0, 16);
  }

  #aad(record: string): string {
    return `${this.#session} ${record}`;
  }
}

/** The master keys of this server. The first one wraps new data keys, all of them unwrap. Without any, nothing is encrypted. */
export class Vault {
  readonly #masters: readonly MasterKey[];
  readonly #sealers = new LRUCache<string, Sealer>({ max: KEYS_KEPT });

  constructor(masters: readonly MasterKey[]) {
    this.#masters = masters;
  }

  /** Ids of the master keys that are here, the one that wraps first; empty when nothing is encrypted. */
  get masters(): string[] {
    return this.#masters.map(({ id }) => id);
  }

  /** A new data key, wrapped, for the session of that name; '' where nothing is encrypted. */
  newKey(session: string): string {
    const [master] = this.#masters;
    return master ? wrap(master, session, randomBytes(KEY_BYTES)) : '';
  }

  /** Seals for a session by its wrapped data key; '' is the key of one that is not encrypted. @throws Error the master key is not here, or the key is damaged */
  sealer(session: string, wrapped: string): Sealer {
    if (wrapped === '') return plain;
    const name = `${session} ${wrapped}`;
    const known = this.#sealers.get(name);
    if (known) return known;
    const sealer = new SessionSealer(session, this.#unwrap(session, wrapped));
    this.#sealers.set(name, sealer);
    return sealer;
  }

  /** The same data key wrapped by the first master key; undefined where it is already. @throws Error as `sealer` */
  rewrap(session: string, wrapped: string): string | undefined {
    const [master] = this.#masters;
    if (wrapped === '' || !master || masterOf(wrapped) === master.id) return undefined;
    return wrap(master, session, this.#unwrap(session, wrapped));
  }

  /** Nothing of a deleted session can be opened any more. */
  forget(session: string, wrapped: string): void {
    this.#sealers.delete(`${session} ${wrapped}`);
  }

  #unwrap(session: string, wrapped: string): Buffer {
    const id = masterOf(wrapped);
    const master = this.#masters.find((one) => one.id === id);
    if (!master) throw new Error(`The master key ${id} is not here`);
    const sealed = wrapped.slice(WRAPPED.length + id.length + 1);
    return decrypt(master.key, `data key ${session}`, sealed);
  }
}

/** Which master key wraps a data key. */
export function masterOf(wrapped: string): string {
  return wrapped.slice(WRAPPED.length, wrapped.indexOf('.', WRAPPED.length));
}

/** Takes the key, and leaves no copy of it. */
function wrap(master: MasterKey, session: string, key: Buffer): string {
  const sealed = encrypt(master.key, `data key ${session}`, key);
  key.fill(0);
  return `${WRAPPED}${master.id}.${sealed}`;
}
