// The SQLite store and its files: who may open them, who may read them, and what is left of them after a crash.
import { chmod, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.ts';
import {
  admit,
  call,
  fact,
  LEASE_MS,
  newSession,
  spoken,
  token,
  wholeLog,
} from '../conformance/store-bench.ts';
import { copyFiles, newFolder } from '../support/store-folder.ts';
import { startWriter } from '../support/store-process.ts';

const FILE = 'stillpoint.db';

describe('turns that were live when the file was left', () => {
  it('were released if their owner gave them back, and expired if it just ended', async () => {
    await using folder = await newFolder();
    const why: string[] = [];
    for (const isReleased of [false, true, false]) {
      await using store = await openSqlite({ directory: folder.path });
      const taken = await store.takeOver('node', LEASE_MS, 10);
      why.push(...taken.map((one) => one.why));
      const [first] = taken;
      const lease = first
        ? { ...newSession('s'), turnId: 'turn', generation: first.view.turn.generation }
        : (await admit(store, 's', 'turn')).lease;
      if (isReleased) await store.release([lease]);
    }
    await using store = await openSqlite({ directory: folder.path });
    why.push(...(await store.takeOver('node', LEASE_MS, 10)).map((one) => one.why));

    expect(why).toEqual(['expired', 'released', 'expired']);
  });
});

describe('the data directory', () => {
  it('refuses a second store in the same process, and takes one once the first is closed', async () => {
    await using folder = await newFolder();
    const first = await openSqlite({ directory: folder.path });

    const second = openSqlite({ directory: folder.path });

    await expect(second).rejects.toThrow(inUse(folder.path));
    await first[Symbol.asyncDispose]();
    await using third = await openSqlite({ directory: folder.path });
    expect(await third.healthy()).toBe(true);
  });

  it('refuses another process with one line that says what to do', async () => {
    await using folder = await newFolder();
    await using _store = await openSqlite({ directory: folder.path });
    await using other = startWriter('hold', folder.path);

    const line = await other.line();

    expect(line).toBe(`refused: ${inUse(folder.path)}`);
  });

  it('keeps another process out although this one tried a second time', async () => {
    await using folder = await newFolder();
    await using _store = await openSqlite({ directory: folder.path });
    await expect(openSqlite({ directory: folder.path })).rejects.toThrow(inUse(folder.path));
    await using other = startWriter('hold', folder.path);

    const line = await other.line();

    expect(line).toBe(`refused: ${inUse(folder.path)}`);
  });

  it('is free as soon as a process that held it was killed', async () => {
    await using folder = await newFolder();
    await using other = startWriter('hold', folder.path);
    expect(await other.line()).toBe('open');
    await expect(openSqlite({ directory: folder.path })).rejects.toThrow(inUse(folder.path));

    await other.kill();

    await using store = await openSqlite({ directory: folder.path });
    expect(await store.healthy()).toBe(true);
  });

  it('is made when it is missing', async () => {
    await using folder = await newFolder();

    await using store = await openSqlite({ directory: join(folder.path, 'a', 'b') });

    expect(await store.healthy()).toBe(true);
  });

  it('has files that nobody else can read, also when it was there before and is open to all', async () => {
    await using folder = await newFolder();
    const directory = join(folder.path, 'data');
    await mkdir(directory);
    await chmod(directory, 0o755);

    await using store = await openSqlite({ directory });
    await admit(store, 'session', 'turn');

    const names = await readdir(directory);
    const modes = await Promise.all(
      names.map(async (name) => (await stat(join(directory, name))).mode & 0o777),
    );
    expect(names.sort()).toEqual([
      'stillpoint.db',
      'stillpoint.db-shm',
      'stillpoint.db-wal',
      'stillpoint.lock',
      'stillpoint.lock-journal',
    ]);
    expect(new Set(modes)).toEqual(new Set([0o600]));
  });

  it.each(['file/data', '/proc/nowhere/data'])(
    'refuses %s, which cannot be made, in one line',
    async (place) => {
      await using folder = await newFolder();
      const directory = resolve(folder.path, place);
      await writeFile(join(folder.path, 'file'), '');

      await expect(openSqlite({ directory })).rejects.toThrow(
        /^The data directory \S+ cannot be written .*DATA_DIR.*\.$/,
      );
    },
  );

  it('refuses data of a newer version and leaves it as it is', async () => {
    await using folder = await newFolder();
    await (await openSqlite({ directory: folder.path }))[Symbol.asyncDispose]();
    using db = new DatabaseSync(join(folder.path, FILE));
    db.exec('PRAGMA user_version = 99');

    const opened = openSqlite({ directory: folder.path });

    await expect(opened).rejects.toThrow(/schema version 99, written by a newer Stillpoint/);
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 });
  });

  it('refuses a file that is no database, in one line', async () => {
    await using folder = await newFolder();
    await writeFile(join(folder.path, FILE), 'something else entirely '.repeat(100));

    await expect(openSqlite({ directory: folder.path })).rejects.toThrow(
      /^The data in \S+ cannot be opened: [^\n]+$/,
    );
  });

  it('keeps nothing of a removed session in its files', async () => {
    await using folder = await newFolder();
    const store = await openSqlite({ directory: folder.path });
    const { lease: other } = await admit(store, 'other', 'turn');
    await store.append(other, [token('turn', 0, 'just begun')], LEASE_MS);
    await spoken(store, 'secret-session', 'turn', ['secret words']);
    const { lease } = await admit(store, 'secret-session', 'turn-2', {
      userInput: 'secret input',
      care: 'secret care',
      client: { client: 'secret client', care: 'secret care of a client' },
      alerts: [call('alert', { body: 'secret alert' })],
      audit: [fact('name-for-the-audit')],
    });
    await store.append(lease, [token('turn-2', 0, 'secret reply')], LEASE_MS);
    await store.remove(newSession('secret-session'));
    await store[Symbol.asyncDispose]();

    const bytes = await readFile(join(folder.path, FILE), 'latin1');

    expect(bytes).toContain('just begun');
    expect(bytes).toContain('name-for-the-audit');
    expect(bytes).not.toContain('secret');
  });
});

