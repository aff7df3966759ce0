// Public keys of whoever signs tokens (JWKS, RFC 7517). What a key may be used for follows from its kind, never from a token.
import { createPublicKey, createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';

const RSA_BITS = 2048;
const SECRET_BYTES = 32;
/** Of private keys (RFC 7518); a public key has none of them. */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv'];

const Jwk = z.looseObject({
  kty: z.string(),
  kid: z.string().optional(),
  crv: z.string().default(''),
  alg: z.string().optional(),
  use: z.string().optional(),
  key_ops: z.array(z.string()).optional(),
  /** What it is made of. */
  n: z.string().default(''),
  e: z.string().default(''),
  x: z.string().default(''),
  y: z.string().default(''),
  k: z.string().default(''),
});
type Jwk = z.output<typeof Jwk>;
const Jwks = z.object({ keys: z.array(z.unknown()) });

/** A key and what it verifies. */
interface VerifyKey {
  kid: string | undefined;
  algorithms: readonly string[];
  key: KeyObject;
}

/** Finds the key that a token names. */
export interface KeyFinder extends Disposable {
  /** The one of that id and for that algorithm; undefined where there is none, or where a token without an id may mean several. @throws STORE_UNAVAILABLE the keys cannot be fetched */
  find(kid: string | undefined, algorithm: string): Promise<KeyObject | undefined>;
}

export class KeySet {
  readonly #keys: readonly VerifyKey[];

  constructor(keys: readonly VerifyKey[]) {
    this.#keys = keys;
  }

  find(kid: string | undefined, algorithm: string): KeyObject | undefined {
    const [first, second] = this.#keys.filter(
      (one) => (kid === undefined || one.kid === kid) && one.algorithms.includes(algorithm),
    );
    return second ? undefined : first?.key;
  }
}

/** The keys of a file, all of which have to be good. @throws Error of one line that quotes nothing of the text */
export function parseKeyFile(text: string): KeySet {
  const keys = keysIn(text).map((jwk, index) => {
    try {
      return verifyKey(jwk, true);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'it cannot be read';
      throw new Error(`Key ${index + 1} of the file of JWT keys cannot be used: ${reason}`, { cause: error });
    }
  });
  const names = keys.flatMap(({ kid, algorithms }) => algorithms.map((name) => `${name} ${kid ?? ''}`));
  if (keys.length === 0) throw new Error('There is no key in the file of JWT keys');
  if (new Set(names).size < names.length) throw new Error('Two of the JWT keys have one kid, or both none');
  return new KeySet(keys);
}

/** Those of a set from elsewhere that can be used; secrets are never among them. @throws Error of one line: it is no set */
export function parseRemoteKeys(text: string): KeySet {
  const keys = keysIn(text).flatMap((jwk) => {
    try {
      return [verifyKey(jwk, false)];
    } catch {
      return [];
    }
  });
  return new KeySet(keys);
}

function keysIn(text: string): unknown[] {
  const parsed = Jwks.safeParse(jsonOf(text));
  if (!parsed.success) throw new Error('The JWT keys are no set of keys: {"keys": […]}');
  return parsed.data.keys;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // the parser's own error quotes the text, which may hold secrets
    throw new Error('The JWT keys are no JSON');
  }
}

/** @throws Error why it cannot be used */
function verifyKey(value: unknown, mayBeSecret: boolean): VerifyKey {
  const parsed = Jwk.safeParse(value);
  if (!parsed.success) throw new Error('it is no key');
  const jwk = parsed.data;
  if (PRIVATE.some((name) => name in jwk))
    throw new Error('it is private, and only its public part belongs here');
  const isForVerifying = (jwk.use ?? 'sig') === 'sig' && (jwk.key_ops?.includes('verify') ?? true);
  if (!isForVerifying) throw new Error('it is not for verifying');
  const ofItsKind = algorithmsOf(jwk);
  const algorithms = ofItsKind.filter((name) => jwk.alg === undefined || jwk.alg === name);
  if (algorithms.length === 0) throw new Error('its kind, curve or algorithm is not one that is taken');
  const key = jwk.kty === 'oct' ? secretOf(jwk, mayBeSecret) : publicOf(jwk);
  return { kid: jwk.kid, algorithms, key };
}

function algorithmsOf({ kty, crv }: Jwk): readonly string[] {
  if (kty === 'RSA') return ['RS256', 'PS256'];
  if (kty === 'EC' && crv === 'P-256') return ['ES256'];
  if (kty === 'OKP' && crv === 'Ed25519') return ['EdDSA'];
  return kty === 'oct' ? ['HS256'] : [];
}

function secretOf({ k }: Jwk, isAllowed: boolean): KeyObject {
  if (!isAllowed) throw new Error('it is a secret');
  const bytes = Buffer.from(k, 'base64url');
  if (bytes.length < SECRET_BYTES) throw new Error(`a secret needs ${SECRET_BYTES} bytes at least`);
  return createSecretKey(bytes);
}

function publicOf(jwk: Jwk): KeyObject {
  const key = readPublic(jwk);
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < RSA_BITS) throw new Error(`RSA needs ${RSA_BITS} bits at least`);
  return key;
}

function readPublic({ kty, crv, n, e, x, y }: Jwk): KeyObject {
  try {
    const key = { kty, ...(kty === 'RSA' ? { n, e } : { crv, x, y }) };
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    throw new Error('it is damaged');
  }
}
