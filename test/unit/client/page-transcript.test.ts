import { expect, test } from 'vitest';
import { transcriptOf } from '../../../client/web/transcript.ts';
import type { SessionExport } from '../../../client/sdk/wire.ts';
import { createWords } from '../../../client/web/words.ts';

type Turn = SessionExport['turns'][number];

const turn = (n: number, state: Turn['state'], text: string, seq: number): Turn => ({
  turn_id: `turn-${n}`,
  n,
  state,
  user_input: `Question ${n}`,
  text,
  seq,
  started_at: '2026-01-01T00:00:00.000Z',
  ended_at: null,
});

test('a saved text has who said what, in order, and how it ended', () => {
  const text = transcriptOf(
    {
      session: { session_id: 'ours', created_at: '2026-01-01T12:00:00.000Z' },
      turns: [
        turn(1, 'done', 'Answer 1', 3),
        turn(2, 'cancelled', 'Ans', 6),
        turn(3, 'done', 'I am Ana.', 9),
      ],
      log: [
        { seq: 1, event: 'disclosure', data: { text: 'This is an AI.' } },
        { seq: 7, event: 'human:message', data: { text: 'Hello.', name: 'Ana' } },
        { seq: 9, event: 'human:message', data: { text: 'I am Ana.', name: 'Ana', turn_id: 'turn-3' } },
      ],
    },
    createWords('en'),
  );

  expect(text.split('\n\n').slice(1)).toEqual([
    'This is an AI.',
    'You: Question 1',
    'Guide: Answer 1',
    'You: Question 2',
    'Guide: Ans',
    '(Stopped.)',
    'Ana: Hello.',
    'You: Question 3',
    'Ana: I am Ana.\n',
  ]);
  expect(text).toMatch(/^Stillpoint, conversation ours, begun on January 1, 2026/);
});
