// The script of `npm run keys:init` and `npm run keys:rotate`: makes the file with the master keys, and puts a new key in it.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import { readMasterKeys } from './master-keys.ts';

const KEY_BYTES = 32;
const HELP = [
  'Usage: npm run keys:init [-- PATH]',
  '       npm run keys:rotate [-- PATH]',
  '',
  'keys:init makes the file with the key that data is encrypted with. It never writes over a file.',
  'keys:rotate puts a new key in front of those in the file. The next start uses it; once the server says so, the old ones may go.',
  '',
  'PATH is that of ENCRYPTION_KEY_FILE unless it is given, and master-keys in .stillpoint of your home directory unless that is set.',
  '',
  'Exit status: 0 it is done, 1 nothing was changed.',
].join('\n');

/** What is said, and whether it was done. */
interface Answer {
  isWell: boolean;
  text: string;
}

/** The answer to a command line in this environment. */
export function answerTo(args: string[], environment: Record<string, string | undefined>): Answer {
  try {
    const options = { rotate: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (values.help) return { isWell: true, text: HELP };
    if (positionals.length > 1) throw new Error('One PATH, please.');
    const { DATA_DIR, ENCRYPTION_KEY_FILE } = environment;
    const path = resolve(
      positionals[0] ?? (ENCRYPTION_KEY_FILE || join(homedir(), '.stillpoint', 'master-keys')),
    );
    refuseInside(path, resolve(readConfig({ DATA_DIR }).DATA_DIR));
    return { isWell: true, text: values.rotate ? rotate(path) : init(path) };
  } catch (error) {
    return { isWell: false, text: error instanceof Error ? error.message : String(error) };
  }
}

function init(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  write(
    path,
    `# The master keys of a Stillpoint, the one in use first. Keep a copy apart from the data.\n${newLine()}\n`,
  );
  sync(dirname(path));
  return [
    `A key was made: ${path}`,
    '',
    `Set ENCRYPTION_KEY_FILE=${path}`,
    'The next start of the server encrypts what is there, and all that comes is encrypted.',
    '',
    'Without this file nobody can read the data again, nor can you. Keep a copy of it, but never with the data or its backups:',
    'whoever has both can read everything.',
  ].join('\n');
}

function rotate(path: string): string {
  const [old] = readMasterKeys(path);
  const { uid, gid } = statSync(path);
  const next = `${path}.new`;
  write(next, `${newLine()}\n${readFileSync(path, 'utf8')}`, { uid, gid });
  const [current] = readMasterKeys(next);
  renameSync(next, path);
  sync(dirname(path));
  return [
    `A new key was put in front: ${current?.id ?? ''}, before ${old?.id ?? ''}, in ${path}`,
    '',
    'Start the server anew, and keep a copy of the file. It says in its log when the old keys are not needed any more:',
    'take their lines out then, once no backup needs them.',
  ].join('\n');
}

function newLine(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}

/** Writes a new file that nobody else can read, and waits until the disk has it. */
function write(path: string, text: string, owner?: { uid: number; gid: number }): void {
  const fd = create(path);
  try {
    if (owner && process.getuid?.() === 0) fchownSync(fd, owner.uid, owner.gid);
    writeFileSync(fd, text);
    fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

function create(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (code === 'EEXIST') {
      throw new Error(`There is a file already: ${path}. It is left as it is; choose another path.`, {
        cause,
      });
    }
    throw new Error(`${path} cannot be written (${code}): choose another path.`, { cause });
  }
}

/** The name of the file is on the disk, too. */
function sync(directory: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(directory, 'r');
  fsyncSync(fd);
  closeSync(fd);
}

function refuseInside(path: string, directory: string): void {
  const from = relative(directory, path);
  if (isAbsolute(from) || from.split(sep)[0] === '..') return;
  throw new Error(
    `The keys must not lie in the data directory ${directory}: whoever copies one would have both. Choose another path.`,
  );
}

if (import.meta.main) {
  const { isWell, text } = answerTo(process.argv.slice(2), process.env);
  (isWell ? process.stdout : process.stderr).write(`${text}\n`);
  process.exitCode = isWell ? 0 : 1;
}
