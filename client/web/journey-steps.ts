// Which of the seven steps a session is on, and what the step is called.
import type { SessionInfo } from '../sdk/api.ts';
import type { WordKey } from './words.ts';

type Substate = SessionInfo['current_substate'];

const steps = [
  ['1.1_goal_and_vision', 'parts.journey.wish'],
  ['1.1.5_psycho_education', 'parts.journey.learn'],
  ['1.2_problem_and_body', 'parts.journey.notice'],
  ['3.1_assess_readiness', 'parts.journey.more'],
  ['3.1.5_alpha_permission', 'parts.journey.pause'],
  ['3.2_alpha_sequence', 'parts.journey.exercise'],
  ['stage_1_complete', 'parts.journey.end'],
] as const satisfies readonly (readonly [Substate, WordKey])[];

export const STEPS = steps.length;

/** Counted from 1; undefined for a state this page does not know. */
export function stepOf(substate: string): { step: number; name: WordKey } | undefined {
  const at = steps.findIndex(([known]) => known === substate);
  const found = steps[at];
  return found && { step: at + 1, name: found[1] };
}
