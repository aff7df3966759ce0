import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { digest, Envelope, sessionKey } from '../../../src/store/envelope.ts';

const values = new Envelope<unknown>();

it('opens what it sealed', () => {
  const value = { text: '\u0000\u2028\u{1F9D8}"\\', none: null, list: [1, { deep: true }] };

  expect(values.open(values.seal(value))).toEqual(value);
});

it('begins a sealed value with its format', () => {
  expect(values.seal({})).toBe('1{}');
});

it.each(['2{}', '', '{}'])('refuses the format of %j', (text) => {
  expect(() => values.open(text)).toThrow(/format/);
});

it.each(['1{"text":"canary', '1canary', '1{"text":canary}', '1', '1"canary\u0000'])(
  'says nothing of what a damaged record holds: %j',
  (text) => {
    const error = thrownBy(() => values.open(text));

    expect(error.message).toMatch(/damaged/);
    expect(error.cause).toBeUndefined();
    expect(`${error.stack} ${inspect(error, { depth: null, showHidden: true })}`).not.toContain('canary');
  },
);

it('makes digests of one length that tell lists apart', () => {
  const lists = [['a', 'b'], ['ab'], ['a,b'], ['a","b'], ['a', 'b', ''], [], ['']];

  const digests = lists.map((list) => digest(...list));

  expect(new Set(digests).size).toBe(lists.length);
  for (const text of digests) expect(text).toMatch(/^[\w-]{43}$/);
});

it('[S-7] gives one id another key in another tenant', () => {
  const key = sessionKey({ tenant: 'a', sessionId: 'x' });

  expect(sessionKey({ tenant: 'b', sessionId: 'x' })).not.toBe(key);
});

function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}
