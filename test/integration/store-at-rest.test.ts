// What can be read in the files of the SQLite store, and with which keys.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/store/store.ts';
import { openSqlite, SqliteStore } from '../../src/store/sqlite.ts';
import type { Vault } from '../../src/store/vault.ts';
import { masterOf } from '../../src/store/vault.ts';
import { admit, LEASE_MS, newSession, spoken, token, wholeLog } from '../conformance/store-bench.ts';
import { bytesOf, filesOf, sayEverything, wholeOf, wrappedKeys } from '../support/store-canary.ts';
import { copyFiles, newFolder, vaultOf } from '../support/store-folder.ts';
import { startWriter } from '../support/store-process.ts';

const FILE = 'stillpoint.db';
const PHRASE = 'canaryphrase';

/** A log, and the messages in it. */
function newLog() {
  const messages: string[] = [];
  const write = (_fields: object, message: string) => void messages.push(message);
  return { messages, info: write, warn: write };
}

describe('an encrypted store', () => {
  it.each([
    ['plain', vaultOf()],
    ['encrypted', vaultOf(1)],
  ])('holds nothing readable: open, after a crash and closed (%s)', async (how, vault) => {
    await using folder = await newFolder();
    await using crashed = await newFolder();
    const store = await openSqlite({ directory: folder.path, vault });
    await sayEverything(store, PHRASE);

    const open = await bytesOf(folder.path);
    await copyFiles(folder.path, crashed.path);
    await store[Symbol.asyncDispose]();
    const closed = await bytesOf(folder.path);
    await (await openSqlite({ directory: crashed.path, vault }))[Symbol.asyncDispose]();
    const recovered = await bytesOf(crashed.path);

    const found = [open, closed, recovered].map((bytes) => bytes.includes(PHRASE));
    expect(found).toEqual([how === 'plain', how === 'plain', how === 'plain']);
    expect(closed).toContain('"name 1"');
  });

  it('holds nothing readable that a killed process left', async () => {
    await using folder = await newFolder();
    await using writer = startWriter('write', folder.path, 1);
    let acknowledged = 0;
    while (acknowledged < 300) acknowledged = Number(await writer.line());

    await writer.kill();

    const bytes = await bytesOf(folder.path);
    for (const word of ['therapist:token', 'hello', 'user_input', 'tenant"'])
      expect(bytes).not.toContain(word);
    await using store = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    expect((await wholeLog(store, newSession('session'))).length).toBeGreaterThanOrEqual(acknowledged);
  });

  it('gives back all it was told, also after a crash', async () => {
    await using folder = await newFolder();
    await using crashed = await newFolder();
    await using store = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    const life = await sayEverything(store, PHRASE);
    const before = await wholeOf(store, life, PHRASE);

    await copyFiles(folder.path, crashed.path);

    await using again = await openSqlite({ directory: crashed.path, vault: vaultOf(1) });
    expect(await wholeOf(again, life, PHRASE)).toEqual(before);
    expect(before).toMatchObject({ care: `${PHRASE} care of the client`, list: { total: 1 } });
  });

  it('has no column of text that is neither sealed nor known to say nothing', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, { vault: vaultOf(1) });
    await sayEverything(store, PHRASE);
    const known =
      /^(audit|audit_counts|vault|chores|data_keys|sqlite_\w+)\.|\.(key|epoch|event|status|receiver)$/;
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();

    for (const { name } of tables) {
      for (const row of db.prepare(`SELECT * FROM ${String(name)}`).all()) {
        for (const [column, value] of Object.entries(row)) {
          if (typeof value !== 'string' || known.test(`${String(name)}.${column}`)) continue;
          expect(value, `${String(name)}.${column}`).toMatch(/^2[\w-]{40,}$|^[\w-]{43}$|^digest \d$/);
        }
      }
    }
  });
});

