// Reads an input before anything else of the turn does. Needs nothing to be up. [P-12] [US-01]
import type { SafetyLevel, SafetyMode } from '../contract/types.ts';
import { fold } from './fold.ts';
import { findFrames } from './frames.ts';
import type { Hit } from './frames.ts';
import { isOtherAtRisk, judge, sceneOf } from './judge.ts';
import { isEnglishWord, languageOf } from './language.ts';
import type { Language } from './language.ts';
import { levels, modeAfter, worse } from './levels.ts';
import { frames, negators, speech } from './rules.ts';
import { spotted } from './spotted.ts';
import { brokenTongues, tongues } from './tongues-content.ts';
import { SEAM_MAX, tongueFindings } from './tongues.ts';
import type { TongueFinding } from './tongues.ts';
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
   * built-in phrases were looked for instead: then `none` says little. [US-09] With `language:unknown` no lexicon covers the language
   * of the input. [US-07]
   */
  reasonCodes: string[];
  /** The covered language of the input; undefined when it is another one, or says too little. */
  language: string | undefined;
  /** The input in the plain spelling of `fold`. */
  plain: string;
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
  /** What the languages other than English find in the newest of some inputs. */
  otherTongues: (inputs: readonly string[]) => readonly TongueFinding[];
  languageOf: typeof languageOf;
}

/** The stages of `screen`. */
export const stages: Stages = {
  fold,
  wordsOf,
  sceneOf,
  findFrames,
  judge,
  otherTongues: (inputs) => tongueFindings(tongues, inputs),
  languageOf,
};

interface Finding {
  hit: Hit;
  level: SafetyLevel;
}

const REPORT_MAX = 12;
/** The reason code of a screening in which a stage has failed. [US-09] */
export const DEGRADED = 'detector:degraded';
/** The reason code of an input in a language that no lexicon covers. [US-07] */
export const LANGUAGE_UNKNOWN = 'language:unknown';
/** The reason code of an input that tells of somebody else's risk: no level, but help to look after that person. [US-06] */
export const OTHER_AT_RISK = 'other:at_risk';
/** The rule of things that are a plan only together. */
const SIGNS = 'plan.signs';
/** A word or two may complete what was said before ("tonight"); a longer input speaks for itself. */
const COMPLETION_MAX = 5;

interface Reading {
  words: readonly Word[];
  findings: Finding[];
  /** Whether an input before the newest one shows something by itself. */
  distress: boolean;
  /** Whether the newest one tells of somebody else's risk. */
  otherAtRisk: boolean;
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
  const otherAtRisk = hits.some((hit) => !isOld(hit.end) && isOtherAtRisk(hit, scene));
  return { words, findings, distress, otherAtRisk };
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
  /** Of the rule, when it is not English. */
  language?: string;
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

interface FoundAbroad {
  alone: readonly TongueFinding[] | undefined;
  window: readonly TongueFinding[] | undefined;
}

/** What the other languages find. Of English words in an English text they know less than the English rules. */
function abroad(
  { otherTongues }: Stages,
  { text, recent }: ScreenInput,
  language: Language | null,
): FoundAbroad {
  const isTheirs = ({ phrase }: TongueFinding): boolean =>
    language?.code !== 'en' || !phrase.split(' ').every(isEnglishWord);
  const find = (inputs: readonly string[]) => attempt(() => otherTongues(inputs).filter(isTheirs));
  return { alone: find([text]), window: recent.length === 0 ? [] : find([...recent.slice(-2), text]) };
}

/** The findings of the English rules, in the input itself and in the window; undefined where a stage has failed. */
function athome(given: Stages, input: ScreenInput, text: string | undefined, language: Language | null) {
  // small signs add up only in a text that is English: "die" and "mon" are words of other languages too
  const isEnglish = language === null || language.code === 'en';
  const counts = ({ code }: Found): boolean => isEnglish || code !== SIGNS;
  const distressed = input.mode !== 'normal';
  const window = attempt(() => {
    const recent = input.recent.slice(-2).map((before) => given.fold(before, SEAM_MAX));
    if (recent.length === 0 || text === undefined) return null;
    return read(given, [...recent, text.slice(0, SEAM_MAX)], distressed);
  });
  const upset = distressed || window === undefined || window?.distress === true;
  const alone = text === undefined ? undefined : attempt(() => read(given, [text], upset));
  return {
    alone: alone && foundIn(alone).filter(counts),
    window: window === null ? [] : window && foundIn(window).filter(counts),
    otherAtRisk: alone?.otherAtRisk === true,
  };
}

/** Whether a stage gave nothing. */
const hasFailed = (...parts: readonly { alone: unknown; window: unknown }[]): boolean =>
  parts.some(({ alone, window }) => alone === undefined || window === undefined);

const bothOf = (english: readonly Found[] = [], others: readonly Found[] = []): Found[] => [
  ...english,
  ...others,
];

const isUnknown = (language: Language | null | undefined): boolean => language?.covered === false;

/** `screen` with its stages given. What a stage that works has found counts, whichever other fails. */
export function screenWith(given: Stages, input: ScreenInput): Screening {
  const text = attempt(() => given.fold(input.text));
  const language = attempt(() => given.languageOf(input.text) ?? null);
  const english = athome(given, input, text, language ?? null);
  const others = abroad(given, input, language ?? null);
  const degraded = hasFailed(english, others) || language === undefined || brokenTongues.length > 0;
  const own = bothOf(english.alone, others.alone);
  const found: Found[] = [
    ...own,
    ...bothOf(english.window, others.window),
    ...(degraded ? spotted(input.text).map((one) => ({ ...one, code: DEGRADED })) : []),
  ].sort((a, b) => levels[b.level].rank - levels[a.level].rank);
  const level = worstOf(found);
  const isWindow = !degraded && level !== worstOf(own);
  const aside = [
    ...(degraded ? [DEGRADED] : []),
    ...(isUnknown(language) ? [LANGUAGE_UNKNOWN] : []),
    ...(english.otherAtRisk && level === 'none' ? [OTHER_AT_RISK] : []),
  ];
  return {
    level,
    mode: modeAfter(input.mode, level),
    phrases: unique(found.map(({ phrase }) => phrase)),
    reasonCodes: unique([...aside, ...found.map(({ code }) => code), ...(isWindow ? ['window'] : [])]),
    language: language?.covered === true ? language.code : spokenIn(found),
    plain: text ?? input.text.toLowerCase(),
  };
}

/** The language of the worst finding, where the input alone says too little. */
function spokenIn([worst]: readonly Found[]): string | undefined {
  return worst && (worst.language ?? (worst.code === DEGRADED ? undefined : 'en'));
}

/**
 * Screens an input. Pure, linear in the length of the texts, and it never throws: when a stage fails, a short list of direct phrases is
 * looked for as well and the reason codes say so. Nothing a text says about rules or modes is obeyed.
 */
export function screen(input: ScreenInput): Screening {
  return screenWith(stages, input);
}
