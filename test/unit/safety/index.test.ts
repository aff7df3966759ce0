// What a start opens in place of reading every frame must be what reading every frame would have made.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import kept from '../../../src/safety/content/index.json' with { type: 'json' };
import { makeIndex } from '../../../src/safety/make-index.ts';
import { createTongues, openTongues, packTongues, tongueFindings } from '../../../src/safety/tongues.ts';
import type { TongueContent } from '../../../src/safety/tongues.ts';
import { tongueContents } from '../../../src/safety/tongues-content.ts';

const sets = new URL('../../safety/sets/', import.meta.url);
const strings = (value: unknown): string[] => {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : [];
};
/** Every text of every development set. */
const texts = readdirSync(sets).flatMap((name) =>
  strings(JSON.parse(readFileSync(new URL(name, sets), 'utf8'))),
);

test('what is kept is up to date: npm run index', () => {
  expect(makeIndex()).toEqual(kept);
});

describe('an opened index', () => {
  const made = createTongues(tongueContents);
  const opened = openTongues(tongueContents, kept.tongues.index);

  test('finds what an index made anew finds, whatever was read before', () => {
    expect(texts.length).toBeGreaterThan(3_000);
    for (let at = 0; at + 2 < texts.length; at += 10) {
      const inputs = texts.slice(at, at + 3);
      for (const row of [inputs, inputs.slice(0, 1), inputs.slice(1, 2)])
        expect([row, tongueFindings(opened, row)]).toEqual([row, tongueFindings(made, row)]);
    }
  });
});

test('words with accents, stems, numbers, ends and rows of words come back as they were', () => {
  const language: TongueContent = {
    language: 'es',
    version: 'es-1',
    name: 'Test',
    writing: 'words',
    marks: [],
    negators: ['no'],
    others: [],
    selves: [],
    classes: { die: ['morir', 'quitarme la vi*'] },
    rules: [
      { id: 'es.one', level: 'active', say: ['ya? quiero .. @die', '# pastillas|$', 'mat*'] },
      { id: 'es.two', level: 'abuse', say: ['=él me pega', '=él =dé algo'] },
    ],
    idioms: ['morir de risa'],
    answers: { yes: [], no: [] },
    human: [],
    minor: [],
  };
  const made = createTongues([language]);
  const opened = openTongues([language], packTongues([language]));

  for (const text of [
    'quiero morir',
    'ya quiero quitarme la vida',
    'quitarme la vida',
    '20 pastillas',
    'tengo 20',
    'matarme',
    'él me pega',
    'el me pega',
    'él dé algo',
    'él de algo',
    'quiero morir de risa',
    'constructor __proto__ toString',
  ])
    expect([text, tongueFindings(opened, [text])]).toEqual([text, tongueFindings(made, [text])]);
});
