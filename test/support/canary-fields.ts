// What a client can fill of each operation, read from the contract: a field of a kind that is not known here is an error.
import { z } from 'zod';
import { operations } from '../../src/contract/operations.ts';
import type { OperationName } from '../../src/contract/types.ts';
import { BREAKOUT, phrase } from './canary.ts';

type Fields = Record<string, unknown>;

interface Field {
  name: string;
  /** `text` and `json` take any words; `closed` takes none. */
  kind: 'text' | 'json' | 'closed';
}

const kinds: Record<string, Field['kind']> = {
  string: 'text',
  record: 'json',
  enum: 'closed',
  int: 'closed',
  number: 'closed',
  boolean: 'closed',
};

function kindOf(schema: unknown): Field['kind'] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return kindOf(schema.unwrap());
  if (schema instanceof z.ZodArray) return kindOf(schema.element);
  const kind = schema instanceof z.ZodType ? kinds[schema.def.type] : undefined;
  if (kind === undefined) throw new Error('the contract has a kind of field that nobody has a phrase for');
  return kind;
}

function fieldsOf(name: OperationName): Field[] {
  const { input } = operations[name];
  const fields: unknown = input instanceof z.ZodPipe ? input.out : input;
  if (!(fields instanceof z.ZodObject)) throw new Error(`the input of ${name} is no object`);
  return Object.entries(fields.shape).map(([field, schema]) => ({ name: field, kind: kindOf(schema) }));
}

/** Names of the fields of an operation that take words. */
export const freeFields = (name: OperationName): string[] =>
  fieldsOf(name).flatMap((field) => (field.kind === 'closed' ? [] : [field.name]));

/** An input with a phrase in every field that takes words, and what `given` says in its place; `who` is part of each. */
export function filled(name: OperationName, who: string, given: Fields = {}): Fields {
  const say = (...names: string[]) => phrase(who, name, ...names) + BREAKOUT;
  const input: Fields = {};
  for (const { name: field, kind } of fieldsOf(name)) {
    if (kind === 'text') input[field] = say(field);
    if (kind === 'json') input[field] = { [say(field, 'key')]: { deep: [say(field, 'value')] } };
  }
  return { ...input, ...given };
}

/** The same with something of another type in each field. */
export function spoiled(name: OperationName, who: string): Fields {
  const say = (...names: string[]) => phrase(who, name, 'bad', ...names) + BREAKOUT;
  const bad = fieldsOf(name).map(({ name: field, kind }) => {
    return [field, kind === 'text' ? { [say(field, 'key')]: say(field) } : say(field)];
  });
  return { ...Object.fromEntries(bad), [say('unknown', 'field')]: say('unknown') };
}
