// How well a ranking finds what it should.
import { rank } from '../../src/retrieval/rank.ts';
import type { Candidate, Ranked, Scale } from '../../src/retrieval/rank.ts';

interface Query {
  kind: string;
  state_id: string;
  text: string;
  /** Ids of what a good supervisor would hand the guide. */
  acceptable: readonly string[];
}

/** A query with all that the searches found for it. */
export interface Looked {
  query: Query;
  candidates: readonly Candidate[];
}

export interface Score {
  queries: number;
  /** Share of queries for which something acceptable was handed over. */
  recall: number;
  /** Mean of one over the place of the first that is acceptable; where none was found, nothing. */
  mrr: number;
}

export type Method = (candidates: readonly Candidate[], scale: Scale) => readonly Ranked[];

/** Full text alone, as when no vector comes in time. */
const byWords: Method = (candidates, scale) =>
  rank(
    candidates.filter(({ words }) => words > 0).map((candidate) => ({ ...candidate, similarity: null })),
    scale,
    undefined,
  );

/** Vectors alone. */
const byMeaning: Method = (candidates, scale) =>
  rank(
    candidates.map((candidate) => ({ ...candidate, words: 0 })),
    scale,
    undefined,
  );

/** Reciprocal rank fusion of both with its usual constant, as it comes with search engines. */
const fused: Method = (candidates, scale) => {
  const places = [byWords, byMeaning].map((method) =>
    method(candidates, scale).map(({ exemplar }) => exemplar.id),
  );
  const gain = (id: string) =>
    places.reduce((sum, ids) => sum + (ids.includes(id) ? 1 / (60 + ids.indexOf(id) + 1) : 0), 0);
  return rank(candidates, scale, undefined)
    .map((candidate) => ({ ...candidate, score: gain(candidate.exemplar.id) }))
    .sort((a, b) => b.score - a.score)
    .map((candidate, place) => ({ ...candidate, verdict: place < 3 ? 'taken' : 'others are better' }));
};

export const methods = {
  'full text': byWords,
  vectors: byMeaning,
  'reciprocal rank fusion': fused,
  hybrid: (candidates, scale) => rank(candidates, scale, undefined),
} as const satisfies Record<string, Method>;

export function scoreOf(looked: readonly Looked[], scale: Scale, method: Method): Score {
  let found = 0;
  let gain = 0;
  for (const { query, candidates } of looked) {
    const ranked = method(candidates, scale);
    const isGood = ({ exemplar }: Ranked) => query.acceptable.includes(exemplar.id);
    if (ranked.some((candidate) => candidate.verdict === 'taken' && isGood(candidate))) found += 1;
    const place = ranked.findIndex(isGood);
    if (place >= 0) gain += 1 / (place + 1);
  }
  const queries = Math.max(1, looked.length);
  return { queries: looked.length, recall: found / queries, mrr: gain / queries };
}
