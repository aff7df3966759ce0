// The environment as one object. docs/reference/configuration.md is made from the descriptions here.
import { isIP } from 'node:net';
import { z } from 'zod';
import { checkAlerts, checkTokens, isLoopback, openDoor } from './config-checks.ts';

const whole = (min: number, max: number, value: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .refine((n) => n >= min && n <= max)
    .default(value)
    .meta({ hint: `a whole number from ${min} to ${max}` });

const oneOf = <const T extends readonly [string, ...string[]]>(values: T, value: T[number]) =>
  z
    .enum(values)
    .default(value)
    .meta({ hint: `one of ${values.join(', ')}` });

const flag = z
  .enum(['0', '1'])
  .default('0')
  .transform((value) => value === '1')
  .meta({ hint: '0 or 1' });

const text = (value: string) => z.string().trim().min(1).default(value).meta({ hint: 'text' });

const maybe = z
  .string()
  .trim()
  .regex(/^\P{Cc}*$/u)
  .default('')
  .meta({ hint: 'text in one line' });

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  try {
    decodeURIComponent(`${username}:${password}`);
  } catch {
    return false;
  }
  return protocol === 'http:' || protocol === 'https:';
}

/** They may hold a password, so bad ones are not repeated. */
const httpUrls = (value: string) =>
  z
    .string()
    .default(value)
    .transform((list) => list.split(',').flatMap((url) => url.trim() || []))
    .refine((list) => list.length > 0 && list.every(isHttpUrl))
    .meta({ hint: 'http or https addresses, in full, with commas between', isSecret: true });

const isRedisUrl = (text: string): boolean =>
  URL.canParse(text) && /^rediss?:$/.test(new URL(text).protocol) && new URL(text).hostname !== '';

const redisUrls = z
  .string()
  .default('')
  .transform((list) => list.split(',').flatMap((url) => url.trim() || []))
  .refine((list) => list.every(isRedisUrl))
  .meta({ hint: 'redis or rediss addresses, in full, with commas between', isSecret: true });

const optionalUrl = z
  .string()
  .default('')
  .refine((value) => value === '' || isHttpUrl(value))
  .meta({ hint: 'an http or https address, in full', isSecret: true });

const SECRET_CHARS = 32;
const secret = z
  .string()
  .default('')
  .refine((value) => value === '' || (value.length >= SECRET_CHARS && /^[!-~]+$/.test(value)))
  .meta({ hint: `at least ${SECRET_CHARS} printable ASCII characters without spaces`, isSecret: true });

const secretText = z
  .string()
  .regex(/^\P{Cc}*$/u)
  .default('')
  .meta({ hint: 'text in one line', isSecret: true });

/** Names with commas between. */
const names = z
  .string()
  .default('')
  .transform((list) => list.split(',').flatMap((name) => name.trim().toLowerCase() || []))
  .meta({ hint: 'names with commas between' });

/** Where the keys of an issuer are had: over the open net only encrypted. */
const keysUrl = z
  .string()
  .default('')
  .refine((value) => value === '' || (isHttpUrl(value) && isSafe(new URL(value))))
  .meta({ hint: 'an https address, in full and without a password; http only on loopback' });

