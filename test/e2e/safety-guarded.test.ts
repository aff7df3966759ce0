// What the guard does not let through is nowhere, with a real server and through its death. [US-50] [US-52] [US-54]
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createGuard } from '../../src/safety/guard.ts';
import { ownInstructions } from '../../src/therapy/prompt.ts';
import sets from '../safety/sets/output.json' with { type: 'json' };
import type { PrefillHabit } from '../support/fake-ollama.ts';
import { Client } from '../support/fold.ts';
import { Needles } from '../support/needles.ts';
import { pathOf } from '../support/rest.ts';
import { openScene } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { openEvents } from '../support/sse.ts';

const SAMPLE = 3;
const PIECE = 3;
const BYTES_MIN = 8;
const before = 'I hear you. ';
const after = ' That is all.';
/** The model talks on, so that it is seen to be stopped. */
const LATER = 20;
const more = ' And so on.'.repeat(LATER);

/** Sentences of which only the last word tells, and the last piece that comes before that word. */
const open = sets.unsafe.flatMap(({ text }) => {
  const piece = Math.floor((before.length + text.lastIndexOf(' ')) / PIECE);
  const guard = createGuard({ mode: 'normal', canaries: ownInstructions });
  const first = (before + text).slice(0, piece * PIECE);
  const shown = guard.push(first);
  const isHeld = guard.tripped === undefined && first.length - shown.length >= BYTES_MIN;
  const reply = before + text + after + more;
  return isHeld ? [{ text, piece, reply, shown, held: first.slice(shown.length) }] : [];
});
const sample = Array.from({ length: SAMPLE }, (_, i) => open.at(Math.floor((i * open.length) / SAMPLE)));
const habits: PrefillHabit[] = ['honoured', 'ignored', 'repeats-sentence'];
const rows = sample.flatMap((row, at) => (row ? [{ ...row, prefill: habits[at] ?? 'honoured' }] : []));

/** Everything that lies in the directory of the server. */
async function filesOf({ dataDir }: Scene): Promise<Buffer> {
  const names = await readdir(dataDir);
  return Buffer.concat(await Promise.all(names.map((name) => readFile(join(dataDir, name)))));
}

async function answersOf(scene: Scene): Promise<string> {
  const paths = ['/status', '/history', '/export', '/log'];
  const answers = await Promise.all(paths.map((path) => scene.rest(`GET ${pathOf('s', path)}`)));
  return answers.map(({ text }) => text).join('\n');
}

const env = { MODEL: 'ollama', RAW_REPLIES: '1' };

describe.each(rows)('"$text"', ({ text, piece, reply, shown, held, prefill }) => {
  const whole = new Needles([text]);
  const tail = new Needles([text, held]);

  test('is on no wire, in no file and in no log of a real server', async () => {
    await using scene = await openScene({ env, fake: { behaviour: { reply, pieceSize: PIECE } } });
    scene.fake.hold('piece', piece);
    const { socket, client, admission } = await scene.speak('s', 'tell me something');
    await scene.fake.reached('piece', piece);
    using stream = await openEvents(scene.url, pathOf('s', '/events'));
    const other = await scene.socket();
    const returning = await other.follow('s');
    other.close();
    const whileHeld = [Buffer.from(await answersOf(scene)), await filesOf(scene)];
    const back = await scene.socket();
    await back.follow('s', returning);
    scene.fake.hold('piece', piece + 2 * LATER);
    scene.fake.release('piece', piece);
    const turn = await client.ended(admission.turn_id);
    await returning.ended(admission.turn_id);
    await stream.until(() => stream.of('therapist:done').length > 0, 'the end');
    const answers = await answersOf(scene);
    const texts = [
      answers,
      stream.raw,
      scene.server.stdout,
      JSON.stringify([socket, other, back].map(({ received }) => received)),
    ];

    expect(whileHeld.map((bytes) => tail.foundIn(bytes))).toEqual([[], []]);
    expect(texts.map((seen) => whole.foundIn(Buffer.from(seen)))).toEqual([[], [], [], []]);
    expect(whole.foundIn(await filesOf(scene))).toEqual([]);
    expect(turn.text.startsWith(before)).toBe(true);
    expect(returning.text()).toBe(turn.text);
    expect(socket.of('therapist:done')).toMatchObject([{ safety: { guarded: true } }]);
    await scene.fake.idle();
    expect(scene.fake.of('chat').map(({ ending }) => ending)).toEqual(['client']);
  });

  test(`is not shown either by who goes on after a kill -9 (a prefill is ${prefill})`, async () => {
    const behaviour = { reply, pieceSize: PIECE, prefill };
    await using scene = await openScene({ env, fake: { behaviour } });
    scene.fake.hold('piece', piece);
    const { socket, client, admission } = await scene.speak('s', 'tell me something');
    await scene.fake.reached('piece', piece);
    await client.until(() => client.text() === shown, 'all that is let through');
    await scene.kill();
    const left = await filesOf(scene);
    scene.fake.release();
    await scene.start();
    const again = await scene.socket();
    const late = new Client('s');
    await again.follow('s', client);
    await (await scene.socket()).follow('s', late);
    const turn = await client.ended(admission.turn_id, 60_000);
    const answers = await answersOf(scene);
    const texts = [
      answers,
      scene.server.stdout,
      JSON.stringify([socket, again].map(({ received }) => received)),
    ];

    expect(tail.foundIn(left)).toEqual([]);
    expect(texts.map((seen) => whole.foundIn(Buffer.from(seen)))).toEqual([[], [], []]);
    expect(whole.foundIn(await filesOf(scene))).toEqual([]);
    expect(turn.state).toBe('done');
    expect((await late.ended(admission.turn_id)).text).toBe(turn.text);
    expect(JSON.parse((await scene.rest(`GET ${pathOf('s', '/history')}`)).text)).toMatchObject({
      turns: [{ response: { safety: { guarded: true } } }],
    });
  });
});
