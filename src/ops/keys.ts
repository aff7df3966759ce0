// The script of `npm run keys`: makes, lists, ends and replaces API keys. A server that runs sees it within two seconds.
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { KeyName, TenantName, apiKeysPath, changeApiKeys, readApiKeys } from '../access/api-keys-file.ts';
import type { ApiKey } from '../access/api-keys-file.ts';
import { newApiKey, stateOf } from '../access/api-keys.ts';
import { ConfigError, readConfig } from '../config.ts';
import { Right } from '../contract/model.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_DAYS = 3650;
const MAX_HOURS = 8760;
const OVERLAP_HOURS = 24;
const SERVICE = 'service';

const HELP = [
  'Usage: npm run keys -- COMMAND [options]',
  '',
  '  create --name NAME      makes a key and prints its token, once',
  '    --tenant TENANT       whose sessions it works on: default, unless said',
  '    --subject SUBJECT     keys of one subject share their sessions: service, unless said',
  `    --rights LIST         of ${Right.options.join(',')}: all, unless said`,
  '    --days N              when it ends: never, unless said',
  '  list                    all keys, without their secrets',
  '  revoke ID               ends a key now',
  '  rotate ID               makes a key for the same, and lets the old one end',
  `    --hours N             how long the old one still counts: ${OVERLAP_HOURS}, unless said`,
  '',
  '  --json                  the answer as JSON',
  '',
  'The keys are in API_KEYS_FILE, by default api-keys.json in DATA_DIR. A server with AUTH_MODE=key reads the file again',
  'when it changes. Several servers may share the file or have copies of it.',
].join('\n');

/** What is said, and with which exit status. */
interface Answer {
  code: 0 | 1 | 2;
  text: string;
}

class UsageError extends Error {}

interface Place {
  path: string;
  now: number;
}

