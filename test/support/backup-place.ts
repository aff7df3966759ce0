// Data to back up, and the scripts that do it, as they answer.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answerTo as answerToBackup } from '../../src/ops/backup.ts';
import { answerTo as answerToRestore } from '../../src/ops/restore.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { SessionRef, Store } from '../../src/store/store.ts';
import { spoken } from '../conformance/store-bench.ts';
import { newFolder, vaultOf } from './store-folder.ts';

export const FILE = 'stillpoint.db';
const TIME = Date.UTC(2025, 0, 1, 2, 3, 4, 5);

/** Directories for data and for backups, and a key file with the key 1. */
export async function newPlace() {
  const folder = await newFolder();
  const at = (name: string) => join(folder.path, name);
  const [data, keys] = [at('data'), at('master-keys')];
  await mkdir(data);
  await writeFile(keys, `${Buffer.alloc(32, 1).toString('base64')}\n`, { mode: 0o600 });
  const settings = (isEncrypted: boolean, directory = data) => ({
    DATA_DIR: directory,
    ENCRYPTION_KEY_FILE: isEncrypted ? keys : '',
  });
  return { at, data, keys, settings, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

/** A closed directory with one session, and a backup of it. */
export async function backedUp(vault = vaultOf()) {
  const place = await newPlace();
  const file = place.at('backup.db');
  await using store = await openSqlite({ directory: place.data, vault });
  await spoken(store, 'kept', 'turn', ['kept words']);
  backUp(place, file);
  return { ...place, file };
}

export function backUp({ data }: { data: string }, file: string, ...args: string[]): string {
  const { isWell, text } = answerToBackup([...args, file], { DATA_DIR: data }, TIME);
  if (!isWell) throw new Error(text);
  return text;
}

export function restore(settings: Record<string, string>, file: string, ...args: string[]): string {
  const { isWell, text } = answerToRestore([...args, file], settings, TIME);
  if (!isWell) throw new Error(text);
  return text;
}

export async function epochOf(store: Store, ref: SessionRef): Promise<string> {
  return (await store.session(ref))?.epoch ?? '';
}
