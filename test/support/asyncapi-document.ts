// A fetched AsyncAPI document as a client reads it: by event, what may go which way.
import { z } from 'zod';
import type { JsonObject } from './openapi-schema.ts';

const Schema = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null);
const Message = z.union([z.looseObject({ $ref: z.string() }), z.looseObject({ payload: Schema })]);
const Ref = z.object({ $ref: z.string() });
const Document = z.looseObject({
  channels: z.record(
    z.string(),
    z.looseObject({ address: z.string(), messages: z.record(z.string(), Message) }),
  ),
  operations: z.record(
    z.string(),
    z.looseObject({
      action: z.enum(['send', 'receive']),
      channel: Ref,
      messages: z.array(Ref),
      reply: z.looseObject({ messages: z.array(Ref) }).optional(),
      'x-logged': z.boolean().optional(),
      'x-errors': z.array(z.string()).optional(),
    }),
  ),
  components: z.looseObject({
    messages: z.record(z.string(), z.looseObject({ payload: Schema })),
    schemas: z.record(z.string(), Schema),
  }),
});

interface EventRow {
  /** `receive`: the server does, from a client. */
  action: 'send' | 'receive';
  isLogged: boolean;
  /** By the name of the message: `request`, `push`, and where it is answered `ok` and `refused`. */
  payloads: Map<string, JsonObject>;
  /** Codes of a refusal. */
  errors: string[];
}

export interface AsyncApi {
  events: Map<string, EventRow>;
  schemas: JsonObject;
}

export function readAsyncApi(fetched: unknown): AsyncApi {
  const document = Document.parse(fetched);
  const events = new Map<string, EventRow>();
  for (const operation of Object.values(document.operations)) {
    const channel = document.channels[operation.channel.$ref.replace('#/channels/', '')];
    if (!channel) throw new Error(`no channel ${operation.channel.$ref}`);
    const used = [...operation.messages, ...(operation.reply?.messages ?? [])];
    const payloads = new Map<string, JsonObject>();
    for (const { $ref } of used) {
      const name = $ref.split('/').at(-1) ?? '';
      const message = channel.messages[name];
      const found = message && '$ref' in message ? sharedMessage(document, String(message.$ref)) : message;
      payloads.set(name, z.object({ payload: Schema }).parse(found).payload);
    }
    const errors = operation['x-errors'] ?? [];
    const isLogged = operation['x-logged'] ?? false;
    events.set(channel.address, { action: operation.action, isLogged, payloads, errors });
  }
  return { events, schemas: document.components.schemas };
}

function sharedMessage(document: z.output<typeof Document>, ref: string): unknown {
  return document.components.messages[ref.replace('#/components/messages/', '')];
}
