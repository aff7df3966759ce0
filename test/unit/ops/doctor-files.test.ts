// The checks of files, keys and receivers, on real files.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { changeApiKeys } from '../../../src/access/api-keys-file.ts';
import { newApiKey } from '../../../src/access/api-keys.ts';
import { readConfig } from '../../../src/config.ts';
import { checkAlerts } from '../../../src/ops/doctor/alerts.ts';
import { askData, checkDirectory, judgeData, mastersOf } from '../../../src/ops/doctor/data.ts';
import type { Finding } from '../../../src/ops/doctor/finding.ts';
import { checkAccess, checkMasters } from '../../../src/ops/doctor/keys.ts';
import { checkRights } from '../../../src/ops/doctor/rights.ts';
import { lookInto } from '../../../src/ops/doctor/sqlite.ts';
import type { Told } from '../../../src/ops/doctor/sqlite.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import { newSigner } from '../../support/jwt.ts';
import { copyFiles, newFolder, vaultOf } from '../../support/store-folder.ts';
import { startWriter } from '../../support/store-process.ts';

const told = (findings: readonly Finding[]) => findings.map(({ level, text }) => `${level}: ${text}`);
const NOW = Date.UTC(2026, 0, 1);
const KEY = Buffer.alloc(32, 1).toString('base64');

