// The little language the rules are written in, and its matcher. A frame is a row of words:
//   word   a|b   @class   any of it with ? behind it may be missing
//   ..  up to two and  ...  up to four other words, but no negation among them and no end of sentence
//   #  a number    ##  a number of eight or more    ^  first and  $  last in the sentence
import { STOP } from './words.ts';
import type { Word } from './words.ts';

interface Step {
  kind: 'words' | 'gap';
  words: ReadonlySet<string>;
  /** A number of at least this much fits too. */
  atLeast: number;
  optional: boolean;
}

interface Frame {
  rule: string;
  steps: readonly Step[];
  /** For each state, itself and those reached from it by leaving out what may be missing, as bits. */
  reach: readonly number[];
  /** What the second word must be, when that is certain: most places are ruled out by one look. */
  second: ReadonlySet<string> | undefined;
  first: boolean;
  last: boolean;
}

export interface Lexicon {
  classes: Readonly<Record<string, readonly string[]>>;
  negators: ReadonlySet<string>;
}

export interface Frames {
  /** By the word they begin with; those that begin with a number under `#`. */
  byWord: ReadonlyMap<string, readonly Frame[]>;
  /** Every word in them. */
  words: ReadonlySet<string>;
}

/** A place where a frame fits. */
export interface Hit {
  rule: string;
  start: number;
  /** The last word of the longest fit. */
  end: number;
  /** The last word of the shortest. */
  shortest: number;
}

const gapStep: Step = { kind: 'gap', words: new Set(), atLeast: Infinity, optional: true };
const gaps: Readonly<Record<string, number>> = { '..': 2, '...': 4 };
const numbers: ReadonlyMap<string, number> = new Map(
  Object.entries({
    two: 2,
    three: 3,
    four: 4,
    five: 5,
    six: 6,
    seven: 7,
    eight: 8,
    nine: 9,
    ten: 10,
    twelve: 12,
    fifteen: 15,
    twenty: 20,
    thirty: 30,
    forty: 40,
    fifty: 50,
    sixty: 60,
    hundred: 100,
  }),
);
const MANY = 8;
/** States of a frame are bits of one number. */
const STEPS_MAX = 30;

/** The number a word stands for, or undefined. */
export function numberOf(word: string): number | undefined {
  return /^\d{1,4}$/.test(word) ? Number(word) : numbers.get(word);
}

