// A TCP proxy on 127.0.0.1 that makes networks fail on demand.
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import { Pipe, freeRules } from './tcp-pipe.ts';
import type { Direction, Rules } from './tcp-pipe.ts';
import { createChanges, until } from './wait.ts';

export interface ProxyOptions {
  /** Port on 127.0.0.1 where connections go. */
  target: number;
  /** Default 0: the system chooses. */
  port?: number;
}

/** Told about bytes as they are handed on, with the number of the connection (from 0). */
type BytesListener = (direction: Direction, chunk: Buffer, connection: number) => void;

/** What is said of a direction holds for connections there are and for those to come. Disposing cuts everything. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** Where connections to come go. */
  retarget(port: number): void;

  /** Ends every connection by FIN in both directions; what was not handed on yet is lost. */
  cut(): void;
  /** Ends every connection by RST. */
  reset(): void;
  /** Once `bytes` more have gone in that direction, exactly there, ends the connection that carried the last of them. */
  cutAfter(direction: Direction, bytes: number, how?: 'fin' | 'reset'): void;
  /**
   * Half-open: takes the bytes and the FIN of that direction (default both) and hands nothing on. A connection that
   * lost bytes stays so for ever; `heal` is for those that lost none and those to come.
   */
  swallow(direction?: Direction): void;
  heal(): void;
  /** The same for one connection only, by its number as `onBytes` tells it; nothing heals it. */
  mute(connection: number, direction?: Direction): void;
  /** Reads and hands on nothing in that direction (default both), so that the sender feels it. */
  pause(direction?: Direction): void;
  resume(direction?: Direction): void;
  /** Every byte comes so much later; 0 ends it. */
  delay(ms: number, direction?: Direction): void;
  /** Bytes per second per connection; null ends it. */
  throttle(bytesPerSecond: number | null, direction?: Direction): void;
  /** Hands nothing on before so many bytes are there, or the end of the connection; 0 ends it. */
  buffer(bytes: number, direction?: Direction): void;
  /** Cuts connections to come after so long without a byte; null ends it. */
  dropIdle(ms: number | null): void;
  /** Closes the port: new connections are refused. */
  refuse(): void;
  /** Opens the port again. */
  accept(): Promise<void>;

  onBytes(listener: BytesListener): Disposable;
  /** Connections open now, and ever. */
  readonly connections: number;
  readonly accepted: number;
  /** Bytes handed on, over all connections. */
  readonly bytes: Readonly<Record<Direction, number>>;
  /** Bytes taken and not handed on: swallowed, or come after a cut. */
  readonly lost: Readonly<Record<Direction, number>>;
  /** Resolves when `condition` holds; it is looked at after everything that happens in the proxy. */
  until(condition: () => boolean, label: string): Promise<void>;
}

export async function startTcpProxy(options: ProxyOptions): Promise<TcpProxy> {
  const proxy = new Proxy(options);
  await proxy.accept();
  return proxy;
}

const directions: readonly Direction[] = ['up', 'down'];

/** The two sockets of one connection. */
class Link {
  readonly number: number;
  readonly client: Socket;
  readonly target: Socket;
  readonly pipes: Readonly<Record<Direction, Pipe>>;

  constructor(number: number, client: Socket, target: Socket, pipes: Record<Direction, Pipe>) {
    this.number = number;
    this.client = client;
    this.target = target;
    this.pipes = pipes;
  }

  get isOpen(): boolean {
    return !this.client.destroyed || !this.target.destroyed;
  }

  end(how: 'fin' | 'reset' | 'destroy'): void {
    for (const pipe of Object.values(this.pipes)) pipe.break();
    for (const socket of [this.client, this.target]) {
      if (how === 'fin') socket.end();
      else if (how === 'reset') socket.resetAndDestroy();
      else socket.destroy();
    }
  }
}

class Proxy implements TcpProxy {
  readonly bytes = { up: 0, down: 0 };
  readonly lost = { up: 0, down: 0 };
  readonly #rules: Record<Direction, Rules> = { up: freeRules(), down: freeRules() };
  readonly #links = new Set<Link>();
  readonly #listeners = new Set<BytesListener>();
  readonly #changes = createChanges();
  #target: number;
  #port: number;
  #server: Server | undefined;
  #idleMs: number | null = null;
  accepted = 0;

