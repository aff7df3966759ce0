// What Redis is like, and whether it keeps what it is given.
import { createClient, ErrorReply } from 'redis';
import { codeOf, fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

const CONNECT_MS = 3_000;
const PINGS = 5;
/** A turn waits for Redis about eight times before its first word. */
const SLOW_MS = 20;
const MIN_VERSION = 7;

/** One address, as it was found. */
export interface RedisHost {
  /** Without a password. */
  place: string;
  /** Null: it answers; else what is wrong, to go on behind the address. */
  problem: string | null;
  /** The fields of INFO. */
  info: ReadonlyMap<string, string>;
  /** Its `save` lines; null where it does not tell. */
  save: string | null;
  /** Whether its Cluster is whole; null where it is in none. */
  cluster: string | null;
  /** Of an answer, at the median. */
  pingMs: number;
  /** How far its clock is ahead of ours. */
  aheadMs: number | null;
  /** Ids of the master keys in use, `plain` for none. */
  masters: readonly string[];
}

/** Never rejects. */
export async function askRedis(url: string, prefix: string): Promise<RedisHost> {
  const place = new URL(url).host;
  // a try is all it gets: nothing is waited for
  const socket = { connectTimeout: CONNECT_MS, socketTimeout: CONNECT_MS, reconnectStrategy: false } as const;
  const client = createClient({ url, socket, RESP: 2 });
  client.on('error', () => {});
  const send = <T>(...command: string[]) => client.sendCommand<T>(command);
  const maybe = <T>(...command: string[]) => send<T>(...command).catch(() => null);
  try {
    await client.connect();
    const info = fieldsOf(await send<string>('INFO'));
    const isCluster = info.get('cluster_enabled') === '1';
    return {
      place,
      problem: null,
      info,
      save: (await maybe<string[]>('CONFIG', 'GET', 'save'))?.[1] ?? null,
      cluster: isCluster
        ? (fieldsOf(await send<string>('CLUSTER', 'INFO')).get('cluster_state') ?? '')
        : null,
      pingMs: await medianPing(() => send('PING')),
      aheadMs: await aheadOf(() => send<string[]>('TIME')),
      masters: (await maybe<string[]>('HKEYS', `${prefix}:{vault}`)) ?? [],
    };
  } catch (error) {
    return { ...silent, place, problem: problemOf(error) };
  } finally {
    client.destroy();
  }
}

const silent = { info: new Map(), save: null, cluster: null, pingMs: 0, aheadMs: null, masters: [] };

function problemOf(error: unknown): string {
  if (error instanceof ErrorReply) return `refuses (${error.message})`;
  const code = codeOf(error instanceof AggregateError ? error.errors[0] : error);
  return code === '' ? 'does not answer' : `does not answer (${code})`;
}

function fieldsOf(text: string): Map<string, string> {
  const lines = text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

async function medianPing(ping: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  while (times.length < PINGS) {
    const begun = performance.now();
    await ping();
    times.push(performance.now() - begun);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(PINGS / 2)] ?? 0;
}

async function aheadOf(ask: () => Promise<string[]>): Promise<number> {
  const begun = Date.now();
  const [seconds, micros] = await ask();
  const here = (begun + Date.now()) / 2;
  return Number(seconds) * 1000 + Number(micros) / 1000 - here;
}

export function judgeRedis(hosts: readonly RedisHost[]): Finding[] {
  const isServed = hosts.some(({ problem }) => problem === null);
  return hosts.flatMap((host) => judgeHost(host, isServed));
}

function judgeHost(host: RedisHost, isServed: boolean): Finding[] {
  const { place, problem, info, pingMs } = host;
  if (problem !== null) {
    const advice = 'Start it, or mend REDIS_URL: its address, its password, redis or rediss.';
    return [(isServed ? warn : fail)('redis', `${place} ${problem}`, advice)];
  }
  const version = info.get('redis_version') ?? '';
  const bad = [
    ...judgeVersion(place, version),
    ...judgeRole(host),
    ...judgeMemory(host),
    ...judgePersistence(host),
    ...judgePing(host),
  ];
  const kind = host.cluster === null ? 'Redis' : 'Redis Cluster';
  return [ok('redis', `${place} answers in ${pingMs.toFixed(1)} ms: ${kind} ${version}`), ...bad];
}

function judgeVersion(place: string, version: string): Finding[] {
  if (Number.parseInt(version, 10) >= MIN_VERSION) return [];
  const advice = `Redis ${MIN_VERSION} or newer is needed, or Valkey.`;
  return [fail('redis', `${place} is too old: ${version}`, advice)];
}

function judgeRole({ place, info, cluster }: RedisHost): Finding[] {
  if (cluster !== null) {
    const advice = 'Some of its slots have no master: redis-cli --cluster check shows which.';
    return cluster === 'ok' ? [] : [fail('redis', `the Cluster of ${place} is not whole`, advice)];
  }
  if (info.get('role') !== 'slave') return [];
  const advice = 'Set REDIS_URL to the address of the master, one that follows it when it moves.';
  return [fail('redis', `${place} is a replica: nothing can be written there`, advice)];
}

function judgeMemory({ place, info }: RedisHost): Finding[] {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  if (policy === 'noeviction') return [];
  const isBounded = Number(info.get('maxmemory') ?? 0) > 0;
  const text = `${place} throws away conversations when its memory is full (maxmemory-policy ${policy})`;
  return [(isBounded ? fail : warn)('redis', text, 'Set maxmemory-policy noeviction in redis.conf.')];
}

function judgePersistence({ place, info, save }: RedisHost): Finding[] {
  if (info.get('aof_enabled') === '1') return [];
  const advice = 'Set appendonly yes and appendfsync everysec in redis.conf.';
  const lost = save === '' ? 'everything is gone' : 'what was said since the last snapshot is gone';
  return [warn('redis', `${place} writes no append-only file: when it is restarted, ${lost}`, advice)];
}

function judgePing({ place, pingMs }: RedisHost): Finding[] {
  if (pingMs <= SLOW_MS) return [];
  const advice = 'Have it in the same place as the server: each turn waits for it about eight times.';
  return [warn('redis', `${place} takes ${pingMs.toFixed(0)} ms to answer`, advice)];
}
