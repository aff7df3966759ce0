// What the guard holds back is nowhere, while it is held and after. [US-50] [US-54]
import { expect, test } from 'vitest';
import { createGuard } from '../../src/safety/guard.ts';
import sets from '../safety/sets/output.json' with { type: 'json' };
import { Needles } from '../support/needles.ts';
import { HOLD } from '../support/scripted-model.ts';
import { connect } from '../support/socket-client.ts';
import { WireRun } from '../support/wire-run.ts';

const SAMPLE = 12;
const BYTES_MIN = 8;
const before = 'I hear you. ';
const after = ' That is all.';
/** How much the guard lets out of the beginning of a reply; null when it is stopped there. */
function releasedOf(first: string): number | null {
  const guard = createGuard({ mode: 'normal' });
  const { length } = guard.push(first);
  return guard.tripped ? null : length;
}

/** Sentences that are unsafe by their last word only; all but that is said, then the model pauses. */
const open = sets.unsafe.flatMap(({ text }) => {
  const cut = text.lastIndexOf(' ');
  const [first, last] = [before + text.slice(0, cut), text.slice(cut) + after];
  const released = releasedOf(first);
  return released === null ? [] : [{ text, first, last, held: first.slice(released) }];
});
const step = Math.floor(open.length / SAMPLE);
const sample = open.filter((_, at) => at % step === 0).slice(0, SAMPLE);
const pieces = sample.map(({ first, last }) => [first, HOLD, last]);
const whole = new Needles(sample.map(({ text }) => text));

test('a client that comes back in the middle of an unsafe sentence sees what the others see', async () => {
  await using run = await WireRun.open({ sessions: SAMPLE });
  const said = run.say(pieces);
  await run.model.until(({ held }) => held === SAMPLE, 'all held');
  const ids = [...run.clients.keys()];
  const leaver = await connect(run.app.url);
  const gone = await Promise.all(ids.map((id) => leaver.follow(id)));
  leaver.close();
  using back = await connect(run.app.url);
  const anew = await Promise.all(ids.map((id) => back.follow(id)));
  await Promise.all(gone.map((client) => back.follow(client.sessionId, client)));
  run.model.release();
  await said;

  for (const client of [...gone, ...anew]) {
    await client.until(({ live, turns }) => turns.length === 1 && live === undefined, 'the end');
    expect(client.text()).toBe(run.clients.get(client.sessionId)?.text());
  }
  const bytes = [leaver, back].map(({ received }) => JSON.stringify(received)).join('\n');
  expect(whole.foundIn(Buffer.from(bytes))).toEqual([]);
});

test('words that are held back lie in no file, log or answer while they are held', async () => {
  await using run = await WireRun.open({ sessions: SAMPLE });
  const said = run.say(pieces);
  await run.model.until(({ held }) => held === SAMPLE, 'all held');
  const held = sample.map((one) => one.held).filter((text) => Buffer.byteLength(text) >= BYTES_MIN);
  const needles = new Needles(held);
  const inFiles = needles.foundIn(await run.files());
  const inAnswers = needles.foundIn(Buffer.from([...run.logged, ...(await run.answers())].join('\n')));
  run.model.release();
  await said;

  expect(held.length).toBeGreaterThan(SAMPLE / 2);
  expect(inFiles).toEqual([]);
  expect(inAnswers).toEqual([]);
});
