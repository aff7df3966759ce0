import type { ErrorCode, FaultDetail, SafetyNotice } from './wire.ts';

export interface Refusal {
  code: ErrorCode;
  message?: string;
  status: number;
  retryable?: boolean;
  detail?: FaultDetail[] | undefined;
  retry_after_ms?: number | undefined;
  safety?: SafetyNotice | undefined;
}

/** What REST does not say; the table of codes says the same. */
const mayPass = ({ code, status }: Refusal): boolean =>
  status >= 500 || status === 429 || code === 'TURN_IN_PROGRESS';

/** The server refused, with a code of the contract (docs/reference/errors.md). */
export class ChatError extends Error {
  override readonly name = 'ChatError';
  declare readonly code: ErrorCode;
  declare readonly status: number;
  /** Whether the same request may succeed later. */
  declare readonly retryable: boolean;
  /** Of VALIDATION_FAILED: every fault. */
  declare readonly detail: readonly FaultDetail[];
  declare readonly retryAfterMs: number | undefined;
  /** Words and numbers to show at once: the refused input shows risk. */
  declare readonly safety: SafetyNotice | undefined;

  constructor(refusal: Refusal) {
    super(refusal.message || refusal.code);
    this.code = refusal.code;
    this.status = refusal.status;
    this.retryable = refusal.retryable ?? mayPass(refusal);
    this.detail = refusal.detail ?? [];
    this.retryAfterMs = refusal.retry_after_ms;
    this.safety = refusal.safety;
  }
}

/** When the server wants to be asked again, in ms. */
export const waitOf = (error: unknown): number | undefined =>
  error instanceof ChatError ? error.retryAfterMs : undefined;

/** What was handed in does not count, or not any more. */
export const isOut = (error: unknown): error is ChatError =>
  error instanceof ChatError && error.code === 'UNAUTHENTICATED';

/** No answer came: nobody knows whether the request was done. Repeating it is safe where it has a key. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  declare readonly reason: 'lost' | 'timeout' | 'unreachable' | 'closed';

  constructor(reason: ConnectionError['reason'], options?: ErrorOptions) {
    super(reason, options);
    this.reason = reason;
  }
}

/** Words that an iteration handed out were taken back; iterating again gives the text anew. */
export class ReplyReset extends Error {
  override readonly name = 'ReplyReset';
  /** What is left of the reply. */
  declare readonly kept: string;

  constructor(kept: string) {
    super('taken back');
    this.kept = kept;
  }
}

/** What has the form of a code: a later version may have more of them. */
export const isErrorCode = (code: unknown): code is ErrorCode => /^[A-Z_]+$/.test(String(code));
