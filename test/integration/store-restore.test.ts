// A restore of the embedded store: what it brings back, and what it does not.
import { mkdir, readdir, readFile, rm, writeFile, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { verifyDirectory } from '../../src/ops/audit-verify.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import {
  admit,
  fact,
  LEASE_MS,
  newSession,
  spoken,
  token,
  wholeAudit,
  wholeLog,
} from '../conformance/store-bench.ts';
import { backedUp, backUp, epochOf, FILE, newPlace, restore } from '../support/backup-place.ts';
import { sayEverything } from '../support/store-canary.ts';
import { copyFiles, newFolder, vaultOf } from '../support/store-folder.ts';

const PHRASE = 'canaryphrase';

describe('a restore', () => {
  it('[P-9] gives every session another epoch, so that numbers that were read are of other entries nowhere', async () => {
    await using place = await newPlace();
    const file = place.at('backup.db');
    let old: string;
    {
      await using store = await openSqlite({ directory: place.data });
      const { lease } = await admit(store, 'session', 'turn');
      backUp(place, file);
      await store.append(lease, [token('turn', 0, 'read and lost')], LEASE_MS);
      old = lease.epoch;
    }

    restore(place.settings(false), file);

    await using store = await openSqlite({ directory: place.data });
    const ref = newSession('session');
    const epoch = await epochOf(store, ref);
    const [taken] = await store.takeOver('node', LEASE_MS, 10);
    const lease = { ...ref, epoch, turnId: 'turn', generation: taken?.view.turn.generation ?? 0 };
    expect(await store.append(lease, [token('turn', 0, 'other words')], LEASE_MS)).toBe('appended');
    expect(epoch).not.toBe(old);
    expect(await store.read({ ...ref, epoch: old }, 0, 10)).toBeUndefined();
    expect(await store.wasRemoved({ ...ref, epoch: old })).toBe(false);
    expect((await wholeLog(store, { ...ref, epoch })).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it('leaves nothing of a session that is deleted afterwards, in no part of any page', async () => {
    await using place = await newPlace();
    const file = place.at('backup.db');
    const names = Array.from({ length: 40 }, (_, i) => `session ${i}`);
    {
      await using store = await openSqlite({ directory: place.data });
      for (const name of names)
        await spoken(store, name, 'turn', [`${PHRASE} of ${name} ${'x'.repeat(700)}`]);
      backUp(place, file);
    }

    restore(place.settings(false), file, '--discard');

    await using store = await openSqlite({ directory: place.data });
    const there = await readFile(join(place.data, FILE), 'latin1');
    // the others stay, so that the trees stay as they are
    for (const name of names.slice(0, 10)) {
      const ref = newSession(name);
      await store.remove({ ...ref, epoch: await epochOf(store, ref) });
    }
    const left = await Promise.all(
      (await readdir(place.data)).map((name) => readFile(join(place.data, name), 'latin1')),
    );
    const found = (text: string) => names.filter((name) => text.includes(`${PHRASE} of ${name} `));
    expect(found(there)).toEqual(names);
    expect(found(left.join())).toEqual(names.slice(10));
  });

  it('[P-9] a copy that somebody put in place by hand gets other epochs too, at its first start only', async () => {
    await using place = await backedUp();
    for (const name of await readdir(place.data)) await rm(join(place.data, name));
    await copyFile(place.file, join(place.data, FILE));
    const said: string[] = [];
    const log = { info: (_: object, text: string) => said.push(text), warn: () => {} };
    const epochs: string[] = [];

    for (let start = 0; start < 2; start += 1) {
      await using store = await openSqlite({ directory: place.data, log });
      epochs.push(await epochOf(store, newSession('kept')));
      await spoken(store, `new ${start}`, 'turn', ['x'.repeat(10_000)]);
    }

    expect(epochs[0]).not.toBe('epoch-1');
    expect(epochs[1]).toBe(epochs[0]);
    expect(said).toEqual([expect.stringContaining('is a copy')]);
    using db = new DatabaseSync(join(place.data, FILE));
    expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  });

  it.each([
    ['plain', false],
    ['encrypted', true],
  ])(
    'leaves deleted what was deleted after the backup, however often it is restored (%s)',
    async (_, isEncrypted) => {
      await using place = await newPlace();
      const vault = isEncrypted ? vaultOf(1) : vaultOf();
      const open = () => openSqlite({ directory: place.data, vault });
      const [file, settings] = [place.at('backup.db'), place.settings(isEncrypted)];
      {
        await using store = await open();
        await spoken(store, 'kept', 'turn', ['kept words']);
        await spoken(store, 'later', 'turn', ['deleted after the first restore']);
        const life = await sayEverything(store, PHRASE);
        backUp(place, file);
        await store.remove(life);
        const again = newSession(life.sessionId, { tenant: life.tenant, epoch: 'epoch-2' });
        await store.create({ session: again, createKey: null, idGiven: true });
      }

      const first = restore(settings, file);
      {
        await using store = await open();
        expect(
          await store.session(newSession(`${PHRASE} id`, { tenant: `${PHRASE} tenant` })),
        ).toBeUndefined();
        expect((await store.alerts(null, 10)).length).toBe(0);
        await store.remove({ ...newSession('later'), epoch: await epochOf(store, newSession('later')) });
      }
      const second = restore(settings, file, '--discard');

      await using store = await open();
      const ended = await store.wasRemoved(newSession(`${PHRASE} id`, { tenant: `${PHRASE} tenant` }));
      expect([first, second].map((text) => /(\d) of its sessions were deleted/.exec(text)?.[1])).toEqual([
        '1',
        '2',
      ]);
      expect((await store.list('tenant', null, null, 10)).sessions.map(({ sessionId }) => sessionId)).toEqual(
        ['kept'],
      );
      expect(ended).toBe(true);
      const kept = (await readdir(place.data)).filter((name) => name.includes('before'));
      expect(kept).toEqual([`${FILE}.before-restore-20250101T020304005Z`]);
      expect(await readFile(join(place.data, FILE), 'latin1')).not.toContain(PHRASE);
      expect((await wholeAudit(store)).map(({ body }) => JSON.parse(body))).toContainEqual(
        expect.objectContaining({ kind: 'restored', sessions: 1, erased: 2 }),
      );
      expect(verifyDirectory(place.data, undefined)).toMatchObject({ isWell: true });
    },
  );

  it('leaves revoked what was revoked, and binds its audit to the one that it replaces', async () => {
    await using place = await newPlace();
    const file = place.at('backup.db');
    const granted = { rights: ['read'], label: null, expiresAt: null } as const;
    let head: string | undefined;
    {
      await using store = await openSqlite({ directory: place.data });
      const life = await spoken(store, 'session', 'turn', ['words']);
      for (const capabilityId of ['revoked', 'left']) await store.grant(life, { capabilityId, ...granted });
      backUp(place, file);
      await store.revoke(life, 'revoked');
      await store.attest([fact('after the backup')]);
      head = (await wholeAudit(store)).at(-1)?.hash;
    }

    const text = restore(place.settings(false), file);

    await using store = await openSqlite({ directory: place.data });
    const life = { ...newSession('session'), epoch: await epochOf(store, newSession('session')) };
    expect(text).toContain('1 of its capabilities were revoked');
    expect((await store.capabilities(life))?.map(({ capabilityId }) => capabilityId)).toEqual(['left']);
    expect(JSON.parse((await wholeAudit(store)).at(-1)?.body ?? '')).toMatchObject({ replaced_head: head });
    const aside = (await readdir(place.data)).find((name) => name.includes('before')) ?? '';
    await mkdir(place.at('aside'));
    await copyFile(join(place.data, aside), join(place.at('aside'), FILE));
    expect(verifyDirectory(place.at('aside'), head)).toMatchObject({ isWell: true });
  });

  it('takes alerts along that still lead to their session', async () => {
    await using place = await newPlace();
    {
      await using store = await openSqlite({ directory: place.data, vault: vaultOf(1) });
      await sayEverything(store, PHRASE);
      backUp(place, place.at('backup.db'));
    }

    restore(place.settings(true), place.at('backup.db'));

    await using store = await openSqlite({ directory: place.data, vault: vaultOf(1) });
    const alerts = await store.alerts(null, 10);
    expect(alerts).toHaveLength(3);
    for (const { alertId, session } of alerts)
      expect(await store.note(session, [], {}, { alert: { alertId, status: 'cleared', actor: 'Ada' } })).toBe(
        'noted',
      );
  });

  it('goes back to what it replaced, and takes the files of a server that was killed', async () => {
    await using place = await backedUp();
    await using killed = await newFolder();
    {
      await using store = await openSqlite({ directory: place.data });
      await spoken(store, 'later', 'turn', ['later words']);
      await copyFiles(place.data, killed.path);
    }
    restore(place.settings(false), place.file);
    const aside = (await readdir(place.data)).find((name) => name.includes('before')) ?? '';

    const back = restore(place.settings(false), join(place.data, aside), '--discard');
    restore(place.settings(false, place.at('other')), join(killed.path, FILE));

    for (const directory of [place.data, place.at('other')]) {
      await using store = await openSqlite({ directory });
      expect((await store.list('tenant', null, null, 10)).total).toBe(2);
    }
    expect(back).toContain('It had no checksum');
  });

  it('replaces data that cannot be read, and says what nobody knows then', async () => {
    await using place = await backedUp();
    await writeFile(join(place.data, FILE), 'no database '.repeat(1000));

    const text = restore(place.settings(false), place.file);

    await using store = await openSqlite({ directory: place.data });
    expect(text).toMatch(/cannot be read \([^\n]+\): sessions that were deleted after the backup are back/);
    expect(
      await store.turn({ ...newSession('kept'), epoch: await epochOf(store, newSession('kept')) }, 'turn'),
    ).toMatchObject({ text: 'kept words' });
  });

  it('goes back from data of a newer version, and leaves deleted what was deleted there', async () => {
    await using place = await newPlace();
    const file = place.at('backup.db');
    {
      await using store = await openSqlite({ directory: place.data });
      for (const name of ['kept', 'deleted']) await spoken(store, name, 'turn', ['words']);
      backUp(place, file);
      await store.remove(newSession('deleted'));
    }
    {
      using db = new DatabaseSync(join(place.data, FILE));
      db.exec('ALTER TABLE tombstones ADD COLUMN reason TEXT; PRAGMA user_version = 99');
    }

    restore(place.settings(false), file);

    await using store = await openSqlite({ directory: place.data });
    const { sessions } = await store.list('tenant', null, null, 10);
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual(['kept']);
  });

  it('encrypts a plain backup where there is a key', async () => {
    await using place = await backedUp();

    restore(place.settings(true), place.file);

    expect(await readFile(join(place.data, FILE), 'latin1')).not.toContain('kept words');
    await using store = await openSqlite({ directory: place.data, vault: vaultOf(1) });
    expect((await store.list('tenant', null, null, 10)).total).toBe(1);
  });

  it('leaves nothing of one that was cut off behind the next start', async () => {
    await using place = await backedUp();
    await copyFile(place.file, join(place.data, `${FILE}.restoring`));

    await using _store = await openSqlite({ directory: place.data });

    expect((await readdir(place.data)).filter((name) => name.includes('restoring'))).toEqual([]);
  });
});
