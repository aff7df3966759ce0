// Who, when and whether: what stands around a frame decides what it means. [US-05] [US-06]
import type { SafetyLevel } from '../contract/types.ts';
import { isDoneByThing } from './doer.ts';
import { findFrames, numberOf } from './frames.ts';
import type { Hit } from './frames.ts';
import {
  bridge,
  contexts,
  farYearMax,
  fiction,
  idioms,
  meant,
  means,
  negators,
  others,
  reports,
  rules,
  signs,
  signsById,
  sorrow,
  when,
} from './rules.ts';
import type { Rule, Sign } from './rules.ts';
import { STOP } from './words.ts';
import type { Word } from './words.ts';

/** Nothing farther away than this many words has a say, which keeps the cost of a hit constant. */
const REACH = 30;
const BRIDGE_MAX = 10;
/** Signs this far apart belong to one telling. */
const SIGNS_REACH = 45;
const SMALL_SIGNS_REACH = 15;
/** What signs must weigh together. */
const SIGNS_ENOUGH = 3;
const SMALL_SIGNS_ENOUGH = 4;
const FAR_YEAR_MIN = 1940;
/** So far before a hit a verb tells that it is past. */
const TOLD_REACH = 4;
/** An attempt within this time counts as present risk (SAFETY.md 1.2). */
const RECENT_MONTHS = 3;
/** What is nearest to now weighs most. */
const closeness = ['far', 'near', 'now'];
/** The rule for a third person's danger said outright: it has no level. */
const OTHER_AT_RISK = 'other.at_risk';

type Standing = 'meant' | 'denied' | 'doubted' | 'foreign';

/** What is known of the whole row of words before any hit is judged. */
export interface Scene {
  words: readonly Word[];
  /** For every word, whether it belongs to an idiom. */
  idiom: readonly boolean[];
  /** For every word, the time that begins there, if one does. */
  time: readonly (string | undefined)[];
  /** Whether quotation marks are used and something told or sung is spoken of. */
  fiction: boolean;
  /** Whether a loss or despair is told. */
  sorrow: boolean;
  /** For every word, the signs that begin there. */
  signs: readonly (readonly Sign[])[];
}

function textAt(words: readonly Word[], at: number): string {
  return words[at]?.text ?? '';
}

/** A year that lies long back for certain, and no amount of something. */
function isFarYear(words: readonly Word[], at: number): boolean {
  const year = numberOf(textAt(words, at)) ?? 0;
  return year >= FAR_YEAR_MIN && year <= farYearMax && !units.has(textAt(words, at + 1));
}

function monthsBack(count: string): string {
  return (numberOf(count) ?? 0) > RECENT_MONTHS ? 'far' : 'near';
}

const units: ReadonlySet<string> = new Set([
  'mg',
  'milligrams',
  'calories',
  'steps',
  'quid',
  'pounds',
  'dollars',
  'euros',
  'rupees',
  'people',
  'words',
  'feet',
  'metres',
  'meters',
  'times',
  'pills',
  'tablets',
]);

const spans: ReadonlySet<string> = new Set(['ago', 'years', 'months', 'decades', 'year']);

/** "Six years now" tells how long and "six years ago today" the day, not when; "at 23 40" is a time of day, no age. */
function isNoTime(hit: Hit, words: readonly Word[]): boolean {
  const text = textAt(words, hit.start);
  if (text === 'at') return numberOf(textAt(words, hit.start + 2)) !== undefined;
  const before = textAt(words, hit.start - 1);
  return before === 'ago' ? hit.rule === 'now' : text === 'now' && spans.has(before);
}

function timesIn(words: readonly Word[]): (string | undefined)[] {
  const times: (string | undefined)[] = words.map((_, at) => (isFarYear(words, at) ? 'far' : undefined));
  for (const hit of findFrames(words, when, negators)) {
    if (isNoTime(hit, words)) continue;
    const time = hit.rule === 'months' ? monthsBack(textAt(words, hit.start)) : hit.rule;
    const before = times[hit.start];
    if (before === undefined || closeness.indexOf(time) > closeness.indexOf(before)) times[hit.start] = time;
  }
  return times;
}

