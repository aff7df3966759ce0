// The script that checks an audit: in the files of a server, while it runs and afterwards.
import { execFile } from 'node:child_process';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { answerTo, verifyDirectory } from '../../src/ops/audit-verify.ts';
import { openRedis } from '../../src/store/redis-open.ts';
import { RedisStore } from '../../src/store/redis.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { admit, fact, wholeAudit } from '../conformance/store-bench.ts';
import { startRedis } from '../support/redis-server.ts';
import { copyFiles, newFolder } from '../support/store-folder.ts';

const SCRIPT = fileURLToPath(new URL('../../src/ops/audit-verify.ts', import.meta.url));
const FILE = 'stillpoint.db';

/** The script as it is run. */
function run(
  directory: string,
  args: string[] = [],
  more: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; out: string; err: string }>();
  const env = { ...process.env, DATA_DIR: directory, ...more };
  const child = execFile(process.execPath, [SCRIPT, ...args], { env }, (_, out, err) => {
    resolve({ code: child.exitCode ?? -1, out, err });
  });
  return promise;
}

/** A closed store with an audit of that many records; answers its head. */
async function fill(directory: string, count: number): Promise<string> {
  await using store = await openSqlite({ directory });
  await write(store, count);
  return await headOf(store);
}

async function write(store: Store, count: number): Promise<void> {
  await store.attest(Array.from({ length: count }, (_, index) => fact(String(index))));
}

async function headOf(store: Store): Promise<string> {
  return (await wholeAudit(store)).at(-1)?.hash ?? '';
}

