// What an answer must be by the document alone.
import { codesOf } from './openapi-document.ts';
import type { Endpoint, OpenApi, Response } from './openapi-document.ts';
import { isObject, parseJson } from './openapi-schema.ts';
import type { Json, JsonObject, Schemas } from './openapi-schema.ts';
import { dress, writtenOf } from './openapi-shots.ts';
import type { Shot } from './openapi-shots.ts';
import type { Got } from './openapi-wire.ts';

/** Of HTTP itself, of CORS, and of every answer alike: no business of an operation. */
const anyHeader = new RegExp(
  '^(date|connection|keep-alive|content-(type|length|security-policy)|transfer-encoding|vary|access-control-.*|' +
    'cache-control|referrer-policy|cross-origin-.*|x-content-type-options|x-(frame|download|dns|permitted|xss)-.*|' +
    'origin-agent-cluster|accept-ranges|last-modified)$',
);

/** What is wrong with an answer, in words; a fault that repeats reads the same. */
export function faultsOf(shot: Shot, values: JsonObject, got: Got, api: OpenApi, schemas: Schemas): string[] {
  const method = shot.method ?? shot.endpoint.method;
  if (method === 'OPTIONS') return optionsFaults(shot.endpoint, got, api);
  const response = responseOf(shot, values, got.status, api);
  if (!response) return [`status ${got.status} is not documented: ${got.text.slice(0, 200)}`];
  return [
    ...headerFaults(response, got, schemas),
    ...(got.status === 405 ? allowFaults(shot.endpoint, got, api) : []),
    ...(method === 'HEAD' ? [] : bodyFaults(response, got, schemas)),
    ...(method === shot.endpoint.method ? acceptanceFaults(shot, values, got, schemas) : []),
  ];
}

/** The operation that a request asks for, whatever it was made for. */
function askedOf(shot: Shot, values: JsonObject, api: OpenApi): Endpoint | undefined {
  const { endpoint, method = endpoint.method } = shot;
  const wanted = method === 'HEAD' ? 'GET' : method;
  if (wanted === endpoint.method) return endpoint;
  const { path } = dress(shot, values, null);
  const fits = (template: string) =>
    RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/?]+')}(\\?|$)`).test(path);
  return api.endpoints.find((one) => one.method === wanted && fits(one.path));
}

function responseOf(shot: Shot, values: JsonObject, status: number, api: OpenApi): Response | undefined {
  const asked = askedOf(shot, values, api);
  if (asked) return asked.responses[status];
  return status === 405 ? api.shared.METHOD_NOT_ALLOWED : undefined;
}

function allowedOn(endpoint: Endpoint, api: OpenApi): string {
  const methods = api.methodsOf(endpoint.path);
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].sort().join();
}

function allowFaults(endpoint: Endpoint, got: Got, api: OpenApi): string[] {
  const allowed = (got.headers.allow ?? '').split(/, */).sort().join();
  return allowed === allowedOn(endpoint, api) ? [] : [`Allow is ${got.headers.allow}`];
}

function optionsFaults(endpoint: Endpoint, got: Got, api: OpenApi): string[] {
  return [
    ...(got.status === 204 && got.text === '' ? [] : [`OPTIONS is answered with ${got.status}`]),
    ...allowFaults(endpoint, got, api),
  ];
}

function headerFaults({ headers }: Response, got: Got, schemas: Schemas): string[] {
  const known = new Map(Object.entries(headers).map(([name, header]) => [name.toLowerCase(), header]));
  const unknown = Object.keys(got.headers).filter((name) => !known.has(name) && !anyHeader.test(name));
  const bad = [...known].flatMap(([name, { schema, required }]) => {
    const text = got.headers[name];
    if (text === undefined) return required ? [`header ${name} is missing with ${got.status}`] : [];
    const isNumber = schema['type'] === 'integer' && /^\d+$/.test(String(text));
    const faults = schemas.faults(schema, isNumber ? Number(text) : text);
    return faults === '' ? [] : [`header ${name} of ${got.status}:${faults}`];
  });
  return [...unknown.map((name) => `header ${name} of ${got.status} is not documented`), ...bad];
}

