import { describe, expect, test } from 'vitest';
import { disclosureDue, isMinorBand } from '../../../src/safety/disclosure.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const at = Date.UTC(2026, 0, 1);
const told = { disclosedAt: at, inputAt: at, isMinor: false };
const minor = { ...told, isMinor: true };

describe('a disclosure is due', () => {
  test.each([
    ['at the start', { disclosedAt: null, inputAt: null, isMinor: false }, at, 'start'],
    ['not at 2:59:59', told, at + 3 * HOUR_MS - 1_000, null],
    ['not a millisecond before three hours', told, at + 3 * HOUR_MS - 1, null],
    ['at 3:00:00', told, at + 3 * HOUR_MS, 'again'],
    ['for a minor not at 0:59:59', minor, at + HOUR_MS - 1_000, null],
    ['for a minor at 1:00:00, with a break', minor, at + HOUR_MS, 'minor'],
    ['after seven days away', told, at + 7 * DAY_MS, 'away'],
    ['after seven days away for a minor', minor, at + 7 * DAY_MS, 'away'],
    ['not when the clock went back', told, at - HOUR_MS, null],
  ] as const)('%s', (_, care, now, kind) => {
    expect(disclosureDue(care, false, now)).toBe(kind);
  });

  test('seven days after the last input, however often it was told before', () => {
    const care = { ...told, disclosedAt: at + DAY_MS, inputAt: at + DAY_MS };

    expect(disclosureDue(care, false, at + 7 * DAY_MS)).toBe('again');
    expect(disclosureDue(care, false, at + 8 * DAY_MS)).toBe('away');
  });

  test('whenever somebody asks', () => {
    expect(disclosureDue(told, true, at + 1)).toBe('asked');
  });
});

test.each(['13-17', 'minor', 'Under 18', 'under_18', '<18', 'child', 'teen', '15', '0-12', 'youth'])(
  'the age band "%s" is of people under 18',
  (band) => {
    expect(isMinorBand(band)).toBe(true);
  },
);

test.each([null, '', 'adult', '18+', '18-24', '65', 'over 18', 'unknown', '30s', 'adult (not a minor)'])(
  'the age band "%s" is not',
  (band) => {
    expect(isMinorBand(band)).toBe(false);
  },
);
