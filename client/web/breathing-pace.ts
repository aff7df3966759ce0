// The pace of the breathing circle. One clock drives the words and the circle, so that they agree.

export const IN_MS = 4_000;
export const OUT_MS = 6_000;
const CYCLE_MS = IN_MS + OUT_MS;

export interface Breath {
  phase: 'in' | 'out';
  /** Counts half breaths from 0; the same number is the same half breath. */
  half: number;
  /** How much of it is over, and how much is to come. */
  goneMs: number;
  leftMs: number;
}

/** The half breath that is on `elapsedMs` after the first one began. */
export function phaseAt(elapsedMs: number): Breath {
  const elapsed = Math.max(0, elapsedMs);
  const cycle = Math.floor(elapsed / CYCLE_MS);
  const into = elapsed - cycle * CYCLE_MS;
  return into < IN_MS
    ? { phase: 'in', half: cycle * 2, goneMs: into, leftMs: IN_MS - into }
    : { phase: 'out', half: cycle * 2 + 1, goneMs: into - IN_MS, leftMs: CYCLE_MS - into };
}
