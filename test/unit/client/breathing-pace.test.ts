import { expect, test } from 'vitest';
import { IN_MS, OUT_MS, phaseAt } from '../../../client/web/breathing-pace.ts';

test('breathes in for four seconds and out for six', () => {
  expect([IN_MS, OUT_MS]).toEqual([4_000, 6_000]);
});

test.each([
  [0, { phase: 'in', half: 0, goneMs: 0, leftMs: 4_000 }],
  [3_999, { phase: 'in', half: 0, goneMs: 3_999, leftMs: 1 }],
  [4_000, { phase: 'out', half: 1, goneMs: 0, leftMs: 6_000 }],
  [9_999, { phase: 'out', half: 1, goneMs: 5_999, leftMs: 1 }],
  [10_000, { phase: 'in', half: 2, goneMs: 0, leftMs: 4_000 }],
  [3_600_004_500, { phase: 'out', half: 720_001, goneMs: 500, leftMs: 5_500 }],
] as const)('knows the half breath at %i ms', (elapsedMs, breath) => {
  expect(phaseAt(elapsedMs)).toEqual(breath);
});

test('begins with the first breath where a clock runs backwards', () => {
  expect(phaseAt(-1)).toEqual(phaseAt(0));
});

test('always leaves time until the next half breath', () => {
  for (let at = 0; at < 25_000; at += 0.7) expect(phaseAt(at).leftMs).toBeGreaterThan(0);
});
