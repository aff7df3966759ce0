// People of the tests and what they hand in, by the mode of the server that they come to.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { changeApiKeys } from '../../src/access/api-keys-file.ts';
import { newApiKey } from '../../src/access/api-keys.ts';
import { Right } from '../../src/contract/model.ts';
import type { Right as RightName } from '../../src/contract/types.ts';
import { AUDIENCE, ISSUER, newSigner, setOf, tokenOf } from './jwt.ts';
import { newFolder } from './store-folder.ts';

export interface Person {
  tenant: string;
  name: string;
  /** Default: all there are. */
  rights?: readonly RightName[];
}

/** Gives out tokens; disposing removes its files. */
export interface TokenDesk extends AsyncDisposable {
  /** What a server needs to take its tokens. */
  readonly env: Record<string, string>;
  /** In mode `key` a server that runs takes it once it has looked at its file again. */
  token(person: Person): Promise<string>;
}

const LIFE_S = 3_600;
const signer = newSigner('ES256');

/** A token of a person as the issuer of the tests makes it; times are seconds since 1970. */
export function personToken(
  { tenant, name, rights = Right.options }: Person,
  nowS = Math.floor(Date.now() / 1000),
  lifeS = LIFE_S,
): string {
  return tokenOf(signer, { sub: name, tenant, rights, iat: nowS, exp: nowS + lifeS });
}

export async function openJwtDesk(): Promise<TokenDesk> {
  const folder = await newFolder();
  const file = join(folder.path, 'jwks.json');
  await writeFile(file, setOf(signer), { mode: 0o600 });
  const env = {
    AUTH_MODE: 'jwt',
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    JWT_KEYS_FILE: file,
  };
  return {
    env,
    token: async (person) => personToken(person),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

export interface KeyDesk extends TokenDesk {
  /** Where the keys lie. */
  readonly file: string;
  /** Takes a key back; servers find it the next time they look at the file. */
  revoke(token: string): Promise<void>;
}

export async function openKeyDesk(): Promise<KeyDesk> {
  const folder = await newFolder();
  const file = join(folder.path, 'api-keys.json');
  return {
    env: { AUTH_MODE: 'key', API_KEYS_FILE: file },
    file,
    token: ({ tenant, name, rights = Right.options }) => {
      const { id, token, hash } = newApiKey();
      const created_at = new Date().toISOString();
      const ends = { expires_at: null, revoked_at: null };
      const key = { id, name: id, subject: name, tenant, rights: [...rights], hash, created_at, ...ends };
      return changeApiKeys(file, (keys) => ({ keys: [...keys, key], outcome: token }));
    },
    revoke: (token) =>
      changeApiKeys(file, (keys) => ({
        keys: keys.map((key) =>
          token.includes(key.id) ? { ...key, revoked_at: new Date().toISOString() } : key,
        ),
        outcome: undefined,
      })),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

export const bearer = (token: string | null): Record<string, string> =>
  token === null ? {} : { Authorization: `Bearer ${token}` };
