// What a cost does when there is more of something: measured at several sizes, and judged by its exponent.
import { z } from 'zod';
import { load } from '../shared/machine.ts';
import { figure, median } from '../shared/report.ts';
import type { Part } from '../shared/report.ts';

const Point = z.object({
  /** How much there is. */
  size: z.number(),
  /** The cost, measured once or more. */
  values: z.array(z.number()),
});
export type Point = z.output<typeof Point>;

/** What a cost may do: stay as it is, or grow as fast as what there is. */
const Allowed = z.enum(['flat', 'linear']);
export type Allowed = z.output<typeof Allowed>;

export const Curve = z.object({
  /** Short and without blanks. */
  name: z.string(),
  title: z.string(),
  /** What there is more and more of. */
  by: z.string(),
  unit: z.string(),
  allowed: Allowed,
  /** The least size that is judged: below it a page is not full, or the cost is lost in what is there anyway. */
  from: z.number().optional(),
  points: z.array(Point),
});
export type Curve = z.output<typeof Curve>;

/** From one size to the next: the cost grows as the size to the power of `exponent`, give or take `noise`. */
export interface Slope {
  from: number;
  to: number;
  exponent: number;
  noise: number;
}

/** Up to these a cost is flat, or linear: what is left are caches that fill, and trees that get one level deeper. */
const FLAT = 0.1;
const LINEAR = 1.1;
/** From the median deviation to the standard error of a median. */
const DEVIATION_TO_ERROR = 1.4826 * 1.2533;
/** So many standard errors are doubt; more where a few values tell little of the error itself. */
const DOUBT = { few: 4, many: 2, from: 5 };

/** How far the median may be off, as a share of it. */
function errorOf(values: readonly number[]): number {
  const middle = median(values);
  const deviation = median(values.map((value) => Math.abs(value - middle)));
  const doubt = values.length < DOUBT.from ? DOUBT.few : DOUBT.many;
  return (doubt * DEVIATION_TO_ERROR * deviation) / Math.sqrt(values.length) / Math.abs(middle);
}

function slopeBetween(a: Point, b: Point): Slope {
  const decades = Math.log(b.size / a.size);
  const exponent = Math.log(median(b.values) / median(a.values)) / decades;
  const noise = Math.hypot(errorOf(a.values), errorOf(b.values)) / decades;
  return { from: a.size, to: b.size, exponent, noise };
}

/** Between neighbours, the smallest first. */
export function slopesOf(points: readonly Point[]): Slope[] {
  return points.slice(1).flatMap((point, at) => {
    const before = points[at];
    return before ? [slopeBetween(before, point)] : [];
  });
}

export type Verdict = Allowed | 'worse';

/** By what is certain of the steepest slope; undefined where fewer than two sizes are judged. */
export function verdictOf({ points, from = 0 }: Pick<Curve, 'points' | 'from'>): Verdict | undefined {
  const slopes = slopesOf(points.filter(({ size }) => size >= from));
  if (slopes.length === 0) return undefined;
  const steepest = Math.max(...slopes.map(({ exponent, noise }) => exponent - noise));
  if (steepest <= FLAT) return 'flat';
  return steepest <= LINEAR ? 'linear' : 'worse';
}

/** Whether a cost does no more than it may, as far as it was judged. */
export function isAllowed(curve: Curve): boolean {
  const verdict = verdictOf(curve);
  return verdict === undefined || verdict === 'flat' || verdict === curve.allowed;
}

/** What one more costs, by the last two sizes. */
function eachMore({ points, unit, by }: Curve): string {
  const [before, last] = points.slice(-2);
  if (!before || !last) return '';
  const each = (median(last.values) - median(before.values)) / (last.size - before.size);
  return `One more of ${by}: ${figure(each)} ${unit}.`;
}

const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;

/** A table of one column: a line for each size. */
export function partOf(curve: Curve): Part {
  const { name, title, by, unit, allowed, points } = curve;
  const verdict = verdictOf(curve);
  const goal = { text: allowed === 'flat' ? 'flat' : 'at most linear', isMet: isAllowed(curve) };
  const rows = points.map(({ size, values }, at) => ({
    what: `${size.toLocaleString('en')} ${by}`,
    unit,
    cells: [median(values)],
    ...(verdict !== undefined && at === points.length - 1 && { goal }),
  }));
  const slopes = slopesOf(points).map(
    ({ exponent, noise }) => `${signed(exponent)}${noise > 0 ? ` ±${noise.toFixed(2)}` : ''}`,
  );
  const { from = 0 } = curve;
  const judged = from === 0 ? '' : ` from ${from.toLocaleString('en')} on`;
  const notes = [`Exponents: ${slopes.join(', ')}; ${verdict ?? 'not judged'}${judged}.`];
  if (allowed === 'linear') notes.push(eachMore(curve));
  return { name, title, systems: ['median'], rows, notes, load: load() };
}
