// [P-1] The one exception: an input that shows risk is never refused without help.
import { USER_INPUT_MAX } from '../contract/model.ts';
import { AppError } from '../errors.ts';
import { reply } from '../safety/reply.ts';
import type { Addressee } from '../safety/reply.ts';
import { screen } from '../safety/screen.ts';

/** Of what is longer than any input can be (a character may be two units), both ends are looked at: to refuse must cost less than to ask. */
const LOOKED_AT = USER_INPUT_MAX;

const endsOf = (words: string): string =>
  words.length <= 2 * LOOKED_AT
    ? words
    : `${words.slice(0, LOOKED_AT)}\n${words.slice(-LOOKED_AT)}`.toWellFormed();

/** A refusal, with the help for the words that it refuses, where they show risk. */
export function withHelp(error: unknown, words: string, addressee: Addressee): unknown {
  const screening = screen({ text: endsOf(words), recent: [], mode: 'normal' });
  const safety = reply(screening, { ...addressee, language: screening.language ?? null });
  if (safety === null) return error;
  if (!(error instanceof AppError)) return new AppError('INTERNAL', { safety, cause: error });
  const { code, message, detail } = error;
  const isOurs = code === 'STORE_UNAVAILABLE' || code === 'INTERNAL';
  const retryAfterMs = error.retryAfterMs ?? (isOurs ? 1_000 : undefined);
  return new AppError(code, {
    safety,
    message,
    cause: error,
    ...(detail && { detail }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** Codes of refusals before an input is looked at. What is refused later has its help already. */
const EARLY: ReadonlySet<string> = new Set([
  'VALIDATION_FAILED',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'STORE_UNAVAILABLE',
]);

/** The same for a payload that was refused before its words were. */
export function orHelp(payload: unknown, error: unknown): unknown {
  if (!(error instanceof AppError && EARLY.has(error.code)) || error.safety) return error;
  if (typeof payload !== 'object' || payload === null || !('user_input' in payload)) return error;
  const { user_input: words } = payload;
  if (typeof words !== 'string') return error;
  return withHelp(error, words, { locale: null, country: null });
}