describe('kill -9', () => {
  it.each([1, 2, 3])('loses no acknowledged entry (%i)', async (round) => {
    await using folder = await newFolder();
    await using writer = startWriter('write', folder.path);
    let acknowledged = 0;
    while (acknowledged < 150 * round) acknowledged = Number(await writer.line());

    await writer.kill();
    for (const line of writer.rest()) acknowledged = Math.max(acknowledged, Number(line));

    await using store = await openSqlite({ directory: folder.path });
    const [taken] = await store.takeOver('node', LEASE_MS, 10);
    const log = await wholeLog(store, newSession('session'));
    expect(log.length).toBeGreaterThanOrEqual(acknowledged);
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
    expect(taken?.view.text).toBe(
      log
        .slice(1)
        .map((_, index) => index % 10)
        .join(''),
    );
  });
});

describe('a damaged write-ahead file', () => {
  const damages: [string, (path: string, size: number) => Promise<void>][] = [
    ['is cut', (path, size) => truncate(path, size - Math.floor(size / 3))],
    ['is cut within a frame', (path, size) => truncate(path, size - 2000)],
    ['has a flipped bit', (path, size) => flipBit(path, size - Math.floor(size / 4))],
  ];

  it.each(damages)('whose tail %s leaves a dense log that goes on', async (_, damage) => {
    await using folder = await newFolder();
    await using copy = await newFolder();
    await using store = await openSqlite({ directory: folder.path });
    const { lease } = await admit(store, 'session', 'turn');
    for (let at = 0; at < 200; at += 1) await store.append(lease, [token('turn', at, 'x')], LEASE_MS);
    await copyFiles(folder.path, copy.path);
    const wal = join(copy.path, `${FILE}-wal`);

    await damage(wal, (await stat(wal)).size);

    await using recovered = await openSqlite({ directory: copy.path });
    const [taken] = await recovered.takeOver('node', LEASE_MS, 10);
    const length = taken?.view.text.length ?? 0;
    const heir = { ...lease, generation: 2 };
    expect(length).toBeGreaterThan(0);
    expect(await recovered.append(heir, [token('turn', length, 'y')], LEASE_MS)).toBe('appended');
    const log = await wholeLog(recovered, lease);
    expect(log.map(({ seq }) => seq)).toEqual(Array.from({ length: length + 2 }, (_, index) => index + 1));
  });
});

function inUse(directory: string): string {
  return `The data directory ${directory} is in use by another process: stop that one, or set DATA_DIR to another directory.`;
}

async function flipBit(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