function isSafe({ protocol, hostname, username, password }: URL): boolean {
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

/** An address, a network as address/bits, or the word `loopback`. */
function isNetwork(name: string): boolean {
  const [address = '', bits, ...more] = name.split('/');
  const family = isIP(address);
  const isWide = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
  return name === 'loopback' || (family !== 0 && isWide && more.length === 0);
}

const networks = names
  .refine((list) => list.every(isNetwork))
  .meta({ hint: 'addresses, networks such as 10.0.0.0/8, or `loopback`, with commas between' });

/** A file; what is only spaces was meant to be one. */
const path = z
  .string()
  .regex(/^(\P{Cc}*\S\P{Cc}*)?$/u)
  .transform((value) => value.trim())
  .default('')
  .meta({ hint: 'the name of a file' });

const DAYS_MAX = 36_500;
const daysByTenant = z
  .string()
  .regex(/^(\s*[^=,\s][^=,]*=\s*\d{1,5}\s*(,|$))*$/)
  .default('')
  .transform((list) => new Map(list.split(',').flatMap(daysOf)))
  .refine((days) => [...days.values()].every((value) => value <= DAYS_MAX))
  .meta({ hint: `tenant=days with commas between, days from 0 to ${DAYS_MAX}` });

function daysOf(entry: string): [tenant: string, days: number][] {
  const at = entry.lastIndexOf('=');
  return at < 0 ? [] : [[entry.slice(0, at).trim(), Number(entry.slice(at + 1))]];
}

/** What Ollama reads as a duration; the adapter's `parseKeepAlive` takes the same. */
const duration = (value: string) =>
  z
    .string()
    .trim()
    .regex(/^[+-]?(\d+(\.\d+)?|(\d+(\.\d+)?(h|ms|m|us|µs|ns|s))+)$/)
    .default(value)
    .meta({ hint: 'seconds, or a duration such as 5m or 1h30m' });

/** As browsers write it. */
const isOrigin = (text: string): boolean =>
  isHttpUrl(text) && !text.includes('*') && new URL(text).origin === text;

/** Exact origins; `*` would let every page in. */
const origins = z
  .string()
  .default('')
  .transform((list) => list.split(',').flatMap((origin) => origin.trim() || []))
  .refine((list) => list.every(isOrigin))
  .meta({ hint: 'origins such as https://chat.example.org, with commas between; * is not one' });

const settings = {
  HOST: text('127.0.0.1').describe('Address to listen on'),
  PORT: whole(0, 65_535, 8090).describe('Port to listen on; 0 takes a free one'),
  I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: flag.describe(
    'With 1 the server listens on an address that is not loopback although anybody who reaches it may read every session',
  ),
  ALLOWED_ORIGINS: origins.describe(
    'Web pages of other origins that may use the server; loopback pages always may',
  ),
  ALLOWED_HOSTS: names.describe(
    'Names under which the server may be asked for. On loopback those of loopback and of ALLOWED_ORIGINS may always, and no other; elsewhere any may where this is empty',
  ),
  TRUST_PROXY: networks.describe(
    'Proxies that say by X-Forwarded-For who sends a request; from anybody else that is not believed',
  ),
  AUTH_MODE: oneOf(['none', 'key', 'jwt'], 'none').describe(
    'Who may come in. `none`: everybody, on loopback; `key`: services with a key (`npm run keys`); `jwt`: whoever has a token of JWT_ISSUER; and, in each, whom the owner of a session lets into it',
  ),
  API_KEYS_FILE: path.describe('Where the keys of services lie; empty: api-keys.json in DATA_DIR'),
  JWT_ISSUER: maybe.describe('Who signs tokens: their `iss`'),
  JWT_AUDIENCE: maybe.describe('For whom tokens are signed: their `aud`'),
  JWT_JWKS_URL: keysUrl.describe('Where the public keys of the issuer are, as a JWK set'),
  JWT_KEYS_FILE: path.describe(
    'A file with the keys of the issuer, as a JWK set, in place of JWT_JWKS_URL; also secret ones, for HS256',
  ),
  ENCRYPTION_KEY_FILE: path.describe(
    'A file with the master key (`npm run keys:init`); with it everything that is stored of a session is encrypted',
  ),
  RETENTION_DAYS: whole(0, DAYS_MAX, 30).describe(
    'Sessions in which nobody has said anything for so many days are deleted; 0 keeps them',
  ),
  RETENTION_BY_TENANT: daysByTenant.describe('The same for single tenants, such as clinic=90,trial=1'),
  DATA_DIR: text('./data').describe('Directory of the embedded store; one process at a time'),
  DURABILITY: oneOf(['normal', 'full'], 'normal').describe(
    '`normal` survives the death of the process, `full` also power loss; it costs a disk flush per commit',
  ),
  REDIS_URL: redisUrls.describe(
    'Where Redis 7 or Valkey answers, for several nodes: it keeps all conversations then, and DATA_DIR only what can be made again; of a Cluster, some of its nodes. Empty: the embedded store',
  ),
  REDIS_PREFIX: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .default('stillpoint')
    .meta({ hint: 'letters, digits, dots, dashes and underscores' })
    .describe('What every key in Redis begins with; nodes that share it are one server'),
  MODEL: oneOf(['auto', 'ollama', 'guide'], 'auto').describe(
    '`auto`: Ollama, and the built-in guide where that cannot answer; or only one of them',
  ),
  OLLAMA_BASE_URL: httpUrls('http://127.0.0.1:11434').describe(
    'Where Ollama answers; each of several addresses runs the model, and a comma inside of one is written %2C',
  ),
  OLLAMA_MODEL: text('llama3.1').describe('Name of the model'),
  OLLAMA_PULL: flag.describe('With 1 a missing model is fetched by Ollama in the background'),
  RAW_REPLIES: flag.describe(
    "With 1 the model's words are handed on as they come: labels, length, repeats and all",
  ),
  NAVIGATE_WITH_MODEL: flag.describe(
    'With 1 the model may choose the next step where no rule has a word on an input; the ack then waits for it, 2 s at most',
  ),
  OLLAMA_SLOTS: whole(1, 1_000, 2).describe(
    'Turns the model works on at once, at each address; as OLLAMA_NUM_PARALLEL of Ollama',
  ),
  OLLAMA_QUEUE: whole(0, 100_000, 100).describe(
    'Turns that may wait for a slot; more are refused with MODEL_BUSY',
  ),
  OLLAMA_KEEP_ALIVE: duration('30m').describe(
    'How long Ollama keeps the model loaded; a negative one keeps it for ever',
  ),
  OLLAMA_NUM_CTX: whole(512, 1_000_000, 8192).describe(
    'Context of the model in tokens; changing it reloads the model',
  ),
  OLLAMA_NUM_PREDICT: whole(16, 100_000, 400).describe('Most tokens of one reply'),
  OLLAMA_TEMPERATURE: z
    .string()
    .regex(/^\d(\.\d{1,3})?$/)
    .transform(Number)
    .default(0.7)
    .meta({ hint: 'a number from 0 to 9.999' })
    .describe('Sampling temperature'),
  OLLAMA_CHECK_MS: whole(50, 600_000, 2_000).describe(
    'How often Ollama is looked for while it is away, in ms',
  ),
  OLLAMA_LOAD_MS: whole(100, 86_400_000, 600_000).describe('Longest load of the model, in ms'),
  OLLAMA_FIRST_TOKEN_MS: whole(100, 86_400_000, 300_000).describe('Longest wait for the first word, in ms'),
  OLLAMA_STALL_MS: whole(100, 86_400_000, 60_000).describe('Longest silence between two words, in ms'),
  RETRIEVAL: oneOf(['on', 'off'], 'on').describe(
    'Whether a model is shown examples that fit what the person wrote; they are found by LanceDB',
  ),
  EMBED_MODEL: maybe.describe(
    'Model of Ollama that finds them by meaning, such as nomic-embed-text; of several addresses the first that has it is asked, until the next start. Empty: the encoder that comes with the server, for English',
  ),
  EXEMPLARS_DIR: maybe.describe(
    'Directory with exemplars of your own, as *.json; they come beside those of the server, and replace what has the same id',
  ),
  LANCEDB_URI: maybe.describe(
    'Where LanceDB keeps the vectors of exemplars: a directory, or an object store for several nodes, such as s3://bucket/path; empty: in DATA_DIR',
  ),
  GUIDE_WORD_MS: whole(0, 10_000, 30).describe('Pace of the built-in guide, in ms per word'),
  GUIDE_NAME: text('Stillpoint').describe(
    'What the guide calls itself; never the title of a profession that treats people',
  ),
  ESCALATION_URL: optionalUrl.describe(
    'Where alerts are sent, as signed JSON; https unless the host is in ESCALATION_PRIVATE_HOSTS. Empty: they wait in the list',
  ),
  ESCALATION_SECRET: secret.describe('What alerts are signed with; needed with ESCALATION_URL'),
  ESCALATION_PRIVATE_HOSTS: names.describe(
    'Hosts of ESCALATION_URL that may have a private or loopback address; with commas between',
  ),
  ACK_IMMEDIATE_MS: whole(1_000, 86_400_000, 120_000).describe(
    'Time in which somebody has to acknowledge an immediate alert before it is logged as unanswered, in ms',
  ),
  ACK_URGENT_MS: whole(1_000, 86_400_000, 900_000).describe('The same for an urgent alert, in ms'),
  WEBHOOKS_FILE: path.describe(
    'A file that names who is told of sessions, as signed JSON (docs/webhooks.md). Empty: nobody is',
  ),
  OPERATOR_KEY: secret.describe(
    'What people behind the server hand in as Authorization: Bearer; without it there are no routes for them',
  ),
  METRICS_KEY: secret.describe(
    'What Prometheus hands in as Authorization: Bearer at GET /metrics; without it only this machine may ask',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalUrl.describe(
    'Where traces are sent, over OTLP/HTTP, such as http://127.0.0.1:4318; one trace for each turn. Empty: none are made',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: secretText.describe(
    'Headers that are sent with traces, as name=value with commas between',
  ),
  OTEL_SERVICE_NAME: text('stillpoint').describe('What this server is called in traces'),
  LEASE_MS: whole(200, 600_000, 8_000).describe(
    'How long a turn is left alone when its owner is silent, in ms',
  ),
  COMPACT_AFTER_MS: whole(0, 1e9 - 1, 3_600_000).describe(
    'Age at which the single words of an ended turn are dropped; its whole text stays, in ms',
  ),
  DRAIN_MS: whole(0, 600_000, 15_000).describe(
    'How long running turns may go on after SIGTERM, in ms; whatever kills a server that does not stop must wait 10 s longer than this (Docker waits 10 s in all unless told otherwise)',
  ),
  DRAIN_DELAY_MS: whole(0, 600_000, 0).describe(
    'How long, after SIGTERM, everything is still served while /readyz says 503, so that a load balancer can look elsewhere first, in ms',
  ),
  RATE_LIMIT: oneOf(['auto', 'on', 'off'], 'auto').describe(
    'Whether requests are counted. `auto`: but for those of this machine itself; `on`: also those; `off`: none',
  ),
  LIMITS: maybe.describe(
    'Single limits other than those in docs/reference/limits.md, such as input_session=40/60,connections_address=200',
  ),
  LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info').describe(
    'What is logged',
  ),
};

const schema = z.object(settings);
const alertSchema = schema.pick({
  ESCALATION_URL: true,
  ESCALATION_SECRET: true,
  ESCALATION_PRIVATE_HOSTS: true,
});
const doorSchema = schema.pick({
  HOST: true,
  I_UNDERSTAND_PUBLIC_WITHOUT_AUTH: true,
  AUTH_MODE: true,
  TRUST_PROXY: true,
  ALLOWED_HOSTS: true,
});
const tokenSchema = schema.pick({
  AUTH_MODE: true,
  JWT_ISSUER: true,
  JWT_AUDIENCE: true,
  JWT_JWKS_URL: true,
  JWT_KEYS_FILE: true,
});
export type Config = z.output<typeof schema>;

/** Bad values, one clear line each. */
export class ConfigError extends Error {
  readonly lines: string[];

  constructor(lines: string[]) {
    super(lines.join('\n'));
    this.name = 'ConfigError';
    this.lines = lines;
  }
}

function metaOf(name: string): { hint: string; isSecret: boolean } {
  const meta = Object.entries(settings)
    .find(([key]) => key === name)?.[1]
    .meta();
  const hint = meta?.['hint'];
  return {
    hint: typeof hint === 'string' ? hint : 'something else',
    isSecret: meta?.['isSecret'] === true,
  };
}

function badValue(name: string, value: string | undefined): string {
  const { hint, isSecret } = metaOf(name);
  return `${name} must be ${hint}${isSecret ? '' : `; it is ${JSON.stringify(value)}`}.`;
}

/**
 * Reads the settings; an empty value counts as none.
 * @throws ConfigError
 */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.keys(settings).flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])),
  );
  const parsed = schema.safeParse(given);
  const door = doorSchema.safeParse(given);
  const names = new Set(parsed.error?.issues.map((issue) => String(issue.path[0])));
  const lines = [...names].map((name) => badValue(name, environment[name]));
  const alerts = alertSchema.safeParse(given);
  const tokens = tokenSchema.safeParse(given);
  lines.push(...(tokens.success ? checkTokens(tokens.data) : []));
  lines.push(...(door.success ? openDoor(door.data) : []));
  lines.push(...(alerts.success ? checkAlerts(alerts.data) : []));
  if (!parsed.success || lines.length > 0) throw new ConfigError(lines);
  return parsed.data;
}

function toText(value: unknown): string {
  if (value instanceof Map) return [...value].join();
  return String(value === false ? 0 : value);
}

/** Every setting with its default, for the reference. */
export function describeConfig(): { name: string; value: string; hint: string; description: string }[] {
  const defaults: Record<string, unknown> = schema.parse({});
  return Object.entries(settings).map(([name, row]) => ({
    name,
    value: toText(defaults[name]),
    hint: metaOf(name).hint,
    description: row.description ?? '',
  }));
}
