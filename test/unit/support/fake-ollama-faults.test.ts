import { describe, expect, test } from 'vitest';
import { startFakeOllama } from '../../support/fake-ollama.ts';
import type { FakeOllama, Fault } from '../../support/fake-ollama.ts';
import { NdjsonClient } from '../../support/ndjson-client.ts';

const messages = [{ role: 'user', content: 'hello' }];
const reply = 'one two three four five six';
const chat = (fake: FakeOllama, more: object = {}) =>
  new NdjsonClient(`${fake.url}/api/chat`, { model: 'llama3.1', messages, ...more });

/** A chat that meets the fault, and how it ended for the client. */
async function meet(fault: Fault) {
  await using fake = await startFakeOllama({ behaviour: { reply, fault } });
  const client = chat(fake);
  const end = await client.end();
  return { client, end, record: await fake.ended() };
}

describe('a fault', () => {
  test('is an error line and the end, after so many pieces', async () => {
    const { client, end, record } = await meet({ kind: 'error', after: 2, message: 'out of memory' });

    expect([client.status, end, record.ending]).toEqual([200, 'whole', 'error']);
    expect(client.text).toBe('one two');
    expect(client.lines.at(-1)).toEqual({ error: 'out of memory' });
  });

  test('is an end without done', async () => {
    const { client, end } = await meet({ kind: 'end', after: 3 });

    expect([end, client.text]).toEqual(['whole', 'one two three']);
    expect(client.lines.some(({ done }) => done)).toBe(false);
  });

  test('is a FIN in the middle of the body', async () => {
    const { client, end, record } = await meet({ kind: 'close', after: 3 });

    expect([end, client.text, record.ending]).toEqual(['broken', 'one two three', 'close']);
  });

  test('is a RST', async () => {
    const { client, end, record } = await meet({ kind: 'reset', after: 3 });

    expect([end, client.text, record.ending]).toEqual(['broken', 'one two three', 'reset']);
    expect(client.error?.code).toBe('ECONNRESET');
  });

  test('comes before the headers when it comes before the first piece', async () => {
    const { client, end } = await meet({ kind: 'reset' });

    expect([end, client.status]).toEqual(['broken', undefined]);
  });

  test('comes in the middle of a line when asked to', async () => {
    const { client } = await meet({ kind: 'reset', after: 1, partial: 20 });

    expect(client.raw.split('\n').at(-1)).toHaveLength(20);
  });

  test('comes after the last piece when there are fewer', async () => {
    const { client, end } = await meet({ kind: 'end', after: 1000 });

    expect([end, client.text]).toEqual(['whole', reply]);
    expect(client.lines.at(-1)?.done).toBe(false);
  });

  test('is a line of garbage between the others', async () => {
    const { client, end } = await meet({ kind: 'line', after: 2, line: '<garbage>\n' });

    expect(end).toBe('whole');
    expect(client.raw.split('\n')[2]).toBe('<garbage>');
    expect(client.raw).toContain('"done":true');
  });

  test('is a page of HTML with status 200', async () => {
    const { client, end } = await meet({ kind: 'html' });

    expect([client.status, end]).toEqual([200, 'whole']);
    expect(client.contentType).toContain('text/html');
  });

  test('is a line of the wanted length', async () => {
    const { client } = await meet({ kind: 'long-line', after: 1, bytes: 3_000_000 });

    expect(client.raw.split('\n')[1]).toHaveLength(3_000_000 - 1);
    expect(client.lines.at(-1)?.done).toBe(true);
  });

  test('is silence, until the client leaves', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply, fault: { kind: 'silence', after: 2 } } });
    const client = chat(fake);
    await client.until(() => client.text === 'one two', 'two words');
    const before = fake.open;
    client.leave();
    await fake.idle();

    expect(before).toBe(1);
    expect(fake.of('chat')[0]).toMatchObject({
      ending: 'client',
      piecesSent: 2,
      closedAt: expect.any(Number),
    });
  });

  test('is silence behind the headers', async () => {
    await using fake = await startFakeOllama({ behaviour: { fault: { kind: 'silence', headers: true } } });
    const client = chat(fake);
    await client.until(() => client.status === 200, 'the headers');
    client.leave();
    await fake.idle();

    expect(client.chunks).toEqual([]);
  });

  test('is white space for ever, until the client leaves', async () => {
    await using fake = await startFakeOllama({
      behaviour: { reply, fault: { kind: 'whitespace', after: 1 } },
    });
    const client = chat(fake);
    await client.until(() => client.chunks.length > 100, 'a hundred lines');
    client.leave();
    await fake.idle();

    expect(client.text.trimEnd()).toBe('one');
  });
});

