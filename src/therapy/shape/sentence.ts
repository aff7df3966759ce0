// Where a sentence ends and the next one begins, seen while the text still comes, and the one spelling in which sentences compare.

const SPACE = /\s/;
const MARK = /[.?!…。．｡？！؟۔।॥⸮‽]/;
/** These need no white space behind them. */
const FULL_MARK = /[。．｡？！]/;
const LOUD_MARK = /[?!？！؟⸮‽]/;
const QUESTION_MARK = /[?？؟⸮‽]/;
const DOTS = /^(?:\.{2,}|…)/;
const CLOSER = /["'”’»›)\]」』）】]/;
const LOWER = /\p{Ll}/u;
/** With this right behind `?` or `!`, only the space was forgotten. */
const BEGINS = /[\p{Lu}\p{Lt}\p{Lo}¿¡]/u;
const LETTER = /[\p{L}\p{N}\p{M}]/u;

/** UTF-16 units kept of a run of white space, of a run of marks, and of the word before a mark. */
const SPACE_MAX = 64;
const RUN_MAX = 64;
const WORD_MAX = 12;
/** UTF-16 units of a sentence that have a say when it is compared. */
const FOLD_MAX = 1_000;

const DOTTED = /^(?:\p{L}\.)+\p{L}$/u;
const INITIAL = /^[A-HJ-Z]$/;
const SMALL_NUMBER = /^\d{1,2}$/;
const abbreviations: ReadonlySet<string> = new Set(
  'dr mr mrs ms mx prof vs cf approx fig hr bzw ca nr sra mme'.split(' '),
);
/** These may also be the last word of a sentence. */
const endings: ReadonlySet<string> = new Set(['a.m', 'p.m', 'u.s', 'u.k', 'etc', 'st', 'jr', 'sr', 'inc']);

export const isQuestion = (mark: string): boolean => QUESTION_MARK.test(mark);
const hasNewline = (space: string): boolean => space.includes('\n');

/** Adds to a run of white space; more than one blank line becomes one. */
function widen(space: string, c: string): string {
  if (c === '\n' && space.split('\n').length > 2) return '\n\n';
  return space.length < SPACE_MAX ? space + c : space;
}

/** Whether marks with white space behind them end the sentence; `ask` when the next letter tells. */
function endsAt(run: string, word: string): 'yes' | 'no' | 'ask' {
  const isClosed = CLOSER.test(run.slice(-1));
  if (DOTS.test(run) && !LOUD_MARK.test(run)) return 'ask';
  if (!run.startsWith('.')) return isClosed ? 'ask' : 'yes';
  if (endings.has(word.toLowerCase())) return 'ask';
  const isShort = DOTTED.test(word) || INITIAL.test(word) || SMALL_NUMBER.test(word);
  if (isShort || abbreviations.has(word.toLowerCase())) return 'no';
  return isClosed ? 'ask' : 'yes';
}

export type Part =
  /** White space before a sentence. */
  | { kind: 'gap'; text: string }
  | { kind: 'text'; text: string }
  /** The end of a sentence, with its marks. A line that may go on in the next line does not count as one. */
  | { kind: 'end'; text: string; counts: boolean };

/** Takes a text code point by code point. White space and marks wait until it is known what they are; those at the end are dropped. */
export class Splitter {
  #space = '';
  #run = '';
  #after = '';
  #word = '';
  #isOpen = false;

  /** Whether a sentence has begun and not ended. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** White space that waits. */
  get space(): string {
    return this.#space;
  }

  push(c: string): Part[] {
    if (SPACE.test(c)) return this.#white(c);
    const isCloser = this.#run !== '' && this.#after === '' && CLOSER.test(c);
    if ((MARK.test(c) || isCloser) && this.#run.length < RUN_MAX) return this.#mark(c);
    return this.#visible(c);
  }

  end(): Part[] {
    if (this.#run !== '') return this.#finish();
    if (!this.#isOpen) return [];
    this.#isOpen = false;
    return [{ kind: 'end', text: '', counts: true }];
  }

  /** Takes marks that wait as the end of their sentence. */
  settle(): Part[] {
    return this.#run === '' ? [] : this.#finish();
  }

  #white(c: string): Part[] {
    if (this.#run === '') {
      this.#space = widen(this.#space, c);
      return [];
    }
    const isEnd = this.#after === '' && endsAt(this.#run, this.#word) === 'yes';
    const parts = isEnd ? this.#finish() : [];
    if (isEnd) this.#space = c;
    else this.#after = widen(this.#after, c);
    return parts;
  }

  #mark(c: string): Part[] {
    const parts = this.#after === '' ? this.#endLine(true) : this.#goOn();
    this.#run += c;
    return parts;
  }

  #visible(c: string): Part[] {
    const parts: Part[] = [];
    if (this.#run !== '') parts.push(...(this.#endsBefore(c) ? this.#finish() : this.#goOn()));
    else parts.push(...this.#endLine(!LOWER.test(c)));
    if (this.#space !== '') this.#word = '';
    if (this.#space !== '' || !this.#isOpen) {
      parts.push({ kind: this.#isOpen ? 'text' : 'gap', text: this.#space });
    }
    parts.push({ kind: 'text', text: c });
    this.#space = '';
    this.#isOpen = true;
    this.#word = LETTER.test(c) ? (this.#word + c).slice(0, WORD_MAX) : '';
    return parts;
  }

  /** A new line begins a new sentence; it may also just go on with the last one. */
  #endLine(isNew: boolean): Part[] {
    if (!this.#isOpen || !hasNewline(this.#space)) return [];
    this.#isOpen = false;
    return [{ kind: 'end', text: '', counts: isNew || this.#space.split('\n').length > 2 }];
  }

  #endsBefore(c: string): boolean {
    if (this.#after === '') return FULL_MARK.test(this.#run) || (LOUD_MARK.test(this.#run) && BEGINS.test(c));
    if (hasNewline(this.#after)) return true;
    return endsAt(this.#run, this.#word) === 'ask' && !LOWER.test(c);
  }

  /** The marks end the sentence. */
  #finish(): Part[] {
    const parts: Part[] = this.#isOpen
      ? [{ kind: 'end', text: this.#space + this.#run, counts: true }]
      : [
          { kind: 'gap', text: this.#space },
          { kind: 'end', text: this.#run, counts: true },
        ];
    this.#space = this.#after;
    this.#run = '';
    this.#after = '';
    this.#word = '';
    this.#isOpen = false;
    return parts;
  }

  /** The marks stand inside the sentence. */
  #goOn(): Part[] {
    const parts: Part[] = this.#isOpen
      ? [{ kind: 'text', text: this.#space + this.#run }]
      : [
          { kind: 'gap', text: this.#space },
          { kind: 'text', text: this.#run },
        ];
    this.#word = this.#run === '.' && this.#space === '' ? (this.#word + this.#run).slice(0, WORD_MAX) : '';
    this.#space = this.#after;
    this.#run = '';
    this.#after = '';
    this.#isOpen = true;
    return parts;
  }
}

const UNHEARD = /['’‘ʼ`´\p{Default_Ignorable_Code_Point}\p{Cf}]/u;
const ACCENTS = /[\u0300-\u036f]/g;

/** What a code point is in a comparison: its letters, nothing, or a blank for all that is not part of a word. */
function foldOf(c: string): string {
  if (UNHEARD.test(c)) return '';
  return LETTER.test(c) ? c.normalize('NFKD').replace(ACCENTS, '').toLowerCase() : ' ';
}

/** A sentence as its words in lower case with one blank between them, made as it comes. */
export class Fold {
  #text = '';
  #isGap = false;
  #isLong = false;

  /** The words so far; nothing for a sentence that is too long to be compared. */
  get text(): string {
    return this.#isLong ? '' : this.#text;
  }

  get isEmpty(): boolean {
    return this.#text === '';
  }

  /** Answers what was added. */
  push(c: string): string {
    const folded = foldOf(c);
    if (folded === '' || folded === ' ') {
      this.#isGap ||= folded === ' ';
      return '';
    }
    const added = this.#isGap && this.#text !== '' ? ` ${folded}` : folded;
    this.#isGap = false;
    this.#isLong ||= this.#text.length + added.length > FOLD_MAX;
    if (!this.#isLong) this.#text += added;
    return added;
  }

  /** Whether the last word is closed. */
  get isAtGap(): boolean {
    return this.#isGap && this.#text !== '';
  }
}

export function fold(text: string): string {
  const folded = new Fold();
  for (const c of text) folded.push(c);
  return folded.text;
}

export interface Sentence {
  /** White space before it. */
  before: string;
  text: string;
  fold: string;
}

/** The sentences of a text that is there as a whole. */
export function sentencesOf(text: string): Sentence[] {
  const splitter = new Splitter();
  const sentences: Sentence[] = [];
  let before = '';
  let now = '';
  const take = (part: Part): void => {
    if (part.kind === 'gap') before = part.text;
    else now += part.text;
    if (part.kind !== 'end') return;
    sentences.push({ before, text: now, fold: fold(now) });
    now = '';
  };
  for (const c of text) splitter.push(c).forEach(take);
  splitter.end().forEach(take);
  return sentences;
}
