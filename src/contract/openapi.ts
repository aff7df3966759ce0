// OpenAPI 3.1 of the REST mirror (docs/protocol.md sections 5 and 7), read from the table.
import { contractSchemas, inputName, refTo, referredTo, rows } from './json-schema.ts';
import type { ContractSchemas, Part, Parts, Schema, Schemas } from './json-schema.ts';
import { doorPaths } from './openapi-doors.ts';
import { linksOf, operationIdOf } from './openapi-links.ts';
import {
  codes,
  early,
  errorExample,
  headers,
  json,
  refusals,
  refusedWith,
  tooLong,
  withHeaders,
} from './openapi-refusals.ts';
import type { Operation } from './operation.ts';

export interface OpenApiDocument {
  openapi: string;
  info: Part;
  servers: Part[];
  tags: Part[];
  paths: Record<string, Record<string, Part>>;
  components: {
    schemas: Schemas;
    parameters: Parts;
    headers: Parts;
    responses: Parts;
    examples: Parts;
    securitySchemes: Parts;
  };
}
type Route = Operation['rest'][number];
type Field = [name: string, schema: Schema];

const description = `Sessions under ids of your own, replies streamed word by word. All of this is also to be had over Socket.IO (\`/asyncapi.json\`).

- A body is read as JSON whatever \`Content-Type\` says; only a foreign charset or \`Content-Encoding\` is refused.
- Ids in a path are percent-encoded. A trailing slash is tolerated. The request line may reach 128 KiB, all other headers together 16 KiB. What is no HTTP at all, or comes too slowly, is refused without a body (\`400\`, \`408\`, \`413\`, \`417\`, \`431\`).
- A body is at most 256 KiB (1 MiB for chat completions and the UI message stream); in it, objects and lists are at most 8 deep and have at most 256 members each, 10,000 values in all.
- \`HEAD\` and \`OPTIONS\` answer as HTTP expects. Any other path is \`NOT_FOUND\`, any other method \`METHOD_NOT_ALLOWED\` with \`Allow\`.
- \`Origin\` must be absent, the same, a loopback origin or one of \`ALLOWED_ORIGINS\`; all else is \`FORBIDDEN\`. CORS answers exactly those.
- Unknown fields are ignored, in both directions.
- With \`AUTH_MODE\` other than \`none\` a token goes in \`Authorization: Bearer\`: an API key, a JWT of the configured issuer, or a capability.`;

const tags: Part[] = [
  { name: 'session', description: 'Sessions and what is said in them' },
  { name: 'turn', description: 'One input and the reply to it' },
  { name: 'door', description: 'For clients of other protocols' },
  { name: 'server', description: 'How the server is doing, and what it offers' },
];

const securitySchemes: Parts = {
  token: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key, a JWT, or a capability; none is needed where `AUTH_MODE` is `none`',
  },
  operator: { type: 'http', scheme: 'bearer', description: 'The operator key' },
};

/** By what an operation needs; every right is asked of the same token. */
const security: Partial<Record<Operation['needs'], Part[]>> = {
  nothing: [],
  operator: [{ operator: [] }],
  read: [{ token: [] }, {}],
};

const parameters: Parts = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'The same as `input_id` in the body, and wins over it',
    schema: { type: 'string', minLength: 1 },
  },
  Prefer: {
    name: 'Prefer',
    in: 'header',
    description: '`respond-async`: answer 202 as soon as the input is stored',
    schema: { type: 'string' },
    example: 'respond-async',
  },
  LastEventId: {
    name: 'Last-Event-ID',
    in: 'header',
    description: 'Cursor of the last event that had an `id:`; wins over `after`',
    schema: refTo('Cursor'),
  },
};

