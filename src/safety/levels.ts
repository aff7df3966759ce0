// What each level of risk means for the session (SAFETY.md 1.2), in one table.
import type { SafetyLevel, SafetyMode } from '../contract/types.ts';

interface LevelRow {
  /** The highest one found wins. Equal classes of 1.2 are told apart only to have one answer. */
  rank: number;
  /** The mode the session enters. */
  mode: SafetyMode;
  /** Active or worse: never refused as busy or limited, and it interrupts a live turn. [P-12] */
  risk: boolean;
  /** What help the reply names, in this order. [US-24] */
  needs: readonly Need[];
}

type Need = 'crisis' | 'emergency' | 'violence' | 'child' | 'poison';

export const levels: Readonly<Record<SafetyLevel, LevelRow>> = {
  none: { rank: 0, mode: 'normal', risk: false, needs: ['crisis'] },
  past_attempt: { rank: 1, mode: 'support', risk: false, needs: ['crisis'] },
  passive: { rank: 2, mode: 'support', risk: false, needs: ['crisis'] },
  acute: { rank: 3, mode: 'crisis', risk: true, needs: ['crisis', 'emergency'] },
  abuse: { rank: 4, mode: 'crisis', risk: true, needs: ['violence', 'child', 'crisis', 'emergency'] },
  other_harm: { rank: 5, mode: 'crisis', risk: true, needs: ['emergency', 'crisis'] },
  active: { rank: 6, mode: 'crisis', risk: true, needs: ['crisis', 'emergency'] },
  plan: { rank: 7, mode: 'crisis', risk: true, needs: ['emergency', 'crisis'] },
  medical: { rank: 8, mode: 'emergency', risk: true, needs: ['emergency', 'poison', 'crisis'] },
};

/** The level of that name. @throws when there is none. */
export function levelOf(name: string): SafetyLevel {
  for (const level of [
    'none',
    'passive',
    'active',
    'plan',
    'past_attempt',
    'other_harm',
    'abuse',
    'acute',
    'medical',
  ] as const) {
    if (level === name && level in levels) return level;
  }
  throw new Error(`No level ${name}`);
}

/** Every level, the least first. */
export const everyLevel = [
  'none',
  'past_attempt',
  'passive',
  'acute',
  'abuse',
  'other_harm',
  'active',
  'plan',
  'medical',
] as const satisfies readonly SafetyLevel[];

const modeRank: Readonly<Record<SafetyMode, number>> = {
  normal: 0,
  support: 1,
  crisis_hold: 2,
  crisis: 3,
  emergency: 4,
};

/** Active or worse. Passive and past_attempt get a fixed first reply too, but are no reason to interrupt. */
export function isRisk(level: SafetyLevel): boolean {
  return levels[level].risk;
}

export function worse(a: SafetyLevel, b: SafetyLevel): SafetyLevel {
  return levels[a].rank >= levels[b].rank ? a : b;
}

/** The mode after a finding: never below the mode before. */
export function modeAfter(before: SafetyMode, level: SafetyLevel): SafetyMode {
  const entered = levels[level].mode;
  return modeRank[entered] > modeRank[before] ? entered : before;
}
