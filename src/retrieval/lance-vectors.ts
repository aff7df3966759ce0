import { rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, Data, Table } from '@lancedb/lancedb';
import { z } from 'zod';
import { dot } from './embed.ts';
import { arrowColumns, connect, VectorCell } from './lance.ts';

const Rows = z.array(z.object({ text_hash: z.string(), vector: VectorCell }));

/** So many appends make it worth putting their files together. */
const APPENDS_MAX = 16;
/** How far the length of a stored vector may be from one before it counts as damaged. */
const TOLERANCE = 0.01;

const isUnit = (vector: Float32Array): boolean => Math.abs(dot(vector, vector) - 1) < TOLERANCE;

/** Longer than any of it takes: a place that is gone, or a file that is damaged, may also never answer. */
const LOOK_MS = 5_000;
const WORK_MS = 30_000;
/** Others may still read what is put together. */
const OLD_MS = 3_600_000;

class Late extends Error {}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = delay(ms, undefined, { signal: over.signal, ref: false }).then(() => {
    throw new Late(`LanceDB did not answer within ${ms} ms`);
  });
  late.catch(() => undefined);
  return await Promise.race([work, late]).finally(() => over.abort());
}

/**
 * Vectors by the hash of their text, in a LanceDB table for each encoder, so that nothing is embedded twice. It may be lost, and
 * several processes may write it: then something is embedded again.
 */
export class VectorCache implements Disposable {
  readonly #uri: string;
  readonly #name: string;
  /** Told what is wrong with it. */
  readonly #warn: (error: unknown) => void;
  #db: Connection | undefined;
  #table: Table | undefined;
  #appends = 0;
  #isUsable = true;

  constructor(uri: string, encoder: string, warn: (error: unknown) => void) {
    this.#uri = uri;
    this.#name = `vectors_${encoder}`;
    this.#warn = warn;
  }

  /** What is there of these. What cannot be read in a directory of ours is taken away. Never raises. */
  async read(hashes: ReadonlySet<string>): Promise<Map<string, Float32Array>> {
    try {
      this.#db = await within(LOOK_MS, connect(this.#uri));
      if (!(await within(LOOK_MS, this.#db.tableNames())).includes(this.#name)) return new Map();
      this.#table = await within(LOOK_MS, this.#db.openTable(this.#name));
      return await within(WORK_MS, this.#rows(this.#table, hashes));
    } catch (error) {
      this.#warn(error);
      this.#table = undefined;
      this.#isUsable = isAbsolute(this.#uri) && !(error instanceof Late);
      if (this.#isUsable) await this.#drop();
      return new Map();
    }
  }

  /** After what cannot be written, nothing more is. Never raises. */
  async add(entries: ReadonlyMap<string, Float32Array>): Promise<void> {
    if (!this.#isUsable) return;
    const { strings, floats, tableOf } = arrowColumns();
    const rows = tableOf({ text_hash: strings([...entries.keys()]), vector: floats([...entries.values()]) });
    try {
      await within(WORK_MS, this.#write(rows));
    } catch (error) {
      this.#isUsable = false;
      this.#warn(error);
    }
  }

  [Symbol.dispose](): void {
    this.#table?.close();
    this.#db?.close();
  }

  async #write(rows: Data): Promise<void> {
    this.#db ??= await connect(this.#uri);
    if (this.#table) await this.#table.add(rows);
    else this.#table = await this.#db.createTable(this.#name, rows, { existOk: true });
    this.#appends += 1;
    if (this.#appends % APPENDS_MAX === 0)
      await this.#table.optimize({ cleanupOlderThan: new Date(Date.now() - OLD_MS) });
  }

  async #rows(table: Table, hashes: ReadonlySet<string>): Promise<Map<string, Float32Array>> {
    const found = new Map<string, Float32Array>();
    for await (const batch of table.query().select(['text_hash', 'vector'])) {
      for (const row of Rows.parse(batch.toArray())) {
        if (hashes.has(row.text_hash) && isUnit(row.vector)) found.set(row.text_hash, row.vector);
      }
    }
    return found;
  }

  async #drop(): Promise<void> {
    await within(LOOK_MS, this.#db?.dropTable(this.#name) ?? Promise.resolve()).catch(() => undefined);
    const directory = join(this.#uri, `${this.#name}.lance`);
    await rm(directory, { recursive: true, force: true }).catch(() => undefined);
  }
}
