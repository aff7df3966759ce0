// First step of a turn: what was said, in the fields integrators of the older service read (DOMAIN.md 3). All of it is rules.
import type { Preprocessing } from '../contract/types.ts';
import content from './content/perceive.en.json' with { type: 'json' };
import { mend } from './hear/spelling.ts';
import { Phrases, isDenied, sentencesOf } from './hear/words.ts';
import type { Match, Sentence } from './hear/words.ts';

export interface Said {
  original: string;
  /** The same, folded for matching: lower case, plain quotes, no look-alikes. */
  plain: string;
  selfHarm: { detected: boolean; phrases: readonly string[] };
}

export interface Perceived {
  preprocessing: Preprocessing;
  /** `plain` with its spelling mended, punctuation kept, for the rules. */
  text: string;
}

type Checks = Preprocessing['safety_checks'];

/** Phrases that count, among others that only look like them: "low" and "low battery". */
class Lexicon {
  readonly #all: Phrases;
  readonly #exceptions: ReadonlySet<string>;

  constructor(phrases: readonly string[], exceptions: readonly string[] = []) {
    this.#all = new Phrases(new Set([...exceptions, ...phrases]));
    this.#exceptions = new Set(exceptions);
  }

  find(words: readonly string[]): Match[] {
    return this.#all.find(words).filter(({ phrase }) => !this.#exceptions.has(phrase));
  }

  /** What is found in all the sentences, each phrase once. */
  phrasesIn(sentences: readonly Sentence[]): string[] {
    return [...new Set(sentences.flatMap(({ words }) => this.find(words).map(({ phrase }) => phrase)))];
  }
}

const selfHarmWords = new Lexicon(content.self_harm);
const { emotions, feeling, thinking, past, dont_know: dontKnow } = content;

/** From the strongest to the weakest, as they are told on the wire. */
const feelings = [
  { name: 'negative_high', scale: 3, words: emotions.negative_high },
  { name: 'negative_moderate', scale: 2, words: emotions.negative_moderate },
  { name: 'negative_low', scale: 1, words: emotions.negative_low },
  { name: 'neutral', scale: 0, words: emotions.neutral },
  { name: 'positive', scale: 0, words: emotions.positive },
] as const;
const negative = feelings.filter(({ scale }) => scale > 0).flatMap(({ words }) => words);
const primaries = [
  ['negative_high', 'crisis_level'],
  ['negative_moderate', 'moderate_distress'],
  ['negative_low', 'mild_distress'],
  ['positive', 'positive_state'],
] as const;

const feelingOf: ReadonlyMap<string, (typeof feelings)[number]> = new Map(
  feelings.flatMap((one) => one.words.map((word) => [word, one] as const)),
);
const emotionWords = new Lexicon([...feelingOf.keys()], content.emotion_exceptions);
const feltWords = new Lexicon(
  [...negative, ...feeling.verbs, ...feeling.desired, ...feeling.body, ...feeling.sensation],
  [...content.emotion_exceptions, ...feeling.body_exceptions],
);
const bodyWords = new Lexicon(feeling.body, feeling.body_exceptions);
const thinkingPhrases = new Lexicon(thinking.phrases, thinking.exceptions);
const pastPhrases = new Lexicon(past.phrases, past.exceptions);
const presentWords = new Lexicon(past.present, past.present_exceptions);
const dontKnowPhrases = new Lexicon(dontKnow.phrases, dontKnow.exceptions);
const contexts = dontKnow.contexts.map(({ name, words }) => ({ name, words: new Lexicon(words) }));
const categories = content.categories.map(({ name, phrases, exceptions }) => ({
  name,
  phrases: new Lexicon(phrases, exceptions),
}));
const notes: ReadonlyMap<string, string> = new Map(Object.entries(dontKnow.notes));
const letsThrough: ReadonlySet<string> = new Set(content.lets_through);

