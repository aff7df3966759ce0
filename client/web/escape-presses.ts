// Three presses of Escape leave the page.

const PRESSES = 3;
const WITHIN_MS = 2_000;

/** The presses that still count after one more at `at`, oldest first. */
export function pressed(before: readonly number[], at: number): readonly number[] {
  return [...before, at].filter((press) => at - press <= WITHIN_MS).slice(-PRESSES);
}

export function isLeaving(presses: readonly number[]): boolean {
  return presses.length === PRESSES;
}
