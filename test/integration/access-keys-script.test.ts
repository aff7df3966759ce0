// The script that makes API keys: as it is run, and its answers.
import { execFile } from 'node:child_process';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ApiKeys } from '../../src/access/api-keys.ts';
import { answerTo } from '../../src/ops/keys.ts';
import { newFolder } from '../support/store-folder.ts';

const SCRIPT = fileURLToPath(new URL('../../src/ops/keys.ts', import.meta.url));
const T = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const silent = { info: () => {}, warn: () => {}, error: () => {} };

const Shown = z.object({
  id: z.string(),
  name: z.string(),
  tenant: z.string(),
  subject: z.string(),
  rights: z.array(z.string()),
  expires_at: z.string().nullable(),
  state: z.string(),
});
const Made = Shown.extend({ token: z.string() });

async function bench() {
  const folder = await newFolder();
  const path = join(folder.path, 'api-keys.json');
  const environment = { DATA_DIR: folder.path };
  const ask = (args: string, now = T) => answerTo(args.split(' ').filter(Boolean), environment, now);
  const json = async (args: string, now = T): Promise<unknown> => {
    const { code, text } = await ask(`${args} --json`, now);
    expect(code, text).toBe(0);
    return JSON.parse(text);
  };
  return {
    path,
    ask,
    make: async (args: string, now = T) => Made.parse(await json(`create --name crm ${args}`, now)),
    rotate: async (args: string, now = T) => Made.parse(await json(`rotate ${args}`, now)),
    list: async (now = T) => z.array(Shown.strict().or(Shown)).parse(await json('list', now)),
    /** Whether a server lets somebody in with that token at that time. */
    isTaken: async (token: string, now = T) => {
      using keys = await ApiKeys.open({ path, now: () => now, log: silent });
      return typeof keys.read(token) === 'object';
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe('create', () => {
  test('makes a key that a server takes, and keeps no secret', async () => {
    await using here = await bench();

    const made = await here.make('--tenant acme --rights write,read --days 90 --subject crm');

    expect(made).toMatchObject({
      tenant: 'acme',
      subject: 'crm',
      rights: ['read', 'write'],
      expires_at: new Date(T + 90 * DAY).toISOString(),
      state: 'active',
    });
    expect(await here.isTaken(made.token)).toBe(true);
    expect(await here.isTaken(made.token, T + 90 * DAY)).toBe(false);
    expect(await readFile(here.path, 'utf8')).not.toContain(made.token.slice(-43));
    expect((await stat(here.path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(here.path, '..'))).toEqual(['api-keys.json']);
  });

  test('gives all rights in the default tenant, without an end, unless told', async () => {
    await using here = await bench();

    const made = await here.make('');

    expect(made).toMatchObject({ tenant: 'default', subject: 'service', expires_at: null });
    expect(made.rights).toEqual(['create', 'read', 'write', 'export', 'erase', 'grant']);
  });

  test('shows the token for people as well, once', async () => {
    await using here = await bench();

    const { text } = await here.ask('create --name crm');
    const [token = ''] = /spk_\S+/.exec(text) ?? [];

    expect(await here.isTaken(token)).toBe(true);
    const { text: table } = await here.ask('list');
    expect(table).toContain('crm');
    expect(table).not.toContain(token.slice(-43));
  });
});

describe('list', () => {
  test('shows neither secrets nor their hashes', async () => {
    await using here = await bench();
    const made = await here.make('');
    const kept = await readFile(here.path, 'utf8');
    const [hash = 'none'] = /[\da-f]{64}/.exec(kept) ?? [];

    for (const args of ['list', 'list --json']) {
      const { text } = await here.ask(args);
      expect(text).toContain(made.id);
      expect(text).not.toContain(hash);
      expect(text).not.toContain(made.token);
    }
  });

  test('says so where there are none', async () => {
    await using here = await bench();

    expect(await here.ask('list')).toEqual({ code: 0, text: `There are no keys in ${here.path}` });
  });
});

describe('revoke', () => {
  test('ends a key, and the others stay', async () => {
    await using here = await bench();
    const [one, two] = [await here.make(''), await here.make('')];

    const { code } = await here.ask(`revoke ${one.id}`);

    expect(code).toBe(0);
    expect(await here.isTaken(one.token)).toBe(false);
    expect(await here.isTaken(two.token)).toBe(true);
    expect((await here.list()).map(({ state }) => state)).toEqual(['revoked', 'active']);
  });

  test('twice is as good as once', async () => {
    await using here = await bench();
    const { id } = await here.make('');
    await here.ask(`revoke ${id}`);
    const before = await readFile(here.path, 'utf8');

    const { code } = await here.ask(`revoke ${id}`, T + HOUR);

    expect(code).toBe(0);
    expect(await readFile(here.path, 'utf8')).toBe(before);
  });
});

describe('rotate', () => {
  test('makes another key for the same, and the old one goes on for a day', async () => {
    await using here = await bench();
    const old = await here.make('--tenant acme --rights read --subject crm');

    const young = await here.rotate(old.id);

    expect(young).toMatchObject({
      name: 'crm',
      tenant: 'acme',
      subject: 'crm',
      rights: ['read'],
      expires_at: null,
    });
    expect(young.id).not.toBe(old.id);
    expect(await here.isTaken(young.token)).toBe(true);
    expect(await here.isTaken(old.token, T + DAY - 1)).toBe(true);
    expect(await here.isTaken(old.token, T + DAY)).toBe(false);
    expect(await here.isTaken(young.token, T + 1000 * DAY)).toBe(true);
  });

  test('gives the new key as long a life, and the old one no longer life than it had', async () => {
    await using here = await bench();
    const old = await here.make('--days 10');
    const later = T + 9.5 * DAY;

    const young = await here.rotate(`${old.id} --hours 100`, later);

    expect(young.expires_at).toBe(new Date(later + 10 * DAY).toISOString());
    expect((await here.list(later))[0]?.expires_at).toBe(old.expires_at);
  });

  test('is not for keys that have ended', async () => {
    await using here = await bench();
    const [ended, revoked] = [await here.make('--days 1'), await here.make('')];
    await here.ask(`revoke ${revoked.id}`);

    expect(await here.ask(`rotate ${ended.id}`, T + DAY)).toMatchObject({ code: 1 });
    expect(await here.ask(`rotate ${revoked.id}`)).toMatchObject({ code: 1 });
    expect(await here.list()).toHaveLength(2);
  });
});

describe('what cannot be done', () => {
  const id = '000000000000';
  test.each<[string, 1 | 2, RegExp]>([
    ['make', 2, /"make"/],
    ['create', 2, /--name/],
    ['create --name', 2, /name/],
    ['create --name x --rights read,fly', 2, /"fly"/],
    ['create --name x --days 0', 2, /--days/],
    ['create --name x --days 1.5', 2, /--days/],
    ['create --name x --days soon', 2, /--days/],
    ['create --name x --tenant \u0007', 2, /--tenant/],
    [`create --name ${'x'.repeat(65)}`, 2, /--name/],
    ['create --name x more', 2, /more/],
    ['create --name x --secret y', 2, /--secret/],
    ['list all', 2, /all/],
    ['revoke', 2, /Which key/],
    [`revoke ${id} ${id}`, 2, /Which key/],
    [`revoke ${id}`, 1, /no key of that id/],
    [`rotate ${id}`, 1, /no key of that id/],
    [`rotate ${id} --hours -1`, 2, /hours/],
  ])('%s is told in a line', async (args, code, reason) => {
    await using here = await bench();

    const answer = await here.ask(args);

    expect(answer).toEqual({ code, text: expect.stringMatching(reason) });
    expect(answer.text.split('\n')).toHaveLength(1);
  });

  test('a token in place of an id is not repeated', async () => {
    await using here = await bench();
    const { token } = await here.make('');

    const { text } = await here.ask(`revoke ${token}`);

    expect(text).not.toContain(token.slice(-43));
  });

  test('a file that is no file of keys is left as it is', async () => {
    await using here = await bench();
    await writeFile(here.path, 'mine', { mode: 0o600 });

    expect(await here.ask('create --name crm')).toMatchObject({
      code: 1,
      text: expect.stringMatching(/no JSON/),
    });
    expect(await readFile(here.path, 'utf8')).toBe('mine');
  });
});

test.each(['', 'help', '--help', 'create --help', 'list -h', 'revoke --help', 'rotate --help'])(
  'keys %s says how it is used',
  async (args) => {
    await using here = await bench();

    expect(await here.ask(args)).toEqual({ code: 0, text: expect.stringMatching(/^Usage: npm run keys/) });
  },
);

test('as a script it answers on the right stream with the right status', async () => {
  await using folder = await newFolder();
  const file = join(folder.path, 'elsewhere', 'keys.json');
  const env = { ...process.env, DATA_DIR: folder.path, API_KEYS_FILE: file };
  const run = (args: string[]) => {
    const { promise, resolve } = Promise.withResolvers<{ code: number; out: string; err: string }>();
    const child = execFile(process.execPath, [SCRIPT, ...args], { env }, (_, out, err) => {
      resolve({ code: child.exitCode ?? -1, out, err });
    });
    return promise;
  };

  const made = await run(['create', '--name', 'crm']);
  const failed = await run(['revoke', 'nobody']);

  expect(made).toEqual({ code: 0, out: expect.stringMatching(/spk_/), err: '' });
  expect(failed).toEqual({ code: 1, out: '', err: expect.stringMatching(/no key of that id/) });
  expect(await readFile(file, 'utf8')).toContain('crm');
});
