// The contract as plain TypeScript, for clients that load neither the contract nor its validation.
import { errorTable } from './errors.ts';
import { contractSchemas, inputName, referredTo, refTo, rows } from './json-schema.ts';
import type { Schema, Schemas } from './json-schema.ts';
import { ErrorBody } from './model.ts';
import { pushes } from './operations.ts';

const WIDTH = 110;
/** A named type of fewer fields is no base of others: it would be one by chance. */
const BASE_FIELDS_MIN = 3;

type Field = [name: string, schema: Schema | boolean, isOptional: boolean];

const literal = (value: unknown) =>
  typeof value === 'string' ? `'${value.replace(/['\\]/g, '\\$&')}'` : JSON.stringify(value);
const keyOf = (name: string) => (/^[a-z_]\w*$/i.test(name) ? name : literal(name));
const docOf = (text: string | undefined, indent: string) =>
  text === undefined ? [] : [`${indent}/** ${text.replaceAll('*/', '* /')} */`];
const codes = Object.keys(errorTable);

/** Parts after one another, as many on a line as fit; each line begins with `start`. */
function filled(parts: readonly string[], start: string, by: string): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = `${lines.at(-1)}${by}${part}`;
    if (lines.length > 0 && longer.length < WIDTH) lines[lines.length - 1] = longer;
    else lines.push(`${start}${part}`);
  }
  return lines;
}

function unionType(name: string, parts: readonly string[]): string {
  return `${[`export type ${name} =`, ...filled(parts, '  | ', ' | ')].join('\n')};`;
}

/** The fields of an object; undefined: it is none, or one with any keys. */
function fieldsOf(schema: Schema): Field[] | undefined {
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).map(([name, field]) => [
      name,
      field,
      schema.required?.includes(name) !== true,
    ]);
  }
  const { additionalProperties: value, required } = schema;
  if (value === undefined || required === undefined) return undefined;
  return required.map((name) => [name, value, false]);
}

/** Prints types; `bases` are the named objects that others are made from. */
class Printer {
  private readonly bases: [name: string, fields: Field[]][];

  constructor(models: Schemas) {
    const objects = Object.entries(models).map(([name, schema]): [string, Field[]] => [
      name,
      fieldsOf(schema) ?? [],
    ]);
    this.bases = objects
      .filter(([, fields]) => fields.length >= BASE_FIELDS_MIN)
      .sort(([, a], [, b]) => b.length - a.length);
  }

  /** The declaration of a named type. */
  declare(name: string, schema: Schema): string {
    const fields = fieldsOf(schema);
    const doc = docOf(schema.description, '');
    if (fields === undefined) return [...doc, this.member(`export type ${name} =`, schema, '')].join('\n');
    const [base, own] = this.derive(fields, name);
    const head = `export interface ${name}${base === undefined ? '' : ` extends ${base}`} {`;
    return [...doc, head, ...this.members(own, '  '), '}'].join('\n');
  }

  /** `head type;`, broken over lines where it is too long for one; `also` is more of a union. */
  member(head: string, schema: Schema | boolean, indent: string, also = ''): string {
    const line = this.type(schema);
    if (line !== undefined && head.length + line.length + also.length + 2 <= WIDTH) {
      return `${head} ${line}${also};`;
    }
    if (line !== undefined && this.isUnion(schema)) {
      return `${[head, ...filled(`${line}${also}`.split(' | '), `${indent}  | `, ' | ')].join('\n')};`;
    }
    return `${head} ${this.broken(schema, indent)}${also};`;
  }

  members(fields: Field[], indent: string): string[] {
    return fields.flatMap(([name, schema, isOptional]) => {
      const head = `${indent}${keyOf(name)}${isOptional ? '?' : ''}:`;
      const doc = docOf(typeof schema === 'object' ? schema.description : undefined, indent);
      return [...doc, this.member(head, schema, indent, isOptional ? ' | undefined' : '')];
    });
  }

  private isUnion(schema: Schema | boolean): boolean {
    if (typeof schema === 'boolean') return false;
    return schema.enum !== undefined || schema.anyOf !== undefined || Array.isArray(schema.type);
  }

