import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { array, assert, asyncProperty, constantFrom } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lease, Store } from '../../src/store/store.ts';
import { openSqlite, SqliteStore } from '../../src/store/sqlite.ts';
import { storeConformance } from '../conformance/store.ts';
import { copyFiles, newFolder, openBench } from '../support/store-folder.ts';
import {
  admit,
  disclosure,
  done,
  ending,
  input,
  LEASE_MS,
  newSession,
  spoken,
  token,
  wholeLog,
} from '../conformance/store-bench.ts';

const WRITER = fileURLToPath(new URL('../support/store-writer.ts', import.meta.url));
const FILE = 'stillpoint.db';

storeConformance('sqlite in a directory', () => openBench(true), { survives: true });
storeConformance('sqlite in memory', () => openBench(false), { survives: false });

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

  it('refuses a place that cannot be written, in one line', async () => {
    await using folder = await newFolder();
    const directory = join(folder.path, 'file', 'data');
    await writeFile(join(folder.path, 'file'), '');

    await expect(openSqlite({ directory })).rejects.toThrow(
      /^The data directory \S+ cannot be written .*DATA_DIR.*\.$/,
    );
  });

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
    const { lease } = await admit(store, 'secret-session', 'turn-2', { userInput: 'secret input' });
    await store.append(lease, [token('turn-2', 0, 'secret reply')], LEASE_MS);
    await store.remove(newSession('secret-session'));
    await store[Symbol.asyncDispose]();

    const bytes = await readFile(join(folder.path, FILE), 'latin1');

    expect(bytes).toContain('just begun');
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

describe('a store that cannot write', () => {
  it('answers STORE_UNAVAILABLE when the disk is full, loses nothing, and goes on when there is room', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    const { lease } = await admit(store, 'full', 'turn');
    await store.append(lease, [token('turn', 0, 'kept')], LEASE_MS);
    const before = await wholeLog(store, lease);
    db.exec(`PRAGMA max_page_count = 1`);

    const large = store.append(lease, [token('turn', 4, 'x'.repeat(1_000_000))], LEASE_MS);
    await expect(large).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryAfterMs: 1000 });
    const kept = await wholeLog(store, lease);
    db.exec('PRAGMA max_page_count = 1000000');
    const again = await store.append(lease, [token('turn', 4, 'x'.repeat(1_000_000))], LEASE_MS);

    expect(kept).toEqual(before);
    expect(again).toBe('appended');
    expect((await store.turn(lease, 'turn'))?.text).toHaveLength(1_000_004);
  });

  it('answers STORE_UNAVAILABLE when it is read-only, still reads, and goes on when it can write', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, {});
    const { lease } = await admit(store, 'read-only', 'turn');
    await store.append(lease, [token('turn', 0, 'a')], LEASE_MS);
    db.exec('PRAGMA query_only = ON');

    const refused = [
      store.append(lease, [token('turn', 1, 'b')], LEASE_MS),
      store.cancel(lease, null),
      store.remove(lease),
      store.create({ session: newSession('new'), createKey: null, idGiven: true }),
    ];

    for (const step of refused) await expect(step).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.healthy()).toBe(false);
    expect((await store.snapshot(lease, 10))?.live?.text).toBe('a');
    db.exec('PRAGMA query_only = OFF');
    expect(await store.healthy()).toBe(true);
    expect(await store.append(lease, [token('turn', 1, 'b')], LEASE_MS)).toBe('appended');
  });

  it('answers STORE_UNAVAILABLE once it is closed, after what was handed in before', async () => {
    const store = await openSqlite({ directory: ':memory:' });
    const { lease } = await admit(store, 'closed', 'turn');
    const last = store.append(lease, [token('turn', 0, 'last')], LEASE_MS);

    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();

    expect(await last).toBe('appended');
    await expect(store.append(lease, [], LEASE_MS)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(store.read(lease, 0, 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.healthy()).toBe(false);
  });

  it('fails one bad step of a commit alone', async () => {
    await using store = await openSqlite({ directory: ':memory:' });
    const leases = await Promise.all(
      ['a', 'b', 'c'].map(async (id) => (await admit(store, id, 'turn')).lease),
    );

    const outcomes = await Promise.allSettled(
      leases.map((lease, index) =>
        store.append(lease, [token('turn', index === 1 ? 99 : 0, 'text')], LEASE_MS),
      ),
    );

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const texts = await Promise.all(leases.map(async (lease) => (await store.turn(lease, 'turn'))?.text));
    expect(texts).toEqual(['text', '', 'text']);
    expect(await store.heads(leases)).toEqual([2, 1, 2]);
  });
});

