// Joins the words of a model that goes on behind words that are already shown. Pure: text in, decision out.

/** Fewest characters that count as the end said again, and how far back such a repeat is looked for. */
const OVERLAP_MIN = 12;
const OVERLAP_MAX = 40;
/** So many characters of the beginning of the reply, or all when it is shorter, said again mean that the model began anew. */
const RESTART_CHARS = 24;

export type Joined =
  /** Words to append; may be empty while the joint still has to see more. */
  | { kind: 'more'; text: string }
  /** The model did not go on but began anew: drop what is shown and begin with `text`. */
  | { kind: 'restart'; text: string };

/** Sees the output of a model from its first character on and settles after a few words how it joins. */
export interface Joint {
  push(text: string): Joined;
  /** The model said all it wanted; what was still held. */
  end(): Joined;
}

const pass = (text: string): Joined => ({ kind: 'more', text });

/** For one that says just what follows. */
export const openJoint: Joint = { push: pass, end: () => pass('') };

/** Nothing is shown yet: everything is new, but a reply does not begin with blanks, and one of nothing else is none. */
export class FreshJoint implements Joint {
  #begun = false;

  push(text: string): Joined {
    const words = this.#begun ? text : text.trimStart();
    this.#begun ||= words !== '';
    return pass(words);
  }

  end(): Joined {
    return pass('');
  }
}

/**
 * For a model that is known to go on behind `shown` (it was given it without trailing white space). White space that
 * is shown already is not said twice; an exact repeat of the last 12 to 40 characters is cut; a repeat of the
 * beginning of the reply means that the model ignored what was shown. Nothing is held that cannot be a repeat.
 */
export class PrefillJoint implements Joint {
  readonly #given: string;
  /** Tails of the given text that the output may repeat, longest first. */
  readonly #tails: string[];
  readonly #beginning: string | undefined;
  /** White space that is shown behind the given text: so much of it is not said again. */
  #spaces: number;
  #held = '';
  #settled = false;

  constructor(shown: string) {
    this.#given = shown.trimEnd();
    this.#spaces = shown.length - this.#given.length;
    const { length } = this.#given;
    const sizes = Array.from({ length: OVERLAP_MAX - OVERLAP_MIN + 1 }, (_, i) => OVERLAP_MAX - i);
    this.#tails = sizes.filter((size) => size <= length).map((size) => this.#given.slice(length - size));
    this.#beginning = length > 0 ? this.#given.slice(0, RESTART_CHARS) : undefined;
  }

  push(text: string): Joined {
    if (this.#settled) return pass(this.#afterSpaces(text));
    this.#held += text;
    return this.#mayBeRepeat() ? pass('') : this.#settle();
  }

  end(): Joined {
    return this.#settled ? pass('') : this.#settle();
  }

  #mayBeRepeat(): boolean {
    const output = this.#held.trimStart();
    const repeats = this.#beginning === undefined ? this.#tails : [this.#beginning, ...this.#tails];
    return (
      output === '' || repeats.some((repeat) => repeat.length > output.length && repeat.startsWith(output))
    );
  }

  #settle(): Joined {
    this.#settled = true;
    const output = this.#held.trimStart();
    const tail = this.#tails.find((repeat) => output.startsWith(repeat));
    if (tail !== undefined) return pass(this.#afterSpaces(output.slice(tail.length)));
    const anew = this.#beginning !== undefined && output.startsWith(this.#beginning);
    if (!anew) return pass(this.#afterSpaces(this.#held));
    this.#spaces = 0;
    return { kind: 'restart', text: output };
  }

  #afterSpaces(text: string): string {
    const leading = text.length - text.trimStart().length;
    const dropped = Math.min(leading, this.#spaces);
    this.#spaces = leading < text.length ? 0 : this.#spaces - dropped;
    return text.slice(dropped);
  }
}

/** How much of the shown text a model has to say again to prove that it goes on where it was told to. */
const PROOF_CHARS = 48;

/**
 * For a model of which it is not known whether it goes on: it is given less than what is shown, and has to repeat the
 * rest exactly. Anything else is a restart: the caller drops the output and asks again from the beginning.
 */
export class ProofJoint implements Joint {
  /** What the model is given; undefined when too little is shown to prove anything. */
  readonly given: string | undefined;
  readonly #expected: string = '';
  #held = '';
  #proven = false;

  constructor(shown: string) {
    const half = Math.floor(shown.length / 2);
    const cut = shown.slice(0, Math.max(half, shown.length - PROOF_CHARS)).trimEnd();
    const given = cut.isWellFormed() ? cut : cut.slice(0, -1);
    const expected = shown.slice(given.length);
    // blanks prove nothing
    if (given === '' || expected.trim().length < OVERLAP_MIN) return;
    this.given = given;
    this.#expected = expected;
  }

  push(text: string): Joined {
    if (this.#proven) return pass(text);
    this.#held += text;
    const output = this.#output();
    if (output.length < this.#expected.length) {
      return this.#expected.startsWith(output) ? pass('') : { kind: 'restart', text: '' };
    }
    if (!output.startsWith(this.#expected)) return { kind: 'restart', text: '' };
    this.#proven = true;
    return pass(output.slice(this.#expected.length));
  }

  end(): Joined {
    return this.#proven ? pass('') : { kind: 'restart', text: '' };
  }

  /** The output with the white space between the given text and the rest as it is shown. */
  #output(): string {
    const space = this.#expected.slice(0, this.#expected.length - this.#expected.trimStart().length);
    const output = this.#held.trimStart();
    return output === '' ? '' : space + output;
  }
}
