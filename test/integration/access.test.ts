// Who gets in, by each mode: real files of keys, a real store, and an identity provider on loopback.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ApiKey } from '../../src/access/api-keys-file.ts';
import { changeApiKeys } from '../../src/access/api-keys-file.ts';
import { newApiKey } from '../../src/access/api-keys.ts';
import { newCapability } from '../../src/access/capabilities.ts';
import type { AuthenticatorOptions } from '../../src/access/open-authenticator.ts';
import { openAuthenticator } from '../../src/access/open-authenticator.ts';
import { RefusalLog } from '../../src/access/reason.ts';
import { Right } from '../../src/contract/model.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { newSession } from '../conformance/store-bench.ts';
import { AUDIENCE, ISSUER, KeyServer, NOW_S, newSigner, setOf, tokenOf } from '../support/jwt.ts';
import { newFolder } from '../support/store-folder.ts';
import { createChanges, until } from '../support/wait.ts';

const T = NOW_S * 1000;
const HOUR = 3_600_000;
const refused = { code: 'UNAUTHENTICATED', message: 'No valid credentials', cause: undefined };

async function bench(more: Partial<AuthenticatorOptions> = {}, files: Record<string, string> = {}) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await newFolder());
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder.path, name), text, { mode: 0o600 });
  }
  let time = T;
  const now = () => time;
  const store = stack.use(await openSqlite({ directory: ':memory:', now, elapsed: now }));
  const changes = createChanges();
  const said: string[] = [];
  const say = (fields: object, message: string) => {
    said.push(`${message} ${JSON.stringify(fields)}`);
    changes.notify();
  };
  const reasons: string[] = [];
  const keysFile = join(folder.path, 'jwks.json');
  const options: AuthenticatorOptions = {
    mode: 'none',
    apiKeysFile: join(folder.path, 'api-keys.json'),
    jwt: { issuer: ISSUER, audience: AUDIENCE, keysFile: 'jwks.json' in files ? keysFile : '', jwksUrl: '' },
    store,
    refusals: { report: (reason) => void reasons.push(reason) },
    now,
    log: { info: say, warn: say, error: say },
    pollMs: 5,
    ...more,
  };
  const authenticator = stack.use(await openAuthenticator(options));
  const kept = stack.move();
  return {
    authenticator,
    store,
    options,
    keysFile,
    said,
    reasons,
    pass: (ms: number) => void (time += ms),
    heard: (text: string) => until(() => said.some((line) => line.includes(text)), changes.subscribe, text),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
type Bench = Awaited<ReturnType<typeof bench>>;

/** A session of somebody, and a capability for it. */
async function granted({ store }: Bench, expiresAt: number | null = null) {
  const { session } = await store.create({
    session: newSession('theirs', { owner: 'user:ada' }),
    createKey: null,
    idGiven: true,
  });
  const { token, capabilityId } = newCapability(session);
  await store.grant(session, { capabilityId, rights: ['read', 'write'], label: 'browser', expiresAt });
  const { tenant, sessionId, epoch } = session;
  return { session: { tenant, sessionId, epoch }, token, capabilityId };
}

async function makeKey({ options }: Bench, more: Partial<ApiKey> = {}) {
  const { id, token, hash } = newApiKey();
  const created_at = new Date(T).toISOString();
  const fixed = { name: 'crm', subject: 'service', tenant: 'acme', expires_at: null, revoked_at: null };
  const key: ApiKey = { id, hash, created_at, rights: ['read'], ...fixed, ...more };
  await changeApiKeys(options.apiKeysFile, (keys) => ({ keys: [...keys, key], outcome: undefined }));
  return { key, token };
}

describe('none', () => {
  test.each([null, '', 'spk_whatever', 'an operator key'])(
    'with %j everybody is anonymous',
    async (token) => {
      await using here = await bench();

      const identity = await here.authenticator.authenticate(token);

      expect(identity).toMatchObject({
        tenant: 'default',
        subject: 'anonymous',
        session: null,
        credential: '',
      });
      expect([...identity.rights]).toEqual(Right.options);
      await expect(here.authenticator.stillCounts(identity)).resolves.toBe(true);
    },
  );

  test('a bad capability does not make somebody anonymous', async () => {
    await using here = await bench();

    await expect(here.authenticator.authenticate('spc_nonsense')).rejects.toMatchObject(refused);
  });
});

const signer = newSigner('ES256');
const modes: [mode: AuthenticatorOptions['mode'], files: Record<string, string>][] = [
  ['none', {}],
  ['key', {}],
  ['jwt', { 'jwks.json': setOf(signer) }],
];

describe.each(modes)('a capability, with AUTH_MODE=%s', (mode, files) => {
  test('speaks for the owner, in one session', async () => {
    await using here = await bench({ mode }, files);
    const { token, session, capabilityId } = await granted(here);

    const identity = await here.authenticator.authenticate(token);

    expect(identity).toEqual({
      tenant: session.tenant,
      subject: 'user:ada',
      person: capabilityId,
      rights: new Set(['read', 'write']),
      session,
      credential: capabilityId,
      expiresAt: null,
      ageBand: null,
      locale: null,
    });
    await expect(here.authenticator.stillCounts(identity)).resolves.toBe(true);
  });

  test('does not count once it is revoked', async () => {
    await using here = await bench({ mode }, files);
    const { token, session, capabilityId } = await granted(here);
    const identity = await here.authenticator.authenticate(token);

    await here.store.revoke(session, capabilityId);

    await expect(here.authenticator.stillCounts(identity)).resolves.toBe(false);
    await expect(here.authenticator.authenticate(token)).rejects.toMatchObject(refused);
  });

  test('does not count once its session is gone, also when there is another of that id', async () => {
    await using here = await bench({ mode }, files);
    const { token, session } = await granted(here);
    const identity = await here.authenticator.authenticate(token);

    await here.store.remove(session);
    await here.store.create({
      session: newSession('theirs', { epoch: 'later' }),
      createKey: null,
      idGiven: true,
    });

    await expect(here.authenticator.stillCounts(identity)).resolves.toBe(false);
    await expect(here.authenticator.authenticate(token)).rejects.toMatchObject(refused);
  });

  test('does not count after its end', async () => {
    await using here = await bench({ mode }, files);
    const { token } = await granted(here, T + HOUR);
    await expect(here.authenticator.authenticate(token)).resolves.toMatchObject({ expiresAt: T + HOUR });

    here.pass(HOUR);

    await expect(here.authenticator.authenticate(token)).rejects.toMatchObject(refused);
    expect(here.reasons).toEqual(['expired']);
  });

  test('opens no other session, and needs each of its letters', async () => {
    await using here = await bench({ mode }, files);
    const { token } = await granted(here);
    const other = newCapability({ tenant: 'default', sessionId: 'other' }).token;
    const secret = token.slice(-43);
    const spoilt = [
      other.slice(0, -43) + secret,
      `${token}A`,
      token.slice(0, -1),
      `${token.slice(0, -43)}${'A'.repeat(43)}`,
    ];

    for (const text of spoilt) {
      await expect(here.authenticator.authenticate(text)).rejects.toMatchObject(refused);
    }
  });
});

describe.each(['key', 'jwt'] as const)('with AUTH_MODE=%s', (mode) => {
  const files = { 'jwks.json': setOf(signer) };
  const nobodies: [what: string, token: string | null, reason: string][] = [
    ['nothing', null, 'nothing was handed in'],
    ['an empty token', '', 'malformed'],
    ['a token that is too long', 'a'.repeat(4097), 'too long'],
    ['a capability that is too long', `spc_${'a'.repeat(5000)}`, 'too long'],
    ['nonsense', 'nonsense', 'malformed'],
    ['a capability of nobody', newCapability({ tenant: 'default', sessionId: 'x' }).token, 'unknown'],
  ];

  test.each(nobodies)('%s is answered as any other, and the log says why', async (_, token, reason) => {
    await using here = await bench({ mode }, files);

    await expect(here.authenticator.authenticate(token)).rejects.toMatchObject(refused);

    expect(here.reasons).toEqual([reason]);
  });

  test('the log holds nothing of what was handed in', async () => {
    const lines: string[] = [];
    const log = { info: (...line: unknown[]) => void lines.push(JSON.stringify(line)) };
    const refusals = new RefusalLog(log, () => T);
    await using here = await bench({ mode, refusals }, files);
    const { key, token } = await makeKey(here, { expires_at: new Date(T).toISOString() });
    const handedIn = [
      token,
      tokenOf(signer, { exp: 0, sub: 'person-of-the-token' }),
      tokenOf(newSigner('EdDSA', 'kid-of-the-token')),
      newCapability({ tenant: 'default', sessionId: 'x' }).token,
    ];

    for (const text of handedIn) {
      await expect(here.authenticator.authenticate(text)).rejects.toMatchObject(refused);
    }

    const parts = [key.id, 'of-the-token', ...handedIn.flatMap((text) => text.split(/[._]/))];
    expect(lines).toHaveLength(handedIn.length);
    for (const part of parts.filter(({ length }) => length > 3)) expect(lines.join()).not.toContain(part);
  });
});

describe('key', () => {
  test('whoever has a key comes in, until it is revoked', async () => {
    await using here = await bench({ mode: 'key' });
    const { key, token } = await makeKey(here);
    await here.heard('read again');
    const identity = await here.authenticator.authenticate(token);
    expect(identity).toMatchObject({ tenant: 'acme', subject: 'key:service' });

    const told = Promise.withResolvers<string>();
    here.authenticator.onRevoked(told.resolve);
    await changeApiKeys(here.options.apiKeysFile, (keys) => ({
      keys: keys.map((one) => (one.id === key.id ? { ...one, revoked_at: new Date(T).toISOString() } : one)),
      outcome: undefined,
    }));

    expect(await told.promise).toBe(identity.credential);
    await expect(here.authenticator.stillCounts(identity)).resolves.toBe(false);
    await expect(here.authenticator.authenticate(token)).rejects.toMatchObject(refused);
  });

  test('a token of a person is none', async () => {
    await using here = await bench({ mode: 'key' });

    await expect(here.authenticator.authenticate(tokenOf(signer))).rejects.toMatchObject(refused);
  });

  test('without any key nobody comes in, and the log says so', async () => {
    await using here = await bench({ mode: 'key' });

    expect(here.said.join()).toContain('there are no API keys');
  });
});

describe('jwt', () => {
  test('whoever has a token comes in', async () => {
    await using here = await bench({ mode: 'jwt' }, { 'jwks.json': setOf(signer) });

    const identity = await here.authenticator.authenticate(tokenOf(signer, { tenant: 'acme' }));

    expect(identity).toMatchObject({ tenant: 'acme', subject: 'user:ada' });
    await expect(here.authenticator.stillCounts(identity)).resolves.toBe(true);
  });

  test('the keys may be exchanged while it runs', async () => {
    const next = newSigner('EdDSA', 'next');
    await using here = await bench({ mode: 'jwt' }, { 'jwks.json': setOf(signer) });

    await writeFile(here.keysFile, setOf(next));
    await here.heard('read again');

    await expect(here.authenticator.authenticate(tokenOf(next))).resolves.toMatchObject({
      subject: 'user:ada',
    });
    await expect(here.authenticator.authenticate(tokenOf(signer))).rejects.toMatchObject(refused);
  });

  test('the keys of a provider are fetched', async () => {
    await using provider = await KeyServer.open();
    provider.body = setOf(signer);
    const jwt = { issuer: ISSUER, audience: AUDIENCE, keysFile: '', jwksUrl: provider.url };
    await using here = await bench({ mode: 'jwt', jwt });

    const identity = await here.authenticator.authenticate(tokenOf(signer));

    expect(identity.subject).toBe('user:ada');
  });

  test('while the provider cannot be reached, the answer is that it may be tried again', async () => {
    await using provider = await KeyServer.open();
    provider.status = 500;
    const jwt = { issuer: ISSUER, audience: AUDIENCE, keysFile: '', jwksUrl: provider.url };
    await using here = await bench({ mode: 'jwt', jwt });

    const answer = here.authenticator.authenticate(tokenOf(signer));

    await expect(answer).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryAfterMs: expect.any(Number),
    });
    expect(here.reasons).toEqual([]);
  });

  const settings = { issuer: ISSUER, audience: AUDIENCE, keysFile: '/nowhere/jwks.json', jwksUrl: '' };
  test.each([
    ['an issuer', { ...settings, issuer: '' }, /JWT_ISSUER/],
    ['an audience', { ...settings, audience: '' }, /JWT_AUDIENCE/],
    ['keys', { ...settings, keysFile: '' }, /JWT_KEYS_FILE or JWT_JWKS_URL/],
    ['one place of keys only', { ...settings, jwksUrl: 'https://id.example.org/' }, /not both/],
    ['the file that is named', settings, /no file of JWT keys/],
    ['https', { ...settings, keysFile: '', jwksUrl: 'http://id.example.org/keys' }, /https/],
  ])('without %s it does not start', async (_, jwt, reason) => {
    await expect(bench({ mode: 'jwt', jwt })).rejects.toThrow(reason);
  });
});
