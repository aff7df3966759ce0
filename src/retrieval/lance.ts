// LanceDB itself, loaded when it is first needed: its binary takes longer to load than the rest of a start.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { Connection, Table } from '@lancedb/lancedb';
import type * as Arrow from 'apache-arrow';
import { z } from 'zod';

/** What LanceDB may keep in memory; its own limit is 7 GiB. */
const INDEX_CACHE_BYTES = 64n * 1024n * 1024n;
const METADATA_CACHE_BYTES = 16n * 1024n * 1024n;

/** A directory as an absolute path: a relative one may be taken for a name in LanceDB's cloud. A URI stays as it is. */
export const placeOf = (place: string): string =>
  /^[a-z][a-z0-9+]+:\/\//i.test(place) ? place : resolve(place);

/** What lives as long as the process and is nowhere else. */
export const MEMORY = 'memory://';

/** @throws Error where the place cannot be used */
export async function connect(uri: string): Promise<Connection> {
  const { connect: open, Session } = await import('@lancedb/lancedb');
  return await open(uri, {}, new Session(INDEX_CACHE_BYTES, METADATA_CACHE_BYTES));
}

/** What the searches of exemplars need. With one partition nothing is missed, and more than a few thousand vectors of one state take a third of the time. */
export async function indexExemplars(table: Table, hasVectors: boolean): Promise<void> {
  const { Index } = await import('@lancedb/lancedb');
  await table.createIndex('places', { config: Index.labelList() });
  const words = Index.fts({ withPosition: false, stem: true, removeStopWords: true, asciiFolding: true });
  await table.createIndex('words', { config: words });
  const vectors = Index.ivfFlat({ distanceType: 'dot', numPartitions: 1 });
  if (hasVectors) await table.createIndex('vector', { config: vectors });
}

/** A vector in a row of a result. */
export const VectorCell = z
  .custom<{ toArray(): unknown }>((cell) => typeof cell === 'object' && cell !== null && 'toArray' in cell)
  .transform((cell) => cell.toArray())
  // a copy: what it lies in is larger
  .pipe(z.instanceof(Float32Array).transform((values) => values.slice()));

/** Columns are made as whole buffers: row by row, ten thousand exemplars would stop the thread for a while. */
export function arrowColumns(): {
  strings: (values: readonly string[]) => Arrow.Vector;
  lists: (values: readonly (readonly string[])[]) => Arrow.Vector;
  floats: (vectors: readonly Float32Array[]) => Arrow.Vector;
  tableOf: (columns: Record<string, Arrow.Vector>) => Arrow.Table;
} {
  // the same copy that LanceDB uses: of another one it loses the children of lists
  const arrow: typeof Arrow = createRequire(import.meta.url)('apache-arrow');
  const { Field, FixedSizeList, Float32, List, Table: TableOf, Utf8 } = arrow;
  const item = new Field('item', new Float32(), true);
  const text = new Field('item', new Utf8(), true);
  return {
    strings: (values) => arrow.vectorFromArray(values, new Utf8()),
    lists: (values) => arrow.vectorFromArray(values, new List(text)),
    floats: (vectors) => {
      const size = vectors[0]?.length ?? 1;
      const values = new Float32Array(vectors.length * size);
      for (const [row, vector] of vectors.entries()) values.set(vector, row * size);
      const child = arrow.makeData({ type: new Float32(), data: values });
      return arrow.makeVector(
        arrow.makeData({ type: new FixedSizeList(size, item), child, length: vectors.length, nullCount: 0 }),
      );
    },
    tableOf: (columns) => new TableOf(columns),
  };
}
