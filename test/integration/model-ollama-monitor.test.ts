// Ollama comes and goes while the server runs, and so do its models.
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { expect, it } from 'vitest';
import type { ModelState } from '../../src/model/model.ts';
import { ask, never, textOf } from '../conformance/model.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import { isReady, isUnavailable, openOllama, outcome, reaches } from '../support/ollama-model.ts';
import { deadline } from '../support/wait.ts';

const reply = 'Take your time.';
const checkMs = 5;

async function serve(listener: RequestListener): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

it('knows after its first look that nobody answers', async () => {
  await using fake = await startFakeOllama();
  await fake.stop();
  await using model = openOllama(fake.url);

  await deadline(model.known, 'the first look');

  expect(model.state()).toEqual({ phase: 'unavailable', reason: 'Ollama does not answer' });
  expect(model.connected()).toBe(false);
});

it('is unavailable before it is known', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url);

  expect(model.state().phase).toBe('unavailable');
});

it('knows that the model is missing', async () => {
  await using fake = await startFakeOllama({ models: [] });
  await using model = openOllama(fake.url);

  await model.known;

  expect(model.state()).toEqual({ phase: 'unavailable', reason: 'model llama3.1 is not there' });
  expect(model.connected()).toBe(true);
});

it('refuses a model that only embeds', async () => {
  await using fake = await startFakeOllama({ models: [{ name: 'llama3.1', capabilities: ['embedding'] }] });
  await using model = openOllama(fake.url);

  await model.known;

  expect(model.state()).toEqual({ phase: 'unavailable', reason: 'model llama3.1 cannot write replies' });
});

it('takes a model whose server does not tell its capabilities', async () => {
  await using server = await serve((_request, response) => void response.end('{"details":{}}'));
  await using model = openOllama(server.url);

  await model.known;

  expect(model.state()).toEqual({ phase: 'ready' });
});

it.each([
  ['an error', 500, '{"error":"disk failure"}', 'Ollama answered 500'],
  ['a page', 200, '<html>Welcome</html>', 'the answer is not JSON'],
  ['nothing', 200, '', 'the answer is not JSON'],
])('says what is wrong when %s answers', async (_title, status, body, reason) => {
  await using server = await serve((_request, response) => void response.writeHead(status).end(body));
  await using model = openOllama(server.url);

  await model.known;

  expect(model.state()).toEqual({ phase: 'unavailable', reason: `model llama3.1 cannot be used: ${reason}` });
  expect(model.connected()).toBe(true);
});

it('does not wait for ever for its first look', async () => {
  await using server = await serve(() => undefined);
  await using model = openOllama(server.url, { connectMs: 20 });

  await deadline(model.known, 'the first look');

  expect(model.connected()).toBe(false);
});

it('does not wait for the end of a first look that takes long, and keeps what it finds', async () => {
  const answer = Promise.withResolvers<void>();
  let looks = 0;
  await using server = await serve((_request, response) => {
    looks += 1;
    void answer.promise.then(() => response.end('{}'));
  });
  await using model = openOllama(server.url, { knownMs: 20 });

  await deadline(model.known, 'the first look');
  const early = [model.state(), model.connected()];
  answer.resolve();
  await reaches(model, isReady);

  expect(early).toEqual([{ phase: 'unavailable', reason: 'Ollama did not answer yet' }, false]);
  expect(looks).toBe(1);
});

it('follows an Ollama that comes late', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await fake.stop();
  await using model = openOllama(fake.url, { checkMs });
  await model.known;

  await fake.start();

  await reaches(model, isReady);
  expect(model.connected()).toBe(true);
  expect(await textOf(model.generate(ask(reply), never()))).toBe(reply);
});

it('follows an Ollama that goes and comes back', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url, { checkMs });
  await reaches(model, isReady);

  await fake.stop();
  await reaches(model, isUnavailable);
  await fake.start();

  await reaches(model, isReady);
});

it('follows a model that is removed and comes back', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url, { checkMs });
  await reaches(model, isReady);

  fake.uninstall('llama3.1');
  await reaches(model, isUnavailable);
  fake.install('llama3.1');

  await reaches(model, isReady);
});

it('asks about the prefix again after the model was away', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url, { checkMs });
  const before = await model.prefill(never(), '');

  fake.uninstall('llama3.1');
  await reaches(model, isUnavailable);
  fake.install('llama3.1');
  fake.always({ render: 'closed' });
  await reaches(model, isReady);

  expect([before, await model.prefill(never(), '')]).toEqual(['yes', 'no']);
});

it('looks at once after a request found nobody', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url);
  await reaches(model, isReady);
  await fake.stop();

  await outcome(model.generate(ask(reply), never()));

  await reaches(model, isUnavailable);
});

it('looks at once after a request missed the model', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url);
  await reaches(model, isReady);
  fake.uninstall('llama3.1');

  await outcome(model.generate(ask(reply), never()));

  await reaches(model, isUnavailable);
});

