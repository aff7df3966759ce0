import type { DatabaseSync } from 'node:sqlite';
import { digest } from './envelope.ts';

/** What lies where no key is: as long as a wrapped key, so that one takes the very place of the other. */
export const NO_KEY = '0'.repeat(100);
/** The safety of what was said before schema version 3, and the care of a turn of that time. */
const NO_RISK = '{"level":"none","mode":"normal","guarded":false,"reason_codes":[]}';
const UNCARED = `{"safety":${NO_RISK},"isFixed":false,"awaitsHuman":false,"ref":""}`;

/**
 * Migration n leads from schema version n to n + 1. One that was ever released is never changed.
 *
 * - Sessions lie under a digest of tenant and id, turns and the log under the row number of their session.
 * - What may be large of a session are its last columns: a list does not read them.
 * - `journal` takes the words of live turns in the order they come, of all sessions after one another: an append
 *   touches one page, where a table ordered by session would touch one page per turn. They are packed into one row of
 *   `log` (event `words`) when another entry follows them or when there are many, so `journal` stays small.
 * - Leases are not stored: only one process can hold the file, and what it leased ends with it.
 * - `data_keys` holds the wrapped key of each session in a row that never moves and is never deleted: the key is
 *   overwritten where it lies, and the row is used again. SQLite may leave copies of rows that did move in unused
 *   parts of its pages, also with `secure_delete`. `vault` names the master keys in use, `chores` what a start goes on with.
 * - Nothing but digests, numbers and the names of events and states lies outside sealed columns (`sqlite-records.ts`). Those
 *   cannot be changed by SQL where they are encrypted.
 * - `audit` holds plain text, so that it can be checked without this program; the schema itself refuses to change it.
 *   `audit_counts` counts its records, so that nobody has to read them all.
 * - `messages` of a removed session have no session; each of them has a data key of its own.
 * - `session_counts` has how many sessions there are under the digest of a tenant, and under those of a tenant and an owner.
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
  // Schema version 2 had nothing of what is kept for people: no care, no alerts, no audit.
  `
  ALTER TABLE sessions ADD COLUMN care TEXT;

  CREATE TABLE clients (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    session INTEGER NOT NULL,
    care TEXT NOT NULL,
    UNIQUE (key, session)
  ) STRICT;
  CREATE INDEX clients_of_session ON clients (session);

  CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL UNIQUE,
    session INTEGER NOT NULL,
    status TEXT NOT NULL,
    due_at REAL,
    waits_since REAL,
    call TEXT NOT NULL,
    course TEXT NOT NULL
  ) STRICT;
  CREATE INDEX alerts_of_session ON alerts (session);
  CREATE INDEX alerts_of_status ON alerts (status);
  CREATE INDEX alerts_waiting ON alerts (waits_since) WHERE waits_since IS NOT NULL;
  CREATE INDEX alerts_due ON alerts (due_at) WHERE due_at IS NOT NULL;

  CREATE TABLE audit (
    n INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE TRIGGER audit_is_dense BEFORE INSERT ON audit
  WHEN new.n <> (SELECT coalesce(max(n), 0) + 1 FROM audit)
  BEGIN SELECT raise(ABORT, 'The audit takes its next record only'); END;
  CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
  BEGIN SELECT raise(ABORT, 'A record of the audit never changes'); END;
  CREATE TRIGGER audit_loses_nothing BEFORE DELETE ON audit
  BEGIN SELECT raise(ABORT, 'A record of the audit is never deleted'); END;
  CREATE TABLE audit_counts (
    what TEXT PRIMARY KEY,
    count INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  ${setFields('sessions', 'state', `${unguarded('$.safety')}, '$.human', NULL`)};
  ${setFields('turns', 'input', `'$.plan.care', json_set('${UNCARED}', '$.isFixed', ${isFixed('input')})`)};
  ${setFields('log', 'data', `'$.data.safety', json('${NO_RISK}')`)} AND event = 'therapist:done';
  ${setFields('log', 'data', `${unguarded('$.data.safety')}, '$.data.human', NULL`)} AND event = 'session:updated';
  `,
  // Schema version 3 had no keys, and names in plain text: of tenants, turns and alerts.
  `
  CREATE TABLE data_keys (slot INTEGER PRIMARY KEY, wrapped TEXT NOT NULL) STRICT;
  CREATE INDEX data_keys_free ON data_keys (slot) WHERE wrapped = '${NO_KEY}';
  CREATE TABLE vault (master TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE chores (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

  CREATE TABLE new_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    epoch TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    last_interaction_at INTEGER NOT NULL,
    data_key INTEGER,
    identity TEXT NOT NULL,
    state TEXT NOT NULL,
    metadata TEXT NOT NULL,
    memory TEXT,
    care TEXT
  ) STRICT;
  INSERT INTO sqlite_sequence (name, seq) SELECT 'new_sessions', seq FROM sqlite_sequence WHERE name = 'sessions';
  INSERT INTO new_sessions
    SELECT id, key, digest(tenant), owner, epoch, last_seq, ${lastInteraction('state')}, NULL, identity, state, metadata, memory, care
    FROM sessions;
  DROP TABLE sessions;
  ALTER TABLE new_sessions RENAME TO sessions;
  CREATE INDEX sessions_of_tenant ON sessions (tenant);
  CREATE INDEX sessions_of_owner ON sessions (tenant, owner);
  CREATE INDEX sessions_idle ON sessions (last_interaction_at, id);

  CREATE TABLE capabilities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL,
    capability_id TEXT NOT NULL,
    what TEXT NOT NULL,
    UNIQUE (session, capability_id)
  ) STRICT;

  ALTER TABLE journal ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
  UPDATE turns SET turn_id = digest(turn_id);
  UPDATE alerts SET alert_id = digest(alert_id);
  `,
  // Schema version 4 told nobody outside of anything.
  `
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    receiver TEXT NOT NULL,
    lane TEXT NOT NULL,
    session INTEGER,
    data_key INTEGER,
    at REAL NOT NULL,
    due_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX messages_of_session ON messages (session);
  CREATE INDEX messages_of_lane ON messages (lane, id);
  CREATE INDEX messages_of_receiver ON messages (receiver, id);
  CREATE INDEX messages_due ON messages (receiver, due_at, id) WHERE due_at IS NOT NULL;
  `,
  // Schema version 5 counted the sessions of a tenant anew for each list, and sorted what all of them remember of a client.
  `
  CREATE TABLE session_counts (
    key TEXT PRIMARY KEY,
    count INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO session_counts
    SELECT tenant, count(*) FROM sessions GROUP BY tenant
    UNION ALL SELECT tenant || owner, count(*) FROM sessions GROUP BY tenant, owner;
  CREATE TRIGGER sessions_are_counted AFTER INSERT ON sessions
  BEGIN
    INSERT INTO session_counts (key, count) VALUES (new.tenant, 1), (new.tenant || new.owner, 1)
      ON CONFLICT DO UPDATE SET count = count + 1;
  END;
  CREATE TRIGGER sessions_are_uncounted AFTER DELETE ON sessions
  BEGIN
    UPDATE session_counts SET count = count - 1 WHERE key IN (old.tenant, old.tenant || old.owner);
    DELETE FROM session_counts WHERE key IN (old.tenant, old.tenant || old.owner) AND count = 0;
  END;
  CREATE INDEX clients_of_key ON clients (key);
  `,
];

/** When somebody last said something, of a session of schema version 3; where its record is damaged, now. */
function lastInteraction(column: string): string {
  const json = `substr(${column}, 2)`;
  const at = `iif(json_valid(${json}), json_extract(${json}, '$.lastInteractionAt'), NULL)`;
  return `cast(coalesce(${at}, unixepoch() * 1000) AS INTEGER)`;
}

