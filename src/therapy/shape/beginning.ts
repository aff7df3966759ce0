// What a sentence begins like, while it still can be held: one that was said, a question that was answered, a label.
import content from '../content/openings.en.json' with { type: 'json' };
import { Fold, fold } from './sentence.ts';

export type Answered = keyof typeof content.slots;

interface Phrase {
  text: string;
  /** `asked` opens a question only behind `ask`, `direct` anywhere. */
  kind: 'lead' | 'ask' | 'direct' | 'asked';
}

const phrases = (kind: Phrase['kind'], list: readonly string[]): Phrase[] =>
  list.map((text) => ({ text: fold(text), kind }));

const leads = [...phrases('lead', content.leadIns), ...phrases('ask', content.asks)];
const openings: ReadonlyMap<string, readonly Phrase[]> = new Map(
  Object.entries(content.slots).map(([slot, { direct, asked }]) => [
    slot,
    [...phrases('direct', direct), ...phrases('asked', asked)],
  ]),
);
const { guide, person, comment } = content.labels;
const labels: readonly string[] = [...guide, ...person, ...comment].map(fold);
const variants: readonly string[] = content.labels.variant.map(fold);

export const guideLabels: ReadonlySet<string> = new Set([...guide, ...variants].map(fold));

/** What no sentence of a reply may begin like, or be. */
export interface Rules {
  /** Sentences that are not said again, folded. */
  said: ReadonlySet<string>;
  phrases: readonly Phrase[];
  labels: readonly string[];
}

export const noRules: Rules = { said: new Set(), phrases: [], labels: [] };

export function rulesFor(said: ReadonlySet<string>, answered: readonly Answered[]): Rules {
  const known = answered.flatMap((slot) => openings.get(slot) ?? []);
  return { said, phrases: known.length === 0 ? [] : [...leads, ...known], labels };
}

/** `open`: it may still be one of them. `free`: it is none. `caught`: may not be said. `cut`: the reply ended before it. */
export type Verdict = 'open' | 'free' | 'caught' | 'cut';

const COLON = /[:：]/;
/** Of a line: the beginning of a list, a heading or a rule. */
const MARKER = /^(?:[-*•+·●▪]\s|\d{1,2}[.)]\s|#{1,6}[\s#]|`{3}|-{3}|\*{3}|_{3})/;
const MAYBE_MARKER = /^(?:[-*•+·●▪]|\d{1,2}[.)]?|#{1,6}|[-*_`]{1,3})$/;
const RAW_MAX = 8;
/** UTF-16 units that are held at most, in all and before the first word. */
const HELD_MAX = 1_500;
const WORDLESS_MAX = 40;

export class Beginning {
  readonly #fold = new Fold();
  readonly #isLine: boolean;
  readonly #phrases: readonly Phrase[];
  #said: readonly string[];
  #labels: readonly string[];
  #variants: readonly string[];
  #active: { phrase: Phrase; at: number }[];
  #raw = '';
  #length = 0;
  #isOpen = true;

  constructor(rules: Rules, isLine: boolean) {
    this.#isLine = isLine;
    this.#said = [...rules.said];
    this.#labels = rules.labels;
    this.#variants = rules.labels.length === 0 ? [] : variants;
    this.#phrases = rules.phrases;
    this.#active = this.#starts(false);
  }

  /** The sentence so far, folded. */
  get fold(): string {
    return this.#fold.text;
  }

  get hasWords(): boolean {
    return !this.#fold.isEmpty;
  }

  push(c: string): Verdict {
    if (!this.#isOpen) {
      this.#fold.push(c);
      return 'free';
    }
    if (this.#raw.length < RAW_MAX) this.#raw += c;
    this.#length += c.length;
    if (this.#isLine && MARKER.test(this.#raw)) return 'cut';
    if (COLON.test(c) && this.#labels.includes(this.fold)) return 'cut';
    for (const unit of this.#fold.push(c)) this.#narrow(unit);
    if (this.#fold.isAtGap && this.#variants.includes(this.fold)) return 'cut';
    if (this.#fold.isAtGap && this.#isAnswered()) return 'caught';
    this.#isOpen = this.#mayBe();
    return this.#isOpen ? 'open' : 'free';
  }

  /** The sentence has ended. */
  end(): Verdict {
    if (!this.#isOpen) return 'free';
    if (this.#isLine && MARKER.test(`${this.#raw} `)) return 'cut';
    if (this.#variants.includes(this.fold)) return 'cut';
    return this.#said.includes(this.fold) || this.#isAnswered() ? 'caught' : 'free';
  }

  #starts(isAsked: boolean): { phrase: Phrase; at: number }[] {
    const may = this.#phrases.filter(({ kind }) => isAsked || kind !== 'asked');
    return may.map((phrase) => ({ phrase, at: 0 }));
  }

  #narrow(unit: string): void {
    const { text } = this.#fold;
    const same = (whole: string): boolean => whole.startsWith(text);
    this.#said = this.#said.filter(same);
    this.#labels = this.#labels.filter(same);
    this.#variants = this.#variants.filter(same);
    const closed = unit === ' ' ? this.#active.filter(({ phrase, at }) => at === phrase.text.length) : [];
    this.#active = this.#active
      .filter(({ phrase, at }) => phrase.text[at] === unit)
      .map(({ phrase, at }) => ({ phrase, at: at + 1 }));
    if (closed.length > 0)
      this.#active.push(...this.#starts(closed.some(({ phrase }) => phrase.kind === 'ask')));
  }

  #isAnswered(): boolean {
    return this.#active.some(
      ({ phrase, at }) => at === phrase.text.length && (phrase.kind === 'direct' || phrase.kind === 'asked'),
    );
  }

  #mayBe(): boolean {
    if (this.#length > HELD_MAX) return false;
    if (this.#isLine && MAYBE_MARKER.test(this.#raw)) return true;
    if (!this.hasWords && this.#length > WORDLESS_MAX) return false;
    const count = this.#said.length + this.#labels.length + this.#variants.length + this.#active.length;
    return count > 0;
  }
}
