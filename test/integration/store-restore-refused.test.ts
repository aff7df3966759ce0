// A restore that may not be, and one that is killed: the data is as it was, or the restored one.
import { chmod, mkdir, readFile, rm, stat, truncate, writeFile, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerTo as answerToRestore } from '../../src/ops/restore.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { newSession, spoken } from '../conformance/store-bench.ts';
import { randomFrom, seed } from '../support/random.ts';
import { runConfined, runKilled, runScript } from '../support/backup-script.ts';
import { backedUp, epochOf, FILE } from '../support/backup-place.ts';
import { filesOf } from '../support/store-canary.ts';
import { copyFiles, vaultOf } from '../support/store-folder.ts';

/** Of the line with the checksum. */
const SEAL_BYTES = 93;

describe('a restore that is refused says so in one line and changes nothing', () => {
  const sql = (text: string) => async (file: string) => {
    await truncate(file, (await stat(file)).size - SEAL_BYTES);
    using db = new DatabaseSync(file);
    db.exec(text);
  };
  const nonsense = async (file: string) => {
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(0x5a, 3 * 4096, 4 * 4096).subarray(0, -SEAL_BYTES));
  };
  const flip = (part: number) => async (file: string) => {
    const bytes = await readFile(file);
    const at = Math.floor((bytes.length - 1) * part);
    bytes[at] = (bytes[at] ?? 0) ^ 8;
    await writeFile(file, bytes);
  };
  const cut = (bytes: number) => async (file: string) => truncate(file, (await stat(file)).size - bytes);
  const harms: [string, (file: string) => Promise<void>, RegExp][] = [
    ['is cut within its checksum', cut(10), /damaged/],
    ['is cut within a page', cut(1000), /damaged/],
    ['is cut between two pages', cut(SEAL_BYTES + 4096), /damaged|malformed/],
    ['has a flipped bit in its header', flip(0.0005), /damaged|no backup/],
    ['has a flipped bit in a page', flip(0.4), /checksum/],
    ['has a flipped bit in words', flip(0.8), /checksum/],
    ['has a flipped bit in its checksum', flip(1), /damaged|checksum/],
    ['is empty', (file) => writeFile(file, ''), /empty/],
    ['is no database', (file) => writeFile(file, 'x'.repeat(9000)), /no backup/],
    ['is not there', (file) => rm(file), /ENOENT/],
    [
      'is a directory',
      async (file) => {
        await rm(file);
        await mkdir(file);
      },
      /no file|EISDIR/,
    ],
    [
      'is another database',
      async (file) => {
        await rm(file);
        using db = new DatabaseSync(file);
        db.exec('CREATE TABLE t (x); PRAGMA user_version = 3');
      },
      /something else/,
    ],
    ['has a page of nonsense, and no checksum', nonsense, /damaged|malformed/],
    ['is newer', sql('PRAGMA user_version = 99'), /schema version 99, written by a newer Stillpoint/],
    [
      'needs a key that is not there',
      sql("INSERT INTO vault (master) VALUES ('0123456789abcdef')"),
      /0123456789abcdef: set ENCRYPTION_KEY_FILE/,
    ],
  ];

  let place: Awaited<ReturnType<typeof backedUp>>;
  beforeAll(async () => {
    place = await backedUp();
  });
  afterAll(() => place[Symbol.asyncDispose]());

  it.each(harms)('of a file that %s', async (_, harm, line) => {
    const file = place.at('harmed.db');
    await rm(file, { recursive: true, force: true });
    await copyFile(place.file, file);
    await harm(file);
    const before = await filesOf(place.data);

    const { isWell, text } = answerToRestore([file], place.settings(false));

    expect(isWell).toBe(false);
    expect(text).toMatch(line);
    expect(text.split('\n')).toHaveLength(1);
    expect(await filesOf(place.data)).toEqual(before);
  });

  it('while a server or a backup uses the data, of the data itself, of one whose key is another, and into Redis', async () => {
    await using place = await backedUp(vaultOf(1));
    await using other = await backedUp();
    const before = await filesOf(other.data);
    const ask = (env: Record<string, string>, file = other.file) =>
      answerToRestore([file], { ...other.settings(false), ...env }).text;
    await writeFile(place.keys, `${Buffer.alloc(32, 2).toString('base64')}\n`);
    const keys = { ENCRYPTION_KEY_FILE: place.keys };
    const quiet = [
      ask(keys, place.file),
      ask({ REDIS_URL: 'redis://127.0.0.1:1' }),
      ask({}, join(other.data, FILE)),
    ];
    await chmod(place.keys, 0o644);
    quiet.push(ask(keys));
    const after = await filesOf(other.data);

    using reader = new DatabaseSync(join(other.data, FILE));
    reader.exec('PRAGMA journal_mode = WAL; BEGIN; SELECT * FROM sessions');
    const read = ask({});
    reader.close();
    await using _store = await openSqlite({ directory: other.data });
    const used = await runScript('restore', [other.file], other.settings(false));

    expect(after).toEqual(before);
    expect(quiet.map((text) => text.split('\n').length)).toEqual([1, 1, 1, 1]);
    expect(quiet).toEqual(
      ['is not in ENCRYPTION_KEY_FILE', 'in Redis', 'the data itself', 'Others may use'].map((text) =>
        expect.stringContaining(text),
      ),
    );
    expect(read).toMatch(/^[^\n]+reads the data: wait for its end$/);
    expect(used).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/^The data directory \S+ is in use by another process[^\n]+\n$/),
    });
  });

  it('when it is not told what to restore', () => {
    const [none, two] = [[], ['a', 'b']].map((args) => answerToRestore(args, {}));

    expect([none, two]).toEqual([two, { isWell: false, text: expect.stringContaining('Usage') }]);
    expect(answerToRestore(['--help'], {})).toMatchObject({ isWell: true });
    expect(answerToRestore(['--nothing'], {})).toMatchObject({ isWell: false });
  });

  it('when the disk is full', async () => {
    await using place = await backedUp();
    const before = await filesOf(place.data);

    const { code, err } = await runConfined(65_536, 'restore', [place.file], place.settings(false));

    expect(code).toBe(1);
    expect(err).toMatch(/^[^\n]+is not restored, the data is as it was: [^\n]+\n$/);
    expect(await filesOf(place.data)).toEqual(before);
  });
});