describe('the wrong keys', () => {
  const refusals: [string, Vault, RegExp][] = [
    ['none', vaultOf(), /^The data is encrypted, and there is no key: set ENCRYPTION_KEY_FILE [^\n]+\.$/],
    [
      'another',
      vaultOf(2),
      /^The data is encrypted with the master key \w{16}, which is not in ENCRYPTION_KEY_FILE: [^\n]+\.$/,
    ],
  ];

  it.each(refusals)('are refused, and every byte stays as it was (%s)', async (_, vault, message) => {
    await using folder = await newFolder();
    const store = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    const life = await sayEverything(store, PHRASE);
    await store[Symbol.asyncDispose]();
    const before = await filesOf(folder.path);

    await expect(openSqlite({ directory: folder.path, vault })).rejects.toThrow(message);

    expect(await filesOf(folder.path)).toEqual(before);
    await using again = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    expect(await again.turn(life, life.turnId)).toMatchObject({ text: `${PHRASE} again!` });
  });

  it.each(refusals)(
    'are refused after a kill -9, and every byte stays as it was (%s)',
    async (_, vault, message) => {
      await using folder = await newFolder();
      await using writer = startWriter('write', folder.path, 1);
      let acknowledged = 0;
      while (acknowledged < 50) acknowledged = Number(await writer.line());
      await writer.kill();
      const before = await filesOf(folder.path);

      await expect(openSqlite({ directory: folder.path, vault })).rejects.toThrow(message);

      expect(Object.keys(before)).toContain(`${FILE}-wal`);
      expect(await filesOf(folder.path)).toEqual(before);
    },
  );

  it('are refused where the index of the write-ahead file is missing, which stays so', async () => {
    await using folder = await newFolder();
    await using crashed = await newFolder();
    await using store = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    await sayEverything(store, PHRASE);
    await copyFiles(folder.path, crashed.path);
    const before = await filesOf(crashed.path);

    await expect(openSqlite({ directory: crashed.path })).rejects.toThrow(/there is no key/);

    expect(Object.keys(before)).toEqual([FILE, `${FILE}-wal`]);
    expect(await filesOf(crashed.path)).toEqual(before);
  });

  it('are all named before a new one is used: one that is still in use must be there', async () => {
    await using folder = await newFolder();
    const store = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    await sayEverything(store, PHRASE);
    await store[Symbol.asyncDispose]();

    await expect(openSqlite({ directory: folder.path, vault: vaultOf(2, 3) })).rejects.toThrow(
      /not in ENCRYPTION_KEY_FILE/,
    );

    await using again = await openSqlite({ directory: folder.path, vault: vaultOf(2, 3, 1) });
    expect(await again.healthy()).toBe(true);
  });

  it('leave data of a newer version as it is, to the byte', async () => {
    await using folder = await newFolder();
    await (await openSqlite({ directory: folder.path }))[Symbol.asyncDispose]();
    {
      using db = new DatabaseSync(join(folder.path, FILE));
      db.exec('PRAGMA user_version = 99');
    }
    const before = await filesOf(folder.path);

    await expect(openSqlite({ directory: folder.path, vault: vaultOf(1) })).rejects.toThrow(
      /schema version 99/,
    );

    expect(await filesOf(folder.path)).toEqual(before);
  });
});

describe('a key for data that is plain', () => {
  it('encrypts all of it at the start, says so once, and leaves no plain text in any file', async () => {
    await using folder = await newFolder();
    await using crashed = await newFolder();
    const store = await openSqlite({ directory: folder.path });
    const life = await sayEverything(store, PHRASE);
    for (let index = 0; index < 20; index += 1) await spoken(store, `${PHRASE} ${index}`, 'turn', ['a']);
    const before = await wholeOf(store, life, PHRASE);
    await copyFiles(folder.path, crashed.path);
    await store[Symbol.asyncDispose]();
    const log = newLog();

    await using encrypted = await openSqlite({ directory: crashed.path, vault: vaultOf(1), log });

    expect(log.messages).toEqual(['the data is encrypted from now on']);
    expect(await bytesOf(crashed.path)).not.toContain(PHRASE);
    expect(await wholeOf(encrypted, life, PHRASE)).toEqual(before);
    expect(new Set(wrappedKeys(crashed.path)).size).toBe(21);
    await encrypted[Symbol.asyncDispose]();
    await using _again = await openSqlite({ directory: crashed.path, vault: vaultOf(1), log });
    expect(log.messages).toHaveLength(1);
  });

  it('goes on where it failed', async () => {
    await using folder = await newFolder();
    const store = await openSqlite({ directory: folder.path });
    const lives: Lease[] = [];
    for (let index = 0; index < 5; index += 1)
      lives.push(await spoken(store, `${PHRASE} ${index}`, 'turn', ['a', 'b']));
    await store[Symbol.asyncDispose]();
    using db = new DatabaseSync(join(folder.path, FILE));
    db.exec(
      "CREATE TRIGGER full BEFORE UPDATE ON log WHEN new.session = 3 BEGIN SELECT raise(ABORT, 'full'); END",
    );

    const failed = openSqlite({ directory: folder.path, vault: vaultOf(1) });
    await expect(failed).rejects.toThrow(
      /^The data is not encrypted to its end: full\. The next start goes on with it\.$/,
    );
    const part = wrappedKeys(folder.path).length;
    await expect(openSqlite({ directory: folder.path })).rejects.toThrow(/there is no key/);
    db.exec('DROP TRIGGER full');
    db.close();
    await using again = await openSqlite({ directory: folder.path, vault: vaultOf(1) });

    expect(part).toBe(2);
    expect(await bytesOf(folder.path)).not.toContain(PHRASE);
    const texts = await Promise.all(lives.map(async (life) => (await again.turn(life, 'turn'))?.text));
    expect(texts).toEqual(['ab', 'ab', 'ab', 'ab', 'ab']);
  });

  it('goes on where it was killed, however often', async () => {
    await using folder = await newFolder();
    const store = await openSqlite({ directory: folder.path });
    const words = Array.from({ length: 8 }, (_, index) => `${PHRASE} ${index} `);
    const names = Array.from({ length: 400 }, (_, index) => `${PHRASE} ${index}`);
    await Promise.all(names.map((name) => spoken(store, name, 'turn', words)));
    await store[Symbol.asyncDispose]();
    const wal = join(folder.path, `${FILE}-wal`);
    const size = () =>
      stat(wal).then(
        ({ size }) => size,
        () => 0,
      );

    for (let round = 1; round <= 3; round += 1) {
      await using writer = startWriter('hold', folder.path, 1);
      await expect.poll(size, { timeout: 20_000, interval: 1 }).toBeGreaterThan(round * 20_000);
      await writer.kill();
    }

    await using again = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    expect(await bytesOf(folder.path)).not.toContain(PHRASE);
    const texts = await Promise.all(
      names.map(async (name) => (await again.turn(newSession(name), 'turn'))?.text),
    );
    expect(new Set(texts)).toEqual(new Set([words.join('')]));
  });
});

