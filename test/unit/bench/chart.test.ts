import { expect, it } from 'vitest';
import { partOf, slopesOf, verdictOf } from '../../../bench/growth/curve.ts';
import type { Curve } from '../../../bench/growth/curve.ts';
import { svgOf } from '../../../bench/shared/chart.ts';

const sizes = [10, 100, 1_000];
const measured = (cost: (size: number) => number) => ({
  points: sizes.map((size) => ({ size, values: [cost(size)] })),
});

const curve: Curve = {
  name: 'lookup',
  title: 'Looking up a session',
  by: 'sessions stored',
  unit: 'µs',
  allowed: 'flat',
  points: measured((size) => 3 * size).points,
};

const chart = {
  title: 'Cost <of> one & more',
  description: 'Two lines',
  x: 'sessions stored',
  y: 'µs of CPU',
  lines: [
    { name: 'flat', points: [10, 100, 1_000].map((x) => ({ x, y: 20 })) },
    { name: 'steep', points: [10, 100, 1_000].map((x) => ({ x, y: x / 50 })) },
  ],
};

it.each([
  ['flat', 'flat', () => 7],
  ['falling', 'flat', (size: number) => 100 / size],
  ['a tree that gets deeper', 'flat', (size: number) => 20 + Math.log10(size)],
  ['linear', 'linear', (size: number) => 5 * size],
  ['the root', 'linear', (size: number) => Math.sqrt(size)],
  ['the square', 'worse', (size: number) => size * size],
  ['linear at last', 'linear', (size: number) => 1_000 + size],
])('judges what is %s as %s', (_, verdict, cost) => {
  expect(verdictOf(measured(cost))).toBe(verdict);
});

it('tells exponents between neighbours', () => {
  const slopes = slopesOf(measured((size) => size ** 1.5).points);

  expect(slopes.map(({ from, to }) => [from, to])).toEqual([
    [10, 100],
    [100, 1_000],
  ]);
  for (const { exponent } of slopes) expect(exponent).toBeCloseTo(1.5);
});

it('judges only what is certain of a growth', () => {
  const points = (spread: number) => [
    { size: 10, values: [10 - spread, 10, 10 + spread] },
    { size: 100, values: [20 - spread, 20, 20 + spread] },
  ];

  expect(verdictOf({ points: points(0.1) })).toBe('linear');
  expect(verdictOf({ points: points(6) })).toBe('flat');
});

it('judges no size below the least', () => {
  const { points } = measured((size) => (size === 10 ? 1 : 50));

  expect(verdictOf({ points })).toBe('worse');
  expect(verdictOf({ points, from: 100 })).toBe('flat');
  expect(verdictOf({ points, from: 1_000 })).toBeUndefined();
});

it('tells a curve as a table with a line for each size', () => {
  const { rows, notes } = partOf(curve);

  expect(rows.map(({ what, cells }) => [what, ...cells])).toEqual([
    ['10 sessions stored', 30],
    ['100 sessions stored', 300],
    ['1,000 sessions stored', 3_000],
  ]);
  expect(rows.map(({ goal }) => goal?.isMet)).toEqual([undefined, undefined, false]);
  expect(notes).toEqual(['Exponents: +1.00, +1.00; linear.']);
});

it('says what one more costs where a cost may grow', () => {
  const { rows, notes } = partOf({ ...curve, allowed: 'linear' });

  expect(rows.at(-1)?.goal).toEqual({ text: 'at most linear', isMet: true });
  expect(notes).toContain('One more of sessions stored: 3 µs.');
});

it('draws every line with its name and its last value', () => {
  const svg = svgOf(chart);

  expect(svg).toMatch(/>flat: 20</);
  expect(svg).toMatch(/>steep: 20</);
  expect(svg.match(/<path class="l /g)).toHaveLength(2);
  expect(svg.match(/<circle class="f0" [^>]*r="3"/g)).toHaveLength(3);
});

it('says in words what it shows, and follows who likes it dark', () => {
  const svg = svgOf(chart);

  expect(svg).toContain('<title id="title">Cost &lt;of&gt; one &amp; more</title>');
  expect(svg).toContain('<desc id="desc">Two lines</desc>');
  expect(svg).toContain('aria-labelledby="title desc"');
  expect(svg).toContain('prefers-color-scheme:dark');
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
});

it('lays what is flat on a level line, and what is ten times as much a step further', () => {
  const [flat = '', steep = ''] = [...svgOf(chart).matchAll(/class="l [^>]*d="M([^"]+)"/g)].map(
    ([, d = '']) => d,
  );
  const places = (d: string) => d.split('L').map((place) => place.split(' ').map(Number));
  const steps = (axis: number) => {
    const at = places(steep).map((place) => place[axis] ?? NaN);
    return at.slice(1).map((value, n) => Math.round(value - (at[n] ?? NaN)));
  };

  expect(new Set(places(flat).map(([, y]) => y)).size).toBe(1);
  expect(steps(0)).toEqual([220, 220]);
  expect(new Set(steps(1)).size).toBe(1);
});

it('lays no two names on one another', () => {
  const ys = [...svgOf(chart).matchAll(/<circle class="f\d" cx="\d+" cy="([\d.]+)" r="4"/g)].map(([, y]) =>
    Number(y),
  );

  expect(ys).toHaveLength(2);
  expect(Math.abs((ys[0] ?? 0) - (ys[1] ?? 0))).toBeGreaterThanOrEqual(16);
});
