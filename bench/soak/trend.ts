// Whether a figure grows: the slope that most pairs of quiet moments agree on, and how far it may be wrong.
import { median } from '../shared/report.ts';

/** What a figure may grow by. */
export interface Limit {
  /** Once, over the whole run: what is compiled late, caches that fill up, memory that is not given back to the system. */
  once: number;
  /** For each session that was made and deleted. */
  each: number;
  /** Bounded by itself: it is the largest value that counts, and `once` is the bound. */
  isBound?: boolean;
  /** In place of bytes. */
  isCount?: boolean;
  why: string;
}

export interface Point {
  /** Sessions so far. */
  sessions: number;
  bytes: number;
}

export interface Trend {
  what: string;
  first: number;
  last: number;
  most: number;
  /** Bytes for each session, and what it is at least and at most, each with 99 of 100 chances. */
  slope: number;
  low: number;
  high: number;
  /** For each session: a leak that is larger would have been found. */
  finds: number;
  allowed: number;
  isFlat: boolean;
  isBound: boolean;
  isCount: boolean;
  why: string;
}

/** Of a normal distribution, above which one of 100 lies. */
const ONE_IN_100 = 2.326;

/** Slopes between all pairs; single values that are far off change little. (Theil and Sen) */
function slopesOf(points: readonly Point[]): number[] {
  return points
    .flatMap((a, i) =>
      points.slice(i + 1).flatMap((b) => {
        const sessions = b.sessions - a.sessions;
        return sessions > 0 ? [(b.bytes - a.bytes) / sessions] : [];
      }),
    )
    .toSorted((a, b) => a - b);
}

/** How many of the slopes, counted from the middle, are within chance. (Kendall) */
const spreadOf = (count: number): number =>
  ONE_IN_100 * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18);

/** Not flat: it certainly grew by more than it may. */
export function trendOf(what: string, points: readonly Point[], limit: Limit): Trend {
  const slopes = slopesOf(points);
  const spread = spreadOf(points.length);
  const at = (place: number) => slopes[Math.min(slopes.length - 1, Math.max(0, place))] ?? Number.NaN;
  const [first, last] = [points[0]?.bytes ?? Number.NaN, points.at(-1)?.bytes ?? Number.NaN];
  const most = Math.max(...points.map(({ bytes }) => bytes));
  const sessions = (points.at(-1)?.sessions ?? 0) - (points[0]?.sessions ?? 0);
  const slope = median(slopes);
  const low = at(Math.floor((slopes.length - spread) / 2));
  const high = at(Math.ceil((slopes.length + spread) / 2));
  const allowed = limit.isBound ? limit.once : limit.once / sessions + limit.each;
  const isFlat = limit.isBound ? most <= limit.once : low <= allowed;
  const finds = allowed + high - low;
  const { isBound = false, isCount = false, why } = limit;
  return { what, first, last, most, slope, low, high, finds, allowed, isFlat, isBound, isCount, why };
}
