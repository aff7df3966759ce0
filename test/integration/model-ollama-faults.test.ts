// What Ollama and the network between can do wrong in a reply: each becomes one fault of the seam, and none prints.
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ModelFault } from '../../src/model/model.ts';
import { ModelError } from '../../src/model/model.ts';
import type { OllamaOptions } from '../../src/model/ollama.ts';
import { maxReplyBytes } from '../../src/model/reply-limits.ts';
import { ask, never, textOf } from '../conformance/model.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import type { Behaviour } from '../support/fake-ollama.ts';
import { openOllama, outcome } from '../support/ollama-model.ts';
import { deadline } from '../support/wait.ts';

const reply = 'Take your time. I am here, and we go slowly.';
const printers = ['log', 'info', 'warn', 'error', 'debug'] as const;

beforeEach(() => {
  for (const name of printers) vi.spyOn(console, name).mockImplementation(() => undefined);
});

afterEach(() => {
  for (const name of printers) expect(console[name]).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

interface Case {
  title: string;
  behaviour: Behaviour;
  fault: ModelFault;
  /** What was said before. */
  text: string;
  options?: Partial<OllamaOptions>;
}

const after = 3;
const said = 'Take your time.';
const cases: Case[] = [
  { title: '404', behaviour: { refuse: { status: 404 } }, fault: 'missing', text: '' },
  { title: '503', behaviour: { refuse: { status: 503 } }, fault: 'busy', text: '' },
  { title: '400', behaviour: { refuse: { status: 400 } }, fault: 'refused', text: '' },
  { title: '499', behaviour: { refuse: { status: 499 } }, fault: 'refused', text: '' },
  { title: '302', behaviour: { refuse: { status: 302 } }, fault: 'refused', text: '' },
  { title: '500', behaviour: { refuse: { status: 500 } }, fault: 'interrupted', text: '' },
  { title: '502', behaviour: { refuse: { status: 502 } }, fault: 'interrupted', text: '' },
  { title: 'a page of HTML', behaviour: { fault: { kind: 'html' } }, fault: 'interrupted', text: '' },
  { title: 'an error line first', behaviour: { fault: { kind: 'error' } }, fault: 'interrupted', text: '' },
  {
    title: 'an error line',
    behaviour: { fault: { kind: 'error', after } },
    fault: 'interrupted',
    text: said,
  },
  { title: 'an end without words', behaviour: { fault: { kind: 'end' } }, fault: 'interrupted', text: '' },
  {
    title: 'an end without done',
    behaviour: { fault: { kind: 'end', after } },
    fault: 'interrupted',
    text: said,
  },
  {
    title: 'an end in mid-line',
    behaviour: { fault: { kind: 'end', after, partial: 20 } },
    fault: 'interrupted',
    text: said,
  },
  {
    title: 'an end before done',
    behaviour: { fault: { kind: 'end', after: 99 } },
    fault: 'interrupted',
    text: reply,
  },
  {
    title: 'a close before headers',
    behaviour: { fault: { kind: 'close' } },
    fault: 'interrupted',
    text: '',
  },
  { title: 'a close', behaviour: { fault: { kind: 'close', after } }, fault: 'interrupted', text: said },
  {
    title: 'a reset before headers',
    behaviour: { fault: { kind: 'reset' } },
    fault: 'interrupted',
    text: '',
  },
  {
    title: 'silence before headers',
    behaviour: { fault: { kind: 'silence' } },
    fault: 'interrupted',
    text: '',
    options: { firstTokenMs: 400 },
  },
  {
    title: 'silence behind headers',
    behaviour: { fault: { kind: 'silence', headers: true } },
    fault: 'interrupted',
    text: '',
    options: { firstTokenMs: 400 },
  },
  {
    title: 'silence',
    behaviour: { fault: { kind: 'silence', after } },
    fault: 'interrupted',
    text: said,
    options: { stallMs: 400 },
  },
  {
    title: 'silence in mid-line',
    behaviour: { fault: { kind: 'silence', after, partial: 20 } },
    fault: 'interrupted',
    text: said,
    options: { stallMs: 400 },
  },
  {
    title: 'silence instead of done',
    behaviour: { fault: { kind: 'silence', after: 99 } },
    fault: 'interrupted',
    text: reply,
    options: { stallMs: 400 },
  },
  {
    title: 'a line that is not JSON',
    behaviour: { fault: { kind: 'line', after, line: '{"message":\n' } },
    fault: 'interrupted',
    text: said,
  },
  {
    title: 'a line that is not an object',
    behaviour: { fault: { kind: 'line', after, line: '[1]\n' } },
    fault: 'interrupted',
    text: said,
  },
  {
    title: 'a line whose words are no text',
    behaviour: { fault: { kind: 'line', after, line: '{"message":{"content":7}}\n' } },
    fault: 'interrupted',
    text: said,
  },
  {
    title: 'a line of 50 MB',
    behaviour: { fault: { kind: 'long-line', after, bytes: 50 * 1024 * 1024 } },
    fault: 'interrupted',
    text: said,
  },
  {
    title: 'blanks without end',
    behaviour: { fault: { kind: 'whitespace', after } },
    fault: 'interrupted',
    text: said + ' '.repeat(200),
  },
  { title: 'no words', behaviour: { reply: '' }, fault: 'interrupted', text: '' },
  { title: 'done for load', behaviour: { doneReason: 'load' }, fault: 'interrupted', text: reply },
  { title: 'done for unload', behaviour: { doneReason: 'unload' }, fault: 'interrupted', text: reply },
];

it.each(cases)('takes $title for: $fault', async ({ behaviour, fault, text, options }) => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url, options);
  await textOf(model.generate(ask(reply), never()));
  const from = fake.requests.length;
  fake.next(behaviour);

  const result = await deadline(outcome(model.generate(ask(reply), never())), 'the failure');

  expect(result.error).toBeInstanceOf(ModelError);
  expect(result).toMatchObject({ text, error: { fault } });
  await fake.ended(from);
  await fake.idle();
});

