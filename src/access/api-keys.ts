// API keys: what a service of an integrator hands in. The secret is shown once and kept nowhere.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Log } from '../log.ts';
import { digest } from '../store/envelope.ts';
import type { ApiKey } from './api-keys-file.ts';
import { parseApiKeys } from './api-keys-file.ts';
import type { Identity } from './authenticator.ts';
import type { Reason } from './reason.ts';
import { WatchedFile } from './watched-file.ts';

const TOKEN = /^spk_([\da-f]{12})_([\w-]{43})$/;
const ID_BYTES = 6;
const SECRET_BYTES = 32;
const POLL_MS = 1000;
/** The hash of no secret: an unknown id costs what a known one does. */
const NOBODY = '0'.repeat(64);

const hashOf = (secret: string): string => hash('sha256', secret, 'hex');

/** A new id, the token to hand out, and what is kept of it. */
export function newApiKey(): { id: string; token: string; hash: string } {
  const id = randomBytes(ID_BYTES).toString('hex');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { id, token: `spk_${id}_${secret}`, hash: hashOf(secret) };
}

/** Whether a key counts at that time (ms since 1970), or why not. */
export function stateOf(key: ApiKey, now: number): 'active' | 'revoked' | 'expired' {
  if (key.revoked_at !== null) return 'revoked';
  return key.expires_at !== null && Date.parse(key.expires_at) <= now ? 'expired' : 'active';
}

/** Names a key as it is: with another tenant, subject or rights it is another credential. The dot keeps it apart from other kinds. */
const credentialOf = (key: ApiKey): string =>
  `key.${digest(key.id, key.hash, key.tenant, key.subject, ...key.rights.toSorted())}`;

export interface ApiKeysOptions {
  path: string;
  /** ms since 1970. */
  now: () => number;
  log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** How often the file is looked at. */
  pollMs?: number;
}

/** The keys in a file, which may change at any time. */
export class ApiKeys implements Disposable {
  readonly #options: ApiKeysOptions;
  readonly #file: WatchedFile<ApiKey[]>;
  readonly #listeners = new Set<(credential: string) => void>();
  readonly #timer: NodeJS.Timeout;
  #byId: ReadonlyMap<string, ApiKey> = new Map();
  #byCredential: ReadonlyMap<string, ApiKey> = new Map();
  /** Those that counted when they were last looked at. */
  #active: ReadonlySet<string> = new Set();
  #isLooking = false;

  private constructor(options: ApiKeysOptions, file: WatchedFile<ApiKey[]>) {
    this.#options = options;
    this.#file = file;
    this.#index();
    this.#sweep();
    this.#timer = setInterval(() => void this.#look(), options.pollMs ?? POLL_MS).unref();
  }

  /** Without a file there are no keys until there is one. @throws Error of one line: the file is bad */
  static async open(options: ApiKeysOptions): Promise<ApiKeys> {
    const { path, log } = options;
    const file = await WatchedFile.open({ path, parse: parseApiKeys, log });
    if (file.value === undefined) log.warn({ path }, 'there are no API keys: nobody can get in');
    return new ApiKeys(options, file);
  }

  /** Whose key a token is. */
  read(token: string): Identity | Reason {
    const [, id = '', secret = token] = TOKEN.exec(token) ?? [];
    const key = this.#byId.get(id);
    const isRight = timingSafeEqual(
      Buffer.from(hashOf(secret), 'hex'),
      Buffer.from(key?.hash ?? NOBODY, 'hex'),
    );
    if (id === '') return 'malformed';
    if (!key || !isRight) return 'unknown';
    const state = stateOf(key, this.#options.now());
    return state === 'active' ? identityOf(key) : state;
  }

  /** Whether the key behind a credential counts still, and is as it was. */
  isActive(credential: string): boolean {
    const key = this.#byCredential.get(credential);
    return key !== undefined && stateOf(key, this.#options.now()) === 'active';
  }

  /** Calls with the credential of each key that is gone, revoked, expired or changed, within two seconds. */
  onRevoked(listener: (credential: string) => void): Disposable {
    // one of its own for each call: the same function may be added twice
    const own = (credential: string) => listener(credential);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    if (await this.#file.poll()) this.#index();
    this.#isLooking = false;
    this.#sweep();
  }

  #index(): void {
    const keys = this.#file.value ?? [];
    this.#byId = new Map(keys.map((key) => [key.id, key]));
    this.#byCredential = new Map(keys.map((key) => [credentialOf(key), key]));
  }

  /** Tells of those that do not count any more. */
  #sweep(): void {
    const before = this.#active;
    const now = this.#options.now();
    const active = [...this.#byCredential].filter(([, key]) => stateOf(key, now) === 'active');
    this.#active = new Set(active.map(([credential]) => credential));
    for (const credential of before) if (!this.#active.has(credential)) this.#tell(credential);
  }

  #tell(credential: string): void {
    for (const listener of this.#listeners) {
      try {
        listener(credential);
      } catch (error) {
        this.#options.log.error({ err: error }, 'a revoked key could not be told');
      }
    }
  }
}

function identityOf(key: ApiKey): Identity {
  return {
    tenant: key.tenant,
    subject: `key:${key.subject}`,
    person: null,
    rights: new Set(key.rights),
    session: null,
    credential: credentialOf(key),
    expiresAt: key.expires_at === null ? null : Date.parse(key.expires_at),
    ageBand: null,
    locale: null,
  };
}