/** Changes the file as somebody does who can write to it, past the schema. */
function tamper(directory: string, sql: string): void {
  using db = new DatabaseSync(join(directory, FILE));
  const triggers = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all();
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${String(name)}`);
  db.exec(sql);
}

describe('the script', () => {
  it('says how many records there are and the head, also while a server has the files open', async () => {
    await using folder = await newFolder();
    await using store = await openSqlite({ directory: folder.path });
    await admit(store, 'session', 'turn', { audit: [fact('one'), fact('two')] });

    const first = await run(folder.path);
    await store.attest([fact('three')]);
    const second = await run(folder.path, ['--head', await headOf(store)]);

    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(/^2 records, the chain holds, head [0-9a-f]{64}\n$/);
    expect(second).toMatchObject({
      code: 0,
      out: `3 records, the chain holds, head ${await headOf(store)}\n`,
    });
    expect(await store.healthy()).toBe(true);
  });

  it('names the first record that does not fit and fails', async () => {
    await using folder = await newFolder();
    await fill(folder.path, 5);
    tamper(folder.path, "UPDATE audit SET body = replace(body, 'active', 'none') WHERE n >= 3");

    const { code, out, err } = await run(folder.path);

    expect({ code, out, err }).toEqual({
      code: 1,
      out: '',
      err: 'Record 3 is changed: the chain does not hold.\n',
    });
  });

  it('says in one line that there is no data', async () => {
    await using folder = await newFolder();

    const { code, out, err } = await run(join(folder.path, 'nowhere'));

    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^There is no data in \S+nowhere: set DATA_DIR [^\n]*\n$/);
  });
});

describe('a verdict', () => {
  it('is good on an audit without a record, of any length, and on files that a crash left', async () => {
    await using folder = await newFolder();
    await using copy = await newFolder();
    await using store = await openSqlite({ directory: folder.path });
    const empty = verifyDirectory(folder.path, undefined);
    await write(store, 2500);
    await copyFiles(folder.path, copy.path);

    const left = verifyDirectory(copy.path, await headOf(store));

    expect(empty).toEqual({ isWell: true, text: `0 records, the chain holds, head ${'0'.repeat(64)}` });
    expect(left).toEqual({
      isWell: true,
      text: `2500 records, the chain holds, head ${await headOf(store)}`,
    });
  });

  it('leaves closed files as they are, so that a server opens them afterwards', async () => {
    await using folder = await newFolder();
    const head = await fill(folder.path, 3);
    const before = await stat(join(folder.path, FILE));

    const { isWell } = verifyDirectory(folder.path, head);

    const after = await stat(join(folder.path, FILE));
    expect(isWell).toBe(true);
    expect([after.mtimeMs, after.size, after.mode]).toEqual([before.mtimeMs, before.size, before.mode]);
    await using store = await openSqlite({ directory: folder.path });
    await store.attest([fact('next')]);
    expect(verifyDirectory(folder.path, head)).toMatchObject({ isWell: true });
  });

  it.each([
    ['DELETE FROM audit WHERE n = 1500', 'Record 1500 is missing: the chain does not hold.'],
    ['DELETE FROM audit WHERE n <= 2', 'Record 1 is missing: the chain does not hold.'],
    [
      'UPDATE audit SET n = -1 WHERE n = 7; UPDATE audit SET n = 7 WHERE n = 8; UPDATE audit SET n = 8 WHERE n = -1',
      'Record 7 is out of order: the chain does not hold.',
    ],
    [
      'UPDATE audit SET hash = upper(hash) WHERE n = 1700',
      'Record 1700 is changed: the chain does not hold.',
    ],
  ])('is bad after %s', async (sql, text) => {
    await using folder = await newFolder();
    await fill(folder.path, 2000);
    tamper(folder.path, sql);

    expect(verifyDirectory(folder.path, undefined)).toEqual({ isWell: false, text });
  });

  it('sees that the end is cut off where a head was noted', async () => {
    await using folder = await newFolder();
    const head = await fill(folder.path, 5);
    tamper(folder.path, 'DELETE FROM audit WHERE n > 3');

    expect(verifyDirectory(folder.path, undefined)).toMatchObject({ isWell: true });
    expect(verifyDirectory(folder.path, head)).toEqual({
      isWell: false,
      text: '3 records fit together, but the head noted earlier is not among them: the end was cut off, or this is another audit.',
    });
  });

  it('is bad, in one line, on a file that is no store', async () => {
    await using folder = await newFolder();
    await writeFile(join(folder.path, FILE), 'something else entirely '.repeat(100));

    const { isWell, text } = verifyDirectory(folder.path, undefined);

    expect(isWell).toBe(false);
    expect(text).toMatch(/^The audit in \S+ cannot be read: [^\n]+$/);
    expect(await readdir(folder.path)).toEqual([FILE]);
  });
});

describe('an audit in Redis', () => {
  /** A Redis with an audit of that many records, and the environment of a server on it. */
  async function fillRedis(count: number) {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url, REDIS_PREFIX: 'mine', DATA_DIR: 'nowhere' };
    const log = { info: () => {}, warn: () => {} };
    const link = await openRedis({ urls: [redis.url], prefix: 'mine', log });
    await using store = new RedisStore(link, log);
    await write(store, count);
    return {
      redis,
      env,
      head: await headOf(store),
      [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
    };
  }

  it('is checked by the script, with the head that was noted', async () => {
    await using filled = await fillRedis(2500);
    const { env, head } = filled;

    const { code, out, err } = await run('nowhere', ['--head', head], env);

    expect({ code, out, err }).toEqual({
      code: 0,
      out: `2500 records, the chain holds, head ${head}\n`,
      err: '',
    });
  });

  it('is bad where a record is missing or the end is cut off', async () => {
    await using filled = await fillRedis(1200);
    const { redis, env, head } = filled;
    await redis.command('XDEL', 'mine:{audit}:c', '0-1200');
    const cut = [await answerTo([], env), await answerTo(['--head', head], env)];

    await redis.command('XDEL', 'mine:{audit}:c', '0-1100');

    expect(cut).toMatchObject([{ isWell: true }, { isWell: false }]);
    expect(cut[1]?.text).toMatch(/^1199 records fit together, but the head noted earlier is not among them/);
    expect(await answerTo([], env)).toEqual({
      isWell: false,
      text: 'Record 1100 is missing: the chain does not hold.',
    });
  });

  it('is none under another prefix', async () => {
    await using filled = await fillRedis(1);

    expect(await answerTo([], { ...filled.env, REDIS_PREFIX: 'another' })).toMatchObject({
      isWell: true,
      text: expect.stringMatching(/^0 records/),
    });
  });
});

describe('a command line', () => {
  const nowhere = { DATA_DIR: 'nowhere' };

  it('is answered with the help, which tells how an end can be cut off unseen', async () => {
    const { isWell, text } = await answerTo(['--help'], nowhere);

    expect(isWell).toBe(true);
    expect(text).toMatch(/^Usage: npm run audit:verify/);
    expect(text).toMatch(/cut off/);
  });

  it('is refused with a word that means nothing, or a head that is none', async () => {
    expect(await answerTo(['--what'], nowhere)).toMatchObject({ isWell: false });
    expect(await answerTo(['--head'], nowhere)).toMatchObject({ isWell: false });
    expect(await answerTo(['--head', 'abc'], nowhere)).toEqual({
      isWell: false,
      text: '--head takes the 64 hex digits of a head.',
    });
  });

  it('takes a head in capitals too', async () => {
    await using folder = await newFolder();
    const head = await fill(folder.path, 2);

    const args = ['--head', head.toUpperCase()];
    expect(await answerTo(args, { DATA_DIR: folder.path })).toMatchObject({ isWell: true });
  });
});
