// A reader of server-sent events that keeps every event and how the stream ended.
import { request } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Client } from './fold.ts';
import { PATIENCE_MS, createChanges, deadline, until } from './wait.ts';

export interface SseEvent {
  event: string;
  /** Absent when the event had no `id:` line. */
  id?: string;
  /** The data lines, joined; and what they are as JSON. */
  text: string;
  data: Record<string, unknown>;
}

export interface SseOptions {
  method?: 'GET' | 'POST';
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Fed with everything that comes. */
  client?: Client;
}

const Payload = z.record(z.string(), z.unknown());

/** Opens `path` of the server as an event stream; resolves with the head of the answer, whatever its status. */
export async function openEvents(url: string, path: string, options: SseOptions = {}): Promise<EventReader> {
  const reader = new EventReader(url, path, options);
  await deadline(reader.opened, `the head of ${path.slice(0, 200)}`);
  return reader;
}

export class EventReader implements Disposable {
  readonly events: SseEvent[] = [];
  readonly opened: Promise<void>;
  readonly #request: ClientRequest;
  readonly #changes = createChanges();
  readonly #client: Client | undefined;
  #rest = '';
  status = 0;
  headers: IncomingHttpHeaders = {};
  /** Everything as it came. */
  raw = '';
  /** Comments so far. */
  comments = 0;
  /** `retry:` of the server, in ms. */
  retryMs: number | undefined;
  /** `whole`: the server ended it. `broken`: the connection did. */
  end: 'open' | 'whole' | 'broken' = 'open';

  constructor(url: string, path: string, { method = 'GET', body, headers, client }: SseOptions) {
    const { hostname, port } = new URL(url);
    this.#client = client;
    this.#request = request({
      hostname,
      port,
      method,
      path,
      agent: false,
      headers: { Accept: 'text/event-stream', ...headers },
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.opened = promise;
    this.#request.on('error', (error) => {
      this.#over('broken');
      reject(error);
    });
    this.#request.on('response', (response) => {
      this.#read(response);
      resolve();
    });
    this.#request.end(body === undefined ? undefined : JSON.stringify(body));
  }

  /** The `id:` to resume from. */
  get lastId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  of(event: string): SseEvent[] {
    return this.events.filter((entry) => entry.event === event);
  }

  /** Resolves when the condition holds; it is looked at after everything that comes. */
  async until(condition: () => boolean, label: string, ms = PATIENCE_MS): Promise<void> {
    const state = () => `${label}; came: ${this.events.map(({ event }) => event).join(' ')} (${this.end})`;
    await until(condition, this.#changes.subscribe, state, ms);
  }

  async ended(ms = PATIENCE_MS): Promise<'whole' | 'broken'> {
    await this.until(() => this.end !== 'open', 'the end of the stream', ms);
    return this.end === 'whole' ? 'whole' : 'broken';
  }

  leave(): void {
    this.#request.destroy();
  }

  [Symbol.dispose](): void {
    this.leave();
  }

  #read(response: IncomingMessage): void {
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      this.raw += text;
      this.#rest += text;
      const blocks = this.#rest.split('\n\n');
      this.#rest = blocks.pop() ?? '';
      for (const block of blocks) this.#block(block);
      this.#changes.notify();
    });
    response.on('error', () => this.#over('broken'));
    response.on('close', () => this.#over(response.complete ? 'whole' : 'broken'));
  }

  #block(block: string): void {
    const entry: SseEvent = { event: 'message', text: '', data: {} };
    const data: string[] = [];
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      const field = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^ /, '');
      if (colon === 0) this.comments++;
      else if (field === 'event') entry.event = value;
      else if (field === 'id') entry.id = value;
      else if (field === 'data') data.push(value);
      else if (field === 'retry') this.retryMs = Number(value);
    }
    if (data.length === 0) return;
    entry.text = data.join('\n');
    entry.data = Payload.catch({}).parse(parse(entry.text));
    this.events.push(entry);
    this.#feed(entry);
  }

  /** The client keeps the first broken promise for whoever waits for it. */
  #feed({ event, id, data }: SseEvent): void {
    if (!this.#client) return;
    try {
      this.#client.apply(event, data);
      if (id !== undefined) this.#client.at(id);
    } catch {
      this.#changes.notify();
    }
  }

  #over(end: 'whole' | 'broken'): void {
    if (this.end === 'open') this.end = end;
    this.#changes.notify();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
