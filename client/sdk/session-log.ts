// Follows the log of one session over whatever line is open, and keeps what it says as one value.
import type { Help, SessionInfo, SessionState } from './api.ts';
import type { ChatError } from './errors.ts';
import { isEntry, SILENCE_MS } from './line.ts';
import type { Arrival, Entry, Following, Line, Reader } from './line.ts';
import * as transcripts from './transcript.ts';
import type { Transcript } from './transcript.ts';
import type { Admission, SafetyNotice, Snapshot } from './wire.ts';

/** A page that comes back waits so long for an answer before it connects anew (REALTIME.md 5.14). */
const WAKE_MS = 3_000;
/** After an input was stored its turn is in the log: the first frame of it is due. */
const DUE_MS = 3_000;
/** A refusal that may pass is asked again after this time. */
const AGAIN_MS = 2_000;

export interface LogParts {
  /** Whatever is known has changed. */
  changed(): void;
  /** A push was applied. */
  applied(arrival: Arrival): void;
  /** No turn is live any more. */
  turnEnded(): void;
  /** Everything was read anew. */
  restored(): void;
  /** The session was there and is no more. */
  deleted(): void;
}

export class SessionLog implements Reader {
  phase: SessionState['phase'] = 'new';
  /** Why it cannot be followed. */
  error: SessionState['error'] = null;
  transcript: Transcript | null = null;
  readonly #parts: LogParts;
  #help: Help | null = null;
  #id: string | null = null;
  #line: Line | null = null;
  #following: Following | null = null;
  /** What is known does not fit the log: all of it is read anew. */
  #isBroken = false;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #due: ReturnType<typeof setTimeout> | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #resyncedAt = -Infinity;
  /** An input was stored since it was last asked for. */
  #isMade = false;

  constructor(parts: LogParts) {
    this.#parts = parts;
  }

  get help(): Help | null {
    return this.transcript?.help ?? this.#help;
  }

  /** Follows over this line from now on; null: over none. */
  attach(id: string | null, line: Line | null): void {
    this.#unfollow();
    this.#id = id;
    this.#line = line;
    this.#follow();
  }

  /** Asks anew for what could not be followed. */
  again(): void {
    this.error = null;
    if (this.#following || this.transcript) return this.#parts.changed();
    this.phase = 'new';
    this.#follow();
    this.#parts.changed();
  }

  /** What is known of it from an answer. */
  adopt(info: SessionInfo): void {
    if (this.transcript?.epoch === transcripts.partsOf(info.cursor).epoch) {
      this.transcript = { ...this.transcript, info };
    } else {
      this.transcript = transcripts.begin(info);
      this.phase = 'following';
    }
    this.#parts.changed();
  }

  /** An input was stored: its session is there, and its turn is to come. */
  stored({ cursor }: Admission): void {
    const { epoch, seq } = transcripts.partsOf(cursor);
    if (!this.#following) return this.#follow();
    // what is being asked may have been answered before
    this.#isMade = true;
    if (!this.transcript) return;
    if (this.transcript.epoch !== epoch) return this.#startOver();
    clearTimeout(this.#due);
    this.#due = setTimeout(() => {
      if (this.transcript?.epoch === epoch && this.transcript.seq <= seq) this.#following?.overdue();
    }, DUE_MS);
  }

  /** Help that came with a refusal. */
  helped(help: SafetyNotice): void {
    this.#help = help;
    if (this.transcript) this.transcript = { ...this.transcript, help };
    this.#parts.changed();
  }

  /** Reads from the cursor on, unless it did so lately; a connection that does not answer is found out. */
  resync(quietMs: number): void {
    const now = performance.now();
    if (now - this.#resyncedAt < quietMs) return;
    this.#resyncedAt = now;
    this.#following?.resync(WAKE_MS);
  }

  /** Drops everything. */
  gone(): void {
    const { transcript } = this;
    const wasThere = transcript !== null || this.phase === 'deleted';
    this.#unfollow();
    this.transcript = null;
    this.#help = null;
    this.phase = wasThere ? 'deleted' : 'absent';
    if (wasThere) this.#parts.deleted();
    this.#parts.changed();
    if (!transcript) return;
    const data = { session_id: this.#id ?? '', epoch: transcript.epoch };
    this.#parts.applied({ event: 'session:deleted', data });
  }

  #follow(): void {
    if (!this.#line || this.#id === null || this.#following) return;
    this.#isMade = false;
    this.#following = this.#line.follow(this.#id, this);
    this.#heard();
  }

  #unfollow(): void {
    for (const timer of [this.#silence, this.#due, this.#again]) clearTimeout(timer);
    this.#following?.stop();
    this.#following = null;
  }

  get cursor(): string | null {
    return this.transcript && !this.#isBroken ? transcripts.cursorOf(this.transcript) : null;
  }

  joined(snapshot: Snapshot | null): void {
    this.#heard();
    this.error = null;
    if (snapshot) {
      this.#isBroken = false;
      this.transcript = transcripts.restore(this.transcript, snapshot);
      this.phase = 'following';
      this.#parts.restored();
      if (!snapshot.live) this.#parts.turnEnded();
    }
    this.#parts.changed();
  }

  refused(error: ChatError): void {
    this.#unfollow();
    if (error.code === 'SESSION_NOT_FOUND') return this.#isMade ? this.#follow() : this.gone();
    this.error = error;
    if (error.retryable) this.#again = setTimeout(() => this.#follow(), error.retryAfterMs ?? AGAIN_MS);
    this.#parts.changed();
  }

  #heard(): void {
    clearTimeout(this.#silence);
    if (this.transcript?.live) this.#silence = setTimeout(() => this.#following?.resync(WAKE_MS), SILENCE_MS);
  }

  arrived(arrival: Arrival): void {
    if (!this.transcript) return;
    if (arrival.event === 'session:deleted') {
      if (arrival.data.epoch === this.transcript.epoch) this.gone();
    } else if (isEntry(arrival)) {
      this.#logged(arrival, this.transcript);
    } else {
      this.#moment(arrival, this.transcript);
    }
    this.#heard();
  }

  #logged(entry: Entry, before: Transcript): void {
    const after = transcripts.apply(before, entry, new Date().toISOString());
    if (after === before) return;
    if (after === 'gap') return this.#gap(entry, before);
    this.transcript = after;
    this.#parts.changed();
    this.#parts.applied(entry);
    if (before.live && !after.live) this.#parts.turnEnded();
  }

  /** What is missing is read again; what does not fit is read anew. [P-9] */
  #gap({ data }: Entry, { seq }: Transcript): void {
    if ((data.from ?? data.seq) <= seq + 1) this.#startOver();
    else this.#following?.resync();
  }

  #startOver(): void {
    this.#isBroken = true;
    this.#following?.resync();
  }

  /** A push of the moment, which is not logged. */
  #moment(arrival: Arrival, before: Transcript): void {
    const { event, data } = arrival;
    if (event === 'turn:queued' || event === 'turn:status') {
      const { turn_id: turnId, phase, position } = { phase: 'queued' as const, position: null, ...data };
      this.transcript = transcripts.busy(before, { turnId, phase, position });
      this.#parts.changed();
    }
    this.#parts.applied(arrival);
  }
}
