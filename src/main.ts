// config → parts → listen → graceful stop. The only file that touches process.*
import { resolve } from 'node:path';
import pino from 'pino';
import manifest from '../package.json' with { type: 'json' };
import { createApp } from './app.ts';
import type { App } from './app.ts';
import { isLoopback } from './config-checks.ts';
import { ConfigError, readConfig } from './config.ts';
import type { Config } from './config.ts';
import type { TurnTracer } from './meter.ts';
import { createGuide } from './model/guide.ts';
import { nextSpeaker } from './model/model.ts';
import type { Model, Speakers } from './model/model.ts';
import { createOllamaHosts } from './model/ollama-hosts.ts';
import { readSpeaker } from './ops/health.ts';
import type { DeliveriesParts } from './ops/deliveries.ts';
import { logError } from './ops/log-error.ts';
import { meterStore } from './ops/metered-store.ts';
import { createMetrics } from './ops/metrics.ts';
import { openAccess } from './ops/open-access.ts';
import { openRetrieval } from './ops/open-retrieval.ts';
import { openWebhooks } from './ops/open-outbox.ts';
import type { Webhooks } from './ops/open-outbox.ts';
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
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
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

/** Where turns are told of, by OTEL_EXPORTER_OTLP_ENDPOINT. */
async function openTraces(
  config: Config,
  log: pino.Logger,
  resources: AsyncDisposableStack,
): Promise<TurnTracer | null> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: serviceName } = config;
  if (endpoint === '') return null;
  // loaded where it is used only: every start would pay for it
  const { parseHeaders, Traces } = await import('./ops/traces.ts');
  const headers = parseHeaders(config.OTEL_EXPORTER_OTLP_HEADERS);
  return resources.use(new Traces({ endpoint, headers, serviceName, version: manifest.version, log }));
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

/** Who is answered, and where from. */
function openDoor(config: Config, log: pino.Logger) {
  const { ALLOWED_HOSTS: allowedHosts, ALLOWED_ORIGINS: allowedOrigins } = config;
  const isLoopbackOnly = isLoopback(config.HOST);
  return {
    isOpenToAll: isOpenToAll(config),
    addressOf: openAddresses(config, log),
    allowedOrigins,
    isOurHost: hostRule({ allowedHosts, allowedOrigins, isLoopbackOnly }),
    isLoopbackOnly,
    ...(config.TRUST_PROXY.length > 0 && { keepAliveMs: BEHIND_PROXY_MS }),
  };
}

interface Started {
  app: App;
  speakers: Speakers;
  retrieval: LanceRetrieval | null;
  retention: Retention;
  webhooks: Webhooks;
}

async function start(config: Config, log: pino.Logger, resources: AsyncDisposableStack): Promise<Started> {
  const metrics = createMetrics(await openTraces(config, log, resources));
  const { store: kept, slots, now } = await openStore(config, log, resources);
  const store = meterStore(kept, metrics);
  const access = await openAccess(config, { store, now, log }, resources);
  const speakers = openSpeakers(config, log, resources);
  const retrieval = config.RETRIEVAL === 'off' ? null : openRetrieval(config, log, resources);
  const { WEBHOOKS_FILE } = config;
  const onOutcome: DeliveriesParts['onOutcome'] = (type, outcome) =>
    metrics.delivered(type ?? 'dropped', outcome);
  const webhooks = await openWebhooks({ WEBHOOKS_FILE }, { store, now, log, onOutcome }, resources);
  const { announcer } = webhooks;
  const app = createApp({
    store,
    announcer,
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
    ...openDoor(config, log),
    webDirectory: resolve(import.meta.dirname, '../client/web/dist'),
    adminDirectory: resolve(import.meta.dirname, '../client/admin/dist'),
    version: manifest.version,
    meter: metrics,
    metrics: { shown: metrics, key: config.METRICS_KEY || null },
    log,
  });
  resources.use(app);
  await speakers.model.known;
  const { RETENTION_DAYS: days, RETENTION_BY_TENANT: daysByTenant } = config;
  const retention = resources.use(new Retention({ store, announcer, days, daysByTenant, now, log }));
  return { app, speakers, retrieval, retention, webhooks };
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

/**
 * Until it listens nobody has to be told that it ends. The first process of a container would not be ended by a signal that it does not
 * listen to. The answer undoes it.
 */
function leaveOnSignal(): () => void {
  const leave = () => process.exit(0);
  for (const signal of SIGNALS) process.on(signal, leave);
  return () => {
    for (const signal of SIGNALS) process.off(signal, leave);
  };
}

function stopOnSignal(app: App, config: Config, log: pino.Logger, resources: AsyncDisposableStack): void {
  let isStopping = false;
  const stop = (signal: string) => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log.info({ signal }, 'draining');
    const { DRAIN_DELAY_MS: delayMs, DRAIN_MS: drainMs } = config;
    setTimeout(() => process.exit(1), delayMs + drainMs + LAST_CALL_MS).unref();
    void app
      .drain(drainMs, delayMs)
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
  for (const signal of SIGNALS) process.on(signal, stop);
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
  const stay = leaveOnSignal();
  const { app, speakers, retrieval, retention, webhooks } = await start(config, log, resources);
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a promise was dropped'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug: the next start goes on with what was stored');
    process.exit(1);
  });
  stay();
  stopOnSignal(app, config, log, resources);
  const url = await listen(app, config);
  warn(config, log);
  const model = readSpeaker(speakers);
  const { unverified } = reviewOf(Date.now());
  log.info({ url, version: manifest.version, model, unverifiedResources: unverified }, 'listening');
  retention.start();
  webhooks.start();
  startRetrieval(retrieval, speakers);
  if (!process.stdout.isTTY) return;
  const because = model.reason === undefined ? '' : ` (${model.reason})`;
  process.stderr.write(`\n  Stillpoint is at ${url}\n  ${model.name} answers${because}.\n\n`);
}

await main().catch(refuse);
