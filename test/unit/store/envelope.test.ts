import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { digest, Envelope, sessionKey } from '../../../src/store/envelope.ts';
import { plain } from '../../../src/store/vault.ts';
import { vaultOf } from '../../support/store-folder.ts';

const values = new Envelope<unknown>('record');

it('opens what it sealed', () => {
  const value = { text: '\u0000\u2028\u{1F9D8}"\\', none: null, list: [1, { deep: true }] };

  expect(values.open(values.seal(value, plain), plain)).toEqual(value);
});

it('begins a sealed value with its format', () => {
  expect(values.seal({}, plain)).toBe('1{}');
});

it.each(['2{}', '', '{}'])('refuses the format of %j', (text) => {
  expect(() => values.open(text, plain)).toThrow(/format/);
});

it.each(['1{"text":"canary', '1canary', '1{"text":canary}', '1', '1"canary\u0000'])(
  'says nothing of what a damaged record holds: %j',
  (text) => {
    const error = thrownBy(() => values.open(text, plain));

    expect(error.message).toMatch(/damaged/);
    expect(error.cause).toBeUndefined();
    expect(`${error.stack} ${inspect(error, { depth: null, showHidden: true })}`).not.toContain('canary');
  },
);

it('opens a record only where it was sealed', () => {
  const vault = vaultOf(1);
  const sealer = vault.sealer('session', vault.newKey('session'));
  const others = new Envelope<unknown>('other record');
  const sealed = values.seal('text', sealer, 7);

  expect(values.open(sealed, sealer, 7)).toBe('text');
  for (const where of [8, '', '7 ']) expect(() => values.open(sealed, sealer, where)).toThrow(/damaged/);
  expect(() => others.open(sealed, sealer, 7)).toThrow(/damaged/);
});

it('moves a plain record under a sealer as it is, damaged ones too', () => {
  const vault = vaultOf(1);
  const sealer = vault.sealer('session', vault.newKey('session'));
  const moved = values.move(values.seal({ a: 1 }, plain), sealer, 7);

  expect(values.open(moved, sealer, 7)).toEqual({ a: 1 });
  expect(() => values.open(values.move('1{', sealer), sealer)).toThrow(/no JSON/);
});

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
