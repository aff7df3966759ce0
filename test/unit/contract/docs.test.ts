import { readFileSync, readdirSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { asyncApi, openApi } from '../../../src/contract/docs.ts';
import { errorTable } from '../../../src/contract/errors.ts';
import { referencePages } from '../../../src/contract/generate.ts';
import { jsonSchemas, rows } from '../../../src/contract/json-schema.ts';
import { pushes } from '../../../src/contract/operations.ts';

const openapi = openApi('1.2.3');
const asyncapi = asyncApi('1.2.3');
const endpoints = Object.entries(openapi.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, endpoint]) => ({
    name: `${method.toUpperCase()} ${path}`,
    endpoint,
  })),
);

/** A plain copy, as a client that fetched the document has it. */
function fetched(document: object): Record<string, unknown> {
  const copy: Record<string, unknown> = JSON.parse(JSON.stringify(document));
  return copy;
}

function references(document: object): string[] {
  return [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
}

/** What a local reference leads to. */
function resolve(document: object, reference: string): unknown {
  const steps = reference.replace(/^#\//, '').split('/');
  return steps.reduce<unknown>((value, step) => Object(value)[step], document);
}

function endpoint(name: string): Record<string, unknown> {
  const found = endpoints.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no ${name}`);
  return fetched(found.endpoint);
}

function bodySchema(requestBody: unknown): unknown {
  return z
    .object({ content: z.object({ 'application/json': z.object({ schema: z.unknown() }) }) })
    .parse(requestBody).content['application/json'].schema;
}

describe('OpenAPI', () => {
  test('is a valid OpenAPI 3.1 document', async () => {
    const result = await new Validator().validate(fetched(openapi));

    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
    expect(openapi.openapi).toMatch(/^3\.1\./);
  });

  test('carries the version it is given', () => {
    expect(openapi.info).toMatchObject({ title: 'Stillpoint', version: '1.2.3' });
  });

  test('has every route of the table, and the paths beside it', () => {
    const ofTable = rows.flatMap(([, row]) =>
      row.rest.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`),
    );
    const beside = ['/livez', '/readyz', '/openapi.json', '/asyncapi.json', '/docs'].map(
      (path) => `GET ${path}`,
    );

    const doors = [
      'POST /v1/chat/completions',
      'GET /v1/models',
      'GET /v1/models/{model}',
      'POST /api/v1/ui/chat',
      'GET /api/v1/ui/chat/{session_id}/stream',
      'DELETE /api/v1/ui/chat/{session_id}/stream',
    ];

    expect(endpoints.map(({ name }) => name).sort()).toEqual([...ofTable, ...beside, ...doors].sort());
  });

  test('gives every endpoint an id of its own', () => {
    const ids = endpoints.map(({ endpoint }) => endpoint['operationId']);

    expect(new Set(ids).size).toBe(ids.length);
  });

  test('has every error code, as a response and as an example', () => {
    const responses = Object.keys(openapi.components.responses).flatMap((name) => name.split('.'));

    expect([...new Set(responses)].sort()).toEqual(Object.keys(errorTable).sort());
    expect(Object.keys(openapi.components.examples)).toEqual(Object.keys(errorTable));
  });

  test('groups the errors of an operation by status', () => {
    const { responses } = endpoint('POST /api/v1/session/create');

    expect(responses).toMatchObject({
      409: { $ref: '#/components/responses/SESSION_CONFLICT.IDEMPOTENCY_CONFLICT' },
      503: { $ref: '#/components/responses/DRAINING.STORE_UNAVAILABLE' },
    });
  });

  test('splits an input into path and body: the path wins', () => {
    const { parameters, requestBody } = endpoint('POST /api/v1/session/{session_id}/input');
    const { properties, required } = z
      .object({ properties: z.record(z.string(), z.unknown()), required: z.array(z.string()) })
      .parse(bodySchema(requestBody));

    expect(parameters).toContainEqual(
      expect.objectContaining({ name: 'session_id', in: 'path', required: true }),
    );
    expect(Object.keys(properties)).toEqual(['user_input', 'input_id', 'interrupt']);
    expect(required).toEqual(['user_input']);
  });

  test('has no null in a query', () => {
    const { parameters } = endpoint('GET /api/v1/session/{session_id}/history');

    expect(parameters).toContainEqual({
      name: 'limit',
      in: 'query',
      required: false,
      description: 'Default 50',
      schema: { type: 'integer', minimum: 1, maximum: 200 },
    });
  });

  test('takes no body, a string or the fields to create a session', () => {
    const { requestBody } = endpoint('POST /api/v1/session/create');

    expect(requestBody).toMatchObject({ required: false });
    expect(bodySchema(requestBody)).toMatchObject({
      anyOf: [{ type: 'string' }, { type: 'object' }, { type: 'null' }],
    });
  });

  test('answers an input whole, as events, or later', () => {
    const { parameters, responses } = endpoint('POST /api/v1/input');

    expect(responses).toMatchObject({
      200: { content: { 'application/json': {}, 'text/event-stream': {} } },
      202: { headers: { Location: {} } },
    });
    expect(parameters).toEqual([
      { $ref: '#/components/parameters/IdempotencyKey' },
      { $ref: '#/components/parameters/Prefer' },
    ]);
  });

  test('gives the cursor of a poll that timed out, and resumes events', () => {
    expect(endpoint('GET /api/v1/session/{session_id}/log')['responses']).toMatchObject({
      204: { headers: { 'X-Cursor': {} } },
    });
    expect(endpoint('GET /api/v1/session/{session_id}/events')['parameters']).toContainEqual({
      $ref: '#/components/parameters/LastEventId',
    });
  });

  test('has no body on GET and DELETE', () => {
    const bodies = endpoints.filter(
      ({ name, endpoint }) => /^(GET|DELETE)/.test(name) && endpoint['requestBody'],
    );

    expect(bodies).toEqual([]);
  });
});

