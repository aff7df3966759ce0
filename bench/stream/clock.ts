/** A clock that all processes of one machine share: ms since it started. */
export function clock(): number {
  const [seconds, ns] = process.hrtime();
  return seconds * 1_000 + ns / 1e6;
}
