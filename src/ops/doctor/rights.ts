// Whether other users of this machine could read what is stored.
import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

const OTHERS = 0o007;
const OTHERS_READ = 0o004;
/** More are not looked at. */
const FILES = 1_000;

export const octal = (mode: number): string => (mode & 0o777).toString(8);

/** Of a data directory that is there: who may not enter it reads nothing in it. */
export async function checkRights(directory: string): Promise<Finding[]> {
  if (platform() === 'win32') return [];
  const folder = await stat(directory).catch(() => undefined);
  if (!folder?.isDirectory()) return [];
  const isOurs = await access(directory, constants.R_OK).then(
    () => true,
    () => false,
  );
  // of what cannot be seen nothing is said: the directory itself is a finding of its own
  if (!isOurs) return [];
  if ((folder.mode & OTHERS) === 0) return [ok('rights', 'nobody else can look into DATA_DIR')];
  const open = await readable(directory);
  const files = open.length === 0 ? 'its files are closed to them' : `they can read ${namesOf(open)}`;
  const text = `others may look into DATA_DIR (${octal(folder.mode)}); ${files}`;
  return [warn('rights', text, `chmod -R o= ${quoted(directory)}`)];
}

const namesOf = (names: readonly string[]): string =>
  names.length > 2 ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more` : names.join(', ');

const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

async function readable(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).slice(0, FILES);
  const modes = await Promise.all(
    files.map(async ({ name }) => {
      const found = await stat(join(directory, name)).catch(() => undefined);
      return found && (found.mode & OTHERS_READ) !== 0 ? [name] : [];
    }),
  );
  return modes.flat().sort();
}
