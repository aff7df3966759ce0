// Vectors from one of several Ollama servers: always the same one, because weights may differ between them.
import { expect, it } from 'vitest';
import { createOllamaEmbedderOf } from '../../src/model/ollama-embed-hosts.ts';
import type { Embedder } from '../../src/retrieval/embed.ts';
import { never } from '../conformance/model.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import type { FakeOllama } from '../support/fake-ollama.ts';
import { minilm } from '../support/ollama-embedder.ts';
import { deadline } from '../support/wait.ts';

const open = (fakes: readonly FakeOllama[]): Embedder =>
  createOllamaEmbedderOf({
    baseUrls: fakes.map(({ url }) => url),
    model: 'minilm',
    chatModel: 'llama3.1',
    keepAlive: '5m',
    pull: false,
    connectMs: 5_000,
    loadMs: 60_000,
  });

const start = (digest?: string) =>
  startFakeOllama({ models: digest === undefined ? ['llama3.1'] : ['llama3.1', { ...minilm, digest }] });

const asked = (fakes: readonly FakeOllama[]) => fakes.map((fake) => fake.of('embed').length);

it('takes the first server that has the model', async () => {
  await using gone = await start('one');
  await using without = await start();
  await using first = await start('two');
  await using second = await start('three');
  await gone.stop();
  const fakes = [gone, without, first, second];
  await using embedder = open(fakes);

  expect(await embedder.identity(never())).toBe('ollama/minilm@two');
  expect(await embedder.embed(['a wave'], 'batch', never())).toHaveLength(1);

  expect(asked(fakes)).toEqual([0, 0, 1, 0]);
});

it('asks no other server while that one is away, until its identity is asked for again', async () => {
  await using first = await start('one');
  await using second = await start('two');
  await using embedder = open([first, second]);
  const before = await embedder.identity(never());
  await first.stop();

  await expect(embedder.embed(['a wave'], 'batch', never())).rejects.toMatchObject({ fault: 'unreachable' });
  const during = asked([first, second]);
  const after = await embedder.identity(never());
  await embedder.embed(['a wave'], 'batch', never());

  expect([before, after]).toEqual(['ollama/minilm@one', 'ollama/minilm@two']);
  expect([during, asked([first, second])]).toEqual([
    [0, 0],
    [0, 1],
  ]);
});

it('says what is wrong with the first one where none will do', async () => {
  await using first = await start();
  await using second = await start('two');
  await second.stop();
  await using embedder = open([first, second]);

  await expect(embedder.identity(never())).rejects.toMatchObject({ fault: 'missing' });
  await expect(embedder.embed(['a wave'], 'batch', never())).rejects.toMatchObject({ fault: 'unreachable' });
});

it('asks nobody else once nobody wants to know', async () => {
  await using first = await start('one');
  await using second = await start('two');
  first.hold('request');
  await using embedder = open([first, second]);
  const stop = new AbortController();
  const asking = embedder.identity(stop.signal);
  asking.catch(() => undefined);
  await first.reached('request');

  stop.abort(new Error('enough'));

  await expect(deadline(asking, 'the end')).rejects.toThrow('enough');
  expect(second.requests).toEqual([]);
});
