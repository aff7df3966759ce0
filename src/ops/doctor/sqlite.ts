// What lies in a database, read in a process of its own: a check of a large one blocks, and only a process can be ended then.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { mastersInUse } from '../../store/sqlite-file.ts';
import { migrate, newerThanThis } from '../../store/sqlite-schema.ts';

const BUSY_MS = 2_000;
const LOCKED = 5;

/** `isHeld`: whether a server runs on it. `schema` comes next, at once; `integrity` when the whole file was read. `closed`: why this user may not use it. */
export const Told = z.union([
  z.object({ isHeld: z.boolean() }),
  z.object({
    schema: z.object({ version: z.number(), newest: z.number(), newer: z.string().nullable() }),
    masters: z.array(z.string()),
  }),
  z.object({ integrity: z.array(z.string()) }),
  z.object({ left: z.literal('journal') }),
  z.object({ closed: z.string() }),
  z.object({ problem: z.string() }),
]);
export type Told = z.output<typeof Told>;

/** Tells what it finds. Leaves every file as it is, and makes none. */
export function lookInto(path: string, tell: (told: Told) => void): void {
  try {
    tell({ isHeld: isHeld(dirname(path)) });
    const place = placeToRead(path);
    if (place === null) return tell({ left: 'journal' });
    using db = new DatabaseSync(place, { readOnly: true, timeout: BUSY_MS });
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    const newer = newerThanThis(db) ?? null;
    tell({ schema: { version, newest: newestVersion(), newer }, masters: mastersInUse(db) });
    const lines = db.prepare('PRAGMA quick_check(3)').all();
    tell({ integrity: lines.map((row) => String(row['quick_check'])).filter((line) => line !== 'ok') });
  } catch (error) {
    tell({ problem: error instanceof Error ? error.message : String(error) });
  }
}

/** Whether a process holds the directory. Holds nothing itself, and changes no file. */
function isHeld(directory: string): boolean {
  const path = join(directory, 'stillpoint.lock');
  if (!existsSync(path)) return false;
  try {
    using lock = new DatabaseSync(path, { readOnly: true, timeout: 0 });
    lock.prepare('SELECT 1 FROM sqlite_schema').get();
    return false;
  } catch (error) {
    return error instanceof Error && 'errcode' in error && error.errcode === LOCKED;
  }
}

/**
 * SQLite makes files beside the one it reads, unless it is told that nobody writes. Where a journal lies there, somebody
 * does, or was killed: then its index is there as well. A journal without one is of a copy, and would get one.
 */
function placeToRead(path: string): string | URL | null {
  if (existsSync(`${path}-shm`)) return path;
  if (existsSync(`${path}-wal`)) return null;
  const url = pathToFileURL(path);
  url.searchParams.set('immutable', '1');
  return url;
}

/** The one that this program writes. */
function newestVersion(): number {
  using db = new DatabaseSync(':memory:');
  migrate(db);
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
}

if (import.meta.main) lookInto(process.argv[2] ?? '', (told) => void process.send?.(told));
