import type {
  LoggedPush,
  Navigation,
  Phase,
  Preprocessing,
  SafetyNotice,
  SessionProgress,
  SessionSafety,
  Source,
  Stored,
  TurnState,
} from '../contract/types.ts';
import type { AccessStore, RemoveRequest } from './access.ts';
import type { AnswerRequest, AuditFact, EscalationStore, NewAlert, NoteRequest } from './escalation.ts';
import type { NewMessage, OutboxStore } from './outbox.ts';

export type { AnswerRequest, NoteRequest } from './escalation.ts';

/** Which session: ids are unique within a tenant. [S-7] */
export interface SessionRef {
  tenant: string;
  sessionId: string;
}

/** One life of a session id. A session made later under the same id has another epoch. [S-6] */
export interface SessionLife extends SessionRef {
  epoch: string;
}

/** What an owner of a turn holds; the store refuses it once another generation exists. [P-5] */
export interface Lease extends SessionLife {
  turnId: string;
  generation: number;
}

export interface SessionRecord extends SessionLife {
  /** Who made it; nobody else may see it. */
  owner: string;
  clientId: string | null;
  metadata: Record<string, unknown>;
  locale: string | null;
  country: string | null;
  ageBand: string | null;
  status: 'active' | 'completed';
  /** ms since 1970, like every `At` here. */
  createdAt: number;
  lastInteractionAt: number;
  /** Turns that ended `done`. */
  turnCount: number;
  progress: SessionProgress;
  /** What the guided process remembers, in a form that only therapy reads; null before the first turn that ended `done`. */
  memory: string | null;
  safety: SessionSafety;
  /** What the safety rules remember, in a form that only they read; null before the first turn. */
  care: string | null;
  /** The person who answers instead of the model, and until when. */
  human: { name: string; untilAt: number } | null;
  /** Number of the last log entry; 0 when the log is empty. */
  lastSeq: number;
  /** Number of the last admitted turn; 0 before the first. */
  lastTurn: number;
  /** Goes up with every admission, end of a turn and change of the session: what a decision was based on. */
  version: number;
}

/** A list leaves out what may be large. */
export type ListedSession = Omit<SessionRecord, 'metadata' | 'memory' | 'care'>;

export type NewSession = Pick<
  SessionRecord,
  | 'tenant'
  | 'sessionId'
  | 'epoch'
  | 'owner'
  | 'clientId'
  | 'metadata'
  | 'locale'
  | 'country'
  | 'ageBand'
  | 'progress'
>;

/** What was decided at admission, kept so that any later owner of the turn speaks the same. */
export interface TurnPlan {
  preprocessing: Preprocessing;
  navigation: Navigation;
  /** The session's progress once this turn is done. */
  progress: SessionProgress;
  /** The session's memory once this turn is done; an ended turn keeps no copy of it. */
  memory: string;
  /** What the guide's content says here. */
  line: string;
  /** The fixed reply to a risk; no model is asked then. [P-12] */
  safety: SafetyNotice | null;
  /** What the safety rules decided for this turn; `guarded` is not known before its end. */
  care: TurnCare;
}

interface TurnCare {
  safety: SessionSafety;
  /** Said as it is: no model is asked. */
  isFixed: boolean;
  /** Whether a person answers; until when it is waited for is the session's. */
  awaitsHuman: boolean;
  /** The name of the session in the audit. */
  ref: string;
}

export interface TurnRecord {
  turnId: string;
  n: number;
  state: TurnState;
  generation: number;
  inputId: string | null;
  userInput: string;
  plan: TurnPlan;
  /** Sequence number of `turn:started`. */
  firstSeq: number;
  /** Last entry of the turn: its end entry once it has ended. */
  lastSeq: number;
  /** UTF-16 length of the reply so far. */
  length: number;
  startedAt: number;
  endedAt: number | null;
  phase: Phase;
  phaseAt: number;
  /** Place in the queue for the model, from 1; null when it does not wait. */
  position: number | null;
  /** Who speaks: set by `start`, kept by later owners once text was shown. */
  source: Source | null;
  model: string | null;
  /** When a model first began on it and when its first text was appended. */
  beganAt: number | null;
  firstTextAt: number | null;
  /** Model runs begun in all, and since text was last added. */
  attempts: number;
  idleAttempts: number;
}

/** An entry as it lies in the log; the wire adds `session_id`, `seq` and `from`. */
export type LogRecord = { [E in LoggedPush]: { seq: number; event: E; data: Stored<E> } }[LoggedPush];
export type NewEntry = { [E in LoggedPush]: { event: E; data: Stored<E> } }[LoggedPush];

/** A turn with its words: folded from the log while it lives, from its end entry afterwards. */
export interface TurnView {
  turn: TurnRecord;
  text: string;
  end: LogRecord | null;
}

export interface CreateRequest {
  session: NewSession;
  /** A repeat with the same key answers the session that the first call made. [S-5] */
  createKey: string | null;
  /** Whether the caller named the id; a made one that clashes is refused like any other, and made again by the caller. */
  idGiven: boolean;
  /** Stored if the session is made. */
  outbox?: readonly NewMessage[];
}

