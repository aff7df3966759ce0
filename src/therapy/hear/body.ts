// Where the body is felt, what it is like there, and whether it is so now, as far as the words of a person tell.
import { lexicon } from './lexicon.ts';
import type { Terms } from './lexicon.ts';
import { isHadByOthers, isOfOthers, isOfThings, OTHERS } from './whose.ts';
import { isDenied } from './words.ts';
import type { Phrases, Sentence } from './words.ts';

function firstSaid<T>(
  sentences: readonly Sentence[],
  find: (words: readonly string[]) => T | undefined,
): T | null {
  for (const { words } of sentences) {
    const found = find(words);
    if (found !== undefined) return found;
  }
  return null;
}

/** Places that are covered by a turn of speech: "back then", "face my boss". */
export function covered(list: Phrases, words: readonly string[]): ReadonlySet<number> {
  return new Set(list.find(words).flatMap(({ at, length }) => Array.from({ length }, (_, i) => at + i)));
}

/** A denial reaches farther here: "I don't feel it in my chest". */
const PLACE_REACH = 6;

/** "My chest does not hurt", "my chest is fine". */
function isWell(words: readonly string[], behind: number): boolean {
  const next = words.slice(behind, behind + 3);
  const verb = ['is', 'are', 'does', 'do', 'feels', 'feel'].includes(next[0] ?? '');
  return verb && ['not', 'fine', 'okay', 'ok', 'alright'].includes(next[1] ?? '');
}

const FELT: ReadonlySet<string> = new Set(
  'feel feeling felt body hurts aches ache tight tense heavy it'.split(' '),
);

interface Place {
  said: string;
  isOwn: boolean;
}

/** A place that is not denied and not somebody else's. */
function placeIn(words: readonly string[]): Place | undefined {
  const not = covered(lexicon.notPlaces, words);
  const place = lexicon.places.find(words).find(({ at, phrase }) => {
    const before = words[at - 1] ?? '';
    if (not.has(at) || isDenied(words, at, PLACE_REACH) || OTHERS.has(before) || isHadByOthers(words, at))
      return false;
    if (isWell(words, at + phrase.split(' ').length)) return false;
    return !lexicon.placesWithMy.has(phrase) || words.length <= 3 || lexicon.ownMarks.has(before);
  });
  const isOwn =
    words.some((word) => lexicon.selfWords.has(word)) ||
    lexicon.ownMarks.has(words[(place?.at ?? 0) - 1] ?? '');
  const everywhere = lexicon.placesEverywhere.find(words).find(({ at }) => !not.has(at));
  // "from head to toe" is no head
  if (!everywhere || (place && place.at < everywhere.at)) return place && { said: place.said, isOwn };
  const isFelt = words.length <= 3 || words.some((word) => FELT.has(word));
  return isFelt ? { said: 'whole body', isOwn: isOwn || words.length <= 3 } : undefined;
}

/** "Her back hurts", "he hurt his back". */
const isOfSomebody = (words: readonly string[], at: number): boolean =>
  OTHERS.has(words[at + 1] ?? '') ||
  (OTHERS.has(words[at - 2] ?? '') && lexicon.places.find([words[at - 1] ?? '']).length > 0);

const isOwn = (words: readonly string[], at: number): boolean =>
  isOfThings(words, at) ||
  (!OTHERS.has(words[at - 1] ?? '') &&
    !isOfSomebody(words, at) &&
    !isOfOthers(words, at) &&
    !isHadByOthers(words, at));

/** "A heavy topic", "stiff competition": a word for something else. */
function isOfThing(words: readonly string[], at: number): boolean {
  const next = words[at + 1];
  if (!lexicon.sensationAdjectives.has(words[at] ?? '') || next === undefined) return false;
  const isBody = lexicon.places.find([next]).length > 0 || lexicon.sensations.find([next]).length > 0;
  return !isBody && !lexicon.afterAdjective.has(next);
}

/** A quality of one's own that is not denied; `terms` says which words count. */
function qualityIn(words: readonly string[], terms: Terms, hasPlace: boolean): string | undefined {
  const not = covered(lexicon.notSensations, words);
  const found = terms
    .find(words)
    .filter(({ at }) => !not.has(at) && !isDenied(words, at) && isOwn(words, at) && !isOfThing(words, at));
  return found.find(({ phrase }) => hasPlace || !lexicon.sensationsOnlyWhenAsked.has(phrase))?.said;
}

const PRESENT_WORDS = 10;

function saysNow(words: readonly string[]): boolean {
  const found = lexicon.presentAnswers.find(words);
  return found.some(({ at, length }) => !isDenied(words, at) && words[at + length] !== 'not');
}

/** Words from which on a loose word for a quality is something else: "a good recipe". */
const LOOSE_WORDS = 8;
const LOOSE_QUESTION = 4;
/** "Like a rope": what it is like, said in a picture. */
const LIKENESS = 'feeling';
const LIKENESS_WORDS = 16;

function looseSensationIn(sentences: readonly Sentence[], length: number): string | null {
  const isAsked = sentences.some(({ isQuestion }) => isQuestion) && length > LOOSE_QUESTION;
  if (isAsked || length > LIKENESS_WORDS) return null;
  const found = firstSaid(sentences, (words) => qualityIn(words, lexicon.sensationsWhenAsked, true));
  if (found !== null && length <= LOOSE_WORDS) return found;
  return sentences.some(({ words }) => lexicon.likenesses.first(words)) ? LIKENESS : null;
}

/** "What happens in the stomach of a rabbit?" asks; "in my chest maybe?" tells. */
function tellsOfBody({ words, isQuestion }: Sentence): boolean {
  if (!isQuestion) return true;
  return lexicon.questionStarts.at(words, 0) === undefined && (words.length <= 4 || words.includes('my'));
}

export function bodyOf(all: readonly Sentence[], length: number) {
  const sentences = all.filter(tellsOfBody);
  const place = firstSaid(sentences, placeIn);
  const isAbsent = sentences.some(
    ({ words }) =>
      lexicon.absents.has(words) ||
      lexicon.presents
        .find(words)
        .some(({ at, length: n }) => isDenied(words, at) || words[at + n] === 'no' || words.at(-1) === 'no'),
  );
  const isPresent = !isAbsent && sentences.some(({ words }) => lexicon.presents.first(words));
  return {
    location: place?.isOwn ? place.said : null,
    looseLocation: place?.said ?? null,
    sensation: firstSaid(sentences, (words) => qualityIn(words, lexicon.sensations, place !== null)),
    looseSensation: looseSensationIn(sentences, length),
    isAbsent,
    isPresent,
    affirmsPresent: !isAbsent && length <= PRESENT_WORDS && sentences.some(({ words }) => saysNow(words)),
  };
}
