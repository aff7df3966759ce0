// The live turns of this process, as they stand in the file: appends, reads and fences need no query.
import type { Step } from './group-commit.ts';
import type { Lease, LogRecord, SessionLife, TurnEntry, TurnRecord } from './store.ts';
import type { Sealer } from './vault.ts';
import { sessionKey } from './envelope.ts';

/** A live turn and the end of its session's log. Records in it are replaced, never changed. */
export interface LiveTurn {
  /** Row number and key of the session. */
  readonly session: number;
  readonly key: string;
  readonly epoch: string;
  /** With the key of the session. */
  readonly sealer: Sealer;
  turn: TurnRecord;
  /** The reply so far. */
  text: string;
  /** Number of the session's last entry. */
  head: number;
  /** The words at the end of the log that are not packed yet, up to `head`, and the first row of them in the journal. */
  tail: LogRecord[];
  journalFrom: number | null;
  /** What the last append was called with, to know its repeat. */
  lastCall: TurnEntry[];
  /** By a clock that never goes backwards; it means nothing to another process. */
  leaseUntil: number;
}

/** A lease that was given back, and one of an earlier process. */
export const NO_LEASE = Number.NEGATIVE_INFINITY;
export const FORMER_LEASE = -Number.MAX_VALUE;

export class LiveTurns {
  readonly #byKey = new Map<string, LiveTurn>();

  get(key: string): LiveTurn | undefined {
    return this.#byKey.get(key);
  }

  /** The live turn of this life of a session, if it has one. */
  ofLife(life: SessionLife): LiveTurn | undefined {
    const live = this.#byKey.get(sessionKey(life));
    return live?.epoch === life.epoch ? live : undefined;
  }

  /** The turn a lease is for, unless another generation owns it or it is over. [P-5] */
  held(lease: Lease): LiveTurn | undefined {
    const live = this.ofLife(lease);
    const isHeld = live?.turn.turnId === lease.turnId && live.turn.generation === lease.generation;
    return isHeld ? live : undefined;
  }

  /** At most `limit` turns whose lease has run out by that clock, oldest first. */
  leaseless(elapsed: number, limit: number): LiveTurn[] {
    return [...this.#byKey.values()]
      .filter((live) => live.leaseUntil < elapsed)
      .sort((a, b) => a.turn.startedAt - b.turn.startedAt || a.session - b.session)
      .slice(0, limit);
  }

  /** Turns with words in the journal. */
  journaled(): LiveTurn[] {
    return [...this.#byKey.values()].filter((live) => live.journalFrom !== null);
  }

  /** Puts in a turn that was live when the file was opened. */
  restore(live: LiveTurn): void {
    this.#byKey.set(live.key, live);
  }

  add(step: Step, live: LiveTurn): void {
    step.undo(() => this.#byKey.delete(live.key));
    this.#byKey.set(live.key, live);
  }

  remove(step: Step, live: LiveTurn): void {
    step.undo(() => this.#byKey.set(live.key, live));
    this.#byKey.delete(live.key);
  }

  /** Changes a live turn within a step; a rollback takes it back. */
  change(step: Step, live: LiveTurn, changes: Partial<LiveTurn>): void {
    if (step.first(live)) {
      const before = { ...live };
      step.undo(() => Object.assign(live, before));
    }
    Object.assign(live, changes);
  }
}
