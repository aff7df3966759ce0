// The streaming programs of client/examples, on the networks and servers that people have.
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Example, runExample } from '../support/example-process.ts';
import { whyNoPython } from '../support/python.ts';
import { pathOf } from '../support/rest.ts';
import { firstWords, openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { sharedScene } from '../support/shared-scene.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const reply = words(40);
const hard = 'He said "yes"\\no and\n\ttook %s of 🌿 and é, data: {"text":"x"} \\u0041.';

const Sessions = z.object({
  sessions: z.array(z.object({ session_id: z.string(), turn_count: z.number() })),
});

/** The inputs of a session, as the server has them. */
async function inputsOf(scene: Scene, id: string): Promise<unknown> {
  const { body } = await scene.rest(`GET ${pathOf(id, '/history')}`);
  return Array.isArray(body['turns']) && body['turns'].map(({ user_input: text }) => text);
}

/** The ids of all sessions, and how many turns each has. */
async function sessionsOf(scene: Scene): Promise<ReadonlyMap<string, number>> {
  const { body } = await scene.rest('GET /api/v1/sessions');
  const { sessions } = Sessions.parse(body);
  return new Map(sessions.map(({ session_id: id, turn_count: turns }) => [id, turns]));
}

/** The turns of each session that there was not before. */
const madeSince = async (before: ReadonlyMap<string, number>, scene: Scene): Promise<number[]> =>
  [...(await sessionsOf(scene))].flatMap(([id, turns]) => (before.has(id) ? [] : [turns]));

const open = sharedScene({ fake: { behaviour: { reply } } });
const openRaw = sharedScene({
  env: { RAW_REPLIES: '1' },
  fake: { behaviour: { reply: hard, pieceSize: 3 } },
});

let missing: string | undefined;
// an installation may have to be made first
beforeAll(async () => void (missing = await whyNoPython()), 300_000);

describe.each(['socket-io.js', 'curl-sse.sh', 'python_socketio.py'])('%s', (file) => {
  const whyNot = () => (file.endsWith('.py') ? missing : undefined);

  test('makes a session of that id, says the words and prints the reply once', async ({ skip }) => {
    if (whyNot() !== undefined) skip(whyNot());
    const scene = await open();
    const id = `any "id" / ? % \\ é 🌿 ${file}`;
    const said = 'say "hi"\n\\n \\u0041 🌿';

    const result = await runExample(scene.url, file, id, said);

    expect(result).toMatchObject({ code: 0, stdout: `${reply}\n` });
    expect(result.stderr).toContain('You are talking with an AI.');
    expect(await inputsOf(scene, id)).toEqual([said]);
  });

  test('has an id made for it where none is given', async ({ skip }) => {
    if (whyNot() !== undefined) skip(whyNot());
    const scene = await open();
    const before = await sessionsOf(scene);

    const result = await runExample(scene.url, file);

    expect(result).toMatchObject({ code: 0, stdout: `${reply}\n` });
    expect(await madeSince(before, scene)).toEqual([1]);
  });

  test('says nothing in a session that exists', async ({ skip }) => {
    if (whyNot() !== undefined) skip(whyNot());
    const scene = await open();
    const id = `${file} mine`;
    await scene.rest('POST /api/v1/session/create', { body: { session_id: id } });

    const result = await runExample(scene.url, file, id);

    expect(result).toMatchObject({ code: 1, stdout: expect.stringMatching(/^\n?$/) });
    expect(result.stderr).toMatch(/taken|already exists/);
    expect(await inputsOf(scene, id)).toEqual([]);
  });

  test('prints text that needs escapes as it is', async ({ skip }) => {
    if (whyNot() !== undefined) skip(whyNot());
    const scene = await openRaw();
    const id = `${file} hard`;

    const result = await runExample(scene.url, file, id);

    const { body } = await scene.rest(`GET ${pathOf(id, '/history')}`);
    expect(body).toMatchObject({ turns: [{ text: hard }] });
    expect(result.stdout).toBe(`${hard}\n`);
  });

  test('shows help to somebody at risk', async ({ skip }) => {
    if (whyNot() !== undefined) skip(whyNot());
    const scene = await open();

    const result = await runExample(scene.url, file, `${file} risk`, 'I want to kill myself');

    expect(result.code).toBe(0);
    expect(result.stdout).toContain('findahelpline.com');
    expect(result.stderr).toContain('112');
  });

  test('[P-3] prints every word once when the connection ends again and again in mid-reply', async ({
    skip,
  }) => {
    if (whyNot() !== undefined) skip(whyNot());
    const scene = await open();
    const id = `${file} cut`;
    const ends = [
      [5, 'cut'],
      [12, 'reset'],
      [30, 'cut'],
    ] as const;
    for (const [n] of ends) scene.fake.hold('piece', n);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    await using example = new Example(file, [id], { STILLPOINT_URL: proxy.url });

    for (const [n, how] of ends) {
      await example.wrote(firstWords(reply, n));
      proxy[how]();
      scene.fake.release('piece', n);
    }

    expect(await example.ended()).toMatchObject({ code: 0, stdout: `${reply}\n` });
    expect(await inputsOf(scene, id)).toHaveLength(1);
  });

  test('[P-8] prints every word once when the server is killed and started again in mid-reply', async ({
    skip,
  }) => {
    if (whyNot() !== undefined) skip(whyNot());
    await using scene = await openScene({ fake: { behaviour: { reply } } });
    scene.fake.hold('piece', 12);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    await using example = new Example(file, ['killed'], { STILLPOINT_URL: proxy.url });
    await example.wrote(firstWords(reply, 12));

    await scene.kill();
    scene.fake.release();
    await scene.start();
    proxy.retarget(scene.server.port);

    expect(await example.ended()).toMatchObject({ code: 0, stdout: `${reply}\n` });
    expect(await inputsOf(scene, 'killed')).toHaveLength(1);
  });

  test('[S-5] makes and says nothing twice when answers get lost', async ({ skip }) => {
    if (whyNot() !== undefined) skip(whyNot());
    const scene = await open();
    const id = `${file} lost`;
    const before = await sessionsOf(scene);
    await using proxy = await startTcpProxy({ target: scene.server.port });
    // 6 connections end somewhere in their first bytes: in the handshake, the ack of create or that of the input
    let cuts = 0;
    using _cuts = proxy.onBytes((direction) => {
      if (direction === 'up' && cuts < 6) proxy.cutAfter('down', 100 * ++cuts);
      else if (cuts === 6) proxy.cutAfter('down', Number.MAX_SAFE_INTEGER);
    });

    const result = await runExample(proxy.url, file, id);

    expect(result, result.stderr).toMatchObject({ code: 0, stdout: `${reply}\n` });
    expect(await madeSince(before, scene)).toHaveLength(1);
    expect(await inputsOf(scene, id)).toHaveLength(1);
  });

  test('ends with a failure when the session is deleted in mid-reply', async ({ skip }) => {
    if (whyNot() !== undefined) skip(whyNot());
    const scene = await open();
    const id = `${file} gone`;
    scene.fake.hold('piece', 5);
    await using example = new Example(file, [id], { STILLPOINT_URL: scene.url });
    await example.wrote(firstWords(reply, 5));

    await scene.rest(`DELETE ${pathOf(id)}`);

    const result = await example.ended();
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/deleted/);
  });
});
