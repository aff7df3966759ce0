// Which language an input is written in: by its script first, then by the small words it uses. [US-07]
import made from './content/index.json' with { type: 'json' };
import content from './content/language-marks.json' with { type: 'json' };
import { openLexicons, packLexicons } from './language-lexicons.ts';
import { detector, speech } from './rules.ts';
import { lettersIn, scriptOf } from './scripts.ts';
import type { Script } from './scripts.ts';
import { tongueContents, tongues } from './tongues-content.ts';
import { isKnown } from './tongue-spelling.ts';
import { plainWord, tokensOf, visible } from './tongue-words.ts';
import type { Token } from './tongue-words.ts';

export interface Language {
  /** `und` when it is not covered. */
  code: string;
  /** Whether it has a lexicon. */
  covered: boolean;
}

/** More of a text is not looked at. UTF-16 units. */
const SAMPLE_MAX = 1_200;
/** Fewer words of Latin letters say too little to be called unknown. */
const WORDS_MIN = 4;
const LETTERS_MIN = 14;
/** A text with so large a share of small words of a language is in that language. */
const SHARE_MIN = 0.15;
/** With so many words that nobody knows a text is in an unknown language. */
const STRANGE_MIN = 0.75;
/** So many words of a language without a lexicon tell of it; an accent is part of one. */
const FOREIGN_MIN = 1.4;
/** How much clearer a language without a lexicon must be than those that have one. */
const CLEARER = 1.25;

const unknown: Language = { code: 'und', covered: false };
const english: Language = { code: 'en', covered: true };

/** An address tells of no language. */
const ADDRESS = /@|:\/\/|^www\./;
const ownScript: Readonly<Partial<Record<Script, Language>>> = {
  han: { code: 'zh', covered: true },
  kana: { code: 'ja', covered: true },
  hangul: { code: 'ko', covered: true },
};
/** Signs of meaning weigh more than letters of sounds. */
const weights: Readonly<Partial<Record<Script, number>>> = { han: 3, kana: 2, hangul: 2 };

const SMILE = 3;
const NOT_ARABIC = /[\u067e\u0686\u0688\u0691\u0698\u06a9\u06af\u06ba\u06be\u06c1\u06cc\u06d2]/g;
const UKRAINIAN = /[\u0456\u0457\u0454\u0491]/g;
const RUSSIAN = /[\u044b\u044d\u044a\u0451]/g;
/** Belarusian, Serbian, Macedonian and the languages of Central Asia. */
const OTHER_CYRILLIC = /[\u0452\u0453\u0455\u0458-\u045c\u045e\u045f\u0492-\u04bb\u04d8-\u04e9]/g;

/** The script most of a text is in. Any kana makes signs Japanese. */
function mainScript(tokens: readonly Token[]): Script | undefined {
  const sums = new Map<Script, number>();
  for (const { accented } of tokens) {
    const script = scriptOf(accented);
    if (script === undefined) continue;
    const weight = lettersIn(accented) * (weights[script] ?? 1);
    sums.set(script, (sums.get(script) ?? 0) + weight);
  }
  const signs = (sums.get('han') ?? 0) + (sums.get('kana') ?? 0);
  const kana = sums.get('kana') ?? 0;
  sums.delete('han');
  sums.delete('kana');
  // One sign alone may be the smile of a face.
  if (signs > SMILE) sums.set(kana > 0.1 * signs ? 'kana' : 'han', signs);
  return [...sums].sort(([, a], [, b]) => b - a)[0]?.[0];
}

interface Mark {
  code: string;
  accented: string;
  script: Script | undefined;
}

/** The small words of all languages, by their plain spelling. */
function readMarks(): Map<string, Mark[]> {
  const marks = new Map<string, Mark[]>();
  const rows: (readonly [string, readonly string[]])[] = [
    ['en', content.english.flatMap((line) => line.split(' '))],
    ...tongueContents.map(({ language, marks }) => [language, marks] as const),
    ...Object.entries(content.uncovered).map(([code, line]) => [`-${code}`, line.split(' ')] as const),
  ];
  for (const [code, words] of rows) {
    for (const { text, accented } of words.flatMap((word) => tokensOf(visible(word)))) {
      const list = marks.get(text) ?? [];
      if (!list.some((mark) => mark.code === code && mark.accented === accented))
        marks.set(text, [...list, { code, accented, script: scriptOf(accented) }]);
    }
  }
  return marks;
}

