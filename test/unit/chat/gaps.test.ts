import { expect, test } from 'vitest';
import { gapsIn } from '../../../src/chat/gaps.ts';
import type { LogPage, LogRecord, TurnRecord } from '../../../src/store/store.ts';

const token = (seq: number, at: number, text: string, turn = 't'): LogRecord => ({
  seq,
  event: 'therapist:token',
  data: { turn_id: turn, at, text },
});
const reset = (seq: number): LogRecord => ({
  seq,
  event: 'therapist:reset',
  data: { turn_id: 't', at: 0, text: '', cause: 'begun_anew' },
});
const notice = (seq: number): LogRecord => ({
  seq,
  event: 'turn:cancelled',
  data: { turn_id: 't', text: '' },
});
/** Only its first entry is looked at. */
const liveFrom = (firstSeq: number) => ({ firstSeq }) as unknown as TurnRecord;
const page = (entries: LogRecord[], live: TurnRecord | null, more: Partial<LogPage> = {}): LogPage => ({
  entries,
  head: entries.at(-1)?.seq ?? 0,
  live,
  ...more,
});

test.each([
  ['words that join', [token(5, 0, 'I '), token(6, 2, 'am')], 4, null, 0],
  ['an emoji of two units', [token(5, 0, '🙂'), token(6, 2, '!')], 4, null, 0],
  ['the end of a turn whose words were dropped', [notice(9)], 4, null, 0],
  ['words that were dropped before the live turn', [notice(8), token(9, 0, 'I')], 4, liveFrom(9), 0],
  ['words behind a reset', [token(5, 0, 'I am'), reset(6), token(7, 0, 'We')], 4, liveFrom(4), 0],
  ['another turn', [token(5, 7, 'end'), token(6, 0, 'New', 'u')], 4, null, 0],
  ['a hole in the live turn', [token(5, 0, 'I '), token(7, 5, 'here')], 4, liveFrom(4), 1],
  ['a hole before the first entry', [token(7, 5, 'here')], 5, liveFrom(4), 1],
  ['words twice', [token(5, 0, 'I am'), token(6, 2, 'am')], 4, null, 1],
  ['words that are missing though no number is', [token(5, 0, 'I'), token(6, 3, 'am')], 4, null, 1],
  ['a number twice', [token(5, 0, 'I '), token(5, 2, 'am')], 4, null, 1],
  ['a hole before words of an ended turn', [token(9, 40, 'end'), notice(10)], 4, null, 1],
  ['a hole behind words of an ended turn', [token(5, 0, 'I '), notice(9)], 4, null, 1],
])('finds %s', (_what, entries, after, live, gaps) => {
  expect(gapsIn(page(entries, live), after)).toBe(gaps);
});

test('words join those that were read before', () => {
  const last = token(4, 0, 'I am');

  expect(gapsIn(page([token(5, 4, ' here')], null), 4, last)).toBe(0);
  expect(gapsIn(page([token(5, 2, 'am')], null), 4, last)).toBe(1);
  expect(gapsIn(page([token(6, 9, 'later')], null), 5, last)).toBe(0);
  // dropped meanwhile
  expect(gapsIn(page([notice(9)], null), 4, last)).toBe(0);
});

test('an end that nothing leads to is a gap', () => {
  expect(gapsIn(page([], null, { head: 9 }), 4)).toBe(1);
  expect(gapsIn(page([], null, { head: 4 }), 4)).toBe(0);
});

test('what only another version knows is there', () => {
  const words = [token(5, 0, 'I '), token(7, 2, 'am')];

  expect(gapsIn(page(words, liveFrom(4), { unknown: [6] }), 4)).toBe(0);
  expect(gapsIn(page([token(7, 2, 'am')], liveFrom(4), { unknown: [5, 6] }), 4)).toBe(0);
  expect(gapsIn(page([token(8, 2, 'am')], liveFrom(4), { unknown: [5, 6] }), 4)).toBe(1);
});