  /** What is inherited, and the rest. */
  private derive(fields: Field[], self?: string): [base: string | undefined, own: Field[]] {
    const printed = new Set(fields.map((field) => JSON.stringify(field)));
    const found = this.bases.find(
      ([name, base]) =>
        name !== self &&
        base.length < fields.length &&
        base.every((field) => printed.has(JSON.stringify(field))),
    );
    if (found === undefined) return [undefined, fields];
    const inherited = new Set(found[1].map(([name]) => name));
    return [found[0], fields.filter(([name]) => !inherited.has(name))];
  }

  /** The type on one line; undefined where something in it has a comment. */
  private type(schema: Schema | boolean): string | undefined {
    if (typeof schema === 'boolean') return schema ? 'unknown' : 'never';
    if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1);
    if (schema.const !== undefined) return literal(schema.const);
    if (schema.enum !== undefined) {
      return schema.enum.join() === codes.join() ? 'ErrorCode' : schema.enum.map(literal).join(' | ');
    }
    if (schema.anyOf !== undefined) return this.joined(schema.anyOf, ' | ');
    if (Array.isArray(schema.type)) return schema.type.map((type) => this.named(type)).join(' | ');
    if (schema.type === 'array') return this.list(schema);
    if (schema.type === 'object') return this.object(schema);
    if (schema.type !== undefined) return this.named(schema.type);
    const meaning = Object.keys(schema).filter((key) => key !== 'description');
    if (meaning.length > 0) throw new Error(`no type is known for ${meaning.join(', ')}`);
    return 'unknown';
  }

  private named(type: string): string {
    return type === 'integer' ? 'number' : type;
  }

  private joined(parts: readonly (Schema | boolean)[], by: string): string | undefined {
    const types = parts.map((part) => this.type(part));
    return types.includes(undefined) ? undefined : types.join(by);
  }

  private list({ prefixItems, items }: Schema): string | undefined {
    if (prefixItems !== undefined) {
      const types = this.joined(prefixItems, ', ');
      return types === undefined ? undefined : `[${types}]`;
    }
    const item = Array.isArray(items) ? undefined : (items ?? true);
    const type = item === undefined ? undefined : this.type(item);
    if (item === undefined || type === undefined) return undefined;
    return this.isUnion(item) || type.includes(' & ') ? `(${type})[]` : `${type}[]`;
  }

  private object(schema: Schema): string | undefined {
    const fields = fieldsOf(schema);
    if (fields === undefined) {
      const value = this.type(schema.additionalProperties ?? true);
      return value === undefined ? undefined : `Record<string, ${value}>`;
    }
    if (fields.length === 0) return 'Record<string, never>';
    const [base, own] = this.derive(fields);
    if (own.some(([, field]) => typeof field === 'object' && field.description !== undefined)) {
      return undefined;
    }
    const parts = own.map(([name, field, isOptional]) => {
      const type = this.type(field);
      return type && `${keyOf(name)}${isOptional ? '?' : ''}: ${type}${isOptional ? ' | undefined' : ''}`;
    });
    if (parts.includes(undefined)) return undefined;
    return `${base === undefined ? '' : `${base} & `}{ ${parts.join('; ')} }`;
  }

  /** An object, or a list of such, over several lines. */
  private broken(schema: Schema | boolean, indent: string): string {
    if (typeof schema === 'boolean') throw new Error('nothing to break');
    if (schema.type === 'array' && schema.items !== undefined && !Array.isArray(schema.items)) {
      return `${this.broken(schema.items, indent)}[]`;
    }
    const fields = fieldsOf(schema);
    if (fields === undefined) throw new Error(`cannot break ${JSON.stringify(schema)}`);
    const [base, own] = this.derive(fields);
    const head = base === undefined ? '{' : `${base} & {`;
    return [head, ...this.members(own, `${indent}  `), `${indent}}`].join('\n');
  }
}

const clientRows = rows.filter(([name]) => !name.startsWith('operator:') && name !== 'server:safety');
const takesId = (name: string) =>
  rows.some(([row, { input }]) => row === name && input.safeParse('an id').success);

/** A named type stays a name; another is written where it is used. */
function used(schemas: Schemas, name: string, isNamed: boolean): Schema {
  return isNamed ? refTo(name) : (schemas[name] ?? {});
}

interface Uses {
  /** The value of the ack of each operation. */
  operations: { name: string; summary: string; input: Schema; output: Schema }[];
  pushes: { name: string; summary: string; payload: Schema }[];
  /** Every named type that those refer to. */
  models: Schemas;
}

