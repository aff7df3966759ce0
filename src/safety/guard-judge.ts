// Judges a text that still comes, sentence by sentence: which rule a sentence breaks, and from where on it may not be shown yet.
import type { Canaries } from './guard-canaries.ts';
import { Matcher } from './guard-match.ts';
import type { Found } from './guard-match.ts';
import { amountOf, excuseTree, fillers, grave, leaders, negators, pronouns, tree } from './guard-rules.ts';
import { QUESTION, QUOTED, voiders, weight, wordsOf } from './guard-rules.ts';
import type { Excuse, GuardRule, Reason } from './guard-rules.ts';
import type { Listener } from './guard-words.ts';

interface Said {
  text: string;
  /** A comma or the like stands before it. */
  opens: boolean;
  quoted: boolean;
}

interface Hit {
  rule: GuardRule;
  start: number;
  end: number;
  since: number;
  /** Counts only if the clause ends behind it. */
  last: boolean;
}

interface Heard {
  excuse: Excuse;
  start: number;
  end: number;
}

/** Longer sentences are judged in parts. */
const WORDS_MAX = 300;
/** How far a negation reaches. */
const NEGATION_REACH = 6;

export class Judge implements Listener {
  readonly #matcher = new Matcher(tree, weight);
  readonly #excuses = new Matcher(excuseTree, weight);
  readonly #canaries: Canaries;
  readonly #strict: boolean;
  #words: Said[] = [];
  #heard: Heard[] = [];
  #pending: Hit[] = [];
  /** Whether a comma or the like stands before the next word. */
  #opens = false;
  /** Whether a clause begins with the next word all the same, as in "and then just". */
  #isLed = false;
  #quoted = false;
  /** From where on the sentence speaks of a grave thing: the rest of it waits for its end. */
  #graveFrom = Infinity;
  /** As it was behind the last word or stop. */
  #since = Infinity;
  #reason: Reason | undefined;

  constructor(strict: boolean, canaries: Canaries) {
    this.#strict = strict;
    this.#canaries = canaries;
  }

  get reason(): Reason | undefined {
    return this.#reason;
  }

  /** Whether a word that begins like this, without doubled letters, may have to be held. */
  mayHold(beginning: string): boolean {
    if (tree.beginnings.has(beginning) || this.#matcher.mayHold(beginning)) return true;
    return this.#canaries.mayHold(beginning);
  }

  /** Whether the words of one spelling go on with what is begun, or are held by themselves. */
  expects(words: readonly string[]): boolean {
    return this.#matcher.expects(words) || words.some((word) => this.#canaries.expects(word));
  }

  /** From where on nothing may be shown yet. */
  get since(): number {
    return this.#since;
  }

  #sinceNow(): number {
    let since = Math.min(this.#matcher.since, this.#canaries.since, this.#graveFrom);
    for (const hit of this.#pending) if (hit.since < since) since = hit.since;
    return since;
  }

  word(spelling: string, from: number): void {
    for (const text of wordsOf(spelling)) {
      if (this.#canaries.feed(text, from)) this.#reason ??= 'N17';
      if (!fillers.has(text)) this.#take(text, from);
    }
    if (this.#words.length >= WORDS_MAX) this.stop('');
    else this.#since = this.#sinceNow();
  }

  clause(): void {
    this.#opens = true;
    for (const hit of this.#pending) hit.last = false;
  }

  quote(mark: string): void {
    this.#quoted = mark === '"' || mark === '\uff02' ? !this.#quoted : mark !== '\u201d' && mark !== '\u00bb';
    this.clause();
  }

  /** The sentence has ended: what waited for its end is decided. */
  stop(mark: string): void {
    const isQuestion = '?\uff1f\u061f'.includes(mark) && mark !== '' && !this.#suggests();
    for (const hit of this.#pending) {
      if (!(isQuestion && hit.rule.unless.has(QUESTION)) && !this.#isExcused(hit))
        this.#reason ??= hit.rule.reason;
    }
    this.#words = [];
    this.#heard = [];
    this.#pending = [];
    this.#graveFrom = Infinity;
    this.#matcher.reset();
    this.#excuses.reset();
    this.#opens = false;
    if (mark === '\n') this.#quoted = false;
    this.#since = this.#sinceNow();
  }

  #take(text: string, from: number): void {
    if (this.#pending.length > 0) this.#pending = this.#pending.filter((hit) => !hit.last);
    if (grave.has(text)) this.#graveFrom = Math.min(this.#graveFrom, from);
    const index = this.#words.length;
    const isInitial = index === 0 || this.#opens || this.#isLed;
    this.#words.push({ text, opens: this.#opens, quoted: this.#quoted });
    const token = { text, index, from, amount: amountOf(text), isInitial, isNegator: negators.has(text) };
    for (const { value, start } of this.#excuses.feed(token)) {
      if (!(value.unnegated && this.#isNegated(start)))
        this.#heard.push({ excuse: value, start, end: index });
    }
    this.#weigh(this.#matcher.feed(token), index);
    this.#isLed = isInitial && leaders.has(text);
    this.#opens = false;
  }

  #weigh(found: readonly Found<GuardRule>[], end: number): void {
    for (const { value: rule, start, last } of found) {
      if (rule.strict && !this.#strict) continue;
      const same = found.filter((other) => other.value === rule);
      if (same.some((other) => other.start > start)) continue;
      // whichever way a row was begun, all of it is held
      const since = Math.min(...same.map((other) => other.since));
      const hit = { rule, start, end, since, last };
      if (this.#isExcused(hit)) continue;
      if (last || rule.isLate) this.#pending.push(hit);
      else this.#reason ??= rule.reason;
    }
  }

  #isExcused({ rule, start, end }: Hit): boolean {
    if (rule.negatable && this.#isNegated(start)) return true;
    if (rule.unless.has(QUOTED) && this.#words[end]?.quoted) return true;
    return this.#heard.some((heard) => rule.unless.has(heard.excuse.name) && this.#reaches(heard, start));
  }

  #reaches({ excuse, start, end }: Heard, hit: number): boolean {
    if (excuse.where === 'any') return true;
    if (start >= hit || hit - end > excuse.reach) return false;
    for (let at = end + 2; at <= hit; at += 1) if (this.#words[at]?.opens) return false;
    return true;
  }

  /** Whether a negation stands before a word, in its clause. */
  #isNegated(start: number): boolean {
    const first = Math.max(0, start - NEGATION_REACH);
    for (let at = start - 1; at >= first && !this.#endsClause(at); at -= 1) {
      if (negators.has(this.#words[at]?.text ?? '') && !this.#isVoid(at)) return true;
    }
    return false;
  }

  /** Whether a negation at or before a word says nothing of what follows it. */
  #endsClause(at: number): boolean {
    const text = this.#words[at]?.text ?? '';
    const after = this.#words[at + 1];
    if (after?.opens && text !== 'never' && text !== 'not') return true;
    return ['but', 'so', 'then'].includes(text) || (text === 'and' && pronouns.has(after?.text ?? ''));
  }

  /** Whether a negation denies nothing: "do not hesitate", "why not". */
  #isVoid(at: number): boolean {
    return voiders.has(this.#words[at + 1]?.text ?? '') || this.#words[at - 1]?.text === 'why';
  }

  /** Whether a question is advice in disguise: "why not …?" */
  #suggests(): boolean {
    return this.#heard.some(({ excuse }) => excuse.name === 'suggests');
  }
}
