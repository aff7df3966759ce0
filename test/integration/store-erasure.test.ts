// What is left of a removed session in the files of the SQLite store.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openSqlite, SqliteStore } from '../../src/store/sqlite.ts';
import { admit, LEASE_MS, newSession, spoken, token } from '../conformance/store-bench.ts';
import { bytesOf, sayEverything, wrappedKeys } from '../support/store-canary.ts';
import { copyFiles, newFolder, vaultOf } from '../support/store-folder.ts';

const FILE = 'stillpoint.db';
const PHRASE = 'canaryphrase';

describe('a removed session', () => {
  it.each([
    ['plain', vaultOf()],
    ['encrypted', vaultOf(1)],
  ])('is in no file once its removal is answered, nor is its key (%s)', async (_, vault) => {
    await using folder = await newFolder();
    await using crashed = await newFolder();
    await using store = await openSqlite({ directory: folder.path, vault });
    const kept = await spoken(store, 'kept', 'turn', ['kept words']);
    const life = await sayEverything(store, PHRASE);
    const [keptKey, key] = wrappedKeys(folder.path);

    expect(await store.remove(life)).toBe(true);

    const bytes = await bytesOf(folder.path);
    expect(bytes).not.toContain(PHRASE);
    if (vault.masters.length > 0) {
      expect(key).toMatch(/^k1\./);
      expect(bytes).not.toContain(key?.slice(-60));
      expect(bytes).toContain(keptKey);
    }
    expect(await store.turn(kept, 'turn')).toMatchObject({ text: 'kept words' });
    await copyFiles(folder.path, crashed.path);
    expect(await bytesOf(crashed.path)).not.toContain(PHRASE);
  });

  it('is in no file after the next start, if the process was killed before its removal was answered', async () => {
    await using folder = await newFolder();
    await using crashed = await newFolder();
    await using store = await openSqlite({ directory: folder.path });
    const life = await sayEverything(store, PHRASE);
    const reader = new DatabaseSync(join(folder.path, FILE), { readOnly: true });
    reader.exec('BEGIN; SELECT * FROM sessions');
    const removed = store.remove(life);
    await expect.poll(() => store.session(life)).toBeUndefined();

    await copyFiles(folder.path, crashed.path);
    const before = await bytesOf(crashed.path);
    await using again = await openSqlite({ directory: crashed.path });

    expect(before).toContain(PHRASE);
    expect(await bytesOf(crashed.path)).not.toContain(PHRASE);
    expect(await again.wasRemoved(life)).toBe(true);
    reader.close();
    expect(await removed).toBe(true);
  });

  it('leaves no key behind, however many come and go', async () => {
    await using folder = await newFolder();
    await using store = await openSqlite({ directory: folder.path, vault: vaultOf(1) });
    const gone: string[] = [];
    for (let round = 0; round < 12; round += 1) {
      const names = Array.from({ length: 60 }, (_, index) => `${round} ${index}`);
      await Promise.all(names.map((name) => admit(store, name, 'turn')));
      const keys = wrappedKeys(folder.path);
      const over = names.filter((_, index) => index % 7 !== round % 7);
      await Promise.all(over.map((name) => store.remove(newSession(name))));
      const left = new Set(wrappedKeys(folder.path));
      gone.push(...keys.filter((key) => !left.has(key)));
    }

    const bytes = await bytesOf(folder.path);

    expect(gone.length).toBeGreaterThan(500);
    expect(gone.filter((key) => bytes.includes(key.slice(30, 70)))).toEqual([]);
    expect(wrappedKeys(folder.path).filter((key) => !bytes.includes(key))).toEqual([]);
    using db = new DatabaseSync(join(folder.path, FILE), { readOnly: true });
    expect(db.prepare('SELECT count(*) < 200 AS few FROM data_keys').get()).toEqual({ few: 1 });
  });

  it('can be removed although its records are damaged', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, { vault: vaultOf(1) });
    const life = await sayEverything(store, PHRASE);
    db.exec("UPDATE sessions SET identity = '2', state = '2', metadata = '', care = 'x'");
    await expect(store.session(life)).rejects.toThrow(/damaged/);

    expect(await store.remove(life)).toBe(true);

    expect(await store.session(life)).toBeUndefined();
  });

  it('keeps no others from being found idle when it is damaged', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, { vault: vaultOf(1) });
    for (const name of ['a', 'b', 'c'])
      await store.create({ session: newSession(name), createKey: null, idGiven: true });
    db.exec("UPDATE sessions SET identity = '2' WHERE id = 2");

    const { sessions } = await store.idle(Date.now() + 1000, null, 10);

    expect(sessions.map(({ sessionId }) => sessionId)).toEqual(['a', 'c']);
  });

  it('[S-6] gets nothing more from a live turn, in a thousand races', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, { vault: vaultOf(1) });
    const race = async (index: number) => {
      const { lease } = await admit(store, `race ${index}`, 'turn');
      const late: Promise<unknown>[] = [];
      let at = 0;
      const words = async () => {
        for (let said: unknown = 'appended'; said === 'appended'; at += 1)
          said = await store.append(lease, [token('turn', at, 'x')], LEASE_MS);
      };
      const speaking = words();
      for (let wait = 0; wait < index % 5; wait += 1) await new Promise(setImmediate);
      late.push(
        store.note(lease, [], { care: 'before' }),
        store.grant(lease, { capabilityId: 'c', rights: [], label: null, expiresAt: null }),
      );
      const removed = store.remove(lease);
      late.push(
        store.mark(lease, 'streaming', null),
        store.cancel(lease, null),
        store.note(lease, [], { care: 'late' }),
      );
      await Promise.allSettled([speaking, ...late]);
      return removed;
    };
    const removed: boolean[] = [];
    for (let from = 0; from < 1000; from += 50)
      removed.push(...(await Promise.all(Array.from({ length: 50 }, (_, index) => race(from + index)))));

    expect(removed.every(Boolean)).toBe(true);
    for (const table of ['sessions', 'turns', 'log', 'journal', 'capabilities', 'clients', 'alerts'])
      expect(db.prepare(`SELECT count(*) AS n FROM ${table}`).get(), table).toEqual({ n: 0 });
    expect(db.prepare('SELECT count(*) AS n FROM tombstones').get()).toEqual({ n: 1000 });
    expect(db.prepare("SELECT count(*) AS n FROM data_keys WHERE wrapped LIKE 'k1%'").get()).toEqual({
      n: 0,
    });
  });
});