describe('behaviours', () => {
  test('are used up in turn, then the standing one holds', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply: 'always' } });
    fake.next({ refuse: { status: 503, error: 'server busy' } }, 2);
    fake.next({ reply: 'once' });
    const seen: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const client = chat(fake);
      await client.end();
      seen.push(client.status === 200 ? client.text : [client.status, client.lines[0]?.error]);
    }

    expect(seen).toEqual([[503, 'server busy'], [503, 'server busy'], 'once', 'always']);
  });

  test('are told apart by the kind of request', async () => {
    await using fake = await startFakeOllama();
    fake.always({ refuse: { status: 500 } }, 'version');
    const client = chat(fake);
    await client.end();

    expect((await fetch(`${fake.url}/api/version`)).status).toBe(500);
    expect(client.status).toBe(200);
  });

  test('can be changed while it runs', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply: 'before' } });
    const before = chat(fake);
    await before.end();
    fake.always({ reply: (asked) => `to ${asked[0]?.content}` });
    const after = chat(fake);
    await after.end();

    expect([before.text, after.text]).toEqual(['before', 'to hello']);
  });

  test('cut pieces to size and never a pair, unless asked to', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply: '🌱🌱ab', pieceSize: [1, 3] } });
    const whole = chat(fake);
    await whole.end();
    fake.always({ reply: '🌱', pieceSize: 1, splitPairs: true });
    const split = chat(fake);
    await split.end();

    expect(whole.lines.map(({ message }) => message?.content)).toEqual(['🌱', '🌱a', 'b', '']);
    expect(split.lines.map(({ message }) => message?.content)).toEqual(['\uD83C', '\uDF31', '']);
  });

  test('give the reason for the end', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply, doneReason: 'length' } });
    const client = chat(fake);
    await client.end();

    expect(client.lines.at(-1)?.done_reason).toBe('length');
  });

  test('take their time and say the same', async () => {
    await using fake = await startFakeOllama({
      models: [{ name: 'llama3.1', loaded: false }],
      behaviour: { reply, rate: 1000, headersDelayMs: 1, loadMs: 1, promptMs: 1 },
    });
    const client = chat(fake);
    await client.end();

    expect(client.text).toBe(reply);
  });

  test('cut packets at any byte', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply: '🌱 ü', packetBytes: [1, 2, 5] } });
    const client = chat(fake);
    await client.end();

    expect(client.text).toBe('🌱 ü');
    expect(client.chunks.slice(0, 6).map(({ length }) => length)).toEqual([1, 2, 5, 1, 2, 5]);
  });

  test('put several lines in one packet', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply, packetBytes: 100_000 } });
    const client = chat(fake);
    await client.end();

    expect(client.chunks).toHaveLength(1);
    expect(client.lines).toHaveLength(7);
  });
});

describe('gates', () => {
  test('hold a generation at an exact piece', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply } });
    fake.hold('piece', 3);
    const client = chat(fake);
    const record = await fake.reached('piece', 3);
    await client.until(() => client.lines.length === 3, 'three lines');
    const [held, text] = [record.piecesSent, client.text];
    fake.release('piece', 3);
    await client.end();

    expect([held, text, client.text]).toEqual([3, 'one two three', reply]);
  });

  test('hold between the last piece and the end', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply } });
    fake.hold('done');
    const client = chat(fake);
    await fake.reached('done');
    await client.until(() => client.text === reply, 'the whole text');
    const isDone = client.lines.some(({ done }) => done);
    fake.release();
    await client.end();

    expect([isDone, client.lines.at(-1)?.done]).toEqual([false, true]);
  });

  test('let a client leave that is held', async () => {
    await using fake = await startFakeOllama();
    fake.hold('prompt');
    const client = chat(fake);
    await fake.reached('prompt');
    client.leave();
    const record = await fake.ended();
    await fake.idle();

    expect([record.ending, fake.generating]).toEqual(['client', 0]);
  });
});

