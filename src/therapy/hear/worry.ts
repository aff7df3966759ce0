// What troubles a person and what they wish for instead, as far as their words tell.
import { covered } from './body.ts';
import { lexicon } from './lexicon.ts';
import { isOfOthers } from './whose.ts';
import { isDenied } from './words.ts';
import type { Match, Sentence } from './words.ts';

/** Worries of one input that are told apart. */
const NAMED_MAX = 20;
const LOOSE_WORDS = 4;
/** Other words beside a bare state: with more of them it is a story, and no answer. */
const STRANGERS_MAX = 1;
/** "calm maybe?" is an answer; longer questions are questions. */
const QUESTION_WORDS = 4;
const ASKS: ReadonlySet<string> = new Set(['is', 'are', 'do', 'does', 'can', 'will']);

/** "I don't want to be anxious": what is not wanted is there. */
function wishesAway(words: readonly string[], at: number): boolean {
  return words
    .slice(Math.max(0, at - 5), at)
    .some((word) => word === 'want' || word === 'like' || word === 'keep');
}

function emotionsIn(words: readonly string[]): string[] {
  return lexicon.emotions
    .find(words)
    .filter(({ at, phrase }) => {
      const isDeniedHere = isDenied(words, at) && !wishesAway(words, at);
      if (isDeniedHere || isOfOthers(words, at)) return false;
      const isPlain = !lexicon.emotionsAfterFeel.has(phrase);
      return isPlain || words.length === 1 || lexicon.feelVerbs.has(words[at - 1] ?? '');
    })
    .map(({ said }) => said);
}

function stressorsIn(words: readonly string[]): string[] {
  const not = covered(lexicon.notStressors, words);
  return lexicon.stressors
    .find(words)
    .filter(({ at }) => !not.has(at) && !isDenied(words, at))
    .map(({ said }) => said);
}

/** A worry in one or two words that is one only in answer to the question for it: "life", "myself". */
export function looseWorryIn(sentences: readonly Sentence[], length: number): string | null {
  if (length > LOOSE_WORDS) return null;
  const found = sentences.flatMap(({ words }) => lexicon.stressorsWhenAsked.find(words));
  return found[0]?.said ?? null;
}

/** A denial reaches farther here: "I never want to feel calm again". */
const WISH_REACH = 8;

/** States a person wants: none that is denied ("I don't feel calm") or taken away ("stop being", "less"). */
function statesIn(words: readonly string[]): string[] {
  const found = lexicon.states
    .find(words)
    .filter(({ at }) => !isDenied(words, at, WISH_REACH) && words[at - 1] !== 'less');
  return [...new Set(found.map(({ said }) => said))].slice(0, 2);
}

/** Nothing beside the states but words that carry an answer: "maybe a bit calmer, I think". */
function isBare(words: readonly string[]): boolean {
  const states = new Set(lexicon.states.find(words).flatMap(({ phrase }) => phrase.split(' ')));
  const strangers = words.filter((word) => !states.has(word) && !lexicon.wishFillers.has(word));
  const isLoose = [...states].every((word) => lexicon.goalOnly.has(word));
  return (
    strangers.length <= (isLoose ? 0 : STRANGERS_MAX) && !words.some(isDenialOfWish) && !isTurnedDown(words)
  );
}

/** "Calm is not what I want". */
const isTurnedDown = (words: readonly string[]): boolean =>
  words.some((word, at) => word === 'not' && (words[at - 1] === 'is' || words[at + 1] === 'what'));

/** "I was calm", "he is calm": told, not wished. */
const isDenialOfWish = (word: string): boolean =>
  ['was', 'were', 'until', 'sounds', 'seems', 'looks'].includes(word);

const PROBLEM_SHAPES: ReadonlySet<string> = new Set([
  'stop',
  'without',
  'less',
  'rid',
  'quit',
  'away',
  'anymore',
]);

/** A wish, or what may be the answer to the question for one. */
interface Wish {
  goal: string | null;
  bareGoal: string | null;
  isVague: boolean;
}

/** "just better", "to feel good again"; "ok" and "fine" alone are no answer to how one would like to feel. */
const VAGUE: ReadonlySet<string> = new Set('better good well normal different great improve'.split(' '));

function isVagueWish(words: readonly string[], hasDesire: boolean): boolean {
  if (words.some((word) => PROBLEM_SHAPES.has(word)) || emotionsIn(words).length > 0) return false;
  if (hasDesire && !words.includes('not')) return true;
  const vague = lexicon.vagueStates.first(words);
  return vague !== undefined && words.length <= 6 && VAGUE.has(vague.phrase);
}

const PEOPLE: ReadonlySet<string> = new Set(
  'him her them he she they you people everyone everybody others someone somebody'.split(' '),
);

/** "I want him to be happy", "my boss to be kinder": a wish for somebody else. */
function isForOthers(words: readonly string[], from: number): boolean {
  const next = words.slice(from, from + 4);
  if (next.slice(0, 3).some((word) => PEOPLE.has(word))) return true;
  const my = next.indexOf('my');
  return my >= 0 && lexicon.stressors.find(next.slice(my + 1)).length > 0;
}

/** The last one: "what I want is to be able to rest". "To be calm" is one by itself. */
function desireIn(words: readonly string[]): Pick<Match, 'at' | 'length'> | undefined {
  const isInfinitive = words[0] === 'to' && (words[1] === 'be' || words[1] === 'feel');
  const found = lexicon.desires.find(words).findLast(({ at }) => !isDenied(words, at));
  return found ?? (isInfinitive ? { at: 0, length: 2 } : undefined);
}

/** "I want to feel calm and peaceful", "calm, I think", "to sleep": three kinds of wish. */
function wishOf({ words, isQuestion }: Sentence): Wish {
  const wished = desireIn(words);
  const desire = wished && isForOthers(words, wished.at + wished.length) ? undefined : wished;
  const said = statesIn(desire ? words.slice(desire.at + desire.length) : words).join(' and ');
  if (said === '') return { goal: null, bareGoal: null, isVague: isVagueWish(words, desire !== undefined) };
  if (desire) return { goal: said, bareGoal: said, isVague: false };
  const isTold = isQuestion && (words.length > QUESTION_WORDS || ASKS.has(words[0] ?? ''));
  const isOwn = wished === undefined && isBare(words) && !isTold;
  return { goal: null, bareGoal: isOwn ? said : null, isVague: false };
}

export function wishIn(sentences: readonly Sentence[]): Wish {
  const wishes = sentences.map(wishOf);
  return {
    goal: wishes.find(({ goal }) => goal !== null)?.goal ?? null,
    bareGoal: wishes.find(({ bareGoal }) => bareGoal !== null)?.bareGoal ?? null,
    isVague: wishes.some(({ isVague }) => isVague),
  };
}

/** Worries by their names, the first of each kind apart. */
export function worriesIn(sentences: readonly Sentence[]) {
  const emotions = sentences.flatMap(({ words }) => emotionsIn(words));
  const stressors = sentences.flatMap(({ words }) => stressorsIn(words));
  return {
    emotion: emotions[0] ?? null,
    stressor: stressors[0] ?? null,
    named: [...new Set([...emotions, ...stressors])].slice(0, NAMED_MAX),
  };
}
