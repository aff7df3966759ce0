// The connections to Redis, to one server or to a Cluster: how they are opened, how they come back. Each user has its own.
import { createClient, createCluster } from 'redis';

const CONNECT_MS = 2_000;
const START_MS = 10_000;
/** A connection that is silent although it is asked every second is dead. */
const PING_MS = 1_000;
const SILENT_MS = 4_000;
const RECONNECT_MIN_MS = 20;
const RECONNECT_MAX_MS = 500;

/** Soon, and again and again, not all nodes at once. */
function reconnectAfterMs(retries: number): number {
  const whole = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(retries, 10));
  return Math.round(whole / 2 + (whole / 2) * Math.random());
}

const clientOptions = {
  // hashes come as flat lists, as scripts give them
  RESP: 2,
  // a command that cannot be sent now is refused now, and one that was sent is never sent again by the library
  disableOfflineQueue: true,
  // that of the library keeps a timer and a signal of every command for five seconds, also of an answered one; here none waits to be
  // sent, and `SILENT_MS` ends what nobody answers
  commandOptions: { timeout: 0 },
  socket: { connectTimeout: CONNECT_MS, socketTimeout: SILENT_MS, reconnectStrategy: reconnectAfterMs },
} as const;

/** One connection. Without an `error` listener an error of it ends the process. */
export function createRedisClient(urls: readonly string[]) {
  const [url = ''] = urls;
  const client = createClient({ ...clientOptions, url });
  let connections = 0;
  client.on('ready', () => {
    connections += 1;
    const mine = connections;
    void keepAsking(client, () => client.isReady && mine === connections);
  });
  return client;
}

/**
 * Asks every second, and nothing more while an answer is missing: what is written counts as life for the time-out of a
 * socket, and one that is half open would never be given up.
 */
async function keepAsking(client: { ping(): Promise<unknown> }, isUp: () => boolean): Promise<void> {
  while (isUp()) {
    await client.ping().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, PING_MS).unref());
  }
}

/** Connections to all masters of the Cluster that these addresses belong to. Needs an `error` listener as well. */
export function createRedisCluster(urls: readonly string[]) {
  const [url = ''] = urls;
  const { username, password, protocol } = new URL(url);
  const account = {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  };
  const socket = { ...clientOptions.socket, ...(protocol === 'rediss:' && { tls: true as const }) };
  return createCluster({
    RESP: 2,
    commandOptions: clientOptions.commandOptions,
    rootNodes: urls.map((one) => ({ url: one })),
    defaults: { ...clientOptions, pingInterval: PING_MS, ...account, socket },
    // a master that is gone is looked for again at once
    topologyRefreshOnReconnectionAttemptStrategy: RECONNECT_MAX_MS,
  });
}

/**
 * What the first address that answers says of itself: the fields of INFO. Rejects with an Error of one line, fit for the
 * person who starts the server, when nobody answers within `startMs`, ten seconds by default.
 */
export async function lookAtRedis(
  urls: readonly string[],
  startMs = START_MS,
): Promise<ReadonlyMap<string, string>> {
  const until = performance.now() + startMs;
  let reason = '';
  do {
    for (const url of urls) {
      const info = await infoOf(url).catch((error: unknown) => {
        reason = reasonOf(error);
        return undefined;
      });
      if (info !== undefined) return info;
    }
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MAX_MS));
  } while (performance.now() < until);
  throw new Error(`Redis does not answer at ${urls.map(placeOf).join(', ')}: ${reason}`);
}

export const isCluster = (info: ReadonlyMap<string, string>): boolean => info.get('cluster_enabled') === '1';

async function infoOf(url: string): Promise<Map<string, string>> {
  const socket = { connectTimeout: CONNECT_MS, socketTimeout: SILENT_MS, reconnectStrategy: false } as const;
  const client = createClient({ url, socket, RESP: 2 });
  client.on('error', () => {});
  try {
    await client.connect();
    const lines = (await client.sendCommand<string>(['INFO'])).split('\r\n');
    return new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    );
  } finally {
    client.destroy();
  }
}

/** An address without its password. */
function placeOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the given address';
}

export function reasonOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}
