// Makes of a model's stream what the guide may say, while it comes: without labels, quotation marks, second variants and thoughts,
// short, with one question at most, and without what was said or answered before. Pure: what comes out depends on the text alone.
import { Beginning, noRules, rulesFor } from './shape/beginning.ts';
import type { Answered, Rules, Verdict } from './shape/beginning.ts';
import { Opening } from './shape/opening.ts';
import { Emphasis, Residue } from './shape/residue.ts';
import { isQuestion, sentencesOf, Splitter } from './shape/sentence.ts';
import type { Part, Sentence } from './shape/sentence.ts';
import type { Stage } from './shape/stage.ts';

export type { Answered } from './shape/beginning.ts';

export interface Shaping {
  /** Sentences a reply may have. */
  sentences: number;
  /** The guide's last lines: none of their sentences is said again. */
  said: readonly string[];
  /** What is known already and is not asked for again. */
  answered: readonly Answered[];
  /** The guide's own line, said in place of a sentence that may not be said. */
  line: string;
}

export interface Shaper {
  /** Takes the next piece and returns what may be shown now, perhaps nothing. How the text is cut into pieces changes nothing in all. */
  push(text: string): string;
  /** The rest, once the model has ended; the guide's line when nothing was said. */
  end(): string;
  /** Whether the reply is whole: nothing more is wanted of the model. */
  readonly isOver: boolean;
}

/** UTF-16 units of a line said before that are looked at. */
const SAID_MAX = 4_000;

/** Takes speech and lets through the sentences that may be said. */
class Telling implements Stage {
  isOver = false;
  readonly #rules: Rules;
  readonly #line: readonly Sentence[];
  readonly #max: number;
  readonly #splitter = new Splitter();
  /** What is not said again, with the sentences of this reply. */
  readonly #said: Set<string>;
  #sentences = 0;
  /** Whether no further sentence may begin. */
  #isFull = false;
  #beginning: Beginning | null = null;
  #held = '';
  #gap = '';
  #isLine = false;
  #hasText: boolean;
  /** Units of white space that wait and are shown already. */
  #shownSpace = 0;

  constructor({ sentences, said, answered, line }: Shaping, shown: string) {
    const lines = said.map((text) => text.slice(0, SAID_MAX));
    this.#said = new Set(lines.flatMap((text) => sentencesOf(text)).map((sentence) => sentence.fold));
    this.#said.delete('');
    this.#rules = rulesFor(this.#said, answered);
    this.#line = sentencesOf(line);
    this.#max = sentences;
    this.#hasText = shown.trim() !== '';
    this.#resume(shown);
  }

  push(c: string): string {
    return this.#takeAll(this.#splitter.push(c));
  }

  end(): string {
    return this.#takeAll(this.#splitter.end());
  }

