// What a turn leaves behind: slots, criteria, and how well the conversation goes (DOMAIN.md 2.5, 2.6, 5.6).
import type { StateId } from '../../contract/types.ts';
import type { Situation, Tellable } from './conditions.ts';
import type { Heard } from '../hear/hear.ts';
import type { Standing } from '../memory.ts';

const NAMED_MAX = 40;
const LOW_WINDOW = 10;
/** Words from which on an answer to the question for the problem counts as one, and one to the question for the pattern. */
const PROBLEM_WORDS = 4;
const PATTERN_WORDS = 6;
const CONTENT_WORDS = 4;
const FORM_WORDS = 5;

export const isBodyState = (state: StateId): boolean => state.startsWith('2.');

const afterBody: ReadonlySet<StateId> = new Set<StateId>(['3.2', '3.3', '3.4', '3.5', '3.6', '4.1']);

/** In these states a word for a place or a quality is told for the process; later it belongs to the three steps. */
export const takesBody = (state: StateId): boolean => !afterBody.has(state);

function tellsProblem({ heard, state, news }: Situation): boolean {
  if (state === '2.1' && heard.looseWorry !== null) return true;
  if (news.length > 0 || (isBodyState(state) && heard.tellsCause)) return true;
  const isAnswer =
    heard.length >= PROBLEM_WORDS && !heard.isUnsure && !heard.isQuestion && !heard.nothingMore;
  return state === '2.1' && (heard.tellsProblem || isAnswer);
}

/** Writes what was told into the slots. */
export function note(situation: Situation): void {
  const { standing, heard, state, location, sensation, news } = situation;
  const { slots } = standing.memory;
  standing.memory.named = [...standing.memory.named, ...news].slice(-NAMED_MAX);
  slots.problem ||= tellsProblem(situation);
  slots.emotion = heard.emotion ?? slots.emotion;
  const asked = state === '2.1' ? heard.looseWorry : null;
  slots.trouble = heard.stressor ?? asked ?? slots.trouble;
  slots.location = location ?? slots.location;
  slots.sensation = sensation ?? slots.sensation;
  slots.present ||= isFeltNow(situation);
  slots.pattern ||= state === '2.5' && heard.hasPattern && heard.length >= PATTERN_WORDS;
}

/** What was judged counts like what was heard. */
export function noteJudged({ standing }: Situation, judged: Tellable): void {
  const { slots } = standing.memory;
  const isKnown = slots.location !== null || slots.sensation !== null;
  if (judged === 'felt now' && isKnown) slots.present = true;
}

/** A feeling that is known is there now, by its own words or in answer to just that question. */
function isFeltNow({ standing, heard, state }: Situation): boolean {
  const { location, sensation } = standing.memory.slots;
  if ((location === null && sensation === null) || heard.isAbsent) return false;
  if (heard.isPresent) return true;
  return state === '2.4' && (heard.affirmsPresent || heard.accepts) && !heard.refuses && !heard.isUnsure;
}

/** Takes a goal that is told in passing for the one before. */
export function takeChangedGoal({ state, standing, heard }: Situation): boolean {
  const { slots } = standing.memory;
  const isLater = slots.goal !== null && state !== '1.2' && takesBody(state);
  if (!isLater || heard.goal === null || heard.goal === slots.goal) return false;
  slots.goal = heard.goal;
  return true;
}

/** Short answers that only take or refuse what was said. */
function isForm(heard: Heard): boolean {
  if (heard.isUnsure || heard.isConfused || heard.isGreeting) return true;
  return heard.length <= FORM_WORDS && (heard.accepts || heard.refuses || heard.nothingMore);
}

/** A reply with something in it. `gained`: it filled a slot. */
function isContent(heard: Heard, gained: boolean): boolean {
  const tells = heard.location !== null || heard.sensation !== null || heard.emotion !== null;
  return (gained && tells) || (!isForm(heard) && (gained || heard.length >= CONTENT_WORDS));
}

const leavesEducation = ({ state, standing, heard }: Situation): boolean =>
  state === '1.1.5' && standing.progress.state_id !== state && !heard.isConfused;

/** The criteria that the slots and the way so far make true. None ever turns false. `before`: the process as it was. */
export function settle(situation: Situation, before: Standing): void {
  const { state, heard, location, sensation, standing } = situation;
  const { completion_criteria: criteria, criteria_detail: detail, state_id: to } = standing.progress;
  const { slots } = standing.memory;
  criteria.problem_identified ||= slots.problem && (isBodyState(state) || isBodyState(to));
  if (takesBody(state)) {
    const [tellsPlace, tellsQuality] = [location !== null, sensation !== null];
    criteria.body_location_identified ||= tellsPlace;
    criteria.body_sensation_identified ||= tellsQuality;
    criteria.body_awareness_present ||= tellsPlace || tellsQuality;
    criteria.present_moment_focus ||= slots.present;
    const gained = JSON.stringify(slots) !== JSON.stringify(before.memory.slots);
    criteria.rapport_established ||=
      before.progress.completion_criteria.vision_created && isContent(heard, gained);
  }
  criteria.pattern_understood ||= slots.pattern;
  detail.emotion_identified ||= slots.emotion !== null;
  detail.education_understood ||= leavesEducation(situation);
}

/** Next to nothing: a word or two that neither tell nor take nor refuse anything. */
function isLowReply(heard: Heard): boolean {
  if (heard.isSilent || heard.isConfused || heard.isUnsure) return heard.length < 5;
  const tells = heard.location ?? heard.sensation ?? heard.looseSensation ?? heard.bareGoal ?? heard.emotion;
  const answers =
    heard.accepts || heard.refuses || heard.nothingMore || heard.affirmsPresent || heard.isPresent;
  return heard.length < 3 && tells === null && !answers && heard.checkpoint === 'unclear';
}

/** Counts silence, confusion and short replies; says when a person should take over. */
export function engage(standing: Standing, heard: Heard): void {
  const { engagement } = standing.memory;
  engagement.silences = heard.isSilent ? engagement.silences + 1 : 0;
  engagement.confusions += heard.isConfused ? 1 : 0;
  engagement.short = heard.length <= 3 ? engagement.short + 1 : 0;
  engagement.sinceCheck += 1;
  const isLow = isLowReply(heard);
  engagement.low = [...engagement.low, isLow].slice(-LOW_WINDOW);
  const lows = engagement.low.filter(Boolean).length;
  standing.progress.handoff_recommended = engagement.silences >= 3 || engagement.confusions >= 5 || lows >= 7;
}

/** What a useful answer fills; what is taken for granted or asked for in vain is not among it. */
export function isUseful({ heard, standing, state }: Situation, before: Standing): boolean {
  const { goal, emotion, trouble, location, sensation, present } = standing.memory.slots;
  const was = before.memory.slots;
  const tellsGoal = (heard.goal ?? heard.bareGoal) !== null && goal !== was.goal;
  const tellsWorry = emotion !== was.emotion || trouble !== was.trouble;
  const tellsBody = location !== was.location || sensation !== was.sensation || present !== was.present;
  return takesBody(state) && (tellsGoal || tellsWorry || tellsBody);
}
