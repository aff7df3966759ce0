import { createOllamaEmbedder } from '../../src/model/ollama-embed.ts';
import type { OllamaEmbedOptions } from '../../src/model/ollama-embed.ts';
import type { ModelLog } from '../../src/model/ollama.ts';
import type { Embedder } from '../../src/retrieval/embed.ts';
import { startFakeOllama } from './fake-ollama.ts';
import type { FakeModel, FakeOllama, FakeOptions } from './fake-ollama.ts';

interface Entry {
  level: 'debug' | 'info' | 'warn';
  facts: object;
  message: string;
}

export interface Embedding extends AsyncDisposable {
  fake: FakeOllama;
  embedder: Embedder;
  /** What it told an operator. */
  entries: readonly Entry[];
}

interface Given extends Omit<FakeOptions, 'models'> {
  /** Over what `minilm` is otherwise: it makes vectors and is not in memory. */
  own?: Partial<FakeModel>;
  /** Whether the model that speaks is in memory; default false. */
  chatLoaded?: boolean;
  options?: Partial<OllamaEmbedOptions>;
}

/** The model that makes vectors in these tests, and all that is needed to put it on a fake's disk. */
export const minilm = { name: 'minilm', capabilities: ['embedding'], loaded: false };

/** A fake Ollama with `llama3.1`, which speaks, and `minilm`, which makes vectors, and an embedder with generous limits. */
export async function startEmbedding({ own, chatLoaded, options, ...given }: Given = {}): Promise<Embedding> {
  const entries: Entry[] = [];
  const at = (level: Entry['level']) => (facts: object, message: string) =>
    void entries.push({ level, facts, message });
  const log: ModelLog = { debug: at('debug'), info: at('info'), warn: at('warn') };
  const fake = await startFakeOllama({
    ...given,
    models: [
      { name: 'llama3.1', loaded: chatLoaded ?? false },
      { ...minilm, ...own },
    ],
  });
  const embedder = createOllamaEmbedder({
    baseUrl: fake.url,
    model: 'minilm',
    chatModel: 'llama3.1',
    keepAlive: '5m',
    pull: false,
    connectMs: 5_000,
    loadMs: 60_000,
    log,
    ...options,
  });
  return {
    fake,
    embedder,
    entries,
    async [Symbol.asyncDispose]() {
      await embedder[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}
