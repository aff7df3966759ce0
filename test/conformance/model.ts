import { describe, expect, it } from 'vitest';
import type { Model, ModelEvent, ModelRequest } from '../../src/model/model.ts';
import { deadline } from '../support/wait.ts';

export interface ModelCase {
  /** What the model is going to say. */
  reply: string;
  /** Whether it says only the first word and then nothing more, for as long as the test runs. */
  sticks?: boolean;
}

export interface Subject extends AsyncDisposable {
  model: Model;
  /** Resolves when the model works at no request. */
  idle(): Promise<void>;
}

const reply = 'Take your time. I am here,\nand we go as slowly as you like.';

/** What to ask so that the model says `line`. */
export function ask(line: string, prefix = '', host = ''): ModelRequest {
  return { messages: [{ role: 'user', content: 'I feel restless.' }], prefix, line, host };
}

/** The text of a whole reply. */
export async function textOf(events: AsyncIterable<ModelEvent>): Promise<string> {
  let text = '';
  for await (const event of events) if (event.kind === 'text') text += event.text;
  return text;
}

/** The next event that is text. */
async function nextText(events: AsyncIterator<ModelEvent>): Promise<string | undefined> {
  for (let step = await events.next(); !step.done; step = await events.next()) {
    if (step.value.kind === 'text') return step.value.text;
  }
  return undefined;
}

/** A signal nobody aborts. */
export const never = (): AbortSignal => new AbortController().signal;

/** The promises of the model seam. `open` gives a model that is there. */
export function modelConformance(name: string, open: (given: ModelCase) => Promise<Subject>): void {
  describe(`${name} keeps the promises of a model`, () => {
    replies(open);
    endings(open);
    facts(open);
  });
}

function replies(open: (given: ModelCase) => Promise<Subject>): void {
  it('says the whole reply in pieces', async () => {
    await using subject = await open({ reply });

    const pieces = await Array.fromAsync(subject.model.generate(ask(reply), never()));

    const texts = pieces.flatMap((event) => (event.kind === 'text' ? [event.text] : []));
    expect(texts.join('')).toBe(reply);
    expect(texts.length).toBeGreaterThan(1);
  });

  it('gives every character as it is', async () => {
    const hard = ' 👩‍👩‍👧 e\u0301 שלום\r\ndata: x\u2028\u0000"\\ 𝒳\n\n  end ';
    await using subject = await open({ reply: hard });

    expect(await textOf(subject.model.generate(ask(hard), never()))).toBe(hard);
  });

  it('goes on behind the prefix without repeating it', async () => {
    await using subject = await open({ reply });
    const prefix = 'Take your time. I am';

    expect(await textOf(subject.model.generate(ask(reply, prefix), never()))).toBe(
      reply.slice(prefix.length),
    );
  });

  it('ends a reply whose prefix is all there is to say', async () => {
    await using subject = await open({ reply });

    expect(await textOf(subject.model.generate(ask(reply, reply), never()))).toBe('');
  });

  it('keeps replies at the same time apart', async () => {
    await using subject = await open({ reply });

    const texts = await Promise.all(
      [1, 2, 3, 4].map(() => textOf(subject.model.generate(ask(reply), never()))),
    );

    expect(texts).toEqual([reply, reply, reply, reply]);
  });

  it('asks nothing of the model before somebody reads', async () => {
    await using subject = await open({ reply });

    subject.model.generate(ask(reply), never());

    await subject.idle();
  });
}

function endings(open: (given: ModelCase) => Promise<Subject>): void {
  it('ends with the reason of a signal that was aborted before', async () => {
    await using subject = await open({ reply });
    const reason = new Error('not wanted');

    await expect(textOf(subject.model.generate(ask(reply), AbortSignal.abort(reason)))).rejects.toBe(reason);
  });

  it('ends with the reason of a signal that aborts in mid-reply', async () => {
    await using subject = await open({ reply, sticks: true });
    const stop = new AbortController();
    const reason = new Error('enough');
    const events = subject.model.generate(ask(reply), stop.signal)[Symbol.asyncIterator]();
    await nextText(events);

    const next = nextText(events);
    stop.abort(reason);

    await expect(deadline(next, 'the end')).rejects.toBe(reason);
    await deadline(subject.idle(), 'the model to be idle');
  });

  it('says no word after an abort', async () => {
    await using subject = await open({ reply });
    const stop = new AbortController();
    const events = subject.model.generate(ask(reply), stop.signal)[Symbol.asyncIterator]();
    await nextText(events);

    stop.abort(new Error('enough'));

    await expect(nextText(events)).rejects.toThrow('enough');
    expect(await events.next()).toMatchObject({ done: true });
  });

  it('stops when the reader leaves the loop', async () => {
    await using subject = await open({ reply, sticks: true });

    for await (const event of subject.model.generate(ask(reply), never())) if (event.kind === 'text') break;

    await deadline(subject.idle(), 'the model to be idle');
  });

  it('stops when the reader returns while it waits for the next word', async () => {
    await using subject = await open({ reply, sticks: true });
    const events = subject.model.generate(ask(reply), never())[Symbol.asyncIterator]();
    await nextText(events);

    const next = events.next();
    await deadline(events.return?.() ?? Promise.reject(new Error('no return')), 'return');

    expect(await next).toMatchObject({ done: true });
    await deadline(subject.idle(), 'the model to be idle');
  });

  it('does not disturb one reply by stopping another', async () => {
    await using subject = await open({ reply });
    const stop = new AbortController();
    const stopped = subject.model.generate(ask(reply), stop.signal)[Symbol.asyncIterator]();
    const other = subject.model.generate(ask(reply), never())[Symbol.asyncIterator]();
    await nextText(stopped);
    const first = await nextText(other);

    stop.abort();

    const rest = await textOf({ [Symbol.asyncIterator]: () => other });
    expect(`${first}${rest}`).toBe(reply);
  });
}

function facts(open: (given: ModelCase) => Promise<Subject>): void {
  it('is ready once it is known', async () => {
    await using subject = await open({ reply });

    await subject.model.known;

    expect(subject.model.state()).toEqual({ phase: 'ready' });
    expect(subject.model.connected()).toBe(true);
  });

  it('speaks on each of its hosts, and on one whose name is not known', async () => {
    await using subject = await open({ reply });
    const hosts = subject.model.hosts();

    const texts = await Promise.all(
      [...hosts, 'nobody'].map((host) => textOf(subject.model.generate(ask(reply, '', host), never()))),
    );

    expect(hosts.length).toBeGreaterThan(0);
    expect(new Set(hosts).size).toBe(hosts.length);
    expect(texts).toEqual([...hosts, 'nobody'].map(() => reply));
  });

  it('tells that it goes on behind a prefix', async () => {
    await using subject = await open({ reply });

    const [best = 'none'] = subject.model.hosts();
    expect(['yes', 'line']).toContain(await subject.model.prefill(never(), best));
  });

  it('never raises when asked about the prefix', async () => {
    await using subject = await open({ reply });

    expect(['yes', 'line', 'unknown']).toContain(await subject.model.prefill(AbortSignal.abort(), ''));
  });

  it('can be closed while it speaks', async () => {
    const subject = await open({ reply });
    const events = subject.model.generate(ask(reply), never())[Symbol.asyncIterator]();
    await nextText(events);

    await deadline(Promise.resolve(subject.model[Symbol.asyncDispose]()), 'the model to be closed');

    await events.return?.();
    await subject[Symbol.asyncDispose]();
  });
}