it.each(cases)('replies again after $title', async ({ behaviour, options }) => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url, options);
  await textOf(model.generate(ask(reply), never()));
  fake.next(behaviour);
  await deadline(outcome(model.generate(ask(reply), never())), 'the failure');

  const again = await deadline(outcome(model.generate(ask(reply), never())), 'the reply');

  expect(again).toEqual({ text: reply, error: undefined });
});

it.each([
  ['long words', { reply: 'é'.repeat(maxReplyBytes), pieceSize: 100_000 }],
  ['whole characters', { reply: 'é😀'.repeat(maxReplyBytes / 4), pieceSize: 50_001 }],
])('ends a reply of %s at the limit, whole, and closes the request', async (_title, behaviour) => {
  await using fake = await startFakeOllama({ behaviour });
  await using model = openOllama(fake.url);
  fake.hold('done');

  const result = await deadline(outcome(model.generate(ask(reply), never())), 'the end');

  expect(result.error).toBeUndefined();
  expect(behaviour.reply.startsWith(result.text)).toBe(true);
  expect(result.text.isWellFormed()).toBe(true);
  expect(Buffer.byteLength(result.text)).toBeGreaterThan(maxReplyBytes - 4);
  expect(Buffer.byteLength(result.text)).toBeLessThanOrEqual(maxReplyBytes);
  expect((await fake.ended()).ending).toBe('client');
  await fake.idle();
});

it('ends a reply whose prefix is full with no further word', async () => {
  const begun = 'x'.repeat(maxReplyBytes);
  await using fake = await startFakeOllama({ behaviour: { reply: `${begun} and more` } });
  await using model = openOllama(fake.url);

  const result = await deadline(outcome(model.generate(ask(reply, begun), never())), 'the end');

  expect(result).toEqual({ text: '', error: undefined });
});