  constructor(options: ProxyOptions) {
    this.#target = options.target;
    this.#port = options.port ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#links.size;
  }

  retarget(port: number): void {
    this.#target = port;
  }

  cut(): void {
    for (const link of this.#links) link.end('fin');
  }

  reset(): void {
    for (const link of this.#links) link.end('reset');
  }

  cutAfter(direction: Direction, bytes: number, how: 'fin' | 'reset' = 'fin'): void {
    this.#rules[direction].cut = { left: bytes, how };
  }

  swallow(direction?: Direction): void {
    this.#rule(direction, (rules) => (rules.isSwallowed = true));
  }

  heal(): void {
    this.#rule(undefined, (rules) => (rules.isSwallowed = false));
  }

  mute(connection: number, direction?: Direction): void {
    const link = [...this.#links].find(({ number }) => number === connection);
    if (!link) throw new Error(`There is no connection ${connection}`);
    for (const one of direction ? [direction] : directions) link.pipes[one].mute();
  }

  pause(direction?: Direction): void {
    this.#rule(direction, (rules) => (rules.isPaused = true));
  }

  resume(direction?: Direction): void {
    this.#rule(direction, (rules) => (rules.isPaused = false));
  }

  delay(ms: number, direction?: Direction): void {
    this.#rule(direction, (rules) => (rules.delayMs = ms));
  }

  throttle(bytesPerSecond: number | null, direction?: Direction): void {
    this.#rule(direction, (rules) => (rules.throttle = bytesPerSecond));
  }

  buffer(bytes: number, direction?: Direction): void {
    this.#rule(direction, (rules) => (rules.bufferBytes = bytes));
  }

  dropIdle(ms: number | null): void {
    this.#idleMs = ms;
  }

  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  async accept(): Promise<void> {
    if (this.#server) return;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) =>
      this.#link(client),
    );
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#server = server;
  }

  onBytes(listener: BytesListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async until(condition: () => boolean, label: string): Promise<void> {
    const state = () => `${label}: ${this.connections} connections, ${JSON.stringify(this.bytes)} bytes`;
    await until(condition, this.#changes.subscribe, state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refuse();
    for (const link of this.#links) link.end('destroy');
    await this.until(() => this.#links.size === 0, 'no connection');
  }

  #rule(direction: Direction | undefined, change: (rules: Rules) => void): void {
    for (const one of direction ? [direction] : directions) change(this.#rules[one]);
    for (const { pipes } of this.#links) for (const pipe of Object.values(pipes)) pipe.wake();
  }

  #link(client: Socket): void {
    const number = this.accepted++;
    const target = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    client.setNoDelay(true);
    const events = (direction: Direction) => ({
      onBytes: (chunk: Buffer) => this.#count(direction, chunk, number),
      onLost: (chunk: Buffer) => {
        this.lost[direction] += chunk.length;
        this.#changes.notify();
      },
      onCut: (how: 'fin' | 'reset') => link.end(how),
    });
    const link: Link = new Link(number, client, target, {
      up: new Pipe(client, target, this.#rules.up, events('up')),
      down: new Pipe(target, client, this.#rules.down, events('down')),
    });
    this.#links.add(link);
    this.#join(link, client, target, link.pipes.up);
    this.#join(link, target, client, link.pipes.down);
    if (this.#idleMs !== null) client.setTimeout(this.#idleMs, () => link.end('fin'));
    this.#changes.notify();
  }

  /** An aborted end passes on to the other one, unless that direction is swallowed. */
  #join(link: Link, from: Socket, to: Socket, pipe: Pipe): void {
    let isFaulty = false;
    from.on('error', () => (isFaulty = true));
    from.on('close', () => {
      if (isFaulty && !pipe.isSwallowed && !to.destroyed) to.resetAndDestroy();
      if (!link.isOpen) this.#links.delete(link);
      this.#changes.notify();
    });
  }

  #count(direction: Direction, chunk: Buffer, number: number): void {
    this.bytes[direction] += chunk.length;
    for (const listener of this.#listeners) listener(direction, chunk, number);
    this.#changes.notify();
  }
}
