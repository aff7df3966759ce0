// Where exemplars are searched that are measured: directories, tables, and how their vectors are had.
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { dot } from '../src/retrieval/embed.ts';
import type { Embedder } from '../src/retrieval/embed.ts';
import { ownDirectory, readExemplars } from '../src/retrieval/exemplars.ts';
import { LanceRetrieval } from '../src/retrieval/lancedb.ts';
import { randomFrom } from '../test/support/random.ts';
import { clustered, createBenchEmbedder, sentence, states, writeExemplars } from './retrieval-set.ts';
import type { BenchEmbedder } from './retrieval-set.ts';

export const SIZE = 10_000;
export const SEED = 20_117;
const CROWDED = '2.3';
/** Below the directory of the bench. */
export const MADE = 'made';
export const OWN = 'own';
const make = clustered(SEED);
const silent = { info: () => {}, warn: () => {}, error: () => {} };

export interface Place {
  name: string;
  directories: readonly string[];
  uri: string;
  embedder: BenchEmbedder;
  /** Which are searched, in turn. */
  among: readonly (typeof states)[number][];
}

export function open({ uri, directories, embedder }: Place): LanceRetrieval {
  return new LanceRetrieval({ uri, directories, embedder, standIn: embedder, log: silent });
}

/** Where each part has its exemplars and its tables; the one of 10,000 is the data directory of a server, too. */
export async function placesIn(
  directory: string,
  encoder: Embedder,
): Promise<Record<'real' | 'large' | 'crowded', Place>> {
  const crowd = join(directory, 'crowd');
  const own = (await readExemplars([ownDirectory])).list.length;
  await writeExemplars(join(directory, MADE), SIZE - own, states, SEED);
  await writeExemplars(crowd, SIZE, [CROWDED], SEED);
  const fake = () => createBenchEmbedder(encoder, make);
  return {
    real: {
      name: `the server's ${own}`,
      directories: [ownDirectory],
      uri: join(directory, OWN, 'exemplars'),
      embedder: createBenchEmbedder(encoder, null),
      among: states,
    },
    large: {
      name: '10,000',
      directories: [ownDirectory, join(directory, MADE)],
      uri: join(directory, 'exemplars'),
      embedder: fake(),
      among: states,
    },
    crowded: {
      name: 'all of one state',
      directories: [crowd],
      uri: join(directory, 'crowded'),
      embedder: fake(),
      among: [CROWDED],
    },
  };
}

/** A search without a table: every vector in one array, compared with one after the other on the thread that streams. */
export async function scanOf({ directories }: Place, count: number) {
  const { list } = await readExemplars(directories);
  const vectors = list.map((exemplar) => make(exemplar.client_example));
  const size = vectors[0]?.length ?? 1;
  const matrix = new Float32Array(vectors.length * size);
  for (const [row, vector] of vectors.entries()) matrix.set(vector, row * size);
  const every = list.map((_, row) => row);
  const random = randomFrom(SEED + 1);
  const asked = Array.from({ length: count }, () => make(sentence(random)));
  const best = async (n: number, among: readonly number[]) => {
    await turn();
    const vector = asked[n % asked.length] ?? new Float32Array(size);
    return among
      .map((row) => ({ row, score: dot(vector, matrix.subarray(row * size, (row + 1) * size)) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 3);
  };
  return { best, every, ofState: Map.groupBy(every, (row) => list[row]?.state_id) };
}
