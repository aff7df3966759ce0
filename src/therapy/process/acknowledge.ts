// The short sentence before the guide's line: what was heard is acknowledged before anything is asked.
import type { StateId } from '../../contract/types.ts';
import type { Ack, Act } from './acts.ts';
import type { Situation } from './conditions.ts';
import { takesBody } from './remember.ts';
import type { Standing } from '../memory.ts';
import type { Say } from './outcomes.ts';

/** Lines that take up what was said by themselves. */
const wholeActs: ReadonlySet<Act> = new Set<Act>([
  'bye',
  'vision_bright',
  'rest',
  'rest_open',
  'rest_hard',
  'rest_again',
  'rest_here',
  'goal_ask',
  'goal_kinds',
  'goal_redirect',
  'vision',
  'education_clarify',
  'alpha_reassure',
  'alpha_declined',
  'alpha_stopped',
  'alpha_jaw_tense',
  'alpha_jaw_neutral',
  'alpha_jaw_unclear',
  'alpha_tongue_tense',
  'alpha_tongue_neutral',
  'alpha_tongue_unclear',
  'alpha_breath_tense',
  'alpha_breath_neutral',
  'alpha_breath_unclear',
  'noticed',
  'close',
]);

/** Words from which on it is said that much was told. */
const LONG_WORDS = 60;

/** States whose question a word or two may well answer. */
const asksOpenly: ReadonlySet<StateId> = new Set<StateId>([
  '1.1',
  '1.1_redirect',
  '2.1',
  '2.1_seek',
  '2.2',
  '2.3',
  '2.5',
]);

/** What else came with the turn. */
export interface Moment {
  isBack: boolean;
  isGoalChanged: boolean;
  isAffirmed: boolean;
}

/** Four short replies in a row: it is said that a few words are enough, at most every third turn. */
function needsCheckIn({ engagement }: Standing['memory']): boolean {
  if (engagement.short < 4 || engagement.sinceCheck < 3) return false;
  engagement.sinceCheck = 0;
  return true;
}

/** By what was heard; the first that fits. */
function ackOf({ heard, location, sensation, news, state, standing }: Situation): Ack {
  const cases: readonly (readonly [Ack, boolean])[] = [
    ['place', location !== null && takesBody(state)],
    ['sensation', sensation !== null],
    ['present', state === '2.4' && standing.memory.slots.present],
    ['pattern', state === '2.5' && standing.memory.slots.pattern],
    ['emotion', news.length > 0 && heard.emotion !== null],
    ['trouble', news.length > 0 && heard.stressor !== null],
    ['thanks', heard.thanks],
    ['unsure', heard.isUnsure],
    ['question', heard.isQuestion || heard.isConfused],
    ['long', heard.length > LONG_WORDS],
    ['enough', heard.nothingMore && !heard.adds && (state === '2.5' || state === '3.1')],
    ['no', heard.refuses],
    ['yes', heard.accepts],
  ];
  return cases.find(([, fits]) => fits)?.[0] ?? 'plain';
}

/** In the middle of the three steps a hard word gets a human one. */
const suffersInSteps = (say: Say, { state, heard }: Situation): boolean =>
  state === '3.3' && say.to === '3.3' && (heard.suffers || heard.cries);

/** What is said before the line, if anything. Counts the check-in in the draft. */
export function ackBefore(say: Say, situation: Situation, now: Moment): Ack | null {
  const { heard, standing } = situation;
  if (heard.asksWho) return 'who';
  if (now.isBack) return 'back';
  if (now.isGoalChanged) return 'goal_changed';
  if (say.ack) return say.ack;
  if (suffersInSteps(say, situation)) return 'hurt';
  if (wholeActs.has(say.act) || heard.isSilent) return null;
  if (now.isAffirmed) return 'affirm';
  const ack = ackOf(situation);
  const isMere = (ack === 'plain' || ack === 'yes') && asksOpenly.has(say.to);
  return isMere && needsCheckIn(standing.memory) ? 'short' : ack;
}
