// An identity provider of the tests: keys of each kind, tokens as it makes them, and tokens that nobody should take.
import { createHmac, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { createChanges, until } from './wait.ts';

export const ISSUER = 'https://id.example.org/';
export const AUDIENCE = 'stillpoint';
/** 2026-01-01T00:00:00Z, in seconds. */
export const NOW_S = 1_767_225_600;

export type Algorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA' | 'HS256';

export interface Signer {
  algorithm: Algorithm;
  kid: string;
  key: KeyObject | Buffer;
  /** As it stands in a set: the public half, or the secret. */
  jwk: JsonWebKey & { kid: string };
}

const base64url = (value: string | Buffer): string => Buffer.from(value).toString('base64url');

export function newSigner(algorithm: Algorithm, kid: string = algorithm): Signer {
  if (algorithm === 'HS256') {
    const key = randomBytes(32);
    return { algorithm, kid, key, jwk: { kty: 'oct', kid, k: base64url(key) } };
  }
  const { privateKey } = pairFor(algorithm);
  const jwk = { ...createPublicKey(privateKey).export({ format: 'jwk' }), kid };
  return { algorithm, kid, key: privateKey, jwk };
}

function pairFor(algorithm: Exclude<Algorithm, 'HS256'>): { privateKey: KeyObject } {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

function signatureOf({ algorithm, key }: Signer, text: string): Buffer {
  if (Buffer.isBuffer(key)) return createHmac('sha256', key).update(text).digest();
  const data = Buffer.from(text);
  if (algorithm === 'EdDSA') return sign(null, data, key);
  if (algorithm === 'ES256') return sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
  // 6: RSA_PKCS1_PSS_PADDING
  return algorithm === 'PS256'
    ? sign('sha256', data, { key, padding: 6, saltLength: 32 })
    : sign('sha256', data, key);
}

/** A token with these texts in it, whatever they are, and a right signature. */
export function signText(signer: Signer, header: string, payload: string): string {
  const text = `${base64url(header)}.${base64url(payload)}`;
  return `${text}.${base64url(signatureOf(signer, text))}`;
}

/** Claims that are taken at `NOW_S`, for an hour. */
export const goodClaims = { iss: ISSUER, aud: AUDIENCE, sub: 'ada', iat: NOW_S, exp: NOW_S + 3600 };

/** A token that is taken, unless `claims` or `header` spoil it; undefined leaves one out. */
export function tokenOf(signer: Signer, claims: object = {}, header: object = {}): string {
  const { algorithm: alg, kid } = signer;
  return signText(
    signer,
    JSON.stringify({ alg, kid, typ: 'JWT', ...header }),
    JSON.stringify({ ...goodClaims, ...claims }),
  );
}

export const setOf = (...signers: Pick<Signer, 'jwk'>[]): string =>
  JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });

/** Where a provider shows its keys. */
export class KeyServer implements AsyncDisposable {
  /** What it answers with. */
  body = '{"keys":[]}';
  status = 200;
  headers: Record<string, string> = {};
  /** Whether it answers at all. */
  isSilent = false;
  calls = 0;
  readonly #changes = createChanges();
  readonly #held = new Set<ServerResponse>();
  readonly #server = createServer((_req, res) => {
    this.calls += 1;
    if (this.isSilent) this.#held.add(res);
    else res.writeHead(this.status, this.headers).end(this.body);
    this.#changes.notify();
  });

  static async open(): Promise<KeyServer> {
    const server = new KeyServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/keys`;
  }

  /** Resolves once it was asked so often. */
  async asked(count: number): Promise<void> {
    await until(() => this.calls >= count, this.#changes.subscribe, `${count} calls`);
  }

  /** Answers those that wait. */
  answer(): void {
    this.isSilent = false;
    for (const res of this.#held) res.writeHead(this.status, this.headers).end(this.body);
    this.#held.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
