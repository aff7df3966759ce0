// Yes, no, enough, goodbye: how a person answers what the guide asked or offered.
import { covered } from './body.ts';
import { lexicon } from './lexicon.ts';
import { isDenied } from './words.ts';
import type { Phrases, Sentence } from './words.ts';

/** Words up to which something may be no more than an answer. */
const ANSWER_WORDS = 12;
const SHORT_WORDS = 8;

const has = (list: Phrases, sentences: readonly Sentence[]): boolean =>
  sentences.some(({ words }) => list.has(words));

function acceptsIn(sentences: readonly Sentence[], length: number): boolean {
  const [first] = sentences;
  if (!first) return false;
  const right = covered(lexicon.rightNot, first.words);
  return sentences.some(({ words }, index) =>
    lexicon.accepts.find(words).some(({ at, phrase, length: span }) => {
      // "absolutely not"
      if (words[at + span] === 'not' && phrase !== 'why') return false;
      if (isDenied(words, at) || (index === 0 && right.has(at))) return false;
      if (lexicon.acceptsWhole.has(phrase)) return at === 0 && words.length === phrase.split(' ').length;
      if (!lexicon.acceptsOnlyFirst.has(phrase)) return at <= 2 || length <= 6 || at === words.length - 1;
      return length <= 2 || (at === 0 && (length <= 6 || index === 0));
    }),
  );
}

const NO: ReadonlySet<string> = new Set(['no', 'nope', 'nah', 'none']);

function nothingMoreIn(sentences: readonly Sentence[], length: number): boolean {
  if (length > 12 || has(lexicon.notAll, sentences)) return false;
  return sentences.some(({ words }) =>
    lexicon.nothingMore.find(words).some(({ at, phrase }) => {
      if (NO.has(phrase)) return at === 0 || words[at - 1] === ',';
      const isWhole = words.length <= phrase.split(' ').length + 1;
      return at <= 3 && (isWhole || !lexicon.nothingWhole.has(phrase));
    }),
  );
}

function refusesIn(sentences: readonly Sentence[]): boolean {
  return sentences.some(({ words }, index) => {
    const not = covered(lexicon.refusesNot, words);
    return lexicon.refuses.find(words).some(({ at, phrase }) => {
      if (not.has(at)) return false;
      return NO.has(phrase) || phrase === 'never' ? at === 0 && index === 0 : words[at - 1] !== 'why';
    });
  });
}

/** "No, that's exactly it" rejects nothing. */
function rejectsIn(sentences: readonly Sentence[], accepts: boolean): boolean {
  return sentences.some(({ words }) =>
    lexicon.rejections.find(words).some(({ at, phrase }) => {
      if (!NO.has(phrase)) return true;
      return at === 0 && !(accepts && words.length > 2);
    }),
  );
}

function leavesIn(sentences: readonly Sentence[], length: number): boolean {
  if (length > ANSWER_WORDS) return false;
  return sentences.some(({ words }) => lexicon.leavings.first(words) && !lexicon.notLeavings.has(words));
}

/** "Ok no", "yes, but not now": whatever came before, it is no clear yes. */
function takesBackIn(sentences: readonly Sentence[]): boolean {
  return sentences.some(({ words }, index) => {
    const not = covered(lexicon.refusesNot, words);
    const said = covered(lexicon.accepts, words);
    const isLoneNo = words.some(
      (word, at) => NO.has(word) && (at > 0 || index > 0) && (words[at + 1] ?? ',') === ',',
    );
    return isLoneNo || lexicon.takesBack.find(words).some(({ at }) => !not.has(at) && !said.has(at));
  });
}

/** "I suppose" alone is a yes; with more behind it, it is a thought. */
function acceptsWeakly(words: readonly string[]): boolean {
  return lexicon.weakAccepts.find(words).some(({ at, length, phrase }) => {
    if (isDenied(words, at) || words[at + length] === 'not') return false;
    return words.length <= 3 || (phrase !== 'i suppose' && phrase !== 'i guess' && phrase !== 'i think so');
  });
}

/** What the words say yes and no to. */
export function answersOf(sentences: readonly Sentence[], length: number) {
  const accepts = acceptsIn(sentences, length);
  const refuses = refusesIn(sentences);
  const leaves = leavesIn(sentences, length);
  const isThanks = has(lexicon.thanks, sentences);
  return {
    accepts,
    takesBack: takesBackIn(sentences),
    weaklyAccepts: length <= SHORT_WORDS && sentences.some(({ words }) => acceptsWeakly(words)),
    wants:
      length <= SHORT_WORDS &&
      !refuses &&
      !leaves &&
      !isThanks &&
      sentences.some(({ words }) => lexicon.strongYes.first(words)),
    refuses,
    rejects: rejectsIn(sentences, accepts),
    nothingMore: nothingMoreIn(sentences, length),
    isReady: length <= ANSWER_WORDS && sentences.some(({ words }) => lexicon.readies.first(words)),
    leaves,
    adds: has(lexicon.additions, sentences) || has(lexicon.moreToSay, sentences),
    asksAgain: has(lexicon.again, sentences),
    asksHere: length <= SHORT_WORDS && has(lexicon.here, sentences),
    isWorse: sentences.some(({ words }) => lexicon.worse.first(words)),
    suffers: sentences.some(({ words }) => lexicon.sufferings.first(words)),
  };
}
