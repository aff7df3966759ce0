// The script of `npm run backup`: writes the embedded store to a file, also while a server uses it.
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { backUp } from '../store/sqlite-backup.ts';
import { answerWith } from './file-command.ts';
import type { Answer, Given } from './file-command.ts';

const HELP = [
  'Usage: npm run backup -- [--force] FILE',
  '',
  'Writes all that is in DATA_DIR to FILE, as of one moment, also while the server runs. FILE may be a directory: then the',
  'time is in its name. A file that is there is left as it is; --force writes over it, and over one that was cut off.',
  '',
  'The backup has neither master keys nor API keys in it: keep ENCRYPTION_KEY_FILE and API_KEYS_FILE apart from it.',
  '',
  'Exit status: 0 there is a backup, 1 there is none.',
].join('\n');

/** The answer to a command line in this environment at that time (ms since 1970). */
export function answerTo(
  args: string[],
  environment: Record<string, string | undefined>,
  now = Date.now(),
): Answer {
  const inRedis =
    'The data is in Redis, which is backed up by its own means (redis-cli --rdb FILE): see docs/backup.md.';
  const command = { help: HELP, option: 'force', inRedis };
  const run = ({ file, directory, hasOption }: Given) => {
    const to = placeOf(file, now);
    refuseInside(to, directory);
    return describe(to, backUp(directory, to, hasOption));
  };
  return answerWith({ ...command, run }, args, environment);
}

function describe(to: string, { bytes, sessions, schema, masters }: ReturnType<typeof backUp>): string {
  const lines = [
    `A backup was made: ${to}`,
    `${bytes} bytes, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}, schema version ${schema}`,
  ];
  if (masters.length === 0)
    return [...lines, 'It is not encrypted: whoever has it can read everything.'].join('\n');
  return [
    ...lines,
    `Nobody can read it without ${masters.length === 1 ? 'the master key' : 'the master keys'} ${masters.join(', ')}`,
    'It has no keys in it: keep copies of ENCRYPTION_KEY_FILE and API_KEYS_FILE, but apart from it.',
  ].join('\n');
}

function placeOf(path: string, now: number): string {
  if (!existsSync(path) || !statSync(path).isDirectory()) return path;
  return join(path, `stillpoint-${new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')}.db`);
}

function refuseInside(path: string, directory: string): void {
  const from = relative(real(directory), join(real(dirname(path)), basename(path)));
  if (isAbsolute(from) || from.split(sep)[0] === '..') return;
  throw new Error(
    `A backup must not lie in the data directory ${directory}: what destroys one would destroy both. Choose another place.`,
  );
}

function real(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

if (import.meta.main) {
  const { isWell, text } = answerTo(process.argv.slice(2), process.env);
  (isWell ? process.stdout : process.stderr).write(`${text}\n`);
  process.exitCode = isWell ? 0 : 1;
}
