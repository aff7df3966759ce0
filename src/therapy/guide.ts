// What the authored content says here. The built-in guide streams this line; a model's answer may be replaced by it.
import type { SessionProgress } from '../contract/types.ts';
import content from './content/guide.en.json' with { type: 'json' };

export interface GuideMoment {
  sessionId: string;
  /** Number of the turn, from 1. */
  n: number;
  userInput: string;
  /** The guide's last lines, up to eight; none of their sentences is said again. */
  said: readonly string[];
  progress: SessionProgress;
}

/** Kinds with lines of their own are answered by these; the others by an acknowledgement and the theme of the turn. */
type Heard = keyof typeof content.acks | 'silence' | 'thanks' | 'bye' | 'who';
type Slots = Readonly<Record<string, string | undefined>>;

const acks: Readonly<Record<string, readonly string[]>> = content.acks;
const lines: Readonly<Record<string, readonly string[]>> = content.lines;
const themes: readonly string[] = Object.keys(lines);
/** Themes that may follow anything, when all lines of the one wanted were said lately. */
const spare: readonly string[] = [
  'stay',
  'breath',
  'ease',
  'change',
  'widen',
  'picture',
  'body_where',
  'body_quality',
  'wish',
];
const LONG_WORDS = 40;
const SHORT_WORDS = 3;
/** UTF-16 units of an input, and of a line said before, that have a say: an authored line is far shorter. */
const HEARD_MAX = 2_000;

/** The words at the beginning of what was said; how much of it is looked at is bound before and after letters are taken apart. */
function wordsOf(text: string): string[] {
  return text
    .trimStart()
    .slice(0, HEARD_MAX)
    .normalize('NFKC')
    .slice(0, HEARD_MAX)
    .toLowerCase()
    .replace(/[\u2018\u2019]/g, "'")
    .split(/[^\p{L}\p{N}']+/u)
    .filter((word) => word !== '');
}

function firstOf(words: readonly string[], list: readonly string[]): string | undefined {
  return words.find((word) => list.includes(word));
}

/** A word of the list that stands behind one of `before`, or is nearly all that was said. */
function firstBehind(
  words: readonly string[],
  list: readonly string[],
  before: readonly string[],
): string | undefined {
  return words.find(
    (word, at) =>
      list.includes(word) && (words.length <= 2 || before.includes(words[at - 1] ?? '') || at === 0),
  );
}

function slotsOf(words: readonly string[]): Slots {
  const denied = firstOf(words, content.negations) !== undefined;
  return {
    place: firstBehind(words, content.places, content.beforePlaces),
    state: denied ? undefined : firstOf(words, content.states),
    feeling: denied ? undefined : firstBehind(words, content.feelings, content.own),
  };
}

function hasPhrase(plain: string, phrases: readonly string[]): boolean {
  return phrases.some((phrase) => plain.includes(` ${phrase} `));
}

/** What kind of thing was said. The first that fits. */
function hear(userInput: string, words: readonly string[], slots: Slots): Heard {
  const plain = ` ${words.join(' ')} `;
  const brief = words.length <= SHORT_WORDS;
  const wished = words.some((word) => content.wishes.includes(word)) && slots['state'] !== undefined;
  const cases: readonly (readonly [Heard, boolean])[] = [
    ['silence', words.length === 0],
    ['who', hasPhrase(plain, content.who)],
    [
      'bye',
      words.length <= 8 &&
        (firstOf(words, content.bye) !== undefined || hasPhrase(plain, content.byePhrases)),
    ],
    ['unsure', words.length <= 10 && hasPhrase(plain, content.unsure)],
    ['thanks', words.length <= 8 && firstOf(words, content.thanks) !== undefined],
    ['long', words.length > LONG_WORDS],
    ['wish', wished],
    ['place', slots['place'] !== undefined],
    ['sensation', firstOf(words, content.sensations) !== undefined],
    ['feeling', slots['feeling'] !== undefined],
    ['no', brief && firstOf(words, content.no) !== undefined],
    ['yes', brief && firstOf(words, content.yes) !== undefined],
    ['question', userInput.trimEnd().endsWith('?')],
  ];
  return cases.find(([, fits]) => fits)?.[0] ?? 'plain';
}

/** The theme that comes next: the path once, then rounds; what was answered already is not asked for. */
function themeFor(n: number, heard: Heard): string {
  const { path, round, instead, alone } = content;
  if (alone.includes(heard)) return heard;
  const theme = path[n - 1] ?? round[(n - path.length - 1) % round.length] ?? 'stay';
  return instead.find((change) => change.heard.includes(heard) && change.theme.includes(theme))?.to ?? theme;
}

/** FNV-1a with a final mix, so that neighbouring turns choose differently. */
function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function fill(line: string, slots: Slots): string | undefined {
  let whole = true;
  const text = line.replace(/\{(\w+)\}/g, (slot, name: string) => {
    const value = slots[name];
    if (value === undefined) whole = false;
    return value ?? slot;
  });
  return whole ? text : undefined;
}

function sentencesOf(line: string): string[] {
  return (
    line
      .slice(0, HEARD_MAX)
      .toLowerCase()
      .match(/[^.?!]+[.?!]*/g)
      ?.map((sentence) => sentence.trim()) ?? []
  );
}

function rotate<T>(list: readonly T[], by: number): T[] {
  const at = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}

function fresh(
  list: readonly string[],
  seed: number,
  slots: Slots,
  spoken: ReadonlySet<string>,
): string | undefined {
  return rotate(list, seed)
    .map((line) => fill(line, slots))
    .find((line) => line !== undefined && !sentencesOf(line).some((sentence) => spoken.has(sentence)));
}

/**
 * The guide's line for a turn: one to three sentences, at most one question, the same for the same session, turn and talk, and no
 * sentence of the lines in `said`.
 */
export function guideLine({ sessionId, n, userInput, said }: GuideMoment): string {
  const words = wordsOf(userInput);
  const slots = slotsOf(words);
  const heard = hear(userInput, words, slots);
  const theme = themeFor(n, heard);
  const seed = seedOf(`${sessionId}\n${n}`);
  const spoken = new Set(said.flatMap(sentencesOf));
  const line =
    [theme, ...spare, ...themes].map((name) => fresh(lines[name] ?? [], seed, slots, spoken)).find(Boolean) ??
    '';
  const ack =
    theme === heard || theme === 'arrive' ? undefined : fresh(acks[heard] ?? [], seed >>> 3, slots, spoken);
  return ack === undefined || sentencesOf(line).length > 2 ? line : `${ack} ${line}`;
}
