// Puts the master keys to use: what is plain is encrypted, and what other keys wrap is wrapped anew.
import type { DatabaseSync } from 'node:sqlite';
import type { Row } from './columns.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Sealer, Vault } from './vault.ts';
import { numberOf, textOf } from './columns.ts';
import { mastersInUse, refuse } from './sqlite-file.ts';
import { SqliteKeys } from './sqlite-keys.ts';
import type { SealedTable } from './sqlite-records.ts';
import { messageOf, sealedTables } from './sqlite-records.ts';

/** Keys wrapped anew in one step. */
const BATCH = 100;
const ENCRYPT = 'encrypt';

export interface VaultLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/**
 * Notes that the first key of the vault is in use, and encrypts what is plain, one session after the other; then no plain text is
 * left in the file. It goes on where it was cut off. @throws Error of one line when a key that is needed is not there
 */
export function encrypt(db: DatabaseSync, vault: Vault, log: VaultLog): void {
  refuse(db, vault);
  const [current] = vault.masters;
  if (current === undefined) return;
  begin(db, current);
  if (!db.prepare('SELECT 1 FROM chores WHERE name = ?').get(ENCRYPT)) return;
  try {
    const sessions = encryptSessions(db, vault);
    encryptMessages(db, vault);
    // pages keep what lay in them before, and this writes them all anew; in memory they might not have room
    db.exec('PRAGMA temp_store = FILE; VACUUM; PRAGMA temp_store = MEMORY; PRAGMA wal_checkpoint(TRUNCATE)');
    db.prepare('DELETE FROM chores WHERE name = ?').run(ENCRYPT);
    log.info({ sessions }, 'the data is encrypted from now on');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The data is not encrypted to its end: ${reason}. The next start goes on with it.`, {
      cause,
    });
  }
}

/** Notes that a master key is in use before it wraps anything. */
function begin(db: DatabaseSync, current: string): void {
  const isUsed = db.prepare('SELECT 1 FROM sqlite_sequence WHERE seq > 0').get() !== undefined;
  db.exec('BEGIN IMMEDIATE');
  if (isUsed && mastersInUse(db).length === 0)
    db.prepare('INSERT OR IGNORE INTO chores (name) VALUES (?)').run(ENCRYPT);
  db.prepare('INSERT OR IGNORE INTO vault (master) VALUES (?)').run(current);
  db.exec('COMMIT');
}

function encryptSessions(db: DatabaseSync, vault: Vault): number {
  const keys = new SqliteKeys(db, vault);
  const plain = db.prepare(
    'SELECT id, key FROM sessions WHERE data_key IS NULL AND id > ? ORDER BY id LIMIT 1',
  );
  const keep = db.prepare('UPDATE sessions SET data_key = ? WHERE id = ?');
  const tables = sealedTables.map((table) => sealerOf(db, table));
  let count = 0;
  for (let after = 0; ; count += 1) {
    const row = plain.get(after);
    if (!row) return count;
    after = numberOf(row, 'id');
    db.exec('BEGIN IMMEDIATE');
    const { slot, sealer } = keys.make(textOf(row, 'key'));
    keep.run(slot, after);
    for (const seal of tables) seal(after, sealer);
    db.exec('COMMIT');
  }
}

/** Messages of removed sessions get keys of their own. */
function encryptMessages(db: DatabaseSync, vault: Vault): void {
  const keys = new SqliteKeys(db, vault);
  const plain = db.prepare('SELECT * FROM messages WHERE session IS NULL AND data_key IS NULL');
  const keep = db.prepare('UPDATE messages SET data_key = ?, body = ? WHERE id = ?');
  db.exec('BEGIN IMMEDIATE');
  for (const row of plain.all()) {
    const name = textOf(row, 'name');
    const { slot, sealer } = keys.make(name);
    keep.run(slot, messageOf.move(textOf(row, 'body'), sealer, name), numberOf(row, 'id'));
  }
  db.exec('COMMIT');
}

/** Seals the rows of one session in a table. */
function sealerOf(db: DatabaseSync, table: SealedTable): (session: number, sealer: Sealer) => void {
  const { name, session, key, where, columns } = table;
  const all = db.prepare(`SELECT * FROM ${name} WHERE ${session} = ? ORDER BY ${key}`);
  const sets = Object.keys(columns).map((column) => `${column} = ?`);
  const update = db.prepare(`UPDATE ${name} SET ${sets.join(', ')} WHERE ${session} = ? AND ${key} = ?`);
  const sealed = (row: Row, sealer: Sealer) =>
    Object.entries(columns).map(([column, envelope]) =>
      row[column] === null ? null : envelope(row).move(textOf(row, column), sealer, where(row)),
    );
  return (id, sealer) => {
    for (const row of all.all(id)) update.run(...sealed(row, sealer), id, numberOf(row, key));
  };
}

/**
 * Wraps the data keys that other master keys wrap by the first one, some at a time between other steps, and notes that the others are
 * not in use any more. What is left at the end of the process is done by the next one. @throws as the steps do
 */
export async function rewrap(
  db: DatabaseSync,
  vault: Vault,
  keys: SqliteKeys,
  commit: GroupCommit,
  log: VaultLog,
): Promise<void> {
  const [current] = vault.masters;
  const old = mastersInUse(db).filter((id) => id !== current);
  if (current === undefined || old.length === 0) return;
  let damaged = 0;
  for (const table of ['sessions', 'messages'] as const) {
    for (let after: number | undefined = 0; after !== undefined;) {
      const from: number = after;
      const done = await commit.run(() => keys.rewrap(table, from, BATCH));
      damaged += done.damaged;
      after = done.next;
    }
  }
  if (damaged > 0) log.warn({ damaged }, 'data keys are damaged: their sessions cannot be read');
  await commit.run(() => void db.prepare('DELETE FROM vault WHERE master <> ?').run(current));
  log.info(
    { current, old },
    'every data key is wrapped by the first master key: the others may be removed from ENCRYPTION_KEY_FILE once no backup needs them',
  );
}