function stepsOf(element: string, lexicon: Lexicon): Step[] {
  const gap = gaps[element] ?? 0;
  if (gap > 0) return Array.from({ length: gap }, () => gapStep);
  const optional = element.endsWith('?');
  const body = optional ? element.slice(0, -1) : element;
  let atLeast = Infinity;
  const words = body.split('|').flatMap((name) => {
    if (name === '#' || name === '##') {
      atLeast = name === '#' ? 0 : MANY;
      return [];
    }
    if (!name.startsWith('@')) {
      if (!/^[a-z0-9']+$/.test(name)) throw new Error(`Not a word: ${element}`);
      return [name];
    }
    const members = lexicon.classes[name.slice(1)];
    if (!members) throw new Error(`No class ${name}`);
    return members;
  });
  return [{ kind: 'words', words: new Set(words), atLeast, optional }];
}

function reachOf(steps: readonly Step[]): number[] {
  const reach = [1 << steps.length];
  for (let at = steps.length - 1; at >= 0; at -= 1) {
    reach.unshift((1 << at) | (steps[at]?.optional ? (reach[0] ?? 0) : 0));
  }
  return reach;
}

function frameOf(rule: string, line: string, lexicon: Lexicon): Frame {
  const elements = line.split(' ');
  const first = elements[0] === '^';
  const last = elements.at(-1) === '$';
  const steps = elements
    .slice(first ? 1 : 0, last ? -1 : undefined)
    .flatMap((element) => stepsOf(element, lexicon));
  while (steps.at(-1)?.kind === 'gap') steps.pop();
  const head = steps[0];
  if (head === undefined || head.kind === 'gap' || head.optional || steps.length > STEPS_MAX) {
    throw new Error(`A frame begins with a word and has at most ${STEPS_MAX} steps: ${line}`);
  }
  const next = steps[1];
  const certain = next?.kind === 'words' && !next.optional && next.atLeast === Infinity;
  return { rule, steps, reach: reachOf(steps), second: certain ? next.words : undefined, first, last };
}

/** Reads the frames of all rules. A frame that cannot be read stops the start. */
export function readFrames(
  rules: readonly { id: string; say: readonly string[] }[],
  lexicon: Lexicon,
): Frames {
  const byWord = new Map<string, Frame[]>();
  const words = new Set<string>();
  for (const rule of rules) {
    for (const line of rule.say) {
      const frame = frameOf(rule.id, line, lexicon);
      for (const step of frame.steps) for (const word of step.words) words.add(word);
      const head = frame.steps[0];
      for (const word of [...(head?.words ?? []), ...(head?.atLeast === Infinity ? [] : ['#'])]) {
        const list = byWord.get(word);
        if (list) list.push(frame);
        else byWord.set(word, [frame]);
      }
    }
  }
  return { byWord, words };
}

function fits(step: Step, word: Word, opens: boolean, negators: ReadonlySet<string>): boolean {
  if (step.kind === 'gap') return !opens && word.text !== STOP && !negators.has(word.text);
  return (
    step.words.has(word.text) || (step.atLeast < Infinity && (numberOf(word.text) ?? -1) >= step.atLeast)
  );
}

function endsSentence(words: readonly Word[], at: number): boolean {
  const after = words[at + 1];
  return after === undefined || after.text === STOP;
}

/** The states after one more word. */
function advance(
  frame: Frame,
  states: number,
  word: Word,
  opens: boolean,
  negators: ReadonlySet<string>,
): number {
  let next = 0;
  for (let live = states & ~(1 << frame.steps.length); live !== 0; live &= live - 1) {
    const index = 31 - Math.clz32(live & -live);
    const step = frame.steps[index];
    if (step && fits(step, word, opens, negators)) next |= frame.reach[index + 1] ?? 0;
  }
  return next;
}

/**
 * Where a frame fits from one word on. All its states move together, so the cost is bound by its number of steps. Gaps do not reach
 * from one input into the next: said in pieces counts only word by word.
 */
function fit(
  frame: Frame,
  words: readonly Word[],
  start: number,
  negators: ReadonlySet<string>,
): Hit | undefined {
  const done = 1 << frame.steps.length;
  let states = frame.reach[0] ?? 0;
  let shortest = -1;
  let end = -1;
  for (let at = start; (states & ~done) !== 0; at += 1) {
    const word = words[at];
    if (word === undefined || word.text === STOP) break;
    const opens = at > start && words[at - 1]?.source !== word.source;
    states = advance(frame, states, word, opens, negators);
    if ((states & done) !== 0 && (!frame.last || endsSentence(words, at))) {
      if (shortest < 0) shortest = at;
      end = at;
    }
  }
  return end < 0 ? undefined : { rule: frame.rule, start, end, shortest };
}

/** Every place where a frame fits, by its first word. Linear in the number of words. */
export function findFrames(words: readonly Word[], frames: Frames, negators: ReadonlySet<string>): Hit[] {
  const hits: Hit[] = [];
  for (const [start, word] of words.entries()) {
    const candidates = frames.byWord.get(numberOf(word.text) === undefined ? word.text : '#') ?? [];
    const before = words[start - 1];
    const after = words[start + 1]?.text ?? STOP;
    for (const frame of candidates) {
      if (frame.second && !frame.second.has(after)) continue;
      if (frame.first && before !== undefined && before.text !== STOP) continue;
      const hit = fit(frame, words, start, negators);
      if (hit) hits.push(hit);
    }
  }
  return hits;
}
