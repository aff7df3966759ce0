// Finds every place where a frame fits, for all languages at once. What a text does not hold rules out most frames before any is tried.
import type { Frame, Step, Tongue } from './tongue-frames.ts';
import { addEnds, isAt, isNumber, runEnd, wordEnd } from './tongue-phrases.ts';
import type { Phrases, Run } from './tongue-phrases.ts';
import { END, isSign, tokensOf } from './tongue-words.ts';
import type { Token } from './tongue-words.ts';

/** A place where a frame fits. */
export interface TongueHit<Of extends Tongue> {
  tongue: Of;
  rule: string;
  start: number;
  /** The token after the longest fit. */
  end: number;
  /** The token after the shortest. */
  shortest: number;
}

/** A step that must be there. */
interface Need {
  phrases: number;
  /** How many tokens may stand before it in the frame. */
  before: number;
}

interface Placed {
  phrases: Phrases;
  common: number;
  before: number;
}

interface Indexed<Of extends Tongue> {
  frame: Frame<Of>;
  needs: readonly Need[];
}

interface RunUse {
  run: Run;
  phrases: number[];
}

export interface TongueIndex<Of extends Tongue> {
  /** By phrase: the frames whose rarest it is. */
  byPhrases: readonly (readonly Indexed<Of>[])[];
  /** The phrases that hold a word. */
  byWord: ReadonlyMap<string, readonly number[]>;
  /** The rows of words that begin with a word, or with two, and the phrases that hold them. */
  byHead: ReadonlyMap<string, readonly RunUse[]>;
  /** The words that begin rows of words. */
  pairHeads: ReadonlySet<string>;
  /** The phrases that hold the beginning of a word. */
  byStem: ReadonlyMap<string, readonly number[]>;
  /** How long the stems are that begin with two letters. */
  stemLengths: ReadonlyMap<string, readonly number[]>;
  /** Those that hold every number. */
  numbers: readonly number[];
  /** Every whole word in them. */
  words: ReadonlySet<string>;
}

/** A Korean word has a token for each syllable; longer ones are looked past only up to this. */
const SYLLABLES_MAX = 8;

function pairOf(word: string, next = END): string {
  return `${word} ${next}`;
}

function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function lengthsOf(stems: Iterable<string>): Map<string, number[]> {
  const lengths = new Map<string, Set<number>>();
  for (const stem of stems) {
    const key = stem.slice(0, 2);
    lengths.set(key, new Set([...(lengths.get(key) ?? []), stem.length]));
  }
  return new Map([...lengths].map(([key, set]) => [key, [...set]]));
}

function headsOf({ list, accented }: Phrases): readonly string[] {
  if (accented.size === 0) return list;
  const exact = [...accented].flatMap((word) => tokensOf(word).map(({ text }) => text));
  return [...new Set([...list, ...exact])];
}

function wordsIn(all: Iterable<Phrases>): Set<string> {
  const known = new Set<string>();
  const add = (word: string): void => void known.add(word);
  const seen = new Set<Run>();
  for (const { list, runs } of all) {
    list.forEach(add);
    runs.forEach((group) => group.forEach((run) => seen.add(run)));
  }
  for (const { tokens, stem } of seen) (stem ? tokens.slice(0, -1) : tokens).forEach(add);
  return known;
}

function spanOf({ phrases, gap }: Step, { code }: Tongue): number {
  if (code === 'ko') return gap > 0 ? gap * SYLLABLES_MAX : phrases.longest + SYLLABLES_MAX;
  return gap > 0 ? gap : Math.max(phrases.longest, phrases.number ? SYLLABLES_MAX : 1);
}

function beginningsOf(phrases: Phrases): readonly string[] {
  const heads = headsOf(phrases);
  if (phrases.runs.size === 0 && phrases.stems.length === 0) return heads;
  return [...heads, ...phrases.runs.keys(), ...phrases.stems];
}

/** For all phrases of some frames, how often their words begin a phrase: those of grammar do in most. */
function commonness(frames: readonly Frame<Tongue>[]): Map<Phrases, number> {
  const common = new Map<Phrases, number>();
  for (const frame of frames)
    frame.steps.forEach(({ phrases }) => common.set(phrases, (common.get(phrases) ?? 0) + 1));
  const uses = new Map<string, number>();
  const beginnings: (readonly string[])[] = [];
  common.forEach((times, phrases) => {
    const words = beginningsOf(phrases);
    beginnings.push(words);
    words.forEach((word) => uses.set(word, (uses.get(word) ?? 0) + times));
  });
  let at = 0;
  common.forEach((_, phrases) => {
    let sum = phrases.number ? Infinity : 0;
    beginnings[at]?.forEach((word) => (sum += uses.get(word) ?? 0));
    at += 1;
    common.set(phrases, sum);
  });
  return common;
}

