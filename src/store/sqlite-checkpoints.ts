// Empties the write-ahead file, in which everything stays readable that was deleted from the database.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { BUSY_TIMEOUT_MS } from './sqlite-file.ts';

/** After one the next waits this many times as long as it took, so that many removals share one and the loop stays free … */
const REST_FACTOR = 4;
/** … but never longer than this: it is the most that it adds to the delay of a removal. */
const REST_MAX_MS = 250;
/**
 * When it failed, or another process reads what lies there: how soon it is tried again, how often before nobody waits for it any
 * more, and how soon after that, for as long as it takes.
 */
const PATIENCE = { retryMs: 50, tries: 100, laterMs: 5000 };

interface Waiting {
  readonly resolve: () => void;
  readonly tries: number;
}

export class Checkpoints {
  readonly #db: DatabaseSync;
  readonly #truncate: StatementSync;
  readonly #onFault: (error: unknown) => void;
  readonly #patience: typeof PATIENCE;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #restUntil = 0;

  /** `onFault` is told when it was tried for long. */
  constructor(db: DatabaseSync, onFault: (error: unknown) => void, patience = PATIENCE) {
    this.#db = db;
    this.#truncate = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
    this.#onFault = onFault;
    this.#patience = patience;
  }

  /** Resolves once all that is committed now lies in the database alone. Calls of one moment share one. Never rejects. */
  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ resolve, tries: 0 });
      this.#schedule(this.#restUntil - performance.now());
    });
  }

  /** The same at once; false when another process reads what lies there. */
  emptyNow(): boolean {
    // nobody else writes, and whoever reads must not stop this process
    this.#db.exec('PRAGMA busy_timeout = 0');
    try {
      return this.#truncate.get()?.['busy'] === 0;
    } finally {
      this.#db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }

  /** To be called when the database is closed: SQLite empties the file then. */
  close(): void {
    clearTimeout(this.#timer);
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting = [];
  }

  #schedule(ms: number): void {
    this.#timer ??= setTimeout(() => this.#run(), Math.max(ms, 0));
  }

  #run(): void {
    this.#timer = undefined;
    const begunAt = performance.now();
    const fault = this.#fault();
    const endedAt = performance.now();
    this.#restUntil = endedAt + Math.min(REST_FACTOR * (endedAt - begunAt), REST_MAX_MS);
    if (fault === undefined) this.close();
    else this.#again(fault);
  }

  #again(fault: unknown): void {
    const { retryMs, tries: most, laterMs } = this.#patience;
    const over = this.#waiting.filter(({ tries }) => tries >= most);
    this.#waiting = this.#waiting
      .filter(({ tries }) => tries < most)
      .map(({ resolve, tries }) => ({ resolve, tries: tries + 1 }));
    for (const { resolve } of over) resolve();
    if (over.length > 0) this.#onFault(fault);
    this.#schedule(this.#waiting.length > 0 ? retryMs : laterMs);
  }

  /** What is in the way; undefined when nothing is. */
  #fault(): unknown {
    try {
      if (this.emptyNow()) return undefined;
      return new Error('Another process reads the data: what was deleted is still in its files');
    } catch (error) {
      return error;
    }
  }
}