/** What is denied, part of an idiom or another's is no sign. */
function signsIn(words: readonly Word[], idiom: readonly boolean[]): Sign[][] {
  const found: Sign[][] = words.map(() => []);
  for (const hit of findFrames(words, signs, negators)) {
    const sign = signsById.get(hit.rule);
    if (sign === undefined) continue;
    const stands = !idiom.slice(hit.start, hit.shortest + 1).includes(true);
    if (sign.weight < 0 || (stands && standingOf(words, hit.start) === 'meant')) found[hit.start]?.push(sign);
  }
  return found;
}

export function sceneOf(words: readonly Word[]): Scene {
  const idiom = Array<boolean>(words.length).fill(false);
  for (const hit of findFrames(words, idioms, negators)) idiom.fill(true, hit.start, hit.shortest + 1);
  return {
    words,
    idiom,
    time: timesIn(words),
    fiction: words.some((word) => word.quoted) && words.some((word) => fiction.has(word.text)),
    sorrow: findFrames(words, sorrow, negators).length > 0,
    signs: signsIn(words, idiom),
  };
}

const joints: ReadonlySet<string> = new Set(['that', 'if', 'whether', 'me', 'us']);

/** Somebody else's words: "she said (that) I want to die", "they asked me if I am suicidal". */
function isReported(words: readonly Word[], subject: number): boolean {
  let at = subject - 1;
  while (at > subject - 3 && joints.has(textAt(words, at))) at -= 1;
  if (!reports.has(textAt(words, at))) return false;
  for (let back = at - 1; back >= Math.max(0, at - 4); back -= 1) {
    const text = textAt(words, back);
    if (text === 'i' || text === STOP) return false;
    if (others.has(text)) return true;
  }
  return false;
}

const opinions: ReadonlySet<string> = new Set(['think', 'mean', 'saying', 'say']);

/** "I do not think (that) I want to die", "it is not that I want to die". */
function isDoubted(words: readonly Word[], subject: number): boolean {
  const said = textAt(words, subject - 1) === 'that' ? subject - 2 : subject - 1;
  const text = textAt(words, said);
  return text === 'not' || (opinions.has(text) && negators.has(textAt(words, said - 1)));
}

/** Follows the words before a frame back to what they hang on. */
function governorOf(words: readonly Word[], start: number): number {
  if (textAt(words, start) === 'i') return start;
  let at = start - 1;
  while (at > start - BRIDGE_MAX && bridge.has(textAt(words, at))) at -= 1;
  return at;
}

/** "Dad's pistol" speaks of the pistol; opened, it reads "dad is pistol". */
function isOwner(words: readonly Word[], at: number, start: number): boolean {
  return at === start - 2 && textAt(words, at + 1) === 'is' && means.has(textAt(words, start));
}

/** Who means it, and whether: a denial, another person or the speaker stands there. */
function standingOf(words: readonly Word[], start: number): Standing {
  const at = governorOf(words, start);
  const text = textAt(words, at);
  if (negators.has(text)) {
    return meant.has(textAt(words, at - 1)) || textAt(words, at - 3) === 'why' ? 'meant' : 'denied';
  }
  if (text !== 'i') return others.has(text) && !isOwner(words, at, start) ? 'foreign' : 'meant';
  if (isReported(words, at)) return 'foreign';
  return isDoubted(words, at) ? 'doubted' : 'meant';
}

const roles: ReadonlySet<string> = new Set([
  'character',
  'protagonist',
  'hero',
  'heroine',
  'villain',
  'narrator',
  'singer',
  'actor',
  'battery',
  'dog',
  'cat',
  'plant',
  'plants',
  'it',
  'you',
  'people',
  'nobody',
  'anyone',
  'anybody',
  'who',
]);

/** Whether somebody real, not the one who writes, is the one a frame speaks of. */
function isPresentOther(words: readonly Word[], start: number): boolean {
  const text = textAt(words, governorOf(words, start));
  return others.has(text) && !roles.has(text);
}

