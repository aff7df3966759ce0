// Calls for a person: the outbox, and the list that an operator sees.
import type { DatabaseSync } from 'node:sqlite';
import type { AlertStatus } from '../contract/types.ts';
import type { Row } from './columns.ts';
import type { AlertRecord, NewAlert } from './escalation.ts';
import type { StoredSession } from './sqlite-sessions.ts';
import { numberOf, textOf } from './columns.ts';
import { Envelope } from './envelope.ts';

/** What an alert says, which never changes, and what becomes of it. */
type Call = Omit<NewAlert, 'isSent'> & Pick<AlertRecord, 'session' | 'at'>;
type Course = Omit<AlertRecord, keyof Call>;

export class SqliteAlerts {
  readonly #call = new Envelope<Call>();
  readonly #course = new Envelope<Course>();
  /** Until when somebody sees to an alert, by the clock of leases. Only one process has the file: a dead one claims nothing. */
  readonly #claims = new Map<string, number>();
  readonly #statements;

  constructor(db: DatabaseSync) {
    this.#statements = {
      insert: db.prepare(
        'INSERT INTO alerts (alert_id, session, status, due_at, waits_since, call, course) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?) ' +
          'ON CONFLICT (alert_id) DO NOTHING',
      ),
      update: db.prepare(
        'UPDATE alerts SET status = ?, due_at = ?, waits_since = ?, course = ? WHERE alert_id = ?',
      ),
      get: db.prepare('SELECT * FROM alerts WHERE alert_id = ?'),
      latest: db.prepare('SELECT * FROM alerts ORDER BY id DESC LIMIT ?'),
      ofStatus: db.prepare('SELECT * FROM alerts WHERE status = ? ORDER BY id DESC LIMIT ?'),
      waiting: db.prepare(
        'SELECT * FROM alerts WHERE waits_since IS NOT NULL ORDER BY waits_since, id LIMIT ?',
      ),
      due: db.prepare('SELECT * FROM alerts WHERE due_at <= ? ORDER BY due_at, id LIMIT ?'),
    };
  }

  /** Stores a call, unless it is there already: a reply never fails for that. */
  insert({ id, session }: StoredSession, { isSent, ...said }: NewAlert, now: number): void {
    const { tenant, sessionId, epoch } = session;
    const course: Course = {
      status: 'open',
      actor: null,
      statusAt: null,
      delivery: isSent ? 'pending' : 'off',
      tries: 0,
      nextAt: now,
      alarmedAt: null,
    };
    this.#statements.insert.run(
      said.alertId,
      id,
      course.status,
      dueAt(course),
      waitsSince(said.requiresAck, course, now),
      this.#call.seal({ ...said, session: { tenant, sessionId, epoch }, at: now }),
      this.#course.seal(course),
    );
  }

  get(alertId: string): AlertRecord | undefined {
    const row = this.#statements.get.get(alertId);
    return row && this.#alert(row);
  }

  /** The latest first. */
  latest(status: AlertStatus | null, limit: number): AlertRecord[] {
    const { latest, ofStatus } = this.#statements;
    const rows = status === null ? latest.all(limit) : ofStatus.all(status, limit);
    return rows.map((row) => this.#alert(row));
  }

  /** Those to deliver by now that nobody has claimed, the ones due longest first. */
  due(now: number, elapsed: number, limit: number): AlertRecord[] {
    this.#dropClaims(elapsed);
    const rows = this.#statements.due.all(now, limit + this.#claims.size);
    const free = rows.filter((row) => !this.#claims.has(textOf(row, 'alert_id')));
    return free.slice(0, limit).map((row) => this.#alert(row));
  }

  /** Whether the caller alone sees to it, for so long. */
  claim(alertId: string, elapsed: number, ms: number): boolean {
    this.#dropClaims(elapsed);
    if (this.#claims.has(alertId) || !this.#statements.get.get(alertId)) return false;
    this.#claims.set(alertId, elapsed + ms);
    return true;
  }

  /** Gives a claim back. */
  release(alertId: string): void {
    this.#claims.delete(alertId);
  }

  /** Those that somebody still has to acknowledge and that were not said aloud, the oldest first. */
  waiting(limit: number): AlertRecord[] {
    return this.#statements.waiting.all(limit).map((row) => this.#alert(row));
  }

  /** Stores what changed of an alert, of this session if one is given; false when there is none. */
  change(alertId: string, change: Partial<Course>, session?: number): boolean {
    const row = this.#statements.get.get(alertId);
    if (!row || (session !== undefined && numberOf(row, 'session') !== session)) return false;
    const { requiresAck, at } = this.#call.open(textOf(row, 'call'));
    const course = { ...this.#course.open(textOf(row, 'course')), ...change };
    const waits = waitsSince(requiresAck, course, at);
    this.#statements.update.run(course.status, dueAt(course), waits, this.#course.seal(course), alertId);
    return true;
  }

  #dropClaims(elapsed: number): void {
    for (const [alertId, until] of this.#claims) if (until <= elapsed) this.#claims.delete(alertId);
  }

  #alert(row: Row): AlertRecord {
    return { ...this.#call.open(textOf(row, 'call')), ...this.#course.open(textOf(row, 'course')) };
  }
}

/** Since when somebody has to acknowledge it, if that is still to come. */
function waitsSince(requiresAck: boolean, { status, alarmedAt }: Course, at: number): number | null {
  return requiresAck && status === 'open' && alarmedAt === null ? at : null;
}

/** When it is to be delivered next, if ever. */
function dueAt({ delivery, nextAt }: Course): number | null {
  return delivery === 'pending' ? nextAt : null;
}