describe('a new key before the old one', () => {
  it('wraps every data key while others write, then says that the old key may go', async () => {
    await using folder = await newFolder();
    const store = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    const names = Array.from({ length: 250 }, (_, index) => `session ${index}`);
    await Promise.all(names.map((name) => spoken(store, name, 'turn', ['a'])));
    await store[Symbol.asyncDispose]();
    const log = newLog();

    const rotated = await openSqlite({ directory: folder.path, vault: vaultOf(2, 1), log });
    const { lease } = await admit(rotated, 'session 7', 'turn-2');
    for (let at = 0; at < 20; at += 1) await rotated.append(lease, [token('turn-2', at, 'x')], LEASE_MS);
    await rotated.remove(newSession('session 8'));

    await expect
      .poll(() => log.messages, { timeout: 20_000 })
      .toEqual([expect.stringMatching(/may be removed/)]);
    expect(new Set(wrappedKeys(folder.path).map(masterOf))).toEqual(new Set(vaultOf(2).masters));
    await rotated[Symbol.asyncDispose]();
    await expect(openSqlite({ directory: folder.path, vault: vaultOf(1) })).rejects.toThrow(
      /not in ENCRYPTION_KEY_FILE/,
    );
    await using again = await openSqlite({ directory: folder.path, vault: vaultOf(2) });
    const texts = await Promise.all(
      names.map(async (name) => (await again.turn(newSession(name), 'turn'))?.text),
    );
    expect(texts.filter((text) => text === 'a')).toHaveLength(249);
    expect(await again.turn(lease, 'turn-2')).toMatchObject({ text: 'x'.repeat(20) });
  });

  it('is gone on with at the next start, and needs both keys until then', async () => {
    await using folder = await newFolder();
    const store = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    const names = Array.from({ length: 500 }, (_, index) => `session ${index}`);
    await Promise.all(names.map((name) => admit(store, name, 'turn')));
    await store[Symbol.asyncDispose]();

    await (await openSqlite({ directory: folder.path, vault: vaultOf(2, 1) }))[Symbol.asyncDispose]();
    const log = newLog();

    await expect(openSqlite({ directory: folder.path, vault: vaultOf(2) })).rejects.toThrow(
      /not in ENCRYPTION_KEY_FILE/,
    );
    await using again = await openSqlite({ directory: folder.path, vault: vaultOf(2, 1), log });
    await expect.poll(() => log.messages, { timeout: 20_000 }).toHaveLength(1);
    expect(new Set(wrappedKeys(folder.path).map(masterOf))).toEqual(new Set(vaultOf(2).masters));
    expect(await again.healthy()).toBe(true);
  });
});
