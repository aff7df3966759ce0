// node test/safety/measure.ts [-v] [code...]: what the screening makes of the development sets, by language.
import { readFileSync, readdirSync } from 'node:fs';
import { screenWith, stages } from '../../src/safety/screen.ts';
import type { ScreenInput, Screening } from '../../src/safety/screen.ts';
import { readFrames } from '../../src/safety/tongue-frames.ts';
import { phrasesOf } from '../../src/safety/tongue-phrases.ts';
import { createTongues, tongueFindings } from '../../src/safety/tongues.ts';
import type { TongueContent } from '../../src/safety/tongues.ts';
import { scoreOf, scoreOfTalks } from './score.ts';
import type { LineSet, Share, Talk } from './score.ts';

const sets = new URL('sets/', import.meta.url);
const languages = new URL('../../src/safety/content/languages/', import.meta.url);

const LINES = /^[a-z]{2}(?:-Latn)?\.json$/;
const TALKS = /-turns\.json$/;

function filesOf(folder: URL, names: RegExp): URL[] {
  return readdirSync(folder)
    .filter((name) => names.test(name))
    .sort()
    .map((name) => new URL(name, folder));
}

function nameOf(file: URL): string {
  return decodeURIComponent(file.pathname.split('/').at(-1) ?? '');
}

/** The files that can be read; of the others it says why not. */
function readable<Content>(folder: URL, names: RegExp, check: (content: Content) => void): Content[] {
  return filesOf(folder, names).flatMap((file) => {
    try {
      const content: Content = JSON.parse(readFileSync(file, 'utf8'));
      check(content);
      return [content];
    } catch (error) {
      console.error(`CANNOT READ ${nameOf(file)}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = 1;
      return [];
    }
  });
}

function percent({ count, of, low, high }: Share): string {
  const part = (value: number): string => (100 * value).toFixed(0).padStart(3);
  return `${String(count).padStart(4)}/${String(of).padEnd(4)} ${part(count / Math.max(1, of))} % [${part(low)}-${part(high)}]`;
}

const args = process.argv.slice(2);
const codes = args.filter((arg) => !arg.startsWith('-'));
const verbose = args.includes('-v') || codes.length > 0;

const fields = [
  'language',
  'version',
  'name',
  'writing',
  'marks',
  'negators',
  'others',
  'selves',
  'classes',
  'rules',
  'idioms',
  'answers',
  'human',
  'minor',
];

const contents = readable<TongueContent>(languages, LINES, (content) => {
  const missing = fields.filter((field) => !(field in content));
  if (missing.length > 0) throw new Error(`these fields are missing: ${missing.join(', ')}`);
  createTongues([content]);
  const { language, writing, negators, classes, answers, human, minor } = content;
  const signs = writing === 'signs';
  const rules = Object.entries({ 'answers.yes': answers.yes, 'answers.no': answers.no, human, minor });
  readFrames([
    {
      tongue: { code: language, signs, negators: phrasesOf(negators, signs) },
      classes,
      rules: rules.map(([id, say]) => ({ id, say })),
    },
  ]);
});
const tongues = createTongues(contents);
const screen = (input: ScreenInput): Screening =>
  screenWith({ ...stages, otherTongues: (inputs) => tongueFindings(tongues, inputs) }, input);

console.log('language  found                     right level               false alarms');
for (const set of readable<LineSet>(sets, LINES, ({ risk, calm }) => [...risk, ...calm])) {
  if (codes.length > 0 && !codes.includes(set.language)) continue;
  const score = scoreOf(set, screen);
  console.log(
    `${set.language.padEnd(8)} ${percent(score.recall)}  ${percent(score.exact)}  ${percent(score.falseAlarms)}`,
  );
  if (!verbose) continue;
  for (const [level, found] of score.byLevel) console.log(`  ${level.padEnd(14)}${percent(found)}`);
  for (const line of score.missed) console.log(`  MISSED  ${line}`);
  for (const line of score.wrong) console.log(`  LEVEL   ${line}`);
  for (const line of score.alarms) console.log(`  ALARM   ${line}`);
}
for (const { talks } of readable<{ talks: Talk[] }>(sets, TALKS, ({ talks }) => [...talks])) {
  if (codes.length > 0 && !codes.includes('en')) continue;
  const { right, wrong } = scoreOfTalks(talks, screen);
  console.log(`talks    ${percent(right)}`);
  if (verbose) for (const line of wrong) console.log(`  TALK    ${line}`);
}
