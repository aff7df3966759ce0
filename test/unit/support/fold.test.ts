import { describe, expect, test } from 'vitest';
import { Client, FoldError } from '../../support/fold.ts';

const base = { session_id: 's' };
const started = (seq: number, turn = 't', n = 1) => ({ ...base, turn_id: turn, seq, n, user_input: 'hello' });
const range = (from: number | undefined) => (from === undefined ? {} : { from });
const token = (seq: number, at: number, text: string, from?: number) => {
  return { ...base, turn_id: 't', seq, at, text, ...range(from) };
};
const done = (seq: number, text: string, from?: number) => {
  return { ...base, turn_id: 't', seq, therapist_response: text, ...range(from) };
};
const turn = (text: string, state: string, turnId = 't', n = 1) => {
  return { turn_id: turnId, n, state, user_input: 'hello', text };
};
const snapshot = (cursor: string, turns: object[], live: object | null = null) => ({
  mode: 'snapshot',
  cursor,
  session: { session_id: 's', epoch: cursor.split('.')[0] },
  turns,
  live,
  notices: [],
});

/** A client that has applied `turn:started` and the words "one two" (entries 1 to 3). */
function atThree(): Client {
  const client = new Client('s');
  client.acked('e.0');
  client.apply('turn:started', started(1));
  client.apply('therapist:token', token(2, 0, 'one'));
  client.apply('therapist:token', token(3, 3, ' two'));
  return client;
}

/** The rule that a step breaks. */
function broken(step: () => void): unknown {
  try {
    step();
  } catch (error) {
    if (error instanceof FoldError) return error.rule;
    throw error;
  }
  return undefined;
}

describe('a client', () => {
  test('folds a turn to its text', () => {
    const client = atThree();
    client.apply('therapist:done', done(4, 'one two'));

    expect(client.turns).toEqual([{ turnId: 't', n: 1, userInput: 'hello', text: 'one two', state: 'done' }]);
    expect(client.cursor).toBe('e.4');
    expect(client.counts).toMatchObject({ frames: 4, applied: 4, repeats: 0, merged: 0 });
  });

  test('ignores and counts repeats, merged ones too [P-4]', () => {
    const client = atThree();
    client.apply('therapist:token', token(3, 0, 'one two', 2));
    client.apply('turn:started', started(1));

    expect(client.text()).toBe('one two');
    expect(client.counts).toMatchObject({ applied: 3, repeats: 2 });
  });

  test('takes a merged frame for the entries it stands for', () => {
    const client = new Client('s');
    client.acked('e.0');
    client.apply('turn:started', started(1));
    client.apply('therapist:token', token(3, 0, 'one two', 2));

    expect([client.text(), client.seq, client.counts.merged]).toEqual(['one two', 3, 1]);
  });

  test('takes a reset and goes on from there', () => {
    const client = atThree();
    client.apply('therapist:reset', { ...token(4, 0, ''), cause: 'model' });
    client.apply('therapist:token', token(5, 0, 'anew'));
    client.apply('turn:cancelled', { ...base, turn_id: 't', seq: 6, text: 'anew' });

    expect(client.turns).toMatchObject([{ text: 'anew', state: 'cancelled' }]);
    expect(client.counts.resets).toBe(1);
  });

  test('lets an end that stands for dropped tokens make the text whole', () => {
    const client = atThree();
    client.apply('therapist:done', done(9, 'one two three four', 4));

    expect([client.text(), client.cursor]).toEqual(['one two three four', 'e.9']);
  });

  test('begins from a snapshot, with the live turn', () => {
    const client = new Client('s');
    client.joined(snapshot('e.7', [turn('old', 'done')], turn('new wo', 'running', 'u', 2)));
    client.apply('therapist:token', { ...token(8, 6, 'rds'), turn_id: 'u' });

    expect([client.text('t'), client.text(), client.live?.turnId]).toEqual(['old', 'new words', 'u']);
  });

  test('drops what it has when a snapshot is of another epoch [S-6]', () => {
    const client = atThree();
    client.apply('session:snapshot', snapshot('f.1', []));

    expect([client.turns, client.cursor]).toEqual([[], 'f.1']);
  });

  test('drops what it has when the session is deleted', () => {
    const client = atThree();
    client.apply('session:deleted', { ...base, epoch: 'e' });

    expect([client.turns, client.cursor, client.isDeleted]).toEqual([[], undefined, true]);
  });

  test('follows pages of a long poll', () => {
    const client = new Client('s');
    client.acked('e.0');
    const entries = [
      { seq: 1, event: 'turn:started', data: started(1) },
      { seq: 2, event: 'therapist:token', data: token(2, 0, 'one') },
    ];
    client.joined({ mode: 'tail', entries, cursor: 'e.2' });

    expect([client.text(), client.cursor]).toEqual(['one', 'e.2']);
  });

  test('goes on over a tail from its own cursor', () => {
    const client = atThree();
    client.joined({ mode: 'tail', cursor: 'e.3', session: {} });
    client.apply('therapist:token', token(4, 7, ' three'));

    expect(client.text()).toBe('one two three');
  });

  test('counts events that are not logged, and lets them change nothing', () => {
    const client = atThree();
    client.apply('turn:status', { ...base, turn_id: 't', phase: 'streaming', since_ms: 1 });

    expect([client.cursor, client.counts.unlogged]).toEqual(['e.3', 1]);
  });

  test('has a copy that goes its own way', () => {
    const client = atThree();
    const twin = client.copy();
    client.apply('therapist:token', token(4, 7, ' three'));

    expect([twin.text(), twin.cursor, client.text()]).toEqual(['one two', 'e.3', 'one two three']);
  });

  test('tells when a turn has ended', async () => {
    const client = atThree();
    const waiting = client.ended('t');
    client.apply('therapist:done', done(4, 'one two'));

    expect(await waiting).toMatchObject({ state: 'done' });
  });

  test('fails whoever waits as soon as a promise is broken', async () => {
    const client = atThree();
    const waiting = client.ended('t');
    broken(() => client.apply('therapist:token', token(9, 7, 'x')));

    await expect(waiting).rejects.toThrow('gap');
  });
});

