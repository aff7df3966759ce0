// What answers at the addresses of Ollama, and whether the models are there.
import { request } from 'undici';
import { z } from 'zod';
import type { Config } from '../../config.ts';
import { placeOf } from '../../model/host-name.ts';
import { OllamaHttp, toModelError } from '../../model/ollama-http.ts';
import { sameModel } from '../../model/ollama-setup.ts';
import { Call } from '../../model/watchdog.ts';
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

const CONNECT_MS = 3_000;
const LOOK_MS = 5_000;
/** So many of the models that are there are named. */
const NAMED = 4;

const Version = z.object({ version: z.string() });
const Models = z.object({ models: z.array(z.object({ name: z.string() })) });
const Shown = z.object({ capabilities: z.array(z.string()).nullish() });

/** One address, as it was found. */
export interface OllamaHost {
  url: string;
  /** Without a password. */
  place: string;
  /** Null: Ollama answers there; else what is wrong, to go on behind the address. */
  problem: string | null;
  version: string;
  installed: readonly string[];
  loaded: readonly string[];
  /** Whether the model writes replies; an embedding model does not. */
  isWriter: boolean;
  /** How far its clock is ahead of ours, to about a second; null where it tells no time. */
  aheadMs: number | null;
}

export type ModelConfig = Pick<
  Config,
  'MODEL' | 'OLLAMA_BASE_URL' | 'OLLAMA_MODEL' | 'OLLAMA_PULL' | 'EMBED_MODEL' | 'RETRIEVAL'
>;

/** A model that an address lacks. */
export interface Missing {
  url: string;
  place: string;
  model: string;
}

/** Never rejects. */
export async function askOllama(url: string, model: string, lookMs = LOOK_MS): Promise<OllamaHost> {
  const place = placeOf(url);
  const unknown = { version: '', installed: [], loaded: [], isWriter: true };
  await using http = new OllamaHttp(url, CONNECT_MS, () => {});
  using call = new Call();
  call.limit(lookMs);
  const ahead = clockAhead(place, call.signal);
  try {
    const [version, tags, running] = await Promise.all([
      http.whole(call).version(),
      http.whole(call).list(),
      http.whole(call).ps(),
    ]);
    const installed = namesOf(tags);
    return {
      url,
      place,
      problem: null,
      version: Version.parse(version).version,
      installed,
      loaded: namesOf(running),
      isWriter: !has(installed, model) || (await isWriter(http, call, model)),
      aheadMs: await ahead,
    };
  } catch (error) {
    const { message } = toModelError(error);
    const problem = call.answered ? `does not answer as Ollama does (${message})` : 'does not answer';
    return { url, place, problem, ...unknown, aheadMs: await ahead };
  }
}

const namesOf = (answer: unknown): string[] => Models.parse(answer).models.map(({ name }) => name);

const has = (names: readonly string[], model: string): boolean =>
  names.some((name) => sameModel(name, model));

async function isWriter(http: OllamaHttp, call: Call, model: string): Promise<boolean> {
  const { capabilities } = Shown.parse(await http.whole(call).show({ model }));
  return capabilities?.includes('completion') ?? true;
}

/** By the `Date` of any answer: a whole second, cut off. */
async function clockAhead(place: string, signal: AbortSignal): Promise<number | null> {
  try {
    const { headers, body } = await request(place, { method: 'HEAD', signal });
    const now = Date.now();
    await body.dump();
    const date = Date.parse(String(headers['date']));
    return Number.isNaN(date) ? null : date + 500 - now;
  } catch {
    return null;
  }
}

const isUsable = (host: OllamaHost, model: string): boolean =>
  host.problem === null && has(host.installed, model) && host.isWriter;

/** Whether the model is Ollama's at all. */
export const usesOllama = ({ MODEL }: Pick<Config, 'MODEL'>): boolean => MODEL !== 'guide';

const usesEmbedder = ({ EMBED_MODEL, RETRIEVAL }: ModelConfig): boolean =>
  EMBED_MODEL !== '' && RETRIEVAL === 'on';