describe('AsyncAPI', () => {
  test('is a valid AsyncAPI 3 document', () => {
    const path = new URL(
      '../../../node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json',
      import.meta.url,
    );
    const ajv = new Ajv({ strict: false, allErrors: true });
    addFormats.default(ajv);
    const validate = ajv.compile(JSON.parse(readFileSync(path, 'utf8')));

    validate(fetched(asyncapi));

    expect(validate.errors).toBeNull();
    expect(asyncapi.asyncapi).toBe('3.0.0');
  });

  test('has every event of the table, received or sent', () => {
    const seen = Object.values(asyncapi.operations).map(({ action, channel }) => {
      const { address } = z
        .object({ address: z.string() })
        .parse(resolve(asyncapi, references({ channel })[0] ?? ''));
      return `${String(action)} ${address}`;
    });
    const fromClient = rows.filter(([, row]) => row.socket).map(([name]) => `receive ${name}`);
    const fromServer = Object.keys(pushes).map((name) => `send ${name}`);

    expect(seen).toEqual([...fromClient, ...fromServer]);
  });

  test('marks the logged pushes and no others', () => {
    const marked = Object.entries(asyncapi.operations).filter(
      ([, operation]) => operation['x-logged'] === true,
    );
    const logged = Object.entries(pushes).filter(([, push]) => push.logged);

    expect(marked.map(([, { summary }]) => summary)).toEqual(logged.map(([, { summary }]) => summary));
  });

  test('answers every client event but `received` with one of two acks', () => {
    const unanswered = Object.entries(asyncapi.operations).filter(
      ([, { action, reply }]) => action === 'receive' && reply === undefined,
    );

    expect(unanswered.map(([key]) => key)).toEqual(['received']);
    expect(asyncapi.operations['sessionInput']).toMatchObject({
      reply: {
        messages: [
          { $ref: '#/channels/sessionInput/messages/ok' },
          { $ref: '#/channels/sessionInput/messages/refused' },
        ],
      },
      'x-errors': expect.arrayContaining(['TURN_IN_PROGRESS', 'INTERNAL']),
    });
  });
});

describe.each([
  ['OpenAPI', openapi],
  ['AsyncAPI', asyncapi],
])('%s', (_, document) => {
  test('has no reference that leads nowhere', () => {
    const dangling = references(document).filter((reference) => resolve(document, reference) === undefined);

    expect(dangling).toEqual([]);
  });

  test('has no schema that nothing refers to', () => {
    const used = new Set(references(document));
    const idle = Object.keys(document.components.schemas).filter(
      (name) => !used.has(`#/components/schemas/${name}`),
    );

    expect(idle).toEqual([]);
  });

  test('keeps every schema open for fields to come, and free of names of its own', () => {
    expect(JSON.stringify(document)).not.toMatch(/"additionalProperties":false|"\$id"|"\$schema"|"\$defs"/);
  });

  test('names no host but its own', () => {
    const hosts = [...JSON.stringify(document).matchAll(/https?:\/\/([^/"\s;]+)/g)].map((match) => match[1]);

    expect(new Set(hosts).difference(new Set(['127.0.0.1:8090']))).toEqual(new Set());
  });
});

test('a schema whose input form differs is named apart, and so is what refers to it', () => {
  const Inner = z.object({ limit: z.int().default(50) });
  const Outer = z.object({ inner: Inner });
  const registry = z.registry<{ id: string }>();
  registry.add(Inner, { id: 'Inner' }).add(Outer, { id: 'Outer' }).add(z.string(), { id: 'Same' });

  const schemas = jsonSchemas(registry, registry, 'draft-2020-12');

  expect(Object.keys(schemas).sort()).toEqual(['Inner', 'InnerInput', 'Outer', 'OuterInput', 'Same']);
  expect(schemas['Inner']?.required).toEqual(['limit']);
  expect(schemas['InnerInput']?.required).toBeUndefined();
  expect(schemas['OuterInput']?.properties).toEqual({ inner: { $ref: '#/components/schemas/InnerInput' } });
});

describe('docs/reference', () => {
  const folder = new URL('../../../docs/reference/', import.meta.url);

  test.each(Object.entries(referencePages()))('%s is up to date', (name, text) => {
    expect(readFileSync(new URL(name, folder), 'utf8'), 'run npm run docs').toBe(text);
  });

  test('holds generated pages only', () => {
    expect(readdirSync(folder).sort(), 'run npm run docs').toEqual(Object.keys(referencePages()).sort());
  });

  test('errors.md has every code', () => {
    for (const code of Object.keys(errorTable)) {
      expect(referencePages()['errors.md']).toContain(`| \`${code}\` |`);
    }
  });
});
