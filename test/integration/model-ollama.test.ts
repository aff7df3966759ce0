// Loading, stopping and prefill, as Ollama has them.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ModelError } from '../../src/model/model.ts';
import { ask, never, textOf } from '../conformance/model.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import type { Point } from '../support/fake-ollama.ts';
import { openOllama, outcome } from '../support/ollama-model.ts';
import { deadline } from '../support/wait.ts';

const reply = 'Take your time. I am here, and we go slowly.';

it('tells that the model loads, then that it reads, then the words', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);

  const events = await Array.fromAsync(model.generate(ask(reply), never()));

  expect(events.slice(0, 2)).toEqual([{ kind: 'loading' }, { kind: 'prompt' }]);
  expect(new Set(events.slice(2).map(({ kind }) => kind))).toEqual(new Set(['text']));
});

it('runs only with a slot', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url);

  expect(model.needsSlot).toBe(true);
});

it('does not load what it has loaded', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);
  await textOf(model.generate(ask(reply), never()));

  const events = await Array.fromAsync(model.generate(ask(reply), never()));

  expect(events[0]).toEqual({ kind: 'prompt' });
  expect(fake.of('load')).toHaveLength(1);
});

it('loads again once keep_alive ran out', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url, { keepAlive: '1ms' });
  await textOf(model.generate(ask(reply), never()));
  await delay(2);

  await textOf(model.generate(ask(reply), never()));

  expect(fake.of('load')).toHaveLength(2);
});

it('sends one set of options with every request, and never lets the model think', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url, {
    keepAlive: '300',
    numCtx: 2048,
    numPredict: 99,
    temperature: 0.5,
  });
  await model.prefill(never(), '');

  await textOf(model.generate(ask(reply), never()));

  const expected = {
    model: 'llama3.1',
    think: false,
    keep_alive: 300,
    options: { num_ctx: 2048, num_predict: 99, temperature: 0.5 },
  };
  for (const kind of ['load', 'render', 'chat'] as const) {
    expect(fake.of(kind).map(({ body }) => body)).toEqual([expect.objectContaining(expected)]);
  }
});

it('sends the prefix last, without white space at its end', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);

  const text = await textOf(model.generate(ask(reply, 'Take your time. \n'), never()));

  expect(fake.of('chat')[0]?.prefill).toBe('Take your time.');
  expect(text).toBe(' I am here, and we go slowly.');
});

it('gives what the model says as it is when the model ignores the prefix', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply, prefill: 'ignored' } });
  await using model = openOllama(fake.url);

  expect(await textOf(model.generate(ask(reply, 'Take your time.'), never()))).toBe(reply);
});

it('takes a reply cut by its length for a whole one', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url, { numPredict: 3 });

  expect(await textOf(model.generate(ask(reply), never()))).toBe('Take your time.');
});

it.each([1, 2, 3, 7, 64])('reads characters that are cut into packets of %i bytes', async (packetBytes) => {
  await using fake = await startFakeOllama({ behaviour: { hardText: true, packetBytes, pieceSize: [1, 5] } });
  await using model = openOllama(fake.url);

  const text = await textOf(model.generate(ask(''), never()));

  expect(text).toBe(fake.of('chat')[0]?.reply);
});

it('serves all who wait from one load, also when the first of them leaves', async () => {
  await using fake = await startFakeOllama({
    models: [{ name: 'llama3.1', loaded: false }],
    behaviour: { reply },
  });
  await using model = openOllama(fake.url);
  fake.hold('load');
  const stop = new AbortController();
  const first = outcome(model.generate(ask(reply), stop.signal));
  const others = [1, 2, 3, 4, 5].map(() => textOf(model.generate(ask(reply), never())));
  await fake.reached('load');

  stop.abort(new Error('the first leaves'));
  const left = await deadline(first, 'the first to have left');
  fake.release('load');

  expect(left.error).toMatchObject({ message: 'the first leaves' });
  expect(await deadline(Promise.all(others), 'the others')).toEqual(others.map(() => reply));
  expect(fake.of('load').map(({ ending }) => ending)).toEqual(['done']);
  expect(fake.of('chat')).toHaveLength(5);
});

it('goes on loading when nobody waits any more', async () => {
  await using fake = await startFakeOllama({
    models: [{ name: 'llama3.1', loaded: false }],
    behaviour: { reply },
  });
  await using model = openOllama(fake.url);
  fake.hold('load');
  const stop = new AbortController();
  const only = outcome(model.generate(ask(reply), stop.signal));
  await fake.reached('load');

  stop.abort();
  await deadline(only, 'the reader to have left');
  fake.release('load');

  expect((await fake.ended(0, 'load')).ending).toBe('done');
});

it('gives a failed load to all who wait for it', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url);
  fake.next({ refuse: { status: 500, error: 'not enough memory' } }, 1, 'load');
  const waiting = [1, 2, 3].map(() => outcome(model.generate(ask(reply), never())));

  for (const { error } of await deadline(Promise.all(waiting), 'the failures')) {
    expect(error).toBeInstanceOf(ModelError);
    expect(error).toMatchObject({
      fault: 'interrupted',
      message: 'Ollama answered 500',
    });
  }
  expect(fake.of('chat')).toEqual([]);
});