/** The schema of each event is in `x-events`: OpenAPI 3.1 has no place for it. */
function events(payloads: Record<string, string>): Part {
  const named = Object.entries({ 'session:snapshot': 'Snapshot', ...payloads });
  return {
    'text/event-stream': {
      schema: { type: 'string', description: 'Server-sent events; the data of each is one JSON object' },
      example:
        'id: 3f9c.7\nevent: therapist:token\ndata: {"session_id":"demo","turn_id":"t1","seq":7,"at":0,"text":"Hello"}\n\n',
      'x-events': Object.fromEntries(named.map(([event, schema]) => [event, refTo(schema)])),
    },
  };
}

/** In a path or a query there is no null. */
function withoutNull(schema: Schema): Schema {
  const { anyOf = [], type, ...rest } = schema;
  const branches = anyOf.filter((branch) => branch.type !== 'null');
  const types = [type].flat().filter((word) => word !== 'null');
  return {
    ...(types[0] !== undefined && { type: types[0] }),
    ...rest,
    ...(branches.length === 1 ? branches[0] : branches.length > 1 && { anyOf: branches }),
  };
}

interface Split {
  path: Field[];
  query: Field[];
  body: Field[];
  required: string[];
}

/** What of an input goes where: fields in the path template, fields in the query, the rest in the body. */
function split(input: Schema, route: Route): Split {
  const fields = Object.entries(input.properties ?? {}).filter(
    (field): field is Field => typeof field[1] === 'object',
  );
  const segments = route.path.split('/');
  const inPath = (name: string) => segments.includes(`:${name}`);
  const inBody = (name: string) => !inPath(name) && !route.query.includes(name);
  return {
    path: fields.filter(([name]) => inPath(name)),
    query: fields.filter(([name]) => route.query.includes(name)),
    body: fields.filter(([name]) => inBody(name)),
    required: (input.required ?? []).filter(inBody),
  };
}

function parametersOf({ path, query, body }: Split, route: Route): Part[] {
  const parameter =
    (place: string, required: boolean) =>
    ([name, nullable]: Field) => {
      const { description, ...schema } = withoutNull(nullable);
      return { name, in: place, required, ...(description !== undefined && { description }), schema };
    };
  const shared = [
    ...(body.some(([name]) => name === 'input_id') ? ['IdempotencyKey'] : []),
    ...(route.reply === 'turn' ? ['Prefer'] : []),
    ...(route.reply === 'stream' ? ['LastEventId'] : []),
  ];
  return [
    ...path.map(parameter('path', true)),
    ...query.map(parameter('query', false)),
    ...shared.map((name) => ({ $ref: `#/components/parameters/${name}` })),
  ];
}

function requestBody(row: Operation, { body, required }: Split): Part {
  const fields: Schema = {
    type: 'object',
    properties: Object.fromEntries(body),
    ...(required.length > 0 && { required }),
  };
  const takesId = row.input.safeParse('an id').success;
  const schema: Schema = takesId
    ? { anyOf: [{ type: 'string', description: 'The id' }, fields, { type: 'null' }] }
    : fields;
  return { required: required.length > 0, content: json(schema) };
}

/** The answers that are no refusals, by the way the route replies. */
const answers: Record<Route['reply'], (value: Schema, links: Part, events: Part) => Part> = {
  value: (value, links) => ({ 200: { description: 'Done', content: json(value), ...links } }),
  turn: (value, links, events) => ({
    200: {
      description:
        'By `Accept`. JSON: the whole response, when the turn has ended. Events: this turn only, a comment at once and every 15 s, closed after the end entry',
      ...withHeaders('Cache-Control', 'X-Accel-Buffering'),
      content: { ...json(value), ...events },
      ...links,
    },
    202: {
      description: 'With `Prefer: respond-async`: stored, and to be read at `Location`',
      ...withHeaders('Location', 'Preference-Applied'),
      content: json(accepted),
      ...links,
    },
  }),
  poll: (value, links) => ({
    200: {
      description: 'The entries after the cursor, or a snapshot',
      ...withHeaders('X-Cursor'),
      content: json(value),
      ...links,
    },
    204: { description: 'Nothing new in the time given', ...withHeaders('X-Cursor') },
  }),
  stream: (_value, _links, events) => ({
    200: {
      description:
        'The server events of `/asyncapi.json`; only logged ones carry `id:`. Without a cursor that can be served it begins with `session:snapshot`, which carries one too',
      ...withHeaders('Cache-Control', 'X-Accel-Buffering'),
      content: events,
    },
  }),
};

