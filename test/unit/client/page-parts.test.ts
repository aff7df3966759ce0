import { describe, expect, test } from 'vitest';
import type { ConnectionState, Remark, TurnView } from '../../../client/sdk/api.ts';
import { ChatError, ConnectionError } from '../../../client/sdk/errors.ts';
import { addressOf, idInAddress } from '../../../client/web/address.ts';
import { chunksOf, remarksByTurn, sameItems } from '../../../client/web/chunks.ts';
import { connectionKey } from '../../../client/web/connection-words.ts';
import { failureKey } from '../../../client/web/failures.ts';
import { pendingNote } from '../../../client/web/pending-notes.ts';
import { piecesOf } from '../../../client/web/pieces.ts';
import { noteOf } from '../../../client/web/turn-notes.ts';
import { createWords } from '../../../client/web/words.ts';

const words = createWords('en');
const turn = (n: number, state: TurnView['state'] = 'done'): TurnView => ({
  turn_id: `turn-${n}`,
  n,
  state,
  user_input: 'Hello',
  text: '',
  seq: n,
  started_at: '2026-01-01T00:00:00.000Z',
  ended_at: null,
});
const refusal = (code: ChatError['code']): ChatError => new ChatError({ code, status: 500, message: '' });
const turns = (from: number, to: number): TurnView[] =>
  Array.from({ length: to - from + 1 }, (_, at) => turn(from + at));

describe('the address', () => {
  test.for(['plain', 'Anna/Übung?1', 'a+b & c=d#e', '100%', '🙂', 'session=x'])('holds the id %j', (id) => {
    const { hash } = new URL(addressOf('/', id), 'http://localhost');

    expect(idInAddress({ hash, search: '' })).toBe(id);
  });

  test.for([
    ['', '?session=from%20a%20link', 'from a link'],
    ['#session=first', '?session=second', 'first'],
    ['#x=1&session=last', '', 'last'],
    ['#session=100%', '', '100%'],
    ['#session=', '', null],
    ['#mysession=x', '', null],
    ['', '', null],
  ] as const)('with %j and %j names %j', ([hash, search, id]) => {
    expect(idInAddress({ hash, search })).toBe(id);
  });

  test('has no id where there is none', () => {
    expect(addressOf('/chat/', null)).toBe('/chat/');
  });
});

describe('the pieces of a text', () => {
  test.for(['', 'short', 'word '.repeat(5000), 'x'.repeat(5000), `${'x'.repeat(2500)} ${'y'.repeat(2500)}`])(
    'are all of it (%#)',
    (text) => {
      expect(piecesOf(text).join('')).toBe(text);
    },
  );

  test('stay as they are while words are added', () => {
    const text = 'some words '.repeat(500);
    const before = piecesOf(text);

    expect(piecesOf(`${text}and more`).slice(0, before.length - 1)).toEqual(before.slice(0, -1));
  });
});

describe('the groups of turns', () => {
  test('are the same turns whatever is loaded before them', () => {
    const late = chunksOf(turns(81, 130), null);
    const all = chunksOf(turns(31, 130), null);

    expect(all.at(-1)).toEqual(late.at(-1));
    expect(all.map(({ turns }) => turns.length)).toEqual([20, 50, 30]);
  });

  test('end with the live turn', () => {
    expect(chunksOf(turns(1, 2), turn(3, 'running')).at(-1)?.turns.at(-1)).toMatchObject({ n: 3 });
  });
});

describe('a remark', () => {
  const remark = (n: number): Remark => ({ kind: 'human', n, seq: 10 + n, text: 'Hello', name: 'Ana' });

  test('is shown before all turns, in its own, or behind them', () => {
    const sorted = remarksByTurn([remark(0), remark(2), remark(4)], turns(2, 3), null);

    expect(sorted).toEqual({ before: [remark(0)], byTurn: new Map([[2, [remark(2)]]]), after: [remark(4)] });
  });

  test('of a turn that is not loaded waits for it', () => {
    const sorted = remarksByTurn([remark(1)], turns(2, 3), null);

    expect(sorted).toEqual({ before: [], byTurn: new Map(), after: [] });
  });

  test('is shown where nothing but a live turn is there', () => {
    expect(remarksByTurn([remark(1)], [], turn(1, 'running')).byTurn.get(1)).toEqual([remark(1)]);
  });
});

test.for([
  [[1, 2], [1, 2], true],
  [[1, 2], [1], false],
  [[1], [2], false],
  [[], [], true],
] as const)('lists %j and %j have the same items: %j', ([one, other, isSame]) => {
  expect(sameItems<number>(one, other)).toBe(isSame);
});