function inContext(hit: Hit, words: readonly Word[]): boolean {
  let first = hit.start;
  let last = hit.end;
  while (first > Math.max(0, hit.start - REACH) && words[first - 1]?.text !== STOP) first -= 1;
  while (last < Math.min(words.length - 1, hit.end + REACH) && words[last + 1]?.text !== STOP) last += 1;
  const sentence = words.slice(first, last + 1);
  return contexts.some(
    (context) =>
      context.drops.has(hit.rule) &&
      sentence.some((word) => context.any.has(word.text)) &&
      (context.with === undefined || sentence.some((word) => context.with?.has(word.text))),
  );
}

const pastForms: ReadonlySet<string> = new Set([
  'was',
  'were',
  'wanted',
  'had',
  'used',
  'felt',
  'thought',
  'tried',
  'trying',
  'did',
  'attempted',
  'killed',
  'thinking',
  'considered',
  'cut',
  'almost',
  'nearly',
  'put',
  'pulled',
  'drove',
  'wrote',
]);

/** How many words lie between a hit and the word at a place. */
function distance(hit: Hit, at: number): number {
  return Math.max(0, hit.start - at, at - hit.end);
}

/** "And again last week" brings back what lay far. */
function isAgain(words: readonly Word[], at: number): boolean {
  return words.slice(Math.max(0, at - 2), at + 4).some((word) => word.text === 'again');
}

/** Whether the time at a place is closer to a hit than another, which stands at `than`. */
function isCloser(hit: Hit, { words, time }: Scene, at: number, than: number): boolean {
  const [here, there] = [time[at], time[than]];
  // "Eight years ago I did, now I am fine": what comes first dates it, the rest tells what is since then.
  if (there === 'far' && here !== 'far' && than < hit.start && at > hit.end) return isAgain(words, at);
  const away = here !== 'far' && isAgain(words, at) ? 0 : distance(hit, at);
  const before = there !== 'far' && isAgain(words, than) ? 0 : distance(hit, than);
  return away < before || (away === before && here !== 'far');
}

/** When a hit took place: the time that is named nearest to it. "I tried at 16, I am 50 now" lies far. */
function timeOf(hit: Hit, scene: Scene): string | undefined {
  const { time } = scene;
  let nearest: number | undefined;
  for (let at = Math.max(0, hit.start - REACH); at < Math.min(time.length, hit.end + REACH); at += 1) {
    if (time[at] === undefined) continue;
    if (nearest === undefined || isCloser(hit, scene, at, nearest)) nearest = at;
  }
  return nearest === undefined ? undefined : time[nearest];
}

/** The level in the light of the time that is named near it. */
function dated(rule: Rule, hit: Hit, scene: Scene): SafetyLevel {
  const time = timeOf(hit, scene);
  if (time === 'now' && rule.near) return rule.near;
  if (time !== 'far') return rule.level;
  if (rule.far) return rule.far;
  if (rule.who === 'any') return rule.level === 'medical' ? 'none' : rule.level;
  const told = rule.needsSigns ? REACH : TOLD_REACH;
  const from = Math.min(governorOf(scene.words, hit.start), hit.start - told);
  const verbs = scene.words.slice(Math.max(0, from), hit.start + 1);
  if (!verbs.some((word) => pastForms.has(word.text))) return rule.level;
  return rule.level === 'plan' ? 'past_attempt' : 'none';
}

/** Part of an idiom, of a harmless context, or of something told. */
function isFigurative(hit: Hit, { words, idiom, fiction: told }: Scene): boolean {
  if (idiom.slice(hit.start, hit.end + 1).includes(true) || inContext(hit, words)) return true;
  return told && words[hit.start]?.quoted === true && words[hit.end]?.quoted === true;
}

const pulls: ReadonlySet<string> = new Set([
  'stop',
  'keep',
  'keeps',
  'think',
  'thinking',
  'thoughts',
  'urge',
  'urges',
  'might',
  'close',
  'scared',
  'afraid',
  'tempted',
]);

