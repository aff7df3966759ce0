// Who may come into the server of a run, with what, and what everybody else hands in instead.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApiKey } from '../../src/access/api-keys-file.ts';
import { newApiKey } from '../../src/access/api-keys.ts';
import type { Right } from '../../src/contract/types.ts';
import { newSigner, setOf, tokenOf } from '../support/jwt.ts';

const people = ['ada', 'bea', 'weak', 'eve', 'ivy', 'mal', 'cyd', 'dan'] as const;
export type Person = (typeof people)[number];
const southerners: readonly Person[] = ['cyd', 'dan'];

const tenantOf = (person: Person): string => (southerners.includes(person) ? 'south' : 'north');
const all: Right[] = ['create', 'read', 'write', 'export', 'erase', 'grant'];
const rightsOf = (person: Person): Right[] => (person === 'weak' ? ['read'] : all);

/** Settings of a server, and what counts there and what does not. */
export interface Tokens {
  env: Record<string, string>;
  of: Record<Person, string>;
  bad: { expired: string; early: string; forged: string; foreign: string; mutated: string };
}

const each = <T>(make: (person: Person) => T): Record<Person, T> =>
  Object.fromEntries(people.map((person) => [person, make(person)])) as Record<Person, T>;

/** One bit of what stands between two dots is another. */
function mutate(token: string, part: number): string {
  const parts = token.split('.');
  const bytes = Buffer.from(parts[part] ?? '', 'base64url');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return parts.with(part, bytes.toString('base64url')).join('.');
}

/** People, who have tokens of an issuer. */
export async function peopleTokens(directory: string): Promise<Tokens> {
  const signer = newSigner('EdDSA', 'one');
  const stranger = newSigner('EdDSA', 'one');
  const path = join(directory, 'issuer.json');
  await writeFile(path, setOf(signer), { mode: 0o600 });
  const iat = Math.floor(Date.now() / 1000);
  const claimsOf = (person: Person) => ({
    sub: person,
    tenant: tenantOf(person),
    rights: rightsOf(person),
    iat,
    exp: iat + 80_000,
  });
  const of = each((person) => tokenOf(signer, claimsOf(person)));
  const spoilt = (claims: object) => tokenOf(signer, { ...claimsOf('ada'), ...claims });
  return {
    env: {
      AUTH_MODE: 'jwt',
      JWT_ISSUER: 'https://id.example.org/',
      JWT_AUDIENCE: 'stillpoint',
      JWT_KEYS_FILE: path,
    },
    of,
    bad: {
      expired: spoilt({ iat: iat - 200, exp: iat - 100 }),
      early: spoilt({ nbf: iat + 70_000 }),
      forged: tokenOf(stranger, claimsOf('ada')),
      foreign: spoilt({ iss: 'https://evil.example/' }),
      mutated: mutate(of.ada, 2),
    },
  };
}

/** Services, who have keys. */
export async function serviceTokens(directory: string): Promise<Tokens> {
  const path = join(directory, 'api-keys.json');
  const keys: ApiKey[] = [];
  const add = (name: string, person: Person, changes: Partial<ApiKey> = {}): string => {
    const { id, token, hash } = newApiKey();
    const created_at = new Date(Date.now() - 10_000).toISOString();
    const key = { id, name, subject: person, tenant: tenantOf(person), rights: rightsOf(person), hash };
    keys.push({ ...key, created_at, expires_at: null, revoked_at: null, ...changes });
    return token;
  };
  const of = each((person) => add(person, person));
  const past = new Date(Date.now() - 1_000).toISOString();
  const expired = add('expired', 'ada', { expires_at: past });
  const foreign = add('revoked', 'ada', { revoked_at: past });
  await writeFile(path, JSON.stringify({ version: 1, keys }), { mode: 0o600 });
  return {
    env: { AUTH_MODE: 'key', API_KEYS_FILE: path },
    of,
    bad: {
      expired,
      early: newApiKey().token,
      forged: of.ada.slice(0, 17) + of.dan.slice(17),
      foreign,
      mutated: of.ada.slice(0, 17) + (of.ada[17] === 'A' ? 'B' : 'A') + of.ada.slice(18),
    },
  };
}