describe('loading', () => {
  const models = [{ name: 'llama3.1', loaded: false }];

  test('is shared by all who wait for it', async () => {
    await using fake = await startFakeOllama({ models, behaviour: { reply } });
    fake.hold('load');
    const clients = [chat(fake), chat(fake), chat(fake)];
    await fake.until(() => fake.open === 3, 'three requests');
    await fake.reached('load', 0, 2);
    fake.release('load');
    for (const client of clients) await client.end();

    expect(clients.map(({ text }) => text)).toEqual([reply, reply, reply]);
  });

  test('fails for all who wait when the client that began it leaves', async () => {
    await using fake = await startFakeOllama({ models });
    fake.hold('load');
    const first = chat(fake);
    await fake.reached('load');
    const second = chat(fake);
    await fake.reached('load', 0, 1);
    first.leave();
    await second.end();

    expect([second.status, second.lines[0]?.error]).toEqual([
      500,
      expect.stringContaining('context canceled'),
    ]);
    expect(fake.loaded).toEqual([]);
  });

  test('outlives the client that began it when it is not fragile', async () => {
    await using fake = await startFakeOllama({ models, fragileLoad: false, behaviour: { reply } });
    fake.hold('load');
    const first = chat(fake);
    await fake.reached('load');
    const second = chat(fake);
    await fake.reached('load', 0, 1);
    first.leave();
    await fake.ended();
    fake.release();
    await second.end();

    expect(second.text).toBe(reply);
  });
});

describe('slots', () => {
  test('let so many generate at once, the others wait without a sign', async () => {
    await using fake = await startFakeOllama({ slots: 2, behaviour: { reply } });
    fake.hold('piece', 1);
    const clients = [chat(fake), chat(fake), chat(fake)];
    await fake.reached('slot', 0, 2);
    await fake.until(
      () => fake.requests.filter(({ piecesSent }) => piecesSent === 1).length === 2,
      'two begun',
    );
    const [open, generating] = [fake.open, fake.generating];
    fake.release();
    for (const client of clients) await client.end();
    await fake.idle();

    expect([open, generating]).toEqual([3, 2]);
    expect([fake.maxGenerating, fake.generating]).toEqual([2, 0]);
  });

  test('stay taken while the prompt is evaluated for a client that left', async () => {
    await using fake = await startFakeOllama({ slots: 1, behaviour: { reply, lingerMs: 1 } });
    fake.hold('prompt');
    fake.hold('linger');
    const first = chat(fake);
    await fake.reached('prompt');
    first.leave();
    await fake.reached('linger');
    await fake.ended();
    const [open, generating] = [fake.open, fake.generating];
    fake.release();
    await fake.idle();

    expect([open, generating]).toEqual([0, 1]);
  });
});

describe('going away', () => {
  test('cuts every connection, and comes back on the same port', async () => {
    await using fake = await startFakeOllama({ behaviour: { reply } });
    fake.hold('piece', 2);
    const cut = chat(fake);
    await fake.reached('piece', 2);
    await fake.stop();
    const end = await cut.end();
    const refused = chat(fake);
    await refused.end();
    fake.release();
    await fake.start();
    const again = chat(fake);
    await again.end();

    expect([end, refused.error?.code, again.text]).toEqual(['broken', 'ECONNREFUSED', reply]);
    expect(fake.of('chat').map(({ ending }) => ending)).toEqual(['stopped', 'done']);
  });

  test('empties its memory', async () => {
    await using fake = await startFakeOllama();
    await fake.stop();
    await fake.start();

    expect([fake.installed, fake.loaded]).toEqual([['llama3.1:latest'], []]);
  });
});