const marks: ReadonlyMap<string, readonly Mark[]> = readMarks();

/** The other words of the lexicons tell less: many are names of things that go from language to language. */
const LEXICON_WEIGHT = 0.5;
const LETTER_WEIGHT = 0.4;

/** Whoever makes it anew in place of opening it gets the same. */
const lexicons = openLexicons(
  made.lexicons.of === detector.hash ? made.lexicons.rows : packLexicons(speech.known, tongueContents),
);

const letterCodes: ReadonlyMap<string, readonly string[]> = readLetters();

/** The languages that write with a letter beyond the plain twenty-six. */
function readLetters(): Map<string, string[]> {
  const codes = new Map<string, string[]>();
  for (const [code, letters] of Object.entries(content.letters)) {
    for (const letter of letters.split('')) codes.set(letter, [...(codes.get(letter) ?? []), code]);
  }
  return codes;
}

/** The languages that write with every such letter of a word. */
function writersOf(accented: string): readonly string[] {
  const letters = accented.split('').filter((letter) => letter > '\u007f');
  const [first = [], ...others] = letters.map((letter) => letterCodes.get(letter) ?? []);
  return first.filter((code) => others.every((codes) => codes.includes(code)));
}

/** How well a word typed like this fits a mark: accents may be left out, but hardly put in. */
function fitOf(typed: Token, mark: Mark): number {
  if (typed.accented === mark.accented) return 1;
  return typed.accented === typed.text ? 0.7 : 0.3;
}

interface Standing {
  /** Of its words, each by how few languages share it. */
  score: number;
  /** How many words of the text it knows. */
  words: number;
}

function standings(tokens: readonly Token[], script: Script): Map<string, Standing> {
  const all = new Map<string, Standing>();
  for (const token of tokens) {
    const own = (marks.get(token.text) ?? []).filter((mark) => mark.script === script);
    const best = new Map<string, number>();
    for (const mark of own) best.set(mark.code, Math.max(best.get(mark.code) ?? 0, fitOf(token, mark)));
    for (const code of lexicons(token.text, script)) if (!best.has(code)) best.set(code, LEXICON_WEIGHT);
    for (const code of writersOf(token.accented)) if (!best.has(code)) best.set(code, LETTER_WEIGHT);
    for (const [code, fit] of best) {
      const before = all.get(code) ?? { score: 0, words: 0 };
      all.set(code, { score: before.score + fit / Math.sqrt(best.size), words: before.words + fit });
    }
  }
  return all;
}

interface Best extends Standing {
  code: string;
}

const none: Best = { code: '', score: 0, words: 0 };

/** The language that fits best; of two that fit as well, none. */
function bestOf(all: ReadonlyMap<string, Standing>, fits: (code: string) => boolean): Best {
  const [first = none, second = none] = [...all]
    .filter(([code]) => fits(code))
    .map(([code, standing]): Best => ({ code, ...standing }))
    .sort((a, b) => b.score - a.score);
  return first.score > second.score ? first : { ...first, code: '' };
}

const isUncovered = (code: string): boolean => code.startsWith('-');

/** Between languages of one script that has its own letters: the one whose small words are used. */
function amongst(
  tokens: readonly Token[],
  script: Script,
  codes: readonly string[],
  otherwise: string,
): Language {
  const all = standings(tokens, script);
  const best = bestOf(all, (code) => codes.includes(code));
  const foreign = bestOf(all, isUncovered);
  if (tokens.length >= WORDS_MIN && foreign.score > best.score * CLEARER && foreign.words >= 2)
    return unknown;
  return { code: best.code || otherwise, covered: true };
}

function count(text: string, letters: RegExp): number {
  return text.match(letters)?.length ?? 0;
}

function cyrillicOf(text: string, tokens: readonly Token[]): Language {
  const ukrainian = count(text, UKRAINIAN);
  const russian = count(text, RUSSIAN);
  if (count(text, OTHER_CYRILLIC) > 0) return unknown;
  const codes = [
    ...(russian > 0 && ukrainian === 0 ? [] : ['uk']),
    ...(ukrainian > 0 && russian === 0 ? [] : ['ru']),
  ];
  return amongst(tokens, 'cyrillic', codes, ukrainian > russian ? 'uk' : 'ru');
}

