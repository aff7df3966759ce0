// What the rules of the process can tell of an input. Everything here is a fact about the text; what it means in a state
// is for navigate.ts to say.
import type { Preprocessing } from '../../contract/types.ts';
import { readCheckpoint } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { answersOf } from './answers.ts';
import { bodyOf } from './body.ts';
import { lexicon, readSentences } from './lexicon.ts';
import { isOfOthers } from './whose.ts';
import { looseWorryIn, wishIn, worriesIn } from './worry.ts';
import { wordsOf } from './words.ts';
import type { Phrases, Sentence } from './words.ts';

export interface Heard {
  /** How many words. */
  length: number;
  /** Nothing, punctuation, or "um". */
  isSilent: boolean;
  isGreeting: boolean;
  isQuestion: boolean;
  isConfused: boolean;
  isUnsure: boolean;
  thanks: boolean;
  asksWho: boolean;
  /** Several words in capitals. */
  shouts: boolean;
  /** All of it in capitals. */
  isLoud: boolean;
  /** Exclamation marks. */
  exclaims: number;
  intensity: number;
  isPositive: boolean;
  /** How the person wants to feel, in words that fit behind "feel"; only with a wish. */
  goal: string | null;
  /** The same without a wish: a bare answer to "how would you like to feel". */
  bareGoal: string | null;
  /** A wish without a feeling in it, or one for "better". */
  isVagueWish: boolean;
  emotion: string | null;
  stressor: string | null;
  /** Every emotion and stressor named, to tell new ones from old. */
  named: readonly string[];
  /** A worry with a name or without. */
  tellsProblem: boolean;
  tellsCause: boolean;
  /** A worry only in answer to the question for one. */
  looseWorry: string | null;
  /** A place in the body that is said to be one's own: "my chest", "I feel it in the neck". */
  location: string | null;
  /** A place without a word of whose it is; one in answer to the question for it. */
  looseLocation: string | null;
  sensation: string | null;
  /** Words for a quality that count only as an answer to the question for it: "weird", "nice". */
  looseSensation: string | null;
  accepts: boolean;
  /** A yes with something behind it that takes it back: "yes, but later", "ok no". */
  takesBack: boolean;
  /** "I guess", "pretty much": enough for a picture, not for a step. */
  weaklyAccepts: boolean;
  /** A yes that can only be one. */
  wants: boolean;
  refuses: boolean;
  rejects: boolean;
  hesitates: boolean;
  nothingMore: boolean;
  isReady: boolean;
  /** Says goodbye, or wants to stop for now. */
  leaves: boolean;
  /** Says that there is more: "also", "another". */
  adds: boolean;
  asksAgain: boolean;
  asksHere: boolean;
  /** Says that it is no better, or that something is hard. */
  isWorse: boolean;
  /** Cries, is scared or in pain. */
  suffers: boolean;
  isPresent: boolean;
  isAbsent: boolean;
  /** A short answer that says "now" when that was asked. */
  affirmsPresent: boolean;
  hasPattern: boolean;
  isPast: boolean;
  isThinking: boolean;
  cries: boolean;
  resists: boolean;
  asksNormal: boolean;
  pleasesOthers: boolean;
  isOffTopic: boolean;
  checkpoint: Checkpoint;
}

export interface HearInput {
  original: string;
  /** Folded, spelling mended. */
  text: string;
  preprocessing: Preprocessing;
}

const has = (list: Phrases, sentences: readonly Sentence[]): boolean =>
  sentences.some(({ words }) => list.has(words));

/** Whether a phrase of `list` is there that is not part of, or beside, one of `not`. */
function hasBut(list: Phrases, not: Phrases, sentences: readonly Sentence[]): boolean {
  return sentences.some(({ words }) => list.has(words) && !not.has(words));
}

/** How much of it is written in capitals. */
function loudnessOf(original: string) {
  const text = original.slice(0, 2_000);
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const loud = text.match(/\p{Lu}/gu)?.length ?? 0;
  const words = text.match(/\p{Lu}{3,}/gu)?.length ?? 0;
  return {
    shouts: words >= 3,
    isLoud: letters >= 10 && loud * 5 >= letters * 4,
  };
}

function exclamationsIn(original: string): number {
  return original.slice(0, 2_000).match(/[!！]/g)?.length ?? 0;
}

