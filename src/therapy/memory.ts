// What the process remembers of a session beside what the wire shows of it (SessionProgress).
import type { AlphaStep, PriorityState, SessionProgress, StateId } from '../contract/types.ts';
import { initialProgress } from './progress.ts';

/** What the person has told; a filled slot is not asked for again. */
export interface Slots {
  goal: string | null;
  /** A stressor, in words that fit behind "about". */
  trouble: string | null;
  emotion: string | null;
  /** Whether a worry of any kind was told. */
  problem: boolean;
  location: string | null;
  sensation: string | null;
  present: boolean;
  pattern: boolean;
}

export interface Memory {
  version: 1;
  slots: Slots;
  /** How often each state's own question was spoken. */
  asks: Partial<Record<StateId, number>>;
  /** Emotions and stressors named so far, the newest last. */
  named: string[];
  cycle: 1 | 2;
  /** Replies to the vision that neither took it nor turned it down. */
  visionAsides: number;
  educationClarified: boolean;
  /** Whether the person was asked once to notice what is there now. */
  guidedToNow: boolean;
  alpha: {
    /** The step to be tried, 0 to 2; 3 when all are over. */
    step: number;
    attempt: number;
    /** The answers to the checkpoints that ended a step. */
    outcomes: ('calm' | 'not calm')[];
    reassured: boolean;
    /** Turned down or stopped; a later yes opens it again. */
    closed: boolean;
  };
  overrides: {
    /** The state that answered, or would have, on the last turn. */
    last: PriorityState | null;
    /** Turns in a row on which any matched, and on which the last one did. */
    run: number;
    same: number;
    /** Since the last useful answer. */
    idle: number;
  };
  engagement: {
    silences: number;
    confusions: number;
    /** Replies of at most three words in a row. */
    short: number;
    /** Turns since the person was last told that a few words are enough. */
    sinceCheck: number;
    /** Of the last ten turns, which were low: the newest last. */
    low: boolean[];
  };
}

/** Where a session stands: what the wire shows, and what it does not. */
export interface Standing {
  progress: SessionProgress;
  memory: Memory;
}

export const alphaSteps: readonly AlphaStep[] = ['LOWER_JAW', 'RELAX_TONGUE', 'BREATHE_SLOWER'];

function initialMemory(): Memory {
  return {
    version: 1,
    slots: {
      goal: null,
      trouble: null,
      emotion: null,
      problem: false,
      location: null,
      sensation: null,
      present: false,
      pattern: false,
    },
    asks: {},
    named: [],
    cycle: 1,
    visionAsides: 0,
    educationClarified: false,
    guidedToNow: false,
    alpha: { step: 0, attempt: 1, outcomes: [], reassured: false, closed: false },
    overrides: { last: null, run: 0, same: 0, idle: 0 },
    engagement: { silences: 0, confusions: 0, short: 0, sinceCheck: 0, low: [] },
  };
}

export const initialStanding = (): Standing => ({ progress: initialProgress(), memory: initialMemory() });

/** What is known and not asked for again. */
export type Answered = 'goal' | 'problem' | 'location' | 'sensation' | 'present' | 'pattern';

export function answeredBy(slots: Slots): Answered[] {
  const known: readonly (readonly [Answered, boolean])[] = [
    ['goal', slots.goal !== null],
    ['problem', slots.problem],
    ['location', slots.location !== null],
    ['sensation', slots.sensation !== null],
    ['present', slots.present],
    ['pattern', slots.pattern],
  ];
  return known.flatMap(([name, isKnown]) => (isKnown ? [name] : []));
}

/** The form in which a store keeps it. */
export const writeMemory = (memory: Memory): string => JSON.stringify(memory);

/** Whether a value has all that `like` has, of the same kinds; where `like` has nothing yet, a text may stand. */
function hasShape(value: unknown, like: unknown): boolean {
  if (like === null) return value === null || typeof value === 'string';
  if (Array.isArray(like)) return Array.isArray(value);
  if (typeof like !== 'object') return typeof value === typeof like;
  if (typeof value !== 'object' || value === null) return false;
  const entries = new Map(Object.entries(value));
  return Object.entries(like).every(([key, part]) => hasShape(entries.get(key), part));
}

const isMemory = (value: unknown): value is Memory => hasShape(value, initialMemory());

/** What `writeMemory` wrote. Nothing, what is damaged, and what another version wrote begin anew: the criteria stay, they lie elsewhere. */
export function readMemory(text: string | null): Memory {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isMemory(value) && value.version === 1 ? value : initialMemory();
  } catch {
    return initialMemory();
  }
}
