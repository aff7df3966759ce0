import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createGuard } from '../../../src/safety/guard.ts';

test('releases text as it comes', () => {
  const guard = createGuard('normal');

  expect(guard.push('Take ')).toBe('Take ');
  expect(guard.push('a breath.')).toBe('a breath.');
  expect(guard.end()).toBe('');
});

test('holds the first half of a pair until the second comes', () => {
  const guard = createGuard('normal');

  expect(guard.push('good \ud83d')).toBe('good ');
  expect(guard.push('\ude00!')).toBe('😀!');
});

test('a half that stays alone becomes U+FFFD at the end', () => {
  const guard = createGuard('crisis');

  expect(guard.push('good \ud83d')).toBe('good ');
  expect(guard.end()).toBe('\ufffd');
  expect(guard.end()).toBe('');
});

test('a second half without a first becomes U+FFFD', () => {
  expect(createGuard('normal').push('\ude00!')).toBe('\ufffd!');
});

test('however a text is cut, the same text comes out, well-formed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.array(fc.nat(80)), (text, cuts) => {
      const guard = createGuard('normal');
      const places = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
      const released = places.slice(1).map((place, at) => guard.push(text.slice(places[at], place)));

      expect(released.every((piece) => piece.isWellFormed())).toBe(true);
      expect(released.join('') + guard.end()).toBe(text.toWellFormed());
    }),
  );
});
