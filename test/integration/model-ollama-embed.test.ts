// What is Ollama's own in making vectors: which model, what is asked, and what the network does to it.
import { expect, it } from 'vitest';
import { ModelError } from '../../src/model/model.ts';
import type { ModelFault } from '../../src/model/model.ts';
import { dot } from '../../src/retrieval/embed.ts';
import { never } from '../conformance/model.ts';
import type { Behaviour } from '../support/fake-ollama.ts';
import { minilm, startEmbedding } from '../support/ollama-embedder.ts';
import { deadline } from '../support/wait.ts';

const texts = Array.from({ length: 40 }, (_, at) => `text number ${at}`);

/** What a promise raises. */
const raised = (promise: Promise<unknown>): Promise<unknown> =>
  deadline(
    promise.then(
      () => 'nothing',
      (error: unknown) => error,
    ),
    'the end',
  );

it('is named by the model and its weights', async () => {
  await using subject = await startEmbedding({ own: { digest: 'abc' } });

  expect(await subject.embedder.identity(never())).toBe('ollama/minilm@abc');
});

it('has another identity once the weights are others', async () => {
  await using subject = await startEmbedding({ own: { digest: 'abc' } });
  const before = await subject.embedder.identity(never());

  subject.fake.install({ ...minilm, digest: 'def' });

  expect(await subject.embedder.identity(never())).not.toBe(before);
});

it('loads nothing to tell its identity', async () => {
  await using subject = await startEmbedding();

  await subject.embedder.identity(never());

  expect(subject.fake.of('embed')).toEqual([]);
  expect(subject.fake.loaded).toEqual([]);
});

it('raises for a model that is not there, and pulls nothing unasked', async () => {
  await using subject = await startEmbedding({ options: { model: 'other' } });

  const error = await raised(subject.embedder.identity(never()));

  expect(error).toMatchObject({ name: 'ModelError', fault: 'missing' });
  expect(subject.fake.of('pull')).toEqual([]);
});

it('pulls a model that is not there where it may', async () => {
  await using subject = await startEmbedding({ options: { model: 'other', pull: true } });
  subject.fake.always({ pull: { total: 10, steps: 2, capabilities: ['embedding'] } }, 'pull');

  const identity = await subject.embedder.identity(never());

  expect(identity).toMatch(/^ollama\/other@\w+$/);
  expect(await subject.embedder.embed(['rain'], 'batch', never())).toHaveLength(1);
});

it('raises where a pull fails', async () => {
  await using subject = await startEmbedding({ options: { model: 'other', pull: true } });
  subject.fake.always({ fault: { kind: 'error', after: 1 } }, 'pull');

  expect(await raised(subject.embedder.identity(never()))).toBeInstanceOf(ModelError);
});

it('raises for a model that only speaks, though Ollama would make vectors with it', async () => {
  await using subject = await startEmbedding({ options: { model: 'llama3.1' } });

  const error = await raised(subject.embedder.identity(never()));

  expect(error).toMatchObject({ name: 'ModelError', fault: 'refused' });
});

it.each<{ title: string; behaviour: Behaviour }>([
  { title: '500', behaviour: { refuse: { status: 500 } } },
  { title: 'a page of HTML', behaviour: { fault: { kind: 'html' } } },
  { title: 'a break', behaviour: { fault: { kind: 'reset' } } },
])('raises a fault of the model for $title to a look, and can be asked again', async ({ behaviour }) => {
  await using subject = await startEmbedding();
  subject.fake.next(behaviour, 1, 'show');
  subject.fake.next(behaviour, 1, 'tags');

  expect(await raised(subject.embedder.identity(never()))).toBeInstanceOf(ModelError);
  expect(await raised(subject.embedder.identity(never()))).toBeInstanceOf(ModelError);
  expect(await subject.embedder.identity(never())).toMatch(/^ollama\/minilm@/);
});

it('asks for few texts at a time, in order', async () => {
  await using subject = await startEmbedding();

  await subject.embedder.embed(texts, 'batch', never());

  const asked = subject.fake.of('embed').map(({ body }) => body);
  expect(asked.length).toBeGreaterThan(1);
  expect(asked.flatMap((body) => (body as { input: string[] }).input)).toEqual(texts);
});

it('keeps the model as long as the one that speaks, and out of the graphics card', async () => {
  await using subject = await startEmbedding({ options: { keepAlive: '300' } });

  await subject.embedder.embed(['rain'], 'batch', never());

  expect(subject.fake.of('embed').map(({ body }) => body)).toEqual([
    { model: 'minilm', input: ['rain'], keep_alive: 300, options: { num_gpu: 0 } },
  ]);
});

