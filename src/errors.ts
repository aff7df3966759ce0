import { errorTable } from './contract/errors.ts';
import type { ErrorCode } from './contract/errors.ts';
import type { Failure, FaultDetail, SafetyNotice } from './contract/types.ts';

interface AppErrorOptions {
  /** For people; the table's title when absent. Never holds anything internal. */
  message?: string;
  /** Every fault of a payload, in the shape clients of the older service parse. */
  detail?: FaultDetail[];
  /** When to try again, in ms; sent as `retry_after_ms` and as the `Retry-After` header. */
  retryAfterMs?: number;
  /** Help for a person at risk, on the one path where nothing can be stored. [P-1] */
  safety?: SafetyNotice;
  /** Methods the route takes, for the `Allow` header of METHOD_NOT_ALLOWED. */
  allow?: readonly string[];
  cause?: unknown;
}

/** A refusal the contract knows by code. Whatever else is thrown is a bug and is answered as INTERNAL. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly detail: FaultDetail[] | undefined;
  readonly retryAfterMs: number | undefined;
  readonly safety: SafetyNotice | undefined;
  readonly allow: readonly string[] | undefined;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    super(options.message ?? errorTable[code].title, { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.detail = options.detail;
    this.retryAfterMs = options.retryAfterMs;
    this.safety = options.safety;
    this.allow = options.allow;
  }

  get status(): number {
    return errorTable[this.code].status;
  }
}

/** The failure a client sees. Anything but an AppError becomes INTERNAL, with nothing of it leaked. */
export function toFailure(error: unknown): Failure {
  const known = error instanceof AppError ? error : new AppError('INTERNAL', { cause: error });
  return {
    code: known.code,
    status: known.status,
    message: known.message,
    retryable: errorTable[known.code].retryable,
    ...(known.detail && { detail: known.detail }),
    ...(known.retryAfterMs !== undefined && { retry_after_ms: known.retryAfterMs }),
    ...(known.safety && { safety: known.safety }),
  };
}
