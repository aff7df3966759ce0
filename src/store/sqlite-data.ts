import type { DatabaseSync } from 'node:sqlite';
import type { Place } from './sqlite-keys.ts';
import type { LogRecord } from './store.ts';
import type { Vault } from './vault.ts';
import { fold } from './fold.ts';
import { FORMER_LEASE, LiveTurns, NO_LEASE } from './live-turns.ts';
import { SqliteAccess } from './sqlite-access.ts';
import { SqliteAlerts } from './sqlite-alerts.ts';
import { SqliteAudit } from './sqlite-audit.ts';
import { SqliteKeys } from './sqlite-keys.ts';
import { SqliteLog } from './sqlite-log.ts';
import { SqliteOutbox } from './sqlite-outbox.ts';
import { SqliteReleased } from './sqlite-released.ts';
import { SqliteSessions } from './sqlite-sessions.ts';
import { SqliteTurns } from './sqlite-turns.ts';

/** The tables, and what memory knows of the live turns. */
export interface SqliteData {
  readonly lives: LiveTurns;
  readonly log: SqliteLog;
  readonly sessions: SqliteSessions;
  readonly turns: SqliteTurns;
  readonly alerts: SqliteAlerts;
  readonly audit: SqliteAudit;
  readonly outbox: SqliteOutbox;
  readonly access: SqliteAccess;
  readonly keys: SqliteKeys;
  readonly released: SqliteReleased;
}

/** Prepares the tables and puts together again the turns that were live when the file was left. */
export function loadData(db: DatabaseSync, vault: Vault, elapsed: () => number): SqliteData {
  const keys = new SqliteKeys(db, vault);
  const lives = new LiveTurns();
  const log = new SqliteLog(db, lives);
  const turns = new SqliteTurns(db);
  const released = new SqliteReleased(db);
  const leaseUntil = released.take() ? NO_LEASE : FORMER_LEASE;
  const found = turns.live(keys);
  const journaled = log.journaled(found);
  for (const { head, turn, ...where } of found) {
    const packed = packedBehind(log, where, turn.firstSeq - 1);
    const packedTo = packed.at(-1)?.seq ?? head;
    const rows =
      journaled.get(where.session)?.filter(({ words }) => words.every(({ seq }) => seq > packedTo)) ?? [];
    const tail = rows.flatMap(({ words }) => words);
    const all = [...packed, ...tail];
    const text = all.reduce(fold, '');
    const lastSeq = all.findLast((entry) => isOfTurn(entry, turn.turnId))?.seq ?? turn.lastSeq;
    lives.restore({
      ...where,
      turn: { ...turn, length: text.length, lastSeq },
      text,
      head: all.at(-1)?.seq ?? head,
      tail,
      journalFrom: rows.length > 0 ? Math.min(...rows.map(({ id }) => id)) : null,
      lastCall: [],
      leaseUntil,
    });
  }
  const sessions = new SqliteSessions(db, lives, keys);
  const access = new SqliteAccess(db, sessions, elapsed);
  const [alerts, audit] = [new SqliteAlerts(db, keys), new SqliteAudit(db)];
  const outbox = new SqliteOutbox(db, keys);
  return { lives, log, turns, sessions, alerts, audit, outbox, access, keys, released };
}

function packedBehind(log: SqliteLog, place: Place, after: number): LogRecord[] {
  const entries: LogRecord[] = [];
  for (;;) {
    const page = log.read(place, undefined, entries.at(-1)?.seq ?? after, Number.MAX_SAFE_INTEGER);
    if (page.length === 0) return entries;
    entries.push(...page);
  }
}

function isOfTurn(entry: LogRecord, turnId: string): boolean {
  return 'turn_id' in entry.data && entry.data.turn_id === turnId;
}
