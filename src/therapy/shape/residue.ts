// What of a model's output is no speech: thoughts, marks of its chat template, emphasis.
import type { Stage } from './stage.ts';

/** Where one of these comes, the model has left its part. */
const endings: readonly string[] = [
  '<|',
  '<｜',
  '[inst]',
  '[/inst]',
  '<<sys>>',
  '<</sys>>',
  '</s>',
  '<eos>',
  '<start_of_turn>',
  '<end_of_turn>',
];
const HEADING = '###';
const thoughts: readonly string[] = [
  '<think>',
  '<thinking>',
  '<thought>',
  '<reasoning>',
  '<reflection>',
  '<analysis>',
];
const wrappers: readonly string[] = [
  'response',
  'reply',
  'answer',
  'guide',
  'assistant',
  'output',
  'message',
  'text',
  'p',
];
const unsaid: readonly string[] = [
  '<s>',
  '<bos>',
  ...wrappers.flatMap((name) => [`<${name}>`, `</${name}>`]),
  ...thoughts.map((tag) => tag.replace('<', '</')),
];
const tokens: readonly string[] = [...endings, HEADING, ...thoughts, ...unsaid];
const FIRST = /[<[#]/;
const WORD = /[\p{L}\p{N}]/u;

/** Drops thoughts, and ends at the residue of a template. Holds only what may be the beginning of one of them. */
export class Residue implements Stage {
  isOver = false;
  #held = '';
  /** The tag that ends a thought, and the last of it that was seen. */
  #closer = '';
  #seen = '';
  #hasWords: boolean;

  constructor(shown: string) {
    this.#hasWords = shown !== '';
  }

  push(c: string): string {
    if (this.#closer !== '') return this.#think(c);
    if (this.#held === '' && !FIRST.test(c)) {
      this.#hasWords ||= WORD.test(c);
      return c;
    }
    this.#held += c;
    return this.#settle();
  }

  end(): string {
    return this.#held;
  }

  #think(c: string): string {
    this.#seen = (this.#seen + c.toLowerCase()).slice(-this.#closer.length);
    if (this.#seen === this.#closer) this.#closer = '';
    return '';
  }

  #settle(): string {
    let out = '';
    while (this.#held !== '') {
      const lower = this.#held.toLowerCase();
      const known = tokens.filter(
        (token) => token.startsWith(lower) && (token !== HEADING || this.#hasWords),
      );
      if (known.includes(lower)) {
        this.#meet(lower);
        return out;
      }
      if (known.length > 0) return out;
      const [first = ''] = this.#held;
      this.#hasWords ||= WORD.test(first);
      this.#held = this.#held.slice(first.length);
      out += first;
    }
    return out;
  }

  #meet(token: string): void {
    this.#held = '';
    if (unsaid.includes(token)) return;
    if (thoughts.includes(token)) this.#closer = token.replace('<', '</');
    else this.isOver = true;
    this.#seen = '';
  }
}

const EMPHASIS = /[*_]/;
const BLANK = /^\s?$/;
/** Emphasis begins before one of these; before a digit only when it is strong. */
const EMPHASISED = /[\p{L}"'“‘«¿¡(]/u;
/** Emphasis does not begin behind one of these, unless the script has no spaces. */
const BEHIND = /[\p{L}\p{N}\p{Pe}\p{Pf}]/u;
const UNCASED = /\p{Lo}/u;
const RUN_MAX = 3;

/** Drops the asterisks and underscores around words and leaves all others. Holds a run of them until the next character. */
export class Emphasis implements Stage {
  readonly isOver = false;
  #before: string;
  #run = '';
  readonly #open = { '*': 0, _: 0 };
  /** Whether the shown words may have left an emphasis open. */
  #mayBeOpen: boolean;

  constructor(shown: string) {
    this.#before = shown.slice(-1);
    this.#mayBeOpen = shown !== '';
  }

  push(c: string): string {
    if (EMPHASIS.test(c) && (this.#run === '' || (this.#run.startsWith(c) && this.#run.length <= RUN_MAX))) {
      this.#run += c;
      return '';
    }
    const out = this.#settle(c);
    if (EMPHASIS.test(c)) {
      this.#run = c;
      return out;
    }
    this.#before = c;
    return out + c;
  }

  end(): string {
    return this.#settle('');
  }

  #settle(next: string): string {
    const run = this.#run;
    if (run === '') return '';
    this.#run = '';
    if (run.length <= RUN_MAX && (this.#closes(run, next) || this.#opens(run, next))) return '';
    this.#before = run;
    return run;
  }

  #closes(run: string, next: string): boolean {
    if (BLANK.test(this.#before)) return false;
    const sign = run.startsWith('*') ? '*' : '_';
    const isInWord = WORD.test(next);
    if (this.#open[sign] > 0 && !(sign === '_' && isInWord)) {
      this.#open[sign] -= 1;
      return true;
    }
    const isLeft = this.#mayBeOpen && run.length === 2 && !isInWord;
    if (isLeft) this.#mayBeOpen = false;
    return isLeft;
  }

  #opens(run: string, next: string): boolean {
    const begins = EMPHASISED.test(next) || (run.length > 1 && WORD.test(next));
    const isApart = !BEHIND.test(this.#before) || (run.length > 1 && UNCASED.test(this.#before));
    if (!begins || !isApart) return false;
    this.#open[run.startsWith('*') ? '*' : '_'] += 1;
    return true;
  }
}
