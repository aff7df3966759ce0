// What the rules make of an input in the light of its session: the safety first, then the guided process. Pure.
import type { SafetyLevel } from '../contract/types.ts';
import { fold } from '../safety/fold.ts';
import { reply } from '../safety/reply.ts';
import { DEGRADED, screen } from '../safety/screen.ts';
import type { Screening } from '../safety/screen.ts';
import type { SessionRecord, TurnPlan } from '../store/store.ts';
import { guideLine } from '../therapy/guide.ts';
import { hear } from '../therapy/hear/hear.ts';
import { readMemory, writeMemory } from '../therapy/memory.ts';
import type { Standing } from '../therapy/memory.ts';
import type { Tellable } from '../therapy/process/conditions.ts';
import { navigate, pause } from '../therapy/navigate.ts';
import { perceive } from '../therapy/perceive.ts';

/** What the older service's field `self_harm_detected` tells of: harm to oneself, not every risk. */
const selfHarm: ReadonlySet<SafetyLevel> = new Set<SafetyLevel>([
  'passive',
  'active',
  'plan',
  'past_attempt',
]);
const OVERDOSE = 'medical.overdose';

export interface Decision {
  screening: Screening;
  plan: TurnPlan;
  /** What a model may judge, because no rule had a word; none at all with a risk. */
  options: readonly Tellable[];
}

/** A turn that ended before this one. */
export interface Earlier {
  userInput: string;
  /** The words that were shown. */
  text: string;
}

type Before = Pick<
  SessionRecord,
  'sessionId' | 'safety' | 'locale' | 'country' | 'progress' | 'memory' | 'lastTurn'
>;

/**
 * `earlier`: the last turns, oldest first, up to eight. `awayMs`: since the last one that was done. `hint`: what a model judged; it counts only where it is one of the
 * options that there are without it, and so never with a risk.
 */
export function decide(
  userInput: string,
  before: Before,
  earlier: readonly Earlier[],
  awayMs: number,
  hint?: string,
): Decision {
  const recent = earlier.slice(-2).map((turn) => turn.userInput);
  const screening = screen({ text: userInput, recent, mode: before.safety.mode });
  const isSelfHarm = selfHarm.has(screening.level) || screening.reasonCodes.includes(OVERDOSE);
  const { preprocessing, text } = perceive({
    original: userInput,
    plain: fold(userInput),
    selfHarm: { detected: isSelfHarm, phrases: isSelfHarm ? screening.phrases : [] },
  });
  const safety = reply(screening, before);
  if (safety) {
    const paused = pause(before.progress, isSelfHarm ? 'SELFHARM' : 'CRISIS');
    const plan = { preprocessing, ...paused, memory: before.memory ?? '', line: '', safety };
    return { screening, plan, options: [] };
  }
  const standing = { progress: before.progress, memory: readMemory(before.memory) };
  const step = navigate(standing, hear({ original: userInput, text, preprocessing }), awayMs, hint);
  const line = guideLine({
    sessionId: before.sessionId,
    n: before.lastTurn + 1,
    act: step.act,
    ack: step.ack,
    slots: step.standing.memory.slots,
    said: earlier.map((turn) => turn.text),
  });
  return {
    screening,
    plan: { preprocessing, navigation: step.navigation, ...kept(step.standing), line, safety },
    options: step.options,
  };
}

const kept = ({ progress, memory }: Standing) => ({ progress, memory: writeMemory(memory) });

/** Whether a stage of the screening has failed. */
export const isDegraded = ({ screening }: Decision): boolean => screening.reasonCodes.includes(DEGRADED);
