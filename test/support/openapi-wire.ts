// One request as it goes over the wire, and what comes back. A client that waits too long leaves.
import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface Sent {
  method: string;
  path: string;
  headers: Record<string, string | string[]>;
  body: Buffer | undefined;
}

export interface Got {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** `left`: the client did not wait for the rest. */
  end: 'whole' | 'left';
}

/** A long poll without news, or a stream: neither ends by itself. */
const HEAD_MS = 250;
const STREAM_MS = 40;

/** Connections of one client that sends one request after the other. */
export class Wire implements Disposable {
  readonly #url: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string) {
    this.#url = new URL(url);
  }

  /** Undefined: left before the head of an answer came. */
  async send({ method, path, headers, body }: Sent, patienceMs = HEAD_MS): Promise<Got | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage | undefined>();
    const { hostname, port } = this.#url;
    const isLarge = body !== undefined && body.length > 100_000;
    const outgoing = request(
      { hostname, port, method, path, headers, agent: isLarge ? false : this.#agent },
      resolve,
    );
    outgoing.on('error', (error) => reject(new Error(`${method} ${path.slice(0, 200)}`, { cause: error })));
    const timer = setTimeout(() => {
      resolve(undefined);
      outgoing.destroy();
    }, patienceMs);
    // without a length, Node sends some methods in chunks and others as if a second request followed
    if (body) outgoing.setHeader('Content-Length', body.length);
    outgoing.end(body);
    try {
      const response = await promise;
      return response && (await read(response));
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

async function read(response: IncomingMessage): Promise<Got> {
  const isStream = response.headers['content-type']?.startsWith('text/event-stream') ?? false;
  const chunks: Buffer[] = [];
  const { promise: over, resolve } = Promise.withResolvers<Got['end']>();
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('end', () => resolve('whole'));
  response.on('error', () => resolve('left'));
  const timer = setTimeout(() => resolve('left'), isStream ? STREAM_MS : 10_000);
  const end = await over;
  clearTimeout(timer);
  if (end === 'left') response.destroy();
  const text = Buffer.concat(chunks).toString('utf8');
  return { status: response.statusCode ?? 0, headers: response.headers, text, end };
}
