import type { Embedder, Urgency } from '../retrieval/embed.ts';
import { ModelError } from './model.ts';
import { createOllamaEmbedder } from './ollama-embed.ts';
import type { OllamaEmbedOptions } from './ollama-embed.ts';

export interface OllamaEmbedHostsOptions extends Omit<OllamaEmbedOptions, 'baseUrl'> {
  baseUrls: readonly string[];
}

/** Vectors from the first of these servers that has the model when its identity is asked for. */
export function createOllamaEmbedderOf({ baseUrls, ...options }: OllamaEmbedHostsOptions): Embedder {
  return new FirstEmbedder(baseUrls.map((baseUrl) => createOllamaEmbedder({ ...options, baseUrl })));
}

/** The next server is not asked for single texts: it may have other weights under that name. */
class FirstEmbedder implements Embedder {
  readonly #embedders: readonly Embedder[];
  #chosen: Embedder | undefined;

  constructor(embedders: readonly Embedder[]) {
    this.#embedders = embedders;
  }

  async identity(signal: AbortSignal): Promise<string> {
    const errors: unknown[] = [];
    for (const embedder of this.#embedders) {
      try {
        const identity = await embedder.identity(signal);
        this.#chosen = embedder;
        return identity;
      } catch (error) {
        signal.throwIfAborted();
        errors.push(error);
      }
    }
    throw errors[0];
  }

  async embed(texts: readonly string[], urgency: Urgency, signal: AbortSignal): Promise<Float32Array[]> {
    if (!this.#chosen) throw new ModelError('unreachable', 'no Ollama was found that makes vectors');
    return await this.#chosen.embed(texts, urgency, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#embedders.map((embedder) => embedder[Symbol.asyncDispose]()));
  }
}