const flags = { json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' } } as const;
const word = { type: 'string' } as const;

/** The answer to a command line in this environment. `now`: ms since 1970. */
export async function answerTo(
  [command = 'help', ...args]: string[],
  environment: Record<string, string | undefined>,
  now: number = Date.now(),
): Promise<Answer> {
  if (['help', '--help', '-h'].includes(command)) return { code: 0, text: HELP };
  try {
    const { DATA_DIR, API_KEYS_FILE } = environment;
    const config = readConfig({ DATA_DIR, API_KEYS_FILE });
    const path = apiKeysPath(config.API_KEYS_FILE, config.DATA_DIR);
    return { code: 0, text: await run(command, args, { path, now }) };
  } catch (error) {
    if (error instanceof ConfigError) return { code: 2, text: error.lines.join('\n') };
    if (error instanceof UsageError) return { code: 2, text: error.message };
    return { code: 1, text: error instanceof Error ? error.message : String(error) };
  }
}

function run(command: string, args: string[], place: Place): string | Promise<string> {
  if (command === 'create') return create(args, place);
  if (command === 'list') return list(args, place);
  if (command === 'revoke') return revoke(args, place);
  if (command === 'rotate') return rotate(args, place);
  throw new UsageError(`There is no command ${JSON.stringify(command)}: create, list, revoke, rotate`);
}

async function create(args: string[], { path, now }: Place): Promise<string> {
  const options = { ...flags, name: word, tenant: word, subject: word, rights: word, days: word };
  const { values } = parsed({ args, options });
  if (values.help) return HELP;
  if (values.name === undefined) throw new UsageError('A key needs a name: --name crm');
  const days = wholeOf(values.days, '--days', MAX_DAYS);
  const plan = {
    name: named(KeyName, values.name, '--name'),
    subject: named(KeyName, values.subject ?? SERVICE, '--subject'),
    tenant: named(TenantName, values.tenant ?? 'default', '--tenant'),
    rights: rightsOf(values.rights),
    expires_at: days === undefined ? null : toTime(now + days * DAY_MS),
  };
  const { key, token } = makeKey(plan, now);
  await changeApiKeys(path, (keys) => ({ keys: [...keys, key], outcome: undefined }));
  return values.json ? asJson({ ...shown(key, now), token }) : told(key, token);
}

async function list(args: string[], { path, now }: Place): Promise<string> {
  const { values } = parsed({ args, options: flags });
  if (values.help) return HELP;
  const keys = await readApiKeys(path);
  if (values.json) return asJson(keys.map((key) => shown(key, now)));
  return keys.length === 0 ? `There are no keys in ${path}` : table(keys, now);
}

async function revoke(args: string[], { path, now }: Place): Promise<string> {
  const { values, positionals } = parsed({ args, options: flags, allowPositionals: true });
  if (values.help) return HELP;
  const id = idOf(positionals);
  const key = await changeApiKeys(path, (keys) => {
    const old = mustKey(keys, id);
    const revoked = { ...old, revoked_at: old.revoked_at ?? toTime(now) };
    return { keys: keys.map((one) => (one === old ? revoked : one)), outcome: revoked };
  });
  return values.json ? asJson(shown(key, now)) : `${id} (${key.name}) does not count any more.`;
}

async function rotate(args: string[], { path, now }: Place): Promise<string> {
  const options = { ...flags, hours: word };
  const { values, positionals } = parsed({ args, options, allowPositionals: true });
  if (values.help) return HELP;
  const id = idOf(positionals);
  const hours = wholeOf(values.hours, '--hours', MAX_HOURS) ?? OVERLAP_HOURS;
  const { key, token, old } = await changeApiKeys(path, (keys) => {
    const before = mustKey(keys, id);
    const state = stateOf(before, now);
    if (state !== 'active') throw new Error(`${id} is ${state}: make a new key with create.`);
    const old = { ...before, expires_at: earlier(before.expires_at, now + hours * HOUR_MS) };
    const made = makeKey({ ...before, expires_at: sameLife(before, now) }, now);
    return {
      keys: [...keys.map((one) => (one === before ? old : one)), made.key],
      outcome: { ...made, old },
    };
  });
  if (values.json) return asJson({ ...shown(key, now), token, replaces: shown(old, now) });
  return `${told(key, token)}\n\nThe old key ${id} ends ${old.expires_at ?? ''}.`;
}

function makeKey(
  { name, subject, tenant, rights, expires_at }: Omit<ApiKey, 'id' | 'hash' | 'created_at' | 'revoked_at'>,
  now: number,
): { key: ApiKey; token: string } {
  const { id, token, hash } = newApiKey();
  const created_at = toTime(now);
  return {
    key: { id, name, subject, tenant, rights, hash, created_at, expires_at, revoked_at: null },
    token,
  };
}

const toTime = (at: number): string => new Date(at).toISOString();

const earlier = (end: string | null, at: number): string =>
  toTime(end === null ? at : Math.min(Date.parse(end), at));

/** A key that replaces another one lives as long as that was to. */
const sameLife = ({ created_at, expires_at }: ApiKey, now: number): string | null =>
  expires_at === null ? null : toTime(now + Date.parse(expires_at) - Date.parse(created_at));

/** @throws UsageError */
function parsed<T extends ParseArgsConfig>(config: T) {
  try {
    return parseArgs(config);
  } catch (error) {
    const [reason] = String(error instanceof Error ? error.message : error).split('\n');
    throw new UsageError(reason, { cause: error });
  }
}

function idOf([id, ...more]: string[]): string {
  if (id === undefined || more.length > 0) throw new UsageError('Which key? Give one id, as in the list.');
  return id;
}

function mustKey(keys: readonly ApiKey[], id: string): ApiKey {
  const key = keys.find((one) => one.id === id);
  // what was typed is not repeated: it may be a token
  if (!key) throw new Error('There is no key of that id; npm run keys -- list shows all.');
  return key;
}

function named(schema: typeof KeyName, value: string, option: string): string {
  const found = schema.safeParse(value.trim());
  if (found.success) return found.data;
  throw new UsageError(`${option} takes a name in one line that is not too long.`);
}

function rightsOf(text: string | undefined): ApiKey['rights'] {
  if (text === undefined) return [...Right.options];
  const given = text.split(',').map((one) => one.trim());
  const strange = given.find((one) => !Right.safeParse(one).success);
  if (strange === undefined) return Right.options.filter((right) => given.includes(right));
  throw new UsageError(
    `--rights takes ${Right.options.join(',')}; ${JSON.stringify(strange)} is none of them.`,
  );
}

function wholeOf(text: string | undefined, option: string, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw new UsageError(`${option} takes a whole number from 1 to ${max}.`);
}

const asJson = (value: unknown): string => JSON.stringify(value, null, 2);

/** A key without what its secret could be checked with. */
function shown({ hash: _, ...key }: ApiKey, now: number): Omit<ApiKey, 'hash'> & { state: string } {
  return { ...key, state: stateOf({ hash: _, ...key }, now) };
}

function told(key: ApiKey, token: string): string {
  const rows: [string, string][] = [
    ['id', key.id],
    ['name', key.name],
    ['tenant', key.tenant],
    ['subject', key.subject],
    ['rights', key.rights.join(',')],
    ['ends', key.expires_at ?? 'never'],
    ['token', token],
  ];
  const lines = rows.map(([name, value]) => `${name.padEnd(7)}  ${value}`);
  return [...lines, '', 'The token is shown this once. Keep it where only your backend can read it.'].join(
    '\n',
  );
}

function table(keys: readonly ApiKey[], now: number): string {
  const head = ['ID', 'NAME', 'TENANT', 'SUBJECT', 'RIGHTS', 'CREATED', 'ENDS', 'STATE'];
  const rows = keys.map((key) => [
    key.id,
    key.name,
    key.tenant,
    key.subject,
    key.rights.join(','),
    key.created_at.slice(0, 10),
    key.expires_at?.slice(0, 16) ?? 'never',
    stateOf(key, now),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return [head, ...rows].map((row) => line(row).trimEnd()).join('\n');
}

if (import.meta.main) {
  const { code, text } = await answerTo(process.argv.slice(2), process.env);
  (code === 0 ? process.stdout : process.stderr).write(`${text}\n`);
  process.exitCode = code;
}
