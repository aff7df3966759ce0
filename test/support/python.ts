// Debian's own python3-socketio, a client of another house: found, or installed when that is allowed.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const python = '/usr/bin/python3';
/** The client, and what it needs to speak polling and WebSocket. */
const packages = ['python3-socketio', 'python3-requests', 'python3-websocket'];
const script = fileURLToPath(new URL('python-client.py', import.meta.url));
/** Another installation may be at work. */
const lockSeconds = 120;
const clientMs = 60_000;

async function isThere(): Promise<boolean> {
  return await run(python, ['-c', 'import socketio, requests, websocket']).then(
    () => true,
    () => false,
  );
}

async function install(): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const wait = ['-o', `DPkg::Lock::Timeout=${lockSeconds}`, '-qq'];
  await run('apt-get', [...wait, 'update'], { env });
  await run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...packages], { env });
}

/** Why the Python client cannot be used here, or undefined when it can; installs it when this is root. In CI that must succeed. */
export async function whyNoPython(): Promise<string | undefined> {
  if (await isThere()) return undefined;
  try {
    if (process.getuid?.() === 0) await install();
  } catch (error) {
    if (process.env['CI']) throw error;
  }
  if (await isThere()) return undefined;
  const reason = `${packages.join(', ')} are not installed`;
  if (process.env['CI']) throw new Error(reason);
  return reason;
}

/** Runs `python-client.py` and parses the one JSON line it prints. */
export async function runPython(...words: string[]): Promise<unknown> {
  const { stdout } = await run(python, [script, ...words], { timeout: clientMs });
  return JSON.parse(stdout);
}
