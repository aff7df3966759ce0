// The languages other than English: one file each, read by one engine. English has its own, deeper one (`judge.ts`). [US-05] [US-07]
import type { SafetyLevel } from '../contract/types.ts';
import { levelOf } from './levels.ts';
import { FrameLines } from './tongue-frames.ts';
import type { Classes, Tongue } from './tongue-frames.ts';
import { indexOf } from './tongue-index.ts';
import type { TongueIndex } from './tongue-index.ts';
import { findTongues } from './tongue-match.ts';
import type { TongueHit } from './tongue-match.ts';
import { opened, packed } from './tongue-packed.ts';
import type { PackedIndex } from './tongue-packed.ts';
import { endsAt, isAt, phrasesOf } from './tongue-phrases.ts';
import type { Phrases } from './tongue-phrases.ts';
import { isKnown, undisguised } from './tongue-spelling.ts';
import { END, isSign, tokensOf, visible } from './tongue-words.ts';
import type { Token } from './tongue-words.ts';

/** A language as its author writes it. */
export interface TongueContent {
  language: string;
  version: string;
  name: string;
  writing: string;
  marks: readonly string[];
  negators: readonly string[];
  others: readonly string[];
  selves: readonly string[];
  classes: Classes;
  rules: readonly TongueRule[];
  idioms: readonly string[];
  past?: readonly string[];
  answers: { readonly yes: readonly string[]; readonly no: readonly string[] };
  human: readonly string[];
  minor: readonly string[];
}

interface TongueRule {
  id: string;
  level: string;
  say: readonly string[];
  who?: string;
  far?: string;
}

interface Meaning {
  level: SafetyLevel;
  /** Counts only when the person speaks of himself or herself. */
  own: boolean;
  /** The level instead when it lies long back. */
  far: SafetyLevel;
}

interface Speaker extends Tongue {
  others: Phrases;
  selves: Phrases;
  marks: ReadonlySet<string>;
  meanings: ReadonlyMap<string, Meaning>;
}

export interface TongueFinding {
  level: SafetyLevel;
  phrase: string;
  code: string;
  language: string;
}

/** What the matcher needs of all languages. */
export interface Tongues {
  frames: TongueIndex<Speaker>;
  /** The single words that deny, of all languages. */
  negators: ReadonlySet<string>;
}

const IDIOM = 'idiom';
const PAST = 'past';
/** Nothing farther away has a say, which keeps the cost of a hit constant. Tokens. */
const REACH = 30;
/** How far before a hit another person is looked for. */
const OTHERS_REACH = { words: 4, signs: 8 } as const;
/** A longer word between a negator and a hit is a verb of its own: what was denied is that. UTF-16 units. */
const CARRIER_MAX = 3;
/** A word or two may complete what was said before; a longer input speaks for itself. Tokens. */
const COMPLETION_MAX = 5;
/** Of the inputs before, their ends count, and of the newest its beginning. UTF-16 units. */
export const SEAM_MAX = 600;

/** Words that begin a clause of their own, so that no denial before them reaches what follows: "I", and "if". */
const openers: ReadonlySet<string> = new Set(
  'yo je j ich ik eu io ja ya jag jeg я i saya aku gue gw toi ben main mai mein मैं انا si se wenn als'
    .split(' ')
    .flatMap((word) => tokensOf(visible(word)).map(({ text }) => text)),
);

const anybody: ReadonlySet<SafetyLevel> = new Set<SafetyLevel>(['abuse', 'acute', 'medical']);

function meaningOf(rule: TongueRule): Meaning {
  const level = levelOf(rule.level);
  if (rule.who !== undefined && rule.who !== 'self' && rule.who !== 'any')
    throw new Error(`${rule.id}: who is "self" or "any", not "${rule.who}"`);
  return {
    level,
    own: rule.who === undefined ? !anybody.has(level) : rule.who === 'self',
    far: rule.far === undefined ? level : levelOf(rule.far),
  };
}