it(`a restore that is killed at any change to the files leaves the old data or the restored one, whole (seed ${seed})`, async () => {
  await using place = await backedUp();
  {
    await using store = await openSqlite({ directory: place.data });
    await spoken(store, 'later', 'turn', ['later words']);
  }
  const outcomeOf = async (step: number) => {
    const directory = place.at(`data ${step}`);
    await copyFiles(place.data, directory);
    const ran = await runKilled(step, 'restore', [place.file], place.settings(false, directory));
    expect(ran).toMatchObject(step === 0 ? { code: 0 } : { signal: 'SIGKILL', err: '' });
    {
      using db = new DatabaseSync(join(directory, FILE));
      expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    }
    await using store = await openSqlite({ directory });
    const { sessions } = await store.list('tenant', null, null, 10);
    const isOld = (await epochOf(store, newSession('kept'))) === 'epoch-1';
    const outcome = `${isOld ? 'old' : 'new'} ${sessions.map(({ sessionId }) => sessionId).join(' ')}`;
    return { outcome, changes: Number(/changes (\d+)/.exec(ran.err)?.[1]) };
  };
  const { outcome, changes } = await outcomeOf(0);
  const random = randomFrom(seed);
  const early = Array.from({ length: 3 }, () => random.between(1, changes - 9));
  const late = Array.from({ length: 9 }, (_, index) => changes - 8 + index);
  const outcomes: string[] = [];

  for (const step of [...early, ...late]) outcomes.push((await outcomeOf(step)).outcome);

  const switched = outcomes.indexOf('new kept');
  expect(outcome).toBe('new kept');
  expect(switched).toBeGreaterThan(3);
  expect(new Set(outcomes.slice(0, switched))).toEqual(new Set(['old kept later']));
  expect(new Set(outcomes.slice(switched))).toEqual(new Set(['new kept']));
});
