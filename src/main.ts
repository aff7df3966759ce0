// config → parts → listen → graceful stop. The only file that touches process.*
import { resolve } from 'node:path';
import pino from 'pino';
import manifest from '../package.json' with { type: 'json' };
import { createApp } from './app.ts';
import type { App } from './app.ts';
import { isLoopback } from './config-checks.ts';
import { ConfigError, readConfig } from './config.ts';
import type { Config } from './config.ts';
import { createGuide } from './model/guide.ts';
import { nextSpeaker } from './model/model.ts';
import type { Model, Speakers } from './model/model.ts';
import { createOllamaHosts } from './model/ollama-hosts.ts';
import { readSpeaker } from './ops/health.ts';
import { logError } from './ops/log-error.ts';
import { openAccess } from './ops/open-access.ts';
import { openRetrieval } from './ops/open-retrieval.ts';
import { openStore } from './ops/open-store.ts';
import { Retention } from './ops/retention.ts';
import { openWebhook } from './ops/webhook.ts';
import type { Webhook } from './ops/webhook.ts';
import type { LanceRetrieval } from './retrieval/lancedb.ts';
import { noRetrieval } from './retrieval/retrieval.ts';
import { reviewOf } from './safety/resources.ts';
import { brokenTongues } from './safety/tongues-content.ts';
import { addressReader } from './transport/address.ts';
import type { AddressOf } from './transport/address.ts';
import { hostRule } from './transport/http.ts';
import type { AdapterFactory } from './transport/redis-adapter.ts';

/** After the drain time, what still hangs is left behind. */
const LAST_CALL_MS = 8_000;
/** [US-31] */
const PROTECTED_TITLE =
  /therap|psycholog|psychiat|counsel|doctor|nurse|clinician|physician|social worker|\bdr\b/i;
const UNTRUSTED_PROXY =
  'requests come through a proxy that TRUST_PROXY does not name: whoever uses it is counted as one address';
/** Proxies keep a connection for a minute; who gives it up first must not be us, or a request is lost. */
const BEHIND_PROXY_MS = 75_000;
const CONNECT_MS = 5_000;
const REPLY_MS = 1_800_000;

function openOllama(config: Config, log: pino.Logger): Model {
  return createOllamaHosts({
    baseUrls: config.OLLAMA_BASE_URL,
    model: config.OLLAMA_MODEL,
    keepAlive: config.OLLAMA_KEEP_ALIVE,
    numCtx: config.OLLAMA_NUM_CTX,
    numPredict: config.OLLAMA_NUM_PREDICT,
    temperature: config.OLLAMA_TEMPERATURE,
    pull: config.OLLAMA_PULL,
    checkMs: config.OLLAMA_CHECK_MS,
    connectMs: CONNECT_MS,
    loadMs: config.OLLAMA_LOAD_MS,
    firstTokenMs: config.OLLAMA_FIRST_TOKEN_MS,
    stallMs: config.OLLAMA_STALL_MS,
    totalMs: REPLY_MS,
    log,
  });
}

/** The model and who speaks where it cannot, by MODEL. */
function openSpeakers(config: Config, log: pino.Logger, resources: AsyncDisposableStack): Speakers {
  const openGuide = () => resources.use(createGuide({ wordMs: config.GUIDE_WORD_MS }));
  if (config.MODEL === 'guide') return { model: openGuide(), fallback: null };
  const model = resources.use(openOllama(config, log));
  return { model, fallback: config.MODEL === 'ollama' ? null : openGuide() };
}

/** Where alerts go, by ESCALATION_URL. */
function openReceiver(config: Config, resources: AsyncDisposableStack): Webhook | null {
  if (config.ESCALATION_URL === '') return null;
  const { ESCALATION_URL: url, ESCALATION_SECRET: secret, ESCALATION_PRIVATE_HOSTS: privateHosts } = config;
  return resources.use(openWebhook({ url, secret, privateHosts }, Date.now));
}

/** How other nodes are reached, by REDIS_URL. */
async function openAdapter(
  config: Config,
  log: pino.Logger,
  resources: AsyncDisposableStack,
): Promise<AdapterFactory | undefined> {
  const { REDIS_URL: urls, REDIS_PREFIX: prefix } = config;
  if (urls.length === 0) return undefined;
  const { openControlAdapter } = await import('./transport/redis-adapter.ts');
  return resources.use(await openControlAdapter({ urls, prefix, log })).adapter;
}

/** Whether others may reach it, and nobody is asked who they are. */
const isOpenToAll = (config: Config): boolean =>
  config.I_UNDERSTAND_PUBLIC_WITHOUT_AUTH && config.AUTH_MODE === 'none';

/** What an operator has to know at every start. */
function warn(config: Config, log: pino.Logger): void {
  if (isOpenToAll(config)) {
    log.warn({}, 'there is no authentication: whoever reaches this address can read every session');
  }
  if (brokenTongues.length > 0) {
    log.error(
      { languages: brokenTongues },
      'lexicons cannot be read: risk in these languages is found by a few phrases only',
    );
  }
  const { stale } = reviewOf(Date.now());
  if (stale > 0) log.warn({ stale }, 'places to get help were verified more than 180 days ago: check them');
  if (PROTECTED_TITLE.test(config.GUIDE_NAME)) {
    log.warn(
      { name: config.GUIDE_NAME },
      'GUIDE_NAME is the title of a profession: in many places that is forbidden',
    );
  }
}

