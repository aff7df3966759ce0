// What an input says apart from risk: a whole short answer, a question about what it talks with, an age, a wish to go on. Read by the
// engine of the languages, English among them.
import content from './content/heard.en.json' with { type: 'json' };
import made from './content/index.json' with { type: 'json' };
import { detector } from './rules.ts';
import { FrameLines } from './tongue-frames.ts';
import type { FrameRows, Tongue } from './tongue-frames.ts';
import { indexOf } from './tongue-index.ts';
import { findTongues } from './tongue-match.ts';
import type { TongueHit } from './tongue-match.ts';
import { opened, packed } from './tongue-packed.ts';
import type { PackedIndex } from './tongue-packed.ts';
import { endsAt, phrasesOf } from './tongue-phrases.ts';
import { undisguised } from './tongue-spelling.ts';
import { END, tokensOf, visible } from './tongue-words.ts';
import type { Token } from './tongue-words.ts';
import { tongueContents } from './tongues-content.ts';

/** Longer inputs are no short answers. Tokens. */
const ANSWER_MAX = 16;
/** What stands later is not looked at. UTF-16 units. */
const HEARD_MAX = 2_000;
const MINOR_AGES = { from: 6, to: 17 } as const;
/** A turning eighteen lies ahead. */
const NEXT_AGE = 18;

const goOn: Readonly<Record<string, readonly string[]>> = content.go_on;

interface Heard {
  row: readonly Token[];
  hits: readonly TongueHit<Tongue>[];
}

function tongueOf(code: string, writing: string, negators: readonly string[]): Tongue {
  const signs = writing === 'signs';
  return { code, signs, negators: phrasesOf(negators, signs) };
}

const rows: readonly FrameRows<Tongue>[] = [
  {
    tongue: tongueOf('en', 'words', content.negators),
    classes: content.classes,
    rules: [
      { id: 'yes', say: content.answers.yes },
      { id: 'no', say: content.answers.no },
      { id: 'polite', say: content.polite },
      { id: 'no:more', say: content.after_no },
      { id: 'human', say: content.human },
      { id: 'human:not', say: content.human_not },
      { id: 'minor', say: content.minor },
      { id: 'minor:not', say: content.minor_not },
      { id: 'go_on', say: goOn['en'] ?? [] },
    ],
  },
  ...tongueContents.map((tongue): FrameRows<Tongue> => ({
    tongue: tongueOf(tongue.language, tongue.writing, tongue.negators),
    classes: tongue.classes,
    rules: [
      { id: 'yes', say: tongue.answers.yes },
      { id: 'no', say: tongue.answers.no },
      { id: 'human', say: tongue.human },
      { id: 'minor', say: tongue.minor },
      { id: 'go_on', say: goOn[tongue.language] ?? [] },
    ],
  })),
];
const lines = new FrameLines(rows);
/** Opened, or made again when something has changed since `npm run index`. */
const frames = made.heard.of === detector.hash ? opened(made.heard.index, lines) : indexOf(lines.all());

/** What `npm run index` keeps. @throws naming the frame that cannot be read. */
export const packHeard = (): PackedIndex => packed(lines);

/** A comma ends a sentence here: "I'm 13, my mom ..." says an age, "I'm 13 weeks ..." none. */
function withEnds(row: readonly Token[]): Token[] {
  return row.flatMap((token, at) =>
    token.pause && at > 0 && row[at - 1]?.text !== END
      ? [{ ...token, text: END, accented: END, pause: false }, token]
      : [token],
  );
}

function hear(text: string): Heard {
  const row = withEnds(undisguised(tokensOf(visible(text, HEARD_MAX)), frames));
  return { row, hits: findTongues(row, frames) };
}

function byRule({ hits }: Heard, rule: string): readonly TongueHit<Tongue>[] {
  return hits.filter((hit) => hit.rule === rule);
}

