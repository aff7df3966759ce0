/** An example a good supervisor would hand the guide in this state. */
interface Exemplar {
  clientExample: string;
  guideLine: string;
}

/** Finds examples for the state a person is in. */
export interface Retrieval {
  /** Whether there is a table to search. */
  state(): 'ready' | 'not_found';
  /** At most three, best first; none rather than late. Never raises. */
  find(query: { stateId: string; userInput: string }, signal: AbortSignal): Promise<Exemplar[]>;
}

/** No table: no examples. */
export const noRetrieval: Retrieval = {
  state: () => 'not_found',
  find: async () => [],
};
