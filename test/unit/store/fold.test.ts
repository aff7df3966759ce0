import { expect, it } from 'vitest';
import type { TurnEntry } from '../../../src/store/store.ts';
import { endText, fold, freshWords } from '../../../src/store/fold.ts';

const word = (at: number, text: string): TurnEntry => ({
  event: 'therapist:token',
  data: { turn_id: 't', at, text },
});
const back = (text: string): TurnEntry => ({
  event: 'therapist:reset',
  data: { turn_id: 't', at: text.length, text, cause: 'model' },
});

it('adds words and replaces them by the text of a reset', () => {
  expect([word(0, 'a'), word(1, 'b'), back('a'), word(1, 'c')].reduce(fold, '')).toBe('ac');
});

it('takes all of a call that goes on', () => {
  const call = [word(1, 'b'), word(2, 'c')];

  expect(freshWords('a', call, [word(0, 'a')])).toEqual(call);
});

it('takes nothing of a repeat', () => {
  const call = [back(''), word(0, 'a'), back(''), word(0, 'b')];

  expect(freshWords('b', call, call)).toEqual([]);
});

it('takes the rest of a repeat that goes further', () => {
  expect(freshWords('ab', [word(0, 'a'), word(1, 'b'), word(2, 'c')], [word(1, 'b')])).toEqual([
    word(2, 'c'),
  ]);
});

it('takes words again that a reset in the same call took back', () => {
  const call = [back(''), word(0, 'a')];

  expect(freshWords('a', call, [])).toEqual(call);
});

it.each([
  ['behind the end', word(2, 'c')],
  ['that differ', word(0, 'x')],
  ['that reach over the end', word(0, 'ab')],
])('refuses words %s', (_, entry) => {
  expect(() => freshWords('a', [entry], [])).toThrow(/do not fit/);
});

it('counts places in UTF-16 units', () => {
  expect(freshWords('\u{1F9D8}', [word(2, '!')], [])).toHaveLength(1);
});

it('refuses to read the text of an entry that ends no turn', () => {
  expect(() => endText({ seq: 1, event: 'disclosure', data: { text: 'x', prominence: 'once' } })).toThrow(
    /ends no turn/,
  );
});
