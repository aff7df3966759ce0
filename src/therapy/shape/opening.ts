// The beginning of a reply: what a model says before it speaks, and the marks it puts around what it says.
import content from '../content/openings.en.json' with { type: 'json' };
import { guideLabels } from './beginning.ts';
import { fold } from './sentence.ts';
import type { Stage } from './stage.ts';

/** UTF-16 units that are held until it is known that they are speech. */
const HEAD_MAX = 40;

const { calls, says, nouns, here, other } = content.manners;
/** "you could say" and the like; they introduce a reply only with a colon. */
const introductions: readonly string[] = [
  ...says.subjects.flatMap((subject) =>
    says.modals.flatMap((modal) => says.verbs.map((verb) => `${subject} ${modal} ${verb}`)),
  ),
  ...other,
];
const labelNames: readonly string[] = [...guideLabels];
const callWords = new RegExp(`^(?:${calls.join('|')})[,.!:;]? +`, 'i');
/** With one of these before it, "here is" leads to a reply, not to a thing. */
const polite = new RegExp(`^(?:${content.manners.exclaimed.join('|')})[,.!]? `, 'i');
const announces = new RegExp(`\\b(?:${nouns.join('|')})$`, 'i');

const MARKED = /^(?:#{1,6}\s|[-*•+·●▪]\s|\d{1,2}[.)]\s|`{3}[a-z]*\s)$/i;
const MAYBE_MARKED = /^(?:#{1,6}|[-*•+·●▪]|\d{1,2}[.)]?|`{1,2}|`{3}[a-z]*)$/i;
const DOCTOR = /^dr\.?(?: [\p{L}'’.-]+){1,2}$/iu;
const MAYBE_DOCTOR = /^d(?:r(?:\.?(?: [\p{L}'’.-]*){0,2})?)?$/iu;
const JSON_HEAD =
  /^\{\s*"(?:response|reply|answer|text|message|content|output|guide|line|therapist_response)"\s*:\s*"$/i;
const MAYBE_JSON = /^\{\s*(?:"[a-z_]*(?:"\s*(?::\s*)?)?)?$/i;
const SENTENCE_END = /[.?!\n]/;
const LEAD_END = /[:：.?!\n]/;

const partners: Readonly<Record<string, string>> = {
  '"': '"',
  '“': '”"',
  '„': '“”"',
  '«': '»',
  '»': '«',
  '‘': '’',
  "'": "'",
  '「': '」',
  '『': '』',
};

/** What the beginning of the output is. `hold`: not known yet. `drop`: nothing to say. `lead`: words before a colon. */
type Sight = 'hold' | 'drop' | 'lead' | 'json' | 'speech';

const isBeginningOf = (list: readonly string[], lower: string): boolean =>
  list.some((phrase) => phrase.startsWith(lower));

function seeLabel(head: string): Sight {
  const last = head.slice(-1);
  if (last === ':' || last === '：') {
    const name = head.slice(0, -1).trim();
    if (guideLabels.has(fold(name)) || DOCTOR.test(name)) return 'drop';
  }
  return isBeginningOf(labelNames, head.toLowerCase().trimEnd()) || MAYBE_DOCTOR.test(head)
    ? 'hold'
    : 'speech';
}

/** "Certainly!" and what may become it. */
function seeCall(lower: string): Sight {
  if (content.manners.exclaimed.some((call) => lower.trimEnd() === `${call}!`)) {
    return /\s$/.test(lower) ? 'drop' : 'hold';
  }
  return content.manners.exclaimed.some((call) => `${call}!`.startsWith(lower)) ? 'hold' : 'speech';
}

/** "Sure, here is a response:" and the like. */
function seeLead(lower: string): Sight {
  const rest = lower.replace(callWords, '').replaceAll('’', "'");
  if (rest === '' || calls.some((call) => `${call}, `.startsWith(rest))) return 'hold';
  const starts = (phrase: string): boolean => rest.startsWith(phrase);
  if (here.some(starts) && (announces.test(rest) || polite.test(lower))) return 'lead';
  const isIntroduction = introductions.some(starts);
  if (isIntroduction && rest.endsWith(':')) return 'drop';
  const isStart = isIntroduction || here.some(starts);
  if (isStart) return SENTENCE_END.test(rest) ? 'speech' : 'hold';
  return isBeginningOf(here, rest) || isBeginningOf(introductions, rest) ? 'hold' : 'speech';
}

function see(head: string): Sight {
  if (head.trim() === '' || MARKED.test(head)) return 'drop';
  if (JSON_HEAD.test(head)) return 'json';
  if (MAYBE_JSON.test(head)) return head.length < HEAD_MAX ? 'hold' : 'speech';
  const lower = head.toLowerCase();
  const sights = [seeLabel(head), seeCall(lower), seeLead(lower)];
  const known = sights.find((sight) => sight !== 'hold' && sight !== 'speech');
  if (known !== undefined) return known;
  const mayBe = sights.includes('hold') || MAYBE_MARKED.test(head);
  return mayBe && head.length < HEAD_MAX ? 'hold' : 'speech';
}

const MARK = /[.?!…。？！؟]/;
const BLANK = /^\s?$/;
const WORD = /[\p{L}\p{N}]/u;
/** Marks that may also stand inside a word. */
const APOSTROPHE = /['’]/;

/** Speech behind a quotation mark. Its partner ends the speech when it closes a sentence or a line; around a word, both just go. */
class Quoted implements Stage {
  isOver = false;
  readonly #opener: string;
  readonly #partner: string;
  #before = '';
  /** The last character that is no blank. */
  #visible = '';
  /** Quotations inside this one. */
  #depth = 0;
  /** A mark that may be the partner. */
  #held = '';
  #isUnquoted = false;

  constructor(opener: string) {
    this.#opener = opener;
    this.#partner = partners[opener] ?? '';
  }

  push(c: string): string {
    if (this.#isUnquoted) return c;
    const out = this.#held === '' ? '' : this.#settle(c);
    if (this.isOver || this.#isUnquoted) return this.isOver ? '' : out + c;
    const isPartner = this.#partner.includes(c) && (c !== this.#opener || !BLANK.test(this.#before));
    if (isPartner && this.#depth === 0) {
      this.#held = c;
      return out;
    }
    if (c === this.#opener && this.#before === '') return out;
    if (!APOSTROPHE.test(this.#partner)) this.#nest(c, isPartner);
    this.#before = c;
    if (!BLANK.test(c)) this.#visible = c;
    return out + c;
  }

  end(): string {
    return '';
  }

  #nest(c: string, isPartner: boolean): void {
    if (isPartner) this.#depth -= 1;
    else if (c === this.#opener) this.#depth += 1;
  }

  #settle(next: string): string {
    const mark = this.#held;
    this.#held = '';
    if (APOSTROPHE.test(mark) && WORD.test(next)) {
      this.#before = mark;
      return mark;
    }
    if (MARK.test(this.#visible) || next === '\n' || next === '\r') this.isOver = true;
    else this.#isUnquoted = true;
    return '';
  }
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: ' ', r: '', b: '', f: '' };

/** Speech inside a JSON string. */
class JsonText implements Stage {
  isOver = false;
  /** The escape so far, from its backslash on. */
  #escape = '';

  push(c: string): string {
    if (this.#escape === '') {
      if (c === '\\') this.#escape = c;
      else if (c === '"') this.isOver = true;
      else return c;
      return '';
    }
    this.#escape += c;
    const code = /^\\u([0-9a-f]{4})$/i.exec(this.#escape)?.[1];
    if (code === undefined && /^\\u[0-9a-f]{0,3}$/i.test(this.#escape)) return '';
    this.#escape = '';
    return code === undefined ? (escapes[c] ?? c) : String.fromCharCode(Number.parseInt(code, 16));
  }

  end(): string {
    return '';
  }
}

/** Drops what stands before the speech of a new reply and around it. Holds at most 40 units of what turns out to be speech. */
export class Opening implements Stage {
  #head = '';
  #isLead = false;
  /** The mark the speech is quoted with. */
  #quote = '';
  #speech: Stage | 'plain' | null = null;

  get isOver(): boolean {
    return this.#speech !== null && this.#speech !== 'plain' && this.#speech.isOver;
  }

  push(c: string): string {
    if (this.#speech === 'plain') return c;
    if (this.#speech !== null) return this.#speech.push(c);
    if (this.#isLead) {
      this.#isLead = !LEAD_END.test(c);
      return '';
    }
    this.#head += c;
    if (this.#quote === '' && Object.hasOwn(partners, this.#head)) {
      this.#quote = this.#head;
      this.#head = '';
    }
    return this.#look();
  }

  end(): string {
    if (this.#speech !== null) return this.#speech === 'plain' ? '' : this.#speech.end();
    const isNothing = see(`${this.#head} `) === 'drop';
    return isNothing ? '' : this.#speak();
  }

  #look(): string {
    const sight = see(this.#head);
    if (sight === 'hold') return '';
    if (sight === 'speech') return this.#speak();
    if (sight === 'json') this.#speech = new JsonText();
    this.#isLead = sight === 'lead';
    this.#head = '';
    return '';
  }

  #speak(): string {
    const head = this.#head;
    this.#head = '';
    if (this.#quote === '') {
      this.#speech = 'plain';
      return head;
    }
    const speech = new Quoted(this.#quote);
    this.#speech = speech;
    let out = '';
    for (const c of head) if (!speech.isOver) out += speech.push(c);
    return out;
  }
}
