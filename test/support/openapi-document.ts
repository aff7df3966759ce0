// A fetched OpenAPI document as a client reads it: nothing of the server's own code is known here.
import { z } from 'zod';
import type { Json, JsonObject } from './openapi-schema.ts';

const Schema = z.custom<JsonObject>((value) => typeof value === 'object' && value !== null);
const Content = z.record(
  z.string(),
  z.looseObject({
    schema: Schema.optional(),
    'x-events': z.record(z.string(), Schema).optional(),
    'x-data': Schema.optional(),
  }),
);
const Header = z.looseObject({ schema: Schema, required: z.boolean().optional() });
const Link = z.looseObject({
  operationId: z.string(),
  parameters: z.record(z.string(), z.string()),
});
const Response = z.looseObject({
  description: z.string(),
  headers: z.record(z.string(), Header).default({}),
  content: Content.default({}),
  links: z.record(z.string(), Link).default({}),
});
const Parameter = z.looseObject({
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  required: z.boolean().default(false),
  schema: Schema,
  example: z.json().optional(),
});
const Body = z.looseObject({
  required: z.boolean().default(false),
  content: z.record(z.string(), z.looseObject({ schema: Schema, example: z.json().optional() })),
});
const Security = z.array(z.record(z.string(), z.array(z.string())));
const Operation = z.looseObject({
  operationId: z.string(),
  /** What no schema can say of a request. */
  'x-rule': z.string().optional(),
  security: Security.optional(),
  parameters: z.array(Parameter).default([]),
  requestBody: Body.optional(),
  responses: z.record(z.string(), Response),
});
const Document = z.looseObject({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.looseObject({
    schemas: z.record(z.string(), Schema),
    responses: z.record(z.string(), z.unknown()),
  }),
});

export type Parameter = z.output<typeof Parameter>;
export type Response = z.output<typeof Response>;
export interface Endpoint extends z.output<typeof Operation> {
  path: string;
  method: string;
  /** Of the request, where it takes one. */
  body: { required: boolean; schema: JsonObject; example?: Json | undefined } | undefined;
}

export interface OpenApi {
  endpoints: Endpoint[];
  schemas: JsonObject;
  /** What the description says of paths and methods that there are none of. */
  shared: Record<'NOT_FOUND' | 'METHOD_NOT_ALLOWED', Response>;
  /** The methods of a path, in capitals. */
  methodsOf(path: string): string[];
}

export function readOpenApi(fetched: unknown): OpenApi {
  const document = Document.parse(fetched);
  const resolve = (part: unknown): unknown => resolved(fetched, part);
  const endpoints = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, part]): Endpoint => {
      const operation = Operation.parse(resolve(part));
      const content = operation.requestBody?.content ?? {};
      const media = content['application/json'];
      const required = operation.requestBody?.required ?? false;
      return { ...operation, path, method: method.toUpperCase(), body: media && { required, ...media } };
    }),
  );
  const response = (name: string) => Response.parse(resolve(document.components.responses[name]));
  return {
    endpoints,
    schemas: document.components.schemas,
    shared: { NOT_FOUND: response('NOT_FOUND'), METHOD_NOT_ALLOWED: response('METHOD_NOT_ALLOWED') },
    methodsOf: (path) => Object.keys(document.paths[path] ?? {}).map((method) => method.toUpperCase()),
  };
}

/** References are followed everywhere but in schemas. */
function resolved(document: unknown, part: unknown): unknown {
  if (Array.isArray(part)) return part.map((one: unknown) => resolved(document, one));
  if (typeof part !== 'object' || part === null) return part;
  if ('$ref' in part && typeof part.$ref === 'string') {
    if (part.$ref.startsWith('#/components/schemas/')) return part;
    const steps = part.$ref.slice(2).split('/');
    const found = steps.reduce<unknown>((value, step) => Object(value)[step], document);
    return resolved(document, found);
  }
  return Object.fromEntries(Object.entries(part).map(([name, one]) => [name, resolved(document, one)]));
}

/** Codes that a refusal may have, as its schema lists them. */
export function codesOf({ content }: Response): string[] {
  const schema = content['application/json']?.schema;
  return [...JSON.stringify(schema ?? {}).matchAll(/"enum":(\[[^\]]*\])/g)].flatMap(([, list = '[]']) =>
    z.array(z.string()).parse(JSON.parse(list)),
  );
}