const contractions: ReadonlyMap<string, string> = new Map([
  ["i'm", 'i am'],
  ["i've", 'i have'],
  ["i'll", 'i will'],
  ["i'd", 'i would'],
  ["don't", 'do not'],
  ["can't", 'cannot'],
  ["won't", 'will not'],
  ["shouldn't", 'should not'],
  ["couldn't", 'could not'],
  ["wouldn't", 'would not'],
]);
const CONTRACTION =
  /(?<![\p{L}\p{N}'\u2019])(?:i['\u2019](?:m|ve|ll|d)|(?:do|ca|wo|should|could|would)n['\u2019]t)(?![\p{L}\p{N}])/gu;
/** "No, I'm sad" and "no I'm sad" deny nothing that follows. */
const ANSWER_NO = /\b(no|nope|nah)(?=,| i\b| it\b| my\b)/g;

function openContractions(text: string): string {
  return text.replace(CONTRACTION, (short) => contractions.get(short.replace('\u2019', "'")) ?? short);
}

function clean(original: string): string {
  const text = original.trim().replace(/\s+/g, ' ').replace(/\.+/g, '.').replace(/\?+/g, '?');
  return openContractions(text.replace(/!+/g, '!').toLowerCase());
}

/** "I can't stop worrying", "not only sad" and "never so alone" tell of worry, sadness and loneliness; "not so sad" does not. */
function isFelt(words: readonly string[], at: number): boolean {
  const head = words[at] === 'so' ? at + 1 : at;
  const [last = '', previous = ''] = [words[head - 1], words[head - 2]];
  if (last === 'so' && previous === 'not') return false;
  return !isDenied(words, head) || letsThrough.has(last) || letsThrough.has(previous);
}

/** The emotion words of a sentence that nothing denies; "or" passes a denial on: "not sad or angry". */
function feltIn(words: readonly string[]): Match[] {
  let deniedUntil = -1;
  return emotionWords.find(words).filter(({ at, length }) => {
    const isJoined = deniedUntil === at - 1 && (words[at - 1] === 'or' || words[at - 1] === 'nor');
    if (!isJoined && isFelt(words, at)) return true;
    deniedUntil = at + length;
    return false;
  });
}

function emotionalState(sentences: readonly Sentence[]): Preprocessing['emotional_state'] {
  const found = new Map<string, Set<string>>(feelings.map(({ name }) => [name, new Set()]));
  let intensity = 0;
  for (const { phrase } of sentences.flatMap(({ words }) => feltIn(words))) {
    const one = feelingOf.get(phrase);
    if (one === undefined) continue;
    found.get(one.name)?.add(phrase);
    intensity = Math.max(intensity, one.scale);
  }
  const matched = [...found].filter(([, phrases]) => phrases.size > 0);
  const primary = primaries.find(([name]) => matched.some(([category]) => category === name));
  return {
    categories: Object.fromEntries(matched.map(([name, phrases]) => [name, [...phrases]])),
    intensity,
    primary_emotion: primary?.[1] ?? 'neutral_unclear',
  };
}

function inputCategory(sentences: readonly Sentence[], text: string): string {
  const found = categories.find(
    ({ name, phrases }) =>
      (name === 'question' && text.includes('?')) ||
      sentences.some(({ words }) => phrases.find(words).length > 0),
  );
  return found?.name ?? 'general_statement';
}

/** Thoughts about things; a sentence that has a feeling, the body or a wished-for state in it is none. */
function thinkingIn(sentences: readonly Sentence[]): Checks['thinking_mode_detected'] {
  const found = thinkingPhrases.phrasesIn(
    sentences.filter(({ words }) => feltWords.find(words).length === 0),
  );
  return { detected: found.length > 0, phrases_found: found };
}

function pastIn(sentences: readonly Sentence[]): Checks['past_tense_detected'] {
  const found = pastPhrases.phrasesIn(sentences);
  if (found.length === 0) return { detected: false, phrases_found: [] };
  if (presentWords.phrasesIn(sentences).length === 0) return { detected: true, phrases_found: found };
  return { detected: false, phrases_found: [], note: past.note };
}

function dontKnowIn(sentences: readonly Sentence[]): Checks['i_dont_know_detected'] {
  const found = dontKnowPhrases.phrasesIn(sentences);
  if (found.length === 0) return { detected: false, phrases_found: [], context: 'general', note: '' };
  const named = contexts.find(({ words }) => words.phrasesIn(sentences).length > 0)?.name;
  const context = named ?? (bodyWords.phrasesIn(sentences).length > 0 ? 'body_awareness' : 'general');
  return { detected: true, phrases_found: found, context, note: notes.get(context) ?? '' };
}

/** A risk, or any mention: of a friend, denied, or a bare word. What is a risk is for the screening to say. (DOMAIN.md 3.3) */
function selfHarmIn(
  sentences: readonly Sentence[],
  { detected, phrases }: Said['selfHarm'],
): Checks['self_harm_detected'] {
  const found = detected ? [...phrases] : selfHarmWords.phrasesIn(sentences);
  return {
    detected: found.length > 0 || detected,
    phrases_found: found,
    severity: found.length > 0 || detected ? 'high' : 'none',
  };
}

/** The original stays byte for byte; everything is matched on the folded text, at the borders of words. Linear in the text. */
export function perceive({ original, plain, selfHarm }: Said): Perceived {
  const cleaned = clean(original);
  const corrected = mend(cleaned);
  const { text } = mend(plain);
  const sentences = sentencesOf(openContractions(text).replace(ANSWER_NO, '$1.'));
  const preprocessing: Preprocessing = {
    original_input: original,
    cleaned_input: cleaned,
    corrected_input: corrected.text,
    emotional_state: emotionalState(sentences),
    input_category: inputCategory(sentences, text),
    spelling_corrections: corrected.corrections,
    safety_checks: {
      self_harm_detected: selfHarmIn(sentences, selfHarm),
      thinking_mode_detected: thinkingIn(sentences),
      past_tense_detected: pastIn(sentences),
      i_dont_know_detected: dontKnowIn(sentences),
    },
  };
  return { preprocessing, text };
}
