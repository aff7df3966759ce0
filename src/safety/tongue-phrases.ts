// Words and rows of words that stand for each other in a frame, and where in a text one of them ends.
import { END, isSign, tokensOf, visible } from './tongue-words.ts';
import type { Token } from './tongue-words.ts';

/** A row of tokens; with `stem` the last word may go on. */
export interface Run {
  tokens: readonly string[];
  stem: boolean;
  /** Its tokens with their accents, when it counts only with these. */
  accented?: readonly string[];
}

/** Some words or rows of words, any of which fits. */
export interface Phrases {
  /** Single whole words. */
  words: ReadonlySet<string>;
  /** The same in a row, each once. */
  list: readonly string[];
  /** Single words that count only with their accents. */
  accented: ReadonlySet<string>;
  /** Beginnings of single words. */
  stems: readonly string[];
  /** Rows of tokens, by the first. */
  runs: ReadonlyMap<string, readonly Run[]>;
  /** The most tokens any of them has. */
  longest: number;
  number: boolean;
  /** The end of a sentence fits too. */
  end: boolean;
  /** Nothing but single words fits. */
  simple: boolean;
}

/** The member that stands for every number. */
export const NUMBER = '#';
export const nothing: Phrases = {
  words: new Set(),
  list: [],
  accented: new Set(),
  stems: [],
  runs: new Map(),
  longest: 0,
  number: false,
  end: false,
  simple: true,
};

export function isNumber(text: string): boolean {
  return /^\d{1,4}$|^[一二三四五六七八九十百千两両几幾半数]$/.test(text);
}

const SIGN_NUMBER_MAX = 6;

/** The place after a number, which in signs has one token for each of its own. */
function numberEnd(row: readonly Token[], from: number): number {
  let at = from + 1;
  if (isSign(row[from]?.text ?? ''))
    while (at < from + SIGN_NUMBER_MAX && isNumber(row[at]?.text ?? END)) at += 1;
  return at;
}

function isSyllable(text: string): boolean {
  return /^\p{sc=Hang}$/u.test(text);
}

