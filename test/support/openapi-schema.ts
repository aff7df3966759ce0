// JSON Schemas of a fetched document, as they stand and as if the server never sent a field they do not name.
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const asObject = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});

/** By keyword: one schema, a list of them, or a map of them; of those that stand for values inside of the value. */
const inner = { one: ['items', 'additionalProperties', 'not'], list: ['prefixItems'], map: ['properties'] };
const branches = ['allOf', 'anyOf', 'oneOf'];
const POINTER = '#/components/schemas/';

/** Values inside are closed; the value itself may have more, since it may be a part of a whole. */
function half(schema: JsonObject): JsonObject {
  const copy: JsonObject = { ...schema };
  for (const [name, value] of Object.entries(schema)) {
    if (branches.includes(name) && Array.isArray(value)) copy[name] = value.map((one) => half(asObject(one)));
    else if (Array.isArray(value) && (inner.list.includes(name) || name === 'items'))
      copy[name] = value.map((one) => whole(asObject(one)));
    else if (inner.one.includes(name) && isObject(value)) copy[name] = whole(value);
    else if (inner.map.includes(name)) copy[name] = mapValues(asObject(value), (one) => whole(asObject(one)));
    else if (name === '$ref' && typeof value === 'string') copy[name] = value.replace(POINTER, '#/half/');
  }
  return copy;
}

/** Nothing is in the value that no part of its schema names. A schema that names nothing stays open. */
function whole(schema: JsonObject): JsonObject {
  const names = ['properties', '$ref', ...branches].some((name) => name in schema);
  return { ...half(schema), ...(names && { unevaluatedProperties: false }) };
}

function mapValues(map: JsonObject, change: (value: Json) => Json): JsonObject {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value)]));
}

/** Reads JSON, or says that it is none. */
export function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** The schemas of one document. */
export class Schemas {
  readonly #ajv: Ajv2019 | Ajv2020;
  readonly #made = new Map<string, ValidateFunction>();

  /** AsyncAPI 3 speaks an older dialect: lists of `items` are its tuples. */
  constructor(components: JsonObject, dialect: '2019' | '2020') {
    const options = { strict: false, allErrors: true, validateFormats: true };
    this.#ajv = dialect === '2019' ? new Ajv2019(options) : new Ajv2020(options);
    addFormats.default(this.#ajv);
    this.#ajv.addSchema({ $id: 'document:/', components: { schemas: components } });
    this.#ajv.addSchema({ $id: 'closed:/', half: mapValues(components, (one) => half(asObject(one))) });
  }

  /** What is wrong with a value; '' where nothing is. */
  faults(schema: JsonObject, value: unknown): string {
    return this.#faults('document:/', schema, value);
  }

  /** The same, where a field that the schema does not name is wrong too. */
  strictFaults(schema: JsonObject, value: unknown): string {
    return this.#faults('closed:/', whole(schema), value);
  }

  #faults(base: string, schema: JsonObject, value: unknown): string {
    const key = base + JSON.stringify(schema);
    let validate = this.#made.get(key);
    if (!validate) {
      const text = JSON.stringify(schema).replaceAll('"$ref":"#', `"$ref":"${base}#`);
      validate = this.#ajv.compile(JSON.parse(text));
      this.#made.set(key, validate);
    }
    if (validate(value)) return '';
    const faults = (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
    return [...new Set(faults)].slice(0, 4).join('; ');
  }
}
