// Reads an input before anything else of the turn does. Needs nothing to be up. [P-12] [US-01]
import type { SafetyLevel, SafetyMode } from '../contract/types.ts';
import { fold } from './fold.ts';
import { findFrames } from './frames.ts';
import type { Hit } from './frames.ts';
import { judge, sceneOf } from './judge.ts';
import { levels, modeAfter, worse } from './levels.ts';
import { frames, negators, speech } from './rules.ts';
import { spotted } from './spotted.ts';
import { STOP, wordsOf } from './words.ts';
import type { Word } from './words.ts';

export interface Screening {
  level: SafetyLevel;
  /** The session's mode from now on; never below the one before. */
  mode: SafetyMode;
  /** What was found, in the plain spelling it was read in; worst first. */
  phrases: string[];
  /**
   * The rules that decided, worst first; `window` when earlier inputs were needed. With `detector:degraded` a stage has failed and the
   * built-in phrases were looked for instead: then `none` says little. [US-09]
   */
  reasonCodes: string[];
}

export interface ScreenInput {
  text: string;
  /** Up to two inputs before it, oldest first. */
  recent: readonly string[];
  /** The session's mode so far. */
  mode: SafetyMode;
}

/** The steps of a screening, any of which may fail. */
export interface Stages {
  fold: typeof fold;
  wordsOf: typeof wordsOf;
  sceneOf: typeof sceneOf;
  findFrames: typeof findFrames;
  judge: typeof judge;
}

const stages: Stages = { fold, wordsOf, sceneOf, findFrames, judge };

interface Finding {
  hit: Hit;
  level: SafetyLevel;
}

const REPORT_MAX = 12;
/** The reason code of a screening in which a stage has failed. [US-09] */
export const DEGRADED = 'detector:degraded';
/** A word or two may complete what was said before ("tonight"); a longer input speaks for itself. */
const COMPLETION_MAX = 5;
/** Of the inputs before, their ends count, and of the newest its beginning: no frame reaches farther across. UTF-16 units. */
const SEAM_MAX = 600;

interface Reading {
  words: readonly Word[];
  findings: Finding[];
  /** Whether an input before the newest one shows something by itself. */
  distress: boolean;
}

/**
 * Findings that use words of the newest input. What an earlier input said by itself counted then, and a longer input does not make
 * it count again.
 */
function read(
  { wordsOf, sceneOf, findFrames, judge }: Stages,
  inputs: readonly string[],
  distressed: boolean,
): Reading {
  const words = wordsOf(inputs, speech);
  const scene = sceneOf(words);
  const newest = inputs.length - 1;
  const isOld = (at: number): boolean => (words[at]?.source ?? newest) < newest;
  const told = Array<boolean>(words.length).fill(false);
  const hits = findFrames(words, frames, negators);
  for (const hit of hits) {
    if (!isOld(hit.shortest) || judge({ ...hit, end: hit.shortest }, scene, false) === 'none') continue;
    told.fill(true, hit.start, hit.shortest + 1);
  }
  const distress = told.includes(true);
  const own = words.filter((word) => word.source === newest && word.text !== STOP).length;
  const findings: Finding[] = [];
  for (const hit of hits) {
    if (isOld(hit.end)) continue;
    if (own > COMPLETION_MAX && isOld(hit.start) && told.slice(hit.start, hit.end + 1).includes(true))
      continue;
    const level = judge(hit, scene, distressed || distress);
    if (level !== 'none') findings.push({ hit, level });
  }
  return { words, findings, distress };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].slice(0, REPORT_MAX);
}

function attempt<T>(stage: () => T): T | undefined {
  try {
    return stage();
  } catch {
    return undefined;
  }
}

interface Found {
  level: SafetyLevel;
  phrase: string;
  code: string;
}

function foundIn({ words, findings }: Reading): Found[] {
  return findings.map(({ hit, level }) => ({
    level,
    code: hit.rule,
    phrase: words
      .slice(hit.start, hit.end + 1)
      .map((word) => word.text)
      .join(' '),
  }));
}

function worstOf(found: readonly { level: SafetyLevel }[]): SafetyLevel {
  return found.reduce<SafetyLevel>((worst, finding) => worse(worst, finding.level), 'none');
}

/** `screen` with its stages given. What a stage that works has found counts, whichever other fails. */
export function screenWith(given: Stages, input: ScreenInput): Screening {
  const distressed = input.mode !== 'normal';
  const text = attempt(() => given.fold(input.text));
  const window = attempt(() => {
    const recent = input.recent.slice(-2).map((before) => given.fold(before, SEAM_MAX));
    if (recent.length === 0 || text === undefined) return null;
    return read(given, [...recent, text.slice(0, SEAM_MAX)], distressed);
  });
  const upset = distressed || window === undefined || window?.distress === true;
  const alone = text === undefined ? undefined : attempt(() => read(given, [text], upset));
  const degraded = window === undefined || alone === undefined;
  const own = alone ? foundIn(alone) : [];
  const found: Found[] = [
    ...own,
    ...(window ? foundIn(window) : []),
    ...(degraded ? spotted(input.text).map((one) => ({ ...one, code: DEGRADED })) : []),
  ].sort((a, b) => levels[b.level].rank - levels[a.level].rank);
  const level = worstOf(found);
  return {
    level,
    mode: modeAfter(input.mode, level),
    phrases: unique(found.map(({ phrase }) => phrase)),
    reasonCodes: unique([
      ...(degraded ? [DEGRADED] : []),
      ...found.map(({ code }) => code),
      ...(degraded || level === worstOf(own) ? [] : ['window']),
    ]),
  };
}

/**
 * Screens an input. Pure, linear in the length of the texts, and it never throws: when a stage fails, a short list of direct phrases is
 * looked for as well and the reason codes say so. Nothing a text says about rules or modes is obeyed.
 */
export function screen(input: ScreenInput): Screening {
  return screenWith(stages, input);
}
