// What is looked at, in the order in which it is told. What several checks need is asked once.
import { resolve } from 'node:path';
import { ConfigError, describeConfig, readConfig } from '../../config.ts';
import type { Config } from '../../config.ts';
import { checkAlerts } from './alerts.ts';
import { judgeClocks } from './clock.ts';
import { askData, checkDirectory, judgeData, mastersOf } from './data.ts';
import type { Check } from './finding.ts';
import { checkAccess, checkMasters } from './keys.ts';
import { askOllama, judgeOllama, missingModels, usesOllama } from './ollama.ts';
import type { Missing, OllamaHost } from './ollama.ts';
import { checkPort } from './port.ts';
import { askRedis, judgeRedis } from './redis.ts';
import { checkRights } from './rights.ts';
import { checkWebhooks } from './webhooks.ts';
import { checkNames, checkNode, checkPage, checkSettings, checkUser, refusedSettings } from './settings.ts';

/** Where the checks are made. */
export interface Here {
  environment: Record<string, string | undefined>;
  /** As Node says it, and as package.json wants it. */
  nodeVersion: string;
  engines: string;
  /** Undefined where the system has no users. */
  uid: number | undefined;
  /** The first file of the page. */
  pageIndex: string;
}

interface Plan {
  checks: Check[];
  /** Of Ollama; null where nothing is known of it, since the settings cannot be read. */
  models: { place: number; missing: () => Promise<Missing[]>; again: Check } | null;
}

export function planFor(here: Here): Plan {
  const { environment } = here;
  const names = describeConfig().map(({ name }) => name);
  const misspelt: Check = { name: 'settings', run: () => checkNames(environment, names) };
  const program: Check[] = [
    { name: 'node', run: () => checkNode(here.nodeVersion, here.engines) },
    { name: 'page', run: () => checkPage(here.pageIndex) },
    { name: 'user', run: () => checkUser(here.uid) },
  ];
  try {
    const config = readConfig(environment);
    const settings = { name: 'settings', run: () => checkSettings(config, environment, names) };
    const port = { name: 'port', run: () => checkPort(config) };
    const before = [settings, misspelt, ...program, port];
    const model = modelCheck(config);
    const checks = [...before, model.check, ...checksOf(config, model.hosts)];
    const { missing, again } = model;
    return { checks, models: { place: before.length, missing, again } };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const refused = { name: 'settings', run: () => refusedSettings(error.lines) };
    return { checks: [refused, misspelt, ...program], models: null };
  }
}

function modelCheck(config: Config) {
  const urls = usesOllama(config) ? config.OLLAMA_BASE_URL : [];
  const ask = () => Promise.all(urls.map((url) => askOllama(url, config.OLLAMA_MODEL)));
  const hosts = ask();
  return {
    hosts,
    check: { name: 'ollama', run: async () => judgeOllama(config, await hosts) },
    missing: async () => missingModels(config, await hosts),
    again: { name: 'ollama', run: async () => judgeOllama(config, await ask()) },
  };
}

function checksOf(config: Config, hosts: Promise<readonly OllamaHost[]>): Check[] {
  const directory = resolve(config.DATA_DIR);
  const isShared = config.REDIS_URL.length > 0;
  const data = isShared ? Promise.resolve(null) : askData(directory);
  const redis = Promise.all(config.REDIS_URL.map((url) => askRedis(url, config.REDIS_PREFIX)));
  const store: Check = isShared
    ? { name: 'redis', run: async () => judgeRedis(await redis) }
    : { name: 'store', run: async () => judgeData(await data) };
  const masters = async () => [
    ...mastersOf(await data),
    ...new Set((await redis).flatMap((host) => host.masters)),
  ];
  const others = async () =>
    [...(await hosts), ...(await redis)].flatMap(({ place, aheadMs }) =>
      aheadMs === null ? [] : [{ name: place, aheadMs }],
    );
  return [
    { name: 'data', run: () => checkDirectory(directory) },
    { name: 'rights', run: () => checkRights(directory) },
    store,
    { name: 'encryption', run: async () => checkMasters(config, await masters()) },
    { name: 'access', run: () => checkAccess(config, Date.now()) },
    { name: 'alerts', run: () => checkAlerts(config) },
    { name: 'webhooks', run: () => checkWebhooks(config.WEBHOOKS_FILE) },
    {
      name: 'clock',
      run: async () => {
        const clocks = await others();
        const now = Date.now();
        const jumpedMs = now - performance.timeOrigin - performance.now();
        return judgeClocks({ now, jumpedMs, others: clocks });
      },
    },
  ];
}
