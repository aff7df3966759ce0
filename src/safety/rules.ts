// The rules as the matcher wants them: read once from content/, checked, and named by a hash.
import type { SafetyLevel } from '../contract/types.ts';
import content from './content/rules.en.json' with { type: 'json' };
import { readFrames } from './frames.ts';
import { levels } from './levels.ts';
import { undouble } from './words.ts';
import type { Speech } from './words.ts';

export interface Rule {
  id: string;
  level: SafetyLevel;
  /** Whose act it is: `self` counts only when the person speaks of himself or herself; `any` whoever it befalls. */
  who: 'self' | 'any';
  /** Counts only when distress was said before. */
  needsDistress: boolean;
  /** Counts only when a person does it, not when a thing or a feeling does. */
  byPerson: boolean;
  /** The level instead when it lies long back. */
  far?: SafetyLevel;
  /** The level instead when it happened today. */
  near?: SafetyLevel;
}

interface RuleRow {
  id: string;
  level: string;
  say: readonly string[];
  who?: string;
  needs?: string;
  doer?: string;
  into?: string;
  far?: string;
  near?: string;
}

function levelOf(name: string): SafetyLevel {
  for (const level of [
    'none',
    'passive',
    'active',
    'plan',
    'past_attempt',
    'other_harm',
    'abuse',
    'acute',
    'medical',
  ] as const) {
    if (level === name && level in levels) return level;
  }
  throw new Error(`No level ${name}`);
}

const anybody: ReadonlySet<SafetyLevel> = new Set<SafetyLevel>(['abuse', 'acute', 'medical']);

function ruleOf(row: RuleRow): Rule {
  const level = levelOf(row.into ?? row.level);
  return {
    id: row.id,
    level,
    who: row.who === 'any' || anybody.has(level) ? 'any' : 'self',
    needsDistress: row.needs === 'distress',
    byPerson: row.doer === 'person',
    ...(row.far !== undefined && { far: levelOf(row.far) }),
    ...(row.near !== undefined && { near: levelOf(row.near) }),
  };
}

const rows: readonly RuleRow[] = content.rules;

export const negators: ReadonlySet<string> = new Set(content.negators);
const lexicon = { classes: content.classes, negators };
const once = (id: string, say: readonly string[]) => readFrames([{ id, say }], lexicon);

export const rules: ReadonlyMap<string, Rule> = new Map(rows.map((row) => [row.id, ruleOf(row)]));
export const frames = readFrames(rows, lexicon);
export const idioms = once('idiom', content.idioms);
export const when = readFrames(
  [
    { id: 'far', say: content.when.far },
    { id: 'months', say: content.when.months },
    { id: 'near', say: content.when.near },
    { id: 'now', say: content.when.now },
  ],
  lexicon,
);
/** Without a clock: a year up to this one lies long back. */
export const farYearMax = content.when.farYearMax;

/** Words that only carry on to the verb; whom or what they hang on says who means it and whether it is denied. */
export const bridge: ReadonlySet<string> = new Set(content.bridge);
/**
 * Somebody else. "My friend wants to kill herself" asks for help for another: none of the levels of SAFETY.md 1.2 fits it, so it has none
 * and goes on to the model as an ordinary input. A question about a method counts as the person's own, whoever it is asked for. [US-06]
 */
export const others: ReadonlySet<string> = new Set(content.others);
export const reports: ReadonlySet<string> = new Set(content.reports);
/** Before a negation: "a reason not to", "trying not to" deny nothing. */
export const meant: ReadonlySet<string> = new Set(content.meant);
export const fiction: ReadonlySet<string> = new Set(content.fiction);
/** What tells a person who strikes from a thing that does. */
export const doers = {
  persons: new Set(content.doers.persons),
  things: new Set(content.doers.things),
  endings: content.doers.endings,
  carriers: new Set(content.doers.carriers),
  clauses: new Set(content.doers.clauses),
  prepositions: new Set(content.doers.prepositions),
  gerunds: new Set(content.doers.gerunds),
  determiners: new Set(content.doers.determiners),
};
export const contexts = content.contexts.map((context) => ({
  drops: new Set(context.drops),
  any: new Set(context.any),
  with: context.with ? new Set(context.with) : undefined,
}));

const known = new Set([
  ...frames.words,
  ...idioms.words,
  ...when.words,
  ...bridge,
  ...negators,
  ...others,
  ...content.keys,
  ...content.fillers,
  'i',
  'a',
]);

export const speech: Speech = {
  fillers: new Set(content.fillers),
  spellings: new Map(Object.entries(content.spellings)),
  known,
  keys: new Set(content.keys),
  negators,
  undoubled: undouble([...known, ...content.keys]),
  longest: Math.max(...[...known].map((word) => word.length)),
};

/** FNV-1a over the UTF-16 units, twice with different seeds: a name for a content, not a seal. */
function hashOf(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x01000193;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b) ^ (b >>> 13);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Which rules decide: for the audit and the readiness answer. [US-10] */
export const detector: { readonly version: string; readonly hash: string } = {
  version: content.version,
  hash: hashOf(JSON.stringify(content)),
};
