// What the rules make of an input in the light of its session: the safety first, then the guided process. Pure.
import type { SafetyLevel } from '../contract/types.ts';
import { writeCare } from '../safety/care.ts';
import type { ClientCare } from '../safety/care.ts';
import { consider } from '../safety/consider.ts';
import type { Considered } from '../safety/consider.ts';
import { DEGRADED } from '../safety/screen.ts';
import type { SessionRecord, TurnPlan } from '../store/store.ts';
import { guideLine } from '../therapy/guide.ts';
import { hear } from '../therapy/hear/hear.ts';
import { readMemory, writeMemory } from '../therapy/memory.ts';
import type { Standing } from '../therapy/memory.ts';
import type { Tellable } from '../therapy/process/conditions.ts';
import { navigate, pause, resume } from '../therapy/navigate.ts';
import type { Step } from '../therapy/navigate.ts';
import { perceive } from '../therapy/perceive.ts';

/** What the older service's field `self_harm_detected` tells of: harm to oneself, not every risk. */
const selfHarm: ReadonlySet<SafetyLevel> = new Set<SafetyLevel>([
  'passive',
  'active',
  'plan',
  'past_attempt',
]);
const OVERDOSE = 'medical.overdose';

export interface Decision extends Considered {
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
  | 'sessionId'
  | 'safety'
  | 'care'
  | 'locale'
  | 'country'
  | 'ageBand'
  | 'human'
  | 'progress'
  | 'memory'
  | 'lastTurn'
>;

/** What else a decision rests on. */
export interface Circumstances {
  /** The last turns, oldest first, up to eight. */
  earlier: readonly Earlier[];
  /** Since the last one that was done. */
  awayMs: number;
  now: number;
  /** What is known of the client from its other sessions. */
  client: ClientCare | null;
  /** A name for the session in the audit, if it has none yet. */
  ref: string;
}

/** `hint`: what a model judged; it counts only where it is one of the options that there are without it, and so never with a risk. */
export function decide(
  userInput: string,
  before: Before,
  circumstances: Circumstances,
  hint?: string,
): Decision {
  const { earlier, client, ref, now } = circumstances;
  const recent = earlier.slice(-2).map((turn) => turn.userInput);
  const considered = consider({ userInput, recent, care: before.care, client, session: before, ref, now });
  const { level, screening, notice, line, safety, care: next } = considered;
  const isSelfHarm = selfHarm.has(level) || screening.reasonCodes.includes(OVERDOSE);
  const { preprocessing, text } = perceive({
    original: userInput,
    plain: screening.plain,
    selfHarm: { detected: isSelfHarm, phrases: isSelfHarm ? screening.phrases : [] },
  });
  const awaitsHuman = !notice && before.human !== null && before.human.untilAt > now;
  const isLed = considered.lead !== '';
  const care = { safety, isFixed: isFixedLine(considered), awaitsHuman, ref: next.ref };
  if (notice || line || awaitsHuman) {
    const paused = pause(before.progress, isSelfHarm ? 'SELFHARM' : 'CRISIS');
    const spoken = { line: line?.text ?? considered.fallback, safety: notice, care };
    const plan = { preprocessing, ...paused, memory: before.memory ?? '', ...spoken };
    return { ...considered, plan, options: [] };
  }
  const said = { original: userInput, text, preprocessing };
  const step = stepOf(considered, before, said, circumstances.awayMs, hint);
  const plan = {
    preprocessing,
    navigation: step.navigation,
    ...kept(step.standing),
    line: lineOf(considered.lead, step, before, earlier),
    safety: null,
    care,
  };
  return { ...considered, plan, options: isLed ? [] : step.options };
}

/** Whether no model is asked: what is said stands. */
const isFixedLine = ({ notice, line, lead }: Considered): boolean =>
  notice !== null || line?.isFixed === true || lead !== '';

/** Where the guided process goes; after a rest it takes up its question again. */
function stepOf(
  { act }: Considered,
  before: Before,
  said: Parameters<typeof hear>[0],
  awayMs: number,
  hint: string | undefined,
): Step {
  const standing = { progress: before.progress, memory: readMemory(before.memory) };
  const isResumed = act.kind === 'process' && act.resumes;
  return isResumed ? resume(standing) : navigate(standing, hear(said), awayMs, hint);
}

function lineOf(lead: string, step: Step, before: Before, earlier: readonly Earlier[]): string {
  const line = guideLine({
    sessionId: before.sessionId,
    n: before.lastTurn + 1,
    act: step.act,
    ack: lead === '' ? step.ack : null,
    slots: step.standing.memory.slots,
    said: earlier.map((turn) => turn.text),
  });
  return lead === '' ? line : `${lead}\n\n${line}`;
}

const kept = ({ progress, memory }: Standing) => ({ progress, memory: writeMemory(memory) });

/** Whether a stage of the screening has failed. */
export const isDegraded = ({ screening }: Decision): boolean => screening.reasonCodes.includes(DEGRADED);

/** What is stored of it for the session. */
export const storedCare = ({ care }: Decision): string => writeCare(care);