/** Where requests come from, for who is counted. */
function openAddresses(config: Config, log: pino.Logger): AddressOf {
  if (config.RATE_LIMIT === 'off') return () => null;
  return addressReader({
    trustProxy: config.TRUST_PROXY,
    countsLoopback: config.RATE_LIMIT === 'on',
    onUntrustedProxy: () => log.warn({}, UNTRUSTED_PROXY),
  });
}

interface Started {
  app: App;
  speakers: Speakers;
  retrieval: LanceRetrieval | null;
  retention: Retention;
}

async function start(config: Config, log: pino.Logger, resources: AsyncDisposableStack): Promise<Started> {
  const { store, slots, now } = await openStore(config, log, resources);
  const access = await openAccess(config, { store, now, log }, resources);
  const speakers = openSpeakers(config, log, resources);
  const retrieval = config.RETRIEVAL === 'off' ? null : openRetrieval(config, log, resources);
  const app = createApp({
    store,
    speakers,
    retrieval: retrieval ?? noRetrieval,
    rawReplies: config.RAW_REPLIES,
    navigateWithModel: config.NAVIGATE_WITH_MODEL,
    slots,
    now,
    adapter: await openAdapter(config, log, resources),
    guideName: config.GUIDE_NAME,
    webhook: openReceiver(config, resources),
    ackMs: { immediate: config.ACK_IMMEDIATE_MS, urgent: config.ACK_URGENT_MS },
    operatorKey: config.OPERATOR_KEY || null,
    leaseMs: config.LEASE_MS,
    compactAfterMs: config.COMPACT_AFTER_MS,
    access,
    isOpenToAll: isOpenToAll(config),
    addressOf: openAddresses(config, log),
    allowedOrigins: config.ALLOWED_ORIGINS,
    isOurHost: hostRule({
      allowedHosts: config.ALLOWED_HOSTS,
      allowedOrigins: config.ALLOWED_ORIGINS,
      isLoopbackOnly: isLoopback(config.HOST),
    }),
    ...(config.TRUST_PROXY.length > 0 && { keepAliveMs: BEHIND_PROXY_MS }),
    webDirectory: resolve(import.meta.dirname, '../client/web/dist'),
    version: manifest.version,
    log,
  });
  resources.use(app);
  await speakers.model.known;
  const { RETENTION_DAYS: days, RETENTION_BY_TENANT: daysByTenant } = config;
  const retention = resources.use(new Retention({ store, days, daysByTenant, now, log }));
  return { app, speakers, retrieval, retention };
}

/** To standard output; whoever read it may be gone, and the server goes on. */
function openLog(config: Config): pino.Logger {
  process.stdout.on('error', () => {});
  const serializers = { err: (error: unknown) => logError(error) };
  return pino({ level: config.LOG_LEVEL, base: null, serializers }, process.stdout);
}

/** One line for the person who started it, and exit code 1. */
function refuse(error: unknown): never {
  const lines =
    error instanceof ConfigError ? error.lines : [error instanceof Error ? error.message : String(error)];
  for (const line of lines) process.stderr.write(`stillpoint: ${line}\n`);
  process.exit(1);
}

async function listen(app: App, config: Config): Promise<string> {
  try {
    const port = await app.listen(config.PORT, config.HOST);
    const host = config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST;
    return `http://${host}:${port}`;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'EADDRINUSE')
      throw new Error(`Port ${config.PORT} is in use. Stop what uses it, or set PORT.`, { cause: error });
    throw error;
  }
}

function stopOnSignal(app: App, config: Config, log: pino.Logger, resources: AsyncDisposableStack): void {
  let isStopping = false;
  const stop = (signal: string) => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log.info({ signal }, 'draining');
    setTimeout(() => process.exit(1), config.DRAIN_MS + LAST_CALL_MS).unref();
    void app
      .drain(config.DRAIN_MS)
      .then(() => resources.disposeAsync())
      .then(
        () => {
          log.info({}, 'stopped');
          process.exit(0);
        },
        (error: unknown) => {
          log.error({ err: error }, 'not stopped as it should be');
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** After the door is open: nobody waits for examples. The built-in guide needs none, and their encoder is not kept ready for it. */
function startRetrieval(retrieval: LanceRetrieval | null, speakers: Speakers): void {
  if (retrieval === null) return;
  // read when its library is loaded, and it warns of every search
  process.env['LANCEDB_LOG'] = 'error';
  void retrieval.start(nextSpeaker(speakers).source !== 'guide');
}

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = openLog(config);
  const resources = new AsyncDisposableStack();
  const { app, speakers, retrieval, retention } = await start(config, log, resources);
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a promise was dropped'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug: the next start goes on with what was stored');
    process.exit(1);
  });
  stopOnSignal(app, config, log, resources);
  const url = await listen(app, config);
  warn(config, log);
  const model = readSpeaker(speakers);
  const { unverified } = reviewOf(Date.now());
  log.info({ url, version: manifest.version, model, unverifiedResources: unverified }, 'listening');
  retention.start();
  startRetrieval(retrieval, speakers);
  if (!process.stdout.isTTY) return;
  const because = model.reason === undefined ? '' : ` (${model.reason})`;
  process.stderr.write(`\n  Stillpoint is at ${url}\n  ${model.name} answers${because}.\n\n`);
}

await main().catch(refuse);
