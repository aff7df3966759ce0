// The vocabulary of content/lexicon.en.json, made ready to be looked for. Contractions are opened on both sides, so that
// each thing needs to be written once.
import content from '../content/lexicon.en.json' with { type: 'json' };
import { Phrases } from './words.ts';
import type { Match, Sentence } from './words.ts';

const whole: Readonly<Record<string, readonly string[]>> = {
  cannot: ['can', 'not'],
  cant: ['can', 'not'],
  "can't": ['can', 'not'],
  "won't": ['will', 'not'],
  wont: ['will', 'not'],
  dont: ['do', 'not'],
  didnt: ['did', 'not'],
  doesnt: ['does', 'not'],
  isnt: ['is', 'not'],
  wasnt: ['was', 'not'],
  arent: ['are', 'not'],
  im: ['i', 'am'],
  ive: ['i', 'have'],
  id: ['i', 'would'],
  wanna: ['want', 'to'],
  gonna: ['going', 'to'],
  lets: ['let', 'us'],
  "let's": ['let', 'us'],
  thats: ['that', 'is'],
  whats: ['what', 'is'],
  dunno: ['do', 'not', 'know'],
  idk: ['i', 'do', 'not', 'know'],
};
const endings: readonly (readonly [string, readonly string[]])[] = [
  ["n't", ['not']],
  ["'m", ['am']],
  ["'re", ['are']],
  ["'ve", ['have']],
  ["'ll", ['will']],
  ["'d", ['would']],
];
/** Behind other words an 's belongs to somebody: "my boss's car". */
const isWords: ReadonlySet<string> = new Set(
  'it that what he she there here how who where everything nothing this'.split(' '),
);

function opened(word: string): readonly string[] {
  const known = Object.hasOwn(whole, word) ? whole[word] : undefined;
  if (known) return known;
  if (!word.includes("'")) return [word];
  for (const [ending, words] of endings) {
    if (word.endsWith(ending)) return [word.slice(0, -ending.length), ...words];
  }
  if (!word.endsWith("'s")) return [word.replaceAll("'", '')];
  const base = word.slice(0, -2);
  return isWords.has(base) ? [base, 'is'] : [base];
}

const openAll = (words: readonly string[]): string[] => words.flatMap(opened);

