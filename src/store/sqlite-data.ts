import type { DatabaseSync } from 'node:sqlite';
import type { LogRecord } from './store.ts';
import { fold } from './fold.ts';
import { LiveTurns, NO_LEASE } from './live-turns.ts';
import { SqliteAlerts } from './sqlite-alerts.ts';
import { SqliteAudit } from './sqlite-audit.ts';
import { SqliteLog } from './sqlite-log.ts';
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
}

/** Prepares the tables and puts together again the turns that were live when the file was left. */
export function loadData(db: DatabaseSync): SqliteData {
  const lives = new LiveTurns();
  const log = new SqliteLog(db, lives);
  const turns = new SqliteTurns(db);
  const journaled = log.journaled();
  for (const { head, turn, ...where } of turns.live()) {
    const packed = packedBehind(log, where.session, turn.firstSeq - 1);
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
      journalFrom: rows[0]?.id ?? null,
      lastCall: [],
      leaseUntil: NO_LEASE,
    });
  }
  const sessions = new SqliteSessions(db, lives);
  return { lives, log, turns, sessions, alerts: new SqliteAlerts(db), audit: new SqliteAudit(db) };
}

function packedBehind(log: SqliteLog, session: number, after: number): LogRecord[] {
  const entries: LogRecord[] = [];
  for (;;) {
    const page = log.read(session, undefined, entries.at(-1)?.seq ?? after, Number.MAX_SAFE_INTEGER);
    if (page.length === 0) return entries;
    entries.push(...page);
  }
}

function isOfTurn(entry: LogRecord, turnId: string): boolean {
  return 'turn_id' in entry.data && entry.data.turn_id === turnId;
}
