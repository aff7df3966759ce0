// The data directory and the database in it.
import { fork } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, fail, messageOf, ok, sizeOf, warn } from './finding.ts';
import type { Finding } from './finding.ts';
import { Told } from './sqlite.ts';

const LITTLE_BYTES = 1e9;
/** With less not even a start is safe. */
const NO_BYTES = 2e7;
const LOOK_MS = 5_000;
const CLOSED = new Set(['EACCES', 'EPERM', 'EROFS']);

/** What was found out about the database; what was not told in time is not there. */
interface DataFacts {
  told: readonly Told[];
  isLate: boolean;
}

/** Whether there is something; raises where that cannot be told. */
const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: unknown) => {
      if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return false;
      throw error;
    },
  );

/** The directory, or the nearest one above it that is there. */
async function nearest(directory: string): Promise<string> {
  const isLast = dirname(directory) === directory || (await isThere(directory));
  return isLast ? directory : nearest(dirname(directory));
}

/** Whether it is there or can be made, and how much room it has. */
export async function checkDirectory(directory: string): Promise<Finding[]> {
  const help = 'Make it writable for the user who runs the server, or set DATA_DIR to another directory.';
  let base = directory;
  try {
    base = await nearest(directory);
    if (!(await stat(base)).isDirectory()) return [fail('data', `${base} is no directory`, help)];
    await access(base, constants.W_OK | constants.X_OK);
  } catch (error) {
    return [fail('data', `${base} cannot be written (${codeOf(error)})`, help)];
  }
  const { bavail, bsize } = await statfs(base);
  const free = bavail * bsize;
  const state = base === directory ? 'is writable' : 'is made at the first start';
  return [judgeRoom(`${directory} ${state}`, free)];
}

export function judgeRoom(text: string, freeBytes: number): Finding {
  if (freeBytes >= LITTLE_BYTES) return ok('data', `${text}; ${sizeOf(freeBytes)} free`);
  const advice = 'Make room: with a full disk nothing new can be stored.';
  return (freeBytes < NO_BYTES ? fail : warn)('data', `${text}; only ${sizeOf(freeBytes)} free`, advice);
}

/** Null where there is no database yet. Never rejects. */
export async function askData(directory: string, lookMs = LOOK_MS): Promise<DataFacts | null> {
  const path = join(directory, 'stillpoint.db');
  const told: Told[] = [];
  try {
    if (!(await isThere(path))) return null;
    await access(path, constants.R_OK | constants.W_OK);
  } catch (error) {
    const closed = codeOf(error);
    return { told: [CLOSED.has(closed) ? { closed } : { problem: messageOf(error) }], isLate: false };
  }
  const isLate = await listenTo(path, (one) => void told.push(one), lookMs);
  return { told, isLate };
}

/** Resolves with true when the look had to be ended. */
function listenTo(path: string, hear: (told: Told) => void, lookMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const child = fork(join(import.meta.dirname, 'sqlite.ts'), [path], {
    stdio: 'ignore',
    execArgv: [],
  });
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    // a process that waits for a disk ends when the disk lets it
    resolve(true);
  }, lookMs);
  child.on('message', (message) => {
    const { data } = Told.safeParse(message);
    if (data) hear(data);
  });
  child.once('error', (error) => {
    hear({ problem: messageOf(error) });
    resolve(false);
  });
  child.once('close', () => {
    clearTimeout(timer);
    resolve(false);
  });
  return promise;
}

/** Ids of the master keys without which the data cannot be read. */
export const mastersOf = (facts: DataFacts | null): string[] =>
  facts?.told.flatMap((one) => ('masters' in one ? one.masters : [])) ?? [];

export function judgeData(facts: DataFacts | null): Finding[] {
  if (facts === null) return [ok('store', 'no data yet: SQLite begins at the first start')];
  const findings = facts.told.flatMap(judgeTold);
  const isWhole = facts.told.some((one) => 'integrity' in one && one.integrity.length === 0);
  const held = facts.told.some((one) => 'isHeld' in one && one.isHeld)
    ? 'a server has it open'
    : 'no server has it open';
  if (isWhole) findings.unshift(ok('store', `SQLite, checked and whole; ${held}`));
  if (facts.isLate) {
    const advice = 'It is large, or the disk slow. By hand: sqlite3 stillpoint.db "PRAGMA quick_check"';
    findings.push(warn('store', `SQLite: checking all of it takes longer than this may; ${held}`, advice));
  }
  if (findings.length === 0) {
    findings.push(warn('store', 'the database could not be looked into', 'Run this again.'));
  }
  return findings;
}

function judgeTold(told: Told): Finding[] {
  if ('schema' in told) return judgeSchema(told.schema);
  if ('problem' in told) {
    const advice = 'Bring back a backup, or set DATA_DIR to another directory. Keep the damaged files.';
    return [fail('store', `the database cannot be read: ${told.problem}`, advice)];
  }
  if ('closed' in told) {
    const advice =
      'Give the files in DATA_DIR to the user who runs the server (chown), and run this as that one.';
    return [fail('store', `this user may not read and write the database (${told.closed})`, advice)];
  }
  if ('left' in told) {
    const advice = 'The next start takes it in. Run this again then.';
    return [warn('store', 'the database is a copy with a journal, and was not checked', advice)];
  }
  if ('isHeld' in told) return [];
  return told.integrity.slice(0, 1).map((line) => {
    const advice = 'Stop the server, keep a copy of the files, and bring back a backup.';
    return fail('store', `the database is damaged: ${line}`, advice);
  });
}

function judgeSchema({ version, newest, newer }: { version: number; newest: number; newer: string | null }) {
  if (newer !== null) return [fail('store', newer)];
  if (version === newest || version === 0) return [];
  return [
    ok('store', `schema version ${version}: the next start brings it to ${newest}; make a backup before`),
  ];
}
