// The stage between whoever speaks and everything that keeps or shows the words: only what it releases exists. [US-50]
import type { SafetyMode } from '../contract/types.ts';
import { Canaries } from './guard-canaries.ts';
import { Judge } from './guard-judge.ts';
import { abbreviations, closing, commonWords, spelledOut, wordsOf } from './guard-rules.ts';
import type { Reason } from './guard-rules.ts';
import { Scanner } from './guard-words.ts';

/** Why nothing more is released. */
export interface Trip {
  /** Which rule of SAFETY.md 1.4, or `harm`, `blame`, `remedy`. */
  reason: Reason;
}

export interface Guard {
  /** Takes the next piece and returns what may be shown now, perhaps nothing. All releases together are well-formed. */
  push(text: string): string;
  /** The rest, once the speaker has ended. */
  end(): string;
  /** Once set, `push` and `end` return only what closes the sentence, then nothing: the model is to be stopped. [US-52] */
  readonly tripped: Trip | undefined;
}

export interface GuardOptions {
  mode: SafetyMode;
  /** Words of this reply that are shown already: the context of what comes, not released again. */
  shown?: string;
  /** Strings that must never leave. */
  canaries?: readonly string[];
}

/** At most so much is held back before it is judged as if the sentence had ended. [US-51] */
const HOLD_MAX = 600;

const isLetter = (sign: string): boolean => (sign >= 'a' && sign <= 'z') || (sign >= 'A' && sign <= 'Z');

function readWords(folded: string): string[] {
  const words: string[] = [];
  const listener = {
    word: (spelling: string) => words.push(...wordsOf(spelling)),
    clause: () => undefined,
    stop: () => undefined,
    quote: () => undefined,
  };
  const scanner = new Scanner(listener, abbreviations, spelledOut);
  let at = 0;
  for (const sign of folded) scanner.feed(sign, (at += sign.length));
  scanner.end();
  return words;
}

/** Reads a text and knows up to where it is harmless, whatever may follow. */
class Reader {
  readonly #canaries: Canaries;
  readonly #judge: Judge;
  readonly #scanner: Scanner;
  #at = 0;
  #cleared = 0;
  /** The unfinished word without doubled letters, and whether no rule begins with it. */
  #partial = '';
  #isFree = false;

  constructor(strict: boolean, canaries: readonly string[]) {
    this.#canaries = new Canaries(canaries, readWords);
    this.#judge = new Judge(strict, this.#canaries);
    this.#scanner = new Scanner(this.#judge, abbreviations, spelledOut);
  }

  get reason(): Reason | undefined {
    return this.#judge.reason;
  }

  get cleared(): number {
    return this.#cleared;
  }

  get at(): number {
    return this.#at;
  }

