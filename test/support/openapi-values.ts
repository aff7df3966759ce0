// Values that a JSON schema takes, values at its edges, and values that nothing takes.
import fc from 'fast-check';
import { isObject } from './openapi-schema.ts';
import type { Json, JsonObject } from './openapi-schema.ts';

/** Short ones come again, so that something is found under them. */
const common = ['a', 'b', 'c'];
const hard = [
  ' ',
  '\u0000',
  '../..',
  '.',
  'a/b',
  '%',
  '%2F',
  'é',
  'e\u0301',
  '😀',
  '\u202e',
  '__proto__',
  '?#&',
];
const words = ['hello', 'I feel tense', 'yes', 'I want to kill myself', 'are you a human?'];
const odd: Json[] = [null, true, 0, -1, 1.5, 2 ** 53, 1e300, '', 'x', '5', [], ['a'], {}, { a: 1 }];

/** At every place of a request. */
const few: Json[] = [null, true, 1.5, '', 'e\u0301 \u0000', '../%2F?#', [], { a: 1 }];

const record = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const number = (value: Json | undefined): number | undefined =>
  typeof value === 'number' ? value : undefined;

/** Follows the reference of a schema; what stands beside it counts too. */
export function resolveSchema(schema: JsonObject, schemas: JsonObject): JsonObject {
  const { $ref, ...rest } = schema;
  if (typeof $ref !== 'string') return schema;
  const found = record(schemas[$ref.replace('#/components/schemas/', '')]);
  return { ...resolveSchema(found, schemas), ...rest };
}

/** Values that the schema takes. */
export function taken(given: JsonObject, schemas: JsonObject): fc.Arbitrary<Json> {
  const schema = resolveSchema(given, schemas);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...schema['enum']);
  if ('const' in schema) return fc.constant(schema['const'] ?? null);
  const choices = [...list(schema['anyOf']), ...list(schema['oneOf'])];
  if (choices.length > 0) return fc.oneof(...choices.map((one) => taken(record(one), schemas)));
  const types = list([schema['type'] ?? 'any'].flat());
  return fc.oneof(...types.map((type) => ofType(type, schema, schemas)));
}

function ofType(type: Json, schema: JsonObject, schemas: JsonObject): fc.Arbitrary<Json> {
  switch (type) {
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number':
      return numberOf(type, schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array': {
      const { minItems, maxItems, items } = schema;
      const lengths = { minLength: number(minItems) ?? 0, maxLength: Math.min(number(maxItems) ?? 4, 4) };
      return fc.array(taken(record(items), schemas), lengths);
    }
    case 'object':
      return objectOf(schema, schemas);
    default:
      return fc.constantFrom(...odd);
  }
}

function textOf(schema: JsonObject): fc.Arbitrary<string> {
  const min = number(schema['minLength']) ?? 0;
  const max = number(schema['maxLength']) ?? 60;
  const fits = (text: string) => lengthOf(text) >= min && lengthOf(text) <= max;
  const pool = [...common, ...common, ...words, ...hard, 'x'.repeat(3_000), '\u00e4'.repeat(1_500)].filter(
    fits,
  );
  const any = fc.string({ unit: 'binary', minLength: min, maxLength: Math.min(max, 60) }).map(cut(max));
  return pool.length === 0
    ? any
    : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...pool) }, { weight: 1, arbitrary: any });
}

/** In characters, as JSON Schema counts. */
const lengthOf = (text: string): number => Array.from(text).length;
const cut = (max: number) => (text: string) => Array.from(text).slice(0, max).join('');

function numberOf(type: string, schema: JsonObject): fc.Arbitrary<number> {
  const min = number(schema['minimum']) ?? -1_000;
  const max = Math.min(number(schema['maximum']) ?? 1_000, 2 ** 31);
  const edges = fc.constantFrom(min, min, max);
  if (type === 'integer') return fc.oneof(edges, fc.integer({ min: Math.ceil(min), max: Math.floor(max) }));
  return fc.oneof(edges, fc.double({ min, max, noNaN: true }));
}

function objectOf(schema: JsonObject, schemas: JsonObject): fc.Arbitrary<JsonObject> {
  const fields = Object.entries(record(schema['properties'])).map(
    ([name, one]): [string, fc.Arbitrary<Json>] => [name, taken(record(one), schemas)],
  );
  if (fields.length === 0)
    return fc.dictionary(fc.string({ maxLength: 8 }), fc.constantFrom(...odd), { maxKeys: 3 });
  const required = list(schema['required']).map(String);
  return fc.record(Object.fromEntries(fields), { requiredKeys: required });
}

/** One value that the schema takes, the same each time. */
export function plainOf(given: JsonObject, schemas: JsonObject): Json {
  const schema = resolveSchema(given, schemas);
  if (schema['example'] !== undefined) return schema['example'];
  if (Array.isArray(schema['enum'])) return schema['enum'][0] ?? null;
  const [choice] = [...list(schema['anyOf']), ...list(schema['oneOf'])].filter(
    (one) => record(one)['type'] !== 'null' && record(one)['type'] !== 'string',
  );
  if (choice !== undefined) return plainOf(record(choice), schemas);
  const [type] = [schema['type'] ?? 'string'].flat();
  if (type === 'object') {
    const required = list(schema['required']).map(String);
    const properties = record(schema['properties']);
    return Object.fromEntries(required.map((name) => [name, plainOf(record(properties[name]), schemas)]));
  }
  if (type === 'array')
    return schema['minItems'] === undefined ? [] : [plainOf(record(schema['items']), schemas)];
  if (type === 'boolean') return false;
  if (type === 'integer' || type === 'number') return number(schema['minimum']) ?? 0;
  return 'a'.repeat(Math.max(1, number(schema['minLength']) ?? 1));
}

/** Values at the edges of the schema and beyond them, each of them once. */
export function edgesOf(given: JsonObject, schemas: JsonObject): Json[] {
  const schema = resolveSchema(given, schemas);
  const inner = [...list(schema['anyOf']), ...list(schema['oneOf'])].flatMap((one) =>
    edgesOf(record(one), schemas),
  );
  const edges = ['minimum', 'maximum'].flatMap((name) => {
    const edge = number(schema[name]);
    return edge === undefined || edge > 2 ** 40 ? [] : [edge - 1, edge, edge + 1];
  });
  const lengths = ['minLength', 'maxLength'].flatMap((name) => {
    const edge = number(schema[name]);
    return edge === undefined ? [] : [edge - 1, edge, edge + 1].filter((length) => length >= 0);
  });
  // of more than one UTF-16 unit: lengths are counted in characters
  const texts = lengths.flatMap((length) => ['a'.repeat(length), '😀'.repeat(length)]);
  const sizes = ['minItems', 'maxItems'].flatMap((name) => {
    const edge = number(schema[name]);
    const items = list(record(schema['items'])['enum']);
    return edge === undefined ? [] : [edge - 1, edge, edge + 1].map((n) => Array(n).fill(items[0] ?? 'a'));
  });
  const all = [...inner, ...list(schema['enum']), ...edges, ...texts, ...sizes, ...few];
  return [...new Map(all.map((value) => [JSON.stringify(value), value])).values()];
}

/** Mostly what the schema takes; else something that may be wrong in any way. */
export function near(schema: JsonObject, schemas: JsonObject): fc.Arbitrary<Json> {
  return fc.oneof(
    { weight: 5, arbitrary: taken(schema, schemas) },
    { weight: 1, arbitrary: fc.constantFrom(...edgesOf(schema, schemas)) },
  );
}
