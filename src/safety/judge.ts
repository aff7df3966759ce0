// Who, when and whether: what stands around a frame decides what it means. [US-05] [US-06]
import type { SafetyLevel } from '../contract/types.ts';
import { findFrames, numberOf } from './frames.ts';
import type { Hit } from './frames.ts';
import { bridge, contexts, farYearMax, fiction, idioms, meant, negators, others, reports, rules, when } from './rules.ts';
import type { Rule } from './rules.ts';
import { STOP } from './words.ts';
import type { Word } from './words.ts';

/** Nothing farther away than this many words has a say, which keeps the cost of a hit constant. */
const REACH = 30;
const BRIDGE_MAX = 10;

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
}

function timesIn(words: readonly Word[]): (string | undefined)[] {
  const times = Array<string | undefined>(words.length).fill(undefined);
  for (const hit of findFrames(words, when, negators)) {
    const months = numberOf(words[hit.start]?.text ?? '') ?? 0;
    const time = hit.rule === 'months' ? (months >= 4 ? 'far' : 'near') : hit.rule;
    // What is nearest to now weighs most.
    if (times[hit.start] !== 'now' && (times[hit.start] !== 'near' || time === 'now')) times[hit.start] = time;
  }
  for (const [at, word] of words.entries()) {
    const year = words[at - 1]?.text === 'in' ? (numberOf(word.text) ?? 0) : 0;
    if (year >= 1940 && year <= farYearMax) times[at] = 'far';
  }
  return times;
}

export function sceneOf(words: readonly Word[]): Scene {
  const idiom = Array<boolean>(words.length).fill(false);
  for (const hit of findFrames(words, idioms, negators)) idiom.fill(true, hit.start, hit.shortest + 1);
  return {
    words,
    idiom,
    time: timesIn(words),
    fiction: words.some((word) => word.quoted) && words.some((word) => fiction.has(word.text)),
  };
}

/** Somebody else's words: "she said (that) I want to die". */
function isReported(words: readonly Word[], subject: number): boolean {
  const at = words[subject - 1]?.text === 'that' ? subject - 2 : subject - 1;
  if (!reports.has(words[at]?.text ?? '')) return false;
  for (let back = at - 1; back >= Math.max(0, at - 4); back -= 1) {
    const text = words[back]?.text ?? '';
    if (text === 'i' || text === STOP) return false;
    if (others.has(text)) return true;
  }
  return false;
}

/** Follows the words before a frame to what they hang on: a denial, another person, the speaker. */
function standingOf(words: readonly Word[], start: number): Standing {
  let at = start - 1;
  if (words[start]?.text === 'i') at = start;
  else while (at > start - BRIDGE_MAX && bridge.has(words[at]?.text ?? '')) at -= 1;
  const text = words[at]?.text ?? '';
  const before = words[at - 1]?.text ?? '';
  if (negators.has(text)) return meant.has(before) || words[at - 3]?.text === 'why' ? 'meant' : 'denied';
  if (text === 'i') {
    if (isReported(words, at)) return 'foreign';
    const said = before === 'that' ? at - 2 : at - 1;
    const doubted = ['think', 'mean', 'saying', 'say', 'not'].includes(words[said]?.text ?? '');
    return doubted && (before === 'not' || negators.has(words[said - 1]?.text ?? '')) ? 'doubted' : 'meant';
  }
  return others.has(text) ? 'foreign' : 'meant';
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

const pastForms: ReadonlySet<string> = new Set(
  'was were wanted had used felt thought tried did attempted killed thinking considered cut almost nearly'.split(' '),
);

/** The level in the light of the time that is named near it. */
function dated(rule: Rule, hit: Hit, scene: Scene): SafetyLevel {
  const from = Math.max(0, hit.start - REACH);
  const times = scene.time.slice(from, hit.end + REACH);
  if (times.includes('now') && rule.near) return rule.near;
  if (!times.includes('far') || times.includes('near')) return rule.level;
  if (rule.far) return rule.far;
  if (rule.who === 'any') return rule.level === 'medical' ? 'none' : rule.level;
  const past = scene.words.slice(Math.max(0, hit.start - 6), hit.end + 1).some((word) => pastForms.has(word.text));
  return past && rule.level !== 'plan' ? 'none' : rule.level;
}

/** What a frame means where it stands; `none` when it means nothing. */
export function judge(hit: Hit, scene: Scene, distress: boolean): SafetyLevel {
  const rule = rules.get(hit.rule);
  if (!rule || (rule.needsDistress && !distress)) return 'none';
  const { words, idiom } = scene;
  if (idiom.slice(hit.start, hit.end + 1).includes(true) || inContext(hit, words)) return 'none';
  if (scene.fiction && words[hit.start]?.quoted && words[hit.end]?.quoted) return 'none';
  const standing = standingOf(words, hit.start);
  if (standing === 'foreign' && rule.who === 'self') return 'none';
  if (rule.who === 'self' && rule.level !== 'other_harm') {
    if (standing === 'doubted') return 'passive';
    const turned = words.slice(hit.end + 1, hit.end + 5).some((word) => word.text === 'but');
    if (standing === 'denied') return turned ? 'passive' : 'none';
  }
  return standing === 'denied' ? 'none' : dated(rule, hit, scene);
}