/** The two steps that must be there and have the rarest words, or the one there is: by these the places of a frame are found. */
function needsOf(
  frame: Frame<Tongue>,
  common: ReadonlyMap<Phrases, number>,
  idOf: (phrases: Phrases) => number,
): Need[] {
  let before = 0;
  let rarest: Placed | undefined;
  let second: Placed | undefined;
  for (const step of frame.steps) {
    const { phrases, gap, optional } = step;
    if (gap === 0 && !optional && !phrases.end) {
      const placed = { phrases, common: common.get(phrases) ?? 0, before };
      if (rarest === undefined || placed.common < rarest.common) [rarest, second] = [placed, rarest];
      else if (second === undefined || placed.common < second.common) second = placed;
    }
    before += spanOf(step, frame.tongue);
  }
  const needOf = ({ phrases, before }: Placed): Need => ({ phrases: idOf(phrases), before });
  if (rarest === undefined) return [];
  return second === undefined ? [needOf(rarest)] : [needOf(rarest), needOf(second)];
}

/** Makes frames ready to be found. */
export function indexOf<Of extends Tongue>(frames: readonly Frame<Of>[]): TongueIndex<Of> {
  const ids = new Map<Phrases, number>();
  const byWord = new Map<string, number[]>();
  const byStem = new Map<string, number[]>();
  const numbers: number[] = [];
  const uses = new Map<string, RunUse>();
  const usesByRun = new Map<Run, RunUse>();
  const byHead = new Map<string, RunUse[]>();
  const pairHeads = new Set<string>();
  const useRun = (head: string, run: Run, id: number): void => {
    const same = usesByRun.get(run);
    if (same) return void same.phrases.push(id);
    const name = `${(run.accented ?? run.tokens).join(' ')}${run.stem ? '*' : ''}${run.accented ? '=' : ''}`;
    const known = uses.get(name);
    const use = known ?? { run, phrases: [] };
    use.phrases.push(id);
    usesByRun.set(run, use);
    if (known) return;
    uses.set(name, use);
    push(byHead, run.tokens.length > (run.stem ? 2 : 1) ? pairOf(head, run.tokens[1]) : head, use);
    if (run.tokens.length > 1) pairHeads.add(head);
  };
  const idOf = (phrases: Phrases): number => {
    const known = ids.get(phrases);
    if (known !== undefined) return known;
    const id = ids.size;
    ids.set(phrases, id);
    headsOf(phrases).forEach((head) => push(byWord, head, id));
    phrases.stems.forEach((stem) => push(byStem, stem, id));
    phrases.runs.forEach((runs, head) => runs.forEach((run) => useRun(head, run, id)));
    if (phrases.number) numbers.push(id);
    return id;
  };
  const common = commonness(frames);
  const indexed = frames.map((frame) => ({ frame, needs: needsOf(frame, common, idOf) }));
  const byRarest = Map.groupBy(indexed, ({ needs }) => needs[0]?.phrases ?? 0);
  return {
    byPhrases: Array.from({ length: ids.size }, (_, id) => byRarest.get(id) ?? []),
    byWord,
    byHead,
    pairHeads,
    byStem,
    stemLengths: lengthsOf(byStem.keys()),
    numbers,
    words: wordsIn(common.keys()),
  };
}

/** Adds the places a gap may reach: from one input into the next it does not. */
function addAfterGap(
  tongue: Tongue,
  count: number,
  row: readonly Token[],
  from: number,
  places: number[],
): void {
  if (!places.includes(from)) places.push(from);
  if (row[from]?.opens === false) return;
  const source = row[from - 1]?.source;
  let at = from;
  for (let skipped = 0; skipped < count; skipped += 1) {
    const token = row[at];
    if (token === undefined || token.text === END || token.source !== source) return;
    if (isAt(tongue.negators, row, at)) return;
    at = wordEnd(row, at + 1);
    if (!places.includes(at)) places.push(at);
  }
}

function after(step: Step, tongue: Tongue, row: readonly Token[], places: readonly number[]): number[] {
  const next: number[] = step.optional ? [...places] : [];
  for (const place of places) {
    if (step.gap > 0) addAfterGap(tongue, step.gap, row, place, next);
    else addEnds(step.phrases, row, place, next);
  }
  return next;
}

/** Whether a frame may begin with a token. */
function begins({ steps, first }: Frame<Tongue>, row: readonly Token[], start: number): boolean {
  const phrases = steps[0]?.phrases;
  if (first && start > 0 && row[start - 1]?.text !== END) return false;
  return phrases !== undefined && isAt(phrases, row, start);
}

