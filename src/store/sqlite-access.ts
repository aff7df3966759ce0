// Who may use a session besides its owner, and what is kept for whoever takes it first.
import type { DatabaseSync } from 'node:sqlite';
import { LRUCache } from 'lru-cache';
import type { CapabilityRecord, NewCapability } from './access.ts';
import type { Row } from './columns.ts';
import type { ListedPlace, SqliteSessions } from './sqlite-sessions.ts';
import type { SessionLife } from './store.ts';
import { textOf } from './columns.ts';
import { sessionKey } from './envelope.ts';
import { grantedOf } from './sqlite-records.ts';

/** Texts kept at once; of more, the oldest go. */
const TEXTS_KEPT = 100_000;

export class SqliteAccess {
  readonly #sessions: SqliteSessions;
  readonly #statements;
  readonly #texts: LRUCache<string, string>;

  /** `elapsed`: ms since some moment, never backwards. */
  constructor(db: DatabaseSync, sessions: SqliteSessions, elapsed: () => number) {
    this.#sessions = sessions;
    this.#texts = new LRUCache({ max: TEXTS_KEPT, ttlResolution: 0, perf: { now: elapsed } });
    this.#statements = {
      insert: db.prepare(
        'INSERT INTO capabilities (session, capability_id, what) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      ),
      all: db.prepare('SELECT * FROM capabilities WHERE session = ? ORDER BY id'),
      get: db.prepare('SELECT * FROM capabilities WHERE session = ? AND capability_id = ?'),
      delete: db.prepare('DELETE FROM capabilities WHERE session = ? AND capability_id = ?'),
    };
  }

  grant(
    life: SessionLife,
    { capabilityId, rights, label, expiresAt }: NewCapability,
    createdAt: number,
  ): 'granted' | 'gone' {
    const found = this.#sessions.listed(sessionKey(life), life.epoch);
    if (!found) return 'gone';
    const what = grantedOf.seal({ rights, label, expiresAt, createdAt }, found.sealer, capabilityId);
    this.#statements.insert.run(found.session, capabilityId, what);
    return 'granted';
  }

  all(life: SessionLife): CapabilityRecord[] | undefined {
    const found = this.#sessions.listed(sessionKey(life), life.epoch);
    return found && this.#statements.all.all(found.session).map((row) => capabilityOf(row, found));
  }

  get(session: string, capabilityId: string): CapabilityRecord | undefined {
    const found = this.#sessions.listed(session);
    const row = found && this.#statements.get.get(found.session, capabilityId);
    return row && capabilityOf(row, found);
  }

  revoke(life: SessionLife, capabilityId: string): boolean {
    const found = this.#sessions.where(life);
    if (!found) return false;
    return this.#statements.delete.run(found.session, capabilityId).changes > 0;
  }

  keepOnce(name: string, text: string, ms: number): void {
    this.#texts.set(name, text, { ttl: Math.ceil(ms) });
  }

  takeOnce(name: string): string | undefined {
    const text = this.#texts.get(name);
    this.#texts.delete(name);
    return text;
  }
}

function capabilityOf(row: Row, { sealer, about }: ListedPlace): CapabilityRecord {
  const capabilityId = textOf(row, 'capability_id');
  const { tenant, sessionId, epoch, owner } = about;
  const granted = grantedOf.open(textOf(row, 'what'), sealer, capabilityId);
  return { ...granted, capabilityId, session: { tenant, sessionId, epoch }, owner };
}
