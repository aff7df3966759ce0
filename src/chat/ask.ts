import type { Model, ModelMessage } from '../model/model.ts';
import type { Example, Retrieval, RetrievalQuery } from '../retrieval/retrieval.ts';
import type { SessionRecord, Store, TurnRecord } from '../store/store.ts';
import { answeredBy, readMemory } from '../therapy/memory.ts';
import { sentencesIn } from '../therapy/process/acts.ts';
import { buildPrompt } from '../therapy/prompt.ts';
import { createShaper } from '../therapy/shape.ts';
import { sentencesOf } from '../therapy/shape/sentence.ts';
import { states } from '../therapy/process/states.ts';
import { asTheyCome } from './speech.ts';
import type { Shape } from './speech.ts';

/** Earlier turns a prompt may hold; the prompt itself keeps what fits. */
const EARLIER = 40;
/** With the slot at hand nothing waits longer for examples. */
const EXAMPLES_MS = 100;
/** A sentence of fewer words belongs to nobody. */
const BORROWED_WORDS = 5;
/** Replies whose sentences are not said again. */
const SAID = 8;

/**
 * What a model is asked, and what is made of its words. `slot` settles when the model may be asked: at most 100 ms later the answer
 * is there.
 */
export type Ask = (
  session: SessionRecord,
  turn: TurnRecord,
  model: Model,
  slot: Promise<void>,
  signal: AbortSignal,
) => Promise<{ messages: ModelMessage[]; shape: Shape }>;

export interface AskOptions {
  /** Tokens the messages may take together. */
  roomTokens: number;
  /** Whether a model's words are handed on as they come. */
  rawReplies: boolean;
  /** What the guide calls itself. */
  guideName: string;
}

/** Examples have as long as the slot takes, and a little more. */
function inTime(slot: Promise<void>, signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  void slot.then(() => setTimeout(() => late.abort(), EXAMPLES_MS).unref());
  return AbortSignal.any([signal, late.signal]);
}

/** Which examples would help with a turn. */
function wantedBy({ locale }: SessionRecord, { plan, userInput }: TurnRecord): RetrievalQuery {
  const { state_id: stateId, priority_state: priority, technique } = plan.progress;
  return {
    stateId: priority ?? stateId,
    userInput,
    technique,
    context: plan.navigation.rag_query,
    locale,
  };
}

/** Sentences of examples that a model must not hand on as its own: long enough to be somebody's, and not what it is to say itself. */
function borrowed(exemplars: readonly Example[], line: string): string[] {
  const own = new Set(sentencesOf(line).map(({ fold }) => fold));
  return exemplars
    .flatMap(({ guideLine }) => sentencesOf(guideLine))
    .filter(({ fold }) => fold.split(' ').length >= BORROWED_WORDS && !own.has(fold))
    .map(({ fold }) => fold);
}

/** The messages of a turn: system prompt with what is remembered, examples, earlier turns, and what the person says now. */
export function askModel(
  store: Store,
  retrieval: Retrieval,
  { roomTokens, rawReplies, guideName }: AskOptions,
): Ask {
  return async (session, turn, model, slot, signal) => {
    const { plan, userInput } = turn;
    const earlier = (await store.turns(session, turn.n, EARLIER)) ?? [];
    const stateId = plan.progress.state_id;
    const rests = plan.care.safety.mode !== 'normal';
    // the built-in guide says its line, whatever others said
    const isGuide = model.source === 'guide';
    const exemplars =
      rests || isGuide ? [] : await retrieval.find(wantedBy(session, turn), inTime(slot, signal));
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
      said: [...earlier.slice(-SAID).map(({ text }) => text), ...borrowed(exemplars, plan.line)],
      answered: answeredBy(slots),
      line: plan.line,
    };
    const isWhole = rawReplies || rests || isGuide;
    const shape: Shape = isWhole ? asTheyCome : (shown) => createShaper(shaping, shown);
    return { messages, shape };
  };
}
