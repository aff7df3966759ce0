// How errors look in the log: what tells where they come from, and nothing that somebody may have said. (SAFETY.md SEC-80)

/** Their messages quote what was read. */
const QUOTING: ReadonlySet<string> = new Set(['SyntaxError', 'ZodError', 'ResponseError']);
const MESSAGE_CHARS = 500;
const CAUSES = 5;

interface LoggedError {
  type: string;
  message?: string;
  code?: string;
  stack?: string;
  cause?: LoggedError;
}

/** The lines of a stack that are places, without the message before them. */
function placesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}

/** For pino's `serializers.err`: fields that are listed here, of the error and of what caused it. */
export function logError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const isQuoting = QUOTING.has(error.name) || QUOTING.has(error.constructor.name);
  return {
    type: error.constructor.name,
    ...(!isQuoting && { message: error.message.slice(0, MESSAGE_CHARS) }),
    ...(code !== undefined && { code }),
    stack: placesOf(error),
    ...(error.cause !== undefined && depth < CAUSES && { cause: logError(error.cause, depth + 1) }),
  };
}
