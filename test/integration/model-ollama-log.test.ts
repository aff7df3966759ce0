// What an operator is told of Ollama, and what nobody is told: its own words.
import { expect, it } from 'vitest';
import type { ModelLog, OllamaOptions } from '../../src/model/ollama.ts';
import { ask, never, textOf } from '../conformance/model.ts';
import { startFakeOllama } from '../support/fake-ollama.ts';
import type { FakeOllama } from '../support/fake-ollama.ts';
import { isReady, isUnavailable, openOllama, outcome, reaches } from '../support/ollama-model.ts';
import { deadline } from '../support/wait.ts';

const secret = 'at /home/someone/.ollama/models';
const checkMs = 5;

interface Entry {
  level: 'debug' | 'info' | 'warn';
  facts: object;
  message: string;
}

function keepLog(): { log: ModelLog; entries: Entry[] } {
  const entries: Entry[] = [];
  const at = (level: Entry['level']) => (facts: object, message: string) =>
    void entries.push({ level, facts, message });
  return { log: { debug: at('debug'), info: at('info'), warn: at('warn') }, entries };
}

interface Case {
  title: string;
  prepare: (fake: FakeOllama) => void;
  options?: Partial<OllamaOptions>;
}

const cases: Case[] = [
  ...[400, 404, 500, 503].map((status) => ({
    title: `${status} to a reply`,
    prepare: (fake: FakeOllama) => fake.always({ refuse: { status, error: secret } }),
  })),
  {
    title: 'an error line in a reply',
    prepare: (fake) => fake.always({ fault: { kind: 'error', after: 1, message: secret } }),
  },
  {
    title: '500 to a load',
    prepare: (fake) => fake.always({ refuse: { status: 500, error: secret } }, 'load'),
  },
  {
    title: '500 to a look',
    prepare: (fake) => fake.always({ refuse: { status: 500, error: secret } }, 'show'),
  },
  {
    title: '400 to a probe',
    prepare: (fake) => fake.always({ refuse: { status: 400, error: secret } }, 'render'),
  },
  {
    title: 'an error line in a pull',
    prepare: (fake) => {
      fake.uninstall('llama3.1');
      fake.always({ fault: { kind: 'error', after: 1, message: secret } }, 'pull');
    },
    options: { pull: true },
  },
  {
    title: '400 to a pull',
    prepare: (fake) => {
      fake.uninstall('llama3.1');
      fake.always({ refuse: { status: 400, error: secret } }, 'pull');
    },
    options: { pull: true },
  },
  {
    title: 'capabilities of its own making',
    prepare: (fake) => {
      fake.uninstall('llama3.1');
      fake.install({ name: 'llama3.1', capabilities: [secret] });
    },
  },
];

it.each(cases)('keeps to itself, but for debugging, what comes with $title', async ({ prepare, options }) => {
  await using fake = await startFakeOllama();
  prepare(fake);
  const { log, entries } = keepLog();
  await using model = openOllama(fake.url, { ...options, log });
  const states: unknown[] = [];
  using _watch = model.watch((state) => states.push(state));
  await model.known;
  const { error } = await deadline(outcome(model.generate(ask('Take your time.'), never())), 'the end');
  await model.prefill(never(), '');
  const isTold = ({ level, facts }: Entry) => level === 'debug' && JSON.stringify(facts).includes(secret);
  await fake.until(() => entries.some(isTold), 'an entry for debugging');
  await model[Symbol.asyncDispose]();

  const others = entries.filter(({ level }) => level !== 'debug');
  const shown = JSON.stringify([others, states, model.state(), String(error)]);
  expect(shown).not.toContain(secret);
  expect(shown).not.toContain('models');
});

it('tells a change of the state once, with the address but without its credentials', async () => {
  await using fake = await startFakeOllama();
  const { log, entries } = keepLog();
  const address = fake.url.replace('http://', 'http://ann:secret@');
  await using model = openOllama(`${address}/?key=secret`, { checkMs, log });
  await reaches(model, isReady);

  await fake.stop();
  await reaches(model, isUnavailable);
  await fake.start();
  await reaches(model, isReady);
  const looks = fake.of('show').length;
  await fake.until(() => fake.of('show').length > looks + 1, 'more looks');

  const ready = { model: 'llama3.1', phase: 'ready', place: fake.url };
  const away = { ...ready, phase: 'unavailable', reason: 'Ollama does not answer' };
  expect(entries).toEqual(
    [ready, away, ready].map((facts) => ({ level: 'info', facts, message: 'the model changed' })),
  );
});

it('tells a pull once and not each of its steps', async () => {
  await using fake = await startFakeOllama({ models: [] });
  fake.always({ pull: { total: 4000, steps: 4 } }, 'pull');
  const { log, entries } = keepLog();
  await using model = openOllama(fake.url, { pull: true, checkMs, log });

  await reaches(model, isReady);

  const told = entries.filter(({ level }) => level === 'info');
  expect(told.map(({ facts, message }) => ('phase' in facts ? facts.phase : message))).toEqual([
    'pulling',
    'pulling the model',
    'pulled the model',
    'ready',
  ]);
});

it('needs no debug in its log', async () => {
  await using fake = await startFakeOllama();
  fake.next({ refuse: { status: 400, error: secret } });
  const log = { info: () => undefined, warn: () => undefined };
  await using model = openOllama(fake.url, { log });

  const { error } = await outcome(model.generate(ask('Take your time.'), never()));

  expect(error).toMatchObject({ fault: 'refused', message: 'Ollama answered 400' });
  expect(await textOf(model.generate(ask('Take your time.'), never()))).not.toBe('');
});