export function judgeOllama(config: ModelConfig, hosts: readonly OllamaHost[]): Finding[] {
  if (!usesOllama(config)) return [ok('model', 'the built-in guide answers (MODEL=guide)')];
  const isServed = hosts.some((host) => isUsable(host, config.OLLAMA_MODEL));
  const bad = config.MODEL === 'ollama' && !isServed ? fail : warn;
  const meanwhile = isServed
    ? 'other addresses answer'
    : config.MODEL === 'auto'
      ? 'the built-in guide answers instead'
      : 'nobody answers then';
  const found = hosts.flatMap((host) => judgeHost(config, host, { bad, meanwhile }));
  return [...found, ...(usesEmbedder(config) ? judgeEmbedder(config, hosts) : [])];
}

interface Course {
  bad: typeof warn;
  /** Who answers without this address. */
  meanwhile: string;
}

function judgeHost(config: ModelConfig, host: OllamaHost, { bad, meanwhile }: Course): Finding[] {
  const { OLLAMA_MODEL: model } = config;
  const { place, problem, version } = host;
  if (problem !== null) {
    const advice = ['Start Ollama there (ollama serve), or say by OLLAMA_BASE_URL where it is.'];
    if (config.MODEL === 'auto') advice.push('Without Ollama at all: MODEL=guide.');
    return [bad('ollama', `${place} ${problem}; ${meanwhile}`, ...advice)];
  }
  const there = ok('ollama', `${place} answers, version ${version}`);
  if (!has(host.installed, model)) {
    const advice = [howToFetch(config.OLLAMA_PULL), othersOf(host, model)].filter((line) => line !== '');
    return [there, bad('model', `${model} is not at ${place}; ${meanwhile}`, ...advice)];
  }
  if (!host.isWriter) {
    const advice = 'Name another one by OLLAMA_MODEL, such as llama3.1.';
    return [there, bad('model', `${model} cannot write replies; ${meanwhile}`, advice)];
  }
  const state = has(host.loaded, model) ? 'in memory' : 'not in memory yet: the first reply waits for that';
  return [there, ok('model', `${model} is at ${place}, ${state}`)];
}

const howToFetch = (isPulled: boolean): string =>
  isPulled
    ? 'The server fetches it at its start (OLLAMA_PULL=1); to do it now: npm run doctor -- --pull'
    : 'Fetch it: npm run doctor -- --pull';

function othersOf({ installed }: OllamaHost, model: string): string {
  if (installed.length === 0) return '';
  const [family = ''] = model.toLowerCase().split(':');
  const near = installed.toSorted((a, b) => Number(b.startsWith(family)) - Number(a.startsWith(family)));
  const more = installed.length > NAMED ? ', …' : '';
  return `Or name one that is there by OLLAMA_MODEL: ${near.slice(0, NAMED).join(', ')}${more}`;
}

/** One address that has it is enough. */
function judgeEmbedder(config: ModelConfig, hosts: readonly OllamaHost[]): Finding[] {
  const { EMBED_MODEL: model } = config;
  const host = hosts.find(({ installed }) => has(installed, model));
  if (host) return [ok('examples', `${model} is at ${host.place}`)];
  return [
    warn(
      'examples',
      `${model} is at no address; the encoder that comes with the server finds examples, by English`,
      howToFetch(config.OLLAMA_PULL),
    ),
  ];
}

/** What could be fetched now: the model wherever it lacks, the one for examples at the first address. */
export function missingModels(config: ModelConfig, hosts: readonly OllamaHost[]): Missing[] {
  if (!usesOllama(config)) return [];
  const reachable = hosts.filter(({ problem }) => problem === null);
  const lacking = reachable.filter(({ installed }) => !has(installed, config.OLLAMA_MODEL));
  const missing = lacking.map(({ url, place }) => ({ url, place, model: config.OLLAMA_MODEL }));
  const [first] = reachable;
  const hasEmbedder = reachable.some(({ installed }) => has(installed, config.EMBED_MODEL));
  if (!usesEmbedder(config) || hasEmbedder || !first) return missing;
  return [...missing, { url: first.url, place: first.place, model: config.EMBED_MODEL }];
}
