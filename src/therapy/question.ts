// What a model is asked about an input that no rule has a word on: which of a few names fits it, and nothing else.
import type { StateId } from '../contract/types.ts';
import content from './content/prompt.en.json' with { type: 'json' };
import type { Tellable } from './process/conditions.ts';
import { fence, fill, fit } from './prompt.ts';

export interface OpenInput {
  state: StateId;
  options: readonly Tellable[];
  userInput: string;
}

/** Tokens of the input that are looked at, its beginning and its end: the answer is waited for. */
const INPUT_TOKENS = 512;

const { choice } = content;
const meanings: Readonly<Record<Tellable, string>> = choice.meanings;
const asked: Partial<Record<StateId, string>> = choice.states;

/** The person's words are fenced in `text`; the instructions are authored, all of them. */
export function buildQuestion({ state, options, userInput }: OpenInput) {
  const lines = [
    ...choice.instructions,
    fill(choice.asked, { asked: asked[state] ?? '' }),
    choice.answers,
    ...options.map((name) => fill(choice.answer, { name, meaning: meanings[name] })),
  ];
  return { instructions: lines.join('\n'), text: fence(fit(userInput, INPUT_TOKENS)), options };
}
