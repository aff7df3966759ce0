// Requests of one operation: those its document asks for, those at its edges, and those that nobody asked for.
import fc from 'fast-check';
import type { Endpoint, OpenApi, Parameter } from './openapi-document.ts';
import { isObject } from './openapi-schema.ts';
import type { Json, JsonObject } from './openapi-schema.ts';
import { edgesOf, near, plainOf, resolveSchema, taken } from './openapi-values.ts';
import type { Sent } from './openapi-wire.ts';

export interface Shot {
  endpoint: Endpoint;
  label: string;
  /** By name; one that a link gave is not here, but where it is to be another one. */
  params: JsonObject;
  /** Undefined: none is sent. */
  body: Json | undefined;
  headers?: Record<string, string | string[]>;
  /** In place of the body as JSON. */
  bytes?: Buffer;
  method?: string;
  /** Beside the parameters. */
  query?: string;
  /** In place of the last segment that is a parameter. */
  segment?: string;
  /** Whether params and body alone say whether it is valid. */
  isPlain: boolean;
  /** Which of what links gave is taken. */
  pick: number;
}

const segmentOf = (value: Json): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return encodeURIComponent(text.toWellFormed()).replace(/^\.{1,2}$/, (dots) => '%2E'.repeat(dots.length));
};

/** A header as HTTP lets it be; bytes of UTF-8 would be read as something else. */
const headerOf = (value: Json): string =>
  (typeof value === 'string' ? value : JSON.stringify(value)).replace(/[^\x20-\x7e]/g, '?').trim();

/** What a parameter is once it is written down. */
export const writtenOf = (parameter: Parameter, value: Json): string =>
  parameter.in === 'header' ? headerOf(value) : typeof value === 'string' ? value : JSON.stringify(value);

export function dress(shot: Shot, values: JsonObject, token: string | null): Sent {
  const { endpoint } = shot;
  const headers: Sent['headers'] = { ...(token !== null && { Authorization: `Bearer ${token}` }) };
  const query: string[] = [];
  let path = endpoint.path;
  for (const parameter of endpoint.parameters) {
    const value = values[parameter.name];
    if (value === undefined) continue;
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, () => segmentOf(value));
    else if (parameter.in === 'query') query.push(`${parameter.name}=${segmentOf(value)}`);
    else headers[parameter.name] = headerOf(value);
  }
  if (shot.segment !== undefined) {
    const { segment } = shot;
    path = endpoint.path.replace(/\{\w+\}(?=[^{]*$)/, () => segment).replaceAll(/\{\w+\}/g, 'a');
  }
  if (shot.query !== undefined) query.push(shot.query);
  const text = shot.body === undefined ? undefined : Buffer.from(JSON.stringify(shot.body));
  const body = shot.bytes ?? text;
  if (body) headers['Content-Type'] = 'application/json';
  return {
    method: shot.method ?? endpoint.method,
    path: query.length > 0 ? `${path}?${query.join('&')}` : path,
    headers: { ...headers, ...shot.headers },
    body,
  };
}

/** What the document asks for and no more: the same each time. */
export function plainShot(endpoint: Endpoint, { schemas }: OpenApi): Shot {
  return {
    endpoint,
    label: 'plain',
    params: {},
    body: endpoint.body && (endpoint.body.example ?? plainOf(endpoint.body.schema, schemas)),
    isPlain: true,
    pick: -1,
  };
}

/** Every edge of every parameter and field on its own, and what HTTP lets a client do wrong. */
export function edgeShots(endpoint: Endpoint, api: OpenApi): Shot[] {
  const plain = plainShot(endpoint, api);
  return [
    ...headerShots(plain),
    ...methodShots(plain, api),
    ...parameterShots(plain, api),
    ...(endpoint.body ? bodyShots(plain, endpoint.body.schema, api) : []),
    ...(endpoint.method === 'POST' ? brokenBodies(plain) : []),
  ];
}

function headerShots(plain: Shot): Shot[] {
  const accepts = [
    'text/event-stream',
    'application/json',
    '*/*',
    'image/png',
    'text/event-stream;q=0.1, */*',
    '',
  ];
  const withHeaders = (label: string, headers: Shot['headers'], isPlain = false): Shot => ({
    ...plain,
    label,
    isPlain,
    ...(headers && { headers }),
  });
  return [
    ...accepts.map((Accept) => withHeaders(`Accept: ${Accept}`, { Accept }, true)),
    withHeaders('another Content-Type', { 'Content-Type': 'text/plain' }, true),
    withHeaders('unknown headers', { 'If-None-Match': '*', Range: 'bytes=0-1', Cookie: 'a=b' }, true),
    withHeaders('a page of another origin', { Origin: 'https://elsewhere.example' }),
    withHeaders('another Host', { Host: 'elsewhere.example' }),
    withHeaders('two tokens', { Authorization: ['Bearer a', 'Bearer b'] }),
    withHeaders('long headers', { 'X-Long': 'x'.repeat(17_000) }),
  ];
}

function methodShots(plain: Shot, api: OpenApi): Shot[] {
  const known = api.methodsOf(plain.endpoint.path);
  const others = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
  return others
    .filter((method) => !known.includes(method))
    .map((method) => ({ ...plain, label: method, method, body: undefined, isPlain: false }));
}

