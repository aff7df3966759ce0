import { isAbsolute } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@lancedb/lancedb';
import type { Exemplar } from './exemplars.ts';
import { connect, dropTable } from './lance.ts';
import { ExemplarTable } from './lance-table.ts';
import { VectorCache } from './lance-vectors.ts';

/** Somebody else may be making the table that could not be opened. */
const SECOND_LOOK_MS = 1_000;

type Damaged = (name: string, error: unknown) => void;

/** The tables in one place. Several processes may share it: they make the same tables under the same names. */
export class Shelf {
  readonly #uri: string;
  readonly #db: Connection;
  readonly #closed: AbortSignal;
  readonly #damaged: Damaged;

  private constructor(uri: string, db: Connection, closed: AbortSignal, damaged: Damaged) {
    this.#uri = uri;
    this.#db = db;
    this.#closed = closed;
    this.#damaged = damaged;
  }

  /**
   * `damaged` is told of every table that is there and cannot be used.
   * @throws Error where the place cannot be used
   */
  static async open(uri: string, closed: AbortSignal, damaged: Damaged): Promise<Shelf> {
    return new Shelf(uri, await connect(uri), closed, damaged);
  }

  async has(name: string): Promise<boolean> {
    return (await this.#db.tableNames()).includes(name);
  }

  /**
   * The table of that name, made where there is none or where it cannot be used.
   * @throws Error where it cannot be made
   */
  async take(
    name: string,
    exemplars: readonly Exemplar[],
    vectors: () => Promise<readonly Float32Array[]> | null,
  ): Promise<ExemplarTable> {
    if (await this.has(name)) {
      const opened = await this.#open(name, exemplars.length);
      if (opened) return opened;
    }
    const made = await vectors();
    await dropTable(this.#db, this.#uri, name);
    try {
      return await ExemplarTable.make(this.#db, name, exemplars, made);
    } catch (error) {
      const others = (await this.has(name)) ? await this.#open(name, exemplars.length) : undefined;
      if (others) return others;
      throw error;
    }
  }

  /** Vectors of one encoder. */
  vectors(encoder: string): VectorCache {
    return new VectorCache(this.#db, this.#uri, encoder);
  }

  /** Takes away the tables of other exemplars and encoders; in an object store they stay, since other nodes may use them. */
  async keepOnly(name: string): Promise<void> {
    if (!isAbsolute(this.#uri)) return;
    const names = await this.#db.tableNames();
    for (const other of names) {
      if (other !== name && !other.startsWith('vectors_')) await dropTable(this.#db, this.#uri, other);
    }
  }

  async #open(name: string, size: number): Promise<ExemplarTable | undefined> {
    const open = () => ExemplarTable.open(this.#db, name, size);
    try {
      return await open().catch(() => delay(SECOND_LOOK_MS, undefined, { signal: this.#closed }).then(open));
    } catch (error) {
      this.#damaged(name, error);
      return undefined;
    }
  }
}
