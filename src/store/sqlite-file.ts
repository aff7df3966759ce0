// The file of the embedded store: whether this program may open it, and what is left of it beside it.
import type { DatabaseSync as Database } from 'node:sqlite';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Vault } from './vault.ts';
import { textOf } from './columns.ts';
import { makePrivate } from './data-lock.ts';
import { newerThanThis } from './sqlite-schema.ts';

export const BUSY_TIMEOUT_MS = 5000;
/** Pages in the write-ahead file before they are moved into place: rarer stalls of a slow disk for a larger file. */
const CHECKPOINT_PAGES = 4_000;
/** What stays of the write-ahead file after a burst. */
const WAL_KEPT_BYTES = 16 * 1024 * 1024;

/** The database in the data directory, and what a restore that was cut off leaves beside it. */
export const DATABASE = 'stillpoint.db';
const UNFINISHED = '.restoring';

/** What the person who starts the server has to change; everything is as it was. */
class Refusal extends Error {}

export interface FileOptions {
  directory: string;
  durability?: 'normal' | 'full';
  vault: Vault;
}

/** Opens the file, or memory. @throws Error of one line; data that is too new, or that these keys do not open, is as it was, to the byte */
export function openFile(path: string, { directory, durability, vault }: FileOptions): Database {
  const synchronous = durability === 'full' ? 'FULL' : 'NORMAL';
  let db: Database | undefined;
  try {
    if (path !== ':memory:') {
      lookAt(path, vault);
      makePrivate(path);
      clearUnfinished(path);
    }
    db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA secure_delete = ON`);
    db.exec(
      `PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}; PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`,
    );
    return db;
  } catch (cause) {
    db?.close();
    if (cause instanceof Refusal) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The data in ${directory} cannot be opened: ${reason}`, { cause });
  }
}

/** Where a restore makes the database ready, in a directory that the caller holds; what lay there is gone. */
export function clearUnfinished(path: string): string {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${UNFINISHED}${end}`, { force: true });
  return `${path}${UNFINISHED}`;
}

/** Ids of the master keys that data keys of a database may be wrapped by. */
export function mastersInUse(db: Database): string[] {
  const hasVault = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'vault'").get() !== undefined;
  if (!hasVault) return [];
  return db
    .prepare('SELECT master FROM vault')
    .all()
    .map((row) => textOf(row, 'master'));
}

/** Refuses data that is too new for this program, or that these keys do not open. */
export function refuse(db: Database, vault: Vault): void {
  const newer = newerThanThis(db);
  if (newer !== undefined) throw new Refusal(newer);
  const [missing] = mastersInUse(db).filter((id) => !vault.masters.includes(id));
  if (missing === undefined) return;
  throw new Refusal(
    vault.masters.length === 0
      ? 'The data is encrypted, and there is no key: set ENCRYPTION_KEY_FILE to the file with its keys, or set DATA_DIR to another directory.'
      : `The data is encrypted with the master key ${missing}, which is not in ENCRYPTION_KEY_FILE: put it back there, or set DATA_DIR to another directory.`,
  );
}

/** Reads before anything is written. Where it is refused, nothing is left of that: SQLite makes files beside the one it reads. */
function lookAt(path: string, vault: Vault): void {
  if (!existsSync(path) || statSync(path).size === 0) return;
  const [log, index] = [`${path}-wal`, `${path}-shm`];
  const hasLog = existsSync(log);
  const known = existsSync(index) ? readFileSync(index) : undefined;
  try {
    using db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    refuse(db, vault);
  } catch (error) {
    if (!hasLog) rmSync(log, { force: true });
    if (known) writeFileSync(index, known);
    else rmSync(index, { force: true });
    throw error;
  }
}
