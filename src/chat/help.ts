// [P-1] The one exception: an input that shows risk is never refused without help.
import { AppError } from '../errors.ts';
import { reply } from '../safety/reply.ts';
import type { Addressee } from '../safety/reply.ts';
import { screen } from '../safety/screen.ts';

/** A refusal, with the help for the words that it refuses, where they show risk. */
export function withHelp(error: unknown, words: string, addressee: Addressee): unknown {
  const screening = screen({ text: words, recent: [], mode: 'normal' });
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

/** The same for a payload that was refused before it was read; what is refused later has its help already. */
export function orHelp(payload: unknown, error: unknown): unknown {
  if (!(error instanceof AppError && error.code === 'VALIDATION_FAILED')) return error;
  if (typeof payload !== 'object' || payload === null || !('user_input' in payload)) return error;
  const { user_input: words } = payload;
  if (typeof words !== 'string') return error;
  return withHelp(error, words, { locale: null, country: null });
}
