import type { Source } from '../contract/types.ts';

export interface ModelMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ModelRequest {
  /** System prompt, earlier turns, and last what the person says now. */
  messages: ModelMessage[];
  /** Words of the reply that are there already; the model goes on behind them and does not repeat them. */
  prefix: string;
  /** What the guide's content says here; the built-in guide streams just that. */
  line: string;
  /** Where it runs: one of `hosts`. A name that is not known runs on the best of them. */
  host: string;
}

/** Something to be judged, with a closed list of answers. */
export interface Question {
  /** Written by us alone: no word of a person is in it. */
  instructions: string;
  /** What is judged, fenced as data. */
  text: string;
  options: readonly string[];
}

/** `loading` and `prompt` tell why no words come yet. */
export type ModelEvent = { kind: 'loading' } | { kind: 'prompt' } | { kind: 'text'; text: string };

export type ModelState =
  | { phase: 'ready' }
  | { phase: 'loading' }
  | { phase: 'pulling'; completed?: number; total?: number }
  /** `reason` may be shown to anybody: it has no word of the server that runs the model, and no address. */
  | { phase: 'unavailable'; reason: string };

/** Whether a model in this state may be asked. */
export const isUsable = ({ phase }: ModelState): boolean => phase === 'ready' || phase === 'loading';

/**
 * `unreachable`: nobody answers; nothing was begun. `busy`: it answers, but takes no more (HTTP 503); nothing was begun.
 * `missing`: it does not have the model. `refused`: it will not do this request (HTTP 4xx).
 * `interrupted`: it began and did not come to its end: broken connection, error line, no `done`, silence, nonsense.
 */
export type ModelFault = 'unreachable' | 'busy' | 'missing' | 'refused' | 'interrupted';

/**
 * The only error `generate` raises besides the abort of its own signal. Its message is fit for a log: it has no word of
 * the server that runs the model.
 */
export class ModelError extends Error {
  readonly fault: ModelFault;

  constructor(fault: ModelFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ModelError';
    this.fault = fault;
  }
}

/**
 * Whether a model goes on behind words of the reply that are there already. `line`: it says the request's line and
 * nothing else, so it goes on exactly where those words are the beginning of that line.
 */
export type Prefill = 'line' | 'yes' | 'no' | 'unknown';

/** Something that speaks. */
export interface Model extends AsyncDisposable {
  readonly source: Source;
  readonly name: string;

  /** Whether its runs are counted against the model slots; one that costs nothing to run needs no place in the queue. */
  readonly needsSlot: boolean;

  /** Tokens that the messages of one request may take: the context of the model, less what a reply may. */
  readonly roomTokens: number;

  /** Settles once the first look at the model is over, whatever it found, and after a few seconds at the latest. */
  readonly known: Promise<void>;

  /** What is known now, without asking. */
  state(): ModelState;

  /** Whether a server that runs the model answered the last look. */
  connected(): boolean;

  /**
   * Names of the hosts that may be asked now, best first: where the model is in memory, and where less of ours runs. Empty
   * while the state is neither `ready` nor `loading`, and while the only host that is left is tried by one request. A name
   * means the same server on every node, and has no credentials; '' is whatever runs in this process.
   */
  hosts(): readonly string[];

  /** Calls back on every change of `state`. A change of `hosts` alone is not told. */
  watch(listener: (state: ModelState) => void): Disposable;

  /** Of the model on that host; looked up once and kept. Never raises: what cannot be found out is `unknown`. */
  prefill(signal: AbortSignal, host: string): Promise<Prefill>;

  /**
   * Streams one reply. A normal end of the iteration means that the model said all it wanted to, or as much as one reply
   * may hold; anything else is an error. Text pieces are well-formed together, not each alone. When `signal` aborts, the
   * request to the model is closed at once, in every phase, and the iteration ends with the signal's reason. Nobody's
   * abort stops a load that others wait for.
   * @throws ModelError
   */
  generate(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>;

  /**
   * One of the options; undefined when none of them fits, or whatever else came of it. When `signal` aborts, the request
   * to the model is closed at once, and that signal's reason is the only thing that is raised.
   */
  choose(question: Question, signal: AbortSignal, host: string): Promise<string | undefined>;
}

/** Who answers: the model, and who speaks where it cannot. */
export interface Speakers {
  model: Model;
  fallback: Model | null;
}

/** Who would begin to speak now. */
export function nextSpeaker({ model, fallback }: Speakers): Model {
  return fallback === null || isUsable(model.state()) ? model : fallback;
}
