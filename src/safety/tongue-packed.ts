// The index of the languages as it is kept in a file. Whoever opens it reads no frame; a frame is read when a text may fit it.
import { Rows } from './rows.ts';
import type { Frame, FrameLines, Tongue } from './tongue-frames.ts';
import { indexOf, lengthsOf } from './tongue-index.ts';
import type { Indexed, RunUse, TongueIndex } from './tongue-index.ts';

/** The rows of some tables. Numbers are written to the base 36. */
export interface PackedIndex {
  /**
   * `frame|frame …` for each phrase some frame needs: the frames whose rarest it is. A frame is its line, its place among the frames of
   * that line, how many tokens may stand before that phrase, and its second phrase and the same of it if there is one.
   */
  byPhrase: readonly string[];
  /** `word phrase phrase …` */
  byWord: readonly string[];
  byStem: readonly string[];
  /** `head|use|use …`, a use being `word word,accented accented,*,phrase phrase`. */
  byHead: readonly string[];
  pairHeads: string;
  numbers: string;
  words: string;
}

const BASE = 36;

const written = (numbers: readonly number[]): string => numbers.map((one) => one.toString(BASE)).join(' ');
const wordsIn = (text: string): string[] => (text === '' ? [] : text.split(' '));
const numbersIn = (text: string): number[] => wordsIn(text).map((one) => Number.parseInt(one, BASE));

function packedUse({ run: { tokens, accented, stem }, phrases }: RunUse): string {
  return [tokens.join(' '), accented?.join(' ') ?? '', stem ? '*' : '', written(phrases)].join(',');
}

function openedUse(text: string): RunUse {
  const [tokens = '', accented = '', stem = '', phrases = ''] = text.split(',');
  const run = { tokens: wordsIn(tokens), stem: stem !== '' };
  return {
    run: accented === '' ? run : { ...run, accented: wordsIn(accented) },
    phrases: numbersIn(phrases),
  };
}

/** The index of some lines, to be kept. @throws naming the frame that cannot be read. */
export function packed(lines: FrameLines<Tongue>): PackedIndex {
  const index = indexOf(lines.all());
  const places = new Map<Frame<Tongue>, readonly [line: number, at: number]>();
  for (let line = 0; line < lines.count; line += 1)
    lines.at(line).forEach((frame, at) => places.set(frame, [line, at]));
  const packedFrame = ({ frame, needs }: Indexed<Tongue>): string => {
    const [first, second] = needs;
    const rest = second === undefined ? [] : [second.phrases, second.before];
    return written([...(places.get(frame) ?? []), first?.before ?? 0, ...rest]);
  };
  const rowsOf = (map: ReadonlyMap<string, readonly number[]>): string[] =>
    [...map].map(([word, phrases]) => `${word} ${written(phrases)}`);
  return {
    byPhrase: Array.from({ length: index.count }, (_, phrase) =>
      index.framesBy(phrase).map(packedFrame).join('|'),
    ),
    byWord: rowsOf(index.byWord),
    byStem: rowsOf(index.byStem),
    byHead: [...index.byHead].map(([head, uses]) => [head, ...uses.map(packedUse)].join('|')),
    pairHeads: [...index.pairHeads].join(' '),
    numbers: written(index.numbers),
    words: [...index.words].join(' '),
  };
}

class PackedFrame<Of extends Tongue> implements Indexed<Of> {
  readonly needs: Indexed<Of>['needs'];
  readonly #line: number;
  readonly #at: number;
  readonly #lines: FrameLines<Of>;

  constructor(phrases: number, text: string, lines: FrameLines<Of>) {
    const [line = -1, at = -1, before = 0, second, beforeSecond = 0] = numbersIn(text);
    const first = { phrases, before };
    this.needs = second === undefined ? [first] : [first, { phrases: second, before: beforeSecond }];
    this.#line = line;
    this.#at = at;
    this.#lines = lines;
  }

  get frame(): Frame<Of> {
    const frame = this.#lines.at(this.#line)[this.#at];
    if (frame === undefined) throw new Error(`Line ${this.#line} has no frame ${this.#at}`);
    return frame;
  }
}

/** The index that was packed from these lines: finds what that one found. */
export function opened<Of extends Tongue>(index: PackedIndex, lines: FrameLines<Of>): TongueIndex<Of> {
  const byStem = new Rows(index.byStem, ' ', numbersIn);
  const frames: (readonly Indexed<Of>[] | undefined)[] = Array.from({ length: index.byPhrase.length });
  const framesOf = (phrase: number): Indexed<Of>[] => {
    const row = index.byPhrase[phrase];
    return row ? row.split('|').map((frame) => new PackedFrame(phrase, frame, lines)) : [];
  };
  return {
    count: index.byPhrase.length,
    framesBy: (phrase) => (frames[phrase] ??= framesOf(phrase)),
    byWord: new Rows(index.byWord, ' ', numbersIn),
    byHead: new Rows(index.byHead, '|', (uses) => uses.split('|').map(openedUse)),
    pairHeads: new Set(wordsIn(index.pairHeads)),
    byStem,
    stemLengths: lengthsOf(byStem.keys()),
    numbers: numbersIn(index.numbers),
    words: new Set(wordsIn(index.words)),
  };
}
