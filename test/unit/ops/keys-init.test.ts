import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { answerTo } from '../../../src/ops/keys-init.ts';
import { readMasterKeys } from '../../../src/ops/master-keys.ts';
import { newFolder } from '../../support/store-folder.ts';

it('makes a key that nobody else can read, and says what to do with it', async () => {
  await using folder = await newFolder();
  const path = join(folder.path, 'apart', 'keys');

  const { isWell, text } = answerTo([path], {});

  const [key] = readMasterKeys(path);
  expect(isWell).toBe(true);
  expect(text).toContain(`ENCRYPTION_KEY_FILE=${path}`);
  expect([statSync(path).mode & 0o777, statSync(join(folder.path, 'apart')).mode & 0o777]).toEqual([
    0o600, 0o700,
  ]);
  expect(text).not.toContain(key?.key.export().toString('base64'));
});

it('makes another key each time', async () => {
  await using folder = await newFolder();
  const paths = ['a', 'b'].map((name) => join(folder.path, name));

  for (const path of paths) answerTo([path], {});

  expect(new Set(paths.map((path) => readMasterKeys(path)[0]?.id)).size).toBe(2);
});

it('takes the path of the settings unless it is told another', async () => {
  await using folder = await newFolder();
  const [set, told] = ['set', 'told'].map((name) => join(folder.path, name));

  answerTo([], { ENCRYPTION_KEY_FILE: set });
  answerTo([told ?? ''], { ENCRYPTION_KEY_FILE: set });

  expect(readdirSync(folder.path).sort()).toEqual(['set', 'told']);
});

it('never writes over a file', async () => {
  await using folder = await newFolder();
  const path = join(folder.path, 'keys');
  writeFileSync(path, 'something of mine');

  const answer = answerTo([path], {});

  expect(answer).toEqual({ isWell: false, text: expect.stringMatching(/^There is a file already: [^\n]+$/) });
  expect(readFileSync(path, 'utf8')).toBe('something of mine');
});

it.each(['keys', 'deep/keys', '.'])('refuses to put keys with the data: %s', async (place) => {
  await using folder = await newFolder();

  const answer = answerTo([join(folder.path, place)], { DATA_DIR: folder.path });

  expect(answer).toEqual({
    isWell: false,
    text: expect.stringContaining('must not lie in the data directory'),
  });
  expect(readdirSync(folder.path)).toEqual([]);
});

it('puts a new key in front of the others, whose lines stay', async () => {
  await using folder = await newFolder();
  const path = join(folder.path, 'keys');
  answerTo([path], {});
  const before = readFileSync(path, 'utf8');
  const [old] = readMasterKeys(path);

  const { isWell, text } = answerTo(['--rotate', path], {});

  const after = readMasterKeys(path);
  expect(isWell).toBe(true);
  expect(after.map(({ id }) => id)).toEqual([after[0]?.id, old?.id]);
  expect(after[0]?.id).not.toBe(old?.id);
  expect(readFileSync(path, 'utf8').endsWith(before)).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(text).toContain(after[0]?.id);
  expect(readdirSync(folder.path)).toEqual(['keys']);
});

it('rotates nothing it cannot read, and nothing that somebody else is rotating', async () => {
  await using folder = await newFolder();
  const path = join(folder.path, 'keys');
  expect(answerTo(['--rotate', path], {}).isWell).toBe(false);
  answerTo([path], {});
  const before = readFileSync(path, 'utf8');

  writeFileSync(`${path}.new`, '');
  const busy = answerTo(['--rotate', path], {});
  chmodSync(path, 0o644);
  const open = answerTo(['--rotate', path], {});

  expect([busy.isWell, open.isWell]).toEqual([false, false]);
  expect(readFileSync(path, 'utf8')).toBe(before);
});

it.each([[['--what']], [['a', 'b']]])('refuses %j and changes nothing', (args) => {
  expect(answerTo(args, {})).toMatchObject({ isWell: false });
});

it('says how it is used', () => {
  expect(answerTo(['--help'], {})).toEqual({
    isWell: true,
    text: expect.stringContaining('npm run keys:rotate'),
  });
});