function moodOf({ original, preprocessing }: HearInput) {
  const { intensity, primary_emotion } = preprocessing.emotional_state;
  return {
    ...loudnessOf(original),
    exclaims: exclamationsIn(original),
    intensity,
    isPositive: primary_emotion === 'positive_state',
  };
}

const PICTURE = /\p{Extended_Pictographic}/u;

/** Nothing, punctuation, or "um"; a picture says something. */
function isSilent(sentences: readonly Sentence[], original: string): boolean {
  const isEmpty = sentences.every(({ words }) =>
    words.every((word) => word === ',' || lexicon.fillers.has(word)),
  );
  return isEmpty && !PICTURE.test(original);
}

function talkOf(sentences: readonly Sentence[], length: number, original: string, unsure: boolean) {
  const [first] = sentences;
  const starts =
    first !== undefined &&
    lexicon.questionStarts.at(first.words, 0) !== undefined &&
    first.words[1] !== 'not';
  const isQuestion = sentences.some((sentence) => sentence.isQuestion) || (starts && length > 1);
  return {
    isSilent: isSilent(sentences, original),
    isGreeting: length <= 5 && first !== undefined && lexicon.greetings.at(first.words, 0) !== undefined,
    isQuestion,
    isConfused: isConfused(sentences, length),
    isUnsure: unsure,
    thanks: length <= 8 && has(lexicon.thanks, sentences),
    asksWho: has(lexicon.who, sentences),
    hesitates: isQuestion || unsure || has(lexicon.hesitations, sentences),
    ...answersOf(sentences, length),
  };
}

/** In a longer text it is told of something else. */
const CONFUSED_WORDS = 25;

/** "What?" and "why" alone; other words anywhere. */
function isConfused(sentences: readonly Sentence[], length: number): boolean {
  if (length > CONFUSED_WORDS) return false;
  return sentences.some(({ words }) =>
    lexicon.confusions.find(words).some(({ phrase }) => length <= 2 || !lexicon.confusionsWhole.has(phrase)),
  );
}

/** Own tears: "my son was crying" is told of somebody else. */
const criesIn = (words: readonly string[]): boolean =>
  !lexicon.notCrying.has(words) && lexicon.crying.find(words).some(({ at }) => !isOfOthers(words, at));

/** "Football pressures me"; but "tell me a joke". */
const isAboutMe = (words: readonly string[]): boolean =>
  words.includes('my') || (words.at(-1) === 'me' && words.length > 2);

function asidesOf(sentences: readonly Sentence[], preprocessing: Preprocessing) {
  const { past_tense_detected, thinking_mode_detected } = preprocessing.safety_checks;
  return {
    isPast: past_tense_detected.detected,
    isThinking: thinking_mode_detected.detected,
    cries: sentences.some(({ words }) => criesIn(words)),
    resists:
      hasBut(lexicon.resistances, lexicon.notResistances, sentences) ||
      sentences.some(({ words }) => words.length === 1 && lexicon.resistancesWhole.has(words[0] ?? '')),
    asksNormal: has(lexicon.normals, sentences),
    pleasesOthers: hasBut(lexicon.relations, lexicon.notRelations, sentences),
    isOffTopic: sentences.some(({ words }) => lexicon.offTopics.has(words) && !isAboutMe(words)),
    hasPattern: has(lexicon.patterns, sentences),
  };
}

/** Reads an input for the rules of the process. Linear in its length. */
export function hear(input: HearInput): Heard {
  const sentences = readSentences(input.text);
  const { length } = wordsOf(input.text);
  const { preprocessing, original } = input;
  const isUnsure = preprocessing.safety_checks.i_dont_know_detected.detected;
  const talk = talkOf(sentences, length, original, isUnsure);
  const worries = worriesIn(talk.isConfused ? [] : sentences);
  const wish = wishIn(sentences);
  const body = bodyOf(sentences, length);
  const tellsCause = has(lexicon.causes, sentences);
  return {
    length,
    ...moodOf(input),
    ...talk,
    ...body,
    ...worries,
    looseWorry: looseWorryIn(sentences, length),
    tellsCause,
    tellsProblem:
      body.sensation !== null ||
      worries.named.length > 0 ||
      preprocessing.emotional_state.intensity > 0 ||
      has(lexicon.problems, sentences) ||
      tellsCause,
    ...asidesOf(sentences, preprocessing),
    goal: wish.goal,
    bareGoal: wish.bareGoal,
    isVagueWish: wish.isVague,
    checkpoint: readCheckpoint(sentences),
  };
}
