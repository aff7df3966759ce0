// The backup of the embedded store while it is used, and what a restore makes of it.
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { answerTo as answerToBackup } from '../../src/ops/backup.ts';
import { masterKey } from '../../src/store/vault.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { LEASE_MS, spoken, token } from '../conformance/store-bench.ts';
import { runConfined, runKilled } from '../support/backup-script.ts';
import { backedUp, backUp, epochOf, FILE, newPlace, restore } from '../support/backup-place.ts';
import { randomFrom, seed } from '../support/random.ts';
import { bytesOf, sayEverything, wholeOf } from '../support/store-canary.ts';
import { vaultOf } from '../support/store-folder.ts';

const PHRASE = 'canaryphrase';

describe('a backup', () => {
  it.each([
    ['plain', false],
    ['encrypted', true],
  ])(
    'taken in the middle of a reply holds all that was acknowledged, and goes on elsewhere (%s)',
    async (_, isEncrypted) => {
      await using place = await newPlace();
      const vault = isEncrypted ? vaultOf(1) : vaultOf();
      await using store = await openSqlite({ directory: place.data, vault });
      const life = await sayEverything(store, PHRASE);
      const before = await wholeOf(store, life, PHRASE);

      const text = backUp(place, place.at('backup.db'));
      await store.append(life, [token(life.turnId, `${PHRASE} again!`.length, ' later')], LEASE_MS);
      restore(place.settings(isEncrypted, place.at('elsewhere')), place.at('backup.db'));

      await using copy = await openSqlite({ directory: place.at('elsewhere'), vault });
      const moved = { ...life, epoch: await epochOf(copy, life) };
      const after = await wholeOf(copy, moved, PHRASE);
      const { size, mode } = await stat(place.at('backup.db'));
      const ids = isEncrypted ? [masterKey(Buffer.alloc(32, 1)).id] : [];
      expect(text).toContain(`${size} bytes, 1 session, schema version`);
      expect(mode & 0o777).toBe(0o600);
      for (const id of ids) expect(text).toContain(`the master key ${id}`);
      expect(moved.epoch).not.toBe(life.epoch);
      expect(JSON.parse(JSON.stringify(after).replaceAll(moved.epoch, life.epoch))).toEqual({
        ...JSON.parse(JSON.stringify(before)),
        audit: expect.any(Array),
      });
      const [taken] = await copy.takeOver('node', LEASE_MS, 10);
      expect(taken?.view.text).toBe(`${PHRASE} again!`);
      expect((await bytesOf(place.data)).includes(PHRASE)).toBe(!isEncrypted);
      expect((await readFile(place.at('backup.db'), 'latin1')).includes(PHRASE)).toBe(!isEncrypted);
    },
  );

  it.each([
    ['plain', vaultOf()],
    ['encrypted', vaultOf(1)],
  ])('holds nothing of a session that was deleted before (%s)', async (_, vault) => {
    await using place = await newPlace();
    await using store = await openSqlite({ directory: place.data, vault });
    await spoken(store, 'kept', 'turn', ['kept words']);
    const life = await sayEverything(store, PHRASE);
    using db = new DatabaseSync(join(place.data, FILE), { readOnly: true });
    const key = String(db.prepare('SELECT wrapped FROM data_keys WHERE slot = 2').get()?.['wrapped']);
    await store.remove(life);

    backUp(place, place.at('backup.db'));

    const bytes = await readFile(place.at('backup.db'), 'latin1');
    expect(bytes).not.toContain(PHRASE);
    expect(bytes).not.toContain(key.slice(-60));
    expect(bytes.includes('kept words')).toBe(vault.masters.length === 0);
  });

  it('is a database that SQLite opens as it is, in one file', async () => {
    await using place = await backedUp();

    using db = new DatabaseSync(place.file, { readOnly: true });

    expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    expect(db.prepare('SELECT count(*) AS n FROM sessions').get()).toEqual({ n: 1 });
    expect((await readdir(place.at('.'))).sort()).toEqual(['backup.db', 'data', 'master-keys']);
  });

  it('is written over another one when told only, and gets the time in its name in a directory', async () => {
    await using place = await backedUp();
    const before = await readFile(place.file);
    await mkdir(place.at('backups'));

    const again = () => backUp(place, place.file);
    expect(again).toThrow(/^There is a file already: \S+backup\.db\. [^\n]+--force\.$/);
    expect(await readFile(place.file)).toEqual(before);

    await writeFile(`${place.file}.part`, 'cut off');
    await writeFile(place.file, 'old');
    backUp(place, place.file, '--force');
    backUp(place, place.at('backups'));

    expect((await readFile(place.file)).length).toBe(before.length);
    expect(await readdir(place.at('backups'))).toEqual(['stillpoint-20250101T020304Z.db']);
  });

  it('is refused in one line where there is none to make, and leaves nothing', async () => {
    await using place = await backedUp();
    await symlink(place.data, place.at('link'));
    await writeFile(place.at('new.db.part'), 'cut off');
    const before = await readdir(place.at('.'));
    const ask = (env: Record<string, string>, ...args: string[]) =>
      answerToBackup(args, { DATA_DIR: place.data, ...env });

    const answers = [
      ask({ REDIS_URL: 'redis://127.0.0.1:1' }, place.at('a.db')),
      ask({ DATA_DIR: place.at('nowhere') }, place.at('a.db')),
      ask({}, join(place.data, 'a.db')),
      ask({}, join(place.at('link'), FILE), '--force'),
      ask({}, place.at('nowhere/a.db')),
      ask({}, place.at('new.db')),
    ];

    expect(answers).toEqual(
      [
        'in Redis',
        'no data in',
        'must not lie in',
        'must not lie in',
        'cannot be written (ENOENT)',
        'cut off',
      ].map((text) => ({ isWell: false, text: expect.stringContaining(text) })),
    );
    for (const { text } of answers) expect(text.split('\n')).toHaveLength(1);
    expect(await readdir(place.at('.'))).toEqual(before);
    expect(ask({}).text).toContain('Usage');
    expect(ask({}, '--help')).toMatchObject({ isWell: true });
  });

  it('is not there when the disk is full, nor is a half of it', async () => {
    await using place = await backedUp();

    const { code, out, err } = await runConfined(
      65_536,
      'backup',
      [place.at('new.db')],
      place.settings(false),
    );

    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^There is no backup: [^\n]*(full|disk|large)[^\n]*\n$/);
    expect((await readdir(place.at('.'))).sort()).toEqual(['backup.db', 'data', 'master-keys']);
  });

  it(`is whole or not there, wherever it is killed (seed ${seed})`, async () => {
    await using place = await backedUp();
    const steps = Number(/changes (\d+)/.exec((await killedAt(0)).err)?.[1]);
    const whole = await readFile(place.file);
    const random = randomFrom(seed);
    const found: (Buffer | undefined)[] = [];

    for (const step of [random.between(1, steps - 3), steps - 2, steps - 1, steps]) {
      await rm(place.at('new.db'), { force: true });
      expect(await killedAt(step, '--force')).toMatchObject({ signal: 'SIGKILL' });
      found.push(await readFile(place.at('new.db')).catch(() => undefined));
    }

    expect(found[0]).toBeUndefined();
    for (const file of found.filter((one) => one !== undefined)) expect(file.length).toBe(whole.length);
    expect(backUp(place, place.at('new.db'), '--force')).toContain('A backup was made');
    expect((await readdir(place.at('.'))).filter((name) => name.includes('part'))).toEqual([]);

    function killedAt(step: number, ...args: string[]) {
      return runKilled(step, 'backup', [...args, place.at('new.db')], place.settings(false));
    }
  });
});
