// What every request of OpenAPI may be refused with, and the headers of all answers.
import { errorTable } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import { pascalCase, refTo } from './json-schema.ts';
import type { Part, Parts, Schema } from './json-schema.ts';
import { ErrorBody } from './model.ts';
import { commonErrors } from './operations.ts';
import type { Operation } from './operation.ts';

type Route = Operation['rest'][number];

export const codes: readonly ErrorCode[] = ErrorBody.shape.code.options;

export const headers: Parts = {
  Allow: { description: 'The methods this path takes', required: true, schema: { type: 'string' } },
  'Cache-Control': {
    description: 'Of events; of anything else it is `no-store`',
    schema: { type: 'string', enum: ['no-cache, no-transform', 'no-store'] },
  },
  Location: { description: 'Where the turn can be read', schema: { type: 'string' } },
  'Preference-Applied': { schema: { type: 'string', const: 'respond-async' } },
  'Retry-After': {
    description: 'When to try again, in seconds',
    required: true,
    schema: { type: 'integer', minimum: 1 },
  },
  'WWW-Authenticate': { required: true, schema: { type: 'string', const: 'Bearer' } },
  'X-Accel-Buffering': { schema: { type: 'string', const: 'no' } },
  'X-Cursor': { description: 'The cursor to go on from', required: true, schema: refTo('Cursor') },
  'X-Request-Id': {
    description: 'The `request_id` of the body',
    required: true,
    schema: { type: 'string', format: 'uuid' },
  },
};

export function withHeaders(...names: string[]): Part {
  return {
    headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
  };
}

export function json(schema: Schema): Part {
  return { 'application/json': { schema } };
}

/** Every code as an example of the error body. */
export function errorExample(code: ErrorCode): Part {
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
  const more: Record<number, string> = {
    401: 'WWW-Authenticate',
    405: 'Allow',
    429: 'Retry-After',
    503: 'Retry-After',
  };
  return [more[status] ?? [], 'X-Request-Id'].flat();
}

/** One response for the codes that share an HTTP status. */
function errorResponse(group: readonly ErrorCode[], status: number): Part {
  const meanings = group.map((code) => `\`${code}\`: ${errorTable[code].title}`);
  return {
    description: meanings.join('. '),
    ...withHeaders(...errorHeaders(status)),
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
export function refusals(refused: readonly ErrorCode[], shared: Parts): Part {
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

/** Before a request is looked at, by what it says of itself. */
export const early = ['MALFORMED_JSON', 'FORBIDDEN'] as const satisfies readonly ErrorCode[];
/** Of what is asked without a body, without a token, without fields, these are never refusals. */
const ofBody = new Set<ErrorCode>(['PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE']);
const ofToken = new Set<ErrorCode>(['UNAUTHENTICATED', 'RATE_LIMITED']);
const ofFields = new Set<ErrorCode>(['VALIDATION_FAILED']);

export function refusedWith(row: Operation, { method }: Route, hasFields: boolean): ErrorCode[] {
  return [...row.errors, ...commonErrors].filter(
    (code) =>
      !(method !== 'POST' && ofBody.has(code)) &&
      !(row.needs === 'nothing' && ofToken.has(code)) &&
      !(method !== 'POST' && !hasFields && ofFields.has(code)),
  );
}

export const tooLong: Part = { 431: { description: 'The headers are too large; there is no body' } };
