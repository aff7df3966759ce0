// What SQLite does for each statement of the store: nothing that takes longer the more there is.
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { SqliteStore } from '../../../src/store/sqlite.ts';
import { newSession } from '../../conformance/store-bench.ts';

/** What is as long as something small, however much is stored, or ends with its first rows. */
const short = [
  // read once, at the start: words of live turns, and live turns
  /FROM journal ORDER BY seq, id$/,
  /^SCAN turns USING INDEX turns_live:/,
  // what a removal is for
  /^SEARCH log .*: DELETE FROM log WHERE session = \?$/,
  // what each session has at most a few of
  /FROM capabilities WHERE session = \? ORDER BY id$/,
  // names of keys, and counts by kind
  /FROM (vault|audit_counts|sqlite_schema)\b/,
  // the first rows in the order of their numbers, or of an index
  /^SCAN (alerts|audit|data_keys USING COVERING INDEX data_keys_free):.* LIMIT (1|\?)$/,
  /^SCAN CONSTANT ROW:/,
  // of what waits for one receiver, once in a while, against a limit
  /^counts rows: .* FROM messages WHERE receiver = \?$/,
];

/** All rows of a table, all of a session's log, or a sort. */
const isLong = (step: string): boolean =>
  /^SCAN|TEMP B-TREE|^SEARCH log USING PRIMARY KEY \(session=\?\)$/.test(step);

/** Every statement that a store makes ready while it is opened. */
function statements(): { db: DatabaseSync; store: SqliteStore; all: string[] } {
  const db = new DatabaseSync(':memory:');
  const all: string[] = [];
  const prepare = db.prepare.bind(db);
  db.prepare = (sql) => {
    all.push(sql);
    return prepare(sql);
  };
  const store = new SqliteStore('memory', db, {});
  return { db, store, all };
}

it('reads no whole table, sorts nothing, and counts no rows', async () => {
  const { db, store, all } = statements();
  await using _store = store;
  const asked = all.filter((sql) => /^(SELECT|INSERT|UPDATE|DELETE)/.test(sql));

  const found = asked.flatMap((sql) => {
    const steps = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    const long = steps.map(({ detail }) => String(detail)).filter((text) => isLong(text));
    const counts = /\bcount\(/.test(sql) ? ['counts rows'] : [];
    return [...long, ...counts].map((what) => `${what}: ${sql}`);
  });
  const tooLong = found.filter((text) => !short.some((pattern) => pattern.test(text)));

  expect(asked.length).toBeGreaterThan(60);
  expect(tooLong).toEqual([]);
});

it('knows how many sessions there are of a tenant and of an owner, whatever becomes of them', async () => {
  const { db, store } = statements();
  await using _store = store;
  const create = (sessionId: string, owner: string, tenant = 'tenant') =>
    store.create({ session: newSession(sessionId, { owner, tenant }), createKey: null, idGiven: true });
  const total = async (tenant: string, owner: string | null) =>
    (await store.list(tenant, owner, null, 1)).total;
  const totals = async () => [
    await total('tenant', null),
    await total('tenant', 'a'),
    await total('tenant', 'b'),
    await total('other', null),
  ];

  const none = await totals();
  await Promise.all([create('1', 'a'), create('2', 'a'), create('3', 'b'), create('4', 'a', 'other')]);
  await expect(create('1', 'b')).rejects.toThrow();
  const made = await totals();
  await store.remove(newSession('1'));
  await store.remove(newSession('3'));
  await store.remove(newSession('4', { tenant: 'other' }));
  const left = await totals();

  expect([none, made, left]).toEqual([
    [0, 0, 0, 0],
    [3, 2, 1, 1],
    [1, 1, 0, 0],
  ]);
  expect(db.prepare('SELECT count FROM session_counts').all()).toEqual([{ count: 1 }, { count: 1 }]);
});