const accepted: Schema = {
  type: 'object',
  properties: { turn_id: refTo('TurnId'), n: { type: 'integer', minimum: 1 }, cursor: refTo('Cursor') },
  required: ['turn_id', 'n', 'cursor'],
};

function endpoint(
  name: string,
  row: Operation,
  route: Route,
  contract: ContractSchemas,
  shared: Parts,
): Part {
  const fields = split(contract.schemas[inputName(name)] ?? {}, route);
  const parameters = parametersOf(fields, route);
  const value = refTo(contract.bodies[name] ?? '');
  return {
    operationId: operationIdOf(name, row, route),
    tags: [name.split(':')[0] ?? name],
    summary: row.summary,
    security: security[row.needs] ?? security['read'] ?? [],
    ...(parameters.length > 0 && { parameters }),
    ...(fields.body.length > 0 && { requestBody: requestBody(row, fields) }),
    responses: {
      ...answers[route.reply](value, linksOf(name, route), events(contract.payloads)),
      ...refusals(refusedWith(row, route, fields.query.length > 0), shared),
      ...tooLong,
    },
  };
}

function plain(operationId: string, summary: string, responses: Part): Record<string, Part> {
  return { get: { operationId, tags: ['server'], summary, security: [], responses } };
}

/** What is served beside the table. */
function serverPaths(shared: Parts): OpenApiDocument['paths'] {
  const refused = { ...refusals(early, shared), ...tooLong };
  const document = { 200: { description: 'The document', content: json({ type: 'object' }) }, ...refused };
  const probe = json({
    type: 'object',
    properties: { status: { type: 'string' } },
    required: ['status'],
    additionalProperties: {},
  });
  return {
    '/livez': plain('livez', 'Whether the process is alive', {
      200: { description: 'It is', content: probe },
      ...refused,
    }),
    '/readyz': plain('readyz', 'Whether new work is taken', {
      200: { description: 'It is', content: probe },
      503: {
        description: 'Not now: the server is starting, going down, or cannot store anything',
        content: probe,
      },
      ...refused,
    }),
    '/openapi.json': plain('openapi', 'This document', document),
    '/asyncapi.json': plain('asyncapi', 'The Socket.IO events', document),
    '/docs': plain('docs', 'A reference page that needs no network', {
      200: { description: 'The page', content: { 'text/html': { schema: { type: 'string' } } } },
      ...refused,
    }),
  };
}

export function openApi(version: string): OpenApiDocument {
  const contract = contractSchemas('draft-2020-12');
  const responses: Parts = {};
  const paths: OpenApiDocument['paths'] = {};
  for (const [name, row] of rows) {
    for (const route of row.rest) {
      const path = route.path.replace(/:(\w+)/g, '{$1}');
      paths[path] = {
        ...paths[path],
        [route.method.toLowerCase()]: endpoint(name, row, route, contract, responses),
      };
    }
  }
  Object.assign(paths, doorPaths(responses), serverPaths(responses));
  refusals(['NOT_FOUND'], responses);
  refusals(['METHOD_NOT_ALLOWED'], responses);
  const examples = Object.fromEntries(codes.map((code) => [code, errorExample(code)]));
  const used = [paths, responses, headers, parameters];
  return {
    openapi: '3.1.1',
    info: { title: 'Stillpoint', version, description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [
      { url: '/', description: 'The server this document came from; http://127.0.0.1:8090 by default' },
    ],
    tags,
    paths,
    components: {
      schemas: referredTo(used, contract.schemas),
      parameters,
      headers,
      responses,
      examples,
      securitySchemes,
    },
  };
}
