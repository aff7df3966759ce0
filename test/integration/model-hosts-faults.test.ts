// One model on several Ollama servers, of which each may come, go and fail by itself.
import { expect, it } from 'vitest';
import type { ModelState } from '../../src/model/model.ts';
import type { ModelLog } from '../../src/model/ollama.ts';
import { question } from '../conformance/model-choice.ts';
import { ask, never } from '../conformance/model.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import { isReady, isUnavailable, openOllamas, outcome, reaches } from '../support/ollama-model.ts';
import { at, bothSeen, nameOf, reply, startPair } from '../support/ollama-pair.ts';
import { deadline } from '../support/wait.ts';

const checkMs = 5;

it('goes on elsewhere when a host dies in the middle of a reply', async () => {
  await using pair = await startPair({ checkMs });
  const { a, b, model } = pair;
  await bothSeen(pair);
  await at(model, b);
  const states: ModelState[] = [];
  using _watch = model.watch((state) => states.push(state));
  a.hold('piece', 2);
  const broken = at(model, a);
  await a.reached('piece', 2);

  await a.stop({ reset: true });
  const { text, error } = await deadline(broken, 'the fault');
  const lost = await at(model, a);
  const next = await outcome(model.generate(ask(reply, text, model.hosts()[0]), never()));

  expect(error).toMatchObject({ name: 'ModelError', fault: 'interrupted' });
  expect(reply.startsWith(text) && text !== '').toBe(true);
  expect(lost.error).toMatchObject({ name: 'ModelError', fault: 'unreachable' });
  expect(model.hosts()).toEqual([nameOf(b)]);
  expect(text + next.text).toBe(reply);
  expect(states).toEqual([]);
});

it('asks a host again that came back', async () => {
  await using pair = await startPair({ checkMs });
  const { a, b, model, clock } = pair;
  await bothSeen(pair);
  await a.stop();
  await at(model, a);
  await b.stop();
  await reaches(model, isUnavailable);
  const without = model.hosts();

  await a.start();
  clock.ms += 1_000;
  await reaches(model, isReady);

  expect(without).toEqual([]);
  expect(model.hosts()).toEqual([nameOf(a)]);
  expect(await at(model, a)).toEqual({ text: reply, error: undefined });
  expect(model.hosts()).toEqual([nameOf(a)]);
});

it('leaves a host alone that answers looks but breaks replies', async () => {
  await using pair = await startPair({ checkMs });
  const { a, b, model } = pair;
  await bothSeen(pair);
  a.always({ refuse: { status: 500 } });
  for (let n = 0; n < 3; n += 1) await at(model, a);
  const asked = a.of('chat').length;

  const { error } = await at(model, a);

  expect(error).toMatchObject({ name: 'ModelError', fault: 'unreachable' });
  expect([asked, a.of('chat').length]).toEqual([3, 3]);
  expect([model.hosts(), model.state()]).toEqual([[nameOf(b)], { phase: 'ready' }]);
});

it('tells an operator once that a host is left alone, without its credentials', async () => {
  await using a = await startFakeOllama({ behaviour: { reply } });
  await using b = await startFakeOllama();
  const warnings: object[] = [];
  const log: ModelLog = { info: () => undefined, warn: (facts) => void warnings.push(facts) };
  await using model = openOllamas([`http://ann:secret@127.0.0.1:${a.port}`, b.url], { log, now: () => 0 });
  await model.known;
  await at(model, a);
  a.hold('piece', 1);
  const running = Array.from({ length: 6 }, () => at(model, a));
  await a.until(() => a.generating === 6, 'six replies');

  await a.stop({ reset: true });
  await Promise.all(running);

  expect(warnings).toEqual([{ model: 'llama3.1', host: nameOf(a), fault: 'interrupted', restMs: 1_000 }]);
});

