import { expect, test } from 'vitest';
import { answering, timeText } from '../../../client/web/takeover.ts';

const human = { name: 'Ana', until: '2026-03-01T12:00:00.000Z' };
const NOON = Date.parse(human.until);

test('a person answers until their time is over', () => {
  expect(answering(human, NOON - 1)).toEqual({ human, leftMs: 1 });
});

test('nobody answers from the end of that time on', () => {
  expect(answering(human, NOON)).toEqual({ human: null, leftMs: null });
});

test('nobody answers where nobody has taken over', () => {
  expect(answering(null, NOON)).toEqual({ human: null, leftMs: null });
});

test('nobody answers until a time that is none', () => {
  expect(answering({ ...human, until: 'soon' }, NOON)).toEqual({ human: null, leftMs: null });
});

test('never waits longer than a timer can', () => {
  expect(answering(human, NOON - 90 * 86_400_000).leftMs).toBe(2_147_483_647);
});

test('names the day where it is another one', () => {
  const day = new Intl.DateTimeFormat('en', { month: 'long' }).format(NOON);

  expect(timeText(human.until, 'en', NOON - 1)).not.toContain(day);
  expect(timeText(human.until, 'en', NOON - 3 * 86_400_000)).toContain(day);
});