it('makes vectors that are not of unit length so', async () => {
  await using subject = await startEmbedding();
  subject.fake.next({ vectors: () => [[3, 4]] }, 1, 'embed');

  const [vector = new Float32Array()] = await subject.embedder.embed(['rain'], 'batch', never());

  expect(dot(vector, Float32Array.of(0.6, 0.8))).toBeCloseTo(1, 6);
});

it.each<{ title: string; behaviour: Behaviour; fault: ModelFault }>([
  { title: '404', behaviour: { refuse: { status: 404 } }, fault: 'missing' },
  { title: '400', behaviour: { refuse: { status: 400 } }, fault: 'refused' },
  { title: '500', behaviour: { refuse: { status: 500 } }, fault: 'interrupted' },
  { title: '503', behaviour: { refuse: { status: 503 } }, fault: 'busy' },
  { title: 'a page of HTML', behaviour: { fault: { kind: 'html' } }, fault: 'interrupted' },
  { title: 'an error', behaviour: { fault: { kind: 'error' } }, fault: 'interrupted' },
  { title: 'half an answer', behaviour: { fault: { kind: 'close', partial: 30 } }, fault: 'interrupted' },
  { title: 'a reset', behaviour: { fault: { kind: 'reset' } }, fault: 'interrupted' },
  { title: 'words instead of vectors', behaviour: { vectors: () => 'none' }, fault: 'interrupted' },
  { title: 'words instead of numbers', behaviour: { vectors: () => [['a']] }, fault: 'interrupted' },
  { title: 'too few vectors', behaviour: { vectors: () => [] }, fault: 'interrupted' },
  { title: 'too many vectors', behaviour: { vectors: () => [[1], [1]] }, fault: 'interrupted' },
  { title: 'a vector without a direction', behaviour: { vectors: () => [[0, 0]] }, fault: 'interrupted' },
  { title: 'a vector without numbers', behaviour: { vectors: () => [[]] }, fault: 'interrupted' },
])('raises a fault of the model for $title, and makes the next vector', async ({ behaviour, fault }) => {
  await using subject = await startEmbedding();
  subject.fake.next(behaviour, 1, 'embed');

  const error = await raised(subject.embedder.embed(['rain'], 'batch', never()));

  expect(error).toBeInstanceOf(ModelError);
  expect(error).toMatchObject({ fault });
  expect(await subject.embedder.embed(['rain'], 'batch', never())).toHaveLength(1);
});

it('raises for an answer that does not come, and makes the next vector', async () => {
  await using subject = await startEmbedding({ options: { loadMs: 50 } });
  subject.fake.next({ fault: { kind: 'silence' } }, 1, 'embed');

  const error = await raised(subject.embedder.embed(['rain'], 'batch', never()));

  expect(error).toMatchObject({ name: 'ModelError', fault: 'interrupted' });
  expect(await subject.embedder.embed(['rain'], 'batch', never())).toHaveLength(1);
});

it('raises while nobody is there, and makes vectors once somebody is', async () => {
  await using subject = await startEmbedding();
  await subject.fake.stop();

  const error = await raised(subject.embedder.embed(['rain'], 'batch', never()));
  await subject.fake.start();

  expect(error).toMatchObject({ name: 'ModelError', fault: 'unreachable' });
  expect(await subject.embedder.embed(['rain'], 'batch', never())).toHaveLength(1);
});

it('tells nobody, but for debugging, what Ollama says of an error', async () => {
  const secret = 'at /home/someone/.ollama/models';
  await using subject = await startEmbedding();
  subject.fake.next({ refuse: { status: 500, error: secret } }, 1, 'embed');

  const error = await raised(subject.embedder.embed(['rain'], 'batch', never()));

  expect(
    JSON.stringify([String(error), subject.entries.filter(({ level }) => level !== 'debug')]),
  ).not.toContain(secret);
  expect(JSON.stringify(subject.entries)).toContain(secret);
});

it('closes the request when its signal aborts', async () => {
  await using subject = await startEmbedding();
  subject.fake.hold('prompt');
  const stop = new AbortController();
  const vectors = raised(subject.embedder.embed(['rain'], 'batch', stop.signal));
  const request = await subject.fake.reached('prompt');

  stop.abort(new Error('enough'));

  expect(await vectors).toMatchObject({ message: 'enough' });
  await subject.fake.idle();
  expect(request.ending).toBe('client');
});