function parameterShots(plain: Shot, { schemas }: OpenApi): Shot[] {
  const { parameters, path } = plain.endpoint;
  const shots = parameters.flatMap(({ name, in: place, schema, example }) =>
    [...(example === undefined ? [] : [example]), ...edgesOf(schema, schemas)]
      .filter((value) => place !== 'path' || value !== '')
      .map((value) => ({ ...plain, label: name, params: { [name]: value } })),
  );
  const segments = path.includes('{') ? ['%', '%zz', '%ff', '%C3%28'] : [];
  const broken = segments.map((segment) => ({ ...plain, label: 'broken path', segment, isPlain: false }));
  const twice = parameters
    .filter(({ in: place }) => place === 'query')
    .map(({ name }) => ({ ...plain, label: `${name} twice`, query: `${name}=1&${name}=2`, isPlain: false }));
  return [...shots, ...broken, ...twice];
}

/** Also where no body is asked for: whatever comes is read. */
function brokenBodies(plain: Shot): Shot[] {
  const raw = (label: string, bytes: Buffer, headers = {}): Shot => ({
    ...plain,
    label,
    bytes,
    headers,
    isPlain: false,
  });
  const base = isObject(plain.body) ? plain.body : {};
  const text = Buffer.from(JSON.stringify(base));
  return [
    raw('cut off', text.subarray(0, -1)),
    raw('no UTF-8', Buffer.from([0x22, 0xff, 0x22])),
    raw('a list', Buffer.from('[1]')),
    raw('another charset', text, { 'Content-Type': 'application/json; charset=utf-16' }),
    raw('compressed', text, { 'Content-Encoding': 'gzip' }),
    raw('too long', Buffer.from(JSON.stringify({ ...base, filler: 'x'.repeat(1_100_000) }))),
    raw('a lone surrogate', Buffer.from('{"session_id":"\\ud800","user_input":"\\ud800"}')),
  ];
}

function bodyShots(plain: Shot, given: JsonObject, { schemas }: OpenApi): Shot[] {
  const asIs = (label: string, body: Json | undefined): Shot => ({ ...plain, label, body });
  const schema = resolveSchema(given, schemas);
  const base = isObject(plain.body) ? plain.body : {};
  const fields = fieldsOf(schema, schemas);
  return [
    asIs('no body', undefined),
    ...edgesOf(schema, schemas).map((body) => asIs('another body', body)),
    ...Object.keys(base).map((name) =>
      asIs(`without ${name}`, Object.fromEntries(Object.entries(base).filter(([key]) => key !== name))),
    ),
    asIs('an unknown field', { ...base, unheard_of: { a: [1] } }),
    ...Object.entries(fields).flatMap(([name, field]) =>
      edgesOf(isObject(field) ? field : {}, schemas).map((value) => asIs(name, { ...base, [name]: value })),
    ),
  ];
}

function fieldsOf(schema: JsonObject, schemas: JsonObject): JsonObject {
  const choices = Array.isArray(schema['anyOf']) ? schema['anyOf'] : [];
  const own = isObject(schema['properties']) ? schema['properties'] : {};
  const inner = choices.map((one) => (isObject(one) ? fieldsOf(resolveSchema(one, schemas), schemas) : {}));
  return Object.assign({}, own, ...inner) as JsonObject;
}

const accept = fc.constantFrom<(string | undefined)[]>(
  undefined,
  'application/json',
  'text/event-stream',
  '*/*',
  'text/event-stream, application/json;q=0.9',
);

/** Whatever the document lets somebody ask, and what lies near to it. */
export function anyShot(endpoint: Endpoint, { schemas }: OpenApi): fc.Arbitrary<Shot> {
  const params = endpoint.parameters.map((parameter): [string, fc.Arbitrary<Json>] => {
    const values = near(parameter.schema, schemas);
    return [parameter.name, parameter.in === 'path' ? values.filter((value) => value !== '') : values];
  });
  const body = endpoint.body;
  const bodies = body
    ? fc.oneof(
        { weight: 6, arbitrary: taken(body.schema, schemas) },
        { weight: 2, arbitrary: spoiled(body.schema, schemas) },
        { weight: 1, arbitrary: fc.constant(undefined) },
      )
    : fc.constant(undefined);
  const shot = fc.record({
    params: fc.record<JsonObject>(Object.fromEntries(params), { requiredKeys: [] }).map(withoutGaps),
    body: bodies,
    accept,
    pick: fc.nat(7),
  });
  return shot.map(({ accept, ...rest }) => ({
    ...rest,
    endpoint,
    label: 'any',
    isPlain: true,
    ...(accept !== undefined && { headers: { Accept: accept } }),
  }));
}

/** One field of it is something else. */
function spoiled(schema: JsonObject, schemas: JsonObject): fc.Arbitrary<Json> {
  const fields = Object.entries(fieldsOf(resolveSchema(schema, schemas), schemas));
  if (fields.length === 0) return taken(schema, schemas);
  const one = fc.oneof(
    ...fields.map(([name, field]) =>
      near(isObject(field) ? field : {}, schemas).map((value): [string, Json] => [name, value]),
    ),
  );
  return fc
    .tuple(taken(schema, schemas), one)
    .map(([body, [name, value]]) => ({ ...(isObject(body) ? body : {}), [name]: value }));
}

const withoutGaps = (given: Partial<JsonObject>): JsonObject =>
  Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
