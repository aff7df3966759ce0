import { expect, test } from 'vitest';
import { commandOf, wordsOf } from '../../../client/terminal/commands.ts';
import { helpBlock, helpReminder, pullText, statusText } from '../../../client/terminal/format.ts';
import type { Situation } from '../../../client/terminal/format.ts';
import { placeAfter, plain, plainLine, shortened, widthOf, wrapped } from '../../../client/terminal/plain.ts';

test.each([
  ['calm\nand quiet\ttoday', 'calm\nand quiet\ttoday'],
  ['\u001b[2Jgone', '␛[2Jgone'],
  ['\u001b]0;title\u0007', '␛]0;title␇'],
  ['a\u009b31mb', 'a\ufffd31mb'],
  ['a\u007fb\u0000c\u0008d', 'a␡b␀c␈d'],
  ['a\r\nb', 'a\nb'],
  ['over\rwritten', 'over␍written'],
  ['👩‍👩‍👧 é שלום', '👩‍👩‍👧 é שלום'],
])('%j cannot command the terminal', (text, expected) => {
  expect(plain(text)).toBe(expected);
});

test('every beginning of a text is made into the beginning of what the whole is made into', () => {
  const text = 'a\r\nb\rc\u001b[1m\u009bd\ne\r';

  const parts = Array.from(text, (_, i) => plain(text.slice(0, i + 1)));

  expect(parts.filter((part) => !plain(`${text}\n`).startsWith(part))).toEqual([]);
});

test('a name stays on its line', () => {
  expect(plainLine('An\nna\u001b[1m')).toBe('An na␛[1m');
});

test.each([
  ['calm', 4],
  ['', 0],
  ['日本', 4],
  ['é', 1],
  ['e\u0301', 1],
  ['👍🏽', 2],
  ['👩‍👩‍👧', 2],
  ['שלום', 4],
])('%j takes its columns', (text, columns) => {
  expect(widthOf(text)).toBe(columns);
});

test.each([
  ['abc', { row: 0, column: 3 }],
  ['abcde', { row: 0, column: 5 }],
  ['abcdef', { row: 1, column: 1 }],
  ['abcd日', { row: 1, column: 2 }],
  ['ab\nc', { row: 1, column: 1 }],
])('after %j the cursor of five columns is at %j', (text, place) => {
  expect(placeAfter(text, 5)).toEqual(place);
});

test.each([
  ['abcdef', 6, 'abcdef'],
  ['abcdefg', 6, 'abcde…'],
  ['日本語です', 6, '日本…'],
])('%j in %i columns', (text, columns, expected) => {
  expect(shortened(text, columns)).toBe(expected);
});

test('lines break between words', () => {
  expect(wrapped('one two three\nfour incomprehensible', 9)).toEqual([
    'one two',
    'three',
    'four',
    'incomprehensible',
  ]);
});

const resource = {
  name: 'Night line',
  phone: '116 123',
  sms: '741741',
  url: 'https://help.example.org/a-rather-long-address-that-is-never-broken-by-a-frame',
  hours: '24/7',
  country: 'XX',
  language: 'en',
};

test('help stands in a frame, with every way to reach it whole', () => {
  const block = helpBlock({ level: 'active', text: 'You matter.', resources: [resource] }, 40);

  expect(block[0]).toMatch(/^┌─/);
  expect(block.at(-1)).toMatch(/^└─.*\/resources/);
  for (const part of ['You matter.', 'call 116 123', 'text 741741', resource.url, '24/7'])
    expect(block.some((line) => line.startsWith('│ ') && line.includes(part))).toBe(true);
});

test('help cannot command the terminal', () => {
  const sly = { ...resource, name: 'Night\u001b[8m line', phone: '1\u001b]2;x\u0007' };

  const lines = [
    ...helpBlock({ level: 'active', text: '\u001bc', resources: [sly] }, 40),
    helpReminder({ level: 'active', text: null, resources: [sly] }),
  ];

  expect(lines.join('')).not.toMatch(/\p{Cc}/u);
});

test('a reminder of help has its numbers', () => {
  expect(helpReminder({ level: 'active', text: null, resources: [resource] })).toBe(
    'Night line: call 116 123, text 741741 · all of it: /resources',
  );
});

test.each([
  [{ completed: 0, total: 4000 }, 'Fetching m ░░░░░░░░░░░░░░░░░░░░ 0 %', 'Fetching m: 0 %'],
  [{ completed: 1999, total: 4000 }, 'Fetching m ██████████░░░░░░░░░░ 49 %', 'Fetching m: 40 %'],
  [
    { completed: 5e9, total: 5e9 },
    'Fetching m ████████████████████ 100 %, 5.0 of 5.0 GB',
    'Fetching m: 100 %',
  ],
  [{ completed: 9, total: 5 }, 'Fetching m ████████████████████ 100 %', 'Fetching m: 100 %'],
  [{}, 'Fetching m…', 'Fetching m…'],
  [{ completed: 0, total: 0 }, 'Fetching m…', 'Fetching m…'],
])('a pull of %j', (progress, fine, coarse) => {
  const model = { name: 'm', phase: 'pulling' as const, ...progress };

  expect([pullText(model), pullText(model, true)]).toEqual([fine, coarse]);
});

const quiet: Situation = {
  connection: { phase: 'online', via: 'socket', attempt: 1 },
  model: null,
  session: null,
  url: 'http://x',
};

test('there is nothing to say of a connection that holds', () => {
  expect(statusText(quiet)).toBeNull();
});

test('trouble with the connection goes before all else', () => {
  const connection = { phase: 'waiting' as const, attempt: 2, delayMs: 10, reason: 'unreachable' as const };

  const text = statusText({ ...quiet, connection, model: { name: 'm', phase: 'pulling' } });

  expect(text).toBe('No server answers at http://x. Trying again…');
});

test.each([
  ['/status', '/status', ''],
  ['  /HISTORY 5 ', '/history', '5'],
  ['/export my file.json', '/export', 'my file.json'],
])('%j is a command', (line, name, argument) => {
  const asked = commandOf(line);

  expect([asked?.command?.name, asked?.argument]).toEqual([name, argument]);
});

test('what is unknown is no command and no words', () => {
  expect(commandOf('/dance')).toMatchObject({ name: '/dance', command: undefined });
});

test('two slashes are words that begin with one', () => {
  expect([commandOf('//sigh'), wordsOf('//sigh'), wordsOf('a / b')]).toEqual([null, '/sigh', 'a / b']);
});
