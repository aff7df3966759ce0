import type { Connection, Table } from '@lancedb/lancedb';
import { z } from 'zod';
import { unit } from './embed.ts';
import { arrowColumns, dropTable } from './lance.ts';

const Rows = z.array(
  z.object({
    text_hash: z.string(),
    vector: z.custom<Iterable<number>>((value) => typeof value === 'object'),
  }),
);

/** So many appends make it worth putting their files together. */
const APPENDS_MAX = 16;
/** How far the length of a stored vector may be from one before it counts as damaged. */
const TOLERANCE = 0.01;

function isUnit(vector: Float32Array): boolean {
  return Math.abs(vector.reduce((sum, value) => sum + value * value, 0) - 1) < TOLERANCE;
}

/**
 * Vectors by the hash of their text, one table for each encoder, so that nothing is embedded twice. It may be lost: then it
 * takes longer.
 */
export class VectorCache {
  readonly #db: Connection;
  readonly #name: string;
  readonly #uri: string;
  #table: Table | undefined;
  #appends = 0;

  constructor(db: Connection, uri: string, encoder: string) {
    this.#db = db;
    this.#uri = uri;
    this.#name = `vectors_${encoder}`;
  }

  /** What is there of these; a table that cannot be read counts as empty. */
  async read(hashes: ReadonlySet<string>): Promise<Map<string, Float32Array>> {
    const found = new Map<string, Float32Array>();
    try {
      this.#table = await this.#db.openTable(this.#name);
      for await (const batch of this.#table.query().select(['text_hash', 'vector'])) {
        for (const row of Rows.parse(batch.toArray())) {
          const vector = Float32Array.from(row.vector);
          if (hashes.has(row.text_hash) && isUnit(vector)) found.set(row.text_hash, unit(vector));
        }
      }
    } catch {
      this.#table = undefined;
      await dropTable(this.#db, this.#uri, this.#name);
    }
    return found;
  }

  /** @throws Error where they cannot be written */
  async add(entries: ReadonlyMap<string, Float32Array>): Promise<void> {
    const { strings, floats, tableOf } = arrowColumns();
    const rows = tableOf({ text_hash: strings([...entries.keys()]), vector: floats([...entries.values()]) });
    if (this.#table) await this.#table.add(rows);
    else this.#table = await this.#db.createTable(this.#name, rows);
    this.#appends += 1;
    if (this.#appends % APPENDS_MAX === 0) await this.#table.optimize({ cleanupOlderThan: new Date() });
  }

  close(): void {
    this.#table?.close();
  }
}
