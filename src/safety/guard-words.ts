// Cuts a text that still comes into the words the guard's rows speak of, each with its place. It sees one code point after another, so
// how the text is cut into pieces changes nothing. [US-54]
import { fold } from './fold.ts';

export interface Listener {
  /** A word in plain spelling, and where in the text it stands. */
  word: (spelling: string, from: number) => void;
  /** A comma or the like. */
  clause: () => void;
  /** The end of a sentence. */
  stop: (mark: string) => void;
  quote: (mark: string) => void;
}

/** Runs of letters beyond this are noise, and are cut. */
const WORD_MAX = 100;
const RUN_MAX = 60;

const UNSEEN = /[[\p{Cc}--[\t-\r]]\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]/v;
const WORDLIKE =
  /[\p{L}\p{N}\u{24b6}-\u{24e9}\u{1f130}-\u{1f149}\u{1f150}-\u{1f169}\u{1f170}-\u{1f189}\u{1f1e6}-\u{1f1ff}]/u;
/** Written without spaces: every sign is a word. */
const ALONE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const APOSTROPHES = "'\u2018\u2019\u02bc\u02b9\u00b4`\u2032\uff07";
const QUOTES = '"\u201c\u201d\u201e\u00ab\u00bb\uff02';
const STOPS = '?;\u3002\uff01\uff1f\uff1b\u061f\u06d4\u0964';
const CLAUSES = ':()\u2014\u2013\u2026\uff0c\u3001\u060c\u00a1\u00bf';
/** Signs that may stand inside a word or behind it: what comes next tells. */
const JOINERS = '.,!|+*';

type Kind = 'word' | 'alone' | 'space' | 'line' | 'unseen' | 'apostrophe' | 'joiner' | 'other';

const kindSigns: readonly (readonly [Kind, string])[] = [
  ['space', ' \t'],
  ['line', '\n\r\u2028\u2029'],
  ['word', '$@'],
  ['apostrophe', APOSTROPHES],
  ['joiner', JOINERS],
];
const signKinds: ReadonlyMap<string, Kind> = new Map(
  kindSigns.flatMap(([kind, signs]) => signs.split('').map((sign) => [sign, kind] as const)),
);

function isPlain(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
}

function kindOf(sign: string): Kind {
  const code = sign.codePointAt(0) ?? 0;
  if (isPlain(code)) return 'word';
  return signKinds.get(sign) ?? (code < 128 ? kindOfOther(sign) : kindOfForeign(sign));
}

function kindOfOther(sign: string): Kind {
  return UNSEEN.test(sign) ? 'unseen' : 'other';
}

function kindOfForeign(sign: string): Kind {
  if (ALONE.test(sign)) return 'alone';
  if (WORDLIKE.test(sign)) return 'word';
  if (UNSEEN.test(sign)) return 'unseen';
  return /\s/u.test(sign) ? 'space' : 'other';
}

const isDigit = (sign: string): boolean => sign >= '0' && sign <= '9' && sign.length === 1;
const isLower = (sign: string): boolean => sign !== sign.toUpperCase();
const isUpper = (sign: string): boolean => sign !== sign.toLowerCase();

interface Letter {
  text: string;
  from: number;
}

export class Scanner {
  readonly #listener: Listener;
  readonly #joinsTo: (run: string) => readonly string[] | undefined;
  readonly #abbreviations: ReadonlySet<string>;
  #word = '';
  #from = 0;
  #isPlain = true;
  /** A sign behind a word, of which is not known yet whether it ends it. */
  #joiner = '';
  #run: Letter[] = [];
  #lastWord = '';
  #hasLine = false;
  #dots = false;
  #beforeWasSpace = true;

  /** `joinsTo` answers the words that letters standing alone are, when they are spelled out. */
  constructor(
    listener: Listener,
    abbreviations: ReadonlySet<string>,
    joinsTo: (run: string) => readonly string[] | undefined,
  ) {
    this.#listener = listener;
    this.#abbreviations = abbreviations;
    this.#joinsTo = joinsTo;
  }

  /** The unfinished word, as it stands there; empty between words. */
  get partial(): string {
    return this.#word;
  }

  get partialFrom(): number {
    return this.#from;
  }

  get isPartialPlain(): boolean {
    return this.#isPlain;
  }

  get hasRun(): boolean {
    return this.#run.length > 0;
  }

