import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { migrate } from '../../../src/store/sqlite-schema.ts';

function version(db: DatabaseSync): unknown {
  return db.prepare('PRAGMA user_version').get()?.['user_version'];
}

it('brings an empty database to the newest schema', () => {
  using db = new DatabaseSync(':memory:');

  migrate(db);

  expect(version(db)).toBe(1);
});

it('leaves a database of the newest schema as it is', () => {
  using db = new DatabaseSync(':memory:');
  migrate(db);
  const schema = () => db.prepare('SELECT name, sql FROM sqlite_schema').all();
  const before = schema();

  migrate(db);

  expect(schema()).toEqual(before);
});

it('refuses a newer schema and says what to do', () => {
  using db = new DatabaseSync(':memory:');
  db.exec('PRAGMA user_version = 2');

  expect(() => migrate(db)).toThrow(
    /schema version 2, written by a newer Stillpoint; this one knows up to 1: .*DATA_DIR/,
  );
  expect(version(db)).toBe(2);
});
