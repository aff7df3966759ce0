// The Redis of the tests: one that is installed, else one from the Debian archive, unpacked and not installed.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A `redis-server` to start, and the environment that it needs. */
export interface RedisFiles {
  path: string;
  env: Record<string, string>;
}

/** What to do where there is none. */
export const redisHint = 'Install redis-server 7 or newer, or set REDIS_SERVER_PATH to one.';

const LEAST_MAJOR = 7;
const FETCH_MS = 180_000;
const run = promisify(execFile);
const cache = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));

/**
 * The Redis of the tests: `REDIS_SERVER_PATH`, else one in `PATH`, else the one fetched once from the Debian archive
 * with the libraries this machine lacks. Undefined where none is to be had; why not is said on stderr.
 * @throws where `REDIS_SERVER_PATH` is no Redis of the tests
 */
export async function findRedis(): Promise<RedisFiles | undefined> {
  const given = process.env['REDIS_SERVER_PATH'];
  if (given) {
    const files = { path: given, env: {} };
    if (isNewEnough(await versionOf(files))) return files;
    throw new Error(`REDIS_SERVER_PATH is ${given}, which is not a Redis of version ${LEAST_MAJOR} or newer`);
  }
  return (await installedRedis()) ?? (await cachedRedis()) ?? (await fetchedRedis());
}

async function installedRedis(): Promise<RedisFiles | undefined> {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  const paths = directories.map((directory) => join(directory, 'redis-server'));
  return await firstNewEnough(paths.filter((path) => existsSync(path)).map((path) => ({ path, env: {} })));
}

async function cachedRedis(): Promise<RedisFiles | undefined> {
  const names = await readdir(cache).catch(() => []);
  const directories = names.filter((name) => /^redis-\d+\.\d+\.\d+-\w+$/.test(name)).sort();
  return await firstNewEnough(directories.map((name) => filesIn(join(cache, name))));
}

async function fetchedRedis(): Promise<RedisFiles | undefined> {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) return undefined;
  try {
    return await fetchRedis();
  } catch (error) {
    console.warn('No Redis from the Debian archive:', error instanceof Error ? error.message : error);
    return undefined;
  }
}

async function firstNewEnough(all: RedisFiles[]): Promise<RedisFiles | undefined> {
  for (const files of all) if (isNewEnough(await versionOf(files))) return files;
  return undefined;
}

function isNewEnough(version: string | undefined): version is string {
  return Number(version?.split('.')[0]) >= LEAST_MAJOR;
}

/** Undefined where it does not start, for want of a library or because it is for another machine. */
async function versionOf({ path, env }: RedisFiles): Promise<string | undefined> {
  const said = await run(path, ['--version'], { env: { ...process.env, ...env } }).catch(() => undefined);
  return /\bv=(\d+\.\d+\.\d+)/.exec(said?.stdout ?? '')?.[1];
}

function filesIn(directory: string): RedisFiles {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const libraries = ['usr/lib', 'lib'].map((path) => join(directory, path, triplet));
  return {
    path: join(directory, 'usr/bin/redis-server'),
    env: { LD_LIBRARY_PATH: libraries.join(delimiter) },
  };
}

/** Unpacks into a directory of its own first: whoever sees the final one sees all of it. */
async function fetchRedis(): Promise<RedisFiles> {
  await mkdir(cache, { recursive: true });
  const part = await mkdtemp(join(cache, 'part-redis-'));
  try {
    const [packages, whole] = [join(part, 'packages'), join(part, 'whole')];
    await mkdir(packages);
    await mkdir(whole);
    await download(part, packages);
    for (const name of await readdir(packages)) await run('dpkg', ['-x', join(packages, name), whole]);
    const version = await versionOf(filesIn(whole));
    if (!isNewEnough(version)) throw new Error(`the archive has version ${version ?? 'that does not start'}`);
    const target = join(cache, `redis-${version}-${process.arch}`);
    await rename(whole, target).catch((error: unknown) => {
      if (!existsSync(target)) throw error;
    });
    return filesIn(target);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/** The packages of Redis and all that they need and this machine has not. Works in lists of its own, not in the system's. */
async function download(part: string, packages: string): Promise<void> {
  const lists = join(part, 'lists');
  await mkdir(join(lists, 'partial'), { recursive: true });
  const settings = [
    `Dir::State::lists=${lists}`,
    `Dir::Cache=${part}`,
    `Dir::Cache::archives=${part}`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=root',
    'APT::Get::AllowUnauthenticated=false',
    'Acquire::Languages=none',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=30',
  ].flatMap((setting) => ['-o', setting]);
  const apt = async (...args: string[]) =>
    await run('apt-get', ['-q', ...settings, ...args], { cwd: packages, timeout: FETCH_MS });

  // A source that is away may be one that is not needed.
  await apt('update').catch(() => undefined);
  const names = ['redis-server', 'redis-tools'];
  const { stdout } = await apt('install', '--simulate', '--no-install-recommends', ...names);
  const missing = [...stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '');
  await apt('download', ...new Set([...names, ...missing]));
}