  /** From where letters stand alone that may be a word spelled out. */
  get runFrom(): number {
    const first = this.#run[0];
    if (!first || (this.#run.length === 1 && 'ia'.includes(first.text))) return Infinity;
    return first.from;
  }

  feed(sign: string, at: number): void {
    const kind = kindOf(sign);
    if (kind === 'unseen') return;
    if (this.#joiner !== '') this.#settle(sign, kind);
    if (this.#hasLine && kind !== 'space' && kind !== 'line') {
      this.#hasLine = false;
      if (!isLower(sign)) this.#stop('\n');
    }
    if (kind === 'word') this.#take(sign, at);
    else if ((kind === 'joiner' || kind === 'apostrophe') && this.#word !== '') this.#joiner = sign;
    else {
      this.#endWord();
      this.#between(sign, kind, at);
    }
    this.#beforeWasSpace = kind === 'space' || kind === 'line';
  }

  /** The text has ended, or is treated as if it had. */
  end(): void {
    if (this.#joiner !== '') this.#settle(' ', 'space');
    this.#endWord();
    this.#stop('');
    this.#hasLine = false;
  }

  #take(sign: string, at: number): void {
    if (this.#word === '') {
      this.#from = at;
      this.#isPlain = true;
    }
    this.#dots = false;
    this.#word += sign;
    if (sign.length > 1 || sign > 'z' || sign < 'A' || (sign > 'Z' && sign < 'a')) this.#isPlain = false;
    if (this.#word.length >= WORD_MAX) this.#endWord();
  }

  /** What the sign behind a word was, now that the next one is there. */
  #settle(sign: string, kind: Kind): void {
    const joiner = this.#joiner;
    this.#joiner = '';
    if (this.#joins(joiner, sign, kind)) {
      this.#word += APOSTROPHES.includes(joiner) ? "'" : joiner;
      this.#isPlain = false;
      return;
    }
    this.#endWord();
    if (joiner === '!') this.#stop('!');
    else if (joiner === ',') this.#listener.clause();
    else if (joiner === '.') this.#dot(sign, kind);
  }

  #joins(joiner: string, sign: string, kind: Kind): boolean {
    if (kind !== 'word') return false;
    if (joiner === '.' || joiner === ',') return isDigit(sign) && isDigit(this.#word.at(-1) ?? '');
    return joiner !== '!' || isLower(sign) || !isUpper(sign);
  }

  #dot(sign: string, kind: Kind): void {
    if (sign === '.') {
      this.#dots = true;
      this.#clause();
    } else if (kind === 'word' && !isUpper(sign)) {
      // between letters, as in "k.i.l.l" and "e.g"
    } else if (this.#run.length > 1 && kind === 'word') {
      // the same in capitals
    } else if (!this.#abbreviations.has(this.#lastWord)) this.#stop('.');
  }

  /** A sign that is no part of a word. */
  #between(sign: string, kind: Kind, at: number): void {
    if (kind === 'alone') {
      this.#flushRun();
      this.#listener.word(sign, at);
    } else if (kind === 'line') this.#hasLine = true;
    else if (kind === 'space') return;
    else if (sign === '.') {
      if (!this.#dots) this.#stop('.');
    } else if (sign === '!') this.#stop('!');
    else if (STOPS.includes(sign)) this.#stop(sign);
    else if (sign === ',' || CLAUSES.includes(sign)) this.#clause();
    else if (sign === '-' && this.#beforeWasSpace) this.#clause();
    else if (QUOTES.includes(sign)) {
      this.#flushRun();
      this.#listener.quote(sign);
    }
  }

  #endWord(): void {
    if (this.#word === '') return;
    const text = this.#isPlain ? this.#word.toLowerCase() : fold(this.#word);
    const from = this.#from;
    this.#word = '';
    this.#lastWord = text;
    if (text.length === 1 && text >= 'a' && text <= 'z') {
      this.#run.push({ text, from });
      if (this.#run.length >= RUN_MAX) this.#flushRun();
      return;
    }
    this.#flushRun();
    this.#listener.word(text, from);
  }

  #flushRun(): void {
    const run = this.#run;
    const first = run[0];
    if (!first) return;
    this.#run = [];
    const words = run.length > 2 ? this.#joinsTo(run.map((letter) => letter.text).join('')) : undefined;
    if (words) for (const word of words) this.#listener.word(word, first.from);
    else for (const letter of run) this.#listener.word(letter.text, letter.from);
  }

  #clause(): void {
    this.#flushRun();
    this.#listener.clause();
  }

  #stop(mark: string): void {
    this.#flushRun();
    this.#listener.stop(mark);
  }
}
