import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { Help, SessionState, TurnView } from '../../../client/sdk/api.ts';
import { Screen } from '../../../client/terminal/screen.ts';
import { Transcript } from '../../../client/terminal/transcript.ts';

const nothing: SessionState = {
  id: 's',
  phase: 'following',
  info: null,
  turns: [],
  live: null,
  activity: null,
  hasEarlier: false,
  pending: [],
  remarks: [],
  help: null,
  humanTurns: new Map(),
  error: null,
};

const turn = (n: number, text: string, more: Partial<TurnView> = {}): TurnView => ({
  turn_id: `t${n}`,
  n,
  state: 'running',
  user_input: `input ${n}`,
  text,
  seq: n,
  started_at: '2026-01-01T00:00:00.000Z',
  ended_at: null,
  ...more,
});

/** A transcript without a terminal, and what it has written. */
function open() {
  const out = new PassThrough().setEncoding('utf8');
  const err = new PassThrough().setEncoding('utf8');
  const transcript = new Transcript(new Screen({ out, err, isTTY: false, hasStyle: false }));
  const read = () => ({ out: String(out.read() ?? ''), err: String(err.read() ?? '') });
  return { transcript, read };
}

test('each state adds the words that are new in it', () => {
  const { transcript, read } = open();

  transcript.said('input 1');
  for (const text of ['', 'A', 'A calm', 'A calm', 'A calm day'])
    transcript.update({ ...nothing, live: turn(1, text) });
  transcript.update({ ...nothing, turns: [turn(1, 'A calm day', { state: 'done' })] });
  transcript.update({ ...nothing, turns: [turn(1, 'A calm day', { state: 'done' })] });

  expect(read()).toEqual({ out: 'A calm day\n', err: '' });
});

test('words that were taken back and come again are shown once', () => {
  const { transcript, read } = open();

  transcript.said('input 1');
  for (const text of ['A calm', '', 'A', 'A calm', 'A calm day'])
    transcript.update({ ...nothing, live: turn(1, text) });

  expect(read()).toEqual({ out: 'A calm day', err: '' });
});

test('where other words come instead, the reply is shown anew', () => {
  const { transcript, read } = open();

  transcript.said('input 1');
  for (const text of ['A calm', '', 'Some', 'Some other'])
    transcript.update({ ...nothing, live: turn(1, text) });

  expect(read()).toEqual({ out: 'A calm\nSome other', err: 'The reply was begun again:\n' });
});

test('a reply that ends shorter than what was shown is shown anew', () => {
  const { transcript, read } = open();

  transcript.said('input 1');
  transcript.update({ ...nothing, live: turn(1, 'A calm day') });
  transcript.update({ ...nothing, turns: [turn(1, 'A calm', { state: 'done' })] });

  expect(read().out).toBe('A calm day\nA calm\n');
});

test('a turn that ended and one that began meanwhile are both shown, in order', () => {
  const { transcript, read } = open();

  transcript.said('input 1');
  transcript.update({ ...nothing, live: turn(1, 'A') });
  transcript.update({
    ...nothing,
    turns: [turn(1, 'A B', { state: 'done' }), turn(2, 'C', { state: 'done' })],
    live: turn(3, 'D'),
  });

  expect(read()).toEqual({ out: 'A B\nC\nD', err: '› input 2\n› input 3\n' });
});

test('an input of another device is shown, one of this terminal is there already', () => {
  const { transcript, read } = open();

  transcript.said('input 2');
  transcript.update({ ...nothing, turns: [turn(1, 'A', { state: 'done' })], live: turn(2, 'B') });

  expect(read().err).toBe('› input 1\n');
});

test('a disclosure is shown once, before the words of its turn', () => {
  const { transcript, read } = open();
  const remarks = [{ kind: 'disclosure' as const, n: 1, seq: 2, text: 'I am an AI.', prominence: 'high' }];

  transcript.said('input 1');
  transcript.update({ ...nothing, live: turn(1, '') });
  transcript.update({ ...nothing, remarks, live: turn(1, '') });
  const before = read();
  transcript.update({ ...nothing, remarks, live: turn(1, 'A') });

  expect(before).toEqual({ out: '', err: '*** I am an AI. ***\n' });
  expect(read()).toEqual({ out: 'A', err: '' });
});

test("a person's words are marked with the name", () => {
  const { transcript, read } = open();
  const humanTurns = new Map([['t1', 'Anna\u001b[1m']]);
  const remarks = [{ kind: 'human' as const, n: 2, seq: 9, text: 'Still here.', name: 'Anna' }];

  transcript.said('input 1');
  const done = turn(1, 'Hello, I am Anna.', { state: 'done' });
  transcript.update({ ...nothing, humanTurns, turns: [done] });
  transcript.update({ ...nothing, humanTurns, turns: [done], remarks });

  expect(read()).toEqual({
    out: 'Hello, I am Anna.\nStill here.\n',
    err: 'Anna␛[1m (a person):\nAnna (a person):\n',
  });
});

const help = (phone: string): Help => ({
  level: 'active',
  text: null,
  resources: [{ name: 'Line', phone, hours: '24/7', country: 'XX', language: 'en' }],
});

test('help is shown whole when it is new, and by its numbers when it comes again', () => {
  const { transcript, read } = open();

  transcript.update({ ...nothing, help: help('1') });
  const first = read().err;
  transcript.update({ ...nothing, help: help('1') });
  const again = read().err;
  transcript.update({ ...nothing, help: help('2') });
  const other = read().err;

  expect(first).toContain('call 1');
  expect(first).toMatch(/^┌/);
  expect(again).toBe('Line: call 1 · all of it: /resources\n');
  expect(other).toMatch(/^┌/);
});

test('help is not said again while it stays the same', () => {
  const { transcript, read } = open();
  const state = { ...nothing, help: help('1') };

  transcript.update(state);
  read();
  transcript.update({ ...state, live: turn(1, 'A') });

  expect(read().err).toBe('› input 1\n');
});

test.each([
  ['cancelled' as const, '(stopped; /retry asks again)\n'],
  ['failed' as const, '(the reply failed: no reason is known; /retry asks again)\n'],
])('a turn that is %s says so', (state, told) => {
  const { transcript, read } = open();

  transcript.said('input 1');
  transcript.update({ ...nothing, live: turn(1, 'A') });
  transcript.update({ ...nothing, turns: [turn(1, 'A', { state })] });

  expect(read()).toEqual({ out: 'A\n', err: told });
});

test('taking up a conversation shows its last turns and goes on with the live one', () => {
  const { transcript, read } = open();
  const turns = [1, 2, 3, 4].map((n) => turn(n, `reply ${n}`, { state: 'done' }));

  transcript.resume({ ...nothing, turns, live: turn(5, 'so f') });
  transcript.update({ ...nothing, turns, live: turn(5, 'so far') });

  const { out, err } = read();
  expect(out).toBe('so far');
  expect(err).toContain('/history shows more');
  expect(err).not.toContain('reply 1');
  expect(err).toContain('› input 2\nreply 2\n');
  expect(err).toContain('› input 5');
});
