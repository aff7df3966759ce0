import { expect, test, vi } from 'vitest';
import { Patience } from '../../../src/chat/patience.ts';
import type { ModelFault } from '../../../src/model/model.ts';
import { fakeClock, hurry } from '../../support/hurry.ts';
import { ScriptedModel } from '../../support/scripted-model.ts';

const never = new AbortController().signal;
/** A model of which nothing is heard. */
const away = new ScriptedModel();

/** Waits until it has waited for that long in a row, on a clock that is turned. */
async function waited(patience: Patience, ms: number): Promise<void> {
  for (let sum = 0, pause = 250; sum < ms; sum += pause, pause = Math.min(8_000, pause * 2)) {
    await hurry(patience.wait(away, never), 'the end of a wait');
  }
}

/** Whether a wait that begins now ends after exactly so long. */
async function lasts(patience: Patience, ms: number): Promise<boolean> {
  let isOver = false;
  const wait = patience.wait(away, never).then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(ms - 1);
  const early = isOver;
  await vi.advanceTimersByTimeAsync(1);
  await wait;
  return !early && isOver;
}

test('waits twice as long each time, and never longer than eight seconds', async () => {
  using _clock = fakeClock();
  const patience = new Patience();

  for (const ms of [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000]) {
    expect([ms, await lasts(patience, ms)]).toEqual([ms, true]);
  }
});

test('begins anew with the shortest wait once words came', async () => {
  using _clock = fakeClock();
  const patience = new Patience();
  await waited(patience, 60_000);

  patience.renew();

  expect(patience.isOver(true)).toBe(false);
  expect(await lasts(patience, 250)).toBe(true);
});

test('waits no longer than until the model is there again', async () => {
  using _clock = fakeClock();
  const model = new ScriptedModel();
  const wait = new Patience().wait(model, never);

  model.become({ phase: 'unavailable', reason: 'away' });
  model.become({ phase: 'ready' });

  await expect(wait).resolves.toBeUndefined();
});

test('ends a wait with the reason of its signal', async () => {
  const stop = new AbortController();
  const reason = new Error('not wanted');
  const wait = new Patience().wait(away, stop.signal);

  stop.abort(reason);

  await expect(wait).rejects.toBe(reason);
});

test.each([
  { shown: true, ms: 60_000, words: 'words are shown' },
  { shown: false, ms: 600_000, words: 'nothing is shown' },
])('is over after $ms ms of waiting where $words', async ({ shown, ms }) => {
  using _clock = fakeClock();
  const patience = new Patience();
  await waited(patience, ms - 8_000);
  const before = patience.isOver(shown);
  await waited(patience, 16_000);

  expect(before).toBe(false);
  expect(patience.isOver(shown)).toBe(true);
});

const losses: { fault: ModelFault; waitedMs: number; runs: number; isLost: boolean; why: string }[] = [
  { fault: 'unreachable', waitedMs: 0, runs: 0, isLost: false, why: 'it may be back at once' },
  { fault: 'unreachable', waitedMs: 250, runs: 0, isLost: true, why: 'it was asked twice' },
  { fault: 'busy', waitedMs: 250, runs: 0, isLost: false, why: 'it will have time' },
  { fault: 'busy', waitedMs: 30_000, runs: 0, isLost: true, why: 'nobody should wait longer' },
  { fault: 'interrupted', waitedMs: 0, runs: 1, isLost: false, why: 'it may succeed the second time' },
  { fault: 'interrupted', waitedMs: 0, runs: 2, isLost: true, why: 'it broke off twice' },
  { fault: 'missing', waitedMs: 0, runs: 0, isLost: true, why: 'it will not come by itself' },
  { fault: 'refused', waitedMs: 0, runs: 1, isLost: true, why: 'it would refuse again' },
];

test.for(losses)(
  'a model that is $fault, $runs runs begun, $waitedMs ms waited for: lost is $isLost, since $why',
  async ({ fault, waitedMs, runs, isLost }) => {
    using _clock = fakeClock();
    const patience = new Patience();
    await waited(patience, waitedMs);

    expect(patience.isLost(fault, runs)).toBe(isLost);
  },
);
