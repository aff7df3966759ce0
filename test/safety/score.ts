// Measures the screening against sets of lines. Pure: the sets are given. [SAFETY 2.3]
import type { SafetyLevel } from '../../src/contract/types.ts';
import type { ScreenInput, Screening } from '../../src/safety/screen.ts';

interface RiskLine {
  text: string;
  level: string;
  /** Inputs before it, oldest first. */
  recent?: readonly string[];
  /** Other levels that are right too. */
  accept?: readonly string[];
}

interface CalmLine {
  text: string;
  recent?: readonly string[];
}

export interface LineSet {
  language: string;
  risk: readonly RiskLine[];
  calm: readonly (string | CalmLine)[];
}

export interface Share {
  count: number;
  of: number;
  low: number;
  high: number;
}

export interface Score {
  language: string;
  /** Risk lines that are found at any level. */
  recall: Share;
  /** Those by their own level. */
  byLevel: ReadonlyMap<string, Share>;
  /** Found lines that have the right level. */
  exact: Share;
  falseAlarms: Share;
  /** For a person to read. */
  missed: string[];
  wrong: string[];
  alarms: string[];
}

/** Inputs of one session and the level of each. */
export interface Talk {
  inputs: readonly string[];
  levels: readonly string[];
}

export interface TalkScore {
  /** Talks in which every input has its level. */
  right: Share;
  wrong: string[];
}

type Screen = (input: ScreenInput) => Screening;

const Z = 1.96;

/** A share with its 95 % Wilson interval. */
export function shareOf(count: number, of: number): Share {
  if (of === 0) return { count, of, low: 0, high: 1 };
  const p = count / of;
  const middle = p + (Z * Z) / (2 * of);
  const spread = Z * Math.sqrt((p * (1 - p)) / of + (Z * Z) / (4 * of * of));
  const whole = 1 + (Z * Z) / of;
  return {
    count,
    of,
    low: Math.max(0, (middle - spread) / whole),
    high: Math.min(1, (middle + spread) / whole),
  };
}

function seen(screen: Screen, text: string, recent: readonly string[] = []): Screening {
  return screen({ text, recent, mode: 'normal' });
}

function shown(text: string, recent: readonly string[] = []): string {
  return [...recent, text].join(' / ');
}

function whyOf({ level, reasonCodes, phrases }: Screening): string {
  return `${level} by ${reasonCodes.join(', ')} ("${phrases.join('", "')}")`;
}

function isRight(line: RiskLine, level: SafetyLevel): boolean {
  return level === line.level || (line.accept ?? []).includes(level);
}

/** What a screening makes of one set. */
export function scoreOf(set: LineSet, screen: Screen): Score {
  const missed: string[] = [];
  const wrong: string[] = [];
  const alarms: string[] = [];
  const levels = new Map<string, { found: number; of: number }>();
  for (const line of set.risk) {
    const screening = seen(screen, line.text, line.recent);
    const row = levels.get(line.level) ?? { found: 0, of: 0 };
    const isFound = screening.level !== 'none';
    levels.set(line.level, { found: row.found + (isFound ? 1 : 0), of: row.of + 1 });
    const text = `${line.level}: ${shown(line.text, line.recent)}`;
    if (!isFound) missed.push(text);
    else if (!isRight(line, screening.level)) wrong.push(`${text} -> ${whyOf(screening)}`);
  }
  for (const line of set.calm) {
    const { text, recent } = typeof line === 'string' ? { text: line, recent: undefined } : line;
    const screening = seen(screen, text, recent);
    if (screening.level !== 'none') alarms.push(`${shown(text, recent)} -> ${whyOf(screening)}`);
  }
  const found = set.risk.length - missed.length;
  return {
    language: set.language,
    recall: shareOf(found, set.risk.length),
    byLevel: new Map([...levels].map(([level, row]) => [level, shareOf(row.found, row.of)])),
    exact: shareOf(found - wrong.length, found),
    falseAlarms: shareOf(alarms.length, set.calm.length),
    missed,
    wrong,
    alarms,
  };
}

/** What a screening makes of talks, input by input, with what it remembers of each. */
export function scoreOfTalks(talks: readonly Talk[], screen: Screen): TalkScore {
  const wrong: string[] = [];
  for (const { inputs, levels } of talks) {
    let mode: Screening['mode'] = 'normal';
    const got = inputs.map((text, at) => {
      const screening = screen({ text, recent: inputs.slice(Math.max(0, at - 2), at), mode });
      mode = screening.mode;
      return screening.level;
    });
    if (got.join() !== levels.join())
      wrong.push(`${inputs.join(' / ')}: ${levels.join(' ')} -> ${got.join(' ')}`);
  }
  return { right: shareOf(talks.length - wrong.length, talks.length), wrong };
}