describe('a broken promise is', () => {
  const cases: [title: string, rule: string, step: (client: Client) => void][] = [
    ['a hole before a frame [P-2]', 'gap', (c) => c.apply('therapist:token', token(5, 7, 'x'))],
    ['a hole before a merged frame [P-2]', 'gap', (c) => c.apply('therapist:token', token(6, 7, 'x', 5))],
    ['a frame over the cursor [P-2]', 'overlap', (c) => c.apply('therapist:token', token(4, 3, ' two x', 3))],
    ['text after a hole in the text', 'at', (c) => c.apply('therapist:token', token(4, 8, 'x'))],
    ['text that was there already', 'at', (c) => c.apply('therapist:token', token(4, 3, ' two'))],
    ['a reset whose index is not its length', 'at', (c) => c.apply('therapist:reset', token(4, 1, ''))],
    ['a reset to other words', 'text', (c) => c.apply('therapist:reset', token(4, 3, 'two'))],
    ['an end with another text [P-3]', 'text', (c) => c.apply('therapist:done', done(4, 'one  two'))],
    ['an end with less text [P-3]', 'text', (c) => c.apply('turn:cancelled', token(4, 0, 'one'))],
    [
      'text of a turn that never started',
      'turn',
      (c) => c.apply('therapist:token', { ...token(4, 0, 'x'), turn_id: 'u' }),
    ],
    ['a second live turn [P-6]', 'turn', (c) => c.apply('turn:started', started(4, 'u', 2))],
    ['a cut surrogate pair', 'shape', (c) => c.apply('therapist:token', token(4, 7, '\uD83C'))],
    [
      'a frame of another session',
      'shape',
      (c) => c.apply('therapist:token', { ...token(4, 7, 'x'), session_id: 'o' }),
    ],
    ['a range that runs backwards', 'shape', (c) => c.apply('therapist:token', token(4, 7, 'x', 5))],
    [
      'a frame without a number',
      'shape',
      (c) => c.apply('therapist:token', { ...base, turn_id: 't', at: 7, text: 'x' }),
    ],
    ['a tail from another cursor', 'cursor', (c) => c.joined({ mode: 'tail', cursor: 'e.2' })],
    ['an id that is not the cursor', 'cursor', (c) => c.at('e.4')],
    [
      'a snapshot that goes back [P-9]',
      'cursor',
      (c) => c.joined(snapshot('e.2', [], turn('one', 'running'))),
    ],
    ['a snapshot without the live turn', 'turn', (c) => c.joined(snapshot('e.9', []))],
    [
      'an ended turn that is live in a snapshot',
      'turn',
      (c) => c.joined(snapshot('e.9', [], turn('one two', 'done'))),
    ],
    ['a page that ends elsewhere', 'cursor', (c) => c.joined({ mode: 'tail', entries: [], cursor: 'e.9' })],
    ['no cursor', 'cursor', (c) => c.at('nonsense')],
  ];
  test.each(cases)('%s', (_title, rule, step) => {
    const client = atThree();

    expect(broken(() => step(client))).toBe(rule);
  });

  const afterEnd: [title: string, rule: string, step: (client: Client) => void][] = [
    ['text after the end [P-7]', 'turn', (c) => c.apply('therapist:token', token(5, 7, 'x'))],
    ['a second end [P-8]', 'turn', (c) => c.apply('turn:cancelled', { ...token(5, 0, 'one two') })],
    ['a turn that starts again', 'turn', (c) => c.apply('turn:started', started(5))],
    ['a turn number that does not rise', 'turn', (c) => c.apply('turn:started', started(5, 'u', 1))],
    [
      'an ended turn with another text [P-3]',
      'text',
      (c) => c.joined(snapshot('e.9', [turn('one', 'done')])),
    ],
  ];
  test.each(afterEnd)('%s', (_title, rule, step) => {
    const client = atThree();
    client.apply('therapist:done', done(4, 'one two'));

    expect(broken(() => step(client))).toBe(rule);
  });

  test('a frame before any cursor', () => {
    expect(broken(() => new Client('s').apply('turn:started', started(1)))).toBe('cursor');
  });

  test('a frame after the session was deleted', () => {
    const client = atThree();
    client.apply('session:deleted', { ...base, epoch: 'e' });

    expect(broken(() => client.apply('therapist:token', token(4, 7, 'x')))).toBe('cursor');
  });
});
