// Second step of a turn: where it goes, and what the guide does there (DOMAIN.md 2.9).
import type { Navigation, PriorityState, SessionProgress, StateId } from '../contract/types.ts';
import { ackBefore } from './process/acknowledge.ts';
import { asksBody, techniques } from './process/acts.ts';
import type { Ack, Act } from './process/acts.ts';
import { BODY_QUESTIONS_MAX, conditions, isTellable } from './process/conditions.ts';
import type { Situation, Tellable } from './process/conditions.ts';
import type { Heard } from './hear/hear.ts';
import type { Standing } from './memory.ts';
import { askStep, outcomes } from './process/outcomes.ts';
import type { Say } from './process/outcomes.ts';
import { IDLE_MAX, overrideOf } from './process/overrides.ts';
import {
  engage,
  isBodyState,
  isUseful,
  note,
  noteJudged,
  settle,
  takeChangedGoal,
  takesBody,
} from './process/remember.ts';
import { states, substates } from './process/states.ts';

interface Pause {
  progress: SessionProgress;
  navigation: Navigation;
}

export interface Step {
  /** Where the session stands once this turn is done. */
  standing: Standing;
  navigation: Navigation;
  act: Act;
  ack: Ack | null;
  /**
   * What a model may judge where no rule had a word on an answer to the state's question; one of these, given as the hint,
   * decides the turn.
   */
  options: readonly Tellable[];
}

/** Time after which a person is welcomed back, in ms. */
const AWAY_MS = 8 * 3_600_000;
/** States that ask for the body: any word for a quality is an answer there. */
const asksForBody: ReadonlySet<StateId> = new Set<StateId>(['2.1_seek', '2.2', '2.3', '2.4']);

/** And any place. */
const asksForPlace: ReadonlySet<StateId> = new Set<StateId>(['1.1.5', '2.1', '2.1_seek', '2.2', '2.3']);

interface Chosen extends Omit<Say, 'ack'> {
  ack: Ack | null;
  priority: PriorityState | null;
  navigation: Omit<Navigation, 'next_state'>;
  options: readonly Tellable[];
}

interface Row extends Say {
  why: string;
  options: readonly Tellable[];
}

/** What else came with the turn. */
interface Circumstances {
  isRedirected: boolean;
  isBack: boolean;
  hint: string | undefined;
}

function open(before: Standing, heard: Heard): Situation {
  const state = before.progress.state_id;
  const known = new Set(before.memory.named);
  const isLoose = asksForBody.has(state) && (!heard.isUnsure || heard.length <= 4);
  const loose = isLoose ? heard.looseSensation : null;
  return {
    standing: structuredClone(before),
    state,
    heard,
    location: heard.location ?? (asksForPlace.has(state) ? heard.looseLocation : null),
    sensation: heard.sensation ?? loose,
    news: heard.named.filter((word) => !known.has(word)),
  };
}

/** Goes where the words lead: a state, its question counted. A coarse state never goes back. */
function move({ standing, location, sensation }: Situation, { to, act }: Say): void {
  const { memory, progress } = standing;
  memory.asks[to] = (memory.asks[to] ?? 0) + 1;
  const isAnswered = location !== null || sensation !== null;
  if (asksBody(act) && !isAnswered) {
    progress.body_question_count = Math.min(BODY_QUESTIONS_MAX, progress.body_question_count + 1);
  }
  const target = states[to].substate;
  if (substates.indexOf(target) > substates.indexOf(progress.current_substate))
    progress.current_substate = target;
  progress.state_id = to;
}

/**
 * The first line of the state's row that fits; three redirects that did not help lead to the three steps. Where no rule
 * has a word, the line that the hint names.
 */
function byRow(situation: Situation, { isRedirected, hint }: Circumstances): Row {
  const { on } = states[situation.state];
  if (isRedirected) {
    const outcome = 'offer the three steps';
    return { ...outcomes[outcome](situation), why: `three redirects in a row: ${outcome}`, options: [] };
  }
  const [condition, outcome] =
    on.find(([name]) => conditions[name](situation)) ?? (['anything else', 'rest'] as const);
  const isOpen = condition === 'anything else' && (situation.standing.memory.asks[situation.state] ?? 0) > 0;
  const options = isOpen ? on.map(([name]) => name).filter(isTellable) : [];
  const judged = options.find((name) => name === hint);
  const line = judged && on.find(([name]) => name === judged);
  if (!line) return { ...outcomes[outcome](situation), why: `${condition}: ${outcome}`, options };
  noteJudged(situation, judged);
  return { ...outcomes[line[1]](situation), why: `${judged}, as the model judged: ${line[1]}`, options };
}

