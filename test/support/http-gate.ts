// A reverse proxy that knows paths: it blocks Socket.IO, and blocks or buffers event streams, on demand.
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { createChanges, until } from './wait.ts';

/** What a request is for. */
type GateKind = 'upgrade' | 'socket' | 'stream' | 'poll' | 'request';

export interface HttpGate extends AsyncDisposable {
  readonly url: string;
  /** Whether `/socket.io` passes, as WebSocket and as polling; default true. */
  sockets: boolean;
  /** Whether a WebSocket passes; default true. */
  upgrades: boolean;
  /** `buffer`: the head passes, the events only with the end of the stream. `block`: 502. Default `pass`. */
  sse: 'pass' | 'buffer' | 'block';
  /** Whether anything passes; default true. */
  isOpen: boolean;
  /** Where requests to come go. */
  retarget(port: number): void;
  /** Ends all that is open; so does nothing else, also no switch. */
  cut(): void;
  /** How many of a kind came, let through or not. */
  count(kind: GateKind): number;
  until(condition: () => boolean, label: string): Promise<void>;
}

export async function startHttpGate(target: number): Promise<HttpGate> {
  const gate = new Gate(target);
  await gate.listen();
  return gate;
}

function kindOf({ url = '', headers }: IncomingMessage): GateKind {
  if (url.startsWith('/socket.io')) return 'socket';
  if (/^[^?]*\/events(\?|$)/.test(url) || headers.accept === 'text/event-stream') return 'stream';
  return /^[^?]*\/log(\?|$)/.test(url) ? 'poll' : 'request';
}

const Address = z.object({ port: z.number() });

class Gate implements HttpGate {
  sockets = true;
  upgrades = true;
  sse: HttpGate['sse'] = 'pass';
  isOpen = true;
  readonly #counts = new Map<GateKind, number>();
  readonly #changes = createChanges();
  readonly #open = new Set<Duplex>();
  readonly #server = createServer((incoming, outgoing) => this.#request(incoming, outgoing));
  #target: number;
  #port = 0;

  constructor(target: number) {
    this.#target = target;
    this.#server.on('upgrade', (incoming, socket, head) => this.#upgrade(incoming, socket, head));
    this.#server.on('connection', (socket) => this.#keep(socket));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#port = Address.parse(this.#server.address()).port;
  }

  retarget(port: number): void {
    this.#target = port;
  }

  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  count(kind: GateKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  async until(condition: () => boolean, label: string): Promise<void> {
    const state = () => `${label}; came: ${JSON.stringify([...this.#counts])}`;
    await until(condition, this.#changes.subscribe, state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(socket: Duplex): void {
    this.#open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#open.delete(socket));
  }

  #note(kind: GateKind): void {
    this.#counts.set(kind, this.count(kind) + 1);
    this.#changes.notify();
  }

  #request(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const kind = kindOf(incoming);
    this.#note(kind);
    if (!this.isOpen || (kind === 'socket' && !this.sockets)) return void incoming.socket.destroy();
    if (kind === 'stream' && this.sse === 'block') return void outgoing.writeHead(502).end();
    const { method, url, headers } = incoming;
    const onward = request({
      port: this.#target,
      host: '127.0.0.1',
      method,
      path: url,
      headers,
      agent: false,
    });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      if (kind === 'stream' && this.sse === 'buffer') void this.#hold(answer, outgoing);
      else answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  }

  async #hold(answer: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => outgoing.end(Buffer.concat(chunks)));
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#note('upgrade');
    if (!this.isOpen || !this.sockets || !this.upgrades) return void socket.destroy();
    const onward = connect({ port: this.#target, host: '127.0.0.1', noDelay: true }, () => {
      const lines = [`${incoming.method} ${incoming.url} HTTP/1.1`];
      for (let i = 0; i < incoming.rawHeaders.length; i += 2)
        lines.push(`${incoming.rawHeaders[i]}: ${incoming.rawHeaders[i + 1]}`);
      onward.write(`${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    this.#keep(onward);
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
  }
}
