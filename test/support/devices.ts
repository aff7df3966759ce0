// Four kinds of clients that follow a session through whatever happens to their connection.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './fold.ts';
import { pathOf, rest } from './rest.ts';
import { SocketClient } from './socket-client.ts';
import { EventReader } from './sse.ts';

export type DeviceKind = 'websocket' | 'polling' | 'sse' | 'long-poll';

/** One connection that feeds the client from where it stands. Settles when the connection is over or `signal` aborts. */
type Attempt = (url: string, client: Client, signal: AbortSignal) => Promise<void>;

/** A pause before the next try of a client whose last one failed at once. */
const PAUSE_MS = 5;
/** A connection that is not there by then is given up, as a client that has to do with a half-open one would. */
const CONNECT_MS = 3_000;

function overSocket(transport: 'websocket' | 'polling'): Attempt {
  return async (url, client, signal) => {
    using link = new SocketClient(url, { transports: [transport], timeout: CONNECT_MS });
    const { promise: over, resolve } = Promise.withResolvers<void>();
    link.connected.catch(() => resolve());
    // also before the engine is open, when the socket itself does not tell
    link.socket.io.engine.once('close', () => resolve());
    signal.addEventListener('abort', () => resolve(), { once: true });
    link.socket.once('connect', () => void link.follow(client.sessionId, client).catch(() => resolve()));
    await over;
  };
}

const overEvents: Attempt = async (url, client, signal) => {
  const { cursor } = client;
  const headers = cursor === undefined ? {} : { 'Last-Event-ID': cursor };
  using reader = new EventReader(url, pathOf(client.sessionId, '/events'), { client, headers });
  reader.opened.catch(() => undefined);
  const { promise: left, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await Promise.race([left, reader.ended(600_000)]);
};

const overPolls: Attempt = async (url, client, signal) => {
  while (!signal.aborted) {
    const { cursor } = client;
    const after = cursor === undefined ? '' : `&after=${encodeURIComponent(cursor)}`;
    const line = `GET ${pathOf(client.sessionId, `/log?wait=5${after}`)}`;
    const answer = await rest(url, line, { signal }).catch(() => undefined);
    if (answer?.status === 200) client.joined(answer.body);
    else if (answer?.status === 204) client.at(String(answer.headers['x-cursor']));
    else return;
  }
};

/** By kind, one connection each. */
export const attempts: Readonly<Record<DeviceKind, Attempt>> = {
  websocket: overSocket('websocket'),
  polling: overSocket('polling'),
  sse: overEvents,
  'long-poll': overPolls,
};

/** Feeds the client over one connection until the condition holds; one that ends before is an error. */
export async function followUntil(
  kind: DeviceKind,
  url: string,
  client: Client,
  condition: () => boolean,
  ms = 60_000,
): Promise<void> {
  const enough = new AbortController();
  const attempt = attempts[kind](url, client, enough.signal).then(() => {
    if (!condition()) throw new Error(`a ${kind} connection ended at ${client.cursor}`);
  });
  const there = client.until(condition, `what a ${kind} connection is to bring`, ms);
  await Promise.race([there, attempt]).finally(() => enough.abort());
  await attempt;
}

/** A client that comes back from its cursor at once whenever its connection ends. Disposing takes it away for good. */
export class Device implements AsyncDisposable {
  readonly client: Client;
  /** Connections begun so far. */
  connections = 0;
  readonly #stop = new AbortController();
  readonly #over: Promise<void>;

  /** `url` may be asked anew for every connection. */
  constructor(kind: DeviceKind, url: string | (() => Promise<string>), client: Client) {
    this.client = client;
    this.#over = this.#run(attempts[kind], typeof url === 'string' ? async () => url : url);
  }

  async #run(attempt: Attempt, url: () => Promise<string>): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.connections++;
      await attempt(await url(), this.client, signal).catch(() => undefined);
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Resolves when every device has the end of the turn; rejects at the first broken promise. */
  static async allEnded(devices: readonly Device[], turnId: string, ms = 30_000) {
    return await Promise.all(devices.map(({ client }) => client.ended(turnId, ms)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#over;
  }
}
