// The answers to a risk: reviewed texts and places to get help. No model writes them. [US-01] [P-12]
import type { Resource, SafetyLevel, SafetyNotice } from '../contract/types.ts';
import { levels } from './levels.ts';
import { repliesFor } from './replies.ts';
import type { Replies } from './replies.ts';
import { placeOf, resourcesFor, waysOf } from './resources.ts';
import type { Place } from './resources.ts';

/** Whom a reply is for. */
export interface Addressee {
  locale: string | null;
  country: string | null;
  /** The language the person writes in, when it is known; else that of the locale. */
  language?: string | null;
}

type Phrases = Replies['phrases'];

function fill(template: string, slots: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (slot, name: string) => slots[name] ?? slot);
}

/** As it is said in that language; the table itself knows the English name. */
function countryName(place: Place, language: string): string {
  if (language === 'en') return place.name;
  return new Intl.DisplayNames([language], { type: 'region' }).of(place.code) ?? place.name;
}

function crisisLine(place: Place | undefined, { phrases, language }: Replies): string {
  const ways = waysOf(place, 'crisis', phrases);
  if (!place || !ways) return phrases.unknown;
  if (place.from === 'guessed') {
    return fill(phrases.guessed, { country: countryName(place, language), say: ways.say });
  }
  const always = ` ${ways.always ? phrases.open_always : phrases.open_sometimes}`;
  const write = ways.written ? '' : ` ${phrases.write}`;
  return fill(phrases.known, { say: ways.say }) + always + write;
}

function emergencyNumber(place: Place | undefined, { phrases, language }: Replies): string {
  if (!place) return phrases.emergency_unknown;
  const template = place.from === 'given' ? phrases.emergency_known : phrases.emergency_guessed;
  return fill(template, { number: place.emergency, country: countryName(place, language) });
}

function otherLine(place: Place | undefined, need: string, phrases: Phrases, elsewhere: string): string {
  const ways = place?.from === 'given' ? waysOf(place, need, phrases) : undefined;
  return ways ? `${ways.say}.` : elsewhere;
}

function repliesTo({ language, locale }: Addressee): Replies {
  return repliesFor(language, locale);
}

function slotsFor(place: Place | undefined, replies: Replies): Record<string, string> {
  const { phrases } = replies;
  return {
    crisis: crisisLine(place, replies),
    emergency: emergencyNumber(place, replies),
    violence: otherLine(place, 'violence', phrases, phrases.violence_unknown),
    child: otherLine(place, 'child', phrases, phrases.child_unknown),
    poison: otherLine(place, 'poison', phrases, phrases.poison_unknown),
  };
}

/** The places to get help at this level; at `none` those of a crisis. [US-24] */
export function helpFor(level: SafetyLevel, session: Addressee): Resource[] {
  const place = placeOf(session);
  const { phrases } = repliesTo(session);
  const emergencyName = place ? phrases.emergency_name : phrases.emergency_name_unknown;
  return resourcesFor(place, levels[level].needs, emergencyName);
}

/**
 * The fixed reply to what was found, with numbers that fit the session's country; null when nothing was found. The text alone is
 * enough to get help: it names the numbers that `resources` holds as data. `isRepeat`: the same help was given just now, so it is
 * said in other and fewer words.
 */
export function reply(
  screening: { level: SafetyLevel },
  session: Addressee,
  isRepeat = false,
): SafetyNotice | null {
  const { level } = screening;
  if (level === 'none') return null;
  const replies = repliesTo(session);
  const { first, again } = replies;
  const slots = slotsFor(placeOf(session), replies);
  const lines = (isRepeat ? again : first)[level];
  const text = lines.map((line) => fill(line.text, slots).trim()).join('\n\n');
  return { level, text, resources: helpFor(level, session) };
}

/** For somebody who looks after another person at risk. [US-06] */
export function helpForOthers(session: Addressee): string {
  const replies = repliesTo(session);
  return fill(replies.phrases.others, slotsFor(placeOf(session), replies));
}
