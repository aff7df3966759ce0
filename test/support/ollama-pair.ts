// One model on two fake servers.
import { hostname } from 'node:os';
import type { Model } from '../../src/model/model.ts';
import type { OllamaHostsOptions } from '../../src/model/ollama-hosts.ts';
import { ask, never } from '../conformance/model.ts';
import { startFakeOllama } from './fake-ollama.ts';
import type { FakeOllama, FakeOptions } from './fake-ollama.ts';
import { openOllamas, outcome } from './ollama-model.ts';

/** What both say. */
export const reply = 'Take your time. I am here.';

export interface Pair extends AsyncDisposable {
  a: FakeOllama;
  b: FakeOllama;
  model: Model;
  /** What the time a host is left alone is measured by; it stands still. */
  clock: { ms: number };
}

/** Two servers and a model on both, once it is known. */
export async function startPair(
  options: Partial<OllamaHostsOptions> = {},
  givenA: FakeOptions = {},
  givenB: FakeOptions = {},
): Promise<Pair> {
  const a = await startFakeOllama({ behaviour: { reply }, ...givenA });
  const b = await startFakeOllama({ behaviour: { reply }, ...givenB });
  const clock = { ms: 0 };
  const model = openOllamas([a.url, b.url], { now: () => clock.ms, ...options });
  await model.known;
  return {
    a,
    b,
    model,
    clock,
    async [Symbol.asyncDispose]() {
      await model[Symbol.asyncDispose]();
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

/** The name of the host that it is. */
export const nameOf = ({ port }: { port: number }): string => `http://localhost:${port}#${hostname()}`;

/** Asked there; up to a failure, and the failure. */
export const at = (model: Model, fake: FakeOllama) =>
  outcome(model.generate(ask(reply, '', nameOf(fake)), never()));

/** Resolves when the first looks at both are over; a model that looks again soon tells. */
export async function bothSeen({ a, b, model }: Pick<Pair, 'a' | 'b' | 'model'>): Promise<void> {
  for (const fake of [a, b]) await fake.until(() => fake.of('ps').length > 1, 'a second look');
  if (model.hosts().length < 2) throw new Error(`only ${model.hosts().join()} may be asked`);
}
