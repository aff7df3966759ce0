// All faults of this folder at once, by chance. A seed that fails becomes a test of its own.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Behaviour } from '../support/fake-ollama.ts';
import { Client, FoldError } from '../support/fold.ts';
import { randomFrom, seed } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { pathOf } from '../support/rest.ts';
import { input, openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import type { SocketClient } from '../support/socket-client.ts';

const TURNS = 3;
const replyTo = (said: string): string => words(40, said.replaceAll(/\W/g, ''));

function chaosOf(random: Random): Behaviour {
  const after = random.between(0, 30);
  const faults: Behaviour[] = [
    {},
    {},
    { pieceSize: [1, 7, 3, 40] },
    { fault: { kind: 'close', after } },
    { fault: { kind: 'reset', after } },
    { fault: { kind: 'error', after } },
    { fault: { kind: 'end', after, partial: 9 } },
    { fault: { kind: 'silence', after } },
    { refuse: { status: 503 } },
    { prefill: 'ignored' },
    { prefill: 'repeats-prefix' },
    { packetBytes: [3, 100, 17] },
  ];
  return { rate: random.between(100, 400), ...faults[random.between(0, faults.length - 1)] };
}

/** Says one thing until the turn has ended, through every loss of the connection; cancels it by chance. */
async function says(scene: Scene, client: Client, n: number, random: Random): Promise<void> {
  const id = client.sessionId;
  for (;;) {
    let socket: SocketClient | undefined;
    try {
      socket = await scene.socket();
      const { promise: gone, reject } = Promise.withResolvers<never>();
      socket.socket.once('disconnect', () => reject(new Error('disconnected')));
      if (!socket.socket.connected) throw new Error('disconnected');
      await Promise.race([gone, speaks(socket, client, `${id} says ${n}`, random)]);
      return;
    } catch (error) {
      if (error instanceof FoldError) throw error;
      await pause(50);
    } finally {
      socket?.close();
    }
  }
}

async function speaks(socket: SocketClient, client: Client, said: string, random: Random): Promise<void> {
  const id = client.sessionId;
  if (client.cursor === undefined) socket.feed(client);
  else await socket.follow(id, client);
  const { turn_id } = await input(socket, id, said, { input_id: said });
  if (random.chance(0.15)) {
    await pause(random.between(0, 100));
    await socket.call('turn:cancel', { session_id: id, turn_id });
  }
  await client.ended(turn_id, 30_000);
}

async function disturbs(scene: Scene, random: Random): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await pause(random.between(100, 700));
    await scene.kill();
    if (random.chance(0.5)) await scene.fake.stop({ reset: random.chance(0.5) });
    await scene.fake.start();
    await scene.start();
  }
  await pause(random.between(0, 300));
  await scene.fake.stop();
  await pause(random.between(0, 400));
  await scene.fake.start();
}

const Turn = z.looseObject({
  turn_id: z.string(),
  n: z.number(),
  state: z.string(),
  user_input: z.string(),
  text: z.string(),
  response: z.looseObject({ source: z.string(), therapist_response: z.string() }).optional(),
});

test(`[P-2] [P-3] [P-8] through kills, faults of the model, cancels and reconnects all turns end and all texts are right (seed ${seed}) (scenario 82)`, async () => {
  const random = randomFrom(seed);
  const env = { OLLAMA_STALL_MS: '200', OLLAMA_FIRST_TOKEN_MS: '200', OLLAMA_SLOTS: '3', RAW_REPLIES: '1' };
  const reply: Behaviour['reply'] = (messages) =>
    replyTo(messages.findLast(({ role }) => role === 'user')?.content ?? '');
  await using scene = await openScene({ env, fake: { behaviour: { reply } } });
  for (let i = 0; i < 60; i++) scene.fake.next(chaosOf(random));
  const clients = Array.from({ length: 8 }, (_, i) => new Client(`s${i}`));
  const talks = clients.map(async (client) => {
    for (let n = 1; n <= TURNS; n++) await says(scene, client, n, random);
  });
  await Promise.all([disturbs(scene, random), ...talks]);

  for (const client of clients) {
    const { body } = await scene.rest(`GET ${pathOf(client.sessionId, '/history')}`);
    const turns = z.array(Turn).parse(body['turns']);
    const brief = turns.map(({ turn_id, n, state, text }) => ({ turnId: turn_id, n, state, text }));
    expect(client.turns).toMatchObject(brief);
    expect(turns).toHaveLength(TURNS);
    for (const { text, response, state, user_input } of turns) {
      if (state === 'done') expect(text).toBe(response?.therapist_response);
      // what else was cancelled in mid-reply are words of the guide
      if (text.startsWith('And ')) expect(replyTo(user_input).slice(0, text.length)).toBe(text);
      if (response?.source === 'ollama') expect(text).toBe(replyTo(user_input));
    }
  }
  await scene.fake.idle();
  expect(scene.fake.maxGenerating).toBeLessThanOrEqual(3);
});
