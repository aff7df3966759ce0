// The first answer to a risk: a reviewed text and places to get help. No model writes it. [US-01] [P-12]
import type { SafetyLevel, SafetyNotice } from '../contract/types.ts';
import content from './content/replies.en.json' with { type: 'json' };
import { placeOf, resourcesFor, waysOf } from './resources.ts';
import type { Place } from './resources.ts';

type Found = Exclude<SafetyLevel, 'none'>;

const replies: Readonly<Record<Found, { needs: readonly string[]; text: readonly string[] }>> =
  content.replies;
const { phrases } = content;

function fill(template: string, slots: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (slot, name: string) => slots[name] ?? slot);
}

function crisisLine(place: Place | undefined): string {
  const ways = waysOf(place, 'crisis');
  if (!place || !ways) return phrases.unknown;
  if (place.from === 'guessed') return fill(phrases.guessed, { country: place.name, say: ways.say });
  const always = ` ${ways.always ? phrases.open_always : phrases.open_sometimes}`;
  const write = ways.written ? '' : ` ${phrases.write}`;
  return fill(phrases.known, { say: ways.say }) + always + write;
}

function emergencyNumber(place: Place | undefined): string {
  if (!place) return phrases.emergency_unknown;
  const template = place.from === 'given' ? phrases.emergency_known : phrases.emergency_guessed;
  return fill(template, { number: place.emergency, country: place.name });
}

function otherLine(place: Place | undefined, need: string, elsewhere: string): string {
  const ways = place?.from === 'given' ? waysOf(place, need) : undefined;
  return ways ? `${ways.say}.` : elsewhere;
}

/**
 * The fixed reply to what was found, with numbers that fit the session's country; null when nothing was found. The text alone is
 * enough to get help: it names the numbers that `resources` holds as data.
 */
export function reply(
  screening: { level: SafetyLevel },
  session: { locale: string | null; country: string | null },
): SafetyNotice | null {
  const { level } = screening;
  if (level === 'none') return null;
  const place = placeOf(session);
  const { needs, text } = replies[level];
  const slots = {
    crisis: crisisLine(place),
    emergency: emergencyNumber(place),
    violence: otherLine(place, 'violence', phrases.violence_unknown),
    child: otherLine(place, 'child', phrases.child_unknown),
    poison: otherLine(place, 'poison', phrases.poison_unknown),
  };
  const emergencyName = place ? phrases.emergency_name : phrases.emergency_name_unknown;
  return {
    level,
    text: text.map((line) => fill(line, slots).trim()).join('\n\n'),
    resources: resourcesFor(place, needs, emergencyName),
  };
}
