// Reads an input before anything else of the turn does. Needs nothing to be up. [P-12] [US-01]
import type { SafetyLevel, SafetyMode } from '../contract/types.ts';
import { fold } from './fold.ts';
import { findFrames } from './frames.ts';
import type { Hit } from './frames.ts';
import { judge, sceneOf } from './judge.ts';
import { levels, modeAfter, worse } from './levels.ts';
import { frames, negators, speech } from './rules.ts';
import { STOP, wordsOf } from './words.ts';
import type { Word } from './words.ts';

export interface Screening {
  level: SafetyLevel;
  /** The session's mode from now on; never below the one before. */
  mode: SafetyMode;
  /** What was found, in the plain spelling it was read in; worst first. */
  phrases: string[];
  /** The rules that decided, worst first; `window` when earlier inputs were needed. */
  reasonCodes: string[];
}

interface Finding {
  hit: Hit;
  level: SafetyLevel;
}

const REPORT_MAX = 12;
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
function read(inputs: readonly string[], distressed: boolean): Reading {
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

/**
 * Screens an input. `recent` are up to two inputs before it, oldest first; `mode` is the session's mode so far.
 * Pure and linear in the length of the texts; nothing a text says about rules or modes is obeyed.
 */
export function screen(input: { text: string; recent: readonly string[]; mode: SafetyMode }): Screening {
  const text = fold(input.text);
  const recent = input.recent.slice(-2).map((before) => fold(before).slice(-SEAM_MAX));
  const window =
    recent.length === 0 ? undefined : read([...recent, text.slice(0, SEAM_MAX)], input.mode !== 'normal');
  const alone = read([text], input.mode !== 'normal' || window?.distress === true);
  const readings = window ? [alone, window] : [alone];
  const found = readings
    .flatMap(({ words, findings }) =>
      findings.map(({ hit, level }) => ({
        level,
        code: hit.rule,
        phrase: words
          .slice(hit.start, hit.end + 1)
          .map((word) => word.text)
          .join(' '),
      })),
    )
    .sort((a, b) => levels[b.level].rank - levels[a.level].rank);
  const level = found.reduce<SafetyLevel>((worst, finding) => worse(worst, finding.level), 'none');
  const aloneLevel = alone.findings.reduce<SafetyLevel>(
    (worst, finding) => worse(worst, finding.level),
    'none',
  );
  return {
    level,
    mode: modeAfter(input.mode, level),
    phrases: unique(found.map((finding) => finding.phrase)),
    reasonCodes: unique([
      ...found.map((finding) => finding.code),
      ...(level === aloneLevel ? [] : ['window']),
    ]),
  };
}
