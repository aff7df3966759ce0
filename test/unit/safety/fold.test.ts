// Texts made to be dear. The cost is counted in what is normalised, not in time.
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { fold } from '../../../src/safety/fold.ts';
import { screen } from '../../../src/safety/screen.ts';

const INPUT = 16_000;

function filled(piece: string): string {
  return piece.repeat(Math.ceil(INPUT / piece.length)).slice(0, INPUT);
}

const bombs = {
  'a word of eighteen letters': filled('\ufdfa'),
  'a word of eight letters': filled('\ufdfb'),
  'a squared word': filled('\u3316'),
  'a word in parentheses': filled('\u321d'),
  'a unit': filled('\u33af'),
  'a fraction': filled('\u2153'),
  'three dots': filled('\u2026'),
  'an abbreviation': filled('\u33c2'),
  'a number in parentheses': filled('\u247d'),
  'a letter with three marks': filled('\u1f82'),
  'one mark': `a${filled('\u0301').slice(1)}`,
  'marks out of order': `a${'\u0301'.repeat(8_000)}${'\u0316'.repeat(7_999)}`,
  'marks in turn': `a${filled('\u0301\u0316\u0327\u0345\u05b0\u064b\u3099').slice(1)}`,
  'halfwidth marks': `か${filled('\uff9e\u0316').slice(1)}`,
  'vowel signs': `a${filled('\u0f71\u0f72\u0f74').slice(1)}`,
  'mathematical letters': '\u{1d400}'.repeat(INPUT),
  'musical marks': '\u{1d165}\u{1d16d}'.repeat(INPUT / 2),
  Hangul: filled('\uac01'),
  'invisible characters': filled('\u200b'),
};
const rows = Object.entries(bombs);

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(rows)('an input of nothing but %s', (_title, text) => {
  test('gets no longer than four times', () => {
    expect(fold(text).length).toBeLessThanOrEqual(4 * INPUT);
  });

  test('has no marks left to be sorted when it is normalised', () => {
    const normalize = vi.spyOn(String.prototype, 'normalize');

    fold(text);

    const texts = normalize.mock.contexts.map(String);
    expect(texts.filter((normalised) => /\p{M}/u.test(normalised))).toEqual([]);
  });

  test('is read at its end only when it is an earlier input', () => {
    const normalize = vi.spyOn(String.prototype, 'normalize');

    screen({ text: 'fine', recent: [text, text], mode: 'normal' });

    const lengths = normalize.mock.contexts.map((context) => String(context).length);
    expect(Math.max(0, ...lengths)).toBeLessThanOrEqual(1_200);
  });

  test('hides nothing that stands behind it', () => {
    const level = screen({ text: `${text} I want to kill myself`, recent: [], mode: 'normal' }).level;

    expect(level).toBe('active');
  });
});

describe('a fold', () => {
  test('of the end is the end of the fold', () => {
    const piece = fc.constantFrom(
      'a',
      'É',
      ' ',
      '\n',
      '\u0301',
      '\u200b',
      '\u{1d400}',
      '🅺',
      '…',
      '½',
      '…',
      '\uff9e',
      'ﬃ',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 12 }), (text, last) => {
        expect(fold(text, last)).toBe(fold(text).slice(-last));
      }),
      { numRuns: 500 },
    );
  });

  test('is the same whether a letter is one character or has marks of its own', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(fold(text.normalize('NFD'))).toBe(fold(text.normalize('NFC')));
      }),
    );
  });

  test('takes a fraction for no amount', () => {
    const level = screen({ text: 'I took ½ a bottle of pills', recent: [], mode: 'normal' }).level;

    expect(level).toBe('medical');
  });
});