function listed(content: TongueContent, field: string, members: readonly string[]): Phrases {
  try {
    return phrasesOf(members, content.writing === 'signs');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${content.language}.json, ${field}: ${why}`, { cause });
  }
}

function speakerOf(content: TongueContent): Speaker {
  const meanings = new Map<string, Meaning>();
  for (const rule of content.rules) {
    if (meanings.has(rule.id)) throw new Error(`${content.language}.json: two rules are named ${rule.id}`);
    if (rule.id === IDIOM || rule.id === PAST)
      throw new Error(`${content.language}.json: no rule ${rule.id}`);
    meanings.set(rule.id, meaningOf(rule));
  }
  // "él" is a person and "el" an article: here an accent counts when it is written.
  const exact = (words: readonly string[]): string[] =>
    words.map((word) => (isAccented(word) ? `=${word}` : word));
  return {
    code: content.language,
    signs: content.writing === 'signs',
    negators: listed(content, 'negators', content.negators),
    others: listed(content, 'others', exact(content.others)),
    selves: listed(content, 'selves', content.selves),
    marks: new Set(content.marks.flatMap((mark) => tokensOf(visible(mark)).map(({ text }) => text))),
    meanings,
  };
}

/** Whether a word loses an accent in its plain spelling and would be a short word of another meaning then. */
function isAccented(word: string): boolean {
  const tokens = tokensOf(visible(word));
  const [token] = tokens;
  return (
    tokens.length === 1 &&
    token !== undefined &&
    token.text.length <= CARRIER_MAX &&
    /^[a-z]+$/.test(token.text) &&
    token.text !== token.accented
  );
}

interface Read {
  speakers: readonly Speaker[];
  lines: FrameLines<Speaker>;
}

function readLines(contents: readonly TongueContent[]): Read {
  const rows = contents.map((content) => ({
    tongue: speakerOf(content),
    classes: content.classes,
    rules: [...content.rules, { id: IDIOM, say: content.idioms }, { id: PAST, say: content.past ?? [] }],
  }));
  return { speakers: rows.map(({ tongue }) => tongue), lines: new FrameLines(rows) };
}

function tonguesOf({ speakers }: Read, frames: TongueIndex<Speaker>): Tongues {
  return { frames, negators: new Set(speakers.flatMap(({ negators }) => [...negators.words])) };
}

/** Reads languages. @throws naming the file and the frame that cannot be read. */
export function createTongues(contents: readonly TongueContent[]): Tongues {
  const read = readLines(contents);
  return tonguesOf(read, indexOf(read.lines.all()));
}

/** What there is to be known of languages before one of their frames is read. @throws like `createTongues`. */
export function packTongues(contents: readonly TongueContent[]): PackedIndex {
  return packed(readLines(contents).lines);
}

/** The same as `createTongues` for what was packed from the same content, at a tenth of its cost. */
export function openTongues(contents: readonly TongueContent[], index: PackedIndex): Tongues {
  const read = readLines(contents);
  return tonguesOf(read, opened(index, read.lines));
}

function textAt(row: readonly Token[], at: number): string {
  return row[at]?.text ?? END;
}

/** Whether what stands before a hit denies it: right there, or with one short word of grammar between. */
function isDenied({ tongue, start }: TongueHit<Speaker>, row: readonly Token[]): boolean {
  if (openers.has(textAt(row, start)) || row[start]?.pause) return false;
  if (endsAt(tongue.negators, row, start)) return true;
  const between = textAt(row, start - 1);
  if (tongue.signs || row[start - 1]?.pause || between.length > CARRIER_MAX || openers.has(between))
    return false;
  const isGrammar = tongue.marks.has(between) || tongue.selves.words.has(between);
  return isGrammar && endsAt(tongue.negators, row, start - 1);
}

/** Whether somebody else is spoken of: the nearest person before a hit in its clause, unless the hit itself names the speaker. */
function isForeign({ tongue, start, end }: TongueHit<Speaker>, row: readonly Token[]): boolean {
  const isIn = (phrases: Phrases, at: number): boolean => isAt(phrases, row, at);
  for (let at = start; at < end; at += 1) if (isIn(tongue.selves, at)) return false;
  const reach = tongue.signs ? OTHERS_REACH.signs : OTHERS_REACH.words;
  let words = 0;
  for (let at = start - 1; at >= 0 && words < reach; at -= 1) {
    if (textAt(row, at) === END || row[at + 1]?.pause) return false;
    if (row[at]?.opens) words += 1;
    if (isIn(tongue.others, at)) return true;
    if (isIn(tongue.selves, at)) return false;
  }
  return false;
}

/** The tokens of the sentence a hit stands in, as far as they have a say. */
function sentenceOf({ start, end }: TongueHit<Speaker>, row: readonly Token[]): [from: number, to: number] {
  let from = start;
  let to = end;
  while (from > Math.max(0, start - REACH) && textAt(row, from - 1) !== END) from -= 1;
  while (to < Math.min(row.length, end + REACH) && textAt(row, to) !== END) to += 1;
  return [from, to];
}

interface Scene {
  row: readonly Token[];
  /** For every token, the languages in whose idioms it stands. */
  idioms: ReadonlyMap<number, ReadonlySet<string>>;
  /** For every token, the languages in which something that begins there lies long back. */
  past: ReadonlyMap<number, ReadonlySet<string>>;
}

function add(map: Map<number, Set<string>>, at: number, code: string): void {
  const codes = map.get(at);
  if (codes) codes.add(code);
  else map.set(at, new Set([code]));
}

function sceneOf(row: readonly Token[], hits: readonly TongueHit<Speaker>[]): Scene {
  const idioms = new Map<number, Set<string>>();
  const past = new Map<number, Set<string>>();
  for (const { rule, start, shortest, tongue } of hits) {
    if (rule === PAST) add(past, start, tongue.code);
    if (rule === IDIOM) for (let at = start; at < shortest; at += 1) add(idioms, at, tongue.code);
  }
  return { row, idioms, past };
}

function someAt(
  map: ReadonlyMap<number, ReadonlySet<string>>,
  code: string,
  from: number,
  to: number,
): boolean {
  if (map.size === 0) return false;
  for (let at = from; at < to; at += 1) if (map.get(at)?.has(code)) return true;
  return false;
}

function judge(hit: TongueHit<Speaker>, { row, idioms, past }: Scene): SafetyLevel {
  const { tongue, start, end } = hit;
  const meaning = tongue.meanings.get(hit.rule);
  if (meaning === undefined || someAt(idioms, tongue.code, start, end)) return 'none';
  if (isDenied(hit, row) || (meaning.own && isForeign(hit, row))) return 'none';
  if (meaning.far === meaning.level) return meaning.level;
  return someAt(past, tongue.code, ...sentenceOf(hit, row)) ? meaning.far : meaning.level;
}

/** A single known word between two ends is a piece of a sentence cut in pieces; "no." is an answer. What follows still is a clause. */
function withoutPauses(row: readonly Token[], { frames, negators }: Tongues): Token[] {
  const isEnd = (at: number): boolean => textAt(row, at) === END;
  const isPiece = (at: number, step: number): boolean => {
    const text = textAt(row, at);
    return !isEnd(at) && isEnd(at + step) && !negators.has(text) && isKnown(text, frames);
  };
  const isPause = (at: number): boolean =>
    row[at] !== undefined && isEnd(at) && (isPiece(at - 1, -1) || isPiece(at + 1, 1));
  return row.flatMap((token, at) => {
    if (isEnd(at)) return isPause(at) ? [] : [token];
    return at > 0 && isPause(at - 1) ? [{ ...token, pause: true }] : [token];
  });
}

/** The tokens of several inputs in one row, oldest first. Between two inputs there is no end of sentence. */
function rowOf(inputs: readonly string[]): Token[] {
  const newest = inputs.length - 1;
  return inputs.flatMap((input, source) => {
    if (newest === 0) return tokensOf(visible(input));
    return tokensOf(visible(input, source < newest ? -SEAM_MAX : SEAM_MAX), source);
  });
}

/**
 * What the languages find that uses words of the newest of some inputs, oldest first. What an earlier input said by itself counted
 * then, and a longer input does not make it count again. Pure, linear in the length of the texts.
 */
export function tongueFindings(tongues: Tongues, inputs: readonly string[]): TongueFinding[] {
  const row = undisguised(withoutPauses(rowOf(inputs), tongues), tongues.frames);
  const newest = inputs.length - 1;
  const hits = findTongues(row, tongues.frames);
  const scene = sceneOf(row, hits);
  const isOld = (at: number): boolean => (row[at]?.source ?? newest) < newest;
  const own = row.filter(({ source, text }) => source === newest && text !== END).length;
  const told = new Set<number>();
  for (const hit of hits) {
    if (!isOld(hit.shortest - 1) || judge(hit, scene) === 'none') continue;
    for (let at = hit.start; at < hit.shortest; at += 1) told.add(at);
  }
  return hits.flatMap((hit) => {
    if (isOld(hit.end - 1)) return [];
    if (own > COMPLETION_MAX && isOld(hit.start) && [...told].some((at) => at >= hit.start && at < hit.end))
      return [];
    const level = judge(hit, scene);
    if (level === 'none') return [];
    const phrase = phraseOf(row.slice(hit.start, hit.end));
    return [{ level, phrase, code: hit.rule, language: hit.tongue.code }];
  });
}

function phraseOf(tokens: readonly Token[]): string {
  return tokens
    .map(({ text, accented, opens }, at) =>
      at === 0 || !opens || (isSign(text) && isSign(textAt(tokens, at - 1))) ? accented : ` ${accented}`,
    )
    .join('');
}
