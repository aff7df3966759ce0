// The guard's rules as the matcher wants them, read once from content/. [US-10]
import { apart } from './apart.ts';
import english from './content/guard.en.json' with { type: 'json' };
import more from './content/guard.more.json' with { type: 'json' };
import { fold, undoubled } from './fold.ts';
import { addRow, closeTree, newTree } from './guard-match.ts';

/** Which rule of SAFETY.md 1.4 a sentence breaks; and harm to others, blame for abuse, home remedies in an emergency. */
const reasons = [
  'N1',
  'N2',
  'N3',
  'N4',
  'N5',
  'N6',
  'N7',
  'N8',
  'N9',
  'N10',
  'N11',
  'N12',
  'N13',
  'N14',
  'N15',
  'N17',
  'harm',
  'blame',
  'remedy',
] as const;
export type Reason = (typeof reasons)[number];

/** Words that make a sentence right although a rule fits. */
export interface Excuse {
  name: string;
  /** `before`: in the same clause, at most `reach` words before it. `any`: anywhere in the sentence. */
  where: 'before' | 'any';
  reach: number;
  /** Counts only if it is not denied itself. */
  unnegated: boolean;
}

export interface GuardRule {
  reason: Reason;
  unless: ReadonlySet<string>;
  /** A negation before it makes it right. */
  negatable: boolean;
  /** What comes later in the sentence may still make it right. */
  isLate: boolean;
  /** Only where a whole answer is checked. */
  strict: boolean;
}

interface RuleRow {
  reason: string;
  say: readonly string[];
  unless?: readonly string[];
  negatable?: boolean;
  strict?: boolean;
}

const setOf = (words: readonly string[]): ReadonlySet<string> => new Set(words.map((word) => fold(word)));

/** How a question is told apart has no words of its own. */
export const QUESTION = 'question';
export const QUOTED = 'quoted';

const spellings: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries(english.spellings).map(([spelling, words]) => [spelling, words.split(' ')]),
);
const suffixes: readonly (readonly [string, string])[] = [
  ["n't", 'not'],
  ["'m", 'am'],
  ["'re", 'are'],
  ["'ve", 'have'],
  ["'ll", 'will'],
  ["'d", 'would'],
  ["'s", 'is'],
];

/** The words a folded spelling stands for: contractions opened. */
function read(spelling: string): readonly string[] {
  const known = spellings.get(spelling);
  if (known) return known;
  if (!spelling.includes("'")) return [spelling];
  for (const [suffix, word] of suffixes) {
    if (spelling.length > suffix.length && spelling.endsWith(suffix))
      return [...read(spelling.slice(0, -suffix.length)), word];
  }
  return spelling.split("'").filter((part) => part !== '');
}

const numberWords: ReadonlyMap<string, number> = new Map(Object.entries(english.numbers));

/** Which words of a row are held. */
export const weight = {
  telling: setOf([...english.telling, ...more.telling]),
  free: setOf([...english.free, ...more.free]),
  numbers: [...numberWords.keys()],
  spellings: Map.groupBy(spellings.keys(), (spelling) => read(spelling)[0] ?? ''),
};
/** What is said of them waits for the end of its sentence. */
export const grave = setOf([...english.grave, ...more.grave]);
export const fillers = setOf(english.fillers);
export const negators = setOf([...english.negators, ...more.negators]);
/** Behind a negation they take it away: "do not hesitate". */
export const voiders = setOf(english.voiders);
/** A clause that follows them begins there all the same: "and then just". */
export const leaders = setOf([...english.leaders, ...more.leaders]);
export const pronouns = setOf(english.pronouns);
export const abbreviations = setOf(english.abbreviations);
export const closing = english.closing;

const excuses: readonly Excuse[] = Object.entries(english.excuses).map(
  ([name, { where, reach, unnegated }]) => ({
    name,
    where: where === 'any' ? 'any' : 'before',
    reach,
    unnegated,
  }),
);
const lateNames: ReadonlySet<string> = new Set([
  QUESTION,
  ...excuses.filter((excuse) => excuse.where === 'any').map((excuse) => excuse.name),
]);

function ruleOf(row: RuleRow, standard: readonly string[]): GuardRule {
  const reason = reasons.find((known) => known === row.reason);
  if (reason === undefined) throw new Error(`No reason ${row.reason}`);
  const unless = row.unless ?? standard;
  for (const name of unless) {
    if (name !== QUESTION && name !== QUOTED && !excuses.some((excuse) => excuse.name === name))
      throw new Error(`No excuse ${name}`);
  }
  return {
    reason,
    unless: new Set(unless),
    negatable: row.negatable ?? true,
    isLate: unless.some((name) => lateNames.has(name)),
    strict: row.strict ?? false,
  };
}

interface Language {
  classes: Readonly<Record<string, readonly string[]>>;
  rules: readonly RuleRow[];
}

/** Reads the members of rows; the same one is read once. */
function memberReader(): (member: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (member) => {
    const words = known.get(member) ?? member.split(/[ _]/).flatMap((part) => read(fold(part)));
    known.set(member, words);
    return words;
  };
}

