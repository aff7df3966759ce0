// Records of an encrypted store that somebody put in another place.
import { DatabaseSync } from 'node:sqlite';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SqliteStore } from '../../src/store/sqlite.ts';
import { sayEverything, wholeOf } from '../support/store-canary.ts';
import { vaultOf } from '../support/store-folder.ts';

const PHRASE = 'canaryphrase';

describe('a record in another place', () => {
  const places: [string, string][] = [
    ['sessions', 'identity'],
    ['sessions', 'state'],
    ['sessions', 'metadata'],
    ['sessions', 'memory'],
    ['sessions', 'care'],
    ['turns', 'input'],
    ['turns', 'state'],
    ['log', 'data'],
    ['clients', 'care'],
    ['alerts', 'call'],
    ['alerts', 'course'],
    ['capabilities', 'what'],
  ];

  /** Says everything twice, damages the file, and reads all of the first session. */
  async function read(damage: string): Promise<unknown> {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, { vault: vaultOf(1) });
    const life = await sayEverything(store, PHRASE);
    await sayEverything(store, 'another');
    db.exec(damage);
    return await wholeOf(store, life, PHRASE).catch((error: unknown) => error);
  }

  it.each(places)('is refused: %s.%s of another session', async (table, column) => {
    const id = table === 'sessions' ? 'id' : 'session';
    const other = `(SELECT ${column} FROM ${table} WHERE ${id} = 2 LIMIT 1)`;

    const error = await read(`UPDATE ${table} SET ${column} = ${other} WHERE ${id} = 1`);

    expect(error).toMatchObject({
      message: 'A stored record is damaged, or was put in the place of another',
    });
    expect(inspect(error, { depth: null })).not.toMatch(/canaryphrase|another id/);
  });

  it.each([
    ['turns', 'input', 'n'],
    ['turns', 'state', 'n'],
    ['log', 'data', 'last_seq'],
    ['alerts', 'call', 'id'],
    ['alerts', 'course', 'id'],
    ['capabilities', 'what', 'id'],
  ])('is refused: %s.%s of another row of the session', async (table, column, key) => {
    const [first, second] = [1, 2].map(
      (n) => `(SELECT ${key} FROM ${table} WHERE session = 1 ORDER BY ${key} LIMIT 1 OFFSET ${n - 1})`,
    );

    const error = await read(
      `UPDATE ${table} SET ${column} = (SELECT ${column} FROM ${table} WHERE session = 1 AND ${key} = ${second}) WHERE session = 1 AND ${key} = ${first}`,
    );

    expect(error).toMatchObject({ message: expect.stringMatching(/damaged/) });
  });

  it.each([
    ['state in the place of identity', 'UPDATE sessions SET identity = state'],
    ['care in the place of memory', 'UPDATE sessions SET memory = care'],
    ['course in the place of call', 'UPDATE alerts SET call = course'],
    ['a plain one', "UPDATE sessions SET metadata = '1{}'"],
    ['a session without its key', 'UPDATE sessions SET data_key = NULL'],
    ['a session with the key of another', 'UPDATE sessions SET data_key = 3 - data_key'],
    ['an overwritten key', "UPDATE data_keys SET wrapped = 'k1.' || substr(wrapped, 4, 17) || '0'"],
  ])('is refused: %s', async (_, damage) => {
    expect(await read(damage)).toBeInstanceOf(Error);
  });

  it.each([
    [
      'with the words of another row',
      'UPDATE journal SET data = (SELECT data FROM journal ORDER BY id LIMIT 1)',
    ],
    ['with another number', 'UPDATE journal SET seq = seq + 1'],
    ['of another session', 'UPDATE journal SET session = 3 - session'],
  ])('is refused at the start: a row of the journal %s', async (_, damage) => {
    using db = new DatabaseSync(':memory:');
    const store = new SqliteStore('test', db, { vault: vaultOf(1) });
    await sayEverything(store, PHRASE);
    await sayEverything(store, 'another');

    db.exec(damage);

    expect(() => new SqliteStore('again', db, { vault: vaultOf(1) })).toThrow(/damaged/);
  });

  it('changes nothing when rows of the journal change places with their numbers', async () => {
    using db = new DatabaseSync(':memory:');
    const store = new SqliteStore('test', db, { vault: vaultOf(1) });
    const life = await sayEverything(store, PHRASE);
    db.exec('UPDATE journal SET id = 1000 - id');

    await using again = new SqliteStore('again', db, { vault: vaultOf(1) });

    expect(await again.turn(life, life.turnId)).toMatchObject({ text: `${PHRASE} again!` });
    await store[Symbol.asyncDispose]();
  });

  it('is refused: a whole session that is plain', async () => {
    using db = new DatabaseSync(':memory:');
    await using store = new SqliteStore('test', db, { vault: vaultOf(1) });
    const life = await sayEverything(store, PHRASE);
    db.exec(`UPDATE sessions SET data_key = NULL, memory = NULL, care = NULL, metadata = '1{}', state = '1{}',
      identity = '1{"tenant":"${life.tenant}","owner":"forged"}'`);

    await expect(store.session(life)).rejects.toThrow('The data key of a session is missing');
    await expect(store.list(life.tenant, null, null, 10)).rejects.toThrow(
      'The data key of a session is missing',
    );
  });
});
