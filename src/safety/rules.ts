// The rules as the matcher wants them: read once from content/, checked, and named by a hash.
import type { SafetyLevel } from '../contract/types.ts';
import heard from './content/heard.en.json' with { type: 'json' };
import marks from './content/language-marks.json' with { type: 'json' };
import active from './content/english/active.json' with { type: 'json' };
import calm from './content/english/calm.json' with { type: 'json' };
import harm from './content/english/harm.json' with { type: 'json' };
import medical from './content/english/medical.json' with { type: 'json' };
import passive from './content/english/passive.json' with { type: 'json' };
import plan from './content/english/plan.json' with { type: 'json' };
import content from './content/english/words.json' with { type: 'json' };
import { readFrames } from './frames.ts';
import { hashOf } from './hash.ts';
import { levelOf } from './levels.ts';
import { brokenTongues, writtenHash } from './tongues-content.ts';
import { undouble } from './words.ts';
import type { Speech } from './words.ts';

export interface Rule {
  id: string;
  level: SafetyLevel;
  /** Whose act it is: `self` counts only when the person speaks of himself or herself; `any` whoever it befalls. */
  who: 'self' | 'any';
  /** Counts only when distress was said before. */
  needsDistress: boolean;
  /** For these a word of sorrow in the same inputs is enough. [US-04] */
  sorrowIsEnough: boolean;
  /** Counts only when the signs around it weigh enough together. */
  needsSigns: boolean;
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

const anybody: ReadonlySet<SafetyLevel> = new Set<SafetyLevel>(['abuse', 'acute', 'medical']);

function ruleOf(row: RuleRow): Rule {
  const level = levelOf(row.into ?? row.level);
  return {
    id: row.id,
    level,
    who: row.who === 'any' || anybody.has(level) ? 'any' : 'self',
    needsDistress: row.needs === 'distress' || row.needs === 'sorrow',
    sorrowIsEnough: row.needs === 'sorrow',
    needsSigns: row.needs === 'signs',
    byPerson: row.doer === 'person',
    ...(row.far !== undefined && { far: levelOf(row.far) }),
    ...(row.near !== undefined && { near: levelOf(row.near) }),
  };
}

/** Rules by what they are about; each file may name classes of words of its own. */
const files: readonly { rules: readonly RuleRow[]; classes: Readonly<Record<string, readonly string[]>> }[] =
  [active, plan, passive, medical, harm, calm];
/**
 * Things that are harmless one by one and a plan together: "the pills are on my bed", "mum goes out at eight", "then it is over". Each
 * has a weight; what speaks of everyday matters weighs against them. A rule that needs signs begins at any of them.
 */
const signSay = plan.signs.filter(({ weight }) => weight > 0).flatMap(({ say }) => say);
const rows = files
  .flatMap((file) => file.rules)
  .map((row) => (row.needs === 'signs' ? { ...row, say: signSay } : row));
const classes = Object.fromEntries([content, ...files].flatMap((file) => Object.entries(file.classes)));

export const negators: ReadonlySet<string> = new Set(content.negators);
const lexicon = { classes, negators };
const once = (id: string, say: readonly string[]) => readFrames([{ id, say }], lexicon);

export const rules: ReadonlyMap<string, Rule> = new Map(rows.map((row) => [row.id, ruleOf(row)]));
export const frames = readFrames(rows, lexicon);
export const idioms = once('idiom', calm.idioms);
/** What tells of a loss or of despair without being a risk by itself. */
export const sorrow = once('sorrow', content.sorrow);
/** Things to die by. */
export const means: ReadonlySet<string> = new Set([
  ...plan.classes.pl_pill,
  ...plan.classes.pl_cord,
  ...plan.classes.pl_gun,
  ...plan.classes.pl_blade,
  ...plan.classes.pl_poison,
]);

export interface Sign {
  /** Of several signs of one kind the heaviest counts. */
  kind: string;
  weight: number;
}

export const signs = readFrames(plan.signs, lexicon);
export const signsById: ReadonlyMap<string, Sign> = new Map(
  plan.signs.map(({ id, weight }) => [id, { kind: id.split('.')[0] ?? id, weight }]),
);
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
export const fiction: ReadonlySet<string> = new Set(calm.fiction);
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
export const contexts = calm.contexts.map((context) => ({
  drops: new Set(context.drops),
  any: new Set(context.any),
  with: context.with ? new Set(context.with) : undefined,
}));

const known = new Set([
  ...frames.words,
  ...idioms.words,
  ...when.words,
  ...sorrow.words,
  ...signs.words,
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

/** Which rules decide, in every language: for the audit and the readiness answer. The hash covers all of them. [US-10] */
export const detector: { readonly version: string; readonly hash: string } = {
  version: content.version,
  hash: hashOf(JSON.stringify([content, files, heard, marks, writtenHash, brokenTongues])),
};
