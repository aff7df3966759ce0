import { chown, mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { changeApiKeys } from '../../../src/access/api-keys-file.ts';
import { ApiKeys } from '../../../src/access/api-keys.ts';
import { newFolder } from '../../support/store-folder.ts';
import { deadline } from '../../support/wait.ts';

const isRoot = process.getuid?.() === 0;
/** Whoever runs the server. */
const SERVER = { uid: 65_534, gid: 65_533 };

const touch = (path: string) => changeApiKeys(path, (keys) => ({ keys, outcome: undefined }));
const ownerOf = async (path: string) => {
  const { uid, gid, mode } = await stat(path);
  return { uid, gid, mode: mode & 0o777 };
};

describe.skipIf(!isRoot)('a file that root writes (only root may give files away)', () => {
  test('stays that of the server', async () => {
    await using folder = await newFolder();
    const path = join(folder.path, 'api-keys.json');
    await touch(path);
    await chown(path, SERVER.uid, SERVER.gid);

    await touch(path);

    expect(await ownerOf(path)).toEqual({ ...SERVER, mode: 0o600 });
  });

  test('is of whoever has its directory when it is new', async () => {
    await using folder = await newFolder();
    const path = join(folder.path, 'api-keys.json');
    await chown(folder.path, SERVER.uid, SERVER.gid);

    await touch(path);

    expect(await ownerOf(path)).toEqual({ ...SERVER, mode: 0o600 });
  });
});

test('a file that a running server cannot read any more is an error in its log', async () => {
  await using folder = await newFolder();
  const path = join(folder.path, 'api-keys.json');
  await touch(path);
  const { promise, resolve } = Promise.withResolvers<string>();
  const error = (fields: object, message: string) => resolve(`${message} ${JSON.stringify(fields)}`);
  const log = { info: () => {}, warn: () => {}, error };
  const now = () => Date.UTC(2026, 0, 1);
  using _server = await ApiKeys.open({ path, now, log, pollMs: 5 });

  // a directory in its place: root could read a file of any mode
  await using elsewhere = await newFolder();
  await rename(path, join(elsewhere.path, 'away'));
  await mkdir(path);

  expect(await deadline(promise, 'an error in the log')).toMatch(/^a file of keys is bad: .*/);
});
