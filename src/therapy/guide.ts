// What the authored content says on a turn. The built-in guide streams this line; a model's answer may be replaced by it.
import type { Ack, Act } from './process/acts.ts';
import content from './content/guide.en.json' with { type: 'json' };
import type { Slots } from './memory.ts';

export interface GuideMoment {
  sessionId: string;
  /** Number of the turn, from 1. */
  n: number;
  act: Act;
  ack: Ack | null;
  slots: Slots;
  /** The guide's last lines, up to eight; none of their sentences is said again. */
  said: readonly string[];
}

type Fillings = Readonly<Record<string, string | null>>;

const acks: Readonly<Record<Ack, readonly string[]>> = content.acks;
const lines: Readonly<Record<Act, readonly string[]>> = content.lines;
/** UTF-16 units of a line said before that are looked at: an authored one is shorter. */
const SAID_MAX = 4_000;

/** FNV-1a with a final mix, so that neighbouring turns choose differently. */
function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** The template with its slots filled; undefined when one of them is not known. */
function fill(template: string, fillings: Fillings): string | undefined {
  let isWhole = true;
  const text = template.replace(/\{(\w+)\}/g, (slot, name: string) => {
    const value = fillings[name] ?? null;
    if (value === null) isWhole = false;
    return value ?? slot;
  });
  return isWhole ? text : undefined;
}

/** The sentences of a line as they are compared: without case, spaces made one. */
export function sentencesOf(line: string): string[] {
  const sentences = line.slice(0, SAID_MAX).match(/[^.?!]+[.?!]*/g) ?? [];
  return sentences.map((sentence) => sentence.trim().replace(/\s+/g, ' ').toLowerCase()).filter(Boolean);
}

interface Line {
  text: string;
  template: string;
}

/** The first of the templates, from the seeded place on, that is whole and has no sentence in `spoken`. */
function fresh(
  templates: readonly string[],
  seed: number,
  fillings: Fillings,
  spoken: ReadonlySet<string>,
): Line | undefined {
  for (let i = 0; i < templates.length; i += 1) {
    const template = templates[(seed + i) % templates.length] ?? '';
    const text = fill(template, fillings);
    if (text !== undefined && !sentencesOf(text).some((sentence) => spoken.has(sentence)))
      return { text, template };
  }
  return undefined;
}

/** Told back once is enough: an acknowledgement names nothing that the line names. */
function besides(templates: readonly string[], line: string): readonly string[] {
  const named = line.match(/\{(?:place|sensation|emotion|trouble)\}/g) ?? [];
  return templates.filter((template) => !named.some((slot) => template.includes(slot)));
}

/** Where the goal is named whenever it is known. */
const namesGoal: ReadonlySet<string> = new Set<Ack | Act>(['back', 'goal_changed', 'link']);

/** The templates of a kind, those that name the goal first where that matters. */
function ordered(kind: Ack | Act, templates: readonly string[], { goal }: Fillings): readonly string[] {
  if (!namesGoal.has(kind) || goal === null) return templates;
  return templates.filter((template) => template.includes('{goal}'));
}

function fillingsOf({ goal, trouble, emotion, location, sensation }: Slots, seed: number): Fillings {
  const animals = content.animals[seed % content.animals.length];
  return { goal, trouble, emotion, place: location, sensation, ...animals };
}

/**
 * The guide's line for a turn: an acknowledgement and the line of the act, the same for the same session, turn and talk. No sentence of
 * the lines in `said` is in it, and at most one question.
 */
export function guideLine({ sessionId, n, act, ack, slots, said }: GuideMoment): string {
  const seed = seedOf(`${sessionId}\n${n}`);
  const fillings = fillingsOf(slots, seed);
  const spoken = new Set(said.flatMap(sentencesOf));
  const line =
    fresh(ordered(act, lines[act], fillings), seed, fillings, spoken) ??
    fresh(content.spare, seed, fillings, spoken);
  const { text = '', template = '' } = line ?? {};
  if (ack === null) return text;
  const templates = besides(ordered(ack, acks[ack], fillings), template);
  const before = fresh(templates, seed >>> 5, fillings, spoken);
  return before === undefined ? text : `${before.text} ${text}`;
}
