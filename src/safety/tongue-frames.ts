// The frame language of the other languages. A frame is a row of elements separated by spaces:
//   word   a|b   @class   stem*   any of it with ? behind it may be missing
//   =word  only with exactly these accents
//   ..  up to two and  ...  up to four other words (in signs four and eight), but no negator, no end of sentence among them
//   #  a number    ^  first and  $  last in the sentence; a|$ one of the words or the end
// Members may be several words long. Chinese and Japanese signs and Korean syllables are tokens of their own; a Korean word ends where
// its written word ends, or where the next element of the frame begins.
import { nothing, phrasesOf, runReader } from './tongue-phrases.ts';
import type { Phrases } from './tongue-phrases.ts';

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
const gaps: Readonly<Record<string, readonly [words: number, signs: number]>> = {
  '..': [2, 4],
  '...': [4, 8],
};

function membersOf(body: string, classes: Classes): string[] {
  const names = body.split('|');
  if (names.includes('')) throw new Error(`"${body}" has an empty alternative`);
  if (!body.includes('@')) return names;
  return names.flatMap((name) => {
    if (!name.startsWith('@')) return [name];
    const members = classes[name.slice(1)];
    if (members === undefined || members.length === 0) throw new Error(`there is no class ${name}`);
    return members;
  });
}

/** Reads an element. The same one is read once. */
type Reader = (element: string) => Step;

function readerOf({ signs }: Tongue, classes: Classes): Reader {
  const known = new Map<string, Phrases>();
  const steps = new Map<string, Step>();
  const runs = runReader(signs);
  const read = (body: string): Phrases => {
    const phrases = known.get(body) ?? phrasesOf(membersOf(body, classes), signs, runs);
    known.set(body, phrases);
    return phrases;
  };
  return (element) => {
    const step = steps.get(element) ?? stepOf(element, signs, read);
    steps.set(element, step);
    return step;
  };
}

function stepOf(element: string, signs: boolean, read: (body: string) => Phrases): Step {
  const gap = gaps[element]?.[signs ? 1 : 0] ?? 0;
  if (gap > 0) return { phrases: nothing, gap, optional: false };
  const optional = element.endsWith('?');
  const body = optional ? element.slice(0, -1) : element;
  if (body === '^' || body === '$') throw new Error(`${body} belongs at its end of the frame only`);
  return { phrases: read(body), gap, optional };
}

/** One frame, or several when what it begins with may be missing. @throws when it cannot be read. */
function framesOf<Of extends Tongue>(tongue: Of, rule: string, line: string, read: Reader): Frame<Of>[] {
  const elements = line.trim().split(/\s+/);
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
    const own = head.optional ? [{ ...head, optional: false }, ...steps.slice(from + 1)] : steps.slice(from);
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

/** Reads the frames of all languages. @throws naming the language, the rule and the frame that cannot be read. */
export function readFrames<Of extends Tongue>(rows: readonly FrameRows<Of>[]): Frame<Of>[] {
  return rows.flatMap(({ tongue, classes, rules }) => {
    const read = readerOf(tongue, classes);
    return rules.flatMap(({ id, say }) =>
      say.flatMap((line) => named(() => framesOf(tongue, id, line, read), tongue.code, id, line)),
    );
  });
}

function named<Result>(read: () => Result, code: string, id: string, line: string): Result {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${code}.json, ${id}, frame "${line}": ${why}`, { cause });
  }
}
