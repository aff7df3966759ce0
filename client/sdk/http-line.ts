// Without a socket: requests by POST, frames by server-sent events, or by long polls where a proxy holds those back.
import type { RequestOptions } from './api.ts';
import { ChatError, ConnectionError, isOut } from './errors.ts';
import { headersFor, lineOf, refusalOf, requestOverHttp } from './http-request.ts';
import type { Server } from './http-request.ts';
import { arrivalOf, isAnnouncement, SILENCE_MS } from './line.ts';
import type { Announcement, Following, Line, LineEvents, OperationName, Reader } from './line.ts';
import type { Operations, Snapshot } from './wire.ts';

/** The server's first comment comes at once; what takes longer is held back by somebody. */
const FIRST_BYTE_MS = 3_000;
const POLL_SECONDS = 25;
const POLL_MS = 40_000;
const AGAIN_MS = 500;

/** Opens nothing by itself. */
export class HttpLine implements Line {
  readonly via: 'stream' | 'poll';
  readonly #server: Server;
  readonly #events: LineEvents;
  readonly #loops = new Set<Loop>();

  constructor(server: Server, events: LineEvents, via: 'stream' | 'poll') {
    this.#server = server;
    this.#events = events;
    this.via = via;
  }

  async request<N extends OperationName>(
    name: N,
    input: Operations[N]['input'],
    options: RequestOptions = {},
  ): Promise<Operations[N]['output']> {
    try {
      return await requestOverHttp(this.#server, name, input, options);
    } catch (error) {
      if (isOut(error) || error instanceof ConnectionError) this.#lose(error);
      throw error;
    }
  }

  follow(sessionId: string, reader: Reader): Following {
    const { via } = this;
    const buffered = () => this.#events.lost(this, 'buffered');
    const parts = {
      server: this.#server,
      sessionId,
      reader,
      announced: (announcement: Announcement) => this.#events.announced(this, announcement),
      lost: (why: unknown) => this.#lose(why),
      buffered,
    };
    const loop = new Loop(parts, via === 'stream' ? readStream : readPoll);
    this.#loops.add(loop);
    void loop.run();
    const resync = () => loop.again();
    return {
      resync,
      // an open stream that says nothing of what the server has long written is held back on the way
      overdue: via === 'stream' ? buffered : resync,
      stop: () => {
        loop.stop();
        this.#loops.delete(loop);
      },
    };
  }

  #lose(why: unknown): void {
    this.close();
    this.#events.lost(this, why);
  }

  close(): void {
    for (const loop of this.#loops) loop.stop();
    this.#loops.clear();
  }
}

interface LoopParts {
  server: Server;
  sessionId: string;
  reader: Reader;
  announced: (announcement: Announcement) => void;
  lost: (why: unknown) => void;
  buffered: () => void;
}

/** One reading from the cursor on. Answers how long to wait before the next, in ms. @throws ChatError, ConnectionError */
type Read = (parts: LoopParts, signal: AbortSignal, again: () => void) => Promise<number>;

/** Reads again and again, until it is stopped or refused. */
class Loop {
  readonly #parts: LoopParts;
  readonly #read: Read;
  /** Of the reading that runs now. */
  #reading = new AbortController();
  #isStopped = false;

  constructor(parts: LoopParts, read: Read) {
    this.#parts = parts;
    this.#read = read;
  }

  async run(): Promise<void> {
    while (!this.#isStopped) {
      this.#reading = new AbortController();
      const { signal } = this.#reading;
      try {
        await rest(await this.#read(this.#parts, signal, () => this.again()), signal);
      } catch (error) {
        if (!signal.aborted) await this.#failed(error, signal);
      }
    }
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (error instanceof ChatError && error.retryable)
      return await rest(error.retryAfterMs ?? AGAIN_MS, signal);
    this.stop();
    if (error instanceof ChatError && !isOut(error)) this.#parts.reader.refused(error);
    else this.#parts.lost(error);
  }

  again(): void {
    this.#reading.abort();
  }

  stop(): void {
    this.#isStopped = true;
    this.again();
  }
}

const readPoll: Read = async ({ server, sessionId, reader }, signal) => {
  const input = { session_id: sessionId, after: reader.cursor, wait: POLL_SECONDS };
  const answer = await requestOverHttp(server, 'session:log', input, { signal, timeoutMs: POLL_MS });
  if (signal.aborted) return 0;
  reader.joined(answer.mode === 'snapshot' ? answer : null);
  if (answer.mode === 'tail')
    for (const { event, data } of answer.entries) reader.arrived(arrivalOf(event, data));
  return 0;
};

const readStream: Read = async (parts, signal, again) => {
  const { reader } = parts;
  let timer = setTimeout(parts.buffered, FIRST_BYTE_MS);
  try {
    const body = await openStream(parts, signal);
    if (!body) {
      // somebody on the way does not let it through
      if (!signal.aborted) parts.buffered();
      return AGAIN_MS;
    }
    let text = '';
    for (let isFirst = true; ; isFirst = false) {
      const { value, done } = await body.read();
      if (done || signal.aborted) return AGAIN_MS;
      clearTimeout(timer);
      timer = setTimeout(again, SILENCE_MS);
      if (isFirst && reader.cursor !== null) reader.joined(null);
      const blocks = (text + value).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) take(parts, fieldsOf(block));
    }
  } finally {
    clearTimeout(timer);
  }
};

/** Undefined: no answer of our server came. @throws ChatError */
async function openStream({ server, sessionId, reader }: LoopParts, signal: AbortSignal) {
  const { address } = lineOf(server.url, 'session:events', { session_id: sessionId, after: reader.cursor });
  const headers = await headersFor(server, { Accept: 'text/event-stream' });
  const response = await fetch(address, { headers, signal }).catch(() => undefined);
  if (response?.ok) return response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const error = response && (await refusalOf(response));
  if (error instanceof ChatError) throw error;
  return undefined;
}

/** The server writes each field once, in one line; a comment is none. */
const fieldsOf = (block: string): Partial<Record<string, string>> =>
  Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2)));

function take({ reader, announced }: LoopParts, { event = '', data }: Partial<Record<string, string>>): void {
  if (data === undefined) return;
  const arrival = arrivalOf(event, JSON.parse(data));
  if (event === 'session:snapshot') reader.joined(arrival.data as unknown as Snapshot);
  else if (isAnnouncement(arrival)) announced(arrival);
  else reader.arrived(arrival);
}

/** Resolves after the time, or when the signal aborts. */
async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0 && !signal.aborted)
    await new Promise<unknown>((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve(0);
      });
    });
}
