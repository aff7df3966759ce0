import { describe, expect, test } from 'vitest';
import { Ollama } from 'ollama';
import { startFakeOllama } from '../../support/fake-ollama.ts';
import type { Behaviour } from '../../support/fake-ollama.ts';
import { NdjsonClient } from '../../support/ndjson-client.ts';

const hello = [{ role: 'user', content: 'hello' }];
const post = (url: string, path: string, body: unknown) => new NdjsonClient(`${url}/api/${path}`, body);
const chat = (url: string, more: object = {}) =>
  post(url, 'chat', { model: 'llama3.1', messages: hello, ...more });
const prefilled = (prefix: string) => ({ messages: [...hello, { role: 'assistant', content: prefix }] });

/** The whole text of a chat with that prefill. */
async function goOn(behaviour: Behaviour, prefix: string): Promise<string> {
  await using fake = await startFakeOllama({ behaviour });
  const client = chat(fake.url, prefilled(prefix));
  await client.end();
  return client.text;
}

describe('the reply', () => {
  test('is the same for the same model, conversation and seed', async () => {
    await using one = await startFakeOllama();
    await using two = await startFakeOllama();
    const clients = [chat(one.url), chat(two.url), chat(one.url, { options: { seed: 9 } })];
    for (const client of clients) await client.end();

    const [first, second, other] = clients.map(({ text }) => text);
    expect(first).toBe(second);
    expect(first).toBe(one.replyTo('llama3.1', hello));
    expect(other).not.toBe(first);
  });

  test('ends with a done line that tells the reason and the counts', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply: 'one two three' } });
    const client = chat(fake.url);

    expect(await client.end()).toBe('whole');
    expect(client.contentType).toBe('application/x-ndjson');
    expect(client.lines.at(-1)).toMatchObject({ done: true, done_reason: 'stop', eval_count: 3 });
  });

  test('is one object when it is not to be streamed', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply: 'one two three' } });
    const client = chat(fake.url, { stream: false });
    await client.end();

    expect(client.lines).toMatchObject([{ message: { content: 'one two three' }, done: true }]);
  });

  test('holds everything that breaks careless code when asked for hard text', async () => {
    await using fake = await startFakeOllama({ behaviour: { hardText: true, words: 400, pieceSize: 1 } });
    const client = chat(fake.url);
    await client.end();

    for (const part of ['👩‍👩‍👧‍👦', 'e\u0301', '\u0000', '\u2028', '\r\n', '\ndata: '])
      expect(client.text).toContain(part);
    expect(client.text.isWellFormed()).toBe(true);
    expect(client.lines.every(({ message }) => message?.content.isWellFormed())).toBe(true);
  });

  test('is cut by num_predict and says so', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply: 'one two three' } });
    const client = chat(fake.url, { options: { num_predict: 2 } });
    await client.end();

    expect(client.text).toBe('one two');
    expect(client.lines.at(-1)?.done_reason).toBe('length');
  });

  test('follows the thoughts of a model that thinks and was not told not to', async () => {
    await using fake = await startFakeOllama({
      models: [{ name: 'deep', capabilities: ['completion', 'thinking'] }],
      behaviour: { thinking: 'hm well', reply: 'yes' },
    });
    const [loud, quiet] = [
      chat(fake.url, { model: 'deep' }),
      chat(fake.url, { model: 'deep', think: false }),
    ];
    await loud.end();
    await quiet.end();

    expect(loud.lines.map(({ message }) => message?.thinking)).toEqual(['hm', ' well', undefined, undefined]);
    expect(quiet.lines.map(({ message }) => message?.content)).toEqual(['yes', '']);
  });
});