function bodyFaults(response: Response, got: Got, schemas: Schemas): string[] {
  const { status, text } = got;
  const types = Object.keys(response.content);
  if (text === '' && types.length === 0) return [];
  const type = (got.headers['content-type'] ?? '').split(';')[0] ?? '';
  const media = response.content[type];
  if (!media) return [`content type "${type}" of ${status} is not documented`];
  if (type === 'text/event-stream') return eventFaults(eventsIn(media), got, schemas);
  if (type !== 'application/json') return [];
  const parsed = parseJson(text);
  if (!parsed) return [`${status} is no JSON: ${text.slice(0, 100)}`];
  const faults = media.schema ? schemas.strictFaults(media.schema, parsed.value) : '';
  return [
    ...(faults === '' ? [] : [`body of ${status}:${faults}`]),
    ...(status < 400 ? [] : codeFaults(response, status, parsed.value)),
  ];
}

function codeFaults(response: Response, status: number, value: unknown): string[] {
  const codes = codesOf(response);
  const code = isObject(value) ? value['code'] : undefined;
  const isNamed = codes.length === 0 || (typeof code === 'string' && codes.includes(code));
  return isNamed ? [] : [`code ${JSON.stringify(code)} is not one of ${status}`];
}

interface Event {
  event: string;
  id: string | undefined;
  data: unknown;
}

/** Whole events only. */
function eventsOf(text: string): Event[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .flatMap((block) => {
      const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
      const data = field('data');
      return data === undefined || data === '[DONE]'
        ? []
        : [{ event: field('event') ?? 'message', id: field('id'), data: parseJson(data)?.value }];
    });
}

type Media = Response['content'][string];

/** Data without the name of an event is a `message`, as `EventSource` calls it. */
const eventsIn = (media: Media): Record<string, JsonObject> => ({
  ...media['x-events'],
  ...(media['x-data'] && { message: media['x-data'] }),
});

function eventFaults(known: Record<string, JsonObject>, got: Got, schemas: Schemas): string[] {
  return eventsOf(got.text).flatMap(({ event, id, data }) => {
    const schema = known[event];
    if (!schema) return [`event "${event}" is not documented`];
    const isLogged = isObject(data) && ('seq' in data || 'cursor' in data);
    const faults = schemas.strictFaults(schema, data);
    return [
      ...(faults === '' ? [] : [`event ${event}:${faults}`]),
      ...(isLogged === (id !== undefined)
        ? []
        : [`event ${event} ${id === undefined ? 'has no' : 'has an'} id`]),
    ];
  });
}

const malformed = new Set([400, 413, 415, 422]);

/** What the schemas of the request take is not malformed to the server, and what they do not take is refused. */
function acceptanceFaults(shot: Shot, values: JsonObject, got: Got, schemas: Schemas): string[] {
  if (!shot.isPlain) return [];
  const wrong = wrongIn(shot, values, schemas);
  // a rule that no schema can say stands beside it, in words
  const hasRule = shot.endpoint['x-rule'] !== undefined;
  if (wrong === '' && malformed.has(got.status) && !hasRule)
    return [`refused with ${got.status} what its schema takes (${shot.label}): ${got.text.slice(0, 200)}`];
  if (wrong !== '' && got.status < 400)
    return [`took what its schema does not take (${shot.label}):${wrong.slice(0, 200)}`];
  return [];
}

function wrongIn(shot: Shot, values: JsonObject, schemas: Schemas): string {
  const { parameters, body } = shot.endpoint;
  for (const parameter of parameters) {
    const value = values[parameter.name];
    if (value === undefined) continue;
    const text = writtenOf(parameter, value);
    const faults = schemas.faults(parameter.schema, readAs(parameter.schema, text));
    if (faults !== '') return ` ${parameter.name}${faults}`;
  }
  if (!body) return '';
  if (shot.body === undefined) return body.required ? ' no body' : '';
  return schemas.faults(body.schema, shot.body);
}

function readAs(schema: JsonObject, text: string): Json {
  const isNumber = schema['type'] === 'integer' || schema['type'] === 'number';
  return isNumber && /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text) ? Number(text) : text;
}