  /** Goes to where the shown words end. */
  #resume(shown: string): void {
    let last = '';
    const note = (part: Part): void => {
      if (part.kind === 'gap') return;
      this.#beginning ??= new Beginning(noRules, false);
      for (const c of part.text) this.#beginning.push(c);
      if (part.kind !== 'end') return;
      last = this.#beginning.fold;
      this.#close(part);
    };
    for (const c of shown) this.#splitter.push(c).forEach(note);
    this.#splitter.settle().forEach(note);
    this.#shownSpace = this.#splitter.space.length;
    this.#isFull ||= last !== '' && last === this.#line.at(-1)?.fold;
    // what is shown of a sentence is not left unfinished
    this.isOver = this.#isFull && !this.#splitter.isOpen;
  }

  #takeAll(parts: readonly Part[]): string {
    let out = '';
    for (const part of parts) if (!this.isOver) out += this.#take(part);
    return out;
  }

  #take(part: Part): string {
    if (part.kind === 'gap') {
      this.#isLine = part.text.includes('\n');
      this.#gap = this.#unshown(part.text);
      return '';
    }
    if (part.kind === 'text') return this.#say(part.text);
    const verdict = this.#beginning?.end() ?? 'free';
    if (verdict === 'caught') return this.#replace();
    if (verdict === 'cut') {
      this.isOver = true;
      return '';
    }
    const out = this.#release(this.#held + this.#unshown(part.text));
    this.#close(part);
    return out;
  }

  #say(text: string): string {
    this.#beginning ??= new Beginning(this.#rules, this.#isLine);
    let verdict: Verdict = 'open';
    for (const c of text) {
      verdict = this.#beginning.push(c);
      if (verdict === 'caught' || verdict === 'cut') break;
    }
    if (verdict === 'caught') return this.#replace();
    if (verdict === 'cut') {
      this.isOver = true;
      return '';
    }
    this.#held += this.#unshown(text);
    return verdict === 'free' ? this.#release(this.#held) : '';
  }

  /** Counts a sentence that has ended. */
  #close({ text, counts }: { text: string; counts: boolean }): void {
    const { hasWords = false, fold = '' } = this.#beginning ?? {};
    this.#beginning = null;
    if (fold !== '') this.#said.add(fold);
    if (counts && hasWords) this.#sentences += 1;
    this.#isFull ||= isQuestion(text) || this.#sentences >= this.#max;
    this.isOver = this.#isFull;
  }

  #release(text: string): string {
    this.#held = '';
    const gap = this.#hasText ? this.#gap : '';
    this.#gap = '';
    this.#hasText = true;
    return gap + text;
  }

  /** Says the guide's line in place of what may not be said: of its sentences those that are new and fit. */
  #replace(): string {
    this.isOver = true;
    const fresh = this.#line.filter((sentence) => !this.#said.has(sentence.fold));
    // behind words that are shown, as much of its end as there is room for: the question stands there
    const rest = this.#hasText ? fresh.slice(-Math.max(1, this.#max - this.#sentences)) : fresh;
    const text = rest.map((sentence, i) => (i === 0 ? '' : sentence.before || ' ') + sentence.text).join('');
    if (text === '') return '';
    return this.#release(text);
  }

  #unshown(text: string): string {
    const unshown = text.slice(this.#shownSpace);
    this.#shownSpace = Math.max(0, this.#shownSpace - text.length);
    return unshown;
  }
}

const HIGH_HALF = /[\ud800-\udbff]$/;

class Stages implements Shaper {
  readonly #stages: readonly Stage[];
  readonly #otherwise: string;
  /** The first half of a surrogate pair whose second has not come. */
  #half = '';
  #isOver: boolean;
  #hasSaid: boolean;

  constructor(shaping: Shaping, shown: string) {
    const speech = new Telling(shaping, shown);
    const opening = shown === '' ? [new Opening()] : [];
    this.#stages = [new Residue(shown), new Emphasis(shown), ...opening, speech];
    this.#otherwise = shaping.line;
    this.#isOver = speech.isOver;
    this.#hasSaid = shown !== '';
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  push(text: string): string {
    if (this.#isOver) return '';
    const whole = this.#half + text;
    this.#half = HIGH_HALF.exec(whole)?.[0] ?? '';
    return this.#said(this.#feed(whole.slice(0, whole.length - this.#half.length), 0));
  }

  end(): string {
    const rest = this.#isOver ? '' : this.#feed(this.#half, 0) + this.#close(0);
    this.#isOver = true;
    return this.#said(rest) || (this.#hasSaid ? '' : this.#said(this.#otherwise));
  }

  #said(text: string): string {
    this.#hasSaid ||= text !== '';
    return text;
  }

  /** Sends text through the stages from `at` on. */
  #feed(text: string, at: number): string {
    const stage = this.#stages[at];
    if (stage === undefined) return text;
    let out = '';
    for (const c of text) {
      if (this.#isOver) break;
      out += this.#feed(stage.push(c), at + 1);
      if (stage.isOver && !this.#isOver) out += this.#close(at + 1);
    }
    return out;
  }

  /** Ends the stages from `at` on: nothing more comes. */
  #close(at: number): string {
    let out = '';
    for (const [i, stage] of this.#stages.entries()) {
      if (i >= at && !this.#isOver) out += this.#feed(stage.end(), i + 1);
    }
    this.#isOver = true;
    return out;
  }
}

/**
 * A shaper for one model run.
 * @param shown words of this reply that are shown already: the model goes on behind them, and a sentence begun there is finished.
 */
export function createShaper(shaping: Shaping, shown: string): Shaper {
  return new Stages(shaping, shown);
}
