// One model on several Ollama servers: where it may be asked, and in which order.
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import type { ModelLog } from '../../src/model/ollama.ts';
import { ask, never, textOf } from '../conformance/model.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import type { FakeOllama } from '../support/fake-ollama.ts';
import { isReady, openOllama, openOllamas, outcome, reaches } from '../support/ollama-model.ts';
import { at, bothSeen, nameOf, reply, startPair } from '../support/ollama-pair.ts';
import { deadline } from '../support/wait.ts';

const checkMs = 5;
const cold = { models: [{ name: 'llama3.1', loaded: false }] };

it('needs an address', () => {
  expect(() => openOllamas([])).toThrow(RangeError);
});

it('is a plain Ollama for one address, and for several of one server', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using one = openOllamas([fake.url]);
  await using same = openOllamas([fake.url, `http://ann:secret@localhost:${fake.port}/`]);
  await using plain = openOllama(fake.url);
  await Promise.all([one.known, same.known, plain.known]);

  expect(plain.hosts()).toEqual([nameOf(fake)]);
  expect([one.hosts(), same.hosts()]).toEqual([plain.hosts(), plain.hosts()]);
});

it('names no host while a single Ollama is away', async () => {
  await using fake = await startFakeOllama();
  await fake.stop();
  await using model = openOllama(fake.url);
  await model.known;

  expect(model.hosts()).toEqual([]);
});

it('sends each host its own credentials, and has none in a name', async () => {
  await using a = await startFakeOllama({ behaviour: { reply } });
  await using b = await startFakeOllama({ behaviour: { reply } });
  const urls = [`http://ann:s%20ecret@127.0.0.1:${a.port}`, `http://bob:hidden@127.0.0.1:${b.port}/`];
  await using model = openOllamas(urls, { checkMs });
  await bothSeen({ a, b, model });

  const sent = [a, b].map((fake) => new Set(fake.requests.map(({ authorization }) => authorization)));

  const basic = (pair: string) => new Set([`Basic ${Buffer.from(pair).toString('base64')}`]);
  expect(sent).toEqual([basic('ann:s ecret'), basic('bob:hidden')]);
  expect(model.hosts().join(' ')).not.toMatch(/ann|bob|ecret|hidden/);
});

it('runs where it is told to', async () => {
  await using pair = await startPair({ checkMs });
  const { a, b, model } = pair;
  await bothSeen(pair);

  await at(model, b);
  await at(model, b);
  await at(model, a);

  expect([a.of('chat').length, b.of('chat').length]).toEqual([1, 2]);
});

it('names the host first on which less of ours runs', async () => {
  await using pair = await startPair({ checkMs });
  const { a, b, model } = pair;
  await bothSeen(pair);
  for (const fake of [a, b]) {
    await at(model, fake);
    fake.hold('prompt');
  }
  const stop = new AbortController();

  for (let n = 1; n <= 6; n += 1) {
    const from = [a.requests.length, b.requests.length] as const;
    const running = outcome(model.generate(ask(reply, '', model.hosts()[0]), stop.signal));
    await Promise.race([a.reached('prompt', 0, from[0]), b.reached('prompt', 0, from[1])]);
    running.catch(() => undefined);
  }

  expect([a.generating, b.generating]).toEqual([3, 3]);
  stop.abort();
  await Promise.all([a.idle(), b.idle()]);
});

it('names the host first that has the model in memory', async () => {
  await using pair = await startPair({ checkMs }, cold);
  await bothSeen(pair);

  expect(pair.model.hosts()).toEqual([nameOf(pair.b), nameOf(pair.a)]);
});

it('sees that somebody else had the model loaded, and that it went', async () => {
  await using pair = await startPair({ checkMs }, cold, cold);
  const { a, b, model } = pair;
  await bothSeen(pair);
  await using other = openOllama(b.url);
  const looked = async (fake: FakeOllama) => {
    const looks = fake.of('ps').length;
    await fake.until(() => fake.of('ps').length > looks + 2, 'more looks');
  };

  const before = model.hosts();
  await textOf(other.generate(ask(reply), never()));
  await looked(b);
  const during = model.hosts();
  b.unload('llama3.1');
  await looked(b);

  expect(before).toEqual([nameOf(a), nameOf(b)]);
  expect(during).toEqual([nameOf(b), nameOf(a)]);
  expect(model.hosts()).toEqual(before);
});

it('is known as soon as one host is, however long another one takes', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', () => resolve()));
  const address = silent.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await using model = openOllamas([`http://127.0.0.1:${port}`, fake.url], {
    knownMs: 2 ** 30,
    connectMs: 2 ** 29,
  });

  await deadline(model.known, 'the first host');

  expect([model.state(), model.hosts(), model.connected()]).toEqual([
    { phase: 'ready' },
    [nameOf(fake)],
    true,
  ]);
  silent.close();
});

it('knows after the first look at all that none is there, and says what the one lacks that answers', async () => {
  await using a = await startFakeOllama();
  await using b = await startFakeOllama({ models: [] });
  await a.stop();
  await using model = openOllamas([a.url, b.url]);

  await deadline(model.known, 'the first look');

  expect(model.state()).toEqual({ phase: 'unavailable', reason: 'model llama3.1 is not there' });
  expect([model.connected(), model.hosts()]).toEqual([true, []]);
});

it('has the model pulled by each host that lacks it', async () => {
  await using a = await startFakeOllama({ models: [], behaviour: { reply } });
  await using b = await startFakeOllama({ models: [], behaviour: { reply } });
  b.hold('request');
  await using model = openOllamas([a.url, b.url], { pull: true, checkMs });

  await reaches(model, isReady);
  const first = model.hosts();
  b.release();
  await b.until(() => b.installed.length === 1 && b.of('ps').length > 1, 'the second pull');

  expect(first).toEqual([nameOf(a)]);
  expect(model.hosts()).toContain(nameOf(b));
  expect([a.of('pull').length, b.of('pull').length]).toEqual([1, 1]);
});

it('closes whatever runs on any host when it is closed', async () => {
  const warnings: string[] = [];
  const log: ModelLog = { info: () => undefined, warn: (_facts, message) => void warnings.push(message) };
  const pair = await startPair({ checkMs, log });
  const { a, b, model } = pair;
  await bothSeen(pair);
  for (const fake of [a, b]) fake.hold('piece', 1);
  const running = [a, a, a, b].map((fake) => at(model, fake));
  await a.until(() => a.generating === 3, 'three replies');
  await b.reached('piece', 1);

  await deadline(Promise.resolve(model[Symbol.asyncDispose]()), 'the model to be closed');

  const outcomes = await Promise.all(running);
  expect(outcomes.map(({ error }) => error)).toEqual(
    running.map(() => expect.objectContaining({ fault: 'interrupted' })),
  );
  expect(warnings).toEqual([]);
  await deadline(Promise.all([a.idle(), b.idle()]), 'no request');
  await pair[Symbol.asyncDispose]();
});

it('takes the first of its hosts for a name that is not known, and any that is there', async () => {
  await using pair = await startPair({ checkMs }, cold);
  const { a, b, model } = pair;
  await bothSeen(pair);

  await textOf(model.generate(ask(reply, '', 'http://elsewhere:1'), never()));

  expect([a.of('chat').length, b.of('chat').length]).toEqual([0, 1]);
});