export interface AdmitRequest {
  /** Made in the same step when there is none. */
  session: NewSession;
  /** The session the decision was made from, or null when there was none. */
  basis: { epoch: string; version: number } | null;
  turnId: string;
  inputId: string | null;
  userInput: string;
  /** Cancel a live turn in the same step. */
  interrupt: boolean;
  plan: TurnPlan;
  /** The session's safety from now on. */
  safety: SessionSafety;
  care: string;
  /** What the safety rules remember of a client in all its sessions, from now on; what this session wrote is forgotten with it. Null changes nothing. */
  client: { client: string; care: string } | null;
  alerts: readonly NewAlert[];
  audit: readonly AuditFact[];
  outbox?: readonly NewMessage[];
  /** `turn:started` first; then whatever is to be seen with it. */
  entries: NewEntry[];
  /** The node that will run it, and for how long it is leased to it (ms). */
  node: string;
  leaseMs: number;
}

export type Admitted =
  /** `interrupted` is the turn that was cancelled by this one. */
  | { kind: 'admitted'; session: SessionRecord; turn: TurnRecord; interrupted: string | null }
  /** The same input came before; nothing changed. */
  | { kind: 'duplicate'; session: SessionRecord; turn: TurnRecord }
  /** The session is not the one the decision was made from; decide again. */
  | { kind: 'stale' };

export type TurnEntry = Extract<NewEntry, { event: 'therapist:token' | 'therapist:reset' }>;
export type Fenced = 'fenced';

export interface FinishRequest {
  state: 'done' | 'failed';
  /** Last words that were not appended yet, then the end entry, then what the end changes. */
  entries: NewEntry[];
  /** With `done`: how far the session is from now on and what it remembers, committed in the same step; else null. */
  after: { progress: SessionProgress; memory: string } | null;
  /** Whether the session is `completed` from now on; else its status stays as it is. */
  completes: boolean;
  /** The session's safety from now on, where the end changes it. */
  safety?: SessionSafety;
  audit?: readonly AuditFact[];
  outbox?: readonly NewMessage[];
}

export interface LogPage {
  /** Ascending, from the first entry after the cursor. A hole before an entry means that tokens were dropped there. */
  entries: LogRecord[];
  /** Numbers of entries between those that only another version knows. */
  unknown?: readonly number[];
  /** Number of the last entry of the log. */
  head: number;
  /** The live turn, for `turn:queued` and `turn:status`. */
  live: TurnRecord | null;
}

export interface SessionSnapshot {
  session: SessionRecord;
  /** The latest ended ones, ascending. */
  turns: TurnView[];
  live: TurnView | null;
  /** The latest `disclosure`, the latest `safety:resources`, and each `human:message` since `turns` began, ascending. */
  notices: LogRecord[];
}

/**
 * Sessions, their logs and their turns.
 *
 * Every method is one atomic step: all of it is stored and acknowledged, or nothing of it happened. A log is dense:
 * appends number their entries 1, 2, 3 … without holes [P-2]. A resolved promise means that the data survives the
 * death of this process. Every method may raise STORE_UNAVAILABLE; other codes are named where they are raised.
 */
export interface Store extends EscalationStore, AccessStore, AsyncDisposable {
  /** Shown as `storage` in lists. */
  readonly name: string;
  /** How long an owner lets words gather after an append, in ms: what one more costs here. */
  readonly gatherMs: number;
  /** What the `outbox` of a step has left. */
  readonly outbox: OutboxStore;

  /**
   * Makes a session. Of N concurrent calls with one id exactly one makes it, over all nodes. [P-11]
   * With a `createKey` that the same owner used before, for the same id or with no id given, the session made then is
   * returned. A key is forgotten with its session.
   * @throws SESSION_CONFLICT the id exists · IDEMPOTENCY_CONFLICT the key made a session under another id
   */
  create(request: CreateRequest): Promise<{ created: boolean; session: SessionRecord }>;

  session(ref: SessionRef): Promise<SessionRecord | undefined>;

  /**
   * Makes the session if there is none, stores the input and its turn and appends the entries, in one step.
   * Checked in this order: owner, `inputId`, live turn, `basis`. With `interrupt` a live turn is cancelled first, its
   * end entry before the new ones. The new turn is `queued`, of generation 1. [P-6]
   * @throws SESSION_CONFLICT owned by another · IDEMPOTENCY_CONFLICT the `inputId` came with another text ·
   * TURN_IN_PROGRESS a turn is live and `interrupt` is false
   */
  admit(request: AdmitRequest): Promise<Admitted>;

  /** Counts one more model run and sets `running`, the phase, the source and the model. */
  start(lease: Lease, begun: { source: Source; model: string; phase: Phase }): Promise<TurnRecord | Fenced>;

  /** Says what the turn is doing, for whoever follows. Not logged. */
  mark(lease: Lease, phase: Phase, position: number | null): Promise<'marked' | Fenced>;

  /**
   * Appends words, or takes some back, in order, and renews the lease. [P-5]
   * A repeat of the last call changes nothing: entries that begin before the reply's length, with the text that is
   * there, are skipped.
   */
  append(lease: Lease, entries: TurnEntry[], leaseMs: number): Promise<'appended' | Fenced>;