  /** Takes one code point. */
  feed(sign: string): void {
    const hadWord = this.#scanner.partial !== '';
    this.#scanner.feed(sign, this.#at);
    this.#at += sign.length;
    if (this.reason !== undefined) return;
    if (!hadWord) {
      this.#partial = '';
      this.#isFree = false;
    }
    this.#cleared = Math.max(this.#cleared, this.#harmlessTo(sign));
    if (this.#at - this.#cleared > HOLD_MAX) this.#cut();
  }

  end(): void {
    this.#scanner.end();
    if (this.reason === undefined) this.#cleared = this.#at;
  }

  #harmlessTo(sign: string): number {
    const since = Math.min(this.#judge.since, this.#scanner.runFrom);
    if (since !== Infinity) return since;
    if (this.#scanner.partial === '') return this.#at;
    if (!this.#isFree) this.#look(sign);
    return this.#isFree || this.#isCommon ? this.#at : this.#scanner.partialFrom;
  }

  /** Whether what is there of the word is a common word by itself, as most often it is: "the" need not wait for what follows. */
  get #isCommon(): boolean {
    const { partial, hasRun } = this.#scanner;
    if (partial === 'I') return true;
    const words = hasRun ? undefined : commonWords(partial);
    return words !== undefined && !this.#judge.expects(words);
  }

  /** Looks whether the unfinished word may still be the first of a rule. */
  #look(sign: string): void {
    if (!isLetter(sign)) return;
    const letter = sign.toLowerCase();
    if (!this.#partial.endsWith(letter)) this.#partial += letter;
    if (this.#scanner.hasRun || !this.#scanner.isPartialPlain) return;
    this.#isFree = !this.#judge.mayHold(this.#partial);
  }

  #cut(): void {
    this.#judge.stop('');
    if (this.reason === undefined) this.#cleared = Math.max(this.#cleared, this.#scanner.partialFrom);
  }
}

function endsInHalfAPair(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

/** What ends the sentence that stands at the end of a text. */
function closingFor(text: string): string {
  const end = text.trimEnd();
  if (end === '' || /[.!?\u2026\u3002\uff01\uff1f]["'\u201d\u2019)*_]*$/u.test(end)) return '';
  return end === text ? ` ${closing}` : closing;
}

class Stage implements Guard {
  readonly #reader: Reader;
  /** Makes the second reader of words that begin a sentence anew within the one that is shown; null once that is settled. */
  #startAgain: (() => Reader) | null;
  #again: Reader | null = null;
  #againFrom = 0;
  readonly #isWhole: boolean;
  #half = '';
  /** What is not released yet, and where in the text it begins. */
  #kept = '';
  #keptFrom: number;
  /** The end of what is shown: enough to see whether it is within a sentence. */
  #tail: string;
  #isOver = false;

  constructor({ mode, shown = '', canaries = [] }: GuardOptions) {
    this.#isWhole = mode !== 'normal';
    this.#reader = readerBehind(shown, this.#isWhole, canaries);
    this.#startAgain = isWithinSentence(shown) ? () => new Reader(this.#isWhole, canaries) : null;
    this.#keptFrom = this.#reader.at;
    this.#tail = shown.slice(-HOLD_MAX);
  }

  get tripped(): Trip | undefined {
    const reason = this.#reader.reason ?? this.#again?.reason;
    return reason === undefined ? undefined : { reason };
  }

  push(text: string): string {
    if (this.#isOver) return '';
    const whole = this.#half + text;
    this.#half = endsInHalfAPair(whole) ? whole.slice(-1) : '';
    this.#read(whole.slice(0, whole.length - this.#half.length));
    return this.#release();
  }

  end(): string {
    if (this.#isOver) return '';
    this.#read(this.#half);
    this.#half = '';
    if (this.tripped === undefined) this.#reader.end();
    if (this.tripped === undefined) this.#again?.end();
    const text = this.#release(true);
    this.#isOver = true;
    return text;
  }

  #read(text: string): void {
    const wellFormed = text.toWellFormed();
    this.#kept += wellFormed;
    for (const sign of wellFormed) {
      if (this.#startAgain && sign.trim() !== '') this.#settle(sign, this.#startAgain);
      this.#reader.feed(sign);
      this.#again?.feed(sign);
      if (this.tripped !== undefined) return;
    }
  }

  /** A speaker who goes on may say the beginning again: "You should" … "You should stop". What begins small goes on. */
  #settle(sign: string, startAgain: () => Reader): void {
    this.#startAgain = null;
    if (/\p{Ll}/u.test(sign)) return;
    this.#again = startAgain();
    this.#againFrom = this.#reader.at;
  }

  get #cleared(): number {
    const again = this.#again === null ? Infinity : this.#againFrom + this.#again.cleared;
    return Math.min(this.#reader.cleared, again);
  }

  #release(hasEnded = false): string {
    const isTripped = this.tripped !== undefined;
    if (this.#isWhole && (isTripped || !hasEnded)) {
      this.#isOver = isTripped;
      if (isTripped) this.#kept = '';
      return isTripped ? closingFor(this.#tail) : '';
    }
    const length = Math.max(0, this.#cleared - this.#keptFrom);
    const text = this.#kept.slice(0, length);
    this.#kept = isTripped ? '' : this.#kept.slice(length);
    this.#keptFrom += length;
    this.#tail = (this.#tail + text).slice(-HOLD_MAX);
    if (!isTripped) return text;
    this.#isOver = true;
    return text + closingFor(this.#tail);
  }
}

const isWithinSentence = (shown: string): boolean =>
  /[^.!?\u2026\u3002\uff01\uff1f\s]["'\u201d\u2019)*_]*\s*$/u.test(shown.slice(-HOLD_MAX));

/** A reader that has read the last sentence of what is shown. */
function readerBehind(shown: string, strict: boolean, canaries: readonly string[]): Reader {
  const tail = shown.slice(-HOLD_MAX).toWellFormed();
  const stop = /^[\s\S]*[.!?]\s/u.exec(tail)?.[0].length ?? 0;
  const reader = new Reader(strict, canaries);
  for (const sign of tail.slice(stop)) {
    reader.feed(sign);
    if (reader.reason !== undefined) return new Reader(strict, canaries);
  }
  return reader;
}

/**
 * A guard for one reply. In `normal` mode it releases what cannot become unsafe any more, and holds at most one sentence. In all other
 * modes nothing is released before the end, and nothing at all of an unsafe answer.
 */
export function createGuard(options: GuardOptions): Guard {
  return new Stage(options);
}

/** Whether a whole text may be shown: for lines of the guide, variables, quoted words, snippets. [US-55] */
export function isSafe(text: string): boolean {
  return tripOf(text) === undefined;
}

/** Which rule a whole text breaks. */
export function tripOf(text: string): Trip | undefined {
  const reader = new Reader(false, []);
  for (const sign of text.toWellFormed()) {
    reader.feed(sign);
    if (reader.reason !== undefined) break;
  }
  if (reader.reason === undefined) reader.end();
  return reader.reason === undefined ? undefined : { reason: reader.reason };
}