it('carries out a cancel and an admission although their commit failed for another step', async () => {
  await using store = await openSqlite({ directory: ':memory:' });
  const [one, two] = await Promise.all(['a', 'b'].map(async (id) => (await admit(store, id, 'turn')).lease));
  if (!one || !two) throw new Error('two leases are needed');

  const [cancelled, admitted, bad] = await Promise.allSettled([
    store.cancel(one, null),
    store.admit(input('c', 'turn')),
    store.append(two, [token('turn', 99, 'gap')], LEASE_MS),
  ]);

  expect(cancelled).toMatchObject({ value: { state: 'cancelled', wasLive: true } });
  expect(admitted).toMatchObject({ value: { kind: 'admitted' } });
  expect(bad.status).toBe('rejected');
  expect(await store.heads([one, two, newSession('c')])).toEqual([2, 1, 1]);
});

it('has in memory what is in the file, whatever failed before', async () => {
  const steps = constantFrom('say', 'say much', 'note', 'bad', 'full', 'room', 'cancel', 'finish');

  await assert(
    asyncProperty(array(array(steps, { maxLength: 6 }), { maxLength: 8 }), async (batches) => {
      using db = new DatabaseSync(':memory:');
      await using store = new SqliteStore('test', db, {});
      const { lease } = await admit(store, 'session', 'turn');
      for (const batch of batches) {
        await Promise.allSettled(batch.map((step) => run(step, store, lease, db)));
      }
      db.exec('PRAGMA query_only = OFF');
      await using again = new SqliteStore('test', db, {});
      expect(await wholeLog(again, lease)).toEqual(await wholeLog(store, lease));
      expect(await again.snapshot(lease, 10)).toEqual(await store.snapshot(lease, 10));
    }),
    { numRuns: 60 },
  );
});

it('keeps the journal small while many turns come and go', async () => {
  using db = new DatabaseSync(':memory:');
  await using store = new SqliteStore('test', db, {});
  const { lease: slow } = await admit(store, 'slow', 'turn');
  await store.append(slow, [token('turn', 0, 'pins the journal')], LEASE_MS);

  for (let turn = 0; turn < 60; turn += 1) {
    const { lease } = await admit(store, `busy ${turn}`, 'turn');
    const words = Array.from({ length: 1500 }, (_, at) =>
      store.append(lease, [token('turn', at, 'x')], LEASE_MS),
    );
    await Promise.all(words);
    await store.cancel(lease, null);
  }

  const rows = Number(db.prepare('SELECT count(*) AS n FROM journal').get()?.['n']);
  expect(rows).toBeLessThan(75_000);
  expect((await store.turn(slow, 'turn'))?.text).toBe('pins the journal');
});

/** One step on a live turn; what it comes to does not matter. */
async function run(step: string, store: Store, lease: Lease, db: DatabaseSync): Promise<unknown> {
  const at = (await store.turn(lease, 'turn'))?.turn.length ?? 0;
  const much = Array.from({ length: 90 }, (_, index) => token('turn', at + index, 'x'));
  if (step === 'full' || step === 'room')
    return db.exec(`PRAGMA query_only = ${step === 'full' ? 'ON' : 'OFF'}`);
  if (step === 'note') return store.note(lease, [disclosure('note')], {});
  if (step === 'cancel') return store.cancel(lease, null);
  if (step === 'finish')
    return store.finish(lease, { ...ending('turn', 'x'), entries: [...much, done('turn', 'x')] });
  if (step === 'bad')
    return store.append(lease, [token('turn', at, 'x'), token('turn', at + 99, 'x')], LEASE_MS);
  return store.append(lease, step === 'say' ? [token('turn', at, 'x')] : much, LEASE_MS);
}

function inUse(directory: string): string {
  return `The data directory ${directory} is in use by another process: stop that one, or set DATA_DIR to another directory.`;
}

async function flipBit(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

function startWriter(what: 'hold' | 'write', directory: string) {
  const child: ChildProcess = spawn(process.execPath, [WRITER, what, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (!child.stdout) throw new Error('the child has no output');
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const exited = once(child, 'close');
  return {
    line: async () => {
      await expect.poll(() => lines.length, { timeout: 15_000, interval: 2 }).toBeGreaterThan(0);
      return lines.shift() ?? '';
    },
    rest: () => lines,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
