// One process per data directory. The lock is one of SQLite's own, so the system frees it however the process dies.
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Makes the directory if there is none and keeps every other process, and every other store of this one, out of it.
 * Throws an Error of one line that names the directory and says what to do.
 */
export function lockDirectory(directory: string): Disposable {
  makeWritable(directory);
  const lock = openLock(directory);
  return { [Symbol.dispose]: () => lock.close() };
}

/**
 * Makes an empty file that nobody else can read, if there is none; SQLite gives the files beside it the same mode. One
 * that is there is not opened: closing it would free the locks that this process has on it.
 */
export function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/** With its parents. Node's own `recursive` tries for ever where the system says that a parent is missing though it is not. */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectory(dirname(directory));
  mkdirSync(directory, { mode: 0o700 });
}

function makeWritable(directory: string): void {
  try {
    makeDirectory(directory);
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw unwritable(directory, cause);
  }
}

function openLock(directory: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    const path = join(directory, 'stillpoint.lock');
    makePrivate(path);
    lock = new DatabaseSync(path, { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock?.close();
    const isBusy = cause instanceof Error && 'errcode' in cause && cause.errcode === 5;
    if (!isBusy) throw unwritable(directory, cause);
    throw new Error(
      `The data directory ${directory} is in use by another process: stop that one, or set DATA_DIR to another directory.`,
      { cause },
    );
  }
}

function unwritable(directory: string, cause: unknown): Error {
  const reason = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new Error(
    `The data directory ${directory} cannot be written${reason}: make it writable, or set DATA_DIR to another directory.`,
    { cause },
  );
}
