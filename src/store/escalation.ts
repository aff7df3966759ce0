// What a store keeps for the people behind a session: alerts on their way to somebody, and the record of what was decided.
import type { AlertStatus, SafetyLevel, Urgency } from '../contract/types.ts';
import type { NewMessage } from './outbox.ts';
import type { NewEntry, SessionLife, TurnRecord } from './store.ts';

/** A call for a person, written in the same step as what it is about. [US-41] */
export interface NewAlert {
  /** Whoever calls twice under one id has called once. */
  alertId: string;
  level: SafetyLevel;
  urgency: Urgency;
  requiresAck: boolean;
  /** What is sent: JSON without any words of the session, unless the operator wants them. */
  body: string;
  /** Whether it is to be delivered somewhere; else it waits in the list. */
  isSent: boolean;
}

export interface AlertRecord extends Omit<NewAlert, 'isSent'> {
  session: SessionLife;
  at: number;
  status: AlertStatus;
  /** Who changed the status last, and when. */
  actor: string | null;
  statusAt: number | null;
  /** `off`: it is delivered nowhere; `dead`: given up. */
  delivery: 'off' | 'pending' | 'sent' | 'dead';
  /** Deliveries tried so far, and when the next one is due. */
  tries: number;
  nextAt: number;
  /** When it was found that nobody had acknowledged it in time; null before. */
  alarmedAt: number | null;
}

/** What was decided, without any words of the session. `ref` is a name made for the audit, which is forgotten with the session. */
export interface AuditFact {
  kind: string;
  ref: string;
  level: SafetyLevel;
  data: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
}

export interface AuditRecord {
  /** From 1, without holes. */
  n: number;
  /** The exact text that was hashed: JSON of `n`, `at` (ISO 8601) and the fact. */
  body: string;
  /** Hex SHA-256 of the hash before it (64 zeros before the first), a line break and the body. */
  hash: string;
}

export interface EscalationStore {
  alert(alertId: string): Promise<AlertRecord | undefined>;

  /** The latest first. An alert is gone with its session. */
  alerts(status: AlertStatus | null, limit: number): Promise<AlertRecord[]>;

  /** Alerts to deliver now that nobody has claimed, the ones due longest first. */
  dueAlerts(limit: number): Promise<AlertRecord[]>;

  /** Open alerts that need an acknowledgement and were not alarmed about, the oldest first. */
  waitingAlerts(limit: number): Promise<AlertRecord[]>;

  /**
   * Whether the caller alone, over all nodes, sees to this alert from now on: until it is settled, or the time is over.
   * False when somebody else does, or the alert is gone. What was read of it before may be settled by now.
   */
  claimAlert(alertId: string, ms: number): Promise<boolean>;

  /**
   * Says what became of a delivery, or that nobody acknowledged it in time, and gives a claim back; false when the alert
   * is gone.
   */
  settleAlert(
    alertId: string,
    change: Partial<Pick<AlertRecord, 'delivery' | 'tries' | 'nextAt' | 'alarmedAt'>>,
  ): Promise<boolean>;

  /** Facts after number `after`, ascending. Nothing ever changes or deletes one. */
  audit(after: number, limit: number): Promise<AuditRecord[]>;

  /** Adds a fact that belongs to no other step. */
  attest(facts: readonly AuditFact[]): Promise<void>;

  /** How many facts there are, by year (UTC), kind and level. */
  auditCounts(): Promise<{ year: number; kind: string; level: SafetyLevel; count: number }[]>;
}

/** What goes with a note. */
export interface NoteRequest {
  /** The version the note was decided from; another one is `stale`. */
  basis?: number;
  /** What somebody did about an alert of this session; one that is not there is left out. */
  alert?: { alertId: string; status: AlertStatus; actor: string };
  /** As in an admission. */
  client?: { client: string; care: string };
  audit?: readonly AuditFact[];
}

/** A person's words instead of the model's. */
export interface AnswerRequest {
  /** Appended first; made for the turn that waits for the words, or null. May be asked twice, like `end`. */
  entries: (turn: TurnRecord | null) => NewEntry[];
  text: string;
  /** Makes the end entry of the turn that waits for them, which has their words then. */
  end: (turn: TurnRecord) => NewEntry;
  audit?: readonly AuditFact[];
  /** Goes with the end of the turn. */
  outbox?: (turn: TurnRecord) => readonly NewMessage[];
}
