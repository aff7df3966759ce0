// The LanceDB table that is searched: made in one go, in memory, and never changed. It is not kept on disk, because an index file with
// one flipped bit can end the process (seen with LanceDB 0.31), and to make it anew takes a moment once the vectors are there.
import { setImmediate } from 'node:timers/promises';
import type { Table } from '@lancedb/lancedb';
import { z } from 'zod';
import { dot } from './embed.ts';
import type { Exemplar } from './exemplars.ts';
import { arrowColumns, connect, indexExemplars, MEMORY, VectorCell } from './lance.ts';
import type { Scale } from './rank.ts';

/** Where a search looks; what is empty limits nothing. */
export interface Scope {
  /** States, and contexts that an exemplar of another state names. */
  places: readonly string[];
  languages: readonly string[];
}

export interface Hit {
  id: string;
  /** BM25; 0 where no word is shared, or words were not looked at. */
  words: number;
  vector: Float32Array | null;
}

const Found = z.array(
  z.object({
    id: z.string(),
    vector: VectorCell.nullish(),
    _score: z.number().nullish(),
  }),
);

/** Most that one search brings to the ranking. */
const HITS = 16;
/** From so many exemplars the scale is taken. */
const SAMPLE = 256;

/** Goes into SQL, which takes no parameters here. */
function literal(value: string): string {
  if (!/^[\w.-]{1,64}$/.test(value)) throw new RangeError('not a name');
  return `'${value}'`;
}

/** True of every row where nothing is asked for. */
function whereOf({ places, languages }: Scope): string {
  const listOf = (names: readonly string[]) => names.map(literal).join(', ');
  const parts = [
    ...(places.length > 0 ? [`array_has_any(places, [${listOf(places)}])`] : []),
    ...(languages.length > 0 ? [`lang IN (${listOf(languages)})`] : []),
  ];
  return parts.length > 0 ? parts.join(' AND ') : 'true';
}

const hitsOf = (rows: unknown): Hit[] =>
  Found.parse(rows).map((row) => ({
    id: row.id,
    words: row._score ?? 0,
    vector: row.vector ?? null,
  }));

function scaleOf(exemplars: readonly Exemplar[], vectors: readonly Float32Array[]): Scale {
  const sample = vectors.slice(0, SAMPLE);
  const cosines = sample.flatMap((vector, at) =>
    sample
      .slice(at + 1)
      .flatMap((other, further) =>
        exemplars[at]?.state_id === exemplars[at + 1 + further]?.state_id ? [] : [dot(vector, other)],
      ),
  );
  const count = Math.max(1, cosines.length);
  const mean = cosines.reduce((sum, cosine) => sum + cosine, 0) / count;
  const variance = cosines.reduce((sum, cosine) => sum + (cosine - mean) ** 2, 0) / count;
  return {
    mean,
    spread: Math.max(0.01, Math.sqrt(variance)),
    size: Math.log(Math.max(Math.E, exemplars.length)),
  };
}

export class ExemplarTable {
  /** Numbers of a vector; 0 where only full text can be searched. */
  readonly dimensions: number;
  readonly scale: Scale;
  readonly #table: Table;

  private constructor(table: Table, scale: Scale, dimensions: number) {
    this.#table = table;
    this.scale = scale;
    this.dimensions = dimensions;
  }

  /** Without `vectors` only full text can be searched. */
  static async make(
    exemplars: readonly Exemplar[],
    vectors: readonly Float32Array[] | null,
  ): Promise<ExemplarTable> {
    const { strings, lists, floats, tableOf } = arrowColumns();
    const columns = {
      id: () => strings(exemplars.map(({ id }) => id)),
      places: () => lists(exemplars.map((exemplar) => [exemplar.state_id, ...exemplar.contexts])),
      lang: () => strings(exemplars.map(({ lang }) => lang)),
      words: () => strings(exemplars.map((exemplar) => exemplar.client_example)),
      ...(vectors === null ? {} : { vector: () => floats(vectors) }),
    };
    const made: Record<string, ReturnType<typeof strings>> = {};
    for (const [name, make] of Object.entries(columns)) {
      made[name] = make();
      // others have their turn between two columns
      await setImmediate();
    }
    const db = await connect(MEMORY);
    const table = await db.createTable('exemplars', tableOf(made));
    await indexExemplars(table, vectors !== null);
    return new ExemplarTable(table, scaleOf(exemplars, vectors ?? []), vectors?.[0]?.length ?? 0);
  }

  /** Nearest first. */
  async near(vector: Float32Array, scope: Scope): Promise<Hit[]> {
    const query = this.#table.query().nearestTo(vector).distanceType('dot').limit(HITS);
    const columns = ['id', 'vector', '_distance'];
    return hitsOf(await query.where(whereOf(scope)).select(columns).toArray());
  }

  /** Most shared words first. */
  async matching(text: string, scope: Scope): Promise<Hit[]> {
    const query = this.#table
      .query()
      .fullTextSearch(text, { columns: ['words'] })
      .limit(HITS);
    const columns = ['id', '_score', ...(this.dimensions > 0 ? ['vector'] : [])];
    return hitsOf(await query.where(whereOf(scope)).select(columns).toArray());
  }

  close(): void {
    this.#table.close();
  }
}