it('asks a host again at once where a reply came to its end after all', async () => {
  await using a = await startFakeOllama({ behaviour: { reply } });
  await using b = await startFakeOllama({ models: [] });
  await using model = openOllamas([a.url, b.url], { checkMs, now: () => 0 });
  await reaches(model, isReady);
  a.hold('piece', 2);
  const early = at(model, a);
  await a.reached('piece', 2);
  a.always({ refuse: { status: 500 } });
  for (let n = 0; n < 3; n += 1) await at(model, a);
  const states: ModelState[] = [model.state()];
  using _watch = model.watch((state) => states.push(state));

  a.release();

  expect(await early).toEqual({ text: reply, error: undefined });
  expect(states.map(({ phase }) => phase)).toEqual(['unavailable', 'ready']);
});

it('is unavailable while all hosts are left alone, and lets one request try each after that', async () => {
  await using pair = await startPair({ checkMs });
  const { a, b, model, clock } = pair;
  await bothSeen(pair);
  for (const fake of [a, b]) {
    fake.always({ refuse: { status: 500 } });
    for (let n = 0; n < 3; n += 1) await at(model, fake);
  }
  const during = [model.state(), model.hosts()];
  a.always({ reply });
  a.hold('prompt');

  clock.ms += 1_000;
  await reaches(model, isReady);
  const trial = at(model, a);
  await a.reached('prompt');
  const hosts = model.hosts();
  const second = await at(model, a);
  a.release();

  expect(during).toEqual([{ phase: 'unavailable', reason: 'model llama3.1 fails just now' }, []]);
  expect(hosts).not.toContain(nameOf(a));
  expect(second.error).toMatchObject({ fault: 'unreachable' });
  expect(await trial).toEqual({ text: reply, error: undefined });
  expect(model.hosts()[0]).toBe(nameOf(a));
});

it('names a host last that took no more, and asks it all the same', async () => {
  await using pair = await startPair({ checkMs });
  const { a, b, model, clock } = pair;
  await bothSeen(pair);
  await at(model, a);
  a.next({ refuse: { status: 503 } });
  const before = model.hosts();

  const { error } = await at(model, a);

  expect(error).toMatchObject({ fault: 'busy' });
  expect(await at(model, a)).toEqual({ text: reply, error: undefined });
  expect([before, model.hosts()]).toEqual([
    [nameOf(a), nameOf(b)],
    [nameOf(b), nameOf(a)],
  ]);
  clock.ms += 2_000;
  expect(model.hosts()).toEqual(before);
});

it('does not take it for a fault when nobody wants the reply any more', async () => {
  await using pair = await startPair({ checkMs });
  const { a, b, model } = pair;
  await bothSeen(pair);
  for (let n = 0; n < 4; n += 1) {
    const stop = new AbortController();
    a.hold('prompt');
    const from = a.requests.length;
    const running = outcome(model.generate(ask(reply, '', nameOf(a)), stop.signal));
    await a.reached('prompt', 0, from);
    stop.abort(new Error('enough'));
    await running;
    for await (const event of model.generate(ask(reply, '', nameOf(b)), never())) {
      if (event.kind === 'text') break;
    }
  }
  a.release();

  expect(model.hosts().toSorted()).toEqual([nameOf(a), nameOf(b)].toSorted());
  await Promise.all([a.idle(), b.idle()]);
});

it('asks another host about the prefix where one is away', async () => {
  await using pair = await startPair({ checkMs }, { behaviour: { reply, render: 'closed' } });
  const { a, b, model } = pair;
  await bothSeen(pair);

  const before = [await model.prefill(never(), nameOf(a)), await model.prefill(never(), nameOf(b))];
  await a.stop();
  await at(model, a);

  expect(before).toEqual(['no', 'yes']);
  expect(await model.prefill(never(), nameOf(a))).toBe('yes');
});

it('chooses on the host it is told to, and nothing where that is away', async () => {
  await using pair = await startPair({ checkMs });
  const { a, b, model } = pair;
  await bothSeen(pair);

  const chosen = await model.choose(question, never(), nameOf(b));
  await b.stop();
  await at(model, b);
  const none = await model.choose(question, never(), nameOf(b));
  const stopped = model.choose(question, AbortSignal.abort(new Error('enough')), nameOf(b));

  expect([chosen, none]).toEqual([question.options[0], undefined]);
  await expect(stopped).rejects.toThrow('enough');
  expect([a.of('choice').length, b.of('choice').length]).toEqual([0, 1]);
});
