// The frame language of the other languages. A frame is a row of elements separated by spaces:
//   word   a|b   @class   stem*   any of it with ? behind it may be missing
//   =word  only with exactly these accents
//   ..  up to two and  ...  up to four other words (in signs four and eight), but no negator, no end of sentence among them
//   #  a number    ^  first and  $  last in the sentence; a|$ one of the words or the end
// Members may be several words long. Chinese and Japanese signs and Korean syllables are tokens of their own; a Korean word ends where
// its written word ends, or where the next element of the frame begins.
import { nothing, phrasesOfRuns, runReader } from './tongue-phrases.ts';
import type { Phrases, Run } from './tongue-phrases.ts';

export interface Step {
  phrases: Phrases;
  /** How many words a gap may skip; 0: no gap. */
  gap: number;
  optional: boolean;
}

export interface Tongue {
  code: string;
  /** Written in signs, without spaces. */
  signs: boolean;
  negators: Phrases;
}

export interface Frame<Of extends Tongue> {
  tongue: Of;
  rule: string;
  /** The first of them is no gap and must be there. */
  steps: readonly Step[];
  first: boolean;
  last: boolean;
}

export type Classes = Readonly<Record<string, readonly string[]>>;

const STEPS_MAX = 30;
const ODD_SPACE = /^ |  |[^\S ]| $/;
const gaps: ReadonlyMap<string, readonly [words: number, signs: number]> = new Map([
  ['..', [2, 4]],
  ['...', [4, 8]],
]);

type RunsReader = (name: string) => readonly Run[];

/** Reads a word or a class. The same one is read once. */
function runsReader(signs: boolean, classes: Classes): RunsReader {
  const known = new Map<string, readonly Run[]>();
  const read = runReader(signs);
  const readAnew = (name: string): readonly Run[] => {
    if (!name.startsWith('@')) return [read(name)];
    const members = classes[name.slice(1)];
    if (members === undefined || members.length === 0) throw new Error(`there is no class ${name}`);
    return members.map(read);
  };
  return (name) => {
    const runs = known.get(name) ?? readAnew(name);
    known.set(name, runs);
    return runs;
  };
}

function runsOf(body: string, read: RunsReader): readonly Run[] {
  if (!body.includes('|') && body !== '') return read(body);
  const names = body.split('|');
  if (names.includes('')) throw new Error(`"${body}" has an empty alternative`);
  const all: Run[] = [];
  for (const name of names) all.push(...read(name));
  return all;
}

/** Reads an element. The same one is read once. */
type Reader = (element: string) => Step;

function readerOf({ signs }: Tongue, classes: Classes): Reader {
  const known = new Map<string, Step>();
  const runs = runsReader(signs, classes);
  const stepOf = (body: string): Step => {
    const gap = gaps.get(body)?.[signs ? 1 : 0] ?? 0;
    if (gap > 0) return { phrases: nothing, gap, optional: false };
    if (body === '^' || body === '$') throw new Error(`${body} belongs at its end of the frame only`);
    return { phrases: phrasesOfRuns(runsOf(body, runs)), gap, optional: false };
  };
  const read = (body: string): Step => {
    const step = known.get(body);
    if (step) return step;
    const own = stepOf(body);
    known.set(body, own);
    return own;
  };
  const readOptional = (element: string): Step => {
    const step = known.get(element) ?? { ...read(element.slice(0, -1)), optional: true };
    known.set(element, step);
    return step;
  };
  return (element) => (element.endsWith('?') ? readOptional(element) : read(element));
}

function elementsOf(line: string): string[] {
  return ODD_SPACE.test(line) ? line.trim().split(/\s+/) : line.split(' ');
}

/** One frame, or several when what it begins with may be missing. @throws when it cannot be read. */
function framesOf<Of extends Tongue>(tongue: Of, rule: string, line: string, read: Reader): Frame<Of>[] {
  const elements = elementsOf(line);
  const first = elements[0] === '^';
  const last = elements.at(-1) === '$';
  const steps = elements.slice(first ? 1 : 0, last ? -1 : undefined).map(read);
  if (!last) while (steps.at(-1)?.gap) steps.pop();
  const frames: Frame<Of>[] = [];
  for (let from = 0; ; from += 1) {
    const head = steps[from];
    if (head === undefined || (head.gap > 0 && from === 0))
      throw new Error('it does not begin with a word that must be there');
    if (head.gap > 0) continue;
    const rest = from === 0 ? steps : steps.slice(from);
    const own = head.optional ? [{ ...head, optional: false }, ...rest.slice(1)] : rest;
    frames.push({ tongue, rule, steps: own, first, last });
    if (!head.optional) break;
  }
  if (steps.length > STEPS_MAX) throw new Error(`it has more than ${STEPS_MAX} elements`);
  return frames;
}

export interface FrameRows<Of extends Tongue> {
  tongue: Of;
  classes: Classes;
  rules: readonly { id: string; say: readonly string[] }[];
}

interface Line<Of extends Tongue> {
  tongue: Of;
  rule: string;
  text: string;
  read: Reader;
}

/** The lines of all languages, numbered from 0. Each is read when somebody asks for it, and once. */
export class FrameLines<Of extends Tongue> {
  readonly #lines: readonly Line<Of>[];
  readonly #frames: (readonly Frame<Of>[] | undefined)[];

  constructor(rows: readonly FrameRows<Of>[]) {
    this.#lines = rows.flatMap(({ tongue, classes, rules }) => {
      const read = readerOf(tongue, classes);
      return rules.flatMap(({ id, say }) => say.map((text) => ({ tongue, rule: id, text, read })));
    });
    this.#frames = Array.from({ length: this.#lines.length });
  }

  /** How many there are. */
  get count(): number {
    return this.#lines.length;
  }

  /** The frames of a line. @throws naming the language, the rule and the frame when it cannot be read. */
  at(number: number): readonly Frame<Of>[] {
    const line = this.#lines[number];
    if (line === undefined) throw new Error(`There is no line ${number}`);
    const { tongue, rule, text, read } = line;
    return (this.#frames[number] ??= named(
      () => framesOf(tongue, rule, text, read),
      tongue.code,
      rule,
      text,
    ));
  }

  /** The frames of all lines. @throws like `at`. */
  all(): Frame<Of>[] {
    return this.#lines.flatMap((_, number) => this.at(number));
  }
}

function named<Result>(read: () => Result, code: string, id: string, line: string): Result {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${code}.json, ${id}, frame "${line}": ${why}`, { cause });
  }
}
