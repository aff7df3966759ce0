import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { readMasterKeys } from '../../../src/ops/master-keys.ts';
import { masterKey } from '../../../src/store/vault.ts';
import { newFolder } from '../../support/store-folder.ts';

const [one, two] = [1, 2].map((n) => Buffer.alloc(32, n));
const line = (key = one) => key?.toString('base64') ?? '';

/** What reading a file with that text comes to. */
async function read(text: string, mode = 0o600) {
  await using folder = await newFolder();
  const path = join(folder.path, 'keys');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return readMasterKeys(path);
}

it('reads the keys in their order, whatever else the file says', async () => {
  const keys = await read(`# made in spring\n\n${line(two)}\r\n  ${line(one)}  \n`);

  expect(keys.map(({ id }) => id)).toEqual([two, one].map((key) => masterKey(key ?? Buffer.of()).id));
});

it.each([0o604, 0o602, 0o620, 0o610, 0o644])('refuses a file that others may use (%o)', async (mode) => {
  await expect(read(line(), mode)).rejects.toThrow(/^Others may use the key file \S+: .*chmod 600.*\.$/);
});

it('takes a file that nobody may write', async () => {
  expect(await read(line(), 0o400)).toHaveLength(1);
  expect(await read(line(), 0o440)).toHaveLength(1);
});

it.each([
  ['a short key', Buffer.alloc(31, 5).toString('base64')],
  ['a long key', Buffer.alloc(33, 5).toString('base64')],
  ['hex', Buffer.alloc(32, 5).toString('hex')],
  ['two keys in a line', `${line()} ${line()}`],
  ['a key behind a name', `key=${line()}`],
  ['a key that is cut', line().slice(0, 43)],
])('refuses %s with the number of its line, and quotes nothing', async (_, bad) => {
  const error: unknown = await read(`# one\n${line(two)}\n${bad}\n`).catch((error: unknown) => error);

  expect(error).toMatchObject({
    message: expect.stringMatching(/^Line 3 of the key file \S+ is no key: [^\n]+$/),
  });
  const shown = inspect(error, { depth: null, showHidden: true });
  for (const secret of [bad, line(two)]) expect(shown).not.toContain(secret);
});

it.each(['', '\n\n', '# nothing\n'])('refuses a file without a key: %j', async (text) => {
  await expect(read(text)).rejects.toThrow(/^There is no key in the key file [^\n]+$/);
});

it('refuses what is no file, or is not there, in one line', async () => {
  await using folder = await newFolder();
  mkdirSync(join(folder.path, 'directory'));
  symlinkSync(join(folder.path, 'nowhere'), join(folder.path, 'link'));

  for (const name of ['directory', 'link', 'missing']) {
    expect(() => readMasterKeys(join(folder.path, name))).toThrow(
      /^The key file \S+ cannot be read \([^\n]+keys:init\.$/,
    );
  }
});
