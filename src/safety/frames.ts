// The little language the rules are written in, and its matcher. A frame is a row of words:
//   word   a|b   @class   any of it with ? behind it may be missing
//   ..  up to two and  ...  up to four other words, but no negation among them and no end of sentence
//   #  a number    ##  a number of eight or more    ^  first and  $  last in the sentence; a|$ a word or the end
import { STOP } from './words.ts';
import type { Word } from './words.ts';

interface Step {
  kind: 'words' | 'gap';
  words: ReadonlySet<string>;
  /** A number of at least this much fits too. */
  atLeast: number;
  optional: boolean;
  /** The end of the sentence fits too. */
  end: boolean;
}

interface Frame {
  rule: string;
  steps: readonly Step[];
  /** For each state, itself and those reached from it by leaving out what may be missing, as bits. */
  reach: readonly number[];
  /** What the second word must be, when that is certain: most places are ruled out by one look. */
  second: ReadonlySet<string> | undefined;
  /** Of the steps that must be there, the one with the fewest words: a text without any of them cannot fit. */
  rarest: ReadonlySet<string> | undefined;
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

const gapStep: Step = { kind: 'gap', words: new Set(), atLeast: Infinity, optional: true, end: false };
const gaps: ReadonlyMap<string, number> = new Map([
  ['..', 2],
  ['...', 4],
]);
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

/** What an element of a frame stands for; the same one is read once. */
type Reader = (element: string) => readonly Step[];

const readers = new WeakMap<Lexicon, Reader>();

function readerOf(lexicon: Lexicon): Reader {
  const reader = readers.get(lexicon) ?? newReader(lexicon);
  readers.set(lexicon, reader);
  return reader;
}

function newReader(lexicon: Lexicon): Reader {
  const known = new Map<string, readonly Step[]>();
  const bodies = new Map<string, Step>();
  const stepOf = (body: string): Step => {
    const step = bodies.get(body) ?? readStep(body, lexicon);
    bodies.set(body, step);
    return step;
  };
  const stepsOf = (element: string): readonly Step[] => {
    const gap = gaps.get(element);
    if (gap !== undefined) return Array.from({ length: gap }, () => gapStep);
    return [element.endsWith('?') ? { ...stepOf(element.slice(0, -1)), optional: true } : stepOf(element)];
  };
  return (element) => {
    const steps = known.get(element) ?? stepsOf(element);
    known.set(element, steps);
    return steps;
  };
}

function readStep(body: string, { classes }: Lexicon): Step {
  const words = new Set<string>();
  let atLeast = Infinity;
  let end = false;
  for (const name of body.split('|')) {
    if (name === '$') end = true;
    else if (name === '#' || name === '##') atLeast = name === '#' ? 0 : MANY;
    else if (name.startsWith('@')) {
      const members = classes[name.slice(1)];
      if (!members) throw new Error(`No class ${name}`);
      members.forEach((member) => words.add(member));
    } else if (/^[a-z0-9']+$/.test(name)) words.add(name);
    else throw new Error(`Not a word: ${body}`);
  }
  return { kind: 'words', words, atLeast, optional: false, end };
}

function reachOf(steps: readonly Step[]): number[] {
  const reach = Array.from<number>({ length: steps.length + 1 }).fill(1 << steps.length);
  for (let at = steps.length - 1; at >= 0; at -= 1) {
    reach[at] = (1 << at) | (steps[at]?.optional ? (reach[at + 1] ?? 0) : 0);
  }
  return reach;
}

function rarestOf(steps: readonly Step[]): ReadonlySet<string> | undefined {
  let least: ReadonlySet<string> | undefined;
  for (const [index, step] of steps.entries())
    if (index > 0 && isCertain(step) && (least === undefined || step.words.size < least.size))
      least = step.words;
  return least;
}

/** Whether one of its words must be there. */
function isCertain({ kind, optional, end, atLeast }: Step): boolean {
  return kind === 'words' && !optional && !end && atLeast === Infinity;
}

function frameOf(rule: string, line: string, read: Reader): Frame {
  const elements = line.split(' ');
  const first = elements[0] === '^';
  const last = elements.at(-1) === '$';
  const steps = elements.slice(first ? 1 : 0, last ? -1 : undefined).flatMap(read);
  while (steps.at(-1)?.kind === 'gap') steps.pop();
  const head = steps[0];
  if (head === undefined || head.kind === 'gap' || head.optional || steps.length > STEPS_MAX) {
    throw new Error(`A frame begins with a word and has at most ${STEPS_MAX} steps: ${line}`);
  }
  const next = steps[1];
  return {
    rule,
    steps,
    reach: reachOf(steps),
    second: next && isCertain(next) ? next.words : undefined,
    rarest: rarestOf(steps),
    first,
    last,
  };
}

/** Reads the frames of all rules. A frame that cannot be read stops the start. */
export function readFrames(
  rules: readonly { id: string; say: readonly string[] }[],
  lexicon: Lexicon,
): Frames {
  const byWord = new Map<string, Frame[]>();
  const read = readerOf(lexicon);
  const steps = new Set<Step>();
  const put = (word: string, frame: Frame): void => {
    const list = byWord.get(word);
    if (list) list.push(frame);
    else byWord.set(word, [frame]);
  };
  for (const rule of rules) {
    for (const line of rule.say) {
      const frame = frameOf(rule.id, line, read);
      frame.steps.forEach((step) => steps.add(step));
      const [head] = frame.steps;
      head?.words.forEach((word) => put(word, frame));
      if (head && head.atLeast < Infinity) put('#', frame);
    }
  }
  const words = new Set<string>();
  steps.forEach((step) => step.words.forEach((word) => words.add(word)));
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

/** The states when the sentence ends: steps that allow for that are passed. */
function atEnd(frame: Frame, states: number): number {
  let closed = states;
  for (const [index, step] of frame.steps.entries()) {
    if (step.end && (closed & (1 << index)) !== 0) closed |= frame.reach[index + 1] ?? 0;
  }
  return closed;
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
    const ends = endsSentence(words, at);
    if (((ends ? atEnd(frame, states) : states) & done) !== 0 && (!frame.last || ends)) {
      if (shortest < 0) shortest = at;
      end = at;
    }
  }
  return end < 0 ? undefined : { rule: frame.rule, start, end, shortest };
}

/** Whether the words a frame cannot do without are in the text at all; asked once for each frame. */
function createPresence(words: readonly Word[]): (frame: Frame) => boolean {
  const vocabulary = new Set(words.map((word) => word.text));
  const answers = new Map<ReadonlySet<string>, boolean>();
  return ({ rarest }) => {
    if (rarest === undefined) return true;
    const known = answers.get(rarest);
    if (known !== undefined) return known;
    const present = !rarest.isDisjointFrom(vocabulary);
    answers.set(rarest, present);
    return present;
  };
}

/** Every place where a frame fits, by its first word. Linear in the number of words. */
export function findFrames(words: readonly Word[], frames: Frames, negators: ReadonlySet<string>): Hit[] {
  const hits: Hit[] = [];
  const isPresent = createPresence(words);
  const possible = new Map<string, readonly Frame[]>();
  for (const [start, word] of words.entries()) {
    const head = numberOf(word.text) === undefined ? word.text : '#';
    const candidates = possible.get(head) ?? frames.byWord.get(head)?.filter(isPresent) ?? [];
    possible.set(head, candidates);
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
