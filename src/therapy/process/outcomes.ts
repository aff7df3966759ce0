// What follows in a state: the names in states.ts, each with what it does to the session and what the guide then says.
import type { StateId } from '../../contract/types.ts';
import type { Ack, Act } from './acts.ts';
import { goalIn } from './conditions.ts';
import type { Situation } from './conditions.ts';
import { alphaSteps } from '../memory.ts';
import type { Standing } from '../memory.ts';

export interface Say {
  /** The state that is spoken from; the numbered state from now on. */
  to: StateId;
  act: Act;
  /** Said before it; absent: what fits what was heard. */
  ack?: Ack;
}

/** Changes the draft in the situation. */
type Effect = (situation: Situation) => Say;

/** What the guide takes as the goal of somebody who cannot name one (DOMAIN.md 2.6). */
const EASE = 'at ease';
/** Words from which on a person counts as one who writes much, or replies in a row as one who writes little. */
const MUCH = 60;
const LITTLE = 2;

function educationFor({ heard, standing }: Situation): Act {
  if (heard.length >= MUCH) return 'education_full';
  return standing.memory.engagement.short >= LITTLE ? 'education_brief' : 'education_concise';
}

function educate(situation: Situation): Say {
  const { completion_criteria: criteria, criteria_detail: detail } = situation.standing.progress;
  criteria.vision_created = true;
  detail.psycho_education_provided = true;
  return { to: '1.1.5', act: educationFor(situation) };
}

/** Goals with life in them get a livelier picture. */
const bright: ReadonlySet<string> = new Set([
  'alive',
  'brave',
  'full of energy',
  'strong',
  'confident',
  'free',
  'happy',
  'joyful',
  'proud',
  'motivated',
]);

function paint({ standing }: Situation, goal: string, ack: Ack): Say {
  standing.memory.slots.goal = goal;
  standing.progress.completion_criteria.goal_established = true;
  standing.progress.criteria_detail.vision_presented = true;
  return { to: '1.2', act: bright.has(goal.split(' and ')[0] ?? '') ? 'vision_bright' : 'vision', ack };
}

function seek({ standing }: Situation): Say {
  const before = standing.memory.asks['2.1_seek'] ?? 0;
  return {
    to: '2.1_seek',
    act: (['seek_body_1', 'seek_body_2', 'seek_body_3'] as const)[before] ?? 'seek_body_3',
  };
}

function ready({ standing }: Situation): Say {
  return { to: '3.1', act: (standing.memory.asks['3.1'] ?? 0) > 0 ? 'readiness_again' : 'readiness_ask' };
}

function offer({ standing }: Situation): Say {
  return { to: '3.2', act: (standing.memory.asks['3.2'] ?? 0) > 0 ? 'alpha_again' : 'alpha_offer' };
}

/** The first slot that is not filled is asked for. */
function nextOfBody(situation: Situation): Say {
  const { slots, asks } = situation.standing.memory;
  if (slots.location === null) return { to: '2.2', act: 'location_ask' };
  if (slots.sensation === null) return { to: '2.3', act: 'sensation_ask' };
  if (!slots.present) return { to: '2.4', act: 'present_ask' };
  if (!slots.pattern) return { to: '2.5', act: (asks['2.5'] ?? 0) > 0 ? 'pattern_again' : 'pattern_ask' };
  return ready(situation);
}

function howTheyKnow(situation: Situation): Say {
  return situation.standing.memory.slots.pattern ? ready(situation) : { to: '2.5', act: 'pattern_ask' };
}

/** What is said after the end: short, unless something is hard or asked. */
function restFor({ heard, standing }: Situation, act: Act): Act {
  if (heard.isWorse || heard.suffers || heard.emotion !== null) return 'rest_hard';
  if (heard.asksAgain && standing.memory.alpha.outcomes.length > 0) return 'rest_again';
  return heard.asksHere ? 'rest_here' : act;
}

const stepActs = ['alpha_jaw', 'alpha_tongue', 'alpha_breath'] as const;

/** The checkpoint of the step that is tried, asked again. */
export const askStep = ({ memory }: Standing): Act => `${stepActs[memory.alpha.step] ?? 'alpha_jaw'}_unclear`;

function tryStep({ standing }: Situation, attempt: number, act: Act, ack?: Ack): Say {
  const { alpha } = standing.memory;
  alpha.attempt = attempt;
  alpha.closed = false;
  standing.progress.alpha = { step: alphaSteps[alpha.step] ?? 'LOWER_JAW', attempt };
  standing.progress.criteria_detail.alpha_started = true;
  standing.progress.criteria_detail.alpha_declined = false;
  return { to: '3.3', act, ...(ack && { ack }) };
}

function endStep(situation: Situation, outcome: 'calm' | 'not calm', ack: Ack): Say {
  const { memory, progress } = situation.standing;
  memory.alpha.outcomes.push(outcome);
  memory.alpha.step += 1;
  const act = stepActs[memory.alpha.step];
  if (act) return tryStep(situation, 1, act, ack);
  progress.alpha = null;
  progress.completion_criteria.alpha_state_achieved = true;
  progress.completion_criteria.ready_for_stage_2 = true;
  return { to: '3.4', act: 'noticed', ack };
}

