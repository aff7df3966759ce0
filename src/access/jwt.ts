// Tokens of an identity provider (JWT). The algorithm is fixed by the kind of the key; nothing in a token says where keys are.
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { Right, Text } from '../contract/model.ts';
import type { Right as RightName } from '../contract/types.ts';
import { digest } from '../store/envelope.ts';
import type { Identity } from './authenticator.ts';
import type { KeyFinder } from './key-set.ts';
import type { Reason } from './reason.ts';
import { parseStrictly } from './strict-json.ts';

const COMPACT = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'] as const;
/** They bring keys along, say where some are, or change how a token is read. */
const REFUSED_HEADERS = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc'];
const TYPES = [undefined, 'jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'];
const TOLERANCE_S = 5;
/** (SAFETY.md SEC-15) */
const LIFE_S = 86_400;
const NAME_CHARS = 200;
const WORD_CHARS = 64;
/** Where a token says nothing: all that people do with sessions of their own. */
const USUAL_RIGHTS: readonly RightName[] = ['create', 'read', 'write', 'export', 'erase'];

const Header = z.looseObject({
  alg: z.enum(ALGORITHMS),
  kid: z.string().optional(),
  typ: z.string().optional(),
});

const name = Text.min(1).max(NAME_CHARS);
const word = Text.min(1).max(WORD_CHARS).nullish();
const Claims = z.object({
  sub: name,
  tenant: name.default('default'),
  rights: z.union([z.string().transform((text) => text.split(/\s+/)), z.array(z.string())]).optional(),
  age_band: word,
  locale: word,
  jti: Text.min(1).optional(),
  exp: z.number(),
  iat: z.number().optional(),
});

export interface JwtOptions {
  issuer: string;
  audience: string;
  keys: KeyFinder;
  /** ms since 1970. */
  now: () => number;
}

/** Reads tokens that one issuer made for one audience. */
export class JwtReader {
  readonly #options: JwtOptions;
  readonly #decoy: KeyObject = generateKeyPairSync('ed25519').publicKey;

  constructor(options: JwtOptions) {
    this.#options = options;
  }

  /** Whose token it is. One signature is looked at, whatever is wrong with the token. @throws STORE_UNAVAILABLE */
  async read(token: string): Promise<Identity | Reason> {
    const header = headerOf(token);
    if (typeof header === 'string') return this.#refuse(token, header);
    const key = await this.#options.keys.find(header.kid, header.alg);
    if (!key) return this.#refuse(token, 'no such key');
    const claims = await this.#verify(token, key, header.alg);
    return typeof claims === 'string' ? claims : this.#identityOf(token, claims);
  }

  /** Takes the time that a wrong signature takes. */
  async #refuse(token: string, reason: Reason): Promise<Reason> {
    const key = this.#decoy.toCryptoKey('Ed25519', false, ['verify']);
    await crypto.subtle.verify('Ed25519', key, new Uint8Array(64), Buffer.from(token));
    return reason;
  }

  async #verify(token: string, key: KeyObject, algorithm: string): Promise<JWTPayload | Reason> {
    const { issuer, audience, now } = this.#options;
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        issuer,
        audience,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: TOLERANCE_S,
        currentDate: new Date(now()),
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return reasonOf(error);
      throw error;
    }
  }

  #identityOf(token: string, payload: JWTPayload): Identity | Reason {
    const [, , body = ''] = COMPACT.exec(token) ?? [];
    const { data: claims } = Claims.safeParse(payload);
    if (!claims || parseStrictly(textOf(body)) === undefined) return 'wrong claims';
    const now = this.#options.now() / 1000;
    if (claims.iat !== undefined && claims.iat > now + TOLERANCE_S) return 'not valid yet';
    if (claims.exp - (claims.iat ?? now) > LIFE_S) return 'made for too long a time';
    const { sub, tenant, rights, exp } = claims;
    return {
      tenant,
      subject: `user:${sub}`,
      person: `user:${sub}`,
      rights: new Set(rights ? Right.options.filter((right) => rights.includes(right)) : USUAL_RIGHTS),
      session: null,
      credential: `jwt.${digest(tenant, sub, claims.jti ?? '', claims.jti === undefined ? body : '')}`,
      expiresAt: Math.floor(exp * 1000),
      ageBand: claims.age_band ?? null,
      locale: claims.locale ?? null,
    };
  }
}

const textOf = (part: string): string => Buffer.from(part, 'base64url').toString('utf8');

function headerOf(token: string): z.output<typeof Header> | Reason {
  const [, first] = COMPACT.exec(token) ?? [];
  const value = first === undefined ? undefined : parseStrictly(textOf(first));
  if (typeof value !== 'object' || value === null) return 'malformed';
  if (REFUSED_HEADERS.some((name) => name in value)) return 'a header that is not allowed';
  const { data: header, error } = Header.safeParse(value);
  if (!header) return error.issues[0]?.path[0] === 'alg' ? 'an algorithm that is not allowed' : 'malformed';
  return TYPES.includes(header.typ?.toLowerCase()) ? header : 'a header that is not allowed';
}

function reasonOf(error: errors.JOSEError): Reason {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'a wrong signature';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'malformed';
  const reasons: Record<string, Reason> = {
    iss: 'another issuer',
    aud: 'another audience',
    nbf: 'not valid yet',
  };
  return reasons[error.claim] ?? 'wrong claims';
}
