import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { GroupCommit } from '../../../src/store/group-commit.ts';

function openCommit() {
  const db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE t (x INTEGER UNIQUE)');
  const commits: string[][] = [];
  const commit = new GroupCommit(db, (changed) => commits.push([...changed]));
  const insert = (x: number) => db.prepare('INSERT INTO t VALUES (?)').run(x).changes;
  const values = () =>
    db
      .prepare('SELECT x FROM t ORDER BY x')
      .all()
      .map(({ x }) => Number(x));
  return { db, commit, commits, insert, values, [Symbol.dispose]: () => db.close() };
}

it('commits the jobs of one tick together, in order, and says what they changed', async () => {
  using bench = openCommit();
  const run = (x: number) =>
    bench.commit.run((step) => {
      step.changed(`key ${x % 2}`);
      bench.insert(x);
      return x;
    });

  const results = await Promise.all([run(1), run(2), run(3)]);

  expect(results).toEqual([1, 2, 3]);
  expect(bench.commits).toEqual([['key 1', 'key 0']]);
});

it('[P-1] settles nothing before the commit', async () => {
  using bench = openCommit();
  const seen: boolean[] = [];

  const first = bench.commit.run(() => bench.insert(1)).then(() => seen.push(bench.db.isTransaction));
  const second = bench.commit.run(() => {
    bench.insert(2);
    expect(seen).toEqual([]);
  });
  await Promise.all([first, second]);

  expect(seen).toEqual([false]);
});

it('rejects a job that refuses alone, without a second run of the others', async () => {
  using bench = openCommit();
  let runs = 0;

  const outcomes = await Promise.allSettled([
    bench.commit.run(() => bench.insert(1)),
    bench.commit.run(() => {
      throw new AppError('SESSION_CONFLICT');
    }),
    bench.commit.run(() => (runs += 1)),
  ]);

  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(runs).toBe(1);
  expect(bench.commits).toHaveLength(1);
  expect(bench.values()).toEqual([1]);
});

it('runs each job alone when one fails, and undoes what the failed one did', async () => {
  using bench = openCommit();
  const memory: string[] = [];
  const job = (name: string, x: number, fault?: Error) =>
    bench.commit.run((step) => {
      step.undo(() => memory.pop());
      memory.push(name);
      bench.insert(x);
      if (fault) throw fault;
      return name;
    });
  const fault = new Error('a bug');

  const outcomes = await Promise.allSettled([job('a', 1), job('b', 2, fault), job('c', 3)]);

  expect(outcomes).toEqual([
    { status: 'fulfilled', value: 'a' },
    { status: 'rejected', reason: fault },
    { status: 'fulfilled', value: 'c' },
  ]);
  expect(bench.values()).toEqual([1, 3]);
  expect(memory).toEqual(['a', 'c']);
});

it('undoes the latest change first', async () => {
  using bench = openCommit();
  const undone: number[] = [];

  const failed = bench.commit.run((step) => {
    step.undo(() => undone.push(1));
    step.undo(() => undone.push(2));
    throw new Error('a bug');
  });

  await expect(failed).rejects.toThrow('a bug');
  expect(undone).toEqual([2, 1]);
});

it('raises a broken constraint as the bug it is', async () => {
  using bench = openCommit();
  bench.insert(1);

  await expect(bench.commit.run(() => bench.insert(1))).rejects.toThrow(/UNIQUE/);
});

it('answers STORE_UNAVAILABLE with its cause while nothing can be written, and goes on afterwards', async () => {
  using bench = openCommit();
  bench.db.exec('PRAGMA query_only = ON');

  const refused = await Promise.allSettled([
    bench.commit.run(() => bench.insert(1)),
    bench.commit.run(() => bench.insert(2)),
  ]);
  bench.db.exec('PRAGMA query_only = OFF');
  await bench.commit.run(() => bench.insert(3));

  for (const outcome of refused) {
    expect(outcome).toMatchObject({
      reason: { code: 'STORE_UNAVAILABLE', cause: { code: 'ERR_SQLITE_ERROR' } },
    });
  }
  expect(bench.values()).toEqual([3]);
});

it('refuses every job of a transaction that cannot begin', async () => {
  using bench = openCommit();
  bench.db.exec('BEGIN');

  const outcomes = await Promise.allSettled([bench.commit.run(() => 1), bench.commit.run(() => 2)]);

  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

it('answers STORE_UNAVAILABLE when the database was closed', async () => {
  using bench = openCommit();
  const other = new DatabaseSync(':memory:');
  const commit = new GroupCommit(other, () => {});
  other.close();

  await expect(commit.run(() => 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect(bench.values()).toEqual([]);
});

it('commits what waits when it closes, and refuses what comes later', async () => {
  using bench = openCommit();
  const waiting = bench.commit.run(() => bench.insert(1));

  bench.commit.close();

  expect(bench.values()).toEqual([1]);
  await waiting;
  await expect(bench.commit.run(() => bench.insert(2))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});
