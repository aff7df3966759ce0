import { AppError } from '../errors.ts';

/** Primary result codes that say something about a statement, so about our code, and nothing about the disk. */
const BUGS: ReadonlySet<number> = new Set([
  1, // SQLITE_ERROR
  18, // SQLITE_TOOBIG
  19, // SQLITE_CONSTRAINT
  20, // SQLITE_MISMATCH
  21, // SQLITE_MISUSE
  25, // SQLITE_RANGE
]);
const RETRY_AFTER_MS = 1000;

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  // The connection is closed, or its statements went with it.
  if (error.code === 'ERR_INVALID_STATE') return true;
  if (error.code !== 'ERR_SQLITE_ERROR' || !('errcode' in error)) return false;
  return typeof error.errcode === 'number' && !BUGS.has(error.errcode & 0xff);
}

/** STORE_UNAVAILABLE for what SQLite refuses (full, read-only, I/O, corrupt, busy, closed); the error itself otherwise. */
export function asUnavailable(error: unknown): unknown {
  return isUnavailable(error) ? unavailable(error) : error;
}

export function unavailable(cause: unknown): AppError {
  return new AppError('STORE_UNAVAILABLE', { cause, retryAfterMs: RETRY_AFTER_MS });
}
