// Turns in groups, so that a long conversation costs no more than its end. A group has the same turns whatever comes before it.
import type { Remark, TurnView } from '../sdk/api.ts';

const CHUNK_TURNS = 50;

export interface TurnChunk {
  readonly key: number;
  readonly turns: readonly TurnView[];
}

export function chunksOf(turns: readonly TurnView[], live: TurnView | null): TurnChunk[] {
  const chunks: { key: number; turns: TurnView[] }[] = [];
  for (const turn of live ? [...turns, live] : turns) {
    const key = Math.floor((turn.n - 1) / CHUNK_TURNS);
    const last = chunks.at(-1);
    if (last?.key === key) last.turns.push(turn);
    else chunks.push({ key, turns: [turn] });
  }
  return chunks;
}

interface SortedRemarks {
  /** Of the beginning. */
  readonly before: readonly Remark[];
  readonly byTurn: ReadonlyMap<number, readonly Remark[]>;
  /** Of a turn that has not come yet. */
  readonly after: readonly Remark[];
}

/** Where each remark is shown. Those of turns that are not loaded wait for them. */
export function remarksByTurn(
  remarks: readonly Remark[],
  turns: readonly TurnView[],
  live: TurnView | null,
): SortedRemarks {
  const lastN = (live ?? turns.at(-1))?.n ?? 0;
  const firstN = (turns[0] ?? live)?.n ?? 1;
  const byTurn = new Map<number, Remark[]>();
  for (const remark of remarks) {
    if (remark.n >= firstN && remark.n <= lastN) {
      byTurn.set(remark.n, [...(byTurn.get(remark.n) ?? []), remark]);
    }
  }
  return {
    before: remarks.filter(({ n }) => n === 0),
    byTurn,
    after: remarks.filter(({ n }) => n > lastN && n > 0),
  };
}

/** Whether two lists have the same objects. */
export function sameItems<T>(one: readonly T[], other: readonly T[]): boolean {
  return one === other || (one.length === other.length && one.every((item, at) => item === other[at]));
}
