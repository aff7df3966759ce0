// Which examples are handed over: pure, so that a choice can be explained. The numbers were tuned on test/retrieval/sets/tuning.json
// (`npm run eval:rag`) and are judged on a set apart.
import { dot } from './embed.ts';
import type { Exemplar } from './exemplars.ts';

/** What a search found out about one exemplar. */
export interface Candidate {
  exemplar: Exemplar;
  /** Whether it belongs to the state that was asked for; else its context fits. */
  isOfState: boolean;
  /** Cosine with what the person wrote; null where there is no vector. */
  similarity: number | null;
  /** BM25 of the words both share; 0 where there is none. */
  words: number;
  vector: Float32Array | null;
}

/** What is usual in a table, so that one rule fits every encoder and every number of exemplars. */
export interface Scale {
  /** Cosines between exemplars of different states: their mean and their standard deviation. */
  mean: number;
  spread: number;
  /** Natural logarithm of the number of exemplars, with which BM25 grows. */
  size: number;
}

type Verdict = 'taken' | 'too far away' | 'like a better one' | 'others are better';

export interface Ranked extends Candidate {
  /** In standard deviations above what is usual; without vectors, shared words alone. */
  score: number;
  verdict: Verdict;
}

/** As many as a prompt gets. */
export const MOST = 3;
/** Beside similarity shared words count from here on, of BM25 over `size`: fewer are shared by chance. */
const WORDS_BESIDE = 1.6;
/** Alone they are enough from here on. */
const WORDS_FLOOR = 0.55;
/** For an exemplar in which the guide answers as it is going to. */
const TECHNIQUE_BONUS = 0.5;
/** Least similarity, in standard deviations. */
const SIMILARITY_FLOOR = 0.6;
/** Two that are as alike as this say the same. */
const SAME = 0.92;

function scoreOf(candidate: Candidate, scale: Scale, technique: string | undefined): number {
  const words = candidate.words / scale.size;
  const bonus = candidate.exemplar.technique === technique ? TECHNIQUE_BONUS : 0;
  if (candidate.similarity === null) return words + bonus;
  return (candidate.similarity - scale.mean) / scale.spread + Math.max(0, words - WORDS_BESIDE) + bonus;
}

function isNear({ similarity, words }: Candidate, { mean, spread, size }: Scale): boolean {
  const isAlike = similarity !== null && (similarity - mean) / spread >= SIMILARITY_FLOOR;
  return isAlike || words / size >= (similarity === null ? WORDS_FLOOR : WORDS_BESIDE);
}

const saysTheSame = (one: Candidate, other: Candidate): boolean =>
  one.exemplar.guide_line === other.exemplar.guide_line ||
  (one.vector !== null && other.vector !== null && dot(one.vector, other.vector) > SAME);

/** Best first: those of the state before those of its context. */
export function rank(
  candidates: readonly Candidate[],
  scale: Scale,
  technique: string | undefined,
): Ranked[] {
  const scored = candidates
    .map((candidate) => ({ ...candidate, score: scoreOf(candidate, scale, technique) }))
    .sort((a, b) => Number(b.isOfState) - Number(a.isOfState) || b.score - a.score);
  const taken: Candidate[] = [];
  const judge = (candidate: Candidate): Verdict => {
    if (!isNear(candidate, scale)) return 'too far away';
    if (taken.length >= MOST) return 'others are better';
    if (taken.some((better) => saysTheSame(candidate, better))) return 'like a better one';
    taken.push(candidate);
    return 'taken';
  };
  return scored.map((candidate) => ({ ...candidate, verdict: judge(candidate) }));
}
