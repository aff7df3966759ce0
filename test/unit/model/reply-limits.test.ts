import { expect, it } from 'vitest';
import { ReplyLimits } from '../../../src/model/reply-limits.ts';

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

it('takes a reply of 64 KiB, and none that is longer', () => {
  expect(() => take(['x'.repeat(65_536)])).not.toThrow();
  expect(() => take(['x'.repeat(65_536), 'x'])).toThrow('65536 bytes');
});

it('counts bytes, and those of the prefix too', () => {
  expect(() => take(['é'.repeat(32_769)])).toThrow('65536 bytes');
  expect(() => take(['x'], 'x'.repeat(65_536))).toThrow('65536 bytes');
});

it('takes an end only when something was said', () => {
  expect(() => take([]).end('stop')).toThrow('empty');
  expect(() => take(['a']).end('stop')).not.toThrow();
  expect(() => take([], 'a').end('stop')).not.toThrow();
  expect(() => take(['a']).end(undefined)).not.toThrow();
});
