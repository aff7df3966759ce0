// A refusal never keeps help from somebody, and costs less than what it refuses.
import { describe, expect, test, vi } from 'vitest';
import { orHelp, withHelp } from '../../../src/chat/help.ts';
import { USER_INPUT_MAX } from '../../../src/contract/model.ts';
import { AppError } from '../../../src/errors.ts';
import { stages } from '../../../src/safety/screen.ts';

const RISK = ' I am going to kill myself tonight. ';
const CALM = 'We walked by the river. ';
/** What a body may hold at most, about. */
const LONG = 240_000;

const calm = (length: number): string => CALM.repeat(Math.ceil(length / CALM.length)).slice(0, length);
const isHelped = (error: unknown): boolean => error instanceof AppError && error.safety !== undefined;
const helped = (user_input: unknown): boolean =>
  isHelped(orHelp({ user_input }, new AppError('RATE_LIMITED')));

describe('[P-1] words that are refused', () => {
  test.each([
    ['first', RISK + calm(LONG)],
    ['last', calm(LONG) + RISK],
    ['last, with lines after it', `${calm(LONG)}${RISK}${'\n'.repeat(50)}`],
  ])('get help where 240,000 of them say it %s', (_, words) => {
    expect(helped(words)).toBe(true);
  });

  test('cost no more the longer they are', () => {
    const fold = vi.spyOn(stages, 'fold');
    const looks = (length: number): number => {
      fold.mockClear();
      helped(calm(length));
      return fold.mock.calls.reduce((sum, [text]) => sum + text.length, 0);
    };

    const few = looks(2 * USER_INPUT_MAX);

    expect(few).toBeGreaterThan(0);
    expect(looks(LONG)).toBeLessThanOrEqual(few + 1);
  });

  test('are all looked at where they are an input, whatever it is written with', () => {
    const pieces = '\u{1F30A}'.repeat((USER_INPUT_MAX - RISK.length) / 2);
    const input = pieces + RISK + pieces;

    expect(Array.from(input)).toHaveLength(USER_INPUT_MAX);
    expect(helped(input)).toBe(true);
  });

  test('may be cut anywhere', () => {
    const cut = (before: number) => `${'x'.repeat(before)}${'\u{1F30A}'.repeat(LONG / 2)}${RISK}`;

    expect([cut(0), cut(1)].map(helped)).toEqual([true, true]);
  });

  test('get none where they show no risk, or are no words', () => {
    const words = [calm(100), calm(LONG), '', 5, null, [RISK], { toString: () => RISK }];

    expect(words.filter(helped)).toEqual([]);
    for (const payload of [null, 'I am going to kill myself tonight', { text: RISK }]) {
      expect(isHelped(orHelp(payload, new AppError('FORBIDDEN')))).toBe(false);
    }
  });
});

test('a refusal stays what it was beside the help', () => {
  const detail = [{ loc: ['body'], msg: 'must be short', type: 'too_long' }];
  const refusal = new AppError('RATE_LIMITED', { message: 'Wait', retryAfterMs: 1_234, detail });

  expect(withHelp(refusal, RISK, { locale: null, country: null })).toMatchObject({
    code: 'RATE_LIMITED',
    message: 'Wait',
    retryAfterMs: 1_234,
    detail,
    cause: refusal,
    safety: { level: 'plan', text: expect.any(String) },
  });
});

test('one that comes later has its help already', () => {
  const late = new AppError('TURN_IN_PROGRESS');

  expect(orHelp({ user_input: RISK }, late)).toBe(late);
});
