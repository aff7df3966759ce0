import { expect, it } from 'vitest';
import { maxReplyBytes, ReplyLimits } from '../../../src/model/reply-limits.ts';

function take(texts: readonly string[], prefix = ''): ReplyLimits {
  const limits = new ReplyLimits(prefix);
  for (const text of texts) limits.take(text);
  return limits;
}

it('takes 200 blanks in a row', () => {
  expect(() => take(['a', ' \n'.repeat(50), ' '.repeat(100), 'b', ' '.repeat(200)])).not.toThrow();
});

it.each([
  ['in one piece', [`a${' '.repeat(201)}b`]],
  ['in many pieces', ['a', ...Array.from({ length: 201 }, () => '\n')]],
  ['at the end of one piece and the beginning of the next', [`a${' '.repeat(150)}`, `${' '.repeat(51)}b`]],
])('refuses more than 200 blanks in a row %s', (_title, texts) => {
  expect(() => take(texts)).toThrow('blanks');
});

/** What is taken of the texts, piece by piece, and whether that is all the reply may hold. */
function taken(texts: readonly string[], prefix = ''): { texts: string[]; isOver: boolean } {
  const limits = new ReplyLimits(prefix);
  return { texts: texts.map((text) => limits.take(text)), isOver: limits.isOver };
}

const most = maxReplyBytes;

it('takes a reply as long as the limit whole', () => {
  expect(taken(['x'.repeat(most)])).toEqual({ texts: ['x'.repeat(most)], isOver: false });
});

it.each([
  ['in the next piece', ['x'.repeat(most), 'y'], ['x'.repeat(most), '']],
  ['in one piece', ['x'.repeat(most - 1), 'yz'], ['x'.repeat(most - 1), 'y']],
  ['in one great piece', ['x'.repeat(10 * most)], ['x'.repeat(most)]],
])('takes no more than the limit %s', (_title, texts, expected) => {
  expect(taken(texts)).toEqual({ texts: expected, isOver: true });
});

it('counts bytes, and those of the prefix too', () => {
  expect(taken(['é'.repeat(most / 2 + 1)]).texts).toEqual(['é'.repeat(most / 2)]);
  expect(taken(['xy'], 'x'.repeat(most - 1)).texts).toEqual(['x']);
  expect(taken(['x'], 'x'.repeat(most + 7))).toEqual({ texts: [''], isOver: true });
});

it.each([0, 1, 2, 3, 4, 5, 6, 7])('leaves out no half of a character: %i bytes of room', (room) => {
  const before = 'x'.repeat(most - room);
  for (const text of ['aé😀é', '😀😀', '€😀']) {
    const whole = taken([before, text]).texts.join('');
    const halves = taken([before, ...text.split('')]).texts.join('');

    expect([whole.isWellFormed(), halves.isWellFormed()]).toEqual([true, true]);
    expect(`${before}${text}`.startsWith(whole)).toBe(true);
  }
});

it('ends a full reply as one that was said', () => {
  const { isOver } = taken(['x'], 'x'.repeat(most));

  expect(isOver).toBe(true);
  expect(() => take(['x'], 'x'.repeat(most)).end('stop')).not.toThrow();
});

it('takes an end only when something was said', () => {
  expect(() => take([]).end('stop')).toThrow('empty');
  expect(() => take(['a']).end('stop')).not.toThrow();
  expect(() => take([], 'a').end('stop')).not.toThrow();
  expect(() => take(['a']).end(undefined)).not.toThrow();
});
