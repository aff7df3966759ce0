// A copy of the data as of one moment, taken while a server uses it.
import { chmodSync, closeSync, existsSync, fstatSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { seal, syncDirectory } from './backup-file.ts';
import { numberOf } from './columns.ts';
import { BUSY_TIMEOUT_MS, DATABASE, mastersInUse } from './sqlite-file.ts';
import { hasTable, markCopy } from './sqlite-restored.ts';
import { newerThanThis, schemaVersion } from './sqlite-schema.ts';

/** What a backup holds. */
export interface Contents {
  sessions: number;
  schema: number;
  /** Ids of the master keys without which nobody can read it. */
  masters: string[];
}

/**
 * Writes the data in a directory to a file, of mode 0600, as of one moment; a server that uses the data goes on. It is written
 * beside the file, checked, and only then put in its place. @throws Error of one line; then nothing is left of it
 */
export function backUp(directory: string, to: string, overwrite: boolean): Contents & { bytes: number } {
  const from = join(directory, DATABASE);
  if (!existsSync(from) || statSync(from).size === 0)
    throw new Error(`There is no data in ${directory}: set DATA_DIR to the directory of the server.`);
  if (!overwrite && existsSync(to))
    throw new Error(`There is a file already: ${to}. It is left as it is; choose another one, or --force.`);
  const part = `${to}.part`;
  const fd = create(part, overwrite);
  try {
    copy(from, part);
    const contents = finish(part);
    seal(fd);
    const { ino, size: bytes } = fstatSync(fd);
    if (statSync(part).ino !== ino) throw new Error('another backup is written to the same file');
    renameSync(part, to);
    syncDirectory(dirname(to));
    return { ...contents, bytes };
  } catch (cause) {
    drop(part, fd);
    throw new Error(`There is no backup: ${reasonOf(cause)}`, { cause });
  } finally {
    closeSync(fd);
  }
}

/** Looks at a whole database that nobody else has open. @throws Error it is damaged, newer than this program, or of another one */
export function examine(db: DatabaseSync): Contents {
  const found = db.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
  if (found !== 'ok') throw new Error(`it is damaged: ${String(found).replaceAll(/\s+/g, ' ')}`);
  const newer = newerThanThis(db);
  if (newer !== undefined) throw new Error(newer);
  const schema = schemaVersion(db);
  const isOurs = ['sessions', 'turns', 'log', 'tombstones'].every((table) => hasTable(db, table));
  if (schema === 0 || !isOurs) throw new Error('it holds something else than the data of a Stillpoint');
  const count = db.prepare('SELECT count(*) AS count FROM sessions').get();
  return { sessions: count ? numberOf(count, 'count') : 0, schema, masters: mastersInUse(db) };
}

/**
 * Reads what is alive and nothing else, in one transaction, which holds no writer up: of what was deleted, nothing is in the
 * copy. Page by page (`backup` of SQLite) would begin anew whenever somebody writes, and take along what pages keep.
 */
function copy(from: string, to: string): void {
  using db = new DatabaseSync(from, { timeout: BUSY_TIMEOUT_MS });
  const newer = newerThanThis(db);
  if (newer !== undefined) throw new Error(newer);
  // what it moves from page to page while it builds the copy would stay where it was, also when it is deleted later
  db.exec('PRAGMA secure_delete = ON');
  db.prepare('VACUUM INTO ?').run(to);
}

function finish(part: string): Contents {
  chmodSync(part, 0o600);
  using db = new DatabaseSync(part);
  db.exec('PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA secure_delete = ON');
  markCopy(db);
  return examine(db);
}

/** While it is there nobody else writes to the same place. */
function create(part: string, overwrite: boolean): number {
  try {
    if (overwrite) remove(part);
    return openSync(part, 'wx+', 0o600);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const reason =
      code === 'EEXIST'
        ? `another backup is being written there, or one was cut off: remove it if none is, or use --force`
        : `it cannot be written (${code}): choose another place`;
    throw new Error(`There is no backup: ${part}: ${reason}.`, { cause });
  }
}

function drop(part: string, fd: number): void {
  if (existsSync(part) && statSync(part).ino === fstatSync(fd).ino) remove(part);
}

function remove(part: string): void {
  for (const end of ['', '-journal']) rmSync(`${part}${end}`, { force: true });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
