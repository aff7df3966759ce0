// Examples may be lost at any time: whoever writes gets an answer, and the examples come back.
import { watch } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { shownTo } from '../support/prompt-examples.ts';
import { randomFrom, seed } from '../support/random.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene, SceneOptions } from '../support/scene.ts';
import { tempDir } from '../support/server-process.ts';

const text = 'I want to feel calm and peaceful';
const ready = 'examples are ready';
const LONG_MS = 30_000;

/** Vectors come from the fake, which is faster than the encoder. */
const fake = {
  behaviour: { reply: words(12) },
  models: ['llama3.1', { name: 'minilm', capabilities: ['embedding'] }],
};
const env = { RETRIEVAL: 'on', MODEL: 'ollama', EMBED_MODEL: 'minilm' };

const openShelf = (more: Record<string, string> = {}, prepare?: SceneOptions['prepare']): Promise<Scene> =>
  openScene({ env: { ...env, ...more }, fake, ...(prepare && { prepare }) });

/** Health says ready, and a turn is shown examples. */
async function expectReady(scene: Scene, sessionId: string): Promise<void> {
  await scene.server.logged(ready, LONG_MS);
  const { services } = await scene.healthy(() => true);
  const { examples } = await shownTo(scene, sessionId, text);

  expect(services).toMatchObject({ rag: 'ready' });
  expect(examples.length).toBeGreaterThan(0);
}

async function filesIn(directory: string, kind: RegExp): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.filter((file) => kind.test(file));
}

const Embed = z.object({ input: z.array(z.string()) });
const textsOf = (scene: Scene): string[] =>
  scene.fake.of('embed').flatMap(({ body }) => Embed.parse(body).input);

test('who is killed halfway goes on there at the next start, and embeds nothing twice', async () => {
  await using scene = await openShelf();
  await scene.fake.until(() => scene.fake.of('embed').length >= 60, 'some vectors');
  scene.fake.always({ fault: { kind: 'silence' } }, 'embed');
  const first = scene.fake.of('embed').length;
  await scene.fake.until(() => scene.fake.of('embed').length > first, 'a request that hangs');
  await scene.kill();
  const before = textsOf(scene);
  scene.fake.always({}, 'embed');

  await scene.start();
  await expectReady(scene, 's');
  const again = textsOf(scene)
    .slice(before.length)
    .filter((one) => before.includes(one));

  // what a batch had when it was cut, and what is embedded to have the model loaded
  expect(again.length).toBeLessThanOrEqual(64 + 1);
  expect(before.length).toBeGreaterThan(200);
});

const random = randomFrom(seed);

test.each([[`number ${random.between(1, 40)}`]])(
  `who is killed at %s of the changes to its files is ready at the next start (SEED=${seed})`,
  async (moment) => {
    await using tables = await tempDir();
    let left = Number(/\d+/.exec(moment)?.[0] ?? 1);
    const changed = Promise.withResolvers<void>();
    const watcher = watch(tables.path, { recursive: true }, () => {
      left -= 1;
      if (left === 0) changed.resolve();
    });
    using stack = new DisposableStack();
    stack.defer(() => watcher.close());
    await using scene = await openShelf({ LANCEDB_URI: tables.path });
    await Promise.race([changed.promise, scene.server.logged(ready, LONG_MS)]);

    await scene.kill();
    await scene.start();

    await expectReady(scene, 's');
  },
);

test('tables that were cut short on the disk are made anew at a start', async () => {
  await using scene = await openShelf();
  await scene.server.logged(ready, LONG_MS);
  await scene.kill();
  const files = await filesIn(scene.dataDir, /\.lance\/data\//);
  for (const file of files) await writeFile(file, (await readFile(file)).subarray(0, 100));

  await scene.start();

  await expectReady(scene, 's');
});

test('a place that cannot be written is told of, examples are shown, and the next start has a better one', async () => {
  await using directory = await tempDir();
  const file = join(directory.path, 'a-file');
  await writeFile(file, '');
  await using scene = await openShelf({ LANCEDB_URI: join(file, 'tables') });

  const told = await scene.server.logged('vectors cannot be kept', LONG_MS);
  await expectReady(scene, 's');
  const exit = await scene.kill('SIGTERM', LONG_MS);
  await scene.start({ LANCEDB_URI: join(directory.path, 'tables') });

  expect(told).toMatchObject({ level: 40, reason: expect.stringContaining(file) });
  expect(exit).toEqual({ code: 0, signal: null });
  await expectReady(scene, 'again');
});

test('two servers that fill one directory at the same moment both serve, and one outlives the other', async () => {
  await using tables = await tempDir();
  const shared = { LANCEDB_URI: tables.path };
  await using resources = new AsyncDisposableStack();
  const scenes = await Promise.all([openShelf(shared), openShelf(shared)]);
  for (const scene of scenes) resources.use(scene);
  const [one, other] = scenes;

  await Promise.all([expectReady(one, 'one'), expectReady(other, 'other')]);
  await one.kill();
  const { examples } = await shownTo(other, 'left', text);

  expect(examples.length).toBeGreaterThan(0);
});
