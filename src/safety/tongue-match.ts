// Finds every place where a frame fits, for all languages at once. What a text does not hold rules out most frames before any is tried.
import type { Frame, Step, Tongue } from './tongue-frames.ts';
import { pairOf, push } from './tongue-index.ts';
import type { Need, RunUse, TongueIndex } from './tongue-index.ts';
import { addEnds, isAt, isNumber, runEnd, wordEnd } from './tongue-phrases.ts';
import { END, isSign } from './tongue-words.ts';
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
    this.counts = new Int32Array(index.count);
    this.#last = new Int32Array(index.count);
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
    for (const { frame, needs } of index.framesBy(phrases)) {
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
