// Why something was not done, in the words of the page.
import { ChatError } from '../sdk/errors.ts';
import type { WordKey } from './words.ts';

type Code = ChatError['code'];

const keys: Partial<Record<Code, WordKey>> = {
  SESSION_CONFLICT: 'chat.failedTaken',
  SESSION_NOT_FOUND: 'chat.failedUnknown',
  VALIDATION_FAILED: 'chat.failedInvalid',
  PAYLOAD_TOO_LARGE: 'chat.failedTooLong',
  UNAUTHENTICATED: 'chat.failedToken',
  FORBIDDEN: 'chat.failedForbidden',
  RATE_LIMITED: 'chat.failedTooMany',
  MODEL_BUSY: 'chat.failedBusy',
  MODEL_INTERRUPTED: 'chat.failedInterrupted',
  DRAINING: 'chat.failedRestart',
  STORE_UNAVAILABLE: 'chat.failedStore',
};

/** By the code; the message of an error is for those who run the server. */
export function failureOf(code: Code): WordKey {
  return keys[code] ?? 'chat.failedOther';
}

/** Of whatever was thrown; what is no refusal is a lost connection. */
export function failureKey(error: unknown): WordKey {
  return error instanceof ChatError ? failureOf(error.code) : 'chat.failedNoAnswer';
}
