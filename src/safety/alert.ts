// When a person is called, how urgently, and what is told: never the words of the session. [US-40]
import type { SafetyLevel, SafetyMode, Urgency } from '../contract/types.ts';
import { placeOf } from './resources.ts';

/** SAFETY.md 1.2, the column on escalation; a passive wish only when it comes again. */
const urgencies: Readonly<Record<SafetyLevel, Urgency | null>> = {
  none: null,
  passive: null,
  past_attempt: 'notice',
  active: 'urgent',
  plan: 'immediate',
  other_harm: 'urgent',
  abuse: 'urgent',
  acute: 'urgent',
  medical: 'immediate',
};
/** Two of the last five inputs. */
const PASSIVE_AGAIN = 2;
/** What tells that it is happening, or is about to, or that the means are there. */
const AT_HAND =
  /\b(?:right now|now|tonight|today|tomorrow|at the door|outside|locked|knife|gun|weapon|choking|strangling|loaded)\b/;

/** `lately`: the levels of the last five inputs, this one included; `plain`: this one, folded. */
export function urgencyOf(
  level: SafetyLevel,
  { lately, isMinor }: { lately: readonly SafetyLevel[]; isMinor: boolean },
  plain: string,
): Urgency | null {
  if (level === 'passive') {
    return lately.filter((one) => one === 'passive').length >= PASSIVE_AGAIN ? 'notice' : null;
  }
  const mayBeNow = level === 'abuse' || level === 'other_harm';
  if (mayBeNow && ((level === 'abuse' && isMinor) || AT_HAND.test(plain))) return 'immediate';
  return urgencies[level];
}

export interface AlertFacts {
  alertId: string;
  at: string;
  /** The name of the session in the audit: it tells nothing about it. */
  ref: string;
  level: SafetyLevel;
  mode: SafetyMode;
  urgency: Urgency;
  codes: readonly string[];
  locale: string | null;
  country: string | null;
  language: string | null;
  isMinor: boolean;
  detector: { version: string; hash: string };
  guard: { version: string; hash: string };
  model: string;
}

export const requiresAck = (urgency: Urgency): boolean => urgency !== 'notice';

/** The language and region of a locale, which may be any text of a client; null of one that names no language. */
export function localeTag(locale: string | null): string | null {
  const tag = /^([a-z]{2,3})(?:[-_][a-z]{4})?(?:[-_]([a-z]{2}|\d{3}))?(?![a-z\d])/i.exec(locale ?? '');
  if (!tag?.[1]) return null;
  const [, language, region] = tag;
  return region ? `${language.toLowerCase()}-${region.toUpperCase()}` : language.toLowerCase();
}

/** The same of a country. */
function countryTag(country: string | null): string | null {
  const known = placeOf({ locale: null, country })?.code;
  return known ?? /^[a-z]{2}$/i.exec(country ?? '')?.[0].toUpperCase() ?? null;
}

/** What a receiver gets. */
export function alertBody(facts: AlertFacts): string {
  const { alertId, at, ref, level, mode, urgency, codes, locale, country, language, isMinor } = facts;
  return JSON.stringify({
    type: 'safety.alert',
    id: alertId,
    time: at,
    session_ref: ref,
    level,
    mode,
    urgency,
    requires_ack: requiresAck(urgency),
    reason_codes: codes,
    locale: localeTag(locale),
    country: countryTag(country),
    language,
    minor: isMinor,
    detector: facts.detector,
    guard: facts.guard,
    model: facts.model,
  });
}
