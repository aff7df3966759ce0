// Calls for a person: the outbox, and the list that an operator sees.
import type { DatabaseSync } from 'node:sqlite';
import type { AlertStatus } from '../contract/types.ts';
import type { Row } from './columns.ts';
import type { AlertRecord, NewAlert } from './escalation.ts';
import type { SqliteKeys } from './sqlite-keys.ts';
import type { Course } from './sqlite-records.ts';
import type { StoredSession } from './sqlite-sessions.ts';
import { Claims } from './claims.ts';
import { numberOf, textOf } from './columns.ts';
import { digest } from './envelope.ts';
import { JOIN_KEY } from './sqlite-keys.ts';
import { callOf, courseOf } from './sqlite-records.ts';

/** Alerts with the keys of their sessions. */
const ALERTS = `SELECT alerts.*, sessions.key, data_key, wrapped FROM alerts JOIN sessions ON sessions.id = session ${JOIN_KEY}`;

export class SqliteAlerts {
  readonly #keys: SqliteKeys;
  readonly #claims = new Claims();
  readonly #statements;

  constructor(db: DatabaseSync, keys: SqliteKeys) {
    this.#keys = keys;
    this.#statements = {
      insert: db.prepare(
        'INSERT INTO alerts (alert_id, session, status, due_at, waits_since, call, course) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?) ' +
          'ON CONFLICT (alert_id) DO NOTHING',
      ),
      update: db.prepare(
        'UPDATE alerts SET status = ?, due_at = ?, waits_since = ?, course = ? WHERE alert_id = ?',
      ),
      get: db.prepare(`${ALERTS} WHERE alert_id = ?`),
      latest: db.prepare(`${ALERTS} ORDER BY alerts.id DESC LIMIT ?`),
      ofStatus: db.prepare(`${ALERTS} WHERE status = ? ORDER BY alerts.id DESC LIMIT ?`),
      waiting: db.prepare(`${ALERTS} WHERE waits_since IS NOT NULL ORDER BY waits_since, alerts.id LIMIT ?`),
      due: db.prepare(`${ALERTS} WHERE due_at <= ? ORDER BY due_at, alerts.id LIMIT ?`),
    };
  }

  /** Stores a call, unless it is there already: a reply never fails for that. */
  insert({ id, sealer, session }: StoredSession, { isSent, ...said }: NewAlert, now: number): void {
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
    const name = digest(said.alertId);
    const call = { ...said, session: { tenant, sessionId, epoch }, at: now };
    this.#statements.insert.run(
      name,
      id,
      course.status,
      dueAt(course),
      waitsSince(said.requiresAck, course, now),
      callOf.seal(call, sealer, name),
      courseOf.seal(course, sealer, name),
    );
  }

  get(alertId: string): AlertRecord | undefined {
    const row = this.#statements.get.get(digest(alertId));
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
    const rows = this.#statements.due.all(now, limit + this.#claims.sweep(elapsed));
    const free = rows.filter((row) => !this.#claims.has(textOf(row, 'alert_id')));
    return free.slice(0, limit).map((row) => this.#alert(row));
  }

  /** Whether the caller alone sees to it, for so long. */
  claim(alertId: string, elapsed: number, ms: number): boolean {
    this.#claims.sweep(elapsed);
    const name = digest(alertId);
    if (this.#claims.has(name) || !this.#statements.get.get(name)) return false;
    this.#claims.hold(name, elapsed + ms);
    return true;
  }

  /** Gives a claim back. */
  release(alertId: string): void {
    this.#claims.release(digest(alertId));
  }

  /** Those that somebody still has to acknowledge and that were not said aloud, the oldest first. */
  waiting(limit: number): AlertRecord[] {
    return this.#statements.waiting.all(limit).map((row) => this.#alert(row));
  }

  /** Stores what changed of an alert, of this session if one is given; false when there is none. */
  change(alertId: string, change: Partial<Course>, session?: number): boolean {
    const name = digest(alertId);
    const row = this.#statements.get.get(name);
    if (!row || (session !== undefined && numberOf(row, 'session') !== session)) return false;
    const sealer = this.#keys.sealer(row);
    const { requiresAck, at } = callOf.open(textOf(row, 'call'), sealer, name);
    const course = { ...courseOf.open(textOf(row, 'course'), sealer, name), ...change };
    const waits = waitsSince(requiresAck, course, at);
    const sealed = courseOf.seal(course, sealer, name);
    this.#statements.update.run(course.status, dueAt(course), waits, sealed, name);
    return true;
  }

  #alert(row: Row): AlertRecord {
    const [sealer, name] = [this.#keys.sealer(row), textOf(row, 'alert_id')];
    const call = callOf.open(textOf(row, 'call'), sealer, name);
    return { ...call, ...courseOf.open(textOf(row, 'course'), sealer, name) };
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
