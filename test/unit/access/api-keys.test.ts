import crypto from 'node:crypto';
import { chmod, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ApiKeys, newApiKey } from '../../../src/access/api-keys.ts';
import type { ApiKey } from '../../../src/access/api-keys-file.ts';
import { apiKeysPath, changeApiKeys, parseApiKeys, readApiKeys } from '../../../src/access/api-keys-file.ts';
import { newFolder } from '../../support/store-folder.ts';
import { createChanges, until } from '../../support/wait.ts';

const T = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;

interface Made {
  key: ApiKey;
  token: string;
}

function make(more: Partial<ApiKey> = {}): Made {
  const { id, token, hash } = newApiKey();
  const created_at = new Date(T).toISOString();
  const fixed = { name: 'crm', subject: 'service', tenant: 'acme', expires_at: null, revoked_at: null };
  const key: ApiKey = { id, hash, created_at, rights: ['read', 'write'], ...fixed, ...more };
  return { key, token };
}

/** A server's view of a file, on a clock of its own; what it says and tells can be waited for. */
async function bench(keys: ApiKey[] | null) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await newFolder());
  const path = join(folder.path, 'api-keys.json');
  const write = (text: string) => writeFile(path, text, { mode: 0o600 });
  const put = (all: readonly ApiKey[]) => changeApiKeys(path, () => ({ keys: all, outcome: undefined }));
  if (keys) await put(keys);
  const changes = createChanges();
  const said: string[] = [];
  const told: string[] = [];
  const say = (fields: object, message: string) => {
    said.push(`${message} ${JSON.stringify(fields)}`);
    changes.notify();
  };
  let time = T;
  const log = { info: say, warn: say, error: say };
  const server = stack.use(await ApiKeys.open({ path, now: () => time, log, pollMs: 5 }));
  server.onRevoked((credential) => {
    told.push(credential);
    changes.notify();
  });
  const kept = stack.move();
  return {
    path,
    server,
    said,
    told,
    write,
    put,
    pass: (ms: number) => void (time += ms),
    heard: (text: string) => until(() => said.some((line) => line.includes(text)), changes.subscribe, text),
    revoked: (count: number) => until(() => told.length >= count && told, changes.subscribe, `${count} told`),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function credentialOf(server: ApiKeys, token: string): string {
  const found = server.read(token);
  if (typeof found === 'string') throw new Error(found);
  return found.credential;
}

afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

describe('a key', () => {
  test('says whose it is and what it may do', async () => {
    const { key, token } = make({ expires_at: new Date(T + HOUR).toISOString() });
    await using here = await bench([key]);

    const identity = here.server.read(token);

    expect(identity).toEqual({
      tenant: 'acme',
      subject: 'key:service',
      person: null,
      rights: new Set(['read', 'write']),
      session: null,
      credential: expect.stringMatching(/^key\.[\w-]{43}$/),
      expiresAt: T + HOUR,
      ageBand: null,
      locale: null,
    });
  });

  test('is unlike 100,000 others, in all its bits', () => {
    const count = 100_000;
    const secrets = Array.from({ length: count }, () => newApiKey().token.slice('spk_000000000000_'.length));
    const ones = Array.from({ length: 256 }, () => 0);
    for (const secret of secrets) {
      const bytes = Buffer.from(secret, 'base64url');
      for (let bit = 0; bit < 256; bit++)
        ones[bit] = (ones[bit] ?? 0) + (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1);
    }

    expect(new Set(secrets).size).toBe(count);
    // six standard deviations
    for (const sum of ones) expect(Math.abs(sum - count / 2)).toBeLessThan(6 * Math.sqrt(count / 4));
  });

  test('does not count once it has ended, or was revoked', async () => {
    const ends = make({ expires_at: new Date(T + HOUR).toISOString() });
    const revoked = make({ revoked_at: new Date(T).toISOString() });
    await using here = await bench([ends.key, revoked.key]);

    here.pass(HOUR);

    expect(here.server.read(ends.token)).toBe('expired');
    expect(here.server.read(revoked.token)).toBe('revoked');
  });
});

describe('what is no key', () => {
  const { key, token } = make();
  const [, id = '', secret = ''] = /^spk_(.{12})_(.+)$/.exec(token) ?? [];
  const cases: [what: string, token: string, reason: string][] = [
    ['the secret of another', `spk_${id}_${'A'.repeat(43)}`, 'unknown'],
    ['a letter less', token.slice(0, -1), 'malformed'],
    ['a letter more', `${token}A`, 'malformed'],
    ['an unknown id', `spk_000000000000_${secret}`, 'unknown'],
    ['an id in capitals', `spk_${'A'.repeat(12)}_${secret}`, 'malformed'],
    ['the hash in place of the secret', `spk_${id}_${key.hash}`, 'malformed'],
    ['a line after it', `${token}\n`, 'malformed'],
    ['another prefix', token.replace('spk', 'spc'), 'malformed'],
    ['nothing', '', 'malformed'],
    ['a name of every object', 'spk___proto____secret', 'malformed'],
  ];

  test.each(cases)('%s is refused', async (_, given, reason) => {
    await using here = await bench([key]);

    expect(here.server.read(given)).toBe(reason);
  });

  test.each([['a good key', token, 'object'], ...cases])(
    '%s costs one hash and one comparison',
    async (_, given) => {
      await using here = await bench([key]);
      const compare = vi.spyOn(crypto, 'timingSafeEqual');
      const hash = vi.spyOn(crypto, 'hash');
      syncBuiltinESMExports();

      here.server.read(given);

      expect(compare).toHaveBeenCalledTimes(1);
      // the second of a good key makes its credential
      expect(hash).toHaveBeenCalledTimes(given === token ? 2 : 1);
    },
  );
});

describe('a file that changes', () => {
  test('is read again, and a new key counts', async () => {
    const [old, young] = [make(), make()];
    await using here = await bench([old.key]);

    await here.put([old.key, young.key]);
    await here.heard('read again');

    expect(here.server.read(young.token)).toBeTypeOf('object');
    expect(here.told).toEqual([]);
  });

  test('may come later', async () => {
    const { key, token } = make();
    await using here = await bench(null);
    expect(here.server.read(token)).toBe('unknown');

    await here.put([key]);
    await here.heard('read again');

    expect(here.server.read(token)).toBeTypeOf('object');
  });

  test.each<[string, (key: ApiKey) => ApiKey[]]>([
    ['is gone', () => []],
    ['is revoked', (key) => [{ ...key, revoked_at: new Date(T).toISOString() }]],
    ['ends now', (key) => [{ ...key, expires_at: new Date(T).toISOString() }]],
    ['may do less', (key) => [{ ...key, rights: ['read'] }]],
    ['is of another tenant', (key) => [{ ...key, tenant: 'other' }]],
    ['is of another subject', (key) => [{ ...key, subject: 'other' }]],
    ['has another secret', (key) => [{ ...key, hash: '0'.repeat(64) }]],
  ])('tells of a key that %s', async (_, change) => {
    const [changed, other] = [make(), make()];
    await using here = await bench([changed.key, other.key]);
    const credential = credentialOf(here.server, changed.token);
    expect(here.server.isActive(credential)).toBe(true);

    await here.put([...change(changed.key), other.key]);
    await here.revoked(1);

    expect(here.told).toEqual([credential]);
    expect(here.server.isActive(credential)).toBe(false);
    expect(here.server.isActive(credentialOf(here.server, other.token))).toBe(true);
  });

  test('tells of a key whose end comes by itself, once', async () => {
    const { key, token } = make({ expires_at: new Date(T + HOUR).toISOString() });
    const other = make();
    await using here = await bench([key, other.key]);
    const credential = credentialOf(here.server, token);

    here.pass(HOUR);
    await here.revoked(1);
    await here.put([key]);
    await here.revoked(2);

    expect(here.told).toEqual([credential, expect.not.stringContaining(credential)]);
  });

  test('tells nobody who does not listen any more, and everybody else when one fails', async () => {
    const { key } = make();
    await using here = await bench([key]);
    const silent = vi.fn();
    here.server.onRevoked(silent)[Symbol.dispose]();
    here.server.onRevoked(() => {
      throw new Error('broken');
    });
    const last = Promise.withResolvers<string>();
    here.server.onRevoked(last.resolve);

    await here.put([]);

    expect(await last.promise).toMatch(/^key\./);
    expect(silent).not.toHaveBeenCalled();
    await here.heard('could not be told');
  });
});

describe('a bad file', () => {
  const { key, token } = make();
  const whole = JSON.stringify({ version: 1, keys: [key] });
  const bad: [what: string, text: string][] = [
    ['half written', whole.slice(0, whole.length / 2)],
    ['empty', ''],
    ['of another version', whole.replace('"version":1', '"version":2')],
    ['with a right that there is not', whole.replace('"read"', '"fly"')],
    ['with two keys of one id', JSON.stringify({ version: 1, keys: [key, key] })],
    ['with a name of two lines', whole.replace('crm', String.raw`c\nrm`)],
    ['with a hash that is none', whole.replace(key.hash, 'secret')],
  ];

  test.each(bad)('%s keeps the server from starting', async (_, text) => {
    await using folder = await newFolder();
    const path = join(folder.path, 'api-keys.json');
    await writeFile(path, text, { mode: 0o600 });
    const log = { info: () => {}, warn: () => {}, error: () => {} };

    const opened = ApiKeys.open({ path, now: () => T, log });

    await expect(opened).rejects.toThrow(/^The file of API keys [^\n]+$/);
    await expect(opened).rejects.not.toThrow(key.hash.slice(0, 8));
  });

  test.each(bad)('%s changes nothing while the server runs, and is told once', async (_, text) => {
    await using here = await bench([key]);

    await here.write(text);
    await here.heard('is bad');
    const young = make();
    await rm(here.path);
    await here.put([key, young.key]);
    await here.heard('read again');

    expect(here.server.read(token)).toBeTypeOf('object');
    expect(here.server.read(young.token)).toBeTypeOf('object');
    expect(here.said.filter((line) => line.includes('is bad'))).toHaveLength(1);
    expect(here.told).toEqual([]);
  });

  test('that is not there any more changes nothing', async () => {
    await using here = await bench([key]);

    await rename(here.path, `${here.path}.away`);
    await here.heard('is not there');

    expect(here.server.read(token)).toBeTypeOf('object');
    expect(here.told).toEqual([]);
  });

  test('that others may write to is not read', async () => {
    await using here = await bench([key]);

    await chmod(here.path, 0o622);
    await here.heard('written by others');

    expect(here.server.read(token)).toBeTypeOf('object');
    await expect(readApiKeys(here.path)).rejects.toThrow(/^[^\n]+ may be written by others [^\n]+$/);
  });
});

describe('writers', () => {
  test('lose nothing of each other', async () => {
    await using folder = await newFolder();
    const path = join(folder.path, 'new', 'api-keys.json');
    const made = Array.from({ length: 8 }, () => make().key);

    await Promise.all(
      made.map((key) => changeApiKeys(path, (keys) => ({ keys: [...keys, key], outcome: undefined }))),
    );

    const ids = (await readApiKeys(path)).map(({ id }) => id);
    expect(ids.toSorted()).toEqual(made.map(({ id }) => id).toSorted());
  });

  test('leave the file as it was when they fail, and no other behind', async () => {
    await using here = await bench([make().key]);
    const before = await readFile(here.path, 'utf8');

    const failed = changeApiKeys(here.path, () => {
      throw new Error('no');
    });

    await expect(failed).rejects.toThrow('no');
    expect(await readFile(here.path, 'utf8')).toBe(before);
    expect(await readdir(dirname(here.path))).toEqual(['api-keys.json']);
    await changeApiKeys(here.path, (keys) => ({ keys, outcome: undefined }));
  });

  test('write what can be read back, where it is looked for', () => {
    const { key } = make({ name: 'Büro 1', tenant: '東京' });

    expect(parseApiKeys(JSON.stringify({ version: 1, keys: [key] }))).toEqual([key]);
    expect(apiKeysPath('', '/data')).toBe('/data/api-keys.json');
    expect(apiKeysPath('/etc/keys.json', '/data')).toBe('/etc/keys.json');
  });
});
