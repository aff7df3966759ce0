// The types that clients use are those of the contract: `npm run types` fails where one of them differs.
import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import { loggedPushes, otherPushes, routes } from '../../../client/sdk/wire.ts';
import type * as wire from '../../../client/sdk/wire.ts';
import { clientTypes } from '../../../src/contract/client-types.ts';
import type { ErrorCode } from '../../../src/contract/errors.ts';
import { rows } from '../../../src/contract/json-schema.ts';
import { pushes } from '../../../src/contract/operations.ts';
import type { operations } from '../../../src/contract/operations.ts';
import type * as contract from '../../../src/contract/types.ts';

/** The same type with nothing left of how it was put together. */
type Plain<T> = T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Name = Exclude<contract.OperationName, `operator:${string}` | 'server:safety'>;
/** What may be sent; where the contract takes anything and makes fields of it: the fields, an id, or null. */
type Sent<N extends Name> =
  unknown extends z.input<(typeof operations)[N]['input']>
    ? contract.Input<N> | string | null
    : z.input<(typeof operations)[N]['input']>;

describe.each(Object.entries(clientTypes()))('client/sdk/%s', (name, text) => {
  const path = `../../../client/sdk/${name}`;

  test('is up to date', async () => {
    await expect(text, 'run npm run docs').toMatchFileSnapshot(path);
  });

  test('imports nothing but its own types', () => {
    const sources = [...text.matchAll(/from '([^']+)'/g)].map((match) => match[1]);

    expect(readFileSync(new URL(path, import.meta.url), 'utf8')).not.toContain('import(');
    expect(new Set(sources).difference(new Set(['./wire-model.ts']))).toEqual(new Set());
  });
});

describe('a client has the types of the contract', () => {
  test('what is sent', () => {
    type Here = { [N in keyof wire.Operations]: wire.Operations[N]['input'] };

    expectTypeOf<Plain<Here>>().toEqualTypeOf<Plain<{ [N in Name]: Sent<N> }>>();
  });

  test('what is answered', () => {
    type Here = { [N in keyof wire.Operations]: wire.Operations[N]['output'] };

    expectTypeOf<Plain<Here>>().toEqualTypeOf<Plain<{ [N in Name]: contract.Output<N> }>>();
  });

  test('what is pushed', () => {
    type There = { [N in contract.PushName]: contract.Payload<N> };

    expectTypeOf<Plain<wire.Pushes>>().toEqualTypeOf<Plain<There>>();
    expectTypeOf<wire.LoggedPush>().toEqualTypeOf<contract.LoggedPush>();
  });

  test('why something is refused', () => {
    type Here = { code: wire.ErrorCode; ack: wire.Failure; body: wire.ErrorBody };
    type There = { code: ErrorCode; ack: contract.Failure; body: contract.ErrorBody };

    expectTypeOf<Plain<Here>>().toEqualTypeOf<Plain<There>>();
  });

  test('a difference is seen, be it one mark', () => {
    type Marked = Plain<{ a: { b?: string } }>;

    expectTypeOf<Marked>().toEqualTypeOf<{ a: { b?: string } }>();
    expectTypeOf<Marked>().not.toEqualTypeOf<{ a: { b: string } }>();
    expectTypeOf<Marked>().not.toEqualTypeOf<{ a: { b?: string; c?: string } }>();
    expectTypeOf<Marked>().not.toEqualTypeOf<{ a: { b?: string }; c: 1 }>();
  });
});

test('every push is in one of the two lists', () => {
  const isLogged = Object.fromEntries(Object.entries(pushes).map(([name, { logged }]) => [name, logged]));

  expect({
    ...Object.fromEntries(loggedPushes.map((name) => [name, true])),
    ...Object.fromEntries(otherPushes.map((name) => [name, false])),
  }).toEqual(isLogged);
  expect(loggedPushes.length + otherPushes.length).toBe(Object.keys(pushes).length);
});

test('a route is the first of its operation, with the fields of its query', () => {
  const first = rows.flatMap(([name, { rest }]) =>
    rest.slice(0, 1).map(({ method, path, query }): [string, string[]] => [name, [method, path, ...query]]),
  );
  const forClients = first.filter(([name]) => !/^operator:|^server:safety$/.test(name));

  expect(routes).toEqual(Object.fromEntries(forClients));
});
