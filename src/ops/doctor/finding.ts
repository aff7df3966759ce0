// What a look at something found, and how several looks are taken at once without one of them holding up the rest.

export interface Finding {
  /** What was looked at, in one word. */
  check: string;
  /** `warn`: a server starts all the same. `fail`: it does not, or cannot do what it is for. */
  level: 'ok' | 'warn' | 'fail';
  /** In one line, without anything secret. */
  text: string;
  /** What to do, in a line or two; none where all is well. */
  advice: readonly string[];
}

export const ok = (check: string, text: string): Finding => ({ check, level: 'ok', text, advice: [] });

export const warn = (check: string, text: string, ...advice: string[]): Finding => ({
  check,
  level: 'warn',
  text,
  advice,
});

export const fail = (check: string, text: string, ...advice: string[]): Finding => ({
  check,
  level: 'fail',
  text,
  advice,
});

/** One look. It may take its time: whoever waits for it does so only so long. */
export interface Check {
  name: string;
  run: () => Promise<readonly Finding[]> | readonly Finding[];
}

/** Longer than the deadlines inside of the checks. */
const DEADLINE_MS = 8_000;

/** All at once; what they found, in the order of the checks. A check that takes too long, or raises, is a finding too. */
export function runChecks(checks: readonly Check[], deadlineMs = DEADLINE_MS): Promise<Finding[][]> {
  return Promise.all(checks.map((check) => runCheck(check, deadlineMs)));
}

async function runCheck({ name, run }: Check, deadlineMs: number): Promise<Finding[]> {
  const { promise: late, resolve } = Promise.withResolvers<Finding[]>();
  const timer = setTimeout(() => resolve([tooLate(name, deadlineMs)]), deadlineMs);
  try {
    return [...(await Promise.race([Promise.resolve().then(run), late]))];
  } catch (error) {
    return [fail(name, `could not be checked: ${messageOf(error)}`, 'Look into that, and run this again.')];
  } finally {
    clearTimeout(timer);
  }
}

function tooLate(name: string, deadlineMs: number): Finding {
  return warn(
    name,
    `could not be checked within ${deadlineMs / 1000} s`,
    'Something does not answer: a disk, a network or a name server. Run this again when it does.',
  );
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The code of an error of the system, such as ENOENT; '' of others. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** In GB or MB, as disks are sold. */
export function sizeOf(bytes: number): string {
  const [value, unit] = bytes >= 1e9 ? [bytes / 1e9, 'GB'] : [bytes / 1e6, 'MB'];
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${unit}`;
}
