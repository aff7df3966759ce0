import type { Retrieval } from '../retrieval/retrieval.ts';
import type { Store } from '../store/store.ts';
import { buildPrompt } from '../therapy/prompt.ts';
import type { TurnParts } from './turn.ts';

/** Earlier turns a prompt may hold; the prompt itself keeps what fits. */
const EARLIER = 40;
/** Nothing waits longer for examples. */
const EXAMPLES_MS = 100;

/** The messages of a turn: system prompt, examples, earlier turns, and what the person says now. */
export function askModel(store: Store, retrieval: Retrieval): TurnParts['ask'] {
  return async (session, turn, signal) => {
    const earlier = (await store.turns(session, turn.n, EARLIER)) ?? [];
    const stateId = turn.plan.progress.current_substate;
    const patience = AbortSignal.any([signal, AbortSignal.timeout(EXAMPLES_MS)]);
    const exemplars = await retrieval.find({ stateId, userInput: turn.userInput }, patience);
    return buildPrompt({
      turns: earlier.map(({ turn: { userInput }, text }) => ({ userInput, reply: text })),
      userInput: turn.userInput,
      exemplars,
      locale: session.locale,
    });
  };
}