function closeAlpha({ standing, state }: Situation, act: Act): Say {
  standing.memory.alpha.closed = true;
  standing.progress.alpha = null;
  standing.progress.criteria_detail.alpha_declined = true;
  return { to: state, act };
}

function retry(situation: Situation): Say {
  const { heard, standing } = situation;
  const { step, attempt } = standing.memory.alpha;
  const kind = heard.checkpoint === 'tense' || heard.checkpoint === 'neutral' ? heard.checkpoint : 'unclear';
  return tryStep(situation, attempt + 1, `${stepActs[step] ?? 'alpha_jaw'}_${kind}`);
}

export const outcomes = {
  'ask for the goal': ({ standing }) => ({
    to: '1.1',
    act: (standing.memory.asks['1.1'] ?? 0) > 0 ? 'goal_again' : 'goal_ask',
  }),
  'offer kinds of feeling': ({ state }) => ({ to: state, act: 'goal_kinds' }),
  'offer a menu of outcomes': () => ({ to: '1.1', act: 'goal_menu' }),
  'offer a menu of outcomes, and stay': ({ state }) => ({ to: state, act: 'goal_menu' }),
  'lead from the problem to the goal': () => ({ to: '1.1_redirect', act: 'goal_redirect' }),
  'take being at ease as the goal': (s) => paint(s, EASE, 'goal_taken'),
  'paint the vision': (s) => paint(s, goalIn(s) ?? EASE, 'goal'),
  'paint the vision anew': (s) => paint(s, goalIn(s) ?? EASE, 'goal_changed'),
  'take the new goal and explain the alarm of the body': (s) => {
    s.standing.memory.slots.goal = goalIn(s);
    return { ...educate(s), ack: 'goal_changed' };
  },
  'ask what fits better': () => ({ to: '1.2', act: 'vision_again' }),
  'say what the vision is for': () => ({ to: '1.2', act: 'vision_explain' }),
  'ask whether the vision fits': ({ standing }) => {
    standing.memory.visionAsides += 1;
    return { to: '1.2', act: 'vision_check' };
  },
  'explain the alarm of the body': educate,
  'explain the alarm once more': ({ standing }) => {
    standing.memory.educationClarified = true;
    return { to: '1.1.5', act: 'education_clarify' };
  },
  'ask for the problem': ({ standing }) => {
    standing.progress.criteria_detail.problem_asked = true;
    return { to: '2.1', act: 'problem_ask' };
  },
  'ask for the problem again': () => ({ to: '2.1', act: 'problem_again' }),
  'seek the body': seek,
  'ask for the place': () => ({ to: '2.2', act: 'location_ask' }),
  'offer places': () => ({ to: '2.2', act: 'location_options' }),
  'offer qualities': () => ({ to: '2.3', act: 'sensation_options' }),
  'go on with the body': nextOfBody,
  'ask whether it is there now': (s) =>
    s.standing.memory.slots.present ? howTheyKnow(s) : { to: '2.4', act: 'present_ask' },
  'guide to now': ({ standing }) => {
    standing.memory.guidedToNow = true;
    return { to: '2.4', act: 'present_guide' };
  },
  'ask how they know it': howTheyKnow,
  'ask how they know it, once more': () => ({ to: '2.5', act: 'pattern_again' }),
  'begin the second round': (s) => {
    const { memory, progress } = s.standing;
    memory.cycle = 2;
    memory.guidedToNow = false;
    Object.assign(memory.slots, { location: null, sensation: null, present: false });
    progress.criteria_detail.second_cycle = true;
    return { ...seek(s), ack: 'more' };
  },
  'ask what else there is': ready,
  'take it as the pattern': (s) => {
    s.standing.memory.slots.pattern = true;
    return ready(s);
  },
  'offer the three steps': offer,
  'offer the three steps again': () => ({ to: '3.2', act: 'alpha_again' }),
  reassure: ({ standing }) => {
    standing.memory.alpha.reassured = true;
    return { to: '3.2', act: 'alpha_reassure' };
  },
  'begin the three steps': (s) => tryStep(s, 1, stepActs[s.standing.memory.alpha.step] ?? 'alpha_jaw'),
  'resume the three steps': (s) => tryStep(s, 1, stepActs[s.standing.memory.alpha.step] ?? 'alpha_jaw'),
  'close without the three steps': (s) => closeAlpha(s, 'alpha_declined'),
  'stop the three steps': (s) => closeAlpha(s, 'alpha_stopped'),
  'go to the next step': (s) => endStep(s, 'calm', 'calm'),
  'leave the step as it is': (s) => endStep(s, 'not calm', 'move_on'),
  'try the step again': retry,
  'stay near': (s) => ({ to: s.state, act: restFor(s, 'rest_open') }),
  'link it to the vision': () => ({ to: '3.5', act: 'link' }),
  'compare with the beginning': () => ({ to: '3.6', act: 'compare' }),
  close: () => ({ to: '4.1', act: 'close' }),
  rest: (s) => ({ to: '4.1', act: restFor(s, 'rest') }),
} as const satisfies Record<string, Effect>;

export type Outcome = keyof typeof outcomes;