/** The numbered state answers. */
function answer(situation: Situation, before: Standing, circumstances: Circumstances): Chosen {
  const { isRedirected, isBack } = circumstances;
  const { standing, state, heard } = situation;
  if (takesBody(state) && !isRedirected) note(situation);
  const isGoalChanged = takeChangedGoal(situation);
  const say = byRow(situation, circumstances);
  move(situation, say);
  if (!isRedirected) settle(situation, before);
  if (isUseful(situation, before)) standing.memory.overrides.idle = 0;
  const isAffirmed =
    standing.memory.slots.present && heard.isPresent && isBodyState(state) && say.to !== '2.4';
  const { decision, query } = states[say.to];
  return {
    ...say,
    ack: ackBefore(say, situation, { isBack, isGoalChanged, isAffirmed }),
    priority: isAffirmed ? 'AFFIRM' : null,
    navigation: { decision, rag_query: query, reasoning: `${state}: ${say.why}` },
  };
}

/** After a long time a greeting is no answer: the state asks again, and nothing is counted. */
function welcome({ standing, state }: Pick<Situation, 'standing' | 'state'>): Chosen {
  const { again, decision, query } = states[state];
  return {
    to: state,
    act: standing.memory.alpha.closed ? 'rest_open' : state === '3.3' ? askStep(standing) : again,
    ack: 'back',
    priority: null,
    navigation: { decision, rag_query: query, reasoning: `${state}: back after a while` },
    options: [],
  };
}

/** After a rest the state asks again; what was said meanwhile is no answer to it. */
export function resume(before: Standing): Step {
  const standing = structuredClone(before);
  const { state_id: state } = standing.progress;
  const { to, act, navigation } = welcome({ standing, state });
  standing.progress.priority_state = null;
  standing.progress.technique = techniques[act];
  standing.memory.asks[to] = (standing.memory.asks[to] ?? 0) + 1;
  const next_state = standing.progress.current_substate;
  return { standing, act, ack: null, navigation: { ...navigation, next_state }, options: [] };
}

/** Somebody who says goodbye, or wants to stop for now, is let go, and finds everything as it was. */
function farewell({ standing, state }: Situation): Chosen {
  const { query } = states[state];
  standing.memory.overrides.idle += 1;
  return {
    to: state,
    act: standing.memory.alpha.closed ? 'rest_open' : 'bye',
    ack: null,
    priority: null,
    navigation: { decision: 'session_conclusion', rag_query: query, reasoning: `${state}: says goodbye` },
    options: [],
  };
}

function isFarewell({ standing, state, heard }: Situation): boolean {
  const isInSteps = state === '3.3' && !standing.memory.alpha.closed;
  return heard.leaves && !isInSteps && state !== '4.1' && standing.memory.overrides.idle < IDLE_MAX;
}

function choose(situation: Situation, before: Standing, isBack: boolean, hint: string | undefined): Chosen {
  const { standing, state, heard } = situation;
  if (isFarewell(situation)) return farewell(situation);
  const override = overrideOf(situation);
  if (override && override !== 'offer') {
    return {
      to: state,
      act: override.act(situation),
      ack: heard.asksWho ? 'who' : null,
      priority: override.id,
      navigation: {
        decision: override.decision,
        rag_query: override.query,
        reasoning: `${override.id} before ${state}`,
      },
      options: [],
    };
  }
  if (isBack && heard.isGreeting && (standing.memory.asks[state] ?? 0) > 0) return welcome(situation);
  return answer(situation, before, { isRedirected: override === 'offer', isBack, hint });
}

/**
 * Decides one turn. `awayMs` is the time since the one before; `hint` counts only where it is one of the options of the
 * step. Nothing given is changed, and the same arguments give the same step.
 */
export function navigate(before: Standing, heard: Heard, awayMs = 0, hint?: string): Step {
  const situation = open(before, heard);
  const { standing } = situation;
  engage(standing, heard);
  const { act, ack, priority, navigation, options } = choose(situation, before, awayMs >= AWAY_MS, hint);
  standing.progress.priority_state = priority;
  standing.progress.technique = techniques[act];
  const next_state = standing.progress.current_substate;
  return { standing, act, ack, navigation: { ...navigation, next_state }, options };
}

/** A risk is answered apart: nothing of the process moves. (DOMAIN.md 2.7) */
export function pause(progress: SessionProgress, priority: PriorityState): Pause {
  const next_state = progress.current_substate;
  return {
    progress: { ...progress, priority_state: priority, technique: 'safety_protocol' },
    navigation: {
      decision: 'safety_protocol',
      next_state,
      rag_query: null,
      reasoning: `${priority} before ${progress.state_id}`,
    },
  };
}
