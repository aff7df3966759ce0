import type { Retrieval } from '../retrieval/retrieval.ts';
import type { Store } from '../store/store.ts';
import { answeredBy, readMemory } from '../therapy/memory.ts';
import { sentencesIn } from '../therapy/process/acts.ts';
import { buildPrompt } from '../therapy/prompt.ts';
import { createShaper } from '../therapy/shape.ts';
import { states } from '../therapy/process/states.ts';
import { asTheyCome } from './speech.ts';
import type { Shape } from './speech.ts';
import type { TurnParts } from './turn.ts';

/** Earlier turns a prompt may hold; the prompt itself keeps what fits. */
const EARLIER = 40;
/** Nothing waits longer for examples. */
const EXAMPLES_MS = 100;
/** Replies whose sentences are not said again. */
const SAID = 8;

export interface AskOptions {
  /** Tokens the messages may take together. */
  roomTokens: number;
  /** Whether a model's words are handed on as they come. */
  rawReplies: boolean;
  /** What the guide calls itself. */
  guideName: string;
}

/** The messages of a turn: system prompt with what is remembered, examples, earlier turns, and what the person says now. */
export function askModel(
  store: Store,
  retrieval: Retrieval,
  { roomTokens, rawReplies, guideName }: AskOptions,
): TurnParts['ask'] {
  return async (session, turn, model, signal) => {
    const { plan, userInput } = turn;
    const earlier = (await store.turns(session, turn.n, EARLIER)) ?? [];
    const stateId = plan.progress.state_id;
    const patience = AbortSignal.any([signal, AbortSignal.timeout(EXAMPLES_MS)]);
    const rests = plan.care.safety.mode !== 'normal';
    const exemplars = rests ? [] : await retrieval.find({ stateId, userInput }, patience);
    const { slots } = readMemory(plan.memory);
    const messages = buildPrompt({
      turns: earlier.map(({ turn: { userInput: said }, text }) => ({ userInput: said, reply: text })),
      userInput,
      exemplars,
      locale: session.locale,
      slots,
      step: states[stateId].name,
      line: plan.line,
      rests,
      guideName,
      roomTokens,
    });
    const shaping = {
      sentences: sentencesIn(plan.progress.technique, plan.line),
      said: earlier.slice(-SAID).map(({ text }) => text),
      answered: answeredBy(slots),
      line: plan.line,
    };
    // the built-in guide says the line itself
    const isWhole = rawReplies || rests || model.source === 'guide';
    const shape: Shape = isWhole ? asTheyCome : (shown) => createShaper(shaping, shown);
    return { messages, shape };
  };
}