it('asks nothing more of a batch whose signal aborted', async () => {
  await using subject = await startEmbedding();
  subject.fake.hold('prompt');
  const stop = new AbortController();
  const vectors = raised(subject.embedder.embed(texts, 'batch', stop.signal));
  await subject.fake.reached('prompt');

  stop.abort(new Error('enough'));
  await vectors;
  await subject.fake.idle();
  subject.fake.release();
  await subject.embedder.embed(['rain'], 'batch', never());

  expect(subject.fake.of('embed').map(({ ending }) => ending)).toEqual(['client', 'done']);
});

it.each(['request', 'load', 'prompt'] as const)(
  'closes a request that is at its %s when it is closed',
  async (point) => {
    await using subject = await startEmbedding();
    subject.fake.hold(point);
    const waiting = [1, 2, 3].map(() => raised(subject.embedder.embed(['rain'], 'batch', never())));
    await subject.fake.reached(point);

    await subject.embedder[Symbol.asyncDispose]();

    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(ModelError);
    await subject.fake.idle();
  },
);

it('closes a pull when it is closed', async () => {
  await using subject = await startEmbedding({ options: { model: 'other', pull: true } });
  subject.fake.always({ fault: { kind: 'silence', after: 1 } }, 'pull');
  const identity = raised(subject.embedder.identity(never()));
  await subject.fake.until(() => subject.fake.of('pull').length === 1, 'a pull');

  await subject.embedder[Symbol.asyncDispose]();

  expect(await identity).toBeInstanceOf(ModelError);
  await subject.fake.idle();
});

it('shows the credentials of its address to Ollama and to nobody else', async () => {
  await using other = await startEmbedding();
  const baseUrl = `${other.fake.url.replace('http://', 'http://ann:s%C3%A9cret@')}/?key=hidden`;
  await using subject = await startEmbedding({ options: { baseUrl } });
  await subject.embedder.identity(never());
  await subject.embedder.embed(['rain'], 'batch', never());
  await other.fake.stop();

  const error = await raised(subject.embedder.embed(['rain'], 'batch', never()));

  const expected = `Basic ${Buffer.from('ann:sécret').toString('base64')}`;
  expect(new Set(other.fake.requests.map(({ authorization }) => authorization))).toEqual(new Set([expected]));
  expect(new Set(other.fake.requests.map(({ kind }) => kind))).toEqual(
    new Set(['show', 'tags', 'ps', 'embed']),
  );
  expect(`${String(error)}${JSON.stringify(subject.entries)}`).not.toMatch(
    /s%C3%A9cret|sécret|hidden|Basic/i,
  );
});

it('asks for a turn before the batches that wait', async () => {
  await using subject = await startEmbedding();
  await subject.embedder.embed(['a first look'], 'batch', never());
  const from = subject.fake.of('embed').length;
  subject.fake.hold('prompt');
  const work = ['one', 'two', 'three'].map((text) => subject.embedder.embed([text], 'batch', never()));
  await subject.fake.until(() => subject.fake.of('embed').length === from + 2, 'two batches');

  const turn = subject.embedder.embed(['a turn'], 'query', never());
  subject.fake.release();
  await Promise.all([turn, ...work]);

  const asked = subject.fake.of('embed').slice(from);
  expect(asked.map(({ body }) => (body as { input: string[] }).input[0])).toEqual([
    'one',
    'two',
    'a turn',
    'three',
  ]);
});

it.each([
  { what: 'a batch', urgency: 'batch' as const, asked: texts },
  { what: 'another turn', urgency: 'query' as const, asked: ['another turn'] },
])('asks for a turn while $what is answered', async ({ urgency, asked }) => {
  await using subject = await startEmbedding();
  await subject.embedder.embed(['a first look'], 'batch', never());
  const from = subject.fake.requests.length;
  subject.fake.hold('prompt');
  const first = raised(subject.embedder.embed(asked, urgency, never()));
  await subject.fake.reached('prompt', 0, from);

  const turn = raised(subject.embedder.embed(['a turn'], 'query', never()));
  await subject.fake
    .until(() => subject.fake.generating === 2, 'both at once')
    .finally(() => subject.fake.release());

  expect(await turn).toBe('nothing');
  expect(await first).toBe('nothing');
});

it('asks for the next turn though the one before was given up', async () => {
  await using subject = await startEmbedding();
  await subject.embedder.embed(['a first look'], 'batch', never());
  const from = subject.fake.requests.length;
  subject.fake.hold('prompt');
  const stop = new AbortController();
  const left = raised(subject.embedder.embed(['a turn'], 'query', stop.signal));
  await subject.fake.reached('prompt', 0, from);
  stop.abort();
  await left;
  subject.fake.release();

  expect(await subject.embedder.embed(['the next'], 'query', never())).toHaveLength(1);
});
