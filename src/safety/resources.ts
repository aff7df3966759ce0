// Chooses places to get help by country. A number of one country is never all that a person of unknown country sees. [US-21]
import type { Resource } from '../contract/types.ts';
import table from './content/resources.json' with { type: 'json' };

export interface Place {
  code: string;
  /** As it stands in a sentence. */
  name: string;
  emergency: string;
  language: string;
  /** `given` by the integrator or the person; `guessed` from the region of the locale. */
  from: 'given' | 'guessed';
}

interface Entry {
  id: string;
  country: string;
  need: string;
  name: string;
  phone?: string;
  sms?: string;
  url?: string;
  hours: string;
  language: string;
  /** `YYYY-MM`; null when nobody has. */
  last_verified: string | null;
}

const entries: readonly Entry[] = table.resources;
const countries = new Map(Object.entries(table.countries));
const codes = new Map(
  [...countries].flatMap(([code, country]) =>
    [code, ...country.aliases].map((name) => [name, code] as const),
  ),
);

function known(name: string, from: Place['from']): Place | undefined {
  const code = codes.get(name.trim().toUpperCase());
  const country = code === undefined ? undefined : countries.get(code);
  return code === undefined || country === undefined ? undefined : { code, from, ...country };
}

/**
 * The session's country, else the region of its locale; undefined when neither is known or listed. A given country that is not
 * listed is not overruled by the locale.
 */
export function placeOf(session: { locale: string | null; country: string | null }): Place | undefined {
  if (session.country !== null && session.country.trim() !== '') return known(session.country, 'given');
  const region = session.locale?.split(/[-_]/).find((part, at) => at > 0 && /^[a-z]{2}$/i.test(part));
  return region === undefined ? undefined : known(region, 'guessed');
}

function listed(place: Place | undefined, need: string): Entry[] {
  if (!place) return [];
  return entries.filter(
    (entry) => entry.country === place.code && (entry.need === need || entry.need === `${need}_text`),
  );
}

/** The words of a language for the ways to reach a line. */
type WayPhrases = Readonly<Record<'call' | 'text' | 'call_or_text' | 'page' | 'or', string>>;

function wayOf({ name, phone, sms, url }: Entry, phrases: WayPhrases): string {
  const [template, slots] =
    phone !== undefined && sms !== undefined
      ? [phrases.call_or_text, { phone, sms }]
      : phone !== undefined
        ? [phrases.call, { phone }]
        : sms !== undefined
          ? [phrases.text, { sms }]
          : [phrases.page, { url: url ?? '' }];
  return Object.entries({ name, ...slots }).reduce(
    (text, [slot, value]) => text.replaceAll(`{${slot}}`, value),
    template,
  );
}

/** How to reach the lines for a need, in one sentence part; undefined when none is listed. */
export function waysOf(
  place: Place | undefined,
  need: string,
  phrases: WayPhrases,
): { say: string; always: boolean; written: boolean } | undefined {
  const found = listed(place, need);
  if (found.length === 0) return undefined;
  return {
    say: found.map((entry) => wayOf(entry, phrases)).join(phrases.or),
    always: found.every((entry) => entry.hours === '24/7'),
    written: found.some((entry) => entry.sms !== undefined),
  };
}

function publicFields({
  name,
  phone,
  sms,
  url,
  hours,
  country,
  language,
}: Omit<Entry, 'id' | 'need' | 'last_verified'>): Resource {
  return {
    name,
    ...(phone !== undefined && { phone }),
    ...(sms !== undefined && { sms }),
    ...(url !== undefined && { url }),
    hours,
    country,
    language,
  };
}

/** For the needs in their order, and last the international page, whatever the country. */
export function resourcesFor(
  place: Place | undefined,
  needs: readonly string[],
  emergencyName: string,
): Resource[] {
  const found = needs.flatMap((need) =>
    need === 'emergency'
      ? [
          {
            name: emergencyName,
            phone: place?.emergency ?? table.emergency_elsewhere,
            hours: '24/7',
            country: place?.code ?? 'international',
            language: place?.language ?? 'en',
          },
        ]
      : listed(place, need).map(publicFields),
  );
  if (place?.from === 'guessed' && place.emergency !== table.emergency_elsewhere) {
    return [...found, ...resourcesFor(undefined, needs, emergencyName)];
  }
  return [...found, publicFields(table.international)];
}

const REVIEW_MS = 180 * 24 * 3_600_000;

/** How far the table of resources was looked after: entries nobody has verified, and entries verified more than 180 days ago. [US-20] */
export function reviewOf(now: number): { version: string; unverified: number; stale: number } {
  const verified = entries.flatMap(({ last_verified: month }) => (month === null ? [] : [Date.parse(month)]));
  return {
    version: table.version,
    unverified: entries.length - verified.length,
    stale: verified.filter((at) => now - at > REVIEW_MS).length,
  };
}
