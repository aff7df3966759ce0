import { createOllama } from '../../src/model/ollama.ts';
import type { OllamaOptions } from '../../src/model/ollama.ts';
import { createOllamaHosts } from '../../src/model/ollama-hosts.ts';
import type { OllamaHostsOptions } from '../../src/model/ollama-hosts.ts';
import type { Model, ModelEvent, ModelState } from '../../src/model/model.ts';
import { until } from './wait.ts';

const generous = {
  model: 'llama3.1',
  keepAlive: '5m',
  numCtx: 4096,
  numPredict: 512,
  temperature: 0.7,
  pull: false,
  checkMs: 60_000,
  connectMs: 5000,
  loadMs: 60_000,
  firstTokenMs: 60_000,
  stallMs: 60_000,
  totalMs: 60_000,
};

/** An adapter with generous limits, which looks at the server once; a test narrows what it is about. */
export function openOllama(baseUrl: string, options: Partial<OllamaOptions> = {}): Model {
  return createOllama({ ...generous, baseUrl, ...options });
}

/** The same for several servers. */
export function openOllamas(baseUrls: readonly string[], options: Partial<OllamaHostsOptions> = {}): Model {
  return createOllamaHosts({ ...generous, ...options, baseUrls });
}

/** Resolves with the first state, now or later, that `wanted` accepts. */
export function reaches(model: Model, wanted: (state: ModelState) => boolean): Promise<ModelState> {
  return until(
    () => (wanted(model.state()) ? model.state() : undefined),
    (changed) => model.watch(changed),
    () => `another state than ${JSON.stringify(model.state())}`,
  );
}

export const isReady = (state: ModelState): boolean => state.phase === 'ready';
export const isUnavailable = (state: ModelState): boolean => state.phase === 'unavailable';

/** Events up to a failure, and the failure. */
export async function outcome(events: AsyncIterable<ModelEvent>): Promise<{ text: string; error: unknown }> {
  let text = '';
  try {
    for await (const event of events) if (event.kind === 'text') text += event.text;
    return { text, error: undefined };
  } catch (error) {
    return { text, error };
  }
}
