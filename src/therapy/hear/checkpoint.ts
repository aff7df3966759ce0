// How an answer to "more tense or more calm" is understood (DOMAIN.md 5.1): clause by clause, and the last that says something counts.
import content from '../content/checkpoint.en.json' with { type: 'json' };
import { phrasesOf } from './lexicon.ts';
import { isDenial } from './words.ts';
import type { Sentence } from './words.ts';

export type Checkpoint = 'calm' | 'tense' | 'neutral' | 'unclear' | 'stop';

const stop = phrasesOf(content.stop);
const notStop = phrasesOf(content.notStop);
const tense = phrasesOf(content.tense);
const calm = phrasesOf(content.calm);
const easing = phrasesOf(content.easing);
const neutral = phrasesOf(content.neutral);
const weakNeutral = phrasesOf(content.weakNeutral);
const comparing = phrasesOf(content.comparing);
const weakCalm = phrasesOf(content.weakCalm);

/** A new clause begins behind these. */
const CUTS: ReadonlySet<string> = new Set([',', 'but', 'then', 'though', 'although']);
/** "No, calmer": an answer to something else. */
const ANSWERS: ReadonlySet<string> = new Set(['no', 'nope', 'nah']);
const SUBJECTS: ReadonlySet<string> = new Set(['i', 'it', 'its', 'that', 'my', 'the']);
const ASKS: ReadonlySet<string> = new Set('should is can how what do does why could will am are'.split(' '));
const WINDOW = 4;

/** What stands behind "than" is only what is compared with: "more calm than tense". */
function claimed(words: readonly string[]): readonly string[] {
  const than = words.indexOf('than');
  return than < 0 ? words : words.slice(0, than);
}

function clausesOf({ words, isQuestion }: Sentence): readonly string[][] {
  const clauses: string[][] = [[]];
  for (const word of words) {
    const isNothingBut = word === 'but' && clauses.at(-1)?.at(-1) === 'anything';
    if (CUTS.has(word) && !isNothingBut) clauses.push([]);
    else clauses.at(-1)?.push(word);
  }
  // a question tells nothing, what was said before it in the same breath does
  const [first = '', second = ''] = clauses[0] ?? [];
  const isAsked = isQuestion || (ASKS.has(first) && second !== 'not');
  return isAsked ? clauses.slice(0, -1) : clauses;
}

interface Neighbours {
  before: readonly string[];
  after: readonly string[];
}

function around(words: readonly string[], at: number, length: number): Neighbours {
  return {
    before: words.slice(Math.max(0, at - WINDOW), at),
    after: words.slice(at + length, at + length + WINDOW),
  };
}

/** A denial that stands for itself: "can't stop yawning" denies nothing. */
const denies = (words: readonly string[]): boolean =>
  words.some((word, at) => isDenial(word) && words[at + 1] !== 'stop' && words[at + 1] !== 'only');

const isFar = (before: readonly string[]): boolean => before.includes('far') || before.includes('anything');

/** "No less tense" is as tense as before. */
const isUneased = (before: readonly string[]): boolean => denies(before) && before.includes('less');

/** Tension counts unless something governs it: "less", "no", "is going". A denied easing ("not going away") governs nothing. */
function isTense(words: readonly string[]): boolean {
  return tense.find(words).some(({ at, length }) => {
    const { before, after } = around(words, at, length);
    if (isUneased(before)) return true;
    if (denies(before) || easing.has(before)) return false;
    return !easing.has(after) || after.some((word) => isDenial(word) && word !== 'no');
  });
}

/** Calm that is denied, less or far away is tension. */
function calmIn(words: readonly string[]): Checkpoint | undefined {
  const found = calm.find(words);
  if (found.length === 0) return undefined;
  const isDenied = found.some(({ at, length }) => {
    const { before, after } = around(words, at, length);
    if (after.includes('gone') || after.includes('went')) return true;
    return denies(before) || before.at(-1) === 'less' || isFar(before);
  });
  return isDenied ? 'tense' : 'calm';
}

/** Easing by itself: "it is easing", "much less"; or tension that is governed. */
const isEased = (words: readonly string[]): boolean =>
  tense.has(words) || (easing.has(words) && !denies(words));

/** "No I feel calm"; but "no better" is no better. */
const isAnswer = ([first = '', second = '']: readonly string[]): boolean =>
  ANSWERS.has(first) && SUBJECTS.has(second);

function readClause(clause: readonly string[]): Checkpoint {
  const words = claimed(isAnswer(clause) ? clause.slice(1) : clause);
  if (comparing.at(words, 0) !== undefined) return 'neutral';
  if (isTense(words)) return 'tense';
  if (neutral.has(words)) return 'neutral';
  const found = calmIn(words) ?? (isEased(words) ? 'calm' : 'unclear');
  if (!weakNeutral.has(words)) return found;
  return found === 'calm' && !weakCalm.has(words) ? found : 'neutral';
}

/** "Ok" beside something that was not understood is no word of calm. */
function isMereYes(clauses: readonly (readonly string[])[], at: number): boolean {
  const clause = clauses[at];
  if (!clause || clause.length > 2 || !weakCalm.has(clause)) return false;
  return clauses.some((other, index) => index !== at && other.length > 1 && readClause(other) === 'unclear');
}

/** The class of an answer. Of several clauses the last counts that is not unclear; a wish to stop counts wherever it stands. */
export function readCheckpoint(sentences: readonly Sentence[]): Checkpoint {
  if (sentences.some(({ words }) => stop.has(words) && !notStop.has(words))) return 'stop';
  const clauses = sentences.flatMap(clausesOf);
  const read = clauses.map(readClause);
  const last = read.findLastIndex((kind) => kind !== 'unclear');
  return isMereYes(clauses, last) ? 'unclear' : (read[last] ?? 'unclear');
}