it('says in its state that it loads', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);
  await model.known;
  const phases: string[] = [];
  using _watch = model.watch(({ phase }) => phases.push(phase));

  await textOf(model.generate(ask(reply), never()));

  expect(phases).toEqual(['loading', 'ready']);
});

const phases: [Point, number | undefined, string][] = [
  ['request', undefined, 'before anything is done'],
  ['slot', undefined, 'in the queue of Ollama'],
  ['prompt', undefined, 'in prompt evaluation'],
  ['piece', 0, 'before the first word'],
  ['piece', 1, 'behind the first word'],
  ['piece', 4, 'in mid-reply'],
  ['done', undefined, 'before the last line'],
];

it.each(phases)('closes the request at %s %s: %s', async (point, n) => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);
  await textOf(model.generate(ask(reply), never()));
  const from = fake.requests.length;
  fake.hold(point, n);
  const stop = new AbortController();
  const reason = new Error('enough');
  const reading = outcome(model.generate(ask(reply), stop.signal));
  await fake.reached(point, n, from);

  stop.abort(reason);

  expect((await fake.ended(from)).ending).toBe('client');
  expect((await deadline(reading, 'the end')).error).toBe(reason);
  await fake.idle();
});

it('closes the request while the model is loaded behind its back', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);
  await textOf(model.generate(ask(reply), never()));
  fake.unload('llama3.1');
  const from = fake.requests.length;
  fake.hold('load');
  const stop = new AbortController();
  const reading = outcome(model.generate(ask(reply), stop.signal));
  await fake.reached('load', undefined, from);

  stop.abort();

  expect((await fake.ended(from)).ending).toBe('client');
  expect((await deadline(reading, 'the end')).error).toBe(stop.signal.reason);
});

it('closes the request when the reader leaves before the first word', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);
  fake.hold('prompt');
  const events = model.generate(ask(reply), never())[Symbol.asyncIterator]();
  await events.next();
  await events.next();
  const word = events.next();
  await fake.reached('prompt');

  await deadline(events.return?.() ?? Promise.reject(new Error('no return')), 'return');

  expect((await fake.ended()).ending).toBe('client');
  expect(await word).toMatchObject({ done: true });
});

it('closes everything when it is closed', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  const model = openOllama(fake.url);
  fake.hold('piece', 2);
  const reading = outcome(model.generate(ask(reply), never()));
  await fake.reached('piece', 2);

  await deadline(Promise.resolve(model[Symbol.asyncDispose]()), 'the model to be closed');

  expect((await deadline(reading, 'the end')).error).toMatchObject({ fault: 'interrupted' });
  await fake.idle();
});

it('leaves no socket and no timer behind', async () => {
  const count = () => process.getActiveResourcesInfo().filter((name) => /^(TCP|Timeout)/.test(name)).length;
  const before = count();
  const fake = await startFakeOllama({ behaviour: { reply } });
  const model = openOllama(fake.url, { checkMs: 1 });
  await textOf(model.generate(ask(reply), never()));
  await model.prefill(never(), '');

  await model[Symbol.asyncDispose]();
  await fake[Symbol.asyncDispose]();

  await expect.poll(count).toBeLessThanOrEqual(before);
});

it.each([
  ['open', 'yes'],
  ['trimmed', 'yes'],
  ['closed', 'no'],
  ['unknown', 'unknown'],
] as const)('takes a template that is %s for: %s', async (render, expected) => {
  await using fake = await startFakeOllama({ behaviour: { render } });
  await using model = openOllama(fake.url);

  const answers = [await model.prefill(never(), ''), await model.prefill(never(), '')];

  expect(answers).toEqual([expected, expected]);
  expect(fake.of('render')).toHaveLength(1);
});

it('stops a server that answers the probe with a reply', async () => {
  await using fake = await startFakeOllama({ behaviour: { render: 'unknown' } });
  await using model = openOllama(fake.url);
  fake.hold('piece', 1);

  expect(await deadline(model.prefill(never(), ''), 'the answer')).toBe('unknown');

  expect((await fake.ended(0, 'render')).ending).toBe('client');
});

it('closes the probe at once when who asked is stopped, and asks anew for the next', async () => {
  await using fake = await startFakeOllama({ behaviour: { render: 'open' } });
  await using model = openOllama(fake.url);
  fake.next({ headersDelayMs: 60_000 }, 1, 'render');
  const stop = new AbortController();
  const asked = model.prefill(stop.signal, '');
  await fake.until(() => fake.of('render').length === 1, 'the probe');

  stop.abort();

  expect(await deadline(asked, 'the answer')).toBe('unknown');
  expect((await fake.ended(0, 'render')).ending).toBe('client');
  expect(await deadline(model.prefill(never(), ''), 'the second answer')).toBe('yes');
});

it('does not know about the prefix when the probe is refused', async () => {
  await using fake = await startFakeOllama();
  fake.next({ refuse: { status: 400, error: 'unknown field' } }, 1, 'render');
  await using model = openOllama(fake.url);

  expect([await model.prefill(never(), ''), await model.prefill(never(), '')]).toEqual([
    'unknown',
    'unknown',
  ]);
  expect(fake.of('render')).toHaveLength(1);
});

it('asks again about the prefix when nobody answered', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url);
  await fake.stop();
  const during = await model.prefill(never(), '');
  await fake.start();

  expect([during, await model.prefill(never(), '')]).toEqual(['unknown', 'yes']);
});
