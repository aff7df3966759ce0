// AsyncAPI 3 of the Socket.IO events (docs/protocol.md section 4), read from the table.
import { camelCase, contractSchemas, inputName, refTo, referredTo, rows } from './json-schema.ts';
import type { ContractSchemas, Part, Parts, Schemas } from './json-schema.ts';
import { commonErrors, pushes } from './operations.ts';
import type { Operation } from './operation.ts';

export interface AsyncApiDocument {
  asyncapi: string;
  info: Part;
  defaultContentType: string;
  servers: Record<string, Part>;
  channels: Parts;
  operations: Parts;
  components: { messages: Parts; schemas: Schemas };
}

const description = `The events of one Socket.IO connection: default path \`/socket.io\`, default namespace, default parser. Each channel is one event, its address the name of it. The same operations over REST are in \`/openapi.json\`.

- Handshake \`auth: {token?}\`. A socket that is not let in gets \`connect_error\`, with a \`Failure\` as its \`data\`.
- A client event is answered through its ack; without an ack the same object comes as the event \`<event>:result\`.
- An unknown event or a bad payload is an error ack, never a disconnect.
- A socket that creates a session, or whose input makes or touches one, follows it from the \`cursor\` of that ack.
- Operations marked \`x-logged\` are entries of the session's log: numbered without a hole, and sent again after a gap.
- Unknown fields are ignored, in both directions.`;

/** Flow control: the one event the server never answers. */
const unanswered: readonly string[] = ['received'];

const channelRef = (key: string, message?: string): Part => ({
  $ref: message === undefined ? `#/channels/${key}` : `#/channels/${key}/messages/${message}`,
});

/** The two acks there are: `{ok: true, …value}` and `{ok: false, error}`. */
function acks(name: string, value: string): Part {
  const ok: Part = {
    type: 'object',
    properties: { ok: { type: 'boolean', const: true } },
    required: ['ok'],
  };
  return {
    ok: { name: `${name} ok`, title: 'Done', payload: { allOf: [ok, refTo(value)] } },
    refused: { $ref: '#/components/messages/refused' },
  };
}

const refused: Part = {
  name: 'refused',
  title: 'Refused',
  payload: {
    type: 'object',
    properties: { ok: { type: 'boolean', const: false }, error: refTo('Failure') },
    required: ['ok', 'error'],
  },
};

function clientEvent(
  document: AsyncApiDocument,
  name: string,
  row: Operation,
  contract: ContractSchemas,
): void {
  const key = camelCase(name);
  const answered = !unanswered.includes(name);
  const takesId = row.input.safeParse('an id').success;
  const fields = refTo(inputName(name));
  const payload = takesId
    ? { anyOf: [{ type: 'null' }, { type: 'string', description: 'The id' }, fields] }
    : fields;
  document.channels[key] = {
    address: name,
    messages: {
      request: { name, summary: row.summary, payload },
      ...(answered && acks(name, contract.outputs[name] ?? '')),
    },
  };
  document.operations[key] = {
    action: 'receive',
    summary: row.summary,
    channel: channelRef(key),
    messages: [channelRef(key, 'request')],
    ...(answered && {
      reply: { channel: channelRef(key), messages: [channelRef(key, 'ok'), channelRef(key, 'refused')] },
      'x-errors': [...row.errors, ...commonErrors],
    }),
  };
}

function serverEvent(
  document: AsyncApiDocument,
  name: string,
  contract: ContractSchemas,
  row: { summary: string; logged: boolean },
): void {
  const key = camelCase(name);
  document.channels[key] = {
    address: name,
    messages: { push: { name, summary: row.summary, payload: refTo(contract.payloads[name] ?? '') } },
  };
  document.operations[key] = {
    action: 'send',
    summary: row.summary,
    channel: channelRef(key),
    messages: [channelRef(key, 'push')],
    ...(row.logged && { 'x-logged': true }),
  };
}

export function asyncApi(version: string): AsyncApiDocument {
  const contract = contractSchemas('draft-7');
  const document: AsyncApiDocument = {
    asyncapi: '3.0.0',
    info: { title: 'Stillpoint', version, description, license: { name: 'MIT' } },
    defaultContentType: 'application/json',
    servers: {
      local: {
        host: '127.0.0.1:8090',
        pathname: '/socket.io',
        protocol: 'socket.io',
        description: 'The default address; WebSocket, with polling as the way in or the fallback',
      },
    },
    channels: {},
    operations: {},
    components: { messages: { refused }, schemas: {} },
  };
  for (const [name, row] of rows) {
    if (row.socket) clientEvent(document, name, row, contract);
  }
  for (const [name, row] of Object.entries(pushes)) serverEvent(document, name, contract, row);
  document.components.schemas = referredTo([document.channels, refused], contract.schemas);
  return document;
}
