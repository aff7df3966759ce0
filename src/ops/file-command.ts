// What the scripts have in common that take the embedded store and one file: backup and restore.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';

/** What is said, and whether it was done. */
export interface Answer {
  isWell: boolean;
  text: string;
}

/** Both in full. */
export interface Given {
  file: string;
  directory: string;
  hasOption: boolean;
}

interface FileCommand {
  help: string;
  /** The one option beside `--help`. */
  option: string;
  /** What is said where the data is in Redis. */
  inRedis: string;
  /** Does it, and says so. @throws Error of one line: it was not done */
  run: (given: Given) => string;
}

/** The answer to a command line in this environment. */
export function answerWith(
  { help, option, inRedis, run }: FileCommand,
  args: string[],
  environment: Record<string, string | undefined>,
): Answer {
  try {
    const flag = { type: 'boolean' as const };
    const options = { [option]: flag, help: { ...flag, short: 'h' } };
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (values['help']) return { isWell: true, text: help };
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) return { isWell: false, text: help };
    const { DATA_DIR, REDIS_URL, REDIS_PREFIX } = environment;
    const config = readConfig({ DATA_DIR, REDIS_URL, REDIS_PREFIX });
    if (config.REDIS_URL.length > 0) throw new Error(inRedis);
    const directory = resolve(config.DATA_DIR);
    return {
      isWell: true,
      text: run({ file: resolve(file), directory, hasOption: values[option] === true }),
    };
  } catch (error) {
    return { isWell: false, text: error instanceof Error ? error.message : String(error) };
  }
}