/** What migration 2 adds to a session's safety. */
function unguarded(safety: string): string {
  return `'${safety}.guarded', json('false'), '${safety}.reason_codes', json('[]')`;
}

/** Whether a turn of schema version 2 says a fixed reply, as JSON. */
function isFixed(column: string): string {
  const safety = `json_extract(substr(${column}, 2), '$.plan.safety')`;
  return `json(iif(${safety} IS NULL, 'false', 'true'))`;
}

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

/** 0 of a database that holds nothing of this program. */
export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** What to say of a database that is newer than this program, in one line; undefined of one that is not. */
export function newerThanThis(db: DatabaseSync): string | undefined {
  const found = schemaVersion(db);
  if (found <= migrations.length) return undefined;
  return (
    `The data has schema version ${found}, written by a newer Stillpoint; this one knows up to ${migrations.length}: ` +
    'start the newer version, or set DATA_DIR to another directory.'
  );
}

/** Brings a database to the newest schema, each migration in a transaction. Refuses one that is newer than this program. */
export function migrate(db: DatabaseSync): void {
  const refusal = newerThanThis(db);
  if (refusal !== undefined) throw new Error(refusal);
  const found = schemaVersion(db);
  db.function('digest', { deterministic: true }, (text) => digest(String(text)));
  for (const [version, sql] of migrations.entries()) {
    if (version >= found) db.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version + 1}; COMMIT`);
  }
}
