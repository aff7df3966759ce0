// For how long a person answers instead of the guide.
import type { SessionInfo } from '../sdk/api.ts';

type Human = NonNullable<SessionInfo['human']>;

/** A longer timer would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The person who answers at `now`, and when to look again; null once their time is over. */
export function answering(
  human: Human | null,
  now: number,
): { human: Human; leftMs: number } | { human: null; leftMs: null } {
  if (human === null) return { human: null, leftMs: null };
  const leftMs = Date.parse(human.until) - now;
  if (!(leftMs > 0)) return { human: null, leftMs: null };
  return { human, leftMs: Math.min(leftMs, TIMER_MAX_MS) };
}

/** The time of day, with the day where it is another one. */
export function timeText(until: string, language: string, now: number): string {
  const at = new Date(until);
  const isToday = at.toDateString() === new Date(now).toDateString();
  const day = isToday ? {} : ({ day: 'numeric', month: 'long' } as const);
  return new Intl.DateTimeFormat(language, { ...day, hour: 'numeric', minute: '2-digit' }).format(at);
}
