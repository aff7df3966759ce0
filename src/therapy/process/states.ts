// The guided process as a table (DOMAIN.md 2.2, 2.9). Each state lists, in order, what may be heard and what follows; the
// first that is true decides. What the names mean is in conditions.ts and outcomes.ts.
import type { Decision, RagQuery, StateId, Substate } from '../../contract/types.ts';
import type { Act } from './acts.ts';
import type { Condition } from './conditions.ts';
import type { Outcome } from './outcomes.ts';

export interface State {
  name: string;
  substate: Substate;
  /** What entering it is called on the wire (DOMAIN.md 4.2). */
  decision: Decision;
  query: RagQuery | null;
  /** Said to somebody who comes back with nothing but a greeting. */
  again: Act;
  on: readonly (readonly [Condition, Outcome])[];
}

export const states: Readonly<Record<StateId, State>> = {
  '1.1': {
    name: 'Goal inquiry',
    substate: '1.1_goal_and_vision',
    decision: 'clarify_goal',
    query: 'dr_q_goal_clarification',
    again: 'goal_again',
    on: [
      ['goal given', 'paint the vision'],
      ['goal asked three times', 'take being at ease as the goal'],
      ['a vague wish', 'offer kinds of feeling'],
      ['a problem, redirected less than twice', 'lead from the problem to the goal'],
      ['does not know', 'offer a menu of outcomes'],
      ['anything else', 'ask for the goal'],
    ],
  },
  '1.1_redirect': {
    name: 'Redirect to the goal',
    substate: '1.1_goal_and_vision',
    decision: 'clarify_goal',
    query: 'dr_q_redirect_outcome',
    again: 'goal_again',
    on: [
      ['goal given', 'paint the vision'],
      ['redirected twice', 'offer a menu of outcomes'],
      ['a vague wish', 'offer kinds of feeling'],
      ['does not know', 'offer a menu of outcomes, and stay'],
      ['anything else', 'lead from the problem to the goal'],
    ],
  },
  '1.2': {
    name: 'Build the vision',
    substate: '1.1_goal_and_vision',
    decision: 'build_vision',
    query: 'dr_q_future_self_vision_building',
    again: 'vision_check',
    on: [
      ['accepts the vision', 'explain the alarm of the body'],
      ['a new goal, vision shown three times', 'take the new goal and explain the alarm of the body'],
      ['a new goal', 'paint the vision anew'],
      ['vision shown three times', 'explain the alarm of the body'],
      ['rejects the vision', 'ask what fits better'],
      ['a question', 'say what the vision is for'],
      ['a second reply to the vision', 'explain the alarm of the body'],
      ['anything else', 'ask whether the vision fits'],
    ],
  },
  '1.3': {
    name: 'Permission (the yes to the vision)',
    substate: '1.1_goal_and_vision',
    decision: 'build_vision',
    query: 'dr_q_future_self_vision_building',
    again: 'vision_check',
    on: [['anything else', 'explain the alarm of the body']],
  },
  '1.1.5': {
    name: 'The alarm of the body',
    substate: '1.1.5_psycho_education',
    decision: 'provide_psycho_education',
    query: 'general_dr_q_approach',
    again: 'education_clarify',
    on: [
      ['a question or confusion, not yet clarified', 'explain the alarm once more'],
      ['place known', 'go on with the body'],
      ['problem known', 'seek the body'],
      ['anything else', 'ask for the problem'],
    ],
  },
  '2.1': {
    name: 'Problem inquiry',
    substate: '1.2_problem_and_body',
    decision: 'explore_problem',
    query: 'dr_q_problem_construction',
    again: 'problem_again',
    on: [
      ['place told', 'go on with the body'],
      ['quality told', 'ask for the place'],
      ['nothing more', 'ask what else there is'],
      ['problem told', 'seek the body'],
      ['problem asked twice', 'seek the body'],
      ['anything else', 'ask for the problem again'],
    ],
  },
  '2.1_seek': {
    name: 'Seek the body',
    substate: '1.2_problem_and_body',
    decision: 'body_awareness_inquiry',
    query: 'dr_q_body_symptom_present_moment_inquiry',
    again: 'seek_body_2',
    on: [
      ['place told', 'go on with the body'],
      ['quality told', 'ask for the place'],
      ['body asked three times', 'ask what else there is'],
      ['anything else', 'seek the body'],
    ],
  },
  '2.2': {
    name: 'Place in the body',
    substate: '1.2_problem_and_body',
    decision: 'body_awareness_inquiry',
    query: 'dr_q_body_location',
    again: 'location_options',
    on: [
      ['place told', 'go on with the body'],
      ['body asked three times', 'ask what else there is'],
      ['anything else', 'offer places'],
    ],
  },
  '2.3': {
    name: 'Quality of the feeling',
    substate: '1.2_problem_and_body',
    decision: 'body_symptoms_exploration',
    query: 'dr_q_sensation',
    again: 'sensation_options',
    on: [
      ['quality told', 'go on with the body'],
      ['body asked three times', 'ask whether it is there now'],
      ['anything else', 'offer qualities'],
    ],
  },
  '2.4': {
    name: 'Present check',
    substate: '1.2_problem_and_body',
    decision: 'present_moment_focus',
    query: 'dr_q_present_moment',
    again: 'present_ask',
    on: [
      ['felt now', 'ask how they know it'],
      ['guided to now before', 'ask how they know it'],
      ['anything else', 'guide to now'],
    ],
  },
  '2.5': {
    name: 'Pattern inquiry',
    substate: '1.2_problem_and_body',
    decision: 'pattern_inquiry',
    query: 'dr_q_how_do_you_know_technique',
    again: 'pattern_again',
    on: [
      ['pattern told', 'ask what else there is'],
      ['nothing more', 'offer the three steps'],
      ['something new besides, room for a second round', 'begin the second round'],
      ['an answer of its own', 'take it as the pattern'],
      ['pattern asked twice', 'ask what else there is'],
      ['anything else', 'ask how they know it, once more'],
    ],
  },
  '3.1': {
    name: 'Readiness',
    substate: '3.1_assess_readiness',
    decision: 'assess_readiness',
    query: 'dr_q_ready',
    again: 'readiness_again',
    on: [
      ['nothing more or ready', 'offer the three steps'],
      ['something new, room for a second round', 'begin the second round'],
      ['readiness asked twice', 'offer the three steps'],
      ['anything else', 'ask what else there is'],
    ],
  },
  '3.2': {
    name: 'The three steps, offered',
    substate: '3.1.5_alpha_permission',
    decision: 'assess_readiness',
    query: 'dr_q_ready',
    again: 'alpha_again',
    on: [
      ['says yes', 'begin the three steps'],
      ['closed', 'stay near'],
      ['says no', 'close without the three steps'],
      ['hesitates, not yet reassured', 'reassure'],
      ['three steps offered three times', 'close without the three steps'],
      ['anything else', 'offer the three steps again'],
    ],
  },
  '3.3': {
    name: 'The three steps',
    substate: '3.2_alpha_sequence',
    decision: 'general_inquiry',
    query: null,
    again: 'alpha_jaw_unclear',
    on: [
      ['closed, says yes', 'resume the three steps'],
      ['closed', 'stay near'],
      ['stops', 'stop the three steps'],
      ['calm', 'go to the next step'],
      ['step tried four times', 'leave the step as it is'],
      ['anything else', 'try the step again'],
    ],
  },
  '3.4': {
    name: 'After the three steps',
    substate: 'stage_1_complete',
    decision: 'general_inquiry',
    query: 'dr_q_transition_to_intervention',
    again: 'noticed',
    on: [
      ['something good', 'link it to the vision'],
      ['anything else', 'compare with the beginning'],
    ],
  },
  '3.5': {
    name: 'Link to the vision',
    substate: 'stage_1_complete',
    decision: 'general_inquiry',
    query: 'dr_q_future_self_vision_building',
    again: 'link',
    on: [['anything else', 'compare with the beginning']],
  },
  '3.6': {
    name: 'Compare with the beginning',
    substate: 'stage_1_complete',
    decision: 'general_inquiry',
    query: 'dr_q_transition_to_intervention',
    again: 'compare',
    on: [['anything else', 'close']],
  },
  '4.1': {
    name: 'Ready for what is next',
    substate: 'stage_1_complete',
    decision: 'transition_to_stage_2',
    query: 'dr_q_transition_to_intervention',
    again: 'rest',
    on: [['anything else', 'rest']],
  },
};

/** The order of the coarse states, as the table has them; a session never goes back in it. */
export const substates: readonly Substate[] = [
  ...new Set(Object.values(states).map(({ substate }) => substate)),
];