const SENTENCE = /[^.?!\n]+[.?!\n]*/g;
/** A comma, a colon or a dash counts as a word: what is denied before it is not denied behind it. */
const WORD_OR_CUT = /[\p{L}\p{N}]+(?:'\p{L}+)*|[,;:()\u2013\u2014]|\s-\s/gu;
const CUT = /^[^\p{L}\p{N}]/u;
const PICTURE = /\p{Extended_Pictographic}/gu;
const pictures: Readonly<Record<string, string>> = content.pictures;

/** The sentences of a folded text: contractions opened, commas kept as words, pictures read out that say something. */
export function readSentences(plain: string): Sentence[] {
  const text = plain.replace(PICTURE, (picture) => ` ${pictures[picture] ?? ','} `);
  return (text.match(SENTENCE) ?? []).flatMap((part) => {
    const words = openAll(part.match(WORD_OR_CUT) ?? []).map((word) => (CUT.test(word) ? ',' : word));
    return words.some((word) => word !== ',')
      ? [{ words: trimmed(words), isQuestion: part.includes('?') }]
      : [];
  });
}

/** Without the commas at both ends. */
function trimmed(words: readonly string[]): readonly string[] {
  const first = words.findIndex((word) => word !== ',');
  return words.slice(first, words.findLastIndex((word) => word !== ',') + 1);
}

export const phrasesOf = (list: readonly string[]): Phrases =>
  new Phrases(list.map((phrase) => openAll(phrase.split(' ')).join(' ')));

/** Words that stand for something, each with the form in which the guide says it back. */
export class Terms {
  readonly #phrases: Phrases;
  readonly #said: ReadonlyMap<string, string>;

  constructor(terms: Readonly<Record<string, string>>) {
    const entries = Object.entries(terms).map(
      ([term, said]) => [openAll(term.split(' ')).join(' '), said] as const,
    );
    this.#said = new Map(entries);
    this.#phrases = new Phrases(this.#said.keys());
  }

  find(words: readonly string[]): (Match & { said: string })[] {
    return this.#phrases.find(words).map((match) => ({ ...match, said: this.#said.get(match.phrase) ?? '' }));
  }
}

const set = (list: readonly string[]): ReadonlySet<string> => new Set(openAll(list));

export const lexicon = {
  desires: phrasesOf(content.desires),
  states: new Terms(content.states),
  goalOnly: set(content.goalOnly),
  vagueStates: phrasesOf(content.vagueStates),
  emotions: new Terms(content.emotions),
  emotionsAfterFeel: set(content.emotionsAfterFeel),
  feelVerbs: set(content.feelVerbs),
  stressors: new Terms(content.stressors),
  problems: phrasesOf(content.problems),
  causes: phrasesOf(content.causes),
  places: new Terms({ ...content.places, ...content.placesWithMy }),
  placesWithMy: set(Object.keys(content.placesWithMy)),
  placesEverywhere: phrasesOf(content.placesEverywhere),
  ownMarks: set(content.ownMarks),
  notPlaces: phrasesOf(content.notPlaces),
  sensations: new Terms({ ...content.sensations }),
  sensationsWhenAsked: new Terms({ ...content.sensations, ...content.sensationsWhenAsked }),
  sensationsOnlyWhenAsked: set(content.sensationsOnlyWhenAsked),
  notSensations: phrasesOf(content.notSensations),
  accepts: phrasesOf(content.accepts),
  takesBack: phrasesOf(content.takesBack),
  weakAccepts: phrasesOf(content.weakAccepts),
  strongYes: phrasesOf(content.strongYes),
  leavings: phrasesOf(content.leavings),
  notLeavings: phrasesOf(content.notLeavings),
  additions: phrasesOf(content.additions),
  moreToSay: phrasesOf(content.moreToSay),
  again: phrasesOf(content.again),
  here: phrasesOf(content.here),
  worse: phrasesOf(content.worse),
  sufferings: phrasesOf(content.sufferings),
  likenesses: phrasesOf(content.likenesses),
  stressorsWhenAsked: new Terms(content.stressorsWhenAsked),
  notStressors: phrasesOf(content.notStressors),
  wishFillers: set(content.wishFillers),
  confusionsWhole: new Set(content.confusionsWhole),
  acceptsWhole: new Set(content.acceptsWhole),
  acceptsOnlyFirst: new Set(content.acceptsOnlyFirst),
  rightNot: phrasesOf(content.rightNot),
  refuses: phrasesOf(content.refuses),
  refusesNot: phrasesOf(content.refusesNot),
  rejections: phrasesOf(content.rejections),
  hesitations: phrasesOf(content.hesitations),
  nothingMore: phrasesOf(content.nothingMore),
  notAll: phrasesOf(content.notAll),
  sensationAdjectives: new Set(content.sensationAdjectives),
  afterAdjective: new Set(content.afterAdjective),
  nothingWhole: new Set(content.nothingWhole),
  readies: phrasesOf(content.readies),
  presents: phrasesOf(content.presents),
  absents: phrasesOf(content.absents),
  presentAnswers: phrasesOf(content.presentAnswers),
  patterns: phrasesOf(content.patterns),
  questionStarts: phrasesOf(content.questionStarts),
  confusions: phrasesOf(content.confusions),
  fillers: new Set(content.fillers),
  crying: phrasesOf(content.crying),
  notCrying: phrasesOf(content.notCrying),
  resistances: phrasesOf(content.resistances),
  resistancesWhole: new Set(content.resistancesWhole),
  notResistances: phrasesOf(content.notResistances),
  normals: phrasesOf(content.normals),
  relations: phrasesOf(content.relations),
  notRelations: phrasesOf(content.notRelations),
  offTopics: phrasesOf(content.offTopics),
  who: phrasesOf(content.who),
  thanks: phrasesOf(content.thanks),
  greetings: phrasesOf(content.greetings),
  selfWords: set(content.selfWords),
};
