import { Right } from '../contract/model.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AccessStore } from '../store/access.ts';
import { sessionKey } from '../store/envelope.ts';
import { ApiKeys } from './api-keys.ts';
import type { Authenticator, Identity } from './authenticator.ts';
import { isCapability, readCapability } from './capabilities.ts';
import type { Reason, RefusalLog } from './reason.ts';

/** Longer tokens are not looked at. */
const TOKEN_CHARS = 4096;

/** Somebody nobody asked for anything. */
export const anonymous: Identity = {
  tenant: 'default',
  subject: 'anonymous',
  person: null,
  rights: new Set(Right.options),
  session: null,
  credential: '',
  expiresAt: null,
  ageBand: null,
  locale: null,
};

interface JwtSettings {
  issuer: string;
  audience: string;
  /** Where the keys are: one of the two, the other is ''. */
  keysFile: string;
  jwksUrl: string;
}

export interface AuthenticatorOptions {
  mode: 'none' | 'key' | 'jwt';
  /** The file of API keys; `apiKeysPath` says where it is. */
  apiKeysFile: string;
  jwt: JwtSettings;
  store: Pick<AccessStore, 'capability'>;
  refusals: Pick<RefusalLog, 'report'>;
  /** ms since 1970. */
  now: () => number;
  log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** How often files of keys are looked at. */
  pollMs?: number;
}

/** What a mode knows besides capabilities, which count in each. */
interface Mode extends Disposable {
  read(token: string | null): Promise<Identity | Reason>;
  /** Null: there are none here. */
  keys: ApiKeys | null;
}

/** By mode. Rejects with an Error of one line, fit for the person who starts the server. */
export async function openAuthenticator(options: AuthenticatorOptions): Promise<Authenticator> {
  return new ModeAuthenticator(options, await openMode(options));
}

async function openMode(options: AuthenticatorOptions): Promise<Mode> {
  if (options.mode === 'none') return { read: async () => anonymous, keys: null, [Symbol.dispose]: () => {} };
  if (options.mode === 'jwt') return openJwt(options);
  const { apiKeysFile: path, ...rest } = options;
  const keys = await ApiKeys.open({ path, ...rest });
  return {
    read: async (token) => (token === null ? 'nothing was handed in' : keys.read(token)),
    keys,
    [Symbol.dispose]: () => keys[Symbol.dispose](),
  };
}

async function openJwt({ jwt, log, now, pollMs }: AuthenticatorOptions): Promise<Mode> {
  const { issuer, audience, keysFile, jwksUrl } = jwt;
  if (issuer === '' || audience === '') throw new Error('AUTH_MODE=jwt needs JWT_ISSUER and JWT_AUDIENCE.');
  if ((keysFile === '') === (jwksUrl === '')) {
    throw new Error('AUTH_MODE=jwt needs either JWT_KEYS_FILE or JWT_JWKS_URL, and not both.');
  }
  // loaded where it is used only: every start would pay for it
  const [{ JwtReader }, { FileKeys }, { RemoteKeys }] = await Promise.all([
    import('./jwt.ts'),
    import('./file-keys.ts'),
    import('./remote-keys.ts'),
  ]);
  const keys =
    jwksUrl === '' ? await FileKeys.open(keysFile, log, pollMs) : RemoteKeys.open({ url: jwksUrl, log });
  const reader = new JwtReader({ issuer, audience, keys, now });
  return {
    read: async (token) => (token === null ? 'nothing was handed in' : reader.read(token)),
    keys: null,
    [Symbol.dispose]: () => keys[Symbol.dispose](),
  };
}

class ModeAuthenticator implements Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #mode: Mode;

  constructor(options: AuthenticatorOptions, mode: Mode) {
    this.#options = options;
    this.#mode = mode;
  }

  async authenticate(token: string | null): Promise<Identity> {
    const found = await this.#read(token);
    if (typeof found !== 'string') return found;
    this.#options.refusals.report(found);
    throw new AppError('UNAUTHENTICATED');
  }

  async stillCounts({ credential, session }: Identity): Promise<boolean> {
    if (credential === '' || credential.startsWith('jwt.')) return true;
    if (credential.startsWith('key.')) return this.#mode.keys?.isActive(credential) ?? false;
    if (session === null) return false;
    const found = await this.#options.store.capability(sessionKey(session), credential);
    return found?.session.epoch === session.epoch;
  }

  onRevoked(listener: (credential: string) => void): Disposable {
    return this.#mode.keys?.onRevoked(listener) ?? { [Symbol.dispose]: () => {} };
  }

  [Symbol.dispose](): void {
    this.#mode[Symbol.dispose]();
  }

  async #read(token: string | null): Promise<Identity | Reason> {
    const { store, now } = this.#options;
    if (token !== null && token.length > TOKEN_CHARS) return 'too long';
    if (token !== null && isCapability(token)) return readCapability(store, token, now());
    return this.#mode.read(token);
  }
}
