// One trace for each turn, whichever nodes it runs on, over OTLP/HTTP. Nothing of what was said is in it, and no id of a session.
import { hash, randomUUID } from 'node:crypto';
import { ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import type { Context, Span, Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { IdGenerator, ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Log } from '../log.ts';
import type { TurnBegun, TurnEnd, TurnMeter, TurnTracer } from '../meter.ts';

export interface TracesOptions {
  /** Where the collector answers; `/v1/traces` is added to it. */
  endpoint: string;
  headers: Readonly<Record<string, string>>;
  serviceName: string;
  version: string;
  log: Pick<Log, 'warn'>;
}

/** How long spans are gathered, and how long the collector is waited for. */
const GATHER_MS = 1_000;
const EXPORT_MS = 2_000;

interface TraceIds {
  traceId: string;
  spanId: string;
}

/** Of a turn: every node that has it finds the same ones. The trace of turn 6f1c…-… is 6f1c… without dashes. */
function traceOf(turnId: string): TraceIds {
  const digest = hash('sha256', turnId, 'hex');
  const plain = turnId.replaceAll('-', '').toLowerCase();
  const isId = /^[\da-f]{32}$/.test(plain) && !/^0+$/.test(plain);
  return { traceId: isId ? plain : digest.slice(0, 32), spanId: digest.slice(-16) };
}

/** `name=value` with commas between, as OTEL_EXPORTER_OTLP_HEADERS has it; values may be percent-encoded. */
export function parseHeaders(list: string): Record<string, string> {
  const pairs = list.split(',').flatMap((pair): [string, string][] => {
    const at = pair.indexOf('=');
    return at < 1 ? [] : [[pair.slice(0, at).trim(), decode(pair.slice(at + 1).trim())]];
  });
  return Object.fromEntries(pairs);
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Random ids, but while a span is to have its own. */
class Ids implements IdGenerator {
  next: TraceIds | undefined;

  generateTraceId(): string {
    return this.next?.traceId ?? randomUUID().replaceAll('-', '');
  }

  generateSpanId(): string {
    return this.next?.spanId ?? randomUUID().replaceAll('-', '').slice(-16);
  }
}

/** Says once that spans are lost, until one batch gets through. */
function telling(inner: SpanExporter, log: Pick<Log, 'warn'>): SpanExporter {
  let isLost = false;
  return {
    export(spans: ReadableSpan[], done) {
      inner.export(spans, (result) => {
        const fails = result.error !== undefined;
        if (fails && !isLost) log.warn({ reason: result.error?.message }, 'traces cannot be sent');
        isLost = fails;
        done(result);
      });
    },
    shutdown: () => inner.shutdown(),
  };
}

export class Traces implements TurnTracer, AsyncDisposable {
  readonly #provider: BasicTracerProvider;
  readonly #tracer: Tracer;
  readonly #ids = new Ids();

  constructor({ endpoint, headers, serviceName, version, log }: TracesOptions) {
    const exporter = new OTLPTraceExporter({
      url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
      headers: { ...headers },
      timeoutMillis: EXPORT_MS,
    });
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({
        'service.name': serviceName,
        'service.version': version,
        'service.instance.id': randomUUID(),
      }),
      idGenerator: this.#ids,
      spanProcessors: [
        new BatchSpanProcessor(telling(exporter, log), {
          scheduledDelayMillis: GATHER_MS,
          exportTimeoutMillis: EXPORT_MS,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer('stillpoint', version);
  }

  turn(begun: TurnBegun): TurnMeter {
    const ids = traceOf(begun.turnId);
    const attributes = { 'stillpoint.turn_id': begun.turnId, 'stillpoint.generation': begun.generation };
    // at once, and not when it ends: whoever owns it then may not be who began it
    if (begun.takenOver === null) {
      this.#ids.next = ids;
      const root = this.#tracer.startSpan('turn', { root: true, startTime: begun.startedAt, attributes });
      this.#ids.next = undefined;
      root.end(Math.max(begun.startedAt, begun.now));
    }
    const parent = { ...ids, traceFlags: TraceFlags.SAMPLED, isRemote: begun.takenOver !== null };
    const context = trace.setSpanContext(ROOT_CONTEXT, parent);
    const why = begun.takenOver === null ? {} : { 'stillpoint.takeover': begun.takenOver };
    const name = begun.takenOver === null ? 'turn run' : 'turn taken over';
    const span = this.#tracer.startSpan(name, { attributes: { ...attributes, ...why } }, context);
    return new OneTurn(this.#tracer, span, trace.setSpan(ROOT_CONTEXT, span));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#provider.shutdown().catch(() => undefined);
  }
}

class OneTurn implements TurnMeter {
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;
  #phase: Span | undefined;
  #name = '';

  constructor(tracer: Tracer, span: Span, context: Context) {
    this.#tracer = tracer;
    this.#span = span;
    this.#context = context;
  }

  phase(name: string): void {
    if (name === this.#name) return;
    this.#name = name;
    this.#phase?.end();
    this.#phase = this.#tracer.startSpan(name, {}, this.#context);
  }

  began(source: string, model: string): void {
    this.#span.setAttributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': source,
      'gen_ai.request.model': model,
    });
  }

  firstWord(): void {
    this.#span.addEvent('first word');
  }

  ended(how: TurnEnd, chars: number): void {
    this.#phase?.end();
    this.#span.setAttributes({ 'stillpoint.outcome': how, 'stillpoint.reply_length': chars });
    if (how === 'failed') this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end();
  }
}
