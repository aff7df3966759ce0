// What a collector of OpenTelemetry is sent over HTTP, as JSON.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { createChanges, until } from './wait.ts';

const Value = z.looseObject({ stringValue: z.string().optional(), intValue: z.number().optional() });
const Attributes = z.array(z.looseObject({ key: z.string(), value: Value }));
const Batch = z.looseObject({
  resourceSpans: z.array(
    z.looseObject({
      resource: z.looseObject({ attributes: Attributes }),
      scopeSpans: z.array(
        z.looseObject({
          spans: z.array(
            z.looseObject({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().optional(),
              name: z.string(),
              attributes: Attributes,
            }),
          ),
        }),
      ),
    }),
  ),
});

export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parent: string | undefined;
  name: string;
  attributes: Record<string, unknown>;
  resource: Record<string, unknown>;
}

const toObject = (attributes: z.output<typeof Attributes>) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));

export class Collector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  /** Everything as it came, with the headers. */
  readonly raw: string[] = [];
  readonly #changes = createChanges();
  readonly #server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      this.raw.push(`${req.url} ${JSON.stringify(req.headers)} ${text}`);
      this.#take(text);
      res.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    });
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Resolves once there is a span of that name. */
  span(name: string): Promise<CollectedSpan> {
    const look = () => this.spans.find((span) => span.name === name);
    return until(look, this.#changes.subscribe, () => `a span "${name}"; there are ${this.#names()}`);
  }

  #names(): string {
    return this.spans.map(({ name }) => name).join(', ');
  }

  #take(text: string): void {
    for (const { resource, scopeSpans } of Batch.parse(JSON.parse(text)).resourceSpans) {
      for (const { traceId, spanId, parentSpanId, name, attributes } of scopeSpans.flatMap(
        (one) => one.spans,
      )) {
        this.spans.push({
          traceId,
          spanId,
          parent: parentSpanId,
          name,
          attributes: toObject(attributes),
          resource: toObject(resource.attributes),
        });
      }
    }
    this.#changes.notify();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
