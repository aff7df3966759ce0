/** Retries from a second up to ten minutes apart (SAFETY.md US-41). */
const FIRST_RETRY_MS = 1_000;
const RETRY_MAX_MS = 600_000;
/** What nobody has taken for so long is given up. */
export const GIVE_UP_MS = 24 * 3_600_000;

/** The wait before try number `tries` + 1: doubled each time, half of it at random. */
export function retryAfterMs(tries: number, random: number): number {
  const whole = Math.min(RETRY_MAX_MS, FIRST_RETRY_MS * 2 ** Math.min(tries, 20));
  return Math.round(whole / 2 + (whole / 2) * random);
}
