// One address for several nodes, for trying them out: each request goes to the next node that answers, and a WebSocket stays where
// it was opened. Socket.IO's polling is many requests of one connection, so those go where its id was given out.
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** Ids of polling connections that are remembered. */
const IDS_KEPT = 10_000;
/** Where the id stands in what Socket.IO answers to a polling that begins. */
const ID = /"sid":"([^"]+)"/;

export interface RoundRobinOptions {
  /** Of the nodes, on 127.0.0.1. */
  targets: readonly number[];
  /** Default 0: the system chooses. */
  port?: number;
}

/** On 127.0.0.1. Disposing ends every connection. */
export interface RoundRobin extends AsyncDisposable {
  readonly port: number;
}

/** Rejects where the port is taken. */
export async function startRoundRobin({ targets, port = 0 }: RoundRobinOptions): Promise<RoundRobin> {
  const proxy = new Proxy(targets);
  await proxy.listen(port);
  return proxy;
}

class Proxy implements RoundRobin {
  readonly #targets: readonly number[];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #polling = new Map<string, number>();
  #next = 0;

  constructor(targets: readonly number[]) {
    this.#targets = targets;
    this.#server = createServer((incoming, outgoing) => void this.#pass(incoming, outgoing));
    this.#server.requestTimeout = 0;
    this.#server.on(
      'upgrade',
      (incoming, client: Socket, head) => void this.#upgrade(incoming, client, head),
    );
    this.#server.on('connection', (socket) => this.#keep(socket));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const way = await this.#open(incoming);
    if (!way) {
      outgoing.writeHead(502, { 'Content-Type': 'text/plain' }).end('no node answers\n');
      return;
    }
    const { method, url: path, rawHeaders: headers } = incoming;
    const passed = request({ createConnection: () => way.socket, method, path, headers });
    passed.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      if (this.#isHandshake(incoming)) answer.once('data', (chunk) => this.#learn(String(chunk), way.target));
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  }

  async #upgrade(incoming: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    const way = await this.#open(incoming);
    if (!way || client.destroyed) {
      client.destroy();
      way?.socket.destroy();
      return;
    }
    const { method, url, rawHeaders } = incoming;
    const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
    way.socket.write(`${[`${method} ${url} HTTP/1.1`, ...pairs].join('\r\n')}\r\n\r\n`);
    way.socket.write(head);
    client.pipe(way.socket).pipe(client);
    client.on('close', () => way.socket.destroy());
    way.socket.on('close', () => client.destroy());
  }

  /** A connection to the node it belongs to, or to the next one that takes it; undefined when none does. */
  async #open(incoming: IncomingMessage): Promise<{ socket: Socket; target: number } | undefined> {
    const id = new URLSearchParams(incoming.url?.split('?')[1]).get('sid');
    const own = id === null ? undefined : this.#polling.get(id);
    const first = own === undefined ? this.#next++ : 0;
    const others = this.#targets.map((_, i) => this.#targets[(first + i) % this.#targets.length]);
    for (const target of own === undefined ? others : [own]) {
      if (target === undefined) continue;
      const socket = await connected(target);
      if (!socket) continue;
      this.#keep(socket);
      return { socket, target };
    }
    return undefined;
  }

  #isHandshake({ url = '' }: IncomingMessage): boolean {
    return url.includes('transport=polling') && !url.includes('sid=');
  }

  #learn(text: string, target: number): void {
    const id = ID.exec(text)?.[1];
    if (id === undefined) return;
    this.#polling.set(id, target);
    const [oldest] = this.#polling.keys();
    if (this.#polling.size > IDS_KEPT && oldest !== undefined) this.#polling.delete(oldest);
  }
}

async function connected(port: number): Promise<Socket | undefined> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  return await new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
