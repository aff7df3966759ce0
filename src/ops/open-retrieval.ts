import { join, resolve } from 'node:path';
import type { Config } from '../config.ts';
import { createOllamaEmbedderOf } from '../model/ollama-embed-hosts.ts';
import type { ModelLog } from '../model/ollama.ts';
import { createEncoder } from '../retrieval/encoder.ts';
import { ownDirectory } from '../retrieval/exemplars.ts';
import { placeOf } from '../retrieval/lance.ts';
import { LanceRetrieval } from '../retrieval/lancedb.ts';
import type { LanceOptions } from '../retrieval/lancedb.ts';

const CONNECT_MS = 5_000;

/** Retrieval as the settings want it. Nothing of it is loaded before its start. */
export function openRetrieval(
  config: Config,
  log: LanceOptions['log'] & ModelLog,
  resources: AsyncDisposableStack,
): LanceRetrieval {
  const encoder = resources.use(createEncoder());
  const ollama = () =>
    resources.use(
      createOllamaEmbedderOf({
        baseUrls: config.OLLAMA_BASE_URL,
        model: config.EMBED_MODEL,
        chatModel: config.OLLAMA_MODEL,
        keepAlive: config.OLLAMA_KEEP_ALIVE,
        pull: config.OLLAMA_PULL,
        connectMs: CONNECT_MS,
        loadMs: config.OLLAMA_LOAD_MS,
        log,
      }),
    );
  return resources.use(
    new LanceRetrieval({
      uri: placeOf(config.LANCEDB_URI || join(config.DATA_DIR, 'exemplars')),
      directories: [ownDirectory, ...(config.EXEMPLARS_DIR === '' ? [] : [resolve(config.EXEMPLARS_DIR)])],
      embedder: config.EMBED_MODEL === '' ? encoder : ollama(),
      standIn: encoder,
      log,
    }),
  );
}
