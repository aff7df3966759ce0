import { setImmediate as breathe, setTimeout as delay } from 'node:timers/promises';
import type { Model, ModelEvent, ModelRequest } from './model.ts';
import { Call, leavable } from './watchdog.ts';

/** How many words go out between two turns of the event loop when there is no pause between them. */
const wordsPerBreath = 64;

/** Speaks authored lines at a human pace, and needs nothing to be up. `wordMs` is the pause between two words. */
export function createGuide({ wordMs }: { wordMs: number }): Model {
  return {
    source: 'guide',
    name: 'built-in',
    needsSlot: false,
    roomTokens: Infinity,
    known: Promise.resolve(),
    state: () => ({ phase: 'ready' }),
    connected: () => true,
    hosts: () => [''],
    watch: () => ({ [Symbol.dispose]: () => undefined }),
    prefill: async () => 'line',
    choose: async (_question, signal) => {
      signal.throwIfAborted();
      return undefined;
    },
    generate: (request, signal) => leavable((left) => speak(request, wordMs, signal, left)),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function* speak(
  { line, prefix }: ModelRequest,
  wordMs: number,
  ...signals: AbortSignal[]
): AsyncGenerator<ModelEvent, void, void> {
  using call = new Call(...signals);
  const { signal } = call;
  const rest = line.startsWith(prefix) ? line.slice(prefix.length) : line;
  const words = rest.match(/\s*\S+\s*|\s+/gu) ?? [];
  for (const [index, text] of words.entries()) {
    if (index > 0) await pause(index, wordMs, signal);
    signal.throwIfAborted();
    yield { kind: 'text', text };
  }
}

async function pause(index: number, wordMs: number, signal: AbortSignal): Promise<void> {
  try {
    if (wordMs > 0) await delay(wordMs, undefined, { signal });
    else if (index % wordsPerBreath === 0) await breathe();
  } catch {
    signal.throwIfAborted();
  }
}
