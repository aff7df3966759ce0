// Examples in a real server: where they come from, when a model sees them, and when nobody needs them.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PriorityState, StateId } from '../../src/contract/progress.ts';
import { ownDirectory, readExemplars } from '../../src/retrieval/exemplars.ts';
import { neutralise } from '../../src/therapy/prompt.ts';
import { Needles } from '../support/needles.ts';
import { messagesOf, sayTo, shownTo } from '../support/prompt-examples.ts';
import { openScene, words } from '../support/scene.ts';
import type { Scene } from '../support/scene.ts';
import { tempDir } from '../support/server-process.ts';
import { fileOf, written } from '../support/retrieval-bench.ts';

/** Longer than a start: all exemplars are being embedded. */
const MAKING_MS = 240_000;
const trumpet = 'my neighbour plays the trumpet every evening and i want to feel calm';
const lineOf = (state: string): string =>
  `In ${state} that trumpet has been part of your evenings. What now?`;
/** What an operator wrote: the same person in every state, so that only the state tells which is right. */
const own = [...StateId.options, ...PriorityState.options].map((state_id) =>
  written({ id: `trumpet-${state_id}`, state_id, client_example: trumpet, guide_line: lineOf(state_id) }),
);

const behaviour = { reply: words(12) };
const canary = 'quixotrumpelstilt';

const resources = new AsyncDisposableStack();
const exemplarsDir = resources.use(await tempDir()).path;
const on = { RETRIEVAL: 'on', EXEMPLARS_DIR: exemplarsDir, MODEL: 'ollama' };

/** A server that made its tables, was stopped and started again, and has examples. */
interface Ready {
  scene: Scene;
  /** What the first start logged and answered. */
  first: { health: object; log: readonly Record<string, unknown>[] };
}

const ready: { now?: Ready } = {};
const mustBeReady = (): Ready => {
  if (!ready.now) throw new Error('it is started before the tests');
  return ready.now;
};

beforeAll(async () => {
  await writeFile(join(exemplarsDir, 'own.json'), fileOf(own));
  const scene = resources.use(await openScene({ env: on, fake: { behaviour } }));
  await scene.server.logged('examples are ready', MAKING_MS);
  const first = { health: await scene.healthy(() => true), log: scene.server.log };
  await shownTo(scene, 'canary', `${trumpet} ${canary}`);
  await scene.kill('SIGTERM', 30_000);
  await scene.start();
  await scene.server.logged('examples are ready', MAKING_MS);
  ready.now = { scene, first };
}, 2 * MAKING_MS);
afterAll(() => resources.disposeAsync());

const oneLine = (text: string): string => neutralise(text.replace(/\s+/g, ' ').trim());

/** Everything below a directory, as one. */
async function bytesIn(path: string): Promise<Buffer> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Buffer.concat(
    await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name)))),
  );
}

test('a fresh directory is filled, and health says ready', () => {
  const { health, log } = mustBeReady().first;

  expect(health).toMatchObject({ services: { rag: 'ready' } });
  expect(log.map(({ msg }) => msg)).toContain('exemplars are being embedded');
});

test('the next start is ready and embeds nothing', async () => {
  const { scene } = mustBeReady();

  const { services } = await scene.healthy(() => true);

  expect(services).toMatchObject({ rag: 'ready' });
  expect(scene.server.log.map(({ msg }) => msg)).not.toContain('exemplars are being embedded');
});

test('a model is shown one to three exemplars of the state it answers in, and those of an operator too', async () => {
  const { scene } = mustBeReady();
  const { list } = await readExemplars([ownDirectory, exemplarsDir]);
  const stateOf = new Map(list.map((exemplar) => [oneLine(exemplar.guide_line), exemplar.state_id]));

  const { state, examples } = await shownTo(scene, 's', trumpet);

  expect(examples.length).toBeLessThanOrEqual(3);
  expect(examples[0]).toEqual({ person: trumpet, guide: lineOf(state) });
  expect(examples.map(({ guide }) => stateOf.get(guide))).toEqual(examples.map(() => state));
});

test('what one person wrote is in no example of another, and in no file of examples', async () => {
  const { scene } = mustBeReady();

  const { asked } = await shownTo(scene, 'another', trumpet);
  const files = await bytesIn(join(scene.dataDir, 'exemplars'));

  expect(JSON.stringify(asked.map(messagesOf))).not.toContain(canary);
  // the name of a column shows that the files were looked through
  expect(new Needles([canary, 'text_hash']).foundIn(files)).toEqual(['text_hash']);
});

test('a turn after a risk has no examples, while others have', async () => {
  const { scene } = mustBeReady();

  const risk = await sayTo(scene, 's', 'I want to kill myself');
  const after = await sayTo(scene, 's', trumpet);
  const other = await shownTo(scene, 'other', trumpet);

  expect(risk).toMatchObject({ source: 'safety', examples: [] });
  expect(after.asked).toHaveLength(1);
  expect(JSON.stringify(after.asked.map(messagesOf))).not.toContain('<example>');
  expect(other.examples.length).toBeGreaterThan(0);
});

test('off, health says not_found, and the built-in guide says what it says with examples', async () => {
  const env = { ...on, MODEL: 'guide' };
  await using without = await openScene({ env: { ...env, RETRIEVAL: 'off' } });
  await using scene = await openScene({
    env: { ...env, LANCEDB_URI: join(mustBeReady().scene.dataDir, 'exemplars') },
  });
  await scene.server.logged('examples are ready');

  const turns = await Promise.all([scene, without].map((each) => sayTo(each, 's', trumpet)));
  const health = await Promise.all([scene, without].map((each) => each.healthy(() => true)));

  expect(turns.map(({ source }) => source)).toEqual(['guide', 'guide']);
  expect(turns[0]?.text).toBe(turns[1]?.text);
  expect(health).toMatchObject([{ services: { rag: 'ready' } }, { services: { rag: 'not_found' } }]);
  expect(await readdir(without.dataDir)).not.toContain('exemplars');
});

test('turns are answered while exemplars are still being embedded, with what their words find', async () => {
  const models = ['llama3.1', { name: 'minilm', capabilities: ['embedding'] }];
  await using scene = await openScene({
    env: { ...on, EMBED_MODEL: 'minilm' },
    fake: { behaviour, models },
    prepare: (fake) => fake.always({ fault: { kind: 'silence' } }, 'embed'),
  });
  await scene.fake.until(() => scene.fake.of('embed').length > 0, 'a request for vectors');

  const { source, state, examples } = await shownTo(scene, 's', trumpet);

  expect(source).toBe('ollama');
  expect(examples[0]).toEqual({ person: trumpet, guide: lineOf(state) });
  expect(scene.server.log.map(({ msg }) => msg)).not.toContain('examples are ready');
});
