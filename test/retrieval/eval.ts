// npm run eval:rag [-- --set tuning] [--queries FILE] [--exemplars DIR] [--embed MODEL]: how well examples are found by full text alone,
// by vectors alone, by both, with the embedded encoder and, where EMBED_MODEL or --embed names one, with a model of Ollama.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { PriorityState, StateId } from '../../src/contract/progress.ts';
import { createOllamaEmbedder } from '../../src/model/ollama-embed.ts';
import type { Embedder } from '../../src/retrieval/embed.ts';
import { createEncoder } from '../../src/retrieval/encoder.ts';
import { ownDirectory } from '../../src/retrieval/exemplars.ts';
import { LanceRetrieval } from '../../src/retrieval/lancedb.ts';
import { methods, scoreOf } from './score.ts';
import type { Looked, Score } from './score.ts';

const State = z.union([StateId, PriorityState]);
const Line = z.object({ state_id: State, text: z.string() });
const QuerySet = z.object({
  queries: z.array(Line.extend({ kind: z.string().default('any'), acceptable: z.array(z.string()).min(1) })),
  far: z.array(Line).default([]),
});
type QuerySet = z.output<typeof QuerySet>;

/** Longer than any search. */
const PATIENCE_MS = 10_000;
const WHOLE = 'all';

export interface Evaluation {
  encoder: string;
  /** By method, then by kind of query; `all` is the whole. */
  scores: Record<string, Record<string, Score>>;
  /** Of texts that fit nothing: for how many nothing was handed over. */
  far: { silent: number; of: number };
}

const silent = { info: () => {}, warn: () => {}, error: () => {} };

export const readSet = (file: string): QuerySet => QuerySet.parse(JSON.parse(readFileSync(file, 'utf8')));

/** The sets that come with the server: `tuning` is what numbers were chosen by, `evaluation` is measured on only. */
export const setFile = (name: string): string => join(import.meta.dirname, 'sets', `${name}.json`);

/** @throws Error where the encoder is not there */
export async function evaluate(
  set: QuerySet,
  directories: readonly string[],
  encoder: string,
  embedder: Embedder,
): Promise<Evaluation> {
  await embedder.identity(AbortSignal.timeout(PATIENCE_MS));
  const uri = await mkdtemp(join(tmpdir(), 'stillpoint-rag-'));
  try {
    await using retrieval = new LanceRetrieval({
      uri,
      directories,
      embedder,
      standIn: embedder,
      log: silent,
    });
    await retrieval.start();
    const { scale } = retrieval;
    if (!scale) throw new Error('there is no table');
    const look = ({ state_id: stateId, text: userInput }: z.output<typeof Line>) =>
      retrieval.explain({ stateId, userInput }, AbortSignal.timeout(PATIENCE_MS));
    const looked: Looked[] = [];
    for (const query of set.queries) looked.push({ query, candidates: await look(query) });
    let isSilent = 0;
    for (const line of set.far)
      if ((await look(line)).every(({ verdict }) => verdict !== 'taken')) isSilent += 1;
    const kinds = [...new Set(set.queries.map(({ kind }) => kind)), WHOLE];
    const scores = Object.entries(methods).map(([name, method]) => [
      name,
      Object.fromEntries(
        kinds.map((kind) => {
          const part = looked.filter(({ query }) => kind === WHOLE || query.kind === kind);
          return [kind, scoreOf(part, scale, method)];
        }),
      ),
    ]);
    return { encoder, scores: Object.fromEntries(scores), far: { silent: isSilent, of: set.far.length } };
  } finally {
    await rm(uri, { recursive: true, force: true });
  }
}

/** Where the hybrid is worse than one of its halves on some part, or not better on the whole. */
export function lossesOf({ scores }: Evaluation): string[] {
  const losses: string[] = [];
  for (const half of ['full text', 'vectors']) {
    for (const [kind, score] of Object.entries(scores[half] ?? {})) {
      const hybrid = scores['hybrid']?.[kind];
      if (!hybrid) continue;
      for (const figure of ['recall', 'mrr'] as const) {
        const isHeld = kind === WHOLE ? hybrid[figure] > score[figure] : hybrid[figure] >= score[figure];
        if (!isHeld)
          losses.push(`${kind}: ${figure} of ${half} is ${score[figure]}, of hybrid ${hybrid[figure]}`);
      }
    }
  }
  return losses;
}

function print({ encoder, scores, far }: Evaluation): void {
  const kinds = Object.keys(scores['hybrid'] ?? {});
  console.log(`\n${encoder}`);
  console.log(`${'recall@3 / MRR'.padEnd(26)}${kinds.map((kind) => kind.padStart(16)).join('')}`);
  for (const [name, row] of Object.entries(scores)) {
    const cells = kinds.map((kind) => {
      const { recall = 0, mrr = 0 } = row[kind] ?? {};
      return `${(100 * recall).toFixed(1)} / ${mrr.toFixed(3)}`.padStart(16);
    });
    console.log(`${name.padEnd(26)}${cells.join('')}`);
  }
  if (far.of > 0) console.log(`nothing handed over for texts that fit nothing: ${far.silent} of ${far.of}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      set: { type: 'string', default: 'evaluation' },
      queries: { type: 'string' },
      exemplars: { type: 'string' },
      embed: { type: 'string', default: process.env['EMBED_MODEL'] ?? '' },
    },
  });
  const set = readSet(values.queries === undefined ? setFile(values.set) : resolve(values.queries));
  const directories = [ownDirectory, ...(values.exemplars === undefined ? [] : [resolve(values.exemplars)])];
  const results: Evaluation[] = [];
  await using encoder = createEncoder();
  results.push(await evaluate(set, directories, 'embedded encoder', encoder));
  if (values.embed !== '') {
    await using ollama = createOllamaEmbedder({
      baseUrl: process.env['OLLAMA_BASE_URL'] ?? 'http://127.0.0.1:11434',
      model: values.embed,
      chatModel: process.env['OLLAMA_MODEL'] ?? 'llama3.1',
      keepAlive: '5m',
      pull: false,
      connectMs: 2_000,
      loadMs: 60_000,
    });
    try {
      results.push(await evaluate(set, directories, `Ollama, ${values.embed}`, ollama));
    } catch (error) {
      console.log(`Ollama is left out: ${String(error)}`);
    }
  }
  console.log(`${set.queries.length} queries, each among the exemplars of its state`);
  for (const result of results) {
    print(result);
    for (const loss of lossesOf(result)) {
      console.log(`hybrid loses: ${loss}`);
      process.exitCode = 1;
    }
  }
}

if (import.meta.main) {
  process.env['LANCEDB_LOG'] ??= 'error';
  await main();
}
