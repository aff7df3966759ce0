// All writes of one tick go into one transaction, and a promise is settled only once that is committed. [P-1]
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { AppError } from '../errors.ts';
import { asUnavailable, unavailable } from './sqlite-failure.ts';

/**
 * After a commit the next one waits as long as its beginning and its end took, so that commits grow where they are dear; what
 * the jobs in it take would be as much in any other. The shorter of the last two counts: a lone slow one, when SQLite moves
 * its write-ahead file into place, is no load. And never longer than this: it is the most that grouping adds to the delay of
 * a word.
 */
const REST_MAX_MS = 25;

/** What a job changes outside the database. */
export interface Step {
  /** Called if the transaction is rolled back, the latest first: memory goes back to what it was. */
  undo(restore: () => void): void;
  /** Whether this is the first change of it in the transaction: only what it was before that is to be restored. */
  first(changed: object): boolean;
  /** Names what was changed, for those who watch it. */
  changed(key: string): void;
}

/** For every word: one object, and no more functions than a promise has. */
class Job<T> {
  readonly #work: (step: Step) => T;
  readonly #resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  #outcome: { value: T } | { refusal: AppError } | undefined;

  constructor(work: (step: Step) => T, resolve: (value: T) => void, reject: (error: unknown) => void) {
    this.#work = work;
    this.#resolve = resolve;
    this.reject = reject;
  }

  run(step: Step): void {
    try {
      this.#outcome = { value: this.#work(step) };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#outcome = { refusal: error };
    }
  }

  /** Settles the promise with what `run` came to. */
  settle(): void {
    const outcome = this.#outcome;
    if (!outcome) return;
    if ('value' in outcome) this.#resolve(outcome.value);
    else this.reject(outcome.refusal);
  }
}

type Queued = Pick<Job<unknown>, 'run' | 'settle' | 'reject'>;

/** Runs jobs in shared transactions. Jobs run one after the other, in the order they were handed in. */
export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #committed: (changed: ReadonlySet<string>) => void;
  #queue: Queued[] = [];
  #isScheduled = false;
  #isClosed = false;
  #restUntil = 0;
  /** Of the last transaction, without its jobs. */
  #tookMs = 0;

  /** `committed` is called after each commit with what its jobs changed. */
  constructor(db: DatabaseSync, committed: (changed: ReadonlySet<string>) => void) {
    this.#db = db;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#committed = committed;
  }

  /**
   * Resolves to what the job returns, after its commit. An AppError must be thrown before the job's first write: it
   * rejects that job alone. Anything else thrown undoes the whole transaction; its jobs are then run again, each alone,
   * so a job must read everything anew.
   * @throws STORE_UNAVAILABLE the database refused, or is closed; the next job is tried afresh
   */
  run<T>(job: (step: Step) => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(unavailable(new Error('The store is closed')));
    return new Promise((resolve, reject) => {
      this.#queue.push(new Job(job, resolve, reject));
      this.#schedule();
    });
  }

  /** Commits what waits; later jobs are refused. */
  close(): void {
    this.#isClosed = true;
    this.#flush();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const restMs = this.#restUntil - performance.now();
    if (restMs < 1) setImmediate(() => this.#flush());
    else setTimeout(() => this.#flush(), restMs);
  }

  #flush(): void {
    this.#isScheduled = false;
    const jobs = this.#queue;
    if (jobs.length === 0) return;
    this.#queue = [];
    const tookMs = this.#transact(jobs);
    this.#restUntil = performance.now() + Math.min(tookMs, this.#tookMs, REST_MAX_MS);
    this.#tookMs = tookMs;
  }

  /** Answers how long it took to begin and to end, in ms. */
  #transact(jobs: readonly Queued[]): number {
    const beginAt = performance.now();
    try {
      this.#begin.run();
    } catch (error) {
      for (const job of jobs) job.reject(asUnavailable(error));
      return performance.now() - beginAt;
    }
    const begunAt = performance.now();
    const undos: (() => void)[] = [];
    const changed = new Set<string>();
    const touched = new Set<object>();
    const step: Step = {
      undo: (restore) => undos.push(restore),
      first: (thing) => touched.size < touched.add(thing).size,
      changed: (key) => changed.add(key),
    };
    let ranAt = begunAt;
    try {
      for (const job of jobs) job.run(step);
      ranAt = performance.now();
      this.#commit.run();
    } catch (error) {
      this.#rollBack(undos);
      const [first, ...others] = jobs;
      if (others.length === 0) first?.reject(asUnavailable(error));
      else for (const job of jobs) this.#transact([job]);
      return performance.now() - beginAt;
    }
    const tookMs = performance.now() - ranAt + (begunAt - beginAt);
    for (const job of jobs) job.settle();
    this.#committed(changed);
    return tookMs;
  }

  #rollBack(undos: (() => void)[]): void {
    for (const restore of undos.toReversed()) restore();
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // The connection is broken: the file holds no uncommitted change, and the next transaction says what is wrong.
    }
  }
}
