import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreUnderTest } from '../conformance/store-bench.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { masterKey, Vault } from '../../src/store/vault.ts';

/** A new folder that goes when it is disposed. */
export async function newFolder() {
  const path = await mkdtemp(join(tmpdir(), 'stillpoint-store-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** The files as a killed process leaves them: taken while the store is open, so never closed. */
export function copyFiles(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true, filter: (path) => !/-shm$|\.lock$/.test(path) });
}

/** Master keys told apart by a number, the first one first. */
export function vaultOf(...keys: number[]): Vault {
  return new Vault(keys.map((key) => masterKey(Buffer.alloc(32, key))));
}

/** A SQLite store on a clock of its own, in a new folder or in memory, with these master keys. */
export async function openBench(isFile: boolean, vault = vaultOf()): Promise<StoreUnderTest> {
  const stack = new AsyncDisposableStack();
  let time = Date.UTC(2025, 0, 1);
  const newDirectory = async () => stack.use(await newFolder()).path;
  const now = () => time;
  const open = async (directory: string) =>
    stack.use(await openSqlite({ directory, now, elapsed: now, vault }));
  let directory = isFile ? await newDirectory() : ':memory:';
  return {
    store: await open(directory),
    advance: async (ms) => {
      time += ms;
    },
    restart: async () => {
      const left = directory;
      directory = await newDirectory();
      await copyFiles(left, directory);
      return open(directory);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
