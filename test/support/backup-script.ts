// The scripts of `npm run backup` and `npm run restore` as processes of their own, and how one is killed in its work.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const PRELOAD = new URL('kill-preload.ts', import.meta.url).href;

export interface Ran {
  code: number | null;
  signal: string | null;
  out: string;
  err: string;
}

/** Runs a script with these settings and no others. */
export function runScript(
  script: 'backup' | 'restore' | 'audit-verify',
  args: readonly string[],
  settings: Record<string, string>,
): Promise<Ran> {
  return run(process.execPath, [`${root}src/ops/${script}.ts`, ...args], settings);
}

/** The same, killed in place of its `step`th change to the files, counted from 1. With 0 it says `changes N` at its end. */
export function runKilled(
  step: number,
  script: 'backup' | 'restore',
  args: readonly string[],
  settings: Record<string, string>,
): Promise<Ran> {
  const file = `${root}src/ops/${script}.ts`;
  return run(process.execPath, ['--import', PRELOAD, file, ...args], {
    ...settings,
    TEST_KILL_AT: String(step),
  });
}

/** The same where no file may grow beyond so many bytes. */
export function runConfined(
  bytes: number,
  script: 'backup' | 'restore',
  args: readonly string[],
  settings: Record<string, string>,
): Promise<Ran> {
  const limit = `ulimit -f ${bytes / 512}; exec "$0" "$@"`;
  return run('sh', ['-c', limit, process.execPath, `${root}src/ops/${script}.ts`, ...args], settings);
}

function run(command: string, args: readonly string[], settings: Record<string, string>): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>();
  const env = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: `${root}node_modules/.cache/compile`,
    ...settings,
  };
  const child = execFile(command, args, { cwd: root, env }, (_, out, err) => {
    resolve({ code: child.exitCode, signal: child.signalCode, out, err });
  });
  return promise;
}
