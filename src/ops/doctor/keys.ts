// Keys: of the data, of services, and of whoever signs tokens.
import { stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { resolve, sep } from 'node:path';
import { z } from 'zod';
import { apiKeysPath, readApiKeys } from '../../access/api-keys-file.ts';
import { stateOf } from '../../access/api-keys.ts';
import type { KeySet } from '../../access/key-set.ts';
import { parseKeyFile, parseRemoteKeys } from '../../access/key-set.ts';
import { readGuarded } from '../../access/watched-file.ts';
import type { Config } from '../../config.ts';
import { isForOthers } from './alerts.ts';
import { fail, messageOf, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';
import { fetchText } from './http.ts';
import { octal } from './rights.ts';
import { readMasterKeys } from '../master-keys.ts';

const FETCH_MS = 5_000;
const ANSWER_BYTES = 131_072;
/** What others may not do. A group may read: that is how orchestrators hand files to users that are not root. */
const OTHERS = 0o037;
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'];

type MasterConfig = Pick<Config, 'ENCRYPTION_KEY_FILE' | 'DATA_DIR' | 'HOST' | 'AUTH_MODE'>;

/** `needed`: ids of the master keys by which stored data is encrypted; `plain` stands for none. */
export function checkMasters(config: MasterConfig, needed: readonly string[]): Finding[] {
  const { ENCRYPTION_KEY_FILE: file, DATA_DIR: directory } = config;
  const used = needed.filter((id) => id !== 'plain');
  if (file === '') return [judgeWithout(config, used)];
  const path = resolve(file);
  try {
    const ids = readMasterKeys(path).map(({ id }) => id);
    const missing = used.filter((id) => !ids.includes(id));
    return [
      ok('encryption', `${path} has ${ids.length === 1 ? 'a key' : `${ids.length} keys`}`),
      ...missing.map((id) =>
        fail(
          'encryption',
          `data is encrypted with the master key ${id}, which is not in ENCRYPTION_KEY_FILE`,
          'Put its line back there: without it nobody can read those conversations.',
        ),
      ),
      ...(path.startsWith(resolve(directory) + sep) ? [inside] : []),
    ];
  } catch (error) {
    const [text = '', ...advice] = messageOf(error).split(/: (?=set |take |put |it takes )/);
    return [fail('encryption', text, ...advice)];
  }
}

const inside = warn(
  'encryption',
  'the key file lies in DATA_DIR: whoever gets a backup can read everything',
  'Move it elsewhere, and keep a copy apart from the data.',
);

function judgeWithout(config: MasterConfig, used: readonly string[]): Finding {
  if (used.length > 0) {
    const advice = 'Set ENCRYPTION_KEY_FILE to the file with its keys, or another DATA_DIR.';
    return fail('encryption', 'the data is encrypted, and there is no key', advice);
  }
  const text = 'off: what people say is stored as it is';
  const advice = 'npm run keys:init makes a key; then set ENCRYPTION_KEY_FILE (docs/security.md).';
  return isForOthers(config) ? warn('encryption', text, advice) : ok('encryption', text);
}

type AccessConfig = Pick<
  Config,
  'AUTH_MODE' | 'API_KEYS_FILE' | 'DATA_DIR' | 'JWT_KEYS_FILE' | 'JWT_JWKS_URL'
>;

/** Whether those who are to come in can. `now`: ms since 1970. */
export async function checkAccess(config: AccessConfig, now: number): Promise<Finding[]> {
  if (config.AUTH_MODE === 'none') return [ok('access', 'nobody is asked who they are (AUTH_MODE=none)')];
  if (config.AUTH_MODE === 'key')
    return checkApiKeys(apiKeysPath(config.API_KEYS_FILE, config.DATA_DIR), now);
  return config.JWT_KEYS_FILE === ''
    ? checkRemoteKeys(config.JWT_JWKS_URL)
    : checkKeyFile(config.JWT_KEYS_FILE);
}

async function checkApiKeys(path: string, now: number): Promise<Finding[]> {
  try {
    const keys = await readApiKeys(path);
    const active = keys.filter((key) => stateOf(key, now) === 'active').length;
    const isNone = active === 0;
    const advice = 'npm run keys -- create --name NAME makes one; the server sees it at once.';
    const found = isNone
      ? warn('access', `no API key counts in ${path}: nobody gets in`, advice)
      : ok('access', `${active} of ${keys.length} API keys count in ${path}`);
    return [found, ...(await checkMode(path, OTHERS, 'names and tenants of your services'))];
  } catch (error) {
    const advice = 'Bring back a copy of the file, or make its rights 600.';
    return [fail('access', messageOf(error), advice)];
  }
}

/** Nothing of a file that is not there, or where the system knows no rights. */
async function checkMode(path: string, bits: number, what: string): Promise<Finding[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found || platform() === 'win32' || (found.mode & bits) === 0) return [];
  const text = `others may read ${path} (${octal(found.mode)}): ${what}`;
  return [warn('access', text, `chmod 600 ${path}, or 640 for a group`)];
}

const Jwks = z.object({ keys: z.array(z.unknown()) });

/** How many of a set are of use, and how many of those are secrets. */
function countKeys(text: string, parse: (text: string) => KeySet): { usable: number; secret: number } {
  // a set that is none is refused as a whole
  parse(text);
  const sets = Jwks.parse(JSON.parse(text)).keys.map((key) => parse(JSON.stringify({ keys: [key] })));
  const takes = (algorithms: readonly string[]) =>
    sets.filter((set) => algorithms.some((name) => set.find(undefined, name) !== undefined)).length;
  return { usable: takes(ALGORITHMS), secret: takes(['HS256']) };
}

async function checkKeyFile(path: string): Promise<Finding[]> {
  try {
    const text = await readGuarded(path);
    if (text === undefined) throw new Error(`There is no file of JWT keys at ${path}`);
    const { usable, secret } = countKeys(text, parseKeyFile);
    const rights =
      secret === 0
        ? []
        : await checkMode(path, OTHERS, 'there is a secret in it, and tokens can be made with it');
    return [ok('access', `${usable} keys for tokens in ${path}`), ...rights];
  } catch (error) {
    return [
      fail('access', messageOf(error), 'Mend the file that JWT_KEYS_FILE names: a JWK set (RFC 7517).'),
    ];
  }
}

async function checkRemoteKeys(url: string): Promise<Finding[]> {
  const { origin, pathname } = new URL(url);
  const place = `${origin}${pathname}`;
  const advice = 'JWT_JWKS_URL is the `jwks_uri` of your identity provider. Without keys no token counts.';
  try {
    const { usable } = countKeys(await fetchKeys(url), parseRemoteKeys);
    if (usable > 0) return [ok('access', `${usable} keys for tokens at ${place}`)];
    return [fail('access', `${place} has no key of a kind that is taken`, advice)];
  } catch (error) {
    return [fail('access', `no keys for tokens at ${place}: ${messageOf(error)}`, advice)];
  }
}

async function fetchKeys(url: string): Promise<string> {
  const headers = { accept: 'application/json, application/jwk-set+json' };
  const { status, text } = await fetchText(url, { headers, timeoutMs: FETCH_MS, maxBytes: ANSWER_BYTES });
  if (status !== 200) throw new Error(`the address answered ${status}`);
  return text;
}
