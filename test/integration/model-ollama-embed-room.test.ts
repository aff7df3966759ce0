// Two models in the memory of one Ollama: the one that speaks stays, whatever it costs the one that makes vectors.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ask as request, never, textOf } from '../conformance/model.ts';
import { openOllama } from '../support/ollama-model.ts';
import type { Embedding } from '../support/ollama-embedder.ts';
import { startEmbedding } from '../support/ollama-embedder.ts';
import { deadline } from '../support/wait.ts';

const CHAT = 'llama3.1:latest';
const OWN = 'minilm:latest';

/** One text; what it raises is the answer, by its fault. */
function ask({ embedder }: Embedding, urgency: 'query' | 'batch'): Promise<unknown> {
  const made = embedder.embed(['I feel restless'], urgency, never());
  return deadline(
    made.then(
      () => 'a vector',
      (error: unknown) => (error instanceof Error && 'fault' in error ? error.fault : error),
    ),
    'the end',
  );
}

/** What a turn asks of the model that speaks; where that is not in memory it is loaded. */
async function speak({ fake }: Embedding): Promise<void> {
  const body = JSON.stringify({
    model: CHAT,
    messages: [{ role: 'user', content: 'Hello.' }],
    stream: false,
  });
  await (await fetch(`${fake.url}/api/chat`, { method: 'POST', body })).text();
}

/** Ends Ollama and begins it anew with room for so many models. */
async function restart({ fake }: Embedding, maxLoaded: number): Promise<void> {
  await fake.stop();
  fake.setMaxLoaded(maxLoaded);
  await fake.start();
}

/** Asks for turns until one is answered. */
async function answered(subject: Embedding): Promise<void> {
  const late = AbortSignal.timeout(10_000);
  while ((await ask(subject, 'query')) !== 'a vector') {
    late.throwIfAborted();
    await new Promise(setImmediate);
  }
}

const warnings = ({ entries }: Embedding) => entries.filter(({ level }) => level === 'warn');
const embeds = ({ fake }: Embedding) => fake.of('embed').length;

it.each([
  { order: 'behind', chatLoaded: true },
  { order: 'before', chatLoaded: false },
])(
  'stays in memory where there is room for both, loaded $order the model that speaks',
  async ({ chatLoaded }) => {
    await using subject = await startEmbedding({ chatLoaded });

    const first = await ask(subject, 'batch');
    await speak(subject);
    const turn = await ask(subject, 'query');

    expect([first, turn]).toEqual(['a vector', 'a vector']);
    expect(subject.fake.loaded).toEqual([CHAT, OWN]);
    expect(warnings(subject)).toEqual([]);
  },
);

it('is loaded by work in the background where the model that speaks is not in memory', async () => {
  await using subject = await startEmbedding({ maxLoaded: 1 });

  const first = await ask(subject, 'batch');
  const turn = await ask(subject, 'query');

  expect([first, turn]).toEqual(['a vector', 'a vector']);
  expect(warnings(subject)).toEqual([]);
});

it.each([1, 3])(
  'is loaded behind a turn that found it away, for the next one, with room for %i',
  async (maxLoaded) => {
    await using subject = await startEmbedding({ maxLoaded });
    subject.fake.hold('load');

    const turn = await ask(subject, 'query');
    await subject.fake.reached('load');
    subject.fake.release();

    expect(turn).toBe('busy');
    await answered(subject);
  },
);

it('is loaded once for many turns that found it away', async () => {
  await using subject = await startEmbedding();
  subject.fake.hold('load');

  const turns = await Promise.all([1, 2, 3, 4].map(() => ask(subject, 'query')));
  await subject.fake.reached('load');
  subject.fake.release();
  const behind = await ask(subject, 'batch');

  expect(turns).toEqual(['busy', 'busy', 'busy', 'busy']);
  expect(behind).toBe('a vector');
  expect(embeds(subject)).toBe(2);
});

it('is not loaded by a turn once its keep_alive ran out', async () => {
  await using subject = await startEmbedding({ chatLoaded: true, options: { keepAlive: '1ms' } });
  await ask(subject, 'batch');
  subject.fake.unload(OWN);
  await delay(2);
  subject.fake.hold('load');

  const turn = await ask(subject, 'query');
  await subject.fake.reached('load', 0, subject.fake.requests.length - 1);

  expect(turn).toBe('busy');
  expect(subject.fake.loaded).toEqual([CHAT]);
  subject.fake.release();
});

it('is not loaded by a turn where Ollama put it away before its time', async () => {
  await using subject = await startEmbedding({ chatLoaded: true });
  await ask(subject, 'batch');
  subject.fake.unload(OWN);
  subject.fake.hold('load');

  const turn = await ask(subject, 'query').finally(() => subject.fake.release());

  expect(turn).toBe('busy');
  await answered(subject);
});

it('is loaded anew whenever a turn finds it away', async () => {
  await using subject = await startEmbedding({ chatLoaded: true });
  await ask(subject, 'batch');

  for (const _time of ['once', 'twice']) {
    subject.fake.unload(OWN);
    await answered(subject);
  }

  expect(subject.fake.loaded).toEqual([CHAT, OWN]);
});

it('pushes the model that speaks out once at most, and says what to set', async () => {
  await using subject = await startEmbedding({ chatLoaded: true, maxLoaded: 1 });

  const trial = await ask(subject, 'batch');
  const pushedOut = subject.fake.loaded;
  await speak(subject);
  const later = [await ask(subject, 'batch'), await ask(subject, 'query'), await ask(subject, 'batch')];

  expect(trial).toBe('a vector');
  expect(pushedOut).toEqual([OWN]);
  expect(later).toEqual(['refused', 'refused', 'refused']);
  expect(subject.fake.loaded).toEqual([CHAT]);
  expect(embeds(subject)).toBe(1);
  expect(warnings(subject)).toEqual([
    {
      level: 'warn',
      facts: { model: 'minilm', chatModel: 'llama3.1' },
      message: expect.stringContaining('OLLAMA_MAX_LOADED_MODELS=2'),
    },
  ]);
});

