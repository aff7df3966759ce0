// A model whose reply broke off is asked to go on behind the words that are shown. Not every model does as it is told.
import { expect, test } from 'vitest';
import type { Behaviour } from '../support/fake-ollama.ts';
import { Client } from '../support/fold.ts';
import { pathOf } from '../support/rest.ts';
import { words } from '../support/scene.ts';
import { sharedScene } from '../support/shared-scene.ts';
import { openEvents } from '../support/sse.ts';

const reply = words(40);

interface Habit {
  model: string;
  /** Of every request but the first, which breaks off after `cut` pieces. */
  later: Behaviour & { render?: keyof typeof scenes };
  /** Of the first request; the text is cut behind `cut` of its pieces. */
  first?: Behaviour;
  cut?: number;
  next?: Behaviour[];
  resets: number;
}

const habits: Habit[] = [
  { model: 'goes on', later: { prefill: 'honoured' }, resets: 0 },
  { model: 'ignores the prefill', later: { prefill: 'ignored' }, resets: 1 },
  { model: 'ignores a prefill of one word', later: { prefill: 'ignored' }, cut: 1, resets: 1 },
  { model: 'repeats the prefix', later: { prefill: 'repeats-prefix' }, resets: 1 },
  { model: 'repeats a prefix of two words', later: { prefill: 'repeats-prefix' }, cut: 2, resets: 1 },
  {
    model: 'brings the last blank again',
    later: { prefill: 'trims-prefix' },
    first: { pieceSize: 21 },
    resets: 0,
  },
  {
    model: 'eats the blank behind the prefix',
    later: { prefill: 'trims-output' },
    first: { pieceSize: 22 },
    resets: 0,
  },
  { model: 'answers 400 to a prefill', later: {}, next: [{ refuse: { status: 400 } }], resets: 1 },
  {
    model: 'closes the prompt behind a prefill',
    later: { render: 'closed', prefill: 'ignored-anew' },
    resets: 1,
  },
  { model: 'goes on and does not tell its prompt', later: { render: 'unknown' }, resets: 0 },
  {
    model: 'says something else and does not tell its prompt',
    later: { render: 'unknown', prefill: 'ignored-anew' },
    resets: 1,
  },
];

/** By what the model tells of its prompt: the server asks once, and keeps the answer. */
const scenes = {
  open: sharedScene({ env: { RAW_REPLIES: '1' } }),
  closed: sharedScene({ env: { RAW_REPLIES: '1' } }),
  unknown: sharedScene({ env: { RAW_REPLIES: '1' } }),
};

test.for(habits)(
  '[P-3] a reply that broke off is one reply for all when the model $model (scenario 35)',
  async (habit) => {
    const { model: id, later, first = {}, next = [], resets } = habit;
    const { cut = first.pieceSize === undefined ? 10 : 3 } = habit;
    const { render = 'open' } = later;
    const scene = await scenes[render]();
    scene.fake.always({ reply, ...later });
    scene.fake.next({ ...first, fault: { kind: 'close', after: cut } });
    for (const behaviour of next) scene.fake.next(behaviour);
    const { client, socket, admission } = await scene.speak(id, 'I feel restless');
    const overSse = new Client(id);
    using _events = await openEvents(scene.url, pathOf(id, '/events'), { client: overSse });

    const turn = await client.ended(admission.turn_id);
    const other = await overSse.ended(admission.turn_id);

    expect(turn).toMatchObject({ state: 'done', text: reply });
    expect(other.text).toBe(reply);
    expect(client.counts.resets).toBe(resets);
    const fresh = await socket.must('session:join', { session_id: id });
    expect(fresh['turns']).toMatchObject([{ text: reply, state: 'done' }]);
  },
);
