// Which frames a text may fit, by its words: for each frame the two steps that must be there and have the rarest words.
import type { Frame, Step, Tongue } from './tongue-frames.ts';
import type { Phrases, Run } from './tongue-phrases.ts';
import { END, tokensOf } from './tongue-words.ts';

/** A step that must be there. */
export interface Need {
  phrases: number;
  /** How many tokens may stand before it in the frame. */
  before: number;
}

interface Placed {
  phrases: Phrases;
  common: number;
  before: number;
}

export interface Indexed<Of extends Tongue> {
  readonly frame: Frame<Of>;
  needs: readonly Need[];
}

/** A row of words, and the phrases that hold it. */
export interface RunUse {
  run: Run;
  phrases: readonly number[];
}

interface Lookup<Value> {
  get(key: string): Value | undefined;
}

export interface TongueIndex<Of extends Tongue> {
  /** How many phrases some frame needs. They are numbered from 0. */
  count: number;
  /** The frames whose rarest a phrase is. */
  framesBy(phrases: number): readonly Indexed<Of>[];
  /** The phrases that hold a word. */
  byWord: Lookup<readonly number[]>;
  /** The rows of words that begin with a word, or with two. */
  byHead: Lookup<readonly RunUse[]>;
  /** The words that begin rows of words. */
  pairHeads: ReadonlySet<string>;
  /** The phrases that hold the beginning of a word. */
  byStem: Lookup<readonly number[]>;
  /** How long the stems are that begin with two letters. */
  stemLengths: ReadonlyMap<string, readonly number[]>;
  /** Those that hold every number. */
  numbers: readonly number[];
  /** Every whole word in them. */
  words: ReadonlySet<string>;
}

/** An index whose parts can be listed. */
interface WholeIndex<Of extends Tongue> extends TongueIndex<Of> {
  byWord: ReadonlyMap<string, readonly number[]>;
  byHead: ReadonlyMap<string, readonly RunUse[]>;
  byStem: ReadonlyMap<string, readonly number[]>;
}

interface GrowingUse extends RunUse {
  phrases: number[];
}

/** A Korean word has a token for each syllable; longer ones are looked past only up to this. */
const SYLLABLES_MAX = 8;

export function pairOf(word: string, next = END): string {
  return `${word} ${next}`;
}

export function push<Key, Value>(map: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

export function lengthsOf(stems: Iterable<string>): Map<string, number[]> {
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
export function indexOf<Of extends Tongue>(frames: readonly Frame<Of>[]): WholeIndex<Of> {
  const ids = new Map<Phrases, number>();
  const byWord = new Map<string, number[]>();
  const byStem = new Map<string, number[]>();
  const numbers: number[] = [];
  const uses = new Map<string, GrowingUse>();
  const usesByRun = new Map<Run, GrowingUse>();
  const byHead = new Map<string, GrowingUse[]>();
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
  const byRarest = Map.groupBy(indexed, ({ needs }) => needs[0]?.phrases);
  return {
    count: ids.size,
    framesBy: (phrases) => byRarest.get(phrases) ?? [],
    byWord,
    byHead,
    pairHeads,
    byStem,
    stemLengths: lengthsOf(byStem.keys()),
    numbers,
    words: wordsIn(common.keys()),
  };
}
