import { expect, it } from 'vitest';
import { PriorityState, StateId } from '../../../src/contract/progress.ts';
import { ownDirectory, readExemplars } from '../../../src/retrieval/exemplars.ts';
import { tripOf } from '../../../src/safety/guard.ts';
import { screen } from '../../../src/safety/screen.ts';
import { sentencesIn, techniques } from '../../../src/therapy/process/acts.ts';
import { createShaper } from '../../../src/therapy/shape.ts';

const LEAST = 300;
const LEAST_OF_A_STATE = 6;
const RISK: readonly string[] = ['SELFHARM', 'CRISIS'];
const states: readonly string[] = [...StateId.options, ...PriorityState.options];
/** With the one of a turn at rest. */
const names: ReadonlySet<string> = new Set([...Object.values(techniques), 'safety_protocol']);
/** What a guide calls itself never, and what it never names or promises. */
const FORBIDDEN =
  /\b(?:therap\w*|counsel\w*|psycholog\w*|psychiat\w*|doctor|diagnos\w*|disorder|ptsd|adhd|medicat\w*|pills?|guarantee\w*|promise|hypno\w*|mindful\w*|cbt)\b|[«»“”"*#:;]|\p{Extended_Pictographic}/iu;

const { list, refused } = await readExemplars([ownDirectory]);

function shaped(text: string, technique: string): string {
  const sentences = sentencesIn(technique, '');
  const shaper = createShaper({ sentences, said: [], answered: [], line: 'Go on.' }, '');
  return `${shaper.push(text)}${shaper.end()}`.trim();
}

it('every file can be read', () => {
  expect(refused).toEqual([]);
});

it(`there are at least ${LEAST}`, () => {
  expect(list.length).toBeGreaterThanOrEqual(LEAST);
});

it.each(states)(`${LEAST_OF_A_STATE} or more for %s`, (state) => {
  expect(list.filter(({ state_id }) => state_id === state).length).toBeGreaterThanOrEqual(LEAST_OF_A_STATE);
});

it.each(['client_example', 'guide_line', 'id'] as const)('no %s twice', (field) => {
  const seen = list.map((exemplar) => exemplar[field].toLowerCase());
  expect(seen.filter((text, index) => seen.indexOf(text) !== index)).toEqual([]);
});

/** Ids of those for which it does not hold. */
const except = (holds: (exemplar: (typeof list)[number]) => boolean): string[] =>
  list.filter((exemplar) => !holds(exemplar)).map(({ id }) => id);

it('each has a technique of the guide', () => {
  expect(except(({ technique }) => names.has(technique))).toEqual([]);
});

it('no guide says what a guide must not say', () => {
  expect(except(({ guide_line: text }) => !FORBIDDEN.test(text) && tripOf(text) === undefined)).toEqual([]);
});

it('a guide asks at most one question, last', () => {
  expect(except(({ guide_line: text }) => !text.slice(0, -1).includes('?'))).toEqual([]);
});

it('a guide is as short as a reply', () => {
  const isShort = ({ guide_line: text, technique }: (typeof list)[number]) =>
    text.split(/[.?!]+(?:\s|$)/).filter(Boolean).length <= sentencesIn(technique, '');
  expect(except(isShort)).toEqual([]);
});

it('every line goes through the shaping of a reply unchanged', () => {
  const isUnchanged = ({ state_id: state, guide_line: text, technique }: (typeof list)[number]) =>
    RISK.includes(state) || shaped(text, technique) === text;
  expect(except(isUnchanged)).toEqual([]);
});

it('only the states of a risk are about a risk', () => {
  const isCalm = ({ state_id: state, client_example: text }: (typeof list)[number]) =>
    RISK.includes(state) || screen({ text, recent: [], mode: 'normal' }).level === 'none';
  expect(except(isCalm)).toEqual([]);
});