describe('a prefill', () => {
  const reply = 'I hear you. Where in your body is it?';

  test('is gone on from at exactly its last character', async () => {
    for (let length = 0; length <= reply.length; length++) {
      const prefix = reply.slice(0, length);
      expect(prefix + (await goOn({ reply }, prefix))).toBe(reply);
    }
  });

  test('is looked for without its trailing white space too', async () => {
    expect(await goOn({ reply }, 'I hear \n')).toBe(' you. Where in your body is it?');
  });

  test('of other words is gone on from with other words, and recorded as such', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply } });
    const client = chat(fake.url, prefilled('Something else'));
    await client.end();

    expect(fake.of('chat')[0]).toMatchObject({ prefill: 'Something else', prefillFits: false });
    expect(client.text).not.toBe(reply);
    expect(client.text).toMatch(/^ \w/);
  });

  test('can be ignored', async () => {
    expect(await goOn({ reply, prefill: 'ignored' }, 'I hear you.')).toBe(reply);
  });

  test('can be ignored for other words', async () => {
    expect(await goOn({ reply, prefill: 'ignored-anew' }, 'I hear you.')).not.toContain('hear you');
  });

  test('can be repeated', async () => {
    expect(await goOn({ reply, prefill: 'repeats-prefix' }, 'I hear you. Where')).toBe(reply);
  });

  test('can have its last sentence repeated', async () => {
    const text = await goOn({ reply, prefill: 'repeats-sentence' }, 'I hear you. Where in your');
    expect(text).toBe('Where in your body is it?');
  });

  test('can lose its trailing white space in the template', async () => {
    expect(await goOn({ reply, prefill: 'trims-prefix' }, 'I hear ')).toBe(' you. Where in your body is it?');
  });

  test('can be gone on from without leading white space', async () => {
    expect(await goOn({ reply, prefill: 'trims-output' }, 'I hear')).toBe('you. Where in your body is it?');
  });

  test('is refused together with thinking on demand', async () => {
    await using fake = await startFakeOllama({
      models: [{ name: 'deep', capabilities: ['completion', 'thinking'] }],
      behaviour: { refusePrefillWithThink: true },
    });
    const refused = chat(fake.url, { model: 'deep', think: true, ...prefilled('I') });
    const taken = chat(fake.url, { model: 'deep', think: false, ...prefilled('I') });
    await refused.end();
    await taken.end();

    expect([refused.status, taken.status]).toEqual([400, 200]);
  });
});

describe('the render probe', () => {
  async function render(behaviour: Behaviour): Promise<string> {
    await using fake = await startFakeOllama({ behaviour });
    const client = chat(fake.url, { ...prefilled('I hear '), _debug_render_only: true });
    await client.end();
    return client.raw;
  }
  const template = (raw: string): unknown => JSON.parse(raw)._debug_info.rendered_template;

  test('shows a template that ends with the prefill', async () => {
    expect(template(await render({}))).toMatch(/hello[^]*I hear $/);
  });

  test('shows a template that trims the prefill', async () => {
    expect(template(await render({ render: 'trimmed' }))).toMatch(/I hear$/);
  });

  test('shows a template that closes the turn', async () => {
    expect(template(await render({ render: 'closed' }))).not.toMatch(/I hear\s*$/);
  });

  test('gets a normal reply when the option is unknown', async () => {
    const raw = await render({ render: 'unknown' });
    expect(raw).not.toContain('_debug_info');
    expect(raw).toContain('"done":true');
  });
});

