import { expect, test } from 'vitest';
import { RefusalLog } from '../../../src/access/reason.ts';

function bench() {
  let time = 0;
  const lines: string[] = [];
  const log = {
    info: (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`),
  };
  return { refusals: new RefusalLog(log, () => time), lines, pass: (ms: number) => void (time += ms) };
}

test('a refusal is a line of the log', () => {
  const { refusals, lines } = bench();

  refusals.report('expired');

  expect(lines).toEqual(['somebody was not let in {"reason":"expired"}']);
});

test('a flood is ten lines a minute, and how many there were besides', () => {
  const { refusals, lines, pass } = bench();

  for (let count = 0; count < 10_000; count++) refusals.report('unknown');
  expect(lines).toHaveLength(10);
  pass(60_000);
  refusals.report('unknown');

  expect(lines.slice(10)).toEqual([
    'more were not let in than the log says {"reason":"unknown","unlogged":9990}',
    'somebody was not let in {"reason":"unknown"}',
  ]);
});

test('a flood of one reason hides no other', () => {
  const { refusals, lines } = bench();

  for (let count = 0; count < 100; count++) refusals.report('unknown');
  refusals.report('a wrong signature');

  expect(lines.at(-1)).toContain('a wrong signature');
});

test('where there were few, none are counted besides', () => {
  const { refusals, lines, pass } = bench();

  refusals.report('unknown');
  pass(60_000);
  refusals.report('unknown');

  expect(lines).toHaveLength(2);
});
