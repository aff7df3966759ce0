import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dot, forEmbedding, unit } from '../../../src/retrieval/embed.ts';

/** Most of a text that is embedded, in UTF-16 units. */
const MOST = 480;

describe('what of a text is embedded', () => {
  it('is all of a short one, in one line', () => {
    expect(forEmbedding('  my chest \n\n is\ttight\u00a0now ')).toBe('my chest is tight now');
  });

  it('is the same however its letters are written', () => {
    expect(forEmbedding('cafe\u0301 \uff4f\uff4b \ufb01ne')).toBe('caf\u00e9 ok fine');
  });

  it('is the beginning and the end of a long one', () => {
    const text = forEmbedding(`first ${'middle '.repeat(200)}last`);

    expect(text).toMatch(/^first middle .* … .* middle last$/);
    expect(text.length).toBeLessThanOrEqual(MOST);
    expect(text.length).toBeGreaterThan(MOST - 10);
  });

  it('is not cut where it just has room', () => {
    expect(forEmbedding('a'.repeat(MOST))).toBe('a'.repeat(MOST));
    expect(forEmbedding('a'.repeat(MOST + 1))).toContain(' … ');
  });

  it('is not looked for in the middle of a very long one', () => {
    const blanks = ' '.repeat(500_000);

    expect(forEmbedding(`first${blanks}middle${blanks}last`)).toBe('first last');
  });

  it('is found at both ends of a million characters that become more', () => {
    const text = forEmbedding(`first${'\ufdfa'.repeat(1_000_000)}last`);

    expect(text).toMatch(/^first.* … .*last$/);
    expect(text.length).toBeLessThanOrEqual(MOST);
  });

  it.each(['', ' ', '\n\r\t', '\u3000'])('is something even of %j', (text) => {
    expect(forEmbedding(text)).not.toBe('');
  });

  it('is well-formed where a pair of surrogates is cut in two', () => {
    for (const start of ['', 'a']) {
      const text = forEmbedding(`${start}${'🙂'.repeat(5_000)}`);

      expect(text.isWellFormed()).toBe(true);
      expect(text).toMatch(/^a?🙂.* … .*🙂$/u);
    }
  });

  it('is one bounded, well-formed line of any text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\ud83d', '\udc00', '\n', '  ', '\0', '\ufdfa', '🙂'),
    );
    const pieces = fc.array(piece, { maxLength: 40 });
    const text = fc.tuple(pieces, fc.nat(60)).map(([parts, times]) => parts.join('').repeat(times));
    fc.assert(
      fc.property(text, (said) => {
        const embedded = forEmbedding(said);

        expect(embedded.length).toBeGreaterThan(0);
        expect(embedded.length).toBeLessThanOrEqual(MOST);
        expect(embedded.isWellFormed()).toBe(true);
        expect(embedded).not.toMatch(/[^\S ]/);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a unit vector', () => {
  it('has the direction of the numbers and the length one', () => {
    expect([...unit([3, 0, -4])].map((value) => value.toFixed(6))).toEqual([
      '0.600000',
      '0.000000',
      '-0.800000',
    ]);
  });

  it.each([[[]], [[0, 0]], [[Number.NaN, 1]], [[Infinity, 1]], [[1e30, 1e30].map((value) => value * 1e9)]])(
    'is not made of %j',
    (numbers) => {
      expect(() => unit(numbers)).toThrow(RangeError);
    },
  );

  it('leaves what it is made of as it was', () => {
    const numbers = Float32Array.of(3, 4);

    unit(numbers);

    expect([...numbers]).toEqual([3, 4]);
  });

  it('has the length one of any numbers with a direction', () => {
    const number = fc.float({ min: -1_000, max: 1_000, noNaN: true });
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 64 }), (numbers) => {
        fc.pre(numbers.some((value) => Math.abs(value) > 0.001));
        const vector = unit(numbers);

        expect(dot(vector, vector)).toBeCloseTo(1, 4);
      }),
    );
  });
});

describe('the dot product', () => {
  it('of unit vectors is the cosine', () => {
    expect(dot(unit([1, 0]), unit([1, 1]))).toBeCloseTo(Math.SQRT1_2, 6);
    expect(dot(unit([1, 0]), unit([0, 2]))).toBe(0);
    expect(dot(unit([1, 2]), unit([-1, -2]))).toBeCloseTo(-1, 6);
  });

  it('of vectors of different lengths is of what both have', () => {
    expect(dot(Float32Array.of(1, 2, 3), Float32Array.of(4, 5))).toBe(14);
  });
});
