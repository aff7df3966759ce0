// Plain words take a shorter way to the same tokens; a sign of punctuation behind them makes them take the long one.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainWord, tokensOf, visible } from '../../../src/safety/tongue-words.ts';

const LAST = 0x6ff;
const letters = Array.from({ length: LAST + 1 }, (_, code) => String.fromCodePoint(code));
const texts = fc.oneof(
  fc.string({ unit: fc.constantFrom(...letters), maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...'abcz019 éßñüйїёяاهي'.split('')), maxLength: 12 }),
);

test('a letter is seen as it is in any text', () => {
  const other = letters.filter((letter) => visible(`${letter}!`) !== `${visible(letter)}!`);

  expect(other).toEqual([]);
});

test('a text is seen as it is with an end of sentence', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(visible(`${text}!`)).toBe(`${visible(text)}!`);
      expect(tokensOf(visible(`${text}!`))).toEqual(tokensOf(visible(text)));
    }),
    { numRuns: 2_000 },
  );
});

test('a word is as plain as it is before a sign of another script', () => {
  const sign = '\u0915';
  const words = texts.map((text) => `${text.replace(/[^\p{L}\p{N}]/gu, '')}\u00e9`);
  fc.assert(
    fc.property(words, (word) => {
      expect(plainWord(word + sign)).toBe(plainWord(word) + sign);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ['plain', 'ab cd йї'],
  ['other', 'Ab Cd ÉÜ'],
])('of a %s text no more is seen than is asked for', (_kind, text) => {
  expect(visible(text, 4)).toBe(visible(text).slice(0, 4));
  expect(visible(text, -4)).toBe(visible(text).slice(-4));
});
