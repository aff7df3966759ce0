// When a person is told, or told again, that this is an AI. [US-30]
import type { Care } from './care.ts';

export type DisclosureKind = 'start' | 'again' | 'minor' | 'away' | 'asked';

const HOUR_MS = 3_600_000;
/** NY GBL 1702, UT 13-72a-203, WA HB 2225 (SAFETY.md 1.12). */
const EVERY_MS = 3 * HOUR_MS;
const EVERY_FOR_A_MINOR_MS = HOUR_MS;
const AWAY_MS = 7 * 24 * HOUR_MS;

/**
 * Which disclosure goes before the reply to an input, if any. Time counts from the last one, through reconnects and restarts; a clock that
 * jumps back only delays it.
 */
export function disclosureDue(
  { disclosedAt, inputAt, isMinor }: Pick<Care, 'disclosedAt' | 'inputAt' | 'isMinor'>,
  asksWhetherHuman: boolean,
  now: number,
): DisclosureKind | null {
  if (disclosedAt === null) return 'start';
  if (inputAt !== null && now - inputAt >= AWAY_MS) return 'away';
  if (now - disclosedAt >= (isMinor ? EVERY_FOR_A_MINOR_MS : EVERY_MS)) return isMinor ? 'minor' : 'again';
  return asksWhetherHuman ? 'asked' : null;
}

/** Whether an integrator's age band is one of people under 18: "13-17", "minor", "under_18", "15". */
export function isMinorBand(ageBand: string | null): boolean {
  if (ageBand === null) return false;
  const band = ageBand.toLowerCase();
  if (/\b(?:over|18 ?\+|adult)/.test(band)) return false;
  if (/minor|child|teen|kid|youth|under|<|below/.test(band)) return true;
  const first = /\d{1,3}/.exec(band)?.[0];
  return first !== undefined && Number(first) < 18 && !band.includes('+');
}
