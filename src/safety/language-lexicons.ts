// The words of the languages' lexicons: they tell of a language too, less than its small words do. By their first letters, each group
// read when it is first asked for, from rows that are kept in a file.
import { Rows } from './rows.ts';
import { scriptOf } from './scripts.ts';
import type { Script } from './scripts.ts';
import type { TongueContent } from './tongues.ts';
import { tokensOf, visible } from './tongue-words.ts';

interface LexiconWord {
  code: string;
  script: string;
  /** Fits whatever the word goes on with, unless it is whole. */
  stem: string;
  whole: boolean;
}

/** The languages that have a word in a script. */
export type Lexicons = (word: string, script: Script) => readonly string[];

/** Shorter words are those of many languages. UTF-16 units. */
const HEAD = 3;
const SEPARATOR = /[|?]+/;
/** A class, a number, an end or a gap. */
const NO_WORD = /^[@#^$.]|^$/;

const headOf = (word: string): string => word.slice(0, HEAD);

/** The words of a language's lines, each once. */
function membersOf({ classes, rules, idioms }: TongueContent): Set<string> {
  const members = new Set<string>();
  const lines = [...rules.flatMap(({ say }) => say), ...idioms];
  const elements = new Set([...Object.values(classes).flat(), ...lines].flatMap((line) => line.split(' ')));
  for (const element of elements)
    for (const member of element.split(SEPARATOR)) if (!NO_WORD.test(member)) members.add(member);
  return members;
}

/** Of what a language writes more than once the last counts. */
function wordsIn(code: string, members: Iterable<string>): LexiconWord[] {
  const words = new Map<string, LexiconWord>();
  for (const member of members) {
    const whole = !member.endsWith('*');
    const tokens = tokensOf(visible(whole ? member : member.slice(0, -1)));
    for (const { text, accented } of whole ? tokens : tokens.slice(-1)) {
      if (text.length < HEAD) continue;
      words.set(text, { code, script: scriptOf(accented) ?? '', stem: text, whole });
    }
  }
  return [...words.values()];
}

/** Rows of `head code:script word stem* …|code:script …`. */
export function packLexicons(english: Iterable<string>, contents: readonly TongueContent[]): string[] {
  const all = [
    ...wordsIn('en', english),
    ...contents
      .filter(({ writing }) => writing !== 'signs')
      .flatMap((content) => wordsIn(content.language, membersOf(content))),
  ].filter(({ script }) => script !== '');
  return [...Map.groupBy(all, ({ stem }) => headOf(stem))].map(([head, words]) => {
    const groups = Map.groupBy(words, ({ code, script }) => `${code}:${script}`);
    const texts = [...groups].map(([name, group]) => [name, ...group.map(textOf)].join(' '));
    return `${head} ${texts.join('|')}`;
  });
}

const textOf = ({ stem, whole }: LexiconWord): string => (whole ? stem : `${stem}*`);

function wordsOf(group: string): LexiconWord[] {
  const [name = '', ...texts] = group.split(' ');
  const [code = '', script = ''] = name.split(':');
  return texts.map((text) => {
    const whole = !text.endsWith('*');
    return { code, script, stem: whole ? text : text.slice(0, -1), whole };
  });
}

export function openLexicons(packed: readonly string[]): Lexicons {
  const rows = new Rows(packed, ' ', (value) => value.split('|').flatMap(wordsOf));
  return (word, script) =>
    (rows.get(headOf(word)) ?? [])
      .filter((own) => own.script === script && (own.whole ? word === own.stem : word.startsWith(own.stem)))
      .map(({ code }) => code);
}
