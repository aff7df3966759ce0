// A process of its own that opens retrieval on directories of tables and writes a line of what came of each: for tests that kill
// it, or in which LanceDB may.
import { LanceRetrieval } from '../../src/retrieval/lancedb.ts';
import { WordEmbedder } from './retrieval-bench.ts';
import { deadline, PATIENCE_MS } from './wait.ts';

const RETRY_MS = 50;
const [directory = '', userInput = '', ...places] = process.argv.slice(2);
const log = () => undefined;

/** The guide's line of the best example. */
async function lineIn(uri: string): Promise<string | undefined> {
  const embedder = new WordEmbedder();
  const logs = { info: log, warn: log, error: log };
  const options = { uri, directories: [directory], embedder, standIn: embedder, retryMs: RETRY_MS };
  const retrieval = new LanceRetrieval({ ...options, log: logs });
  await deadline(retrieval.start(), 'the table');
  const [best] = await retrieval.find({ stateId: '2.1', userInput }, AbortSignal.timeout(PATIENCE_MS));
  return best?.guideLine;
}

await Promise.all(
  places.map(async (uri, place) => {
    const found = await lineIn(uri).catch((error: unknown) => String(error));
    console.log(JSON.stringify({ place, found: found ?? null }));
  }),
);
// what hangs in LanceDB would keep it
process.exit(0);
