import { afterAll } from 'vitest';
import { createEncoder } from '../../src/retrieval/encoder.ts';
import { embedderConformance } from '../conformance/embedder.ts';
import { startEmbedding } from '../support/ollama-embedder.ts';

/** Its model takes long to load, so all cases share it. */
const encoder = createEncoder();
afterAll(() => encoder[Symbol.asyncDispose]());

embedderConformance('the encoder that comes with the server', {
  open: async () => ({ embedder: encoder, [Symbol.asyncDispose]: async () => undefined }),
  fresh: async () => {
    const embedder = createEncoder();
    return { embedder, [Symbol.asyncDispose]: () => embedder[Symbol.asyncDispose]() };
  },
});

embedderConformance('Ollama', {
  open: async () => {
    const subject = await startEmbedding();
    await subject.embedder.embed(['a first look'], 'batch', new AbortController().signal);
    return subject;
  },
  fresh: () => startEmbedding(),
});