/** "I am not going to do it, but …" is no plain denial, least of all when the thought does not let go. */
function deniedLevel(hit: Hit, words: readonly Word[]): SafetyLevel {
  const but = words.slice(hit.end + 1, hit.end + 5).findIndex((word) => word.text === 'but');
  if (but < 0) return 'none';
  const after = hit.end + 2 + but;
  return words.slice(after, after + 6).some((word) => pulls.has(word.text)) ? 'active' : 'passive';
}

/** "What if I drank bleach" asks; nothing has been drunk. */
function isSupposed(hit: Hit, words: readonly Word[]): boolean {
  const at = governorOf(words, hit.start);
  return textAt(words, at - 1) === 'if' || textAt(words, hit.start - 1) === 'if';
}

/**
 * Somebody else may be at risk now: "my friend wants to die". It has no level, for the levels are about the person who writes, and calls
 * for the resources for helping others. [US-06]
 */
export function isOtherAtRisk(hit: Hit, scene: Scene): boolean {
  const rule = rules.get(hit.rule);
  if (!rule || isFigurative(hit, scene)) return false;
  const about = scene.time.slice(Math.max(0, hit.start - REACH), hit.end + REACH);
  if (about.includes('far') && !about.includes('near') && !about.includes('now')) return false;
  if (rule.id === OTHER_AT_RISK) return true;
  const ownLife =
    rule.who === 'self' && rule.level !== 'other_harm' && !rule.needsDistress && !rule.needsSigns;
  return ownLife && rule.level !== 'none' && isPresentOther(scene.words, hit.start);
}

/** Small signs count only near by, in the same input: in a long story there is always a day of the week. */
function isSmallSignOf(hit: Hit, words: readonly Word[], at: number): boolean {
  return words[at]?.source === words[hit.end]?.source && distance(hit, at) <= SMALL_SIGNS_REACH;
}

/** Whether the signs around a hit weigh enough together. Each kind counts once, and of small ones alone it takes more. */
function isBorneOut(hit: Hit, { words, signs: all }: Scene): boolean {
  const kinds = new Map<string, number>();
  const last = Math.min(all.length, hit.end + SIGNS_REACH);
  for (let at = Math.max(0, hit.start - SIGNS_REACH); at < last; at += 1) {
    for (const { kind, weight } of all[at] ?? []) {
      if (weight === 1 && !isSmallSignOf(hit, words, at)) continue;
      kinds.set(kind, Math.max(weight, kinds.get(kind) ?? weight));
    }
  }
  const weights = [...kinds.values()];
  const enough = weights.some((weight) => weight > 1) ? SIGNS_ENOUGH : SMALL_SIGNS_ENOUGH;
  return weights.reduce((sum, weight) => sum + weight, 0) >= enough;
}

/** Whether what must have been said for a rule to count has been said. */
function isDue(rule: Rule, hit: Hit, scene: Scene, distress: boolean): boolean {
  if (rule.needsSigns) return isBorneOut(hit, scene);
  return !rule.needsDistress || distress || (rule.sorrowIsEnough && scene.sorrow);
}

/** The level of a frame that is meant, by whom it speaks of. */
function stood(rule: Rule, hit: Hit, scene: Scene): SafetyLevel {
  const standing = standingOf(scene.words, hit.start);
  if (standing === 'foreign' && rule.who === 'self') return 'none';
  const ownLife = rule.who === 'self' && rule.level !== 'other_harm';
  if (ownLife && standing === 'doubted') return 'passive';
  if (standing === 'denied') return ownLife ? deniedLevel(hit, scene.words) : 'none';
  return dated(rule, hit, scene);
}

/** What a frame means where it stands; `none` when it means nothing. */
export function judge(hit: Hit, scene: Scene, distress: boolean): SafetyLevel {
  const rule = rules.get(hit.rule);
  if (!rule || !isDue(rule, hit, scene, distress) || isFigurative(hit, scene)) return 'none';
  if (rule.byPerson && isDoneByThing(hit, scene.words)) return 'none';
  if (rule.level === 'medical' && isSupposed(hit, scene.words)) return 'none';
  return stood(rule, hit, scene);
}
