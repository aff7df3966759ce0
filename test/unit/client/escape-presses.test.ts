import { expect, test } from 'vitest';
import { isLeaving, pressed } from '../../../client/web/escape-presses.ts';

function after(...times: readonly number[]): readonly number[] {
  return times.reduce<readonly number[]>(pressed, []);
}

test('leaves at the third press within two seconds', () => {
  expect(isLeaving(after(0, 900, 2_000))).toBe(true);
});

test('stays at two presses', () => {
  expect(isLeaving(after(0, 100))).toBe(false);
});

test('forgets a press after two seconds', () => {
  expect(isLeaving(after(0, 1_000, 2_001))).toBe(false);
});

test('counts the latest three presses, whatever came before', () => {
  expect(isLeaving(after(0, 1_500, 2_900, 3_300))).toBe(true);
});