it('stays ready while Ollama is only busy', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url, { checkMs });
  await reaches(model, isReady);
  const states: ModelState[] = [];
  using _watch = model.watch((state) => states.push(state));
  const looks = fake.of('show').length;

  fake.always({ refuse: { status: 503 } }, 'show');
  await fake.until(() => fake.of('show').length > looks + 2, 'more looks');

  expect(states).toEqual([]);
});

it('loads again when Ollama says that the model is no longer in memory', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url, { checkMs });
  await textOf(model.generate(ask(reply), never()));
  fake.unload('llama3.1');
  const looks = fake.of('ps').length;
  await fake.until(
    () => fake.of('ps').length > looks + 1 || fake.of('show').length > looks + 5,
    'more looks',
  );

  const events = await Array.fromAsync(model.generate(ask(reply), never()));

  expect(events[0]).toEqual({ kind: 'loading' });
});

it('calls a listener on changes only, and not after it was taken away', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url, { checkMs });
  await reaches(model, isReady);
  const kept: string[] = [];
  const gone: string[] = [];
  using _kept = model.watch(({ phase }) => kept.push(phase));
  model.watch(({ phase }) => gone.push(phase))[Symbol.dispose]();
  const looks = fake.of('show').length;
  await fake.until(() => fake.of('show').length > looks + 2, 'more looks');

  await fake.stop();
  await reaches(model, isUnavailable);

  expect(kept).toEqual(['unavailable']);
  expect(gone).toEqual([]);
});

it('outlives a listener that fails', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url, { checkMs });
  await reaches(model, isReady);
  using _bad = model.watch(() => {
    throw new Error('bad listener');
  });

  await fake.stop();
  await reaches(model, isUnavailable);
  await fake.start();

  await reaches(model, isReady);
});

it('pulls a missing model and tells how far it is', async () => {
  await using fake = await startFakeOllama({ models: [], behaviour: { reply } });
  fake.always({ pull: { total: 4000, steps: 4 } }, 'pull');
  await using model = openOllama(fake.url, { pull: true, checkMs });
  const states: ModelState[] = [];
  using _watch = model.watch((state) => states.push(state));

  await reaches(model, isReady);

  const pulling = states.filter((state) => state.phase === 'pulling');
  expect(states[0]).toEqual({ phase: 'pulling' });
  expect(pulling.at(-1)).toEqual({ phase: 'pulling', completed: 4000, total: 4000 });
  expect(new Set(states.map(({ phase }) => phase))).toEqual(new Set(['pulling', 'ready']));
  expect(fake.of('pull')).toHaveLength(1);
  expect(await textOf(model.generate(ask(reply), never()))).toBe(reply);
});

it('does not pull unless that is wanted', async () => {
  await using fake = await startFakeOllama({ models: [] });
  await using model = openOllama(fake.url, { checkMs });
  await model.known;

  await fake.until(() => fake.of('show').length > 3, 'more looks');

  expect(fake.of('pull')).toEqual([]);
});

it('says that a pull failed, and tries again later', async () => {
  await using fake = await startFakeOllama({ models: [] });
  fake.next({ fault: { kind: 'error', after: 1, message: 'no such manifest' } }, 1, 'pull');
  await using model = openOllama(fake.url, { pull: true, checkMs });

  const failed = await reaches(model, (state) => isUnavailable(state) && model.connected());
  await reaches(model, isReady);

  expect(failed).toMatchObject({
    reason: 'model llama3.1 is not there and could not be pulled: Ollama reported an error',
  });
  expect(fake.of('pull')).toHaveLength(2);
});

it('ends a pull that falls silent', async () => {
  await using fake = await startFakeOllama({ models: [] });
  fake.next({ fault: { kind: 'silence', after: 1 } }, 1, 'pull');
  await using model = openOllama(fake.url, { pull: true, checkMs, firstTokenMs: 30 });

  const failed = await reaches(model, (state) => isUnavailable(state) && model.connected());

  expect(failed).toMatchObject({ reason: expect.stringContaining('the pull said nothing') });
});

it('stops a pull when it is closed', async () => {
  await using fake = await startFakeOllama({ models: [] });
  fake.next({ fault: { kind: 'silence', after: 1 } }, 1, 'pull');
  const model = openOllama(fake.url, { pull: true });
  await reaches(model, ({ phase }) => phase === 'pulling');

  await deadline(Promise.resolve(model[Symbol.asyncDispose]()), 'the model to be closed');

  await fake.idle();
});

it('settles its first look when it is closed during it', async () => {
  await using server = await serve(() => undefined);
  const model = openOllama(server.url);

  await deadline(Promise.resolve(model[Symbol.asyncDispose]()), 'the model to be closed');

  await deadline(model.known, 'the first look');
});

it('sends the credentials of the address, and shows them to nobody', async () => {
  const seen: (string | undefined)[] = [];
  await using server = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(401).end();
  });
  const { port } = new URL(server.url);
  await using model = openOllama(`http://ann:s%20ecret@127.0.0.1:${port}/`);

  await model.known;

  expect(seen).toEqual([`Basic ${Buffer.from('ann:s ecret').toString('base64')}`]);
  expect(JSON.stringify(model.state())).not.toContain('ecret');
});
