import type { DatabaseSync } from 'node:sqlite';

/**
 * Migration n leads from schema version n to n + 1. One that was ever released is never changed.
 *
 * - Sessions lie under a digest of tenant and id, turns and the log under the row number of their session.
 * - What may be large of a session are its last columns: a list does not read them.
 * - `journal` takes the words of live turns in the order they come, of all sessions after one another: an append
 *   touches one page, where a table ordered by session would touch one page per turn. They are packed into one row of
 *   `log` (event `words`) when another entry follows them or when there are many, so `journal` stays small.
 * - Leases are not stored: only one process can hold the file, and what it leased ends with it.
 */
const migrations = [
  `
  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    epoch TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    identity TEXT NOT NULL,
    state TEXT NOT NULL,
    metadata TEXT NOT NULL
  ) STRICT;
  CREATE INDEX sessions_of_tenant ON sessions (tenant);
  CREATE INDEX sessions_of_owner ON sessions (tenant, owner);

  CREATE TABLE create_keys (
    key TEXT PRIMARY KEY,
    session INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX create_keys_of_session ON create_keys (session);

  CREATE TABLE tombstones (
    key TEXT NOT NULL,
    epoch TEXT NOT NULL,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (key, epoch)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE turns (
    session INTEGER NOT NULL,
    n INTEGER NOT NULL,
    turn_id TEXT NOT NULL,
    input_key TEXT,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    ended_at INTEGER,
    is_compacted INTEGER NOT NULL DEFAULT 0,
    input TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (session, n)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX turns_by_id ON turns (session, turn_id);
  CREATE UNIQUE INDEX turns_by_input ON turns (session, input_key) WHERE input_key IS NOT NULL;
  CREATE UNIQUE INDEX turns_live ON turns (session) WHERE ended_at IS NULL;
  CREATE INDEX turns_to_compact ON turns (ended_at) WHERE ended_at IS NOT NULL AND is_compacted = 0;

  CREATE TABLE log (
    session INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    event TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (session, last_seq)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX log_notices ON log (session, event, last_seq) WHERE event IN ('disclosure', 'safety:resources');

  CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    data TEXT NOT NULL
  ) STRICT;

  CREATE TABLE pulse (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
  `,
  // Schema version 1 had no memory, and all of its sessions stood where they began.
  `
  ALTER TABLE sessions ADD COLUMN memory TEXT;
  ${setFields('sessions', 'state', beginning('$.progress'))};
  ${setFields('turns', 'input', beginning('$.plan.progress'))};
  ${setFields('log', 'data', beginning('$.data.session_progress'))} AND event = 'therapist:done';
  ${setFields('log', 'data', beginning('$.data'))} AND event = 'session:updated';
  `,
];

/** Sets fields in the plain records of a column, and leaves damaged ones as they are. */
function setFields(table: string, column: string, fields: string): string {
  const json = `substr(${column}, 2)`;
  return `UPDATE ${table} SET ${column} = '1' || json_set(${json}, ${fields}) WHERE json_valid(${json})`;
}

/** What migration 1 adds to a progress: the fields by which a session stands at its beginning. */
function beginning(progress: string): string {
  return `
    '${progress}.state_id', '1.1', '${progress}.priority_state', NULL, '${progress}.technique', 'none',
    '${progress}.handoff_recommended', json('false'), '${progress}.alpha', NULL,
    '${progress}.criteria_detail', json('{"emotion_identified":false,"vision_presented":false,
      "psycho_education_provided":false,"education_understood":false,"problem_asked":false,"second_cycle":false,
      "alpha_started":false,"alpha_declined":false}')`;
}

function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** Brings a database to the newest schema, each migration in a transaction. Refuses one that is newer than this program. */
export function migrate(db: DatabaseSync): void {
  const found = schemaVersion(db);
  if (found > migrations.length) {
    throw new Error(
      `The data has schema version ${found}, written by a newer Stillpoint; this one knows up to ${migrations.length}: ` +
        'start the newer version, or set DATA_DIR to another directory.',
    );
  }
  for (const [version, sql] of migrations.entries()) {
    if (version >= found) db.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version + 1}; COMMIT`);
  }
}
