// A small JSON client on node:http: `fetch` would fold `%2E%2E` in a path, and ids are to arrive as they are.
import { request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { z } from 'zod';
import { deadline } from './wait.ts';

export interface RestOptions {
  /** Sent as JSON; a string or bytes are sent as they are. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Leaves the request, as a client that goes away. */
  signal?: AbortSignal;
  /** Default 20,000. */
  ms?: number;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body as a JSON object; `{}` where it is none. */
  body: Record<string, unknown>;
}

const JsonObject = z.record(z.string(), z.unknown());

/** `/api/v1/session/<id>` and what comes behind, with the id encoded once. */
export const pathOf = (sessionId: string, rest = ''): string =>
  `/api/v1/session/${encodeURIComponent(sessionId).replaceAll('.', '%2E')}${rest}`;

/** One request of its own connection: `rest(server.url, 'POST /api/v1/input', { body })`. */
export async function rest(url: string, line: string, options: RestOptions = {}): Promise<Answer> {
  const answer = send(url, line, options);
  return await deadline(answer, `an answer to ${line.slice(0, 200)}`, options.ms ?? 20_000);
}

async function send(url: string, line: string, { body, headers, signal }: RestOptions): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const space = line.indexOf(' ');
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        method: line.slice(0, space),
        path: line.slice(space + 1),
        agent: false,
        headers: headers ?? {},
        ...(signal && { signal }),
      },
      resolve,
    );
    outgoing.on('error', reject);
    outgoing.end(bytesOf(body));
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString('utf8');
  return { status: response.statusCode ?? 0, headers: response.headers, text, body: toObject(text) };
}

function bytesOf(body: unknown): string | Buffer | undefined {
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) return body;
  return JSON.stringify(body);
}

function toObject(text: string): Record<string, unknown> {
  try {
    return JsonObject.catch({}).parse(JSON.parse(text));
  } catch {
    return {};
  }
}
