// The priority states: what may answer a turn in place of the numbered state (DOMAIN.md 2.7). The first that matches does.
import type { Decision, PriorityState, RagQuery, StateId } from '../../contract/types.ts';
import type { Act } from './acts.ts';
import type { Heard } from '../hear/hear.ts';
import type { Situation } from './conditions.ts';

interface Override {
  id: PriorityState;
  when: (situation: Situation) => boolean;
  act: (situation: Situation) => Act;
  decision: Decision;
  query: RagQuery;
}

/** A longer input only mentions it in passing. */
const OFF_WORDS = 25;
/** Words from which on an input without a word of the body is interrupted. */
const RAMBLING_WORDS = 120;
/** From here on only safety comes before the numbered state. */
const undisturbed: ReadonlySet<StateId> = new Set<StateId>(['3.2', '3.3', '3.4', '3.5', '3.6', '4.1']);
const IN_A_ROW_MAX = 3;
/** Overrides between two useful answers: with them, nobody is kept from the end for more than forty turns. */
export const IDLE_MAX = 5;

const silentActs = ['silent_1', 'silent_2', 'silent_3'] as const;
/** "I think so", "I believe that is everything": an answer, whatever it begins with. */
const isAnswer = (heard: Heard): boolean =>
  heard.length <= 12 &&
  (heard.accepts || heard.weaklyAccepts || heard.nothingMore || heard.isReady) &&
  !heard.tellsCause;

const isUpset = (heard: Heard): boolean =>
  heard.emotion !== null || heard.intensity > 0 || (heard.tellsProblem && heard.stressor === null);

const tellsSomething = ({ heard, news }: Situation): boolean =>
  heard.location !== null || heard.sensation !== null || heard.goal !== null || news.length > 0;

const ladder: readonly Override[] = [
  {
    id: 'EMOTION',
    when: ({ heard }) =>
      !heard.isPositive &&
      heard.location === null &&
      !((heard.accepts || heard.nothingMore) && heard.emotion === null) &&
      (heard.shouts || ((heard.isLoud || heard.exclaims >= 2) && isUpset(heard))),
    act: () => 'emotion',
    decision: 'validate_emotion',
    query: 'general_dr_q_approach',
  },
  {
    id: 'CRY',
    when: ({ heard }) => heard.cries,
    act: () => 'cry',
    decision: 'support_crying',
    query: 'general_dr_q_approach',
  },
  {
    id: 'SILENT',
    when: ({ heard }) => heard.isSilent,
    act: ({ standing }) => silentActs[standing.memory.engagement.silences - 1] ?? 'silent_3',
    decision: 'prompt_silence',
    query: 'general_dr_q_approach',
  },
  {
    id: 'PAST',
    when: ({ heard, state }) => heard.isPast && !(state === '2.4' && heard.affirmsPresent),
    act: () => 'past',
    decision: 'redirect_past',
    query: 'dr_q_present_moment',
  },
  {
    id: 'THINK',
    // an explanation answers the question for the pattern, and a named worry the question for the problem
    when: ({ heard, state, news }) =>
      heard.isThinking &&
      !isAnswer(heard) &&
      state !== '2.5' &&
      !(state === '2.1' && (news.length > 0 || heard.named.length > 0)),
    act: () => 'think',
    decision: 'redirect_thinking',
    query: 'dr_q_think_redirect',
  },
  {
    id: 'RESISTANCE',
    when: ({ heard }) => heard.resists && heard.goal === null,
    act: () => 'resistance',
    decision: 'acknowledge_resistance',
    query: 'general_dr_q_approach',
  },
  {
    id: 'VALID',
    when: ({ heard }) => heard.asksNormal,
    act: () => 'valid',
    decision: 'normalise',
    query: 'general_dr_q_approach',
  },
  {
    id: 'RELATION',
    when: ({ heard }) => heard.pleasesOthers && heard.goal === null,
    act: () => 'relation',
    decision: 'redirect_relation',
    query: 'dr_q_to_body',
  },
  {
    id: 'RAMBLING',
    when: (s) =>
      s.heard.length > RAMBLING_WORDS &&
      s.heard.location === null &&
      s.sensation === null &&
      s.heard.goal === null &&
      s.state !== '2.1',
    act: () => 'rambling',
    decision: 'interrupt_rambling',
    query: 'dr_q_to_body',
  },
  {
    id: 'OFF',
    when: (s) => s.heard.isOffTopic && s.heard.length <= OFF_WORDS && !tellsSomething(s),
    act: () => 'off',
    decision: 'redirect_off_topic',
    query: 'general_dr_q_approach',
  },
];

/**
 * What answers this turn in place of its state: an override; `offer` when three redirects of one kind did not help and the three
 * steps are offered instead; nothing when none matches, or when overrides have answered long enough. Counts in the draft.
 */
export function overrideOf(situation: Situation): Override | 'offer' | undefined {
  const { state, standing } = situation;
  const counts = standing.memory.overrides;
  const found = undisturbed.has(state) ? undefined : ladder.find(({ when }) => when(situation));
  counts.run = found ? counts.run + 1 : 0;
  counts.same = found && found.id === counts.last ? counts.same + 1 : 1;
  counts.last = found?.id ?? null;
  if (!found) return undefined;
  const isRedirect = found.id === 'PAST' || found.id === 'THINK';
  if (isRedirect && counts.same > IN_A_ROW_MAX) return 'offer';
  if (counts.run > IN_A_ROW_MAX || counts.idle >= IDLE_MAX) return undefined;
  counts.idle += 1;
  return found;
}
