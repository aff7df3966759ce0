// What is told of removed sessions in the files of the embedded store, and messages that cannot be read.
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openSqlite, SqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import type { Vault } from '../../src/store/vault.ts';
import { newSession } from '../conformance/store-bench.ts';
import { deliver, message } from '../conformance/store-outbox.ts';
import { bytesOf } from '../support/store-canary.ts';
import { newFolder, vaultOf } from '../support/store-folder.ts';
import { createChanges, until } from '../support/wait.ts';

const PHRASE = 'canaryphrase';

/** A session of which only its end is still to be told. */
async function removed(store: Store, name = PHRASE): Promise<void> {
  const { session } = await store.create({
    session: newSession(name),
    createKey: null,
    idGiven: true,
    outbox: [message(`created ${name}`)],
  });
  await store.remove(session, { outbox: [message(`deleted ${name}`)] });
}

describe('what tells of a removed session', () => {
  it.each([
    ['plain', vaultOf(), 1],
    ['encrypted', vaultOf(1), 0],
  ])('is in no file once it is delivered (%s)', async (_, vault, shown) => {
    await using folder = await newFolder();
    await using store = await openSqlite({ directory: folder.path, vault });
    await removed(store);
    const waiting = await bytesOf(folder.path);

    expect(await deliver(store)).toEqual([`deleted ${PHRASE}`]);

    expect(waiting.includes(PHRASE)).toBe(shown === 1);
    await expect.poll(() => bytesOf(folder.path)).not.toContain(PHRASE);
  });

  it('leaves no key behind', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, { vault: vaultOf(1) });
    for (const name of ['a', 'b', 'c']) await removed(store, name);
    const keys = () => db.prepare("SELECT count(*) AS n FROM data_keys WHERE wrapped LIKE 'k1%'").get();
    const before = keys();

    await deliver(store);

    expect([before, keys()]).toEqual([{ n: 3 }, { n: 0 }]);
  });

  it('is encrypted where there is a key from now on', async () => {
    await using folder = await newFolder();
    const plain = await openSqlite({ directory: folder.path });
    await removed(plain);
    await plain[Symbol.asyncDispose]();

    await using store = await openSqlite({ directory: folder.path, vault: vaultOf(1) });

    expect(await bytesOf(folder.path)).not.toContain(PHRASE);
    expect(await deliver(store)).toEqual([`deleted ${PHRASE}`]);
  });

  it('is wrapped by the new master key, so that the old one may go', async () => {
    await using folder = await newFolder();
    const changes = createChanges();
    const said: string[] = [];
    const say = (_: object, line: string) => {
      said.push(line);
      changes.notify();
    };
    const open = (vault: Vault) =>
      openSqlite({ directory: folder.path, vault, log: { info: say, warn: say } });
    const old = await open(vaultOf(1));
    await removed(old);
    await old[Symbol.asyncDispose]();
    const both = await open(vaultOf(2, 1));
    const isThrough = () => said.some((line) => line.includes('wrapped by the first master key'));
    await until(isThrough, changes.subscribe, 'the end of the rotation');
    await both[Symbol.asyncDispose]();

    await using store = await open(vaultOf(2));

    expect(await deliver(store)).toEqual([`deleted ${PHRASE}`]);
  });
});

describe('a damaged message', () => {
  it('is due without a body, and holds up no other', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, { vault: vaultOf(1) });
    for (const name of ['a', 'b']) await removed(store, name);
    db.exec("UPDATE messages SET body = '2' || substr(body, 4) WHERE id = 2");

    const bodies = (await store.outbox.dueMessages('r', 10)).map(({ body }) => body === null);

    expect(bodies.filter(Boolean)).toEqual([true]);
    expect(await deliver(store)).toHaveLength(2);
    expect(await store.outbox.dueMessages('r', 10)).toEqual([]);
  });
});