/** Where a frame fits from one token on. Its places are bound by the number of its words, whatever the text. */
function fit<Of extends Tongue>(
  frame: Frame<Of>,
  row: readonly Token[],
  start: number,
): TongueHit<Of> | undefined {
  if (!begins(frame, row, start)) return undefined;
  let places = [start];
  for (const [index, step] of frame.steps.entries()) {
    places = after(step, frame.tongue, row, places);
    // Within a written word only a longer beginning counts.
    if (index === 0 && row[start]?.opens === false) places = places.filter((place) => place > start + 1);
    if (places.length === 0) return undefined;
  }
  const fits = places.filter(
    (place) => row[place]?.opens !== false && (!frame.last || (row[place]?.text ?? END) === END),
  );
  if (fits.length === 0) return undefined;
  const end = Math.max(...fits);
  return { tongue: frame.tongue, rule: frame.rule, start, end, shortest: Math.min(...fits) };
}

interface Places {
  words: Map<string, number[]>;
  /** Of two words in a row that may begin a longer one. */
  pairs: Map<string, number[]>;
}

/** Where the words of a text stand. */
function placesOf(row: readonly Token[], heads: ReadonlySet<string>): Places {
  const places: Places = { words: new Map(), pairs: new Map() };
  for (const [at, { text }] of row.entries()) {
    if (text === END) continue;
    push(places.words, text, at);
    if (heads.has(text)) push(places.pairs, pairOf(text, row[at + 1]?.text), at);
  }
  return places;
}

/** Where phrases begin in a text: a chain of lists for each. */
class Occurrences {
  /** By phrase: how often it begins. */
  readonly counts: Int32Array;
  readonly #last: Int32Array;
  readonly #places: (readonly number[])[] = [];
  readonly #before: number[] = [];
  /** The phrases that occur. */
  readonly found: number[] = [];

  constructor(row: readonly Token[], index: TongueIndex<Tongue>) {
    this.counts = new Int32Array(index.byPhrases.length);
    this.#last = new Int32Array(index.byPhrases.length);
    const { words, pairs } = placesOf(row, index.pairHeads);
    for (const [text, places] of words) {
      this.#put(index.byWord.get(text), places);
      if (isNumber(text)) this.#put(index.numbers, places);
      for (const length of isSign(text) ? [] : (index.stemLengths.get(text.slice(0, 2)) ?? [])) {
        if (length <= text.length) this.#put(index.byStem.get(text.slice(0, length)), places);
      }
      this.#putRuns(index.byHead.get(text), row, places);
    }
    for (const [pair, places] of pairs) this.#putRuns(index.byHead.get(pair), row, places);
  }

  #putRuns(uses: readonly RunUse[] | undefined, row: readonly Token[], places: readonly number[]): void {
    for (const { run, phrases } of uses ?? []) {
      this.#put(
        phrases,
        places.filter((at) => runEnd(run, row, at) > 0),
      );
    }
  }

  #put(phrases: readonly number[] | undefined, places: readonly number[]): void {
    if (phrases === undefined || places.length === 0) return;
    for (const id of phrases) {
      const count = this.counts[id] ?? 0;
      if (count === 0) this.found.push(id);
      this.counts[id] = count + places.length;
      this.#before.push(this.#last[id] ?? 0);
      this.#places.push(places);
      this.#last[id] = this.#places.length;
    }
  }

  /** The places where a phrase begins. */
  places(id: number): number[] {
    const all: number[] = [];
    for (let link = this.#last[id] ?? 0; link > 0; link = this.#before[link - 1] ?? 0) {
      all.push(...(this.#places[link - 1] ?? []));
    }
    return all;
  }
}

/** The step of a frame by which its places are found with the least work; undefined when the text lacks one. */
function rarest(needs: readonly Need[], counts: Int32Array): Need | undefined {
  let best: Need | undefined;
  let least = Infinity;
  for (const need of needs) {
    const count = counts[need.phrases] ?? 0;
    if (count === 0) return undefined;
    const work = count * (need.before + 1);
    if (work < least) [best, least] = [need, work];
  }
  return best;
}

/** The places where a frame may begin. */
function startsOf({ phrases, before }: Need, found: Occurrences): Set<number> {
  const starts = new Set<number>();
  for (const place of found.places(phrases)) {
    for (let start = Math.max(0, place - before); start <= place; start += 1) starts.add(start);
  }
  return starts;
}

/**
 * Every place where a frame fits, for all languages in one pass. The work grows with the number of tokens and no faster: a word is tried
 * for a bounded number of frames, and a frame at a bounded number of places around it.
 */
export function findTongues<Of extends Tongue>(
  row: readonly Token[],
  index: TongueIndex<Of>,
): TongueHit<Of>[] {
  const hits: TongueHit<Of>[] = [];
  const found = new Occurrences(row, index);
  for (const phrases of found.found) {
    for (const { frame, needs } of index.byPhrases[phrases] ?? []) {
      const need = rarest(needs, found.counts);
      if (need === undefined) continue;
      for (const start of startsOf(need, found)) {
        const hit = fit(frame, row, start);
        if (hit) hits.push(hit);
      }
    }
  }
  return hits;
}