function writeMode(path: string, text: string, mode: number): void {
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** Names and contents of all files; what SQLite keeps in memory, `-shm`, counts by its name. */
const stateOf = (directory: string) =>
  readdirSync(directory)
    .sort()
    .map((name) => {
      const content = readFileSync(join(directory, name));
      return name.endsWith('-shm') ? name : `${name} ${createHash('sha256').update(content).digest('hex')}`;
    });

describe('the data directory', () => {
  test('that is not there is made later, and not by this', async () => {
    await using folder = await newFolder();
    const directory = join(folder.path, 'a', 'b');

    const found = await checkDirectory(directory);

    expect(found).toMatchObject([
      { text: expect.stringContaining(`${directory} is made at the first start`) },
    ]);
    expect(existsSync(join(folder.path, 'a'))).toBe(false);
  });

  test('cannot be a file, nor lie in one', async () => {
    await using folder = await newFolder();
    writeFileSync(join(folder.path, 'file'), '');

    for (const place of ['file', 'file/data']) {
      expect(told(await checkDirectory(join(folder.path, place)))).toEqual([
        `fail: ${join(folder.path, 'file')} is no directory`,
      ]);
    }
  });

  // root may write anywhere
  test('cannot be where nothing can be written, by root neither', async () => {
    const [finding] = await checkDirectory('/proc/self/data');

    expect(finding).toMatchObject({ check: 'data', level: 'fail' });
    expect(finding?.text).toMatch(/^\/(proc\/self)? cannot be written \(E[A-Z]+\)$/);
  });

  test('that others may look into is told, with the files they can read', async () => {
    await using folder = await newFolder();
    const directory = join(folder.path, 'it is');
    mkdirSync(directory);
    writeMode(join(directory, 'own'), '', 0o600);
    chmodSync(directory, 0o750);
    expect(told(await checkRights(directory))).toEqual(['ok: nobody else can look into DATA_DIR']);

    chmodSync(directory, 0o755);
    expect(told(await checkRights(directory))).toEqual([
      'warn: others may look into DATA_DIR (755); its files are closed to them',
    ]);

    for (const name of ['c', 'a', 'b']) writeMode(join(directory, name), '', 0o644);
    const [finding] = await checkRights(directory);
    expect(finding).toMatchObject({
      level: 'warn',
      text: expect.stringMatching(/can read a, b and 1 more$/),
    });
    execFileSync('sh', ['-c', finding?.advice[0] ?? '']);
    expect(told(await checkRights(directory))).toEqual(['ok: nobody else can look into DATA_DIR']);
  });

  test('that is not there has no rights', async () => {
    expect(await checkRights('/nowhere/at/all')).toEqual([]);
  });
});

describe('the database', () => {
  const look = async (directory: string) => judgeData(await askData(directory));
  /** The same in this process. */
  const read = (directory: string) => {
    const facts: Told[] = [];
    lookInto(join(directory, 'stillpoint.db'), (one) => void facts.push(one));
    return judgeData({ told: facts, isLate: false });
  };
  const make = async (directory: string, ...keys: number[]) =>
    await (await openSqlite({ directory, vault: vaultOf(...keys) }))[Symbol.asyncDispose]();

  test('of a server that was never started is not there yet', async () => {
    await using folder = await newFolder();

    expect(told(await look(folder.path))).toEqual([expect.stringMatching(/^ok: no data yet/)]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('is read through, and every file is as it was', async () => {
    await using folder = await newFolder();
    await make(folder.path, 7);
    const before = stateOf(folder.path);

    const facts = await askData(folder.path);

    expect(told(judgeData(facts))).toEqual(['ok: SQLite, checked and whole; no server has it open']);
    expect(mastersOf(facts)).toEqual(vaultOf(7).masters);
    expect(stateOf(folder.path)).toEqual(before);
  });

  test('that a server has open is read beside it, and is as it was after a kill', async () => {
    await using folder = await newFolder();
    await using writer = startWriter('hold', folder.path);
    expect(await writer.line()).toBe('open');
    const running = stateOf(folder.path);

    expect(told(await look(folder.path))).toEqual(['ok: SQLite, checked and whole; a server has it open']);
    expect(stateOf(folder.path)).toEqual(running);

    await writer.kill();
    const killed = stateOf(folder.path);
    expect(told(await look(folder.path))).toEqual(['ok: SQLite, checked and whole; no server has it open']);
    expect(stateOf(folder.path)).toEqual(killed);
  });

  test('that is a copy of one in use is left alone', async () => {
    await using folder = await newFolder();
    await using store = await openSqlite({ directory: folder.path });
    expect(await store.healthy()).toBe(true);
    const copy = join(folder.path, 'copy');
    mkdirSync(copy);
    for (const name of ['stillpoint.db', 'stillpoint.db-wal']) {
      await copyFiles(join(folder.path, name), join(copy, name));
    }
    const before = stateOf(copy);

    expect(told(read(copy))).toEqual([expect.stringMatching(/^warn: the database is a copy/)]);
    expect(stateOf(copy)).toEqual(before);
  });

  test.each([
    ['PRAGMA user_version = 99', /^fail: .*schema version 99, written by a newer/],
    ['PRAGMA user_version = 2', /^ok: schema version 2: /],
  ])('after %s says so', async (sql, line) => {
    await using folder = await newFolder();
    await make(folder.path);
    const db = new DatabaseSync(join(folder.path, 'stillpoint.db'));
    db.exec(sql);
    db.close();

    expect(told(read(folder.path))).toContainEqual(expect.stringMatching(line));
  });

  test('that is damaged, or none at all, is a fault', async () => {
    await using folder = await newFolder();
    await make(folder.path);
    const path = join(folder.path, 'stillpoint.db');
    const bytes = readFileSync(path);
    // the pages behind the first hold tables and indexes
    writeFileSync(path, Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0x55)]));

    expect(told(read(folder.path))).toContainEqual(expect.stringMatching(/^fail: the database/));

    writeFileSync(path, 'x'.repeat(8192));
    expect(told(await look(folder.path))).toEqual([
      expect.stringMatching(/^fail: the database cannot be read/),
    ]);
  });

  test('that cannot be reached is a fault, and not the same as none', async () => {
    expect(told(await look(`/${'x'.repeat(300)}`))).toEqual([
      expect.stringMatching(/^fail: the database cannot be read: ENAMETOOLONG/),
    ]);
  });

  test('is told in parts: who has it, what it is, then whether it is whole', async () => {
    await using folder = await newFolder();
    await make(folder.path);
    const parts: string[] = [];

    lookInto(join(folder.path, 'stillpoint.db'), (one) => parts.push(Object.keys(one).join(' ')));

    expect(parts).toEqual(['isHeld', 'schema masters', 'integrity']);
  });

  test('is given up when its reader takes too long', async () => {
    await using folder = await newFolder();
    await make(folder.path);

    expect(told(judgeData(await askData(folder.path, 0)))).toEqual([
      expect.stringMatching(/^warn: .*longer/),
    ]);
  });
});

describe('encryption', () => {
  const check = (environment: Record<string, string>, needed: readonly string[] = []) =>
    told(checkMasters(readConfig(environment), needed));
  const [id = ''] = vaultOf(1).masters;

  test('off is well on this machine alone, and a warning where others come in', () => {
    expect(check({})).toEqual(['ok: off: what people say is stored as it is']);
    expect(check({ AUTH_MODE: 'key' })).toEqual(['warn: off: what people say is stored as it is']);
    expect(check({}, ['plain'])).toEqual(['ok: off: what people say is stored as it is']);
  });

  test('off with data that is encrypted is a fault', () => {
    expect(check({}, [id])).toEqual(['fail: the data is encrypted, and there is no key']);
  });

  test.each([
    [0o600, /^ok: \S+ has a key$/],
    [0o640, /^ok: /],
    [0o644, /^fail: Others may use the key file/],
  ])('with a file of mode %o', async (mode, line) => {
    await using folder = await newFolder();
    const path = join(folder.path, 'keys');
    writeMode(path, KEY, mode);

    expect(check({ ENCRYPTION_KEY_FILE: path }, [id])).toEqual([expect.stringMatching(line)]);
  });

  test('is a fault without the file, with a bad one, or without a key that data needs; the file is not quoted', async () => {
    await using folder = await newFolder();
    const path = join(folder.path, 'keys');
    const environment = { ENCRYPTION_KEY_FILE: path };
    expect(check(environment)).toEqual([
      expect.stringMatching(/^fail: The key file .* cannot be read \(ENOENT\)/),
    ]);

    writeMode(path, 'no-key-at-all', 0o600);
    const [line = ''] = check(environment);
    expect(line).toMatch(/^fail: Line 1 of the key file/);
    expect(line).not.toContain('no-key-at-all');

    writeMode(path, KEY, 0o600);
    expect(check(environment, [id, 'abc'])).toContainEqual(
      expect.stringMatching(/^fail: .*master key abc, which/),
    );
  });

  test('with the key beside the data is a warning', async () => {
    await using folder = await newFolder();
    const path = join(folder.path, 'keys');
    writeMode(path, KEY, 0o600);

    expect(check({ ENCRYPTION_KEY_FILE: path, DATA_DIR: folder.path })).toContainEqual(
      expect.stringMatching(/^warn: the key file lies in DATA_DIR/),
    );
  });
});

describe('access', () => {
  const check = async (environment: Record<string, string>) =>
    told(await checkAccess(readConfig(environment), NOW));

  test('without authentication is well: the door is checked elsewhere', async () => {
    expect(await check({})).toEqual(['ok: nobody is asked who they are (AUTH_MODE=none)']);
  });

  test('by keys needs one that counts, in a file that nobody else can read', async () => {
    await using folder = await newFolder();
    const path = join(folder.path, 'keys.json');
    const environment = { AUTH_MODE: 'key', API_KEYS_FILE: path };
    expect(await check(environment)).toEqual([`warn: no API key counts in ${path}: nobody gets in`]);

    const { id, hash } = newApiKey();
    const named = { id, hash, name: 'crm', subject: 'service', tenant: 'default', rights: [] };
    const times = { created_at: '2025-01-01T00:00:00.000Z', revoked_at: null };
    const keyUntil = (expires_at: string) => ({ ...named, ...times, expires_at });
    const put = (expires: string) =>
      changeApiKeys(path, () => ({ keys: [keyUntil(expires)], outcome: undefined }));

    await put('2025-12-31T00:00:00.000Z');
    expect(await check(environment)).toEqual([`warn: no API key counts in ${path}: nobody gets in`]);
    await put('2026-12-31T00:00:00.000Z');
    expect(await check(environment)).toEqual([`ok: 1 of 1 API keys count in ${path}`]);
    // as an orchestrator mounts a secret for the group of the server
    chmodSync(path, 0o440);
    expect(await check(environment)).toEqual([`ok: 1 of 1 API keys count in ${path}`]);
    chmodSync(path, 0o644);
    expect(await check(environment)).toContainEqual(
      expect.stringMatching(/^warn: others may read .*\(644\)/),
    );
    chmodSync(path, 0o666);
    expect(await check(environment)).toEqual([expect.stringMatching(/^fail: .*written by others/)]);
    writeMode(path, 'sesame', 0o600);
    expect(await check(environment)).toEqual([expect.stringMatching(/^fail: .*no JSON$/)]);
  });

  const jwt = { AUTH_MODE: 'jwt', JWT_ISSUER: 'https://id.example.org/', JWT_AUDIENCE: 'stillpoint' };
  const setOf = (...algorithms: ('EdDSA' | 'HS256')[]) =>
    JSON.stringify({ keys: algorithms.map((name) => newSigner(name).jwk) });

  test('by tokens needs a file of keys, closed where a secret is in it', async () => {
    await using folder = await newFolder();
    const path = join(folder.path, 'jwks.json');
    const environment = { ...jwt, JWT_KEYS_FILE: path };
    expect(await check(environment)).toEqual([expect.stringMatching(/^fail: There is no file of JWT keys/)]);

    writeMode(path, setOf('EdDSA'), 0o644);
    expect(await check(environment)).toEqual([`ok: 1 keys for tokens in ${path}`]);
    writeMode(path, setOf('EdDSA', 'HS256'), 0o644);
    expect(await check(environment)).toEqual([
      `ok: 2 keys for tokens in ${path}`,
      expect.stringMatching(/^warn: others may read .*a secret/),
    ]);
    chmodSync(path, 0o640);
    expect(await check(environment)).toHaveLength(1);
    writeMode(path, '{"keys":[]}', 0o600);
    expect(await check(environment)).toEqual(['fail: There is no key in the file of JWT keys']);
  });

  test('by tokens asks for the keys of the issuer', async () => {
    let answer = { status: 200, text: setOf('EdDSA') };
    const server = createServer((_req, res) => void res.writeHead(answer.status).end(answer.text));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const place = `http://127.0.0.1:${port}/jwks`;
    const environment = { ...jwt, JWT_JWKS_URL: `${place}?token=sesame` };

    expect(await check(environment)).toEqual([`ok: 1 keys for tokens at ${place}`]);
    // a secret in public is no key
    answer = { status: 200, text: setOf('HS256') };
    expect(await check(environment)).toEqual([`fail: ${place} has no key of a kind that is taken`]);
    answer = { status: 200, text: '<html>' };
    expect(await check(environment)).toEqual([expect.stringMatching(/^fail: no keys .*no JSON/)]);
    answer = { status: 404, text: '{"keys":[]}' };
    expect(await check(environment)).toEqual([expect.stringMatching(/^fail: no keys .*answered 404/)]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await check(environment)).toEqual([expect.stringMatching(/^fail: no keys for tokens at/)]);
  });
});

describe('alerts', () => {
  const secret = 'a-secret-of-more-than-thirty-two-characters';
  const sent = { ESCALATION_URL: 'https://desk.example.org/hook/sesame', ESCALATION_SECRET: secret };
  const check = async (environment: Record<string, string>, addresses: readonly string[] = []) =>
    told(await checkAlerts(readConfig(environment), async () => addresses));

  test('that nobody sees are a warning where others come in', async () => {
    expect(await check({})).toEqual([expect.stringMatching(/^ok: they are kept/)]);
    expect(await check({ AUTH_MODE: 'key' })).toEqual([expect.stringMatching(/^warn: nobody is told/)]);
    expect(await check({ AUTH_MODE: 'key', OPERATOR_KEY: secret })).toEqual([expect.stringMatching(/^ok/)]);
  });

  test.each([
    [['93.184.216.34'], {}, 'ok: they are sent to desk.example.org; nothing was sent now'],
    [
      ['93.184.216.34', '10.0.0.7'],
      {},
      'fail: desk.example.org has a private address: nothing is sent there',
    ],
    [
      ['10.0.0.7'],
      { ESCALATION_PRIVATE_HOSTS: 'desk.example.org' },
      'ok: they are sent to desk.example.org; nothing was sent now',
    ],
  ])('to a host at %j', async (addresses, more, line) => {
    expect(await check({ ...sent, ...more }, addresses)).toEqual([line]);
  });

  test('to a host that nobody knows are a fault', async () => {
    const environment = { ...sent, ESCALATION_URL: 'https://desk.invalid/hook' };

    expect(told(await checkAlerts(readConfig(environment)))).toEqual([
      expect.stringMatching(/^fail: desk\.invalid is not found/),
    ]);
  });
});
