// One LanceDB table of exemplars: made in one go, never changed, found again by its name. What an example says is not taken from
// it but from the files, so nothing that happens to a table can put words into a prompt.
import type { Connection, Table } from '@lancedb/lancedb';
import { z } from 'zod';
import { dot } from './embed.ts';
import type { Exemplar } from './exemplars.ts';
import { arrowColumns, indexExemplars } from './lance.ts';
import type { Scale } from './rank.ts';

/** Where a search looks; what is empty limits nothing. */
export interface Scope {
  /** States, and contexts that an exemplar of another state names. */
  places: readonly string[];
  languages: readonly string[];
}

export interface Hit {
  id: string;
  stateId: string;
  /** BM25; 0 where no word is shared, or words were not looked at. */
  words: number;
  vector: Float32Array | null;
}

const Found = z.array(
  z.object({
    id: z.string(),
    state_id: z.string(),
    vector: z.custom<Iterable<number>>((value) => typeof value === 'object').nullish(),
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
    stateId: row.state_id,
    words: row._score ?? 0,
    vector: row.vector ? Float32Array.from(row.vector) : null,
  }));

function scaleOf(sample: readonly Hit[], size: number): Scale {
  const cosines = sample.flatMap(({ stateId, vector }, at) =>
    sample
      .slice(at + 1)
      .flatMap((other) =>
        vector === null || other.vector === null || other.stateId === stateId
          ? []
          : [dot(vector, other.vector)],
      ),
  );
  const count = Math.max(1, cosines.length);
  const mean = cosines.reduce((sum, cosine) => sum + cosine, 0) / count;
  const variance = cosines.reduce((sum, cosine) => sum + (cosine - mean) ** 2, 0) / count;
  return { mean, spread: Math.max(0.01, Math.sqrt(variance)), size: Math.log(Math.max(Math.E, size)) };
}

export class ExemplarTable {
  /** Numbers of a vector; 0 where only full text can be searched. */
  readonly dimensions: number;
  readonly scale: Scale;
  readonly #table: Table;
  /** Any row, for a search that is known to find something. */
  readonly #row: Hit | undefined;

  private constructor(table: Table, sample: readonly Hit[], size: number) {
    this.#table = table;
    this.scale = scaleOf(sample, size);
    this.#row = sample[0];
    this.dimensions = sample[0]?.vector?.length ?? 0;
  }

  /**
   * Opens a table of that many rows and makes sure that it answers.
   * @throws Error where there is none, or it is not whole
   */
  static async open(db: Connection, name: string, size: number): Promise<ExemplarTable> {
    const table = await db.openTable(name);
    const rows = await table.countRows();
    if (rows !== size) throw new Error(`table ${name} has ${rows} rows and not ${size}`);
    await indexExemplars(table);
    const hasVectors = (await table.schema()).fields.some((field) => field.name === 'vector');
    const columns = ['id', 'state_id', ...(hasVectors ? ['vector'] : [])];
    const sample = hitsOf(await table.query().limit(SAMPLE).select(columns).toArray());
    const opened = new ExemplarTable(table, sample, size);
    await opened.check();
    return opened;
  }

  /** Makes it, in one commit: half of it never exists. Without `vectors` only full text can be searched. */
  static async make(
    db: Connection,
    name: string,
    exemplars: readonly Exemplar[],
    vectors: readonly Float32Array[] | null,
  ): Promise<ExemplarTable> {
    const { strings, lists, floats, tableOf } = arrowColumns();
    const columns = {
      id: strings(exemplars.map(({ id }) => id)),
      state_id: strings(exemplars.map((exemplar) => exemplar.state_id)),
      places: lists(exemplars.map((exemplar) => [exemplar.state_id, ...exemplar.contexts])),
      lang: strings(exemplars.map(({ lang }) => lang)),
      words: strings(exemplars.map((exemplar) => exemplar.client_example)),
    };
    await db.createTable(name, tableOf(vectors === null ? columns : { ...columns, vector: floats(vectors) }));
    return await ExemplarTable.open(db, name, exemplars.length);
  }

  /** Nearest first. */
  async near(vector: Float32Array, scope: Scope): Promise<Hit[]> {
    const query = this.#table.query().nearestTo(vector).distanceType('cosine').limit(HITS);
    const columns = ['id', 'state_id', 'vector', '_distance'];
    return hitsOf(await query.where(whereOf(scope)).select(columns).toArray());
  }

  /** Most shared words first. */
  async matching(text: string, scope: Scope): Promise<Hit[]> {
    const query = this.#table
      .query()
      .fullTextSearch(text, { columns: ['words'] })
      .limit(HITS);
    const columns = ['id', 'state_id', '_score', ...(this.dimensions > 0 ? ['vector'] : [])];
    return hitsOf(await query.where(whereOf(scope)).select(columns).toArray());
  }

  close(): void {
    this.#table.close();
  }

  /**
   * One search of each kind: a broken file shows only when it is read.
   * @throws Error where one fails
   */
  async check(): Promise<void> {
    if (!this.#row) return;
    const scope = { places: [this.#row.stateId], languages: ['en'] };
    await this.matching('a word', scope);
    if (this.#row.vector) await this.near(this.#row.vector, scope);
  }
}