function usesOf(): Uses {
  const { schemas, outputs, payloads } = contractSchemas('draft-2020-12');
  const operations = clientRows.map(([name, { summary, output }]) => ({
    name,
    summary,
    input: used(schemas, inputName(name), takesId(name)),
    output: used(schemas, outputs[name] ?? '', output.meta()?.['id'] !== undefined),
  }));
  const pushed = Object.entries(pushes).map(([name, { summary, payload }]) => ({
    name,
    summary,
    payload: used(schemas, payloads[name] ?? '', payload.meta()?.['id'] !== undefined),
  }));
  const body = refTo(String(ErrorBody.meta()?.id));
  const seeds = [operations.map(({ input, output }) => [input, output]), pushed, body, refTo('Logged')];
  return { operations, pushes: pushed, models: referredTo(seeds, schemas) };
}

function operationsType(printer: Printer, operations: Uses['operations']): string[] {
  return operations.flatMap(({ name, summary, input, output }) => [
    ...docOf(summary, '  '),
    `  ${keyOf(name)}: {`,
    printer.member('    input:', input, '    ', takesId(name) ? ' | string | null' : ''),
    printer.member('    output:', output, '    '),
    '  };',
  ]);
}

function routeLines(): string[] {
  return clientRows.flatMap(([name, { rest }]) => {
    const [first] = rest;
    if (first === undefined) return [];
    const words = [first.method, first.path, ...first.query].map(literal).join(', ');
    return [`  ${keyOf(name)}: [${words}],`];
  });
}

const madeFrom = '// Made from src/contract by `npm run docs`; do not edit.';
const namesOf = (isLogged: boolean) =>
  Object.entries(pushes)
    .filter(([, { logged }]) => logged === isLogged)
    .map(([name]) => literal(name));

function pushList(name: string, isLogged: boolean, type: string): string[] {
  const lines = filled(namesOf(isLogged), '  ', ', ').map((line) => `${line},`);
  return [`export const ${name} = [`, ...lines, `] as const satisfies readonly ${type}[];`];
}

function modelPage({ models }: Uses, printer: Printer): string {
  return [
    madeFrom,
    '// The named types of the wire.',
    '',
    '/** Why something was refused (docs/reference/errors.md). A code is never renamed and never reused. */',
    unionType('ErrorCode', codes.map(literal)),
    ...Object.entries(models).map(([name, schema]) => `\n${printer.declare(name, schema)}`),
    '',
  ].join('\n');
}

/** The import of the named types that `page` uses. */
function importOf(models: Schemas, page: string): string[] {
  const code = page.replace(/\/\*\*.*?\*\/|'[^']*'/g, '');
  const names = Object.keys(models).filter((name) => new RegExp(`\\b${name}\\b`).test(code));
  return ['import type {', ...names.map((name) => `  ${name},`), "} from './wire-model.ts';"];
}

function wirePage({ operations, pushes, models }: Uses, printer: Printer): string {
  const body = [
    "export type * from './wire-model.ts';",
    '',
    '/** What can be asked for: what a client sends, and the value of the answer. */',
    'export interface Operations {',
    ...operationsType(printer, operations),
    '}',
    '',
    '/** What the server sends by itself. */',
    'export interface Pushes {',
    ...pushes.flatMap(({ name, summary, payload }) => [
      ...docOf(summary, '  '),
      printer.member(`  ${keyOf(name)}:`, payload, '  '),
    ]),
    '}',
    '',
    '/** Pushes that are entries of the log of a session: numbered without a hole, and sent again after a gap. */',
    unionType('LoggedPush', namesOf(true)),
    '',
    ...pushList('loggedPushes', true, 'LoggedPush'),
    '',
    '/** Pushes of the moment: they are not sent again. */',
    ...pushList('otherPushes', false, 'Exclude<keyof Pushes, LoggedPush>'),
    '',
    '/** Method and path of each operation that is to be had over REST, then the fields that go into the query. */',
    'export const routes = {',
    ...routeLines(),
    '} as const;',
    '',
  ].join('\n');
  return [madeFrom, ...importOf(models, body), '', body].join('\n');
}

/** The text of each generated file of client/sdk, by name. */
export function clientTypes(): Record<string, string> {
  const uses = usesOf();
  const printer = new Printer(uses.models);
  return { 'wire.ts': wirePage(uses, printer), 'wire-model.ts': modelPage(uses, printer) };
}
