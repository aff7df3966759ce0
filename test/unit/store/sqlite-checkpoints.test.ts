import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { Checkpoints } from '../../../src/store/sqlite-checkpoints.ts';
import { newFolder } from '../../support/store-folder.ts';

/** Counts how often it is tried. */
class Counted extends Checkpoints {
  tries = 0;

  override emptyNow(): boolean {
    this.tries += 1;
    return super.emptyNow();
  }
}

async function openFile(patience = { retryMs: 5, tries: 10_000, laterMs: 5 }) {
  const stack = new AsyncDisposableStack();
  const { path: directory } = stack.use(await newFolder());
  const path = join(directory, 'a.db');
  const db = stack.use(new DatabaseSync(path));
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE words (word TEXT) STRICT');
  const faults: unknown[] = [];
  const checkpoints = new Counted(db, (error) => faults.push(error), patience);
  stack.defer(() => checkpoints.close());
  return {
    db,
    checkpoints,
    faults,
    say: (word: string) => db.prepare('INSERT INTO words VALUES (?)').run(word),
    logBytes: async () => (await stat(`${path}-wal`)).size,
    openReader: () => stack.use(new DatabaseSync(path, { readOnly: true })),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

it('leaves nothing in the write-ahead file', async () => {
  await using file = await openFile();
  file.say('a');
  const before = await file.logBytes();

  await file.checkpoints.empty();

  expect(before).toBeGreaterThan(0);
  expect(await file.logBytes()).toBe(0);
});

it('does once what many ask for at once, and again for whoever asks later', async () => {
  await using file = await openFile();
  file.say('a');
  await Promise.all(Array.from({ length: 500 }, () => file.checkpoints.empty()));
  const first = file.checkpoints.tries;

  file.say('b');
  await file.checkpoints.empty();

  expect([first, file.checkpoints.tries]).toEqual([1, 2]);
  expect(await file.logBytes()).toBe(0);
});

it('waits for a reader of another process without keeping this one from its work', async () => {
  await using file = await openFile();
  file.say('a');
  const reader = file.openReader();
  reader.exec('BEGIN; SELECT * FROM words');
  file.say('b');
  let isEmpty = false;

  const emptied = file.checkpoints.empty().then(() => (isEmpty = true));
  await expect.poll(() => file.checkpoints.tries, { timeout: 10_000 }).toBeGreaterThan(2);
  const before = isEmpty;
  reader.exec('COMMIT');
  await emptied;

  expect(before).toBe(false);
  expect(await file.logBytes()).toBe(0);
  expect(file.faults).toEqual([]);
});

it('lets nobody wait for ever, says so, and goes on trying', async () => {
  await using file = await openFile({ retryMs: 5, tries: 3, laterMs: 5 });
  file.say('a');
  const reader = file.openReader();
  reader.exec('BEGIN; SELECT * FROM words');
  file.say('b');

  await file.checkpoints.empty();

  expect(file.faults).toEqual([
    expect.objectContaining({ message: expect.stringContaining('still in its files') }),
  ]);
  expect(await file.logBytes()).toBeGreaterThan(0);
  reader.exec('COMMIT');
  await expect.poll(file.logBytes, { timeout: 10_000 }).toBe(0);
});

it('keeps nobody waiting once it is closed', async () => {
  await using file = await openFile();
  const waiting = file.checkpoints.empty();

  file.checkpoints.close();

  expect(await waiting).toBeUndefined();
  expect(file.checkpoints.tries).toBe(0);
});
