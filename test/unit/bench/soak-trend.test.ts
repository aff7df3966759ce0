import { describe, expect, test } from 'vitest';
import { trendOf } from '../../../bench/soak/trend.ts';
import type { Limit } from '../../../bench/soak/trend.ts';
import { randomFrom } from '../../support/random.ts';

const MIB = 1024 * 1024;
const limit: Limit = { once: MIB, each: 100, why: '' };

/** So many quiet moments with ten sessions between two, and a noise of up to 200 KB. */
function pointsOf(count: number, bytesOf: (sessions: number) => number, seed = 1) {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, n) => {
    const sessions = 10 * (n + 1);
    return { sessions, bytes: 100 * MIB + bytesOf(sessions) + random.between(0, 200_000) };
  });
}

describe('a figure is', () => {
  test.each([1, 2, 3, 4, 5, 6])('flat where there is nothing but noise (seed %i)', (seed) => {
    expect(
      trendOf(
        'heap',
        pointsOf(10, () => 0, seed),
        limit,
      ),
    ).toMatchObject({ isFlat: true });
  });

  test.each([1, 2, 3, 4, 5, 6])('not flat where each session leaves more than it may (seed %i)', (seed) => {
    const trend = trendOf(
      'heap',
      pointsOf(10, (sessions) => 40_000 * sessions, seed),
      limit,
    );

    expect(trend).toMatchObject({ isFlat: false });
    expect(trend.slope).toBeGreaterThan(30_000);
    expect(trend.low).toBeLessThanOrEqual(trend.slope);
    expect(trend.high).toBeGreaterThanOrEqual(trend.slope);
  });

  test('flat where one moment is far off', () => {
    const points = pointsOf(10, (sessions) => (sessions === 60 ? 80 * MIB : 0));

    expect(trendOf('heap', points, limit)).toMatchObject({ isFlat: true });
  });

  test('flat where it grows at the beginning only', () => {
    const points = pointsOf(30, (sessions) => Math.min(sessions * 40_000, MIB));

    expect(trendOf('heap', points, limit)).toMatchObject({ isFlat: true });
  });

  test('held to less for each session the longer the run is', () => {
    const [short, long] = [10, 400].map((count) =>
      trendOf(
        'heap',
        pointsOf(count, () => 0),
        limit,
      ),
    );

    expect(short?.finds).toBeGreaterThan(10_000);
    expect(long?.finds).toBeLessThan(1_000);
    const small = trendOf(
      'heap',
      pointsOf(400, (sessions) => 1_000 * sessions),
      limit,
    );
    expect(small).toMatchObject({ isFlat: false });
  });

  test('judged by its largest value where it has a bound', () => {
    const bound: Limit = { once: 101 * MIB, each: 0, isBound: true, why: '' };
    const within = trendOf(
      'WAL',
      pointsOf(10, () => 0),
      bound,
    );
    const beyond = trendOf(
      'WAL',
      pointsOf(10, (sessions) => (sessions === 50 ? 2 * MIB : 0)),
      bound,
    );

    expect(within).toMatchObject({ isFlat: true });
    expect(beyond).toMatchObject({ isFlat: false });
  });
});
