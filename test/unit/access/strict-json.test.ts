import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseStrictly } from '../../../src/access/strict-json.ts';

test('whatever JSON says, it is read as usual', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      // undefined stands for what is refused, and is no value of JSON
      expect(parseStrictly(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('a name that is twice in any object is refused, wherever that is', () => {
  const json = fc.jsonValue().map((value) => JSON.stringify(value));
  fc.assert(
    fc.property(fc.string(), json, json, json, (name, one, two, around) => {
      const key = JSON.stringify(name);
      const twice = `{${key}:${one}, ${key} :${two}}`;

      expect(parseStrictly(twice)).toBeUndefined();
      expect(parseStrictly(`[${around},{"a":[${twice}]}]`)).toBeUndefined();
    }),
  );
});

test.each(['', '{', 'undefined', "{'a':1}", '{"a":1}x', '\u0000'])('%j is no JSON', (text) => {
  expect(parseStrictly(text)).toBeUndefined();
});

test.each([
  '{"a":{"a":1}}',
  '[{"a":1},{"a":1}]',
  String.raw`{"a":"\"a\":","b":"\\"}`,
  '{"__proto__":1,"toString":2}',
])('%s has no name twice', (text) => {
  expect(parseStrictly(text)).toEqual(JSON.parse(text));
});
