// A thin wrapper of the official socket.io-client: promises with deadlines, and fold clients fed in the order of the wire.
import { io } from 'socket.io-client';
import type { ManagerOptions, Socket, SocketOptions } from 'socket.io-client';
import { z } from 'zod';
import { Failure } from '../../src/contract/model.ts';
import { Client } from './fold.ts';
import { PATIENCE_MS, createChanges, deadline, until } from './wait.ts';

const Answer = z.looseObject({ ok: z.boolean(), error: Failure.optional() });
export type Answer = z.output<typeof Answer>;
export type Refusal = z.output<typeof Failure>;

export interface Received {
  event: string;
  data: unknown;
}

const Payload = z.looseObject({ session_id: z.string() });

/** Connects over WebSocket unless told otherwise, and never reconnects by itself unless told to. */
export async function connect(
  url: string,
  options: Partial<ManagerOptions & SocketOptions> = {},
): Promise<SocketClient> {
  const client = new SocketClient(url, options);
  try {
    await deadline(client.connected, `a connection to ${url}`);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

export class SocketClient implements Disposable {
  readonly socket: Socket;
  readonly connected: Promise<void>;
  /** Every event but acks, in order. */
  readonly received: Received[] = [];
  readonly #clients = new Map<string, Set<Client>>();
  readonly #changes = createChanges();

  constructor(url: string, options: Partial<ManagerOptions & SocketOptions>) {
    this.socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true, ...options });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.connected = promise;
    this.socket.once('connect', resolve);
    this.socket.once('connect_error', reject);
    // a server that dies before it has answered the handshake makes no connect_error
    this.socket.io.once('close', () => reject(new Error('the connection was closed')));
    this.socket.on('disconnect', () => this.#changes.notify());
    this.socket.onAny((event: string, data: unknown) => {
      this.received.push({ event, data });
      this.#feed(event, data);
      this.#changes.notify();
    });
  }

  /** The ack of an event, ok or not. Fold clients of its session learn its cursor before anything that follows. */
  async call(event: string, ...payload: unknown[]): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.socket.emit(event, ...payload, (answer: unknown) => {
      this.#learn(event, payload[0], answer);
      resolve(answer);
    });
    return Answer.parse(await deadline(promise, `the ack of ${event.slice(0, 200)}`, 60_000));
  }

  /** The ack of an event that is to succeed. */
  async must(event: string, ...payload: unknown[]): Promise<Answer> {
    const answer = await this.call(event, ...payload);
    if (!answer.ok) throw new Error(`${event.slice(0, 200)} was refused: ${JSON.stringify(answer.error)}`);
    return answer;
  }

  /** The failure of an event that is to be refused. */
  async refused(event: string, ...payload: unknown[]): Promise<Refusal> {
    const answer = await this.call(event, ...payload);
    if (answer.ok || !answer.error) throw new Error(`${event.slice(0, 200)} was not refused`);
    return answer.error;
  }

  /** Joins a session from where the client stands, and feeds the client. */
  async follow(sessionId: string, client = new Client(sessionId)): Promise<Client> {
    this.feed(client);
    const { cursor } = client;
    await this.must('session:join', {
      session_id: sessionId,
      ...(cursor !== undefined && { after: cursor }),
    });
    return client;
  }

  /** Feeds a client without joining: for a socket that follows because it creates the session, or speaks in it. */
  feed(client: Client): Client {
    const clients = this.#clients.get(client.sessionId) ?? new Set();
    this.#clients.set(client.sessionId, clients.add(client));
    return client;
  }

  of(event: string): unknown[] {
    return this.received.filter((entry) => entry.event === event).map(({ data }) => data);
  }

  /** Resolves when the condition holds; it is looked at after every event and when the connection ends. */
  async until(condition: () => boolean, label: string, ms = PATIENCE_MS): Promise<void> {
    const state = () => `${label}; came: ${this.received.map(({ event }) => event).join(' ')}`;
    await until(condition, this.#changes.subscribe, state, ms);
  }

  close(): void {
    this.socket.disconnect();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #learn(event: string, payload: unknown, answer: unknown): void {
    const given = z.looseObject({ ok: z.literal(true), cursor: z.string() }).safeParse(answer);
    if (!given.success) return;
    const id = [answer, payload].map((value) => Payload.safeParse(value).data?.session_id).find(Boolean);
    for (const client of this.#clients.get(id ?? '') ?? []) {
      this.#try(() => (event === 'session:join' ? client.joined(answer) : client.acked(given.data.cursor)));
    }
  }

  #feed(event: string, data: unknown): void {
    const id = Payload.safeParse(data).data?.session_id ?? '';
    for (const client of this.#clients.get(id) ?? []) this.#try(() => client.apply(event, data));
  }

  /** The client keeps the first broken promise for whoever waits for it. */
  #try(step: () => void): void {
    try {
      step();
    } catch {
      this.#changes.notify();
    }
  }
}