/** Reads one member. @throws with the reason when it cannot be read. */
function runOf(member: string, signs: boolean): Run {
  const accents = member.startsWith('=');
  const stem = member.endsWith('*');
  const body = member.slice(accents ? 1 : 0, stem ? -1 : undefined);
  if (/[*@$#^?=()[\]{}+|]/.test(body)) throw new Error(`"${member}" holds a sign that has no meaning there`);
  const tokens = tokensOf(visible(body));
  const last = tokens.at(-1);
  if (last === undefined) throw new Error(`"${member}" holds no word`);
  if (tokens.some((token) => token.text === END)) throw new Error(`"${member}" holds an end of sentence`);
  if (stem && signs) throw new Error(`"${member}": signs have no stems; leave out the star`);
  if (stem && tokens.length === 1 && last.text.length < 2 && !isSyllable(last.text))
    throw new Error(`"${member}" needs at least two letters before the star`);
  if (accents && stem) throw new Error(`"${member}": = goes with whole words`);
  const texts = tokens.map(({ text }) => text);
  return accents
    ? { tokens: texts, stem, accented: tokens.map(({ accented }) => accented) }
    : { tokens: texts, stem };
}

/** Stand for what is no word. */
const anyNumber: Run = { tokens: [], stem: false };
const sentenceEnd: Run = { tokens: [], stem: false };

/** Needs no reading: most members are such words. */
const PLAIN_WORD = /^[a-z0-9]+$/;

/** Reads members of one language, each only once. */
export function runReader(signs: boolean): (member: string) => Run {
  const known = new Map<string, Run>([
    [NUMBER, anyNumber],
    ['$', sentenceEnd],
  ]);
  return (member) => {
    const run = known.get(member);
    if (run) return run;
    const own = PLAIN_WORD.test(member) ? { tokens: [member], stem: false } : runOf(member, signs);
    known.set(member, own);
    return own;
  };
}

/** Some words of a language as the matcher wants them. @throws when one of them cannot be read. */
export function phrasesOf(members: readonly string[], signs: boolean): Phrases {
  return phrasesOfRuns(members.map(runReader(signs)));
}

/** What has been read, as the matcher wants it. */
export function phrasesOfRuns(all: readonly Run[]): Phrases {
  const words: string[] = [];
  const accented: string[] = [];
  const stems: string[] = [];
  const runs: Run[] = [];
  let longest = 0;
  for (const run of all) {
    const { tokens, stem } = run;
    const head = tokens[0];
    if (head === undefined) continue;
    longest = Math.max(longest, tokens.length);
    if (run.accented && tokens.length === 1) accented.push(run.accented[0] ?? '');
    else if (tokens.length === 1 && !stem) words.push(head);
    else if (tokens.length === 1 && !isSyllable(head)) stems.push(head);
    else runs.push(run);
  }
  const number = all.includes(anyNumber);
  const end = all.includes(sentenceEnd);
  return new ReadPhrases(words, {
    accented: accented.length === 0 ? nothing.accented : new Set(accented),
    stems: stems.length === 0 ? nothing.stems : [...new Set(stems)],
    runs: byHead(runs),
    longest,
    number,
    end,
    simple: runs.length === 0 && !number && !end,
  });
}

/** So few are compared with each other for less than a set of them costs. */
const FEW = 8;

/** Some words, each once. */
function once(words: readonly string[]): readonly string[] {
  const isOnce =
    words.length <= FEW
      ? words.every((word, at) => words.indexOf(word) === at)
      : new Set(words).size === words.length;
  // a copy has no room to grow
  return isOnce ? words.slice() : [...new Set(words)];
}

/** There are tens of thousands of them, and most are never looked into: their sets are made when they are. */
class ReadPhrases implements Phrases {
  readonly list: readonly string[];
  readonly accented: ReadonlySet<string>;
  readonly stems: readonly string[];
  readonly runs: ReadonlyMap<string, readonly Run[]>;
  readonly longest: number;
  readonly number: boolean;
  readonly end: boolean;
  readonly simple: boolean;
  #words: ReadonlySet<string> | undefined;

  constructor(words: readonly string[], rest: Omit<Phrases, 'words' | 'list'>) {
    this.list = once(words);
    this.accented = rest.accented;
    this.stems = rest.stems;
    this.runs = rest.runs;
    this.longest = rest.longest;
    this.number = rest.number;
    this.end = rest.end;
    this.simple = rest.simple;
  }

  get words(): ReadonlySet<string> {
    return (this.#words ??= new Set(this.list));
  }
}

function byHead(runs: readonly Run[]): ReadonlyMap<string, readonly Run[]> {
  return runs.length === 0 ? nothing.runs : Map.groupBy(runs, ({ tokens }) => tokens[0] ?? '');
}

/** The token after the run that begins here, or -1. */
export function runEnd({ tokens, stem, accented }: Run, row: readonly Token[], at: number): number {
  for (let index = 0; index < tokens.length; index += 1) {
    const token = row[at + index];
    const wanted = tokens[index] ?? '';
    if (token === undefined || (accented && accented[index] !== token.accented)) return -1;
    const cut = stem && index === tokens.length - 1;
    if (token.text !== wanted && !(cut && token.text.startsWith(wanted))) return -1;
  }
  return at + tokens.length;
}

/** The place after the written word that goes on at a place, or that place. */
export function wordEnd(row: readonly Token[], at: number): number {
  const token = row[at];
  return token === undefined || token.opens ? at : at + token.rest + 1;
}

/** Whether a phrase is a single word, or its beginning. */
function isWord(phrases: Phrases, { text, accented }: Token): boolean {
  const { list } = phrases;
  if (list.length < 2 ? list[0] === text : phrases.words.has(text)) return true;
  if (phrases.accented.size > 0 && phrases.accented.has(accented)) return true;
  for (const stem of phrases.stems) if (text.startsWith(stem)) return true;
  return false;
}

function add(places: number[], place: number): void {
  if (!places.includes(place)) places.push(place);
}

/** Adds every place after some phrase that begins here. */
export function addEnds(phrases: Phrases, row: readonly Token[], at: number, ends: number[]): void {
  const token = row[at];
  if (token === undefined || token.text === END) {
    if (phrases.end) add(ends, at);
    return;
  }
  if (isWord(phrases, token)) add(ends, at + 1);
  if (phrases.simple) return;
  if (phrases.number && isNumber(token.text)) add(ends, numberEnd(row, at));
  const runs = phrases.runs.get(token.text);
  if (runs === undefined) return;
  for (const run of runs) {
    const end = runEnd(run, row, at);
    if (end < 0) continue;
    add(ends, end);
    if (run.stem) add(ends, wordEnd(row, end));
  }
}

/** Whether some phrase begins here. */
export function isAt(phrases: Phrases, row: readonly Token[], at: number): boolean {
  const token = row[at];
  if (token === undefined || token.text === END) return false;
  if (isWord(phrases, token)) return true;
  if (phrases.simple) return false;
  if (phrases.number && isNumber(token.text)) return true;
  return phrases.runs.get(token.text)?.some((run) => runEnd(run, row, at) > 0) ?? false;
}

/** Whether one of the phrases ends right before a place. */
export function endsAt(phrases: Phrases, row: readonly Token[], place: number): boolean {
  const ends: number[] = [];
  for (let at = place - 1; at >= Math.max(0, place - phrases.longest); at -= 1)
    addEnds(phrases, row, at, ends);
  return ends.includes(place);
}