it('skips lines without words', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);
  fake.next({ fault: { kind: 'line', after, line: '\n\r\n{"message":{"thinking":"hm"}}\n' } });

  expect(await textOf(model.generate(ask(reply), never()))).toBe(reply);
});

it('ends a reply that takes too long as a whole', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url, { totalMs: 30 });
  fake.next({ fault: { kind: 'silence', after } });

  const { error } = await deadline(outcome(model.generate(ask(reply), never())), 'the failure');

  expect(error).toMatchObject({ fault: 'interrupted' });
});

it('does not count the time its reader takes as silence', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url, { stallMs: 500 });
  const events = model.generate(ask(reply), never())[Symbol.asyncIterator]();
  for (let step = await events.next(); step.value?.kind !== 'text'; step = await events.next());

  await delay(700);

  expect((await events.next()).value).toEqual({ kind: 'text', text: ' your' });
  await events.return?.();
});

it('ends a load that takes too long', async () => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url, { loadMs: 30 });
  fake.next({ fault: { kind: 'silence' } }, 1, 'load');

  const { error } = await deadline(outcome(model.generate(ask(reply), never())), 'the failure');

  expect(error).toMatchObject({ fault: 'interrupted', message: 'the model was not loaded within 30 ms' });
  expect((await fake.ended(0, 'load')).ending).toBe('client');
});

it.each([
  ['404', { refuse: { status: 404 } }, 'missing'],
  ['503', { refuse: { status: 503 } }, 'busy'],
  ['an error', { fault: { kind: 'error' } }, 'interrupted'],
  ['a page of HTML', { fault: { kind: 'html' } }, 'interrupted'],
  ['a reset', { fault: { kind: 'reset' } }, 'interrupted'],
] as const)('takes %s in a load for the fault it is', async (_title, behaviour, fault) => {
  await using fake = await startFakeOllama();
  await using model = openOllama(fake.url);
  fake.next(behaviour, 1, 'load');

  const { error } = await deadline(outcome(model.generate(ask(reply), never())), 'the failure');

  expect(error).toMatchObject({ fault });
});

it('takes a refused connection for: unreachable', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);
  await fake.stop();

  const { error } = await deadline(outcome(model.generate(ask(reply), never())), 'the failure');

  expect(error).toMatchObject({ fault: 'unreachable' });
});

it('takes a refused connection for: unreachable, also when the model was loaded before', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);
  await textOf(model.generate(ask(reply), never()));
  await fake.stop();

  const { error } = await deadline(outcome(model.generate(ask(reply), never())), 'the failure');

  expect(error).toMatchObject({ fault: 'unreachable' });
});

it('takes a connection that is never made for: unreachable', async () => {
  // A port that takes the connection and never begins TLS.
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', () => resolve()));
  await using _silent = { [Symbol.asyncDispose]: async () => void silent.close() };
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  await using model = openOllama(`https://127.0.0.1:${port}`, { connectMs: 50 });

  const { error } = await deadline(outcome(model.generate(ask(reply), never())), 'the failure');

  expect(error).toMatchObject({ fault: 'unreachable' });
});

it('loads again after Ollama was started anew in mid-reply', async () => {
  await using fake = await startFakeOllama({ behaviour: { reply } });
  await using model = openOllama(fake.url);
  fake.hold('piece', 3);
  const reading = outcome(model.generate(ask(reply), never()));
  await fake.reached('piece', 3);

  await fake.stop({ reset: true });
  const broken = await deadline(reading, 'the failure');
  await fake.start();
  fake.release();
  const rest = await textOf(model.generate(ask(reply, broken.text), never()));

  expect(broken.error).toMatchObject({ fault: 'interrupted' });
  expect(broken.text + rest).toBe(reply);
  expect(fake.of('load')).toHaveLength(2);
});