describe('the other routes', () => {
  test('suit the official client', async () => {
    await using fake = await startFakeOllama({ models: ['llama3.1', { name: 'cold:8b', loaded: false }] });
    const client = new Ollama({ host: fake.url });

    expect((await client.list()).models.map(({ name }) => name)).toEqual(['llama3.1:latest', 'cold:8b']);
    expect((await client.ps()).models.map(({ name }) => name)).toEqual(['llama3.1:latest']);
    const shown = await client.show({ model: 'llama3.1' });
    expect(shown.capabilities).toEqual(['completion']);
    expect(shown.model_info).toMatchObject({ 'llama.context_length': 8192 });
    await expect(client.show({ model: 'none' })).rejects.toThrow("model 'none' not found");
    const { embeddings } = await client.embed({
      model: 'llama3.1',
      input: ['my chest', 'my chest', 'a boat'],
    });
    expect(embeddings[0]).toEqual(embeddings[1]);
    expect(embeddings[0]).not.toEqual(embeddings[2]);
    let text = '';
    for await (const part of await client.chat({ model: 'llama3.1', messages: hello, stream: true })) {
      text += part.message.content;
    }
    expect(text).toBe(fake.replyTo('llama3.1', hello));
  });

  test('tell that it runs and which version', async () => {
    await using fake = await startFakeOllama();

    expect(await (await fetch(fake.url)).text()).toBe('Ollama is running');
    expect(await (await fetch(`${fake.url}/api/version`)).json()).toEqual({ version: expect.any(String) });
  });

  test('pull with progress, after which the model is there and not loaded', async () => {
    await using fake = await startFakeOllama({ models: [] });
    const before = chat(fake.url);
    await before.end();
    const pull = post(fake.url, 'pull', { model: 'llama3.1' });
    await pull.end();

    expect([before.status, before.lines[0]?.error]).toEqual([404, "model 'llama3.1' not found"]);
    expect(pull.lines).toMatchObject([
      { status: 'pulling manifest' },
      { total: 3000, completed: 1000 },
      { total: 3000, completed: 2000 },
      { total: 3000, completed: 3000 },
      { status: 'verifying sha256 digest' },
      { status: 'writing manifest' },
      { status: 'success' },
    ]);
    expect([fake.installed, fake.loaded]).toEqual([['llama3.1:latest'], []]);
  });

  test('load by an empty chat and unload by one with keep_alive 0', async () => {
    await using fake = await startFakeOllama({ models: [{ name: 'llama3.1', loaded: false }] });
    const load = chat(fake.url, { messages: [] });
    await load.end();
    const loaded = fake.loaded;
    const unload = chat(fake.url, { messages: [], keep_alive: 0 });
    await unload.end();

    expect(load.lines).toMatchObject([{ done: true, done_reason: 'load' }]);
    expect(loaded).toEqual(['llama3.1:latest']);
    expect(unload.lines).toMatchObject([{ done: true, done_reason: 'unload' }]);
    expect(fake.loaded).toEqual([]);
  });

  test('answer 400 to what cannot be read', async () => {
    await using fake = await startFakeOllama();
    const answer = await fetch(`${fake.url}/api/chat`, { method: 'POST', body: '{' });

    expect(answer.status).toBe(400);
  });
});

describe('the memory', () => {
  const models = ['one', { name: 'two', loaded: false }];
  const embed = (url: string, model: string, more: object = {}) =>
    post(url, 'embed', { model, input: ['hello'], ...more });

  test('takes a model in for vectors as well as for words', async () => {
    await using fake = await startFakeOllama({ models });

    await embed(fake.url, 'two').end();

    expect(fake.loaded).toEqual(['one:latest', 'two:latest']);
  });

  test('lets a model go after a request that keeps it for no time', async () => {
    await using fake = await startFakeOllama({ models });

    await embed(fake.url, 'two', { keep_alive: 0 }).end();

    expect(fake.loaded).toEqual(['one:latest']);
  });

  test('holds so many models, and a new one takes the place of one that has nothing to do', async () => {
    await using fake = await startFakeOllama({ models, maxLoaded: 1 });

    await embed(fake.url, 'two').end();
    const first = fake.loaded;
    await chat(fake.url, { model: 'one' }).end();

    expect([first, fake.loaded]).toEqual([['two:latest'], ['one:latest']]);
  });

  test('lets a new model wait for the end of a reply', async () => {
    await using fake = await startFakeOllama({ models, maxLoaded: 1 });
    fake.hold('done');
    const reply = chat(fake.url, { model: 'one' });
    await fake.reached('done');

    const vectors = embed(fake.url, 'two');
    await fake.reached('load', 0, 1);
    const meanwhile = fake.loaded;
    fake.release();
    await Promise.all([reply.end(), vectors.end()]);

    expect([meanwhile, fake.loaded]).toEqual([['one:latest'], ['two:latest']]);
  });

  test('lets go of what is kept for the shortest time', async () => {
    await using fake = await startFakeOllama({
      models: ['one', 'two', { name: 'three', loaded: false }],
      maxLoaded: 2,
    });
    await embed(fake.url, 'two', { keep_alive: '10s' }).end();

    await embed(fake.url, 'three').end();

    expect(fake.loaded).toEqual(['one:latest', 'three:latest']);
  });

  test('has room for three models', async () => {
    const four = ['one', 'two', 'three', 'four'].map((name) => ({ name, loaded: false }));
    await using fake = await startFakeOllama({ models: four });

    for (const { name } of four) await embed(fake.url, name).end();

    expect(fake.loaded).toHaveLength(3);
  });
});

test('the digest of a model is the one it was given', async () => {
  await using fake = await startFakeOllama({ models: [{ name: 'one', digest: 'abc' }] });

  expect((await new Ollama({ host: fake.url }).list()).models[0]?.digest).toBe('abc');
});
