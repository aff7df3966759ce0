// Puts a backup in the place of the data. Until the very last step the data is as it was; a crash leaves the one or the other.
import {
  chmodSync,
  copyFileSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  closeSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Contents } from './sqlite-backup.ts';
import type { Replaced, TakenUp } from './sqlite-restored.ts';
import type { Vault } from './vault.ts';
import { copyDatabase, syncDirectory } from './backup-file.ts';
import { lockDirectory } from './data-lock.ts';
import { examine } from './sqlite-backup.ts';
import { encrypt } from './sqlite-encrypt.ts';
import { BUSY_TIMEOUT_MS, clearUnfinished, DATABASE } from './sqlite-file.ts';
import { readReplaced, takeUp } from './sqlite-restored.ts';
import { migrate } from './sqlite-schema.ts';

const BUSY = 5;
/** SQLite's codes for what is not the fault of the file: not allowed, read only, the disk, full, cannot be opened. */
const OUTSIDE = new Set([3, 8, 10, 13, 14]);

export interface RestoreRequest {
  file: string;
  directory: string;
  vault: Vault;
  /** Keep nothing of the data that is replaced. */
  discard: boolean;
  /** ms since 1970 */
  now: number;
}

export interface Restored extends TakenUp {
  /** The schema version of the backup. */
  schema: number;
  /** Whether the file had a checksum. */
  isSealed: boolean;
  /** The name of what was there before; undefined when it was not kept, or there was none. */
  kept: string | undefined;
  /** Why what was there before could not be read, so that nobody knows what was deleted since; undefined when it could, or there was none. */
  unread: string | undefined;
}

/** @throws Error of one line that says what to do; then the data is as it was */
export function restore(request: RestoreRequest): Restored {
  const { file, directory, vault, discard, now } = request;
  using _lock = lockDirectory(directory);
  const path = join(directory, DATABASE);
  if (isSame(file, path)) throw refused(file, new Error('it is the data itself'));
  const part = clearUnfinished(path);
  try {
    const { isSealed, schema } = check(file, part, vault);
    const { replaced, reason: unread } = look(path);
    const taken = makeReady(part, vault, now, replaced);
    const kept = putInPlace(part, path, discard ? undefined : asideOf(path, now));
    return { ...taken, schema, isSealed, kept, unread };
  } catch (cause) {
    clearUnfinished(path);
    throw refused(file, cause);
  }
}

/** Copies the file, and looks at all of the copy. */
function check(file: string, part: string, vault: Vault): Contents & { isSealed: boolean } {
  const isSealed = copyDatabase(file, part);
  // the data of a server that was killed: what is beside it belongs to it
  const log = `${file}-wal`;
  if (!isSealed && existsSync(log)) copyFileSync(log, `${part}-wal`, constants.COPYFILE_EXCL);
  using db = new DatabaseSync(part);
  db.exec('PRAGMA journal_mode = DELETE');
  const contents = examine(db);
  const [missing] = contents.masters.filter((id) => !vault.masters.includes(id));
  if (missing === undefined) return { ...contents, isSealed };
  throw new Error(
    vault.masters.length === 0
      ? `it is encrypted with the master key ${missing}: set ENCRYPTION_KEY_FILE to the file that has it`
      : `it is encrypted with the master key ${missing}, which is not in ENCRYPTION_KEY_FILE: put it back there`,
  );
}

/** What the data that is to be replaced tells. Afterwards all of it is in one file, unless it is damaged. */
function look(path: string): { replaced?: Replaced; reason?: string } {
  if (!existsSync(path)) return {};
  try {
    using db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    // nobody may have it open: whoever closes it last would delete the log of the database that comes
    db.exec('PRAGMA secure_delete = ON; PRAGMA journal_mode = DELETE');
    // one that was made and never used
    const isEmpty = db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
    return isEmpty ? {} : { replaced: readReplaced(db) };
  } catch (cause) {
    const code = cause instanceof Error && 'errcode' in cause ? Number(cause.errcode) & 0xff : 0;
    if (code === BUSY)
      throw new Error('another process, a backup perhaps, reads the data: wait for its end', { cause });
    if (OUTSIDE.has(code)) throw cause;
    return { reason: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** What a server does at its start, on a copy that nobody else knows: if it is cut off, it is made anew. */
function makeReady(part: string, vault: Vault, now: number, replaced: Replaced | undefined): TakenUp {
  using db = new DatabaseSync(part);
  db.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA secure_delete = ON');
  migrate(db);
  encrypt(db, vault, { info: () => {}, warn: () => {} });
  const taken = takeUp(db, vault, now, replaced);
  // pages keep what lay in them before; in memory they might not have room
  if (taken.erased > 0) db.exec('PRAGMA temp_store = FILE; VACUUM');
  return taken;
}

function putInPlace(part: string, path: string, aside: string | undefined): string | undefined {
  const directory = join(path, '..');
  sync(part);
  const isThere = existsSync(path);
  const log = `${path}-wal`;
  if (isThere && aside !== undefined) {
    keep(path, aside);
    if (existsSync(log)) keep(log, `${aside}-wal`);
    syncDirectory(directory);
  }
  // SQLite would take it for the log of the database that comes
  rmSync(log, { force: true });
  rmSync(`${path}-shm`, { force: true });
  syncDirectory(directory);
  renameSync(part, path);
  syncDirectory(directory);
  return isThere && aside !== undefined ? basename(aside) : undefined;
}

/** Another name for a file that stays where it is, so that at no moment it is missing; a copy, where a file has one name only. */
function keep(path: string, aside: string): void {
  try {
    linkSync(path, aside);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') throw cause;
    copyFileSync(path, aside, constants.COPYFILE_EXCL);
    sync(aside);
  }
}

function sync(path: string): void {
  chmodSync(path, 0o600);
  const fd = openSync(path, 'r+');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function asideOf(path: string, now: number): string {
  return `${path}.before-restore-${new Date(now).toISOString().replaceAll(/[-:.]/g, '')}`;
}

function isSame(one: string, other: string): boolean {
  if (!existsSync(one) || !existsSync(other)) return false;
  const [a, b] = [statSync(one), statSync(other)];
  return a.dev === b.dev && a.ino === b.ino;
}

function refused(file: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`${file} is not restored, the data is as it was: ${reason}`, { cause });
}
