import { expect, test } from 'vitest';
import { Client } from '../support/fold.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords, openScene, responseOf, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { openEvents } from '../support/sse.ts';

/** Follows again over a new connection from what the client had, and waits for the end. */
async function goesOn(scene: Scene, client: Client, turnId: string) {
  const socket = await scene.socket();
  await socket.follow(client.sessionId, client);
  return { socket, turn: await client.ended(turnId) };
}

test('[P-8] a reply goes on at once where a kill -9 cut it, and every follower has it exactly (scenario 32)', async () => {
  const reply = words(40);
  await using scene = await openScene({ fake: { behaviour: { reply } } });
  scene.fake.hold('piece', 12);
  const { client, admission } = await scene.speak('s', 'I feel restless');
  const stream = new Client('s');
  using events = await openEvents(scene.url, pathOf('s', '/events'), { client: stream });
  await client.until(() => client.text() === firstWords(reply, 12), 'twelve words');
  await stream.until(() => stream.text() === client.text(), 'twelve words over SSE');

  await scene.kill();
  scene.fake.release();
  const late = stream.copy();
  await scene.start();
  const { turn } = await goesOn(scene, client, admission.turn_id);
  const after = { 'Last-Event-ID': String(events.lastId) };
  using _again = await openEvents(scene.url, pathOf('s', '/events'), { client: late, headers: after });
  const other = await late.ended(admission.turn_id);

  expect(turn.text).toBe(reply);
  expect(other.text).toBe(reply);
  expect(client.counts).toMatchObject({ snapshots: 0, resets: 0 });
  expect(scene.fake.of('chat').at(-1)).toMatchObject({ prefill: firstWords(reply, 12), prefillFits: true });
});

test('inputs that were acknowledged are all there after a kill -9 (scenario 32)', async () => {
  await using scene = await openScene({ fake: { behaviour: { reply: words(30) } } });
  scene.fake.hold('piece', 3);
  const ids = Array.from({ length: 12 }, (_, i) => `s${i}`);
  const spoken = await Promise.all(ids.map((id) => scene.speak(id, `input of ${id}`, { input_id: 'first' })));

  await scene.kill();
  scene.fake.release();
  await scene.start();
  const turns = await Promise.all(
    spoken.map(async ({ client, admission }) => (await goesOn(scene, client, admission.turn_id)).turn),
  );

  expect(turns.map(({ userInput }) => userInput)).toEqual(ids.map((id) => `input of ${id}`));
  expect(turns.every(({ text }) => text === words(30))).toBe(true);
  const repeats = await Promise.all(
    ids.map((id) => scene.speak(id, `input of ${id}`, { input_id: 'first' })),
  );
  expect(repeats.every(({ admission }) => admission.duplicate)).toBe(true);
});

test('the built-in guide goes on where a kill -9 cut it (scenario 32)', async () => {
  await using scene = await openScene({ env: { MODEL: 'guide', GUIDE_WORD_MS: '40' } });
  const { client, admission } = await scene.speak('s', 'hello');
  await client.until(() => client.text().split(' ').length > 3, 'some words');

  await scene.kill();
  const shown = client.text();
  await scene.start({ GUIDE_WORD_MS: '0' });
  const { socket, turn } = await goesOn(scene, client, admission.turn_id);

  expect(turn.text.startsWith(shown)).toBe(true);
  expect(turn.text).toBe(responseOf(socket, admission.turn_id).therapist_response);
  expect(client.counts.resets).toBe(0);
});

test('a fixed reply to a risk is whole after a kill -9 at once behind its ack (scenario 32)', async () => {
  await using scene = await openScene({ env: { MODEL: 'guide' } });
  const { client, admission } = await scene.speak('s', 'I want to kill myself tonight');

  await scene.kill();
  await scene.start();
  const { socket, turn } = await goesOn(scene, client, admission.turn_id);

  expect(turn.state).toBe('done');
  expect(turn.text).not.toBe('');
  const snapshot = await socket.must('session:join', { session_id: 's' });
  expect(snapshot['turns']).toMatchObject([{ text: turn.text, response: { source: 'safety' } }]);
});

test('[P-8] a turn killed between its ack and the first request to the model runs once after the restart (scenario 53)', async () => {
  const reply = words(10);
  await using scene = await openScene({ fake: { behaviour: { reply } } });
  scene.fake.hold('request');
  const { client, admission } = await scene.speak('s', 'hello');

  await scene.kill();
  scene.fake.release();
  await scene.start();
  const { turn } = await goesOn(scene, client, admission.turn_id);

  expect(turn).toMatchObject({ state: 'done', text: reply, n: 1 });
  expect(client.turns).toHaveLength(1);
});

const moments = [
  { when: 'while the model loads', hold: 'load' },
  { when: 'while it waits for a slot of Ollama', hold: 'slot' },
  { when: 'in prompt evaluation', hold: 'prompt' },
  { when: 'between the last word and the end', hold: 'done' },
] as const;

test.for(moments)('[P-8] a turn killed $when ends once and whole (scenario 27)', async ({ hold }) => {
  const reply = words(10);
  const fake = { models: [{ name: 'llama3.1', loaded: false }], behaviour: { reply } };
  await using scene = await openScene({ fake });
  scene.fake.hold(hold);
  const { client, admission } = await scene.speak('s', 'hello');
  await scene.fake.reached(hold);
  if (hold === 'done') await client.until(() => client.text() === reply, 'all words');

  await scene.kill();
  scene.fake.release();
  await scene.start();
  const { turn } = await goesOn(scene, client, admission.turn_id);

  expect(turn).toMatchObject({ state: 'done', text: reply });
  expect(client.turns).toHaveLength(1);
});

test('[P-8] a turn killed anew at every word goes on while it makes progress (scenario 26)', async () => {
  const reply = words(20);
  await using scene = await openScene({ fake: { behaviour: { reply } } });
  scene.fake.hold('piece', 4);
  const { client, admission } = await scene.speak('s', 'hello');
  for (let kills = 0, shown = ''; kills < 5; kills++) {
    await client.until(() => client.text().length > shown.length, `a word more than ${kills} kills ago`);
    shown = client.text();
    await scene.kill();
    await scene.start();
    await (await scene.socket()).follow('s', client);
  }
  scene.fake.release();
  const turn = await client.ended(admission.turn_id);

  expect(turn).toMatchObject({ state: 'done', text: reply });
  expect(client.counts.resets).toBe(0);
});

test('[P-8] a turn that kills the process at every attempt ends with therapist:error, and the server lives (scenario 37)', async () => {
  await using scene = await openScene({
    env: { MODEL: 'ollama' },
    fake: { behaviour: { reply: words(10) } },
  });
  scene.fake.hold('prompt');
  const { client, admission } = await scene.speak('s', 'poison');
  for (let attempt = 1; attempt <= 3; attempt++) {
    await scene.fake.until(() => scene.fake.of('chat').length === attempt, `attempt ${attempt}`);
    await scene.kill();
    await scene.start();
  }
  const { turn, socket } = await goesOn(scene, client, admission.turn_id);

  expect(turn.state).toBe('failed');
  expect(socket.of('therapist:error')).toMatchObject([
    { error: { code: 'MODEL_INTERRUPTED', retryable: true } },
  ]);
  expect(scene.fake.of('chat')).toHaveLength(3);
  scene.fake.release();
  const next = await scene.speak('other', 'hello');
  expect(await next.client.ended(next.admission.turn_id)).toMatchObject({ state: 'done', text: words(10) });
});