  /** Appends the end entry and closes the turn, once. [P-8] A `done` turn counts for the session. */
  finish(lease: Lease, request: FinishRequest): Promise<'finished' | Fenced>;

  /**
   * Ends a live turn with `turn:cancelled` and its text so far; of an ended turn tells its state. Without a `turnId`
   * the live turn is meant. Nothing of the turn can be appended afterwards. [P-7]
   * @throws SESSION_NOT_FOUND the session is gone · TURN_NOT_FOUND no such turn, or none is live
   */
  cancel(
    life: SessionLife,
    turnId: string | null,
  ): Promise<{ turnId: string; state: TurnState; wasLive: boolean }>;

  /** Renews the leases a node holds; answers those it has lost. */
  renew(leases: Lease[], leaseMs: number): Promise<Lease[]>;

  /** Gives leases back, so that another node, or the next start, goes on at once. */
  release(leases: Lease[]): Promise<void>;

  /**
   * Takes live turns whose lease ran out, each with the next generation, at most `limit`; with `overdueMs` only those
   * whose lease ran out that long ago. A store that only one process can open treats every lease of an earlier process as
   * run out, and leaves nothing to others. `released`: the owner gave it back.
   */
  takeOver(
    node: string,
    leaseMs: number,
    limit: number,
    overdueMs?: number,
  ): Promise<{ session: SessionRecord; view: TurnView; why: 'released' | 'expired' }[]>;

  /**
   * Appends entries that belong to no turn, and changes the session with them.
   * `gone` when the session lives no more under this epoch. [P-5]
   */
  note(
    life: SessionLife,
    entries: NewEntry[],
    change: Partial<Pick<SessionRecord, 'status' | 'safety' | 'care' | 'human'>>,
    also?: NoteRequest,
  ): Promise<'noted' | 'gone' | 'stale'>;

  /**
   * Appends a person's words. A live turn that awaits a human ends `done` with them: `text` as its words (what it showed before is
   * reset), then the end entry; its memory and progress stay as they were. Answers that turn, or null when none waits.
   * @throws SESSION_NOT_FOUND the session is gone
   */
  answer(life: SessionLife, request: AnswerRequest): Promise<{ ended: TurnRecord | null }>;

  /** What the safety rules remember of a client; null when nothing. */
  clientCare(tenant: string, client: string): Promise<string | null>;

  /**
   * At most `limit` entries after `after`, and not many more characters than a page may have (about a million), but one
   * entry at least; undefined when the session lives no more under this epoch.
   */
  read(life: SessionLife, after: number, limit: number): Promise<LogPage | undefined>;

  /** Last entry numbers of several logs at once, in order; undefined for a session that is gone. */
  heads(lives: SessionLife[]): Promise<(number | undefined)[]>;

  /** The whole of a session as of one moment: `session.lastSeq` is the last entry it contains. [P-9] */
  snapshot(life: SessionLife, turns: number): Promise<SessionSnapshot | undefined>;

  /** At most `limit` turns before number `before`, ascending, live ones too; undefined when the session is gone. */
  turns(life: SessionLife, before: number | null, limit: number): Promise<TurnView[] | undefined>;

  turn(life: SessionLife, turnId: string): Promise<TurnView | undefined>;

  /** Whether the input id came before in this session, and its turn. */
  turnOfInput(life: SessionLife, inputId: string): Promise<TurnView | undefined>;

  /**
   * Deletes everything of a session, its data key first, but a tombstone that says which epochs are over; nothing of it can be read
   * in the store's files afterwards. Adds to the audit, which keeps all it has. False, and nothing is added, when the session is gone or not idle. [S-6]
   */
  remove(life: SessionLife, also?: RemoveRequest): Promise<boolean>;

  /**
   * Somebody says to have read entry `seq`, and the session does not go so far. Where the store may have lost what it acknowledged, the session gets
   * another epoch: numbers that were read must not be given to other entries. Answers it as it is then. [P-9]
   */
  rewound(session: SessionRecord, seq: number): Promise<SessionRecord | undefined>;

  /** Whether that life of the session was ended by a removal; one that the store lost was not. [P-9] */
  wasRemoved(life: SessionLife): Promise<boolean>;

  /** Sessions of a tenant (and owner, unless null), oldest first; `next` is the `after` of the page behind. */
  list(
    tenant: string,
    owner: string | null,
    after: string | null,
    limit: number,
  ): Promise<{ total: number; sessions: ListedSession[]; next: string | null }>;

  /** Drops token and reset entries of turns that ended before that time; answers how many turns it took. */
  compact(endedBefore: number): Promise<number>;

  /**
   * Calls `wake` after anything changed that a follower of the session may want to read. A wake-up carries no data,
   * may come too often, and may be lost.
   */
  watch(ref: SessionRef, wake: () => void): Disposable;

  /** Calls `over` once the turn is over or another generation owns it, if not by its owner's own steps; may be lost. */
  watchTurn(lease: Lease, over: () => void): Disposable;

  /** Whether it can store something now. */
  healthy(): Promise<boolean>;
}