/** The hits of a rule that nothing denies and no exception overlaps. */
function standing(heard: Heard, rule: string): readonly TongueHit<Tongue>[] {
  const exceptions = byRule(heard, `${rule}:not`);
  return byRule(heard, rule).filter(
    ({ tongue, start, end }) =>
      !endsAt(tongue.negators, heard.row, start) &&
      !exceptions.some((other) => other.tongue === tongue && other.start < end && other.end > start),
  );
}

/** Whether answers of one kind and polite words are all there is, in one language. */
function isWhole({ row, hits }: Heard, code: string, kind: 'yes' | 'no'): boolean {
  const pieces = hits.filter(
    ({ rule, tongue }) =>
      (rule === kind && tongue.code === code) || rule === 'polite' || rule === `${kind}:more`,
  );
  const isAnswer = pieces.some(({ rule }) => rule === kind);
  const reached = new Set([0]);
  for (let at = 0; at < row.length; at += 1) {
    if (!reached.has(at)) continue;
    if (row[at]?.text === END) reached.add(at + 1);
    for (const piece of pieces) if (piece.start === at) reached.add(piece.end).add(piece.shortest);
  }
  return isAnswer && reached.has(row.length);
}

function answerIn(heard: Heard, code: string): 'yes' | 'no' | 'both' | undefined {
  const yes = isWhole(heard, code, 'yes');
  const no = isWhole(heard, code, 'no');
  if (yes && no) return 'both';
  if (yes) return 'yes';
  return no ? 'no' : undefined;
}

/**
 * A whole short answer to a direct question, in any covered language. A word may be a yes in one language and a no in another: with
 * `language`, that of the talk, its own reading counts, else the English one, else only what no language contradicts.
 */
export function answerOf(text: string, language?: string): 'yes' | 'no' | undefined {
  const heard = hear(text);
  if (heard.row.length > ANSWER_MAX) return undefined;
  const codes = [...(language === undefined ? [] : [language]), 'en'];
  for (const code of codes) {
    const answer = answerIn(heard, code);
    if (answer !== undefined) return answer === 'both' ? undefined : answer;
  }
  const all = new Set(rows.map(({ tongue }) => answerIn(heard, tongue.code)));
  all.delete(undefined);
  const [answer] = all;
  return all.size === 1 && answer !== 'both' ? answer : undefined;
}

/** Whether it is asked what the person talks with: a human, a machine, a therapist. [US-30] */
export function asksWhetherHuman(text: string): boolean {
  return standing(hear(text), 'human').length > 0;
}

const signNumbers = '一二三四五六七八九';

/** The number some tokens hold, if any: digits, or signs up to ninety-nine. */
function numberIn(tokens: readonly Token[]): number | undefined {
  const digits = tokens.find(({ text }) => /^\d+$/.test(text));
  if (digits) return Number(digits.text);
  const signs = /([一二三四五六七八九])?(十)?([一二三四五六七八九])?/.exec(
    tokens
      .map(({ text }) => text)
      .filter((text) => text === '十' || signNumbers.includes(text))
      .join(''),
  );
  if (!signs?.[0]) return undefined;
  const [, first = '', ten = '', last = ''] = signs;
  const value = (sign: string): number => signNumbers.indexOf(sign) + 1;
  return ten ? 10 * (first ? value(first) : 1) + (last ? value(last) : 0) : value(first);
}

/** Whether the person says to be under eighteen. [US-32] */
export function saysMinor(text: string): boolean {
  const heard = hear(text);
  return standing(heard, 'minor').some(({ start, end }) => {
    const age = numberIn(heard.row.slice(start, end));
    return age === undefined || (age >= MINOR_AGES.from && age <= MINOR_AGES.to) || age === NEXT_AGE;
  });
}

/** Whether the person wants to go on with the guided process. */
export function wantsToGoOn(text: string): boolean {
  return standing(hear(text), 'go_on').length > 0;
}
