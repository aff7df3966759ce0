// OpenAPI 3.1 of the REST mirror (docs/protocol.md sections 5 and 7), read from the table.
import { errorTable } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import { camelCase, contractSchemas, inputName, pascalCase, refTo, referredTo, rows } from './json-schema.ts';
import type { ContractSchemas, Part, Parts, Schema, Schemas } from './json-schema.ts';
import { ErrorBody } from './model.ts';
import { commonErrors } from './operations.ts';
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

const codes: readonly ErrorCode[] = ErrorBody.shape.code.options;

const description = `Sessions under ids of your own, replies streamed word by word. All of this is also to be had over Socket.IO (\`/asyncapi.json\`).

- A body is read as JSON whatever \`Content-Type\` says; only a foreign charset or \`Content-Encoding\` is refused.
- Ids in a path are percent-encoded. A trailing slash is tolerated. The request line may reach 128 KiB, all other headers together 16 KiB.
- \`HEAD\` and \`OPTIONS\` answer as HTTP expects. Any other path is \`NOT_FOUND\`, any other method \`METHOD_NOT_ALLOWED\` with \`Allow\`.
- \`Origin\` must be absent, the same, a loopback origin or one of \`ALLOWED_ORIGINS\`; all else is \`FORBIDDEN\`. CORS answers exactly those.
- Unknown fields are ignored, in both directions.
- With \`AUTH_MODE\` other than \`none\` a token goes in \`Authorization: Bearer\`: an API key, a JWT of the configured issuer, or a capability.`;

const tags: Part[] = [
  { name: 'session', description: 'Sessions and what is said in them' },
  { name: 'turn', description: 'One input and the reply to it' },
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
    description: 'The same as `input_id` in the body',
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

const headers: Parts = {
  Allow: { description: 'The methods this path takes', schema: { type: 'string' } },
  'Cache-Control': { schema: { type: 'string', const: 'no-cache, no-transform' } },
  Location: { description: 'Where the turn can be read', schema: { type: 'string' } },
  'Retry-After': { description: 'When to try again, in seconds', schema: { type: 'integer', minimum: 0 } },
  'X-Accel-Buffering': { schema: { type: 'string', const: 'no' } },
  'X-Cursor': { description: 'The cursor to go on from', schema: refTo('Cursor') },
};

function withHeaders(...names: string[]): Part {
  return {
    headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
  };
}

function json(schema: Schema): Part {
  return { 'application/json': { schema } };
}

const events: Part = {
  'text/event-stream': {
    schema: { type: 'string', description: 'Server-sent events; the data of each is one JSON object' },
    example:
      'id: 3f9c.7\nevent: therapist:token\ndata: {"session_id":"demo","turn_id":"t1","seq":7,"at":0,"text":"Hello"}\n\n',
  },
};

/** Every code as an example of the error body. */
function errorExample(code: ErrorCode): Part {
  return {
    summary: errorTable[code].title,
    value: {
      error: pascalCase(code),
      code,
      message: errorTable[code].title,
      request_id: '00000000-0000-4000-8000-000000000000',
      timestamp: '2026-01-01T00:00:00.000Z',
    },
  };
}

function errorHeaders(status: number): string[] {
  if (status === 405) return ['Allow'];
  return status === 429 || status === 503 ? ['Retry-After'] : [];
}

/** One response for the codes that share an HTTP status. */
function errorResponse(group: readonly ErrorCode[], status: number): Part {
  const names = errorHeaders(status);
  const meanings = group.map((code) => `\`${code}\`: ${errorTable[code].title}`);
  return {
    description: meanings.join('. '),
    ...(names.length > 0 && withHeaders(...names)),
    content: {
      'application/json': {
        schema: {
          allOf: [refTo('ErrorBody'), { type: 'object', properties: { code: { enum: [...group] } } }],
        },
        examples: Object.fromEntries(group.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
}

/** The responses that refuse, by reference; those not yet in `shared` are added to it. */
function refusals(refused: readonly ErrorCode[], shared: Parts): Part {
  const inOrder = codes.filter((code) => refused.includes(code));
  const groups = Map.groupBy(inOrder, (code): number => errorTable[code].status);
  const references: Part = {};
  for (const [status, group] of groups) {
    const name = group.join('.');
    shared[name] ??= errorResponse(group, status);
    references[status] = { $ref: `#/components/responses/${name}` };
  }
  return references;
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
const answers: Record<Route['reply'], (value: Schema) => Part> = {
  value: (value) => ({ 200: { description: 'Done', content: json(value) } }),
  turn: (value) => ({
    200: {
      description:
        'By `Accept`. JSON: the whole response, when the turn has ended. Events: this turn only, a comment at once and every 15 s, closed after the end entry',
      content: { ...json(value), ...events },
    },
    202: {
      description: 'With `Prefer: respond-async`: stored, and to be read at `Location`',
      ...withHeaders('Location'),
      content: json(accepted),
    },
  }),
  poll: (value) => ({
    200: { description: 'The entries after the cursor, or a snapshot', content: json(value) },
    204: { description: 'Nothing new in the time given', ...withHeaders('X-Cursor') },
  }),
  stream: () => ({
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
  const again = row.rest.indexOf(route);
  return {
    operationId: camelCase(name) + (again > 0 ? String(again + 1) : ''),
    tags: [name.split(':')[0] ?? name],
    summary: row.summary,
    security: security[row.needs] ?? security['read'] ?? [],
    ...(parameters.length > 0 && { parameters }),
    ...(fields.body.length > 0 && { requestBody: requestBody(row, fields) }),
    responses: {
      ...answers[route.reply](refTo(contract.bodies[name] ?? '')),
      ...refusals([...row.errors, ...commonErrors], shared),
    },
  };
}

function plain(operationId: string, summary: string, responses: Part): Record<string, Part> {
  return { get: { operationId, tags: ['server'], summary, responses } };
}

/** What is served beside the table. */
function serverPaths(): OpenApiDocument['paths'] {
  const document = { 200: { description: 'The document', content: json({ type: 'object' }) } };
  return {
    '/livez': plain('livez', 'Whether the process is alive', { 200: { description: 'It is' } }),
    '/readyz': plain('readyz', 'Whether new work is taken', {
      200: { description: 'It is' },
      503: { description: 'Not now: the server is starting, going down, or cannot store anything' },
    }),
    '/openapi.json': plain('openapi', 'This document', document),
    '/asyncapi.json': plain('asyncapi', 'The Socket.IO events', document),
    '/docs': plain('docs', 'A reference page that needs no network', {
      200: { description: 'The page', content: { 'text/html': { schema: { type: 'string' } } } },
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
  Object.assign(paths, serverPaths());
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