export const tree = newTree<GuardRule>();
export const excuseTree = newTree<Excuse>();

function addLanguage({ classes, rules }: Language, standard: readonly string[]): void {
  const tongue = { classes, read: memberReader() };
  for (const row of rules) {
    const rule = ruleOf(row, standard);
    for (const line of row.say) addRow(tree, line, rule, tongue);
  }
}

const englishRules: readonly RuleRow[] = english.rules;
addLanguage({ classes: english.classes, rules: englishRules }, english.standard);
const excusing = { classes: english.classes, read: memberReader() };
for (const excuse of excuses) {
  const { say } = Object.entries(english.excuses).find(([name]) => name === excuse.name)?.[1] ?? { say: [] };
  for (const line of say) addRow(excuseTree, line, excuse, excusing);
}
const languages: readonly Language[] = more.languages;
for (const language of languages) addLanguage(language, ['quoted', 'question', 'unaided']);
closeTree(tree, weight, grave);

const undoubledWords: ReadonlyMap<string, string> = new Map(
  [...tree.vocabulary].map((word) => [undoubled(word), word]),
);
const longest = [...tree.vocabulary].reduce((most, word) => Math.max(most, word.length), 0);
const signLetters: Readonly<Record<string, string>> = {
  '0': 'o',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '8': 'b',
  '@': 'a',
  $: 's',
  '!': 'i',
  '+': 't',
};

/** Digits and signs read as letters, when that makes a known word. */
function withLetters(spelling: string): string | undefined {
  if (spelling.length > longest * 2 || !/\p{L}/u.test(spelling)) return undefined;
  for (const one of ['i', 'l']) {
    const word = spelling.replace(
      /[0-9@$!|+]/g,
      (sign) => signLetters[sign] ?? (/[1|]/.test(sign) ? one : sign),
    );
    const found = tree.vocabulary.has(word) ? word : undoubledWords.get(undoubled(word));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Long words by their length and first letter. */
const alike = Map.groupBy(
  [...tree.vocabulary].filter((word) => word.length >= 4),
  (word) => `${word.length}${word[0]}`,
);

/** A star stands for one letter of a known word. */
function withoutStars(spelling: string): string | undefined {
  if (!/^\p{L}[\p{L}*]*\*[\p{L}*]*\p{L}$/u.test(spelling) || spelling.length > longest) return undefined;
  return alike
    .get(`${spelling.length}${spelling[0]}`)
    ?.find((word) => spelling.split('').every((letter, at) => letter === '*' || letter === word[at]));
}

/** Of what was read, so much is kept: most words of a text are a few hundred, again and again. */
const READ_MAX = 10_000;
const SPELLING_MAX = 20;

/** Remembers what short spellings come to; once there are too many, it begins anew. */
function remembered<T>(read: (spelling: string) => T): (spelling: string) => T {
  const known = new Map<string, { value: T }>();
  return (spelling) => {
    if (spelling.length > SPELLING_MAX) return read(spelling);
    const found = known.get(spelling);
    if (found) return found.value;
    const value = read(spelling);
    if (known.size >= READ_MAX) known.clear();
    known.set(spelling, { value });
    return value;
  };
}

/** The words a spelling in a text stands for, disguises undone. */
export const wordsOf = remembered(undisguised);

const COMMON = /^[a-z]{1,6}(?:'[a-z]{1,2})?$/i;

/** The words of a spelling, as it stands in a text, that says little by itself. */
export const commonWords = remembered((partial): readonly string[] | undefined => {
  if (!COMMON.test(partial)) return undefined;
  const words = wordsOf(partial.toLowerCase());
  return words.every((word) => weight.free.has(word)) ? words : undefined;
});

function undisguised(spelling: string): readonly string[] {
  if (tree.vocabulary.has(spelling) || spellings.has(spelling)) return read(spelling);
  const amount = /^\$?(\d[\d.,]*)(\p{L}+)$/u.exec(spelling);
  if (amount?.[2] !== undefined && tree.vocabulary.has(amount[2])) return [amount[1] ?? '', amount[2]];
  if (/[0-9@$!|+*]/.test(spelling)) {
    const shown = withoutStars(spelling) ?? withLetters(spelling);
    if (shown !== undefined) return read(shown);
    return spelling.split(/[@$!|+*]+/).filter((part) => part !== '');
  }
  if (/(.)\1\1|aa|ii|uu/su.test(spelling)) {
    const single = undoubledWords.get(undoubled(spelling));
    if (single !== undefined) return read(single);
  }
  return read(spelling);
}

/** The number a word stands for. */
export function amountOf(word: string): number | undefined {
  return /^\d[\d.,]{0,12}$/.test(word) ? Number(word.replaceAll(',', '')) || 0 : numberWords.get(word);
}

/** The known words that letters standing alone spell out, if nothing is left over. */
export const spelledOut = (run: string): readonly string[] | undefined =>
  apart(
    run,
    longest,
    (word) => tree.vocabulary.has(word) && (word.length > 1 || word === 'i' || word === 'a'),
  );
