// JSON Schemas of the two tables, each named once, so that the documents can refer to them.
import { z } from 'zod';
import * as d from './doors.ts';
import * as m from './model.ts';
import { operations, pushes } from './operations.ts';
import type { Operation } from './operation.ts';
import * as p from './progress.ts';

/** A JSON Schema as zod writes it. */
export type Schema = z.core.JSONSchema.BaseSchema;
export type Schemas = Record<string, Schema>;
/** A part of a document. */
export type Part = Record<string, unknown>;
export type Parts = Record<string, Part>;
/** OpenAPI 3.1 reads the newer dialect, AsyncAPI 3 the older one. */
type Dialect = 'draft-2020-12' | 'draft-7';
type Registry = ReturnType<typeof z.registry<{ id: string }>>;

export const rows: [name: string, row: Operation][] = Object.entries(operations);

/** `session:create` → `SessionCreate`, `SESSION_CONFLICT` → `SessionConflict`. */
export function pascalCase(name: string): string {
  const words = name === name.toUpperCase() ? name.toLowerCase() : name;
  return words.replace(/(?:^|[_:])[a-z]/g, (start) => start.slice(-1).toUpperCase());
}

export function camelCase(name: string): string {
  const pascal = pascalCase(name);
  return pascal.charAt(0).toLowerCase() + pascal.slice(1);
}

export const inputName = (operation: string) => `${pascalCase(operation)}Input`;

export function refTo(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** The schemas of model.ts, progress.ts and doors.ts that have an id. */
function namedModels(): Registry {
  const registry = z.registry<{ id: string }>();
  for (const schema of [m, p, d].flatMap((models) => Object.values<unknown>(models))) {
    if (!(schema instanceof z.ZodType)) continue;
    const id = schema.meta()?.id;
    if (id !== undefined) registry.add(schema, { id });
  }
  return registry;
}

/** The name a schema goes by; one without an id of its own takes `fallback`. */
function nameOf(registry: Registry, schema: z.ZodType, fallback: string): string {
  const id = registry.get(schema)?.id ?? schema.meta()?.id ?? fallback;
  if (!registry.has(schema)) registry.add(schema, { id });
  return id;
}

/** What has an id and stands in another schema only, zod puts apart; here it is a schema like the others. */
function unshared(schemas: Schemas, rename: (id: string) => string): Schemas {
  const { __shared: shared, ...own } = schemas;
  const all = { ...own, ...shared?.$defs };
  const text = JSON.stringify(all).replace(/__shared#\/\$defs\/(\w+)/g, (_, id: string) => rename(id));
  return JSON.parse(text) as Schemas;
}

function convert(
  registry: Registry,
  io: 'input' | 'output',
  target: Dialect,
  rename: (id: string) => string,
): Schemas {
  const { schemas } = z.toJSONSchema(registry, {
    io,
    target,
    uri: (id) => `#/components/schemas/${rename(id)}`,
    // A later version may add fields, and unknown keys are ignored: nothing is closed.
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  const named: Schemas = {};
  for (const [id, schema] of Object.entries(unshared(schemas, rename))) {
    delete schema.$schema;
    delete schema.$id;
    named[rename(id)] = schema;
  }
  return named;
}

/** The input forms. One that differs from the output form is set apart, and so is what refers to it. */
function convertInputs(registry: Registry, target: Dialect, outputs: Schemas): Schemas {
  const apart = new Set<string>();
  const rename = (id: string) => (apart.has(id) ? `${id}Input` : id);
  for (;;) {
    const forms = convert(registry, 'input', target, rename);
    const differing = Object.keys(forms).filter(
      (id) => outputs[id] !== undefined && JSON.stringify(outputs[id]) !== JSON.stringify(forms[id]),
    );
    if (differing.length === 0) return forms;
    for (const id of differing) apart.add(id);
  }
}

/** All schemas of both registries by name; where a name needs both forms, `<name>Input` is what the server reads. */
export function jsonSchemas(inputs: Registry, outputs: Registry, target: Dialect): Schemas {
  const shown = convert(outputs, 'output', target, (id) => id);
  return { ...convertInputs(inputs, target, shown), ...shown };
}

export interface ContractSchemas {
  /** All of them by name, the inputs under `inputName`. */
  schemas: Schemas;
  /** Names of the values of ok-acks, by operation. */
  outputs: Record<string, string>;
  /** Names of the REST bodies, by operation. */
  bodies: Record<string, string>;
  /** Names of the payloads, by push. */
  payloads: Record<string, string>;
}

export function contractSchemas(target: Dialect): ContractSchemas {
  const [output, input] = [namedModels(), namedModels()];
  const outputs: Record<string, string> = {};
  const bodies: Record<string, string> = {};
  const payloads: Record<string, string> = {};
  for (const [name, row] of rows) {
    nameOf(input, row.input, inputName(name));
    outputs[name] = nameOf(output, row.output, `${pascalCase(name)}Output`);
    bodies[name] = row.body ? nameOf(output, row.body, `${pascalCase(name)}Body`) : outputs[name];
  }
  for (const [name, { payload }] of Object.entries(pushes)) {
    payloads[name] = nameOf(output, payload, pascalCase(name));
  }
  return { schemas: jsonSchemas(input, output, target), outputs, bodies, payloads };
}

/** The schemas that `document` refers to, and those they refer to, by name in the order of the alphabet. */
export function referredTo(document: unknown, schemas: Schemas): Schemas {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (schemas[name] === undefined || found.has(name)) continue;
      found.add(name);
      visit(schemas[name]);
    }
  };
  visit(document);
  const kept = Object.entries(schemas).filter(([name]) => found.has(name));
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}