it('leaves the model that speaks able to answer the turn behind the trial', async () => {
  await using subject = await startEmbedding({ maxLoaded: 1, behaviour: { reply: 'I am here.' } });
  await using model = openOllama(subject.fake.url);
  await textOf(model.generate(request('Hello.'), never()));
  await ask(subject, 'batch');

  const reply = await textOf(model.generate(request('Hello again.'), never()));

  expect(reply).toBe('I am here.');
  expect(subject.fake.loaded).toEqual([CHAT]);
});

it('asks nothing at all of Ollama once it knows that there is no room', async () => {
  await using subject = await startEmbedding({ chatLoaded: true, maxLoaded: 1 });
  await ask(subject, 'batch');
  const from = subject.fake.requests.length;

  await ask(subject, 'batch');
  await ask(subject, 'query');

  expect(subject.fake.requests.length).toBe(from);
});

it('never lets a turn push the model that speaks out', async () => {
  await using subject = await startEmbedding({ chatLoaded: true, maxLoaded: 1 });
  subject.fake.hold('request');

  const turn = await ask(subject, 'query').finally(() => subject.fake.release());

  expect(turn).toBe('busy');
  expect(subject.fake.requests.map(({ body }) => body)).not.toContainEqual(
    expect.objectContaining({ input: ['I feel restless'] }),
  );
});

it('pushes the model that speaks out once at most where two try at the same time, and says so once', async () => {
  await using subject = await startEmbedding({ chatLoaded: true, maxLoaded: 1 });
  subject.fake.hold('load');

  const both = [ask(subject, 'batch'), ask(subject, 'batch')];
  await subject.fake.until(() => subject.fake.of('ps').length === 2, 'two looks');
  subject.fake.release();
  await Promise.all(both);

  expect(warnings(subject)).toHaveLength(1);
});

it('does not try again where the trial failed and the model that speaks is gone', async () => {
  await using subject = await startEmbedding({ chatLoaded: true, maxLoaded: 1 });
  subject.fake.next({ fault: { kind: 'error' } }, 1, 'embed');

  const trial = await ask(subject, 'batch');
  await speak(subject);
  const later = await ask(subject, 'batch');

  expect([trial, later]).toEqual(['interrupted', 'refused']);
  expect(subject.fake.loaded).toEqual([CHAT]);
  expect(warnings(subject)).toHaveLength(1);
});

it('tries again where the trial failed and pushed nobody out', async () => {
  await using subject = await startEmbedding({ chatLoaded: true });
  subject.fake.next({ refuse: { status: 500 } }, 1, 'embed');

  const trial = await ask(subject, 'batch');

  expect(trial).toBe('interrupted');
  expect(await ask(subject, 'batch')).toBe('a vector');
  expect(warnings(subject)).toEqual([]);
});

it('knows that there is no room also where the model that speaks comes back at once', async () => {
  await using subject = await startEmbedding({ chatLoaded: true, maxLoaded: 1 });
  const trial = ask(subject, 'batch');
  await subject.fake.ended(0, 'embed');
  await speak(subject);
  await trial;

  const later = await ask(subject, 'batch');

  expect(later).toBe('refused');
  expect(subject.fake.loaded).toEqual([CHAT]);
});

it('waits with its trial until the model that speaks has ended its reply', async () => {
  await using subject = await startEmbedding({ chatLoaded: true, maxLoaded: 1 });
  subject.fake.hold('piece', 1);
  const reply = speak(subject);
  await subject.fake.reached('piece', 1);

  const trial = ask(subject, 'batch');
  const request = await subject.fake.reached('load');
  const during = subject.fake.loaded;
  subject.fake.release('piece', 1);
  await reply;

  expect(request.kind).toBe('embed');
  expect(during).toEqual([CHAT]);
  expect(await trial).toBe('a vector');
});

it.each(['query', 'batch'] as const)(
  'pushes nobody out with a %s after it was pushed out itself',
  async (urgency) => {
    await using subject = await startEmbedding({ maxLoaded: 1 });
    await ask(subject, 'batch');
    await speak(subject);

    const answer = await ask(subject, urgency);

    expect(answer).toBe('refused');
    expect(subject.fake.loaded).toEqual([CHAT]);
    expect(embeds(subject)).toBe(1);
    expect(warnings(subject)).toHaveLength(1);
  },
);

it('pushes nobody out with a turn where Ollama has come back with less room', async () => {
  await using subject = await startEmbedding({ chatLoaded: true });
  await ask(subject, 'batch');
  await restart(subject, 1);
  await speak(subject);
  subject.fake.hold('load');

  const turn = await ask(subject, 'query').finally(() => subject.fake.release());

  expect(turn).toBe('busy');
});

it('pushes the model that speaks out once at most where Ollama has come back with less room', async () => {
  await using subject = await startEmbedding({ chatLoaded: true });
  await ask(subject, 'batch');
  await restart(subject, 1);
  await speak(subject);

  await ask(subject, 'batch');
  await speak(subject);
  const later = await ask(subject, 'batch');

  expect(later).toBe('refused');
  expect(subject.fake.loaded).toEqual([CHAT]);
  expect(warnings(subject)).toHaveLength(1);
});
