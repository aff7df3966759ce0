// What both doors read in a body.
import { createHash } from 'node:crypto';
import { AppError } from '../../errors.ts';

/** These clients send the whole history again with every message. */
export const HISTORY_BYTES = 1024 * 1024;

interface Issue {
  path: readonly PropertyKey[];
  message: string;
}

/** @throws VALIDATION_FAILED */
export function refuseBody(issues: readonly Issue[]): never {
  const detail = issues.map(({ path, message }) => ({
    loc: ['body', ...path.map((part) => (typeof part === 'number' ? part : String(part)))],
    msg: message,
    type: 'value_error',
  }));
  const [first] = detail;
  throw new AppError('VALIDATION_FAILED', { message: `${first?.loc.join('.')}: ${first?.msg}`, detail });
}

interface Part {
  type: string;
  text?: unknown;
}
/** What a client sends as a text, or in parts. */
type Content = string | readonly Part[] | null | undefined;

/** The words in it. */
export const textOf = (content: Content): string =>
  typeof content === 'string'
    ? content
    : (content ?? [])
        .map(({ type, text }) => (type === 'text' && typeof text === 'string' ? text : ''))
        .join('\n');

/** The words of a message that is to be said. @throws VALIDATION_FAILED they are not text, or none */
export function mustBeText(content: Content, path: readonly PropertyKey[]): string {
  const foreign = Array.isArray(content) ? content.findIndex(({ type }: Part) => type !== 'text') : -1;
  if (foreign >= 0) refuseBody([{ path: [...path, foreign, 'type'], message: 'only text is read' }]);
  const words = textOf(content);
  if (words === '') refuseBody([{ path, message: 'must not be empty' }]);
  return words;
}

/** The same for the same parts. */
export const digestOf = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