function arabicOf(text: string, tokens: readonly Token[]): Language {
  const own = count(text, NOT_ARABIC);
  const known = standings(tokens, 'arabic').get('ar')?.words ?? 0;
  if (own >= 2 && known < tokens.length / 4) return unknown;
  return own >= 4 && own > text.length / 25 ? unknown : { code: 'ar', covered: true };
}

/** By its letters without the vowels: hasty spelling leaves these out. */
function skeleton(word: string): string {
  return word.replace(/[aeiou]/g, '').replace(/(.)\1+/g, '$1');
}

const sorted = (word: string): string => word.split('').sort().join('');
const LIKE_ENGLISH = /(?:ing|ings|tion|tions|ness|ment|ments|ful|less|ought|ight|ly|ers|able|ious)$/;

const englishWords: ReadonlySet<string> = new Set([
  ...speech.known,
  ...content.english.flatMap((line) => line.split(' ')).map(plainWord),
]);
const englishShapes: ReadonlySet<string> = new Set(
  [...englishWords].filter((word) => word.length >= 4).flatMap((word) => [sorted(word), skeleton(word)]),
);

/** Whether the English rules know a word. */
export function isEnglishWord(word: string): boolean {
  return englishWords.has(word);
}

function looksEnglish(word: string): boolean {
  if (englishWords.has(word) || englishWords.has(word.replace(/(?:s|es|ed|d)$/, ''))) return true;
  if (word.length >= 5 && LIKE_ENGLISH.test(word)) return true;
  return word.length >= 3 && (englishShapes.has(sorted(word)) || englishShapes.has(word));
}

/** Words of a text that may be names: they begin with a capital letter, and not all of the text does. */
function isMostlyNames(original: string): boolean {
  const words = original.match(/\p{L}[\p{L}\p{M}]*/gu) ?? [];
  const names = words.filter((word) => /^\p{Lu}[\p{L}\p{M}]*\p{Ll}/u.test(word));
  return names.length >= words.length * 0.6;
}

function isCoveredMark(text: string): boolean {
  return marks.get(text)?.some(({ code }) => !isUncovered(code)) ?? false;
}

function latinOf(original: string, mixed: readonly Token[]): Language | undefined {
  const tokens = mixed.filter(({ accented }) => scriptOf(accented) === 'latin');
  const all = standings(tokens, 'latin');
  const best = bestOf(all, (code) => !isUncovered(code));
  const foreign = bestOf(all, isUncovered);
  const enough =
    tokens.length >= WORDS_MIN && tokens.reduce((sum, { text }) => sum + text.length, 0) >= LETTERS_MIN;
  if (
    enough &&
    foreign.score > best.score * CLEARER &&
    foreign.words >= Math.max(FOREIGN_MIN, tokens.length / 4)
  )
    return unknown;
  if (best.words >= tokens.length * SHARE_MIN && best.score > 0) {
    if (best.code === '') return undefined;
    return { code: best.code, covered: true };
  }
  const strange = tokens.filter(
    ({ text }) => !isCoveredMark(text) && !looksEnglish(text) && !isKnown(text, tongues.frames),
  );
  if (enough && strange.length >= tokens.length * STRANGE_MIN)
    return isMostlyNames(original) ? undefined : unknown;
  return tokens.length >= WORDS_MIN &&
    tokens.filter(({ text }) => looksEnglish(text)).length > tokens.length / 2
    ? english
    : undefined;
}

/** The language of a text; undefined when it says too little. Never `und` for a name, a number, pictures or a word or two of Latin letters. */
export function languageOf(text: string): Language | undefined {
  const original = text.slice(0, 4 * SAMPLE_MAX);
  const seen = visible(original, SAMPLE_MAX)
    .split(/\s/)
    .filter((word) => !ADDRESS.test(word))
    .join(' ');
  const tokens = tokensOf(seen).filter(({ accented }) => /\p{L}/u.test(accented));
  const script = mainScript(tokens);
  if (script === 'latin') return latinOf(original, tokens);
  if (script === 'cyrillic') return cyrillicOf(seen, tokens);
  if (script === 'arabic') return arabicOf(seen, tokens);
  if (script === 'devanagari') return amongst(tokens, script, ['hi'], 'hi');
  const code = script && ownScript[script];
  if (script === undefined || code !== undefined) return code;
  return unknown;
}
