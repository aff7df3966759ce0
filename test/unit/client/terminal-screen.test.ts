import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Screen } from '../../../client/terminal/screen.ts';
import { Grid } from '../../support/terminal-grid.ts';

/** A screen of that many columns, and what stands on it. */
function open(columns: number) {
  const grid = new Grid(columns);
  const out = Object.assign(new PassThrough(), { columns });
  out.setEncoding('utf8').on('data', (text: string) => grid.write(text));
  const err = new PassThrough().resume();
  return { screen: new Screen({ out, err, isTTY: true, hasStyle: false }), grid };
}

test('words go on in their line above what is typed', () => {
  const { screen, grid } = open(20);

  screen.typed({ line: 'wait', cursor: 4 });
  for (const word of ['Take', ' a', ' breath']) screen.words(word);

  expect(grid.lines).toEqual(['Take a breath', '› wait']);
  expect(grid.cursor).toEqual({ row: 1, column: 6 });
});

test.each([1, 2, 3, 5, 100])('words in pieces of %i break into the same rows', (size) => {
  const text =
    'Call 988 or text 98811 now, or https://example.org/a/long/address\n\nひとりでいないでくださいね、だれかにでんわ 👍🏽 ok ok ok\nend';
  const { screen, grid } = open(20);

  screen.typed({ line: '', cursor: 0 });
  const letters = Array.from(text);
  for (let i = 0; i < letters.length; i += size) screen.words(letters.slice(i, i + size).join(''));

  expect(grid.lines).toEqual([
    'Call 988 or text',
    '98811 now, or',
    'https://example.org',
    '/a/long/address',
    '',
    'ひとりでいないでく',
    'ださいね、だれかに',
    'でんわ 👍🏽 ok ok ok',
    'end',
    '›',
  ]);
});

test('a typed line of several rows is taken away whole', () => {
  const { screen, grid } = open(10);

  screen.words('Hello');
  screen.typed({ line: 'a line of more than two rows', cursor: 3 });
  screen.words(' you');
  screen.typed({ line: '', cursor: 0 });

  expect(grid.lines).toEqual(['Hello you', '›']);
});

test('a typed line that fills its row leaves nothing behind', () => {
  const { screen, grid } = open(10);

  for (let n = 0; n <= 12; n++) screen.typed({ line: 'x'.repeat(n), cursor: n });
  screen.words('Hi');
  screen.typed({ line: '', cursor: 0 });

  expect(grid.lines).toEqual(['Hi', '›']);
});

test('the status is one line above what is typed, and goes without a trace', () => {
  const { screen, grid } = open(20);

  screen.words('Hi');
  screen.typed({ line: 'ok', cursor: 2 });
  screen.status('A status that is longer than the row');
  const shown = [...grid.lines];
  screen.status(null);

  expect(shown).toEqual(['Hi', 'A status that is l…', '› ok']);
  expect(grid.lines).toEqual(['Hi', '› ok']);
});

test('lines that come amid words stand between them', () => {
  const { screen, grid } = open(20);

  screen.typed({ line: '', cursor: 0 });
  screen.words('One');
  screen.lines(['a note']);
  screen.words('two');

  expect(grid.lines).toEqual(['One', 'a note', 'two', '›']);
});

test('without a terminal only words go to the output, and a status is said once', () => {
  const out = new PassThrough().setEncoding('utf8');
  const err = new PassThrough().setEncoding('utf8');
  const screen = new Screen({ out, err, isTTY: false, hasStyle: false });

  screen.status('Waiting…');
  screen.status(null);
  screen.status('Waiting…');
  screen.words('Hel');
  screen.words('lo\u001b[2J');
  screen.disclosure('I am an AI.');
  screen.note('a note');
  screen.gap();
  screen.close();

  expect(out.read()).toBe('Hello␛[2J\n');
  expect(err.read()).toBe('Waiting…\n*** I am an AI. ***\na note\n');
});
