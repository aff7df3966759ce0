// Where API keys are kept: a file of JSON that holds no secret, only its hash. Servers read it, a script writes it.
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { Right } from '../contract/model.ts';
import { readGuarded } from './watched-file.ts';

const NAME_CHARS = 64;
const TENANT_CHARS = 200;
const LOCK_TRIES = 100;
const LOCK_WAIT_MS = 50;

const words = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{C}+$/u);
/** What a key, and the subject of several, is called. */
export const KeyName = words(NAME_CHARS);
/** What a tenant is called. */
export const TenantName = words(TENANT_CHARS);

const Time = z.iso.datetime();

const ApiKey = z.object({
  id: z.string().regex(/^[\da-f]{12}$/),
  name: KeyName,
  /** Owns what is made with the key, as `key:<subject>`: keys of one subject see the same sessions. */
  subject: KeyName,
  tenant: TenantName,
  rights: z.array(Right),
  /** SHA-256 of the secret, hex. */
  hash: z.string().regex(/^[\da-f]{64}$/),
  created_at: Time,
  /** When it ends; null: it does not end by itself. */
  expires_at: Time.nullable(),
  revoked_at: Time.nullable(),
});
/** A key as it is kept: without its secret. */
export type ApiKey = z.output<typeof ApiKey>;

const KeysFile = z.object({ version: z.literal(1), keys: z.array(ApiKey) });

/** Where the keys are: in the data directory unless a file is named. */
export const apiKeysPath = (file: string, dataDirectory: string): string =>
  resolve(file === '' ? join(dataDirectory, 'api-keys.json') : file);

/** @throws Error of one line that quotes nothing of the text */
export function parseApiKeys(text: string): ApiKey[] {
  const { keys } = mustBeKeys(text);
  if (new Set(keys.map(({ id }) => id)).size < keys.length) {
    throw new Error('The file of API keys has two keys of one id');
  }
  return keys;
}

function mustBeKeys(text: string): z.output<typeof KeysFile> {
  const parsed = KeysFile.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const place = parsed.error.issues[0]?.path.join('.') || 'all of it';
  throw new Error(`The file of API keys cannot be understood: ${place} is not as it should be`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // the parser's own error quotes the text
    throw new Error('The file of API keys cannot be understood: it is no JSON');
  }
}

/** @throws Error of one line */
export async function readApiKeys(path: string): Promise<ApiKey[]> {
  const text = await readGuarded(path);
  return text === undefined ? [] : parseApiKeys(text);
}

/** Changes the keys in one step: whoever reads sees them as before or as after, and of two changes none is lost. @throws Error of one line */
export async function changeApiKeys<T>(
  path: string,
  change: (keys: readonly ApiKey[]) => { keys: readonly ApiKey[]; outcome: T },
): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const target = await realpath(path).catch(() => path);
  await using _lock = await lock(target);
  const { keys, outcome } = change(await readApiKeys(target));
  await replace(target, `${JSON.stringify({ version: 1, keys }, null, 2)}\n`);
  return outcome;
}

async function lock(path: string): Promise<AsyncDisposable> {
  const name = `${path}.lock`;
  for (let tries = 0; tries < LOCK_TRIES; tries++) {
    try {
      await (await open(name, 'wx', 0o600)).close();
      return { [Symbol.asyncDispose]: () => rm(name, { force: true }) };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      await wait(LOCK_WAIT_MS);
    }
  }
  throw new Error(`Somebody else changes the keys. If nobody does, remove ${name}`);
}

/** On disk before it is seen, and seen whole. */
async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeThrough(draft, text, await ownerOf(path));
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await using directory = await open(dirname(path), 'r');
  await directory.sync().catch(() => {});
}

/** Whose a new file is to be: the server reads it, whoever runs the script. */
async function ownerOf(path: string): Promise<Pick<Stats, 'uid' | 'gid'>> {
  return await stat(path).catch(() => stat(dirname(path)));
}

async function writeThrough(path: string, text: string, owner: Pick<Stats, 'uid' | 'gid'>): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  const { uid, gid } = await file.stat();
  if (uid !== owner.uid || gid !== owner.gid) await file.chown(owner.uid, owner.gid).catch(() => {});
  await file.writeFile(text);
  await file.sync();
}
