// Data of every schema version that there was: backed up as it is, restored by this version, and used.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { TherapistResponse } from '../../src/contract/model.ts';
import { verifyDirectory } from '../../src/ops/audit-verify.ts';
import { answerTo } from '../../src/ops/restore.ts';
import { migrate, schemaVersion } from '../../src/store/sqlite-schema.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { startApp } from '../support/app.ts';
import { backUp, FILE, newPlace, restore } from '../support/backup-place.ts';
import { pathOf, rest } from '../support/rest.ts';
import { vaultOf } from '../support/store-folder.ts';

const support = join(import.meta.dirname, '../support');
const files = globSync('store-version-*.sql', { cwd: support }).sort();
const versions = files.map((name) => {
  const sql = readFileSync(join(support, name), 'utf8');
  return { version: Number(/\d+/.exec(name)?.[0]), sql, isEncrypted: sql.includes('INSERT INTO vault') };
});

function newest(): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  migrate(db);
  return db;
}

/** What a schema amounts to, however its text came about. */
function shapeOf(db: DatabaseSync) {
  const all = db
    .prepare(
      "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name",
    )
    .all();
  return all.map(({ type, name, tbl_name, sql }) => {
    if (type !== 'table') return { type, name, tbl_name, sql: String(sql).replaceAll(/\s+/g, ' ') };
    const columns = db.prepare(`PRAGMA table_xinfo(${String(name)})`).all();
    const kept = columns
      .map(({ name, type, notnull, dflt_value, pk }) => ({ name, type, notnull, dflt_value, pk }))
      .sort((a, b) => (String(a['name']) < String(b['name']) ? -1 : 1));
    return {
      type,
      name,
      kept,
      isStrict: /\) STRICT/.test(String(sql)),
      hasNoRowId: /WITHOUT ROWID/.test(String(sql)),
    };
  });
}

/** A place whose data is of that version, and a backup of it, put in its place. */
async function restored({ version, sql, isEncrypted }: (typeof versions)[number]) {
  const place = await newPlace();
  const path = join(place.data, FILE);
  {
    using db = new DatabaseSync(path);
    db.exec(sql);
  }
  const said = backUp(place, place.at('backup.db'));
  {
    using db = new DatabaseSync(path);
    expect([schemaVersion(db), said]).toEqual([
      version,
      expect.stringContaining(`schema version ${version}\n`),
    ]);
  }
  restore(place.settings(isEncrypted), place.at('backup.db'), '--discard');
  return place;
}

/** A server on the data, to which everybody is the owner of what is in these files. */
async function serve(directory: string, isEncrypted: boolean) {
  const store = await openSqlite({ directory, vault: isEncrypted ? vaultOf(1) : vaultOf() });
  const app = await startApp({ store });
  const { authenticator } = app.parts.access;
  const letIn = authenticator.authenticate.bind(authenticator);
  authenticator.authenticate = async (token) => ({
    ...(await letIn(token)),
    tenant: 'tenant',
    subject: 'owner',
  });
  return app;
}

it('there is a file of every version before this one', () => {
  using db = newest();

  expect(versions.map(({ version }) => version)).toEqual(
    Array.from({ length: schemaVersion(db) - 1 }, (_, index) => index + 1),
  );
});

describe.each(versions)('data of schema version $version', (kind) => {
  it('is restored to the schema that new data has', async () => {
    await using place = await restored(kind);
    using fresh = newest();
    using db = new DatabaseSync(join(place.data, FILE));

    expect(shapeOf(db)).toEqual(shapeOf(fresh));
    expect(schemaVersion(db)).toBe(schemaVersion(fresh));
    expect(verifyDirectory(place.data, undefined)).toMatchObject({ isWell: true });
  });

  it('is a conversation that is read, goes on, is exported and deleted', async () => {
    await using place = await restored(kind);
    await using app = await serve(place.data, kind.isEncrypted);
    const ask = async (line: string, body?: unknown) => {
      const space = line.indexOf(' ');
      const path = line.slice(space + 1).replace(/^\/(said|live|new)/, (_, id: string) => pathOf(id));
      const answer = await rest(app.url, `${line.slice(0, space)} ${path}`, { body });
      expect(answer.status, `${line}: ${answer.text}`).toBeLessThan(300);
      return answer.body;
    };

    const log = await ask('GET /live/log?wait=0');
    const before = await ask('GET /said/history');
    const next = await ask('POST /said/input', { user_input: 'I am back', input_id: 'again' });
    const repeated = await ask('POST /said/input', { user_input: 'I am back', input_id: 'again' });
    const after = await ask('GET /said/history');
    const exported = await ask('GET /said/export');
    const status = await ask('GET /said/status');
    await ask('POST /api/v1/session/create', { session_id: 'new' });
    await ask('POST /new/input', { user_input: 'hello' });
    const listed = await ask('GET /api/v1/sessions');
    await ask('DELETE /said');
    const gone = await rest(app.url, `GET ${pathOf('said', '/status')}`);

    expect(log).toMatchObject({ mode: 'snapshot' });
    expect(before['turns']).toContainEqual(
      expect.objectContaining({ user_input: 'hello', text: 'It is said.' }),
    );
    expect(TherapistResponse.safeParse(next['response'] ?? next).error).toBeUndefined();
    expect(repeated['turn_id']).toBe(next['turn_id']);
    expect(JSON.stringify(after)).toContain('I am back');
    expect(JSON.stringify(exported)).toContain('It is said.');
    expect(status).toMatchObject({ session_id: 'said' });
    expect(listed).toMatchObject({ total_sessions: 3 });
    expect(gone.status).toBe(404);
  });
});

it('data of a newer version is left alone, and so is what is there', async () => {
  await using place = await restored({ version: 1, sql: versions[0]?.sql ?? '', isEncrypted: false });
  {
    using db = new DatabaseSync(place.at('newer.db'));
    migrate(db);
    db.exec(`PRAGMA user_version = ${schemaVersion(db) + 1}`);
  }

  const { isWell, text } = answerTo([place.at('newer.db')], place.settings(false));

  expect({ isWell, text }).toEqual({
    isWell: false,
    text: expect.stringMatching(/written by a newer Stillpoint; this one knows up to \d+/),
  });
  await using store = await openSqlite({ directory: place.data });
  expect((await store.list('tenant', null, null, 10)).total).toBe(2);
});
