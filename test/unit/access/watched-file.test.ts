import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WatchedFile } from '../../../src/access/watched-file.ts';
import { newFolder } from '../../support/store-folder.ts';

async function bench(text: string | null) {
  const folder = await newFolder();
  const path = join(folder.path, 'keys');
  const write = (content: string) => writeFile(path, content, { mode: 0o600 });
  if (text !== null) await write(text);
  const warned: string[] = [];
  const parse = (content: string) => {
    if (content.startsWith('bad')) throw new Error('it is bad');
    return content;
  };
  const log = { info: () => {}, error: (fields: object) => void warned.push(JSON.stringify(fields)) };
  return {
    path,
    write,
    warned,
    open: () => WatchedFile.open({ path, parse, log }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test('what is in it is read once, until it changes', async () => {
  await using here = await bench('one');
  const file = await here.open();

  expect(await file.poll()).toBe(false);
  await here.write('other');

  expect(await file.poll()).toBe(true);
  expect(file.value).toBe('other');
  expect(await file.poll()).toBe(false);
});

test('one that goes away is told once, and its last words count', async () => {
  await using here = await bench('one');
  const file = await here.open();
  await rm(here.path);

  for (let polls = 0; polls < 5; polls++) expect(await file.poll()).toBe(false);

  expect(here.warned).toHaveLength(1);
  expect(file.value).toBe('one');
});

test('a bad one is told once, and once more when it is bad again', async () => {
  await using here = await bench('one');
  const file = await here.open();

  for (const text of ['bad', 'bad as well', 'good', 'bad once more']) {
    await here.write(text);
    await file.poll();
    await file.poll();
  }

  expect(here.warned).toHaveLength(2);
  expect(file.value).toBe('good');
});

test('one that was never there has no value until it is', async () => {
  await using here = await bench(null);
  const file = await here.open();
  expect(await file.poll()).toBe(false);
  expect(file.value).toBeUndefined();

  await here.write('one');

  expect(await file.poll()).toBe(true);
  expect(file.value).toBe('one');
  expect(here.warned).toEqual([]);
});

test('what is no file is told in one line', async () => {
  await using here = await bench(null);
  const path = join(here.path, '..');
  const log = { info: () => {}, error: () => {} };

  await expect(WatchedFile.open({ path, parse: String, log })).rejects.toThrow(
    /^[^\n]+ cannot be read: EISDIR$/,
  );
});
