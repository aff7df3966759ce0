// What no schema has to look at: payloads that are too deep, too wide, too large, or not JSON at all.
import { describe, expect, test } from 'vitest';
import { findExcess } from '../../../src/chat/shape.ts';

/** `levels` arrays in one another. */
function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

const object = (members: number) =>
  Object.fromEntries(Array.from({ length: members }, (_, i) => [`key${i}`, i]));

/** 100 arrays of so many numbers: that and 101 values more. */
const table = (columns: number) => Array.from({ length: 100 }, () => Array<number>(columns).fill(0));

describe('is taken:', () => {
  const fine: [what: string, payload: unknown][] = [
    ['nothing', undefined],
    ['a text', 'hello'],
    ['null', null],
    [
      'what a client sends',
      { session_id: 's', user_input: 'hé 😊', metadata: { tags: ['a', 1, true, null] } },
    ],
    ['eight levels', nested(8)],
    ['256 members of an object', object(256)],
    ['256 members of an array', Array<number>(256).fill(0)],
    ['just under 10,000 values', table(98)],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
  ];
  test.each(fine)('%s', (_, payload) => {
    expect(findExcess(payload)).toBeUndefined();
  });
});

describe('is refused, and the place named:', () => {
  const bad: [what: string, payload: unknown, loc: (string | number)[], type: string][] = [
    ['nine levels', { a: nested(8) }, ['a', 0, 0, 0, 0, 0, 0, 0], 'too_deep'],
    ['257 members of an object', { metadata: object(257) }, ['metadata'], 'too_wide'],
    ['257 members of an array', [Array<number>(257).fill(0)], [0], 'too_wide'],
    ['half a surrogate pair', { list: ['fine', '\ud83d'] }, ['list', 1], 'string_unicode'],
    ['a key that is half a pair', { a: { '\ud83d': 1 } }, ['a', '\ud83d'], 'string_unicode'],
    ['a binary attachment', { a: Buffer.from('x') }, ['a'], 'json_type'],
    ['a date', { at: new Date(0) }, ['at'], 'json_type'],
    ['NaN', { a: [Number.NaN] }, ['a', 0], 'json_type'],
    ['infinity', { a: Number.POSITIVE_INFINITY }, ['a'], 'json_type'],
    ['undefined inside', { a: undefined }, ['a'], 'json_type'],
    ['a function inside', { a: () => 1 }, ['a'], 'json_type'],
    ['a big integer inside', { a: 1n }, ['a'], 'json_type'],
  ];
  test.each(bad)('%s', (_, payload, loc, type) => {
    expect(findExcess(payload)).toMatchObject({ loc, type });
  });

  test('more than 10,000 values', () => {
    expect(findExcess(table(100))).toMatchObject({ type: 'too_large' });
  });

  test('a nesting as deep as a message is long, without an overflow', () => {
    expect(findExcess(nested(500_000))).toMatchObject({ type: 'too_deep' });
  });
});

test('a place never has more than the beginning of a long key', () => {
  const [key] = findExcess({ ['k'.repeat(5_000)]: Number.NaN })?.loc ?? [];

  expect(key).toBe('k'.repeat(100));
});
