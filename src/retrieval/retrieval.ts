import type { PriorityState, RagQuery, StateId } from '../contract/types.ts';

/** What a person says in a state, and what a good guide answers. */
export interface Example {
  clientExample: string;
  guideLine: string;
}

export interface RetrievalQuery {
  /** The priority state that answers the turn, else its fine state; null looks everywhere. */
  stateId: StateId | PriorityState | null;
  userInput: string;
  /** How the guide is going to answer: examples of the same are preferred. */
  technique?: string;
  /** What the navigation asks for: where the state has too few examples, those of others that fit it count too. */
  context?: RagQuery | null;
  /** Language of the session as a BCP 47 tag; null where it is not known. */
  locale?: string | null;
}

/** Finds examples for the state a person is in. */
export interface Retrieval {
  /** Whether there is a table to search. */
  state(): 'ready' | 'not_found';
  /** At most three, best first; what is found when `signal` aborts counts, perhaps nothing. Never raises. */
  find(query: RetrievalQuery, signal: AbortSignal): Promise<Example[]>;
}

/** No table: no examples. */
export const noRetrieval: Retrieval = {
  state: () => 'not_found',
  find: async () => [],
};
