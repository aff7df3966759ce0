// What may be heard in a state: the names in states.ts, each with its rule (DOMAIN.md 2.9).
import type { StateId } from '../../contract/types.ts';
import type { Heard } from '../hear/hear.ts';
import type { Standing } from '../memory.ts';

/** A turn as its rules see it. `standing` is a draft: the facts of this input are noted in it already. */
export interface Situation {
  readonly standing: Standing;
  /** The state the turn began in. */
  readonly state: StateId;
  readonly heard: Heard;
  /** A place in the body, and a quality of what is felt, that count in this state. */
  readonly location: string | null;
  readonly sensation: string | null;
  /** Emotions and stressors that were not named before. */
  readonly news: readonly string[];
}

type Rule = (situation: Situation) => boolean;

/** Body questions a session may hear, and rounds through the body (DOMAIN.md 2.6). */
export const BODY_QUESTIONS_MAX = 3;
const CYCLES_MAX = 2;

const asked = (state: StateId, { standing }: Situation): number => standing.memory.asks[state] ?? 0;
/** By the count of body questions; or by this state's own, when each answer was one to another question. */
const bodyIsAsked = (situation: Situation): boolean =>
  situation.standing.progress.body_question_count >= BODY_QUESTIONS_MAX ||
  asked(situation.state, situation) > BODY_QUESTIONS_MAX;

/** A goal in answer to the question for one, or with a wish. */
export function goalIn({ heard, state, standing }: Situation): string | null {
  const wasAsked = state !== '1.1' || (standing.memory.asks['1.1'] ?? 0) > 0;
  return heard.goal ?? (wasAsked || heard.length <= 2 ? heard.bareGoal : null);
}

function isNewGoal(situation: Situation): boolean {
  const goal = goalIn(situation);
  return goal !== null && goal !== situation.standing.memory.slots.goal;
}

const wantsMore = ({ heard, news, standing }: Situation): boolean =>
  news.length > 0 &&
  !heard.isSilent &&
  standing.memory.cycle < CYCLES_MAX &&
  standing.progress.body_question_count < BODY_QUESTIONS_MAX;

const hasPattern = ({ heard }: Situation): boolean => heard.hasPattern && heard.length >= 6;
const tellsBody = ({ location, sensation }: Situation): boolean => location !== null || sensation !== null;

/** Nothing else to say: none of it may be something else after all. */
const isAll = (situation: Situation): boolean =>
  situation.heard.nothingMore &&
  !situation.heard.isUnsure &&
  situation.news.length === 0 &&
  !tellsBody(situation) &&
  !hasPattern(situation);

/** A yes, a no or a single sound that tells nothing. */
const isBare = (heard: Heard): boolean =>
  heard.length < 3 &&
  (heard.accepts || heard.weaklyAccepts || heard.refuses || heard.isGreeting || heard.thanks);

const isClosed = ({ standing }: Situation): boolean => standing.memory.alpha.closed;
const saysYes = ({ heard }: Situation): boolean =>
  (heard.accepts || heard.isReady) &&
  !heard.takesBack &&
  !heard.refuses &&
  !heard.isConfused &&
  !heard.isUnsure &&
  !(heard.isQuestion && !heard.isReady);

export const conditions = {
  'anything else': () => true,
  'goal given': (s) => goalIn(s) !== null,
  'goal asked three times': (s) => asked('1.1', s) >= 3,
  'a vague wish': ({ heard }) => heard.isVagueWish,
  'a problem, redirected less than twice': (s) => s.heard.tellsProblem && asked('1.1_redirect', s) < 2,
  'does not know': ({ heard }) => heard.isUnsure,
  'redirected twice': (s) => asked('1.1_redirect', s) >= 2,

  'accepts the vision': (s) =>
    (s.heard.accepts || s.heard.weaklyAccepts) &&
    !s.heard.rejects &&
    !s.heard.takesBack &&
    !s.heard.isUnsure &&
    !s.heard.isQuestion &&
    !(s.heard.goal !== null && isNewGoal(s)),
  'a new goal': isNewGoal,
  'a new goal, vision shown three times': (s) => isNewGoal(s) && asked('1.2', s) >= 3,
  'vision shown three times': (s) => asked('1.2', s) >= 3,
  'rejects the vision': ({ heard }) => heard.rejects && !heard.isUnsure,
  'a question': ({ heard }) => heard.isQuestion || heard.isConfused,
  'a second reply to the vision': ({ standing }) => standing.memory.visionAsides > 0,
  'a question or confusion, not yet clarified': ({ heard, standing }) =>
    (heard.isQuestion || heard.isConfused) && !standing.memory.educationClarified,

  'place known': ({ standing }) => standing.memory.slots.location !== null,
  'problem known': ({ standing }) => standing.memory.slots.problem,
  'place told': ({ location }) => location !== null,
  'quality told': ({ sensation }) => sensation !== null,
  'problem told': ({ standing }) => standing.memory.slots.problem,
  'problem asked twice': (s) => asked('2.1', s) >= 2,
  'body asked three times': bodyIsAsked,
  'felt now': ({ standing }) => standing.memory.slots.present,
  'guided to now before': ({ standing }) => standing.memory.guidedToNow,
  'pattern told': ({ standing }) => standing.memory.slots.pattern,
  'nothing more': isAll,
  'something new, room for a second round': wantsMore,
  'something new besides, room for a second round': (s) => s.heard.adds && wantsMore(s),
  'an answer of its own': ({ heard }) =>
    !heard.isSilent && !heard.isQuestion && !heard.isUnsure && !heard.isConfused && !isBare(heard),
  'pattern asked twice': (s) => asked('2.5', s) >= 2,
  'nothing more or ready': (s) =>
    isAll(s) || (saysYes(s) && !s.heard.adds && s.news.length === 0 && !tellsBody(s)),
  'readiness asked twice': (s) => asked('3.1', s) >= 2,

  // once it was turned down, "ok" is no wish for it
  'says yes': (s) => (isClosed(s) ? s.heard.wants && !s.heard.takesBack : saysYes(s)),
  'closed, says yes': (s) => isClosed(s) && s.heard.wants && !s.heard.takesBack,
  'says no': ({ heard }) => heard.refuses || heard.checkpoint === 'stop',
  closed: isClosed,
  'hesitates, not yet reassured': ({ heard, standing }) =>
    (heard.hesitates || heard.takesBack) && !standing.memory.alpha.reassured,
  'three steps offered three times': (s) => asked('3.2', s) >= 3,
  stops: ({ heard }) => heard.checkpoint === 'stop',
  calm: ({ heard }) => heard.checkpoint === 'calm',
  'step tried four times': ({ standing }) => standing.memory.alpha.attempt >= 4,
  'something good': ({ heard }) =>
    heard.checkpoint === 'calm' || (heard.isPositive && heard.checkpoint !== 'tense'),
} as const satisfies Record<string, Rule>;

export type Condition = keyof typeof conditions;

const judged = [
  'a vague wish',
  'does not know',
  'accepts the vision',
  'rejects the vision',
  'a question',
  'nothing more',
  'felt now',
  'an answer of its own',
  'nothing more or ready',
] as const satisfies readonly Condition[];

/** What a model may judge where no rule has a word: what follows from it needs no words of the person. */
export type Tellable = (typeof judged)[number];

const tellable: ReadonlySet<Condition> = new Set<Condition>(judged);

export const isTellable = (name: Condition): name is Tellable => tellable.has(name);
