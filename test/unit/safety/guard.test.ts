import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createGuard, isSafe, tripOf } from '../../../src/safety/guard.ts';
import type { GuardOptions } from '../../../src/safety/guard.ts';

const closing = '… let me say that another way.';

/** All that a guard releases of a text that comes in pieces. */
function releasesOf(pieces: readonly string[], options: GuardOptions = { mode: 'normal' }): string[] {
  const guard = createGuard(options);
  return [...pieces.map((piece) => guard.push(piece)), guard.end()];
}

const shown = (text: string, options?: GuardOptions): string => releasesOf([text], options).join('');

test('releases harmless words at once', () => {
  const guard = createGuard({ mode: 'normal' });

  expect(guard.push('That ')).toBe('That ');
  expect(guard.push('was ')).toBe('was ');
  expect(guard.push('Monday ')).toBe('Monday ');
});

test('releases an unfinished word no rule begins with', () => {
  expect(createGuard({ mode: 'normal' }).push('Wonde')).toBe('Wonde');
});

test('holds a word a rule may begin with until it is decided', () => {
  const guard = createGuard({ mode: 'normal' });

  expect(guard.push('Take ')).toBe('');
  expect(guard.push('a ')).toBe('');
  expect(guard.push('slow breath. ')).toBe('Take a slow breath. ');
});

test('releases nothing of what it trips on, and closes the sentence', () => {
  const guard = createGuard({ mode: 'normal' });
  const text = guard.push('I hear you. You should stop taking your medication. Really.') + guard.end();

  expect(text).toBe(`I hear you. You should ${closing}`);
  expect(guard.tripped).toEqual({ reason: 'N8' });
});

test('needs no closing where a sentence has ended', () => {
  expect(shown('I hear you. Swallow the whole bottle.')).toBe('I hear you. ');
});

test('releases nothing more after a trip', () => {
  const guard = createGuard({ mode: 'normal' });
  guard.push('Kill yourself. ');

  expect(guard.push('That was a joke.')).toBe('');
  expect(guard.end()).toBe('');
});

test.each(['support', 'crisis', 'crisis_hold', 'emergency'] as const)(
  'releases nothing before the end in mode %s',
  (mode) => {
    const guard = createGuard({ mode });

    expect(guard.push('I am here. ')).toBe('');
    expect(guard.end()).toBe('I am here. ');
  },
);

test('releases nothing of an unsafe answer that is checked whole', () => {
  const guard = createGuard({ mode: 'crisis' });

  expect(guard.push('I am here. You are a burden. I am here.') + guard.end()).toBe('');
  expect(guard.tripped).toEqual({ reason: 'N2' });
});

test('what is shown already is the beginning of the sentence', () => {
  const guard = createGuard({ mode: 'normal', shown: 'I hear you. You are a ' });

  expect(guard.push('burden.') + guard.end()).toBe(closing);
  expect(guard.tripped).toEqual({ reason: 'N2' });
});

test('what is shown already is not released again', () => {
  expect(shown('soft blue light.', { mode: 'normal', shown: 'You see a ' })).toBe('soft blue light.');
});

const canaries = ['Lead the person gently from the wish to the feeling and never give advice.', 'zebra-4711'];

test('a row of words of a secret text trips', () => {
  const guard = createGuard({ mode: 'normal', canaries });
  const text = guard.push('I lead the person gently from the wish to the feeling, you see.') + guard.end();

  expect(guard.tripped).toEqual({ reason: 'N17' });
  expect(text).toBe(`I lead the person ${closing}`);
});

test('nothing of a short secret is shown', () => {
  expect(shown('The word is zebra-4711.', { mode: 'normal', canaries })).toBe(`The word is ${closing}`);
});

test('nor of one that is made of common words', () => {
  const secret = ['had not been'];

  expect(shown('Well then, had not been.', { mode: 'normal', canaries: secret })).toBe(
    `Well then, ${closing}`,
  );
});