describe('what is said of the connection', () => {
  const waiting = (reason: 'lost' | 'unreachable' | 'draining'): ConnectionState => ({
    phase: 'waiting',
    attempt: 1,
    delayMs: 500,
    reason,
  });

  test('is nothing while it is made for the first time, and while all is well', () => {
    expect(connectionKey({ phase: 'idle' }, null)).toBeNull();
    expect(connectionKey({ phase: 'connecting', attempt: 1 }, null)).toBeNull();
    expect(connectionKey({ phase: 'online', via: 'socket', attempt: 1 }, 'chat.lost')).toBeNull();
  });

  test('stays the same over new tries', () => {
    const lost = connectionKey(waiting('lost'), null);
    const trying = connectionKey({ phase: 'connecting', attempt: 2 }, lost);

    expect([lost, trying, connectionKey(waiting('unreachable'), trying)]).toEqual(Array(3).fill('chat.lost'));
  });

  test('tells a server that cannot be reached from a restart, and both from no network', () => {
    expect(connectionKey(waiting('unreachable'), null)).toBe('chat.unreachable');
    expect(connectionKey(waiting('draining'), null)).toBe('chat.restarting');
    expect(connectionKey({ phase: 'offline' }, 'chat.lost')).toBe('chat.offline');
  });

  test('tells that the server does not let this page in', () => {
    const error = refusal('UNAUTHENTICATED');

    expect(connectionKey({ phase: 'closed', error }, null)).toBe('chat.failedToken');
    expect(connectionKey({ phase: 'closed', error: null }, null)).toBeNull();
  });
});

describe('the note of a turn', () => {
  const about = { activity: null, stop: null, retry: null };
  const activity = (
    phase: 'queued' | 'loading' | 'prompt' | 'streaming' | 'recovering',
    position = null,
  ) => ({
    ...about,
    activity: { turnId: 'turn-1', phase, position },
  });
  const live = turn(1, 'running');

  test.for([
    ['queued', 'Waiting for the guide…'],
    ['loading', 'The guide is getting ready…'],
    ['prompt', 'The guide is reading your words…'],
    ['streaming', ''],
    ['recovering', 'The answer was cut off and is being continued…'],
  ] as const)('in the phase %s is %j', ([phase, note]) => {
    expect(noteOf(live, activity(phase), words)).toBe(note);
  });

  test('tells the place in the queue', () => {
    const queued = { turnId: 'turn-1', phase: 'queued', position: 1 } as const;

    expect(noteOf(live, { ...about, activity: queued }, words)).toBe(
      'Waiting for the guide: number 1 in line.',
    );
  });

  test('tells that it is being stopped before anything else', () => {
    const stop = { turnId: 'turn-1', fault: null };

    expect(noteOf(live, { ...activity('recovering'), stop }, words)).toBe('Stopping…');
  });

  test('is not about another turn', () => {
    expect(noteOf(turn(2, 'running'), activity('loading'), words)).toBe('');
  });

  test('tells how it ended', () => {
    const error = { code: 'MODEL_INTERRUPTED', status: 502, message: '', retryable: true } as const;

    expect(noteOf(turn(1), about, words)).toBe('');
    expect(noteOf(turn(1, 'cancelled'), about, words)).toBe('Stopped.');
    expect(noteOf({ ...turn(1, 'failed'), error }, about, words)).toBe(
      'The answer broke off. The guide was interrupted.',
    );
  });
});

describe('the note of words on their way', () => {
  const input = { inputId: 'a', text: 'Hello', state: 'waiting', error: null } as const;
  const busy = refusal('MODEL_BUSY');

  test('tells how far they have come', () => {
    expect(pendingNote({ ...input, state: 'sending' }, true, words)).toBe('Sending…');
    expect(pendingNote(input, false, words)).toBe('Sending as soon as the connection is back…');
  });

  test('tells why they were not taken', () => {
    expect(pendingNote({ ...input, state: 'refused', error: busy }, false, words)).toMatch(/^Not sent: Many/);
    expect(pendingNote({ ...input, error: busy }, true, words)).toMatch(/^Not sent yet: .*tried again/);
  });

  test('does not call a lost answer a refusal', () => {
    expect(pendingNote({ ...input, error: new ConnectionError('lost') }, true, words)).toBe('Sending…');
  });
});

test('what was thrown is told in the words of the page', () => {
  expect(failureKey(refusal('PAYLOAD_TOO_LARGE'))).toBe('chat.failedTooLong');
  expect(failureKey(refusal('INTERNAL'))).toBe('chat.failedOther');
  expect(failureKey(new ConnectionError('timeout'))).toBe('chat.failedNoAnswer');
});
