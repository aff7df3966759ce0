// Keys that an identity provider shows, fetched over HTTP on loopback.
import { describe, expect, test } from 'vitest';
import { RemoteKeys, mustKeysUrl } from '../../src/access/remote-keys.ts';
import { KeyServer, newSigner, setOf } from '../support/jwt.ts';

const [one, two, secret] = [
  newSigner('ES256', 'one'),
  newSigner('EdDSA', 'two'),
  newSigner('HS256', 'secret'),
];
const MINUTE = 60_000;

async function bench(
  set: Partial<Pick<KeyServer, 'body' | 'status' | 'headers' | 'isSilent'>> = {},
  deadlineMs = 5000,
) {
  const provider = await KeyServer.open();
  Object.assign(provider, { body: setOf(one), ...set });
  let time = 0;
  const said: string[] = [];
  const log = { warn: (fields: object, text: string) => void said.push(`${text} ${JSON.stringify(fields)}`) };
  const keys = RemoteKeys.open({ url: provider.url, log, elapsed: () => time, deadlineMs });
  return {
    provider,
    keys,
    said,
    pass: (ms: number) => void (time += ms),
    [Symbol.asyncDispose]: async () => {
      keys[Symbol.dispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}

const away = { code: 'STORE_UNAVAILABLE', retryAfterMs: 5000 };

describe('fetching', () => {
  test('is begun at once, and done once for all who wait', async () => {
    await using here = await bench({ isSilent: true });
    const found = Promise.all(Array.from({ length: 50 }, () => here.keys.find('one', 'ES256')));

    await here.provider.asked(1);
    here.provider.answer();

    expect((await found).every((key) => key?.type === 'public')).toBe(true);
    expect(here.provider.calls).toBe(1);
  });

  test('is done again for an unknown id, but not for every one', async () => {
    await using here = await bench();
    await here.keys.find('one', 'ES256');

    await Promise.all(Array.from({ length: 100 }, (_, n) => here.keys.find(`unknown ${n}`, 'ES256')));
    expect(here.provider.calls).toBe(1);
    here.pass(30_000);
    here.provider.body = setOf(one, two);

    expect(await here.keys.find('two', 'EdDSA')).toBeDefined();
    expect(await here.keys.find('three', 'EdDSA')).toBeUndefined();
    expect(here.provider.calls).toBe(2);
  });

  test('is done again after ten minutes, and nobody waits for it', async () => {
    await using here = await bench();
    await here.keys.find('one', 'ES256');
    here.pass(10 * MINUTE + 1);
    Object.assign(here.provider, { body: setOf(two), isSilent: true });

    expect(await here.keys.find('one', 'ES256')).toBeDefined();
    await here.provider.asked(2);
    here.provider.answer();

    // waits for the call that is under way
    expect(await here.keys.find('two', 'EdDSA')).toBeDefined();
    expect(await here.keys.find('one', 'ES256')).toBeUndefined();
  });
});

describe('what a provider may not do', () => {
  const huge = JSON.stringify({ keys: [one.jwk], more: 'x'.repeat(200_000) });
  const bad: [what: string, set: Partial<KeyServer>][] = [
    ['an error', { status: 500 }],
    ['a page', { body: '<html>' }],
    ['something else', { body: '{"key":1}' }],
    ['a redirect', { status: 302, headers: { location: '/keys' } }],
    ['too much', { body: huge }],
    ['too much that is said before', { body: huge, headers: { 'content-length': String(huge.length) } }],
  ];

  test.each(bad)('%s is no set of keys: it may be tried again, and the log says why', async (_, set) => {
    await using here = await bench(set);

    await expect(here.keys.find('one', 'ES256')).rejects.toMatchObject(away);

    expect(here.said).toEqual([expect.stringContaining('could not be fetched')]);
    expect(here.provider.calls).toBe(1);
  });

  test('silence is given up', async () => {
    await using here = await bench({ isSilent: true }, 50);

    await expect(here.keys.find('one', 'ES256')).rejects.toMatchObject(away);
  });

  test('a secret in a set is not taken', async () => {
    await using here = await bench({ body: setOf(one, secret) });

    expect(await here.keys.find('secret', 'HS256')).toBeUndefined();
    expect(await here.keys.find('one', 'HS256')).toBeUndefined();
    expect(await here.keys.find('one', 'ES256')).toBeDefined();
  });

  test('a private key in a set is not taken, and keys of kinds nobody knows do no harm', async () => {
    const jwk = { ...two.jwk, d: 'AAAA' };
    const body = JSON.stringify({ keys: [jwk, null, 'x', { kty: 'AKP', kid: 'two' }, one.jwk] });
    await using here = await bench({ body });

    expect(await here.keys.find('two', 'EdDSA')).toBeUndefined();
    expect(await here.keys.find('one', 'ES256')).toBeDefined();
  });
});

describe('a provider that is away', () => {
  test('is asked again after five seconds, not sooner', async () => {
    await using here = await bench({ status: 503 });
    await expect(here.keys.find('one', 'ES256')).rejects.toMatchObject(away);
    here.provider.status = 200;

    await expect(here.keys.find('one', 'ES256')).rejects.toMatchObject(away);
    expect(here.provider.calls).toBe(1);
    here.pass(5000);

    expect(await here.keys.find('one', 'ES256')).toBeDefined();
  });

  test('is gone without for an hour', async () => {
    await using here = await bench();
    await here.keys.find('one', 'ES256');
    here.provider.status = 503;

    here.pass(60 * MINUTE);
    expect(await here.keys.find('one', 'ES256')).toBeDefined();
    await here.provider.asked(2);
    here.pass(1);

    await expect(here.keys.find('one', 'ES256')).rejects.toMatchObject(away);
    expect(here.said).toHaveLength(1);
  });

  test('is told of once, and again after it was back', async () => {
    await using here = await bench({ status: 503 });

    for (let tries = 0; tries < 3; tries++) {
      await expect(here.keys.find('one', 'ES256')).rejects.toMatchObject(away);
      here.pass(5000);
    }
    expect(here.said).toHaveLength(1);
    here.provider.status = 200;
    await here.keys.find('one', 'ES256');
    here.provider.status = 503;
    here.pass(30_000);
    await here.keys.find('unknown', 'ES256');

    expect(here.said).toHaveLength(2);
  });
});

test.each([
  'https://id.example.org/keys',
  'http://127.0.0.1:8080/keys',
  'http://localhost/keys',
  'http://[::1]/keys',
])('%s is taken', (url) => {
  expect(mustKeysUrl(url).href).toBe(url);
});

test.each([
  'http://id.example.org/keys',
  'http://127.0.0.1.example.org/',
  'http://10.0.0.1/',
  'https://user:password@id.example.org/',
  'file:///etc/passwd',
  'data:application/json,{}',
  'keys',
  '',
])('%j is not taken, and not repeated', (url) => {
  expect(() => mustKeysUrl(url)).toThrow(/^JWT_JWKS_URL must be [^\n]*$/);
  expect(() => mustKeysUrl(url)).not.toThrow(/password@|passwd|10\.0/);
});