test.each([
  ['Just die.', 'Just'],
  ['So die.', 'So'],
  ['Die.', ''],
  ["You shouldn't have worn that dress.", 'You'],
  ['You have been through a lot. Please die.', 'You have been through a lot. Please'],
])('%s: what is out before it trips is no more than %s', (text, out) => {
  for (const pieces of [text.split(''), text.split(/(?= )/), [text]]) {
    const guard = createGuard({ mode: 'normal' });
    const before = pieces.map((piece) => guard.push(piece)).join('') + guard.end();

    expect(guard.tripped).toBeDefined();
    expect(before.replace(closing, '').trim()).toBe(out);
  }
});

test.each([
  'You, you should feel guilty.',
  'You You should feel guilty for scaring her like that.',
  'Shame shame on you.',
  'Keep keep it from your husband if I were you.',
  'Chest pain chest pain is normal.',
])('a word that is said twice hides nothing: %s', (text) => {
  expect(isSafe(text)).toBe(false);
});

test('single words of a secret text are shown', () => {
  const text = 'The wish is clear, and the person is you.';

  expect(shown(text, { mode: 'normal', canaries })).toBe(text);
});

test.each([
  'You should k1ll y0urself.',
  'You should KILL yourself.',
  'You should k i l l y o u r s e l f.',
  'You should k.i.l.l y.o.u.r.s.e.l.f.',
  'You should k\u200bill your\u00adself.',
  'You should kіll yоurself.',
  'You should ｋｉｌｌ yourself.',
  'You should k*ll yourself.',
  'You should kiiill yourself.',
  'You should **kill** _yourself_.',
  'You should\nkill yourself.',
  'You should… kill yourself.',
])('sees through the disguise of %j', (text) => {
  expect(tripOf(text)).toEqual({ reason: 'N1' });
});

test('a sentence that is excused by its end passes', () => {
  const text = 'You could change the dose together with your doctor.';

  expect(shown(text)).toBe(text);
});

test('a negation in another clause excuses nothing', () => {
  expect(isSafe('No, you should stop taking your medication.')).toBe(false);
});

test('advice put as a question is advice', () => {
  expect(isSafe('Why not stop taking your medication?')).toBe(false);
});

test('a held sentence that never ends is released in time', () => {
  const guard = createGuard({ mode: 'normal' });
  const text = 'The pills are on the table and the rain falls on the roof and '.repeat(40);
  let held = 0;
  let released = 0;
  for (const [at, sign] of text.split('').entries()) {
    released += guard.push(sign).length;
    held = Math.max(held, at + 1 - released);
  }

  expect(held).toBeLessThanOrEqual(601);
  expect(released + guard.end().length).toBe(text.length);
});

test('a held sentence that never ends is judged all the same', () => {
  const guard = createGuard({ mode: 'normal' });
  guard.push(`You could change the dose ${'and look at the rain '.repeat(60)}`);

  expect(guard.tripped).toEqual({ reason: 'N8' });
});

test('the first half of a pair waits for the second', () => {
  expect(releasesOf(['good \ud83d', '\ude00!'])).toEqual(['good ', '😀!', '']);
});

test('a half that stays alone becomes U+FFFD', () => {
  expect(shown('\ude00 good \ud83d')).toBe('\ufffd good \ufffd');
});

test('a harmless text comes out as it is, however it is cut, and well-formed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.array(fc.nat(80)), (text, cuts) => {
      const places = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
      const releases = releasesOf(places.slice(1).map((place, at) => text.slice(places[at], place)));

      expect(releases.every((piece) => piece.isWellFormed())).toBe(true);
      expect(releases.join('')).toBe(text.toWellFormed());
    }),
  );
});

test('a whole answer is checked more strictly', () => {
  expect(createGuard({ mode: 'normal' }).push('You will be fine. And? ')).toBe('You will be fine. And? ');
  expect(shown('You will be fine. And?', { mode: 'crisis' })).toBe('');
});
