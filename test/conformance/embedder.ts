import { describe, expect, it } from 'vitest';
import type { Embedder } from '../../src/retrieval/embed.ts';
import { dot, forEmbedding } from '../../src/retrieval/embed.ts';
import { deadline } from '../support/wait.ts';

export interface EmbedderCase {
  /** Something with a loaded model; what comes with it is closed with it. */
  open: () => Promise<AsyncDisposable & { embedder: Embedder }>;
  /** One that nobody has asked anything. */
  fresh: () => Promise<AsyncDisposable & { embedder: Embedder }>;
}

/** More than go in one batch. */
const things =
  'apple river candle window bread mountain letter garden winter music bridge horse mirror island';
const texts = [...things.split(' '), 'my mother', 'the sea at night', 'I cannot sleep', 'a red bicycle'];

/** A signal nobody aborts. */
const never = (): AbortSignal => new AbortController().signal;

/** The promises of the embedder seam. */
export function embedderConformance(name: string, given: EmbedderCase): void {
  describe(`${name} keeps the promises of an embedder`, () => {
    vectors(given);
    orders(given);
    endings(given);
  });
}

function vectors({ open }: EmbedderCase): void {
  it('makes one vector a text, in order', async () => {
    await using subject = await open();

    const all = await subject.embedder.embed(texts, 'batch', never());

    expect(all).toHaveLength(texts.length);
    for (const at of [0, 7, 8, 15, 16, texts.length - 1]) {
      const [alone = new Float32Array()] = await subject.embedder.embed([texts[at] ?? ''], 'batch', never());
      const likeness = all.map((vector) => dot(vector, alone));
      expect(likeness.indexOf(Math.max(...likeness))).toBe(at);
      expect(likeness[at]).toBeCloseTo(1, 4);
    }
  });

  it.each([
    { what: 'a sentence', text: 'I feel it in my chest.' },
    { what: 'nothing but white space', text: ' \n ' },
    { what: 'a picture', text: '😀' },
    { what: 'another script', text: 'אני לא ישן' },
    { what: 'half a character', text: '\ud83d' },
    { what: 'a long text', text: 'my chest is tight '.repeat(500) },
  ])('makes a unit vector of $what, as long as every other', async ({ text }) => {
    await using subject = await open();

    const [one, other] = await subject.embedder.embed([forEmbedding(text), 'rain'], 'batch', never());

    expect(one?.length).toBe(other?.length);
    expect(dot(one ?? new Float32Array(), one ?? new Float32Array())).toBeCloseTo(1, 5);
  });

  it('makes the same vector for a turn as in the background', async () => {
    await using subject = await open();

    const [asked = new Float32Array()] = await subject.embedder.embed(['rain'], 'query', never());

    const [made = new Float32Array()] = await subject.embedder.embed(['rain'], 'batch', never());
    expect(dot(asked, made)).toBeCloseTo(1, 5);
  });

  it('makes no vectors of no texts', async () => {
    await using subject = await open();

    expect(await subject.embedder.embed([], 'batch', never())).toEqual([]);
  });

  it('has one identity', async () => {
    await using subject = await open();

    const identity = await subject.embedder.identity(never());

    expect(identity).not.toBe('');
    expect(await subject.embedder.identity(never())).toBe(identity);
  });
}

function orders({ open }: EmbedderCase): void {
  it('answers a turn before all of the work in the background that was there first', async () => {
    await using subject = await open();
    const ended: string[] = [];
    const work = subject.embedder
      .embed([...texts, ...texts, ...texts], 'batch', never())
      .then(() => ended.push('work'));

    await subject.embedder.embed(['I feel restless'], 'query', never());
    ended.push('turn');
    await work;

    expect(ended).toEqual(['turn', 'work']);
  });

  it('lets a turn pass the work in the background that waits', async () => {
    await using subject = await open();
    const ended: string[] = [];
    const work = texts
      .slice(0, 6)
      .map((text) => subject.embedder.embed([text], 'batch', never()).then(() => ended.push('work')));

    const turn = subject.embedder.embed(['a turn'], 'query', never()).then(() => ended.push('turn'));
    await Promise.all([turn, ...work]);

    expect(ended.at(-1)).toBe('work');
  });

  it('answers turns that ask at the same time', async () => {
    await using subject = await open();

    const all = await Promise.all(
      texts.slice(0, 6).map((text) => subject.embedder.embed([text], 'query', never())),
    );

    expect(all.map((one) => one.length)).toEqual([1, 1, 1, 1, 1, 1]);
  });
}

function endings({ open, fresh }: EmbedderCase): void {
  it.each(['query', 'batch'] as const)(
    'raises the reason of a signal that aborted before a %s',
    async (urgency) => {
      await using subject = await open();
      const reason = new Error('not wanted');

      const vectors = subject.embedder.embed(['rain'], urgency, AbortSignal.abort(reason));

      await expect(vectors).rejects.toBe(reason);
    },
  );

  it.each(['query', 'batch'] as const)(
    'raises the reason of a signal that aborts during a %s',
    async (urgency) => {
      await using subject = await open();
      const stop = new AbortController();
      const reason = new Error('enough');

      const vectors = subject.embedder.embed(texts, urgency, stop.signal);
      stop.abort(reason);

      await expect(deadline(vectors, 'the end')).rejects.toBe(reason);
    },
  );

  it('answers the next turn after one that was given up', async () => {
    await using subject = await open();
    const stop = new AbortController();
    const left = subject.embedder.embed(['rain'], 'query', stop.signal);
    stop.abort(new Error('enough'));
    await expect(left).rejects.toThrow('enough');

    expect(await subject.embedder.embed(['rain'], 'query', never())).toHaveLength(1);
  });

  it('raises what it works at when it is closed', async () => {
    await using subject = await fresh();
    const vectors = subject.embedder.embed(texts, 'batch', never());
    const settled = Promise.allSettled([vectors]);
    await new Promise(setImmediate);

    await deadline(Promise.resolve(subject.embedder[Symbol.asyncDispose]()), 'to be closed');

    expect(await deadline(settled, 'the end')).toMatchObject([
      { status: 'rejected', reason: expect.any(Error) },
    ]);
  });

  it('raises once it is closed', async () => {
    await using subject = await fresh();

    await subject.embedder[Symbol.asyncDispose]();

    await expect(subject.embedder.embed(['rain'], 'batch', never())).rejects.toThrow(Error);
  });

  it('may be closed twice', async () => {
    await using subject = await fresh();

    await subject.embedder[Symbol.asyncDispose]();
    await subject.embedder[Symbol.asyncDispose]();
  });
}
