import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Identity } from '../../../src/access/authenticator.ts';
import { JwtReader } from '../../../src/access/jwt.ts';
import { parseKeyFile } from '../../../src/access/key-set.ts';
import type { Algorithm, Signer } from '../../support/jwt.ts';
import {
  AUDIENCE,
  ISSUER,
  NOW_S,
  goodClaims,
  newSigner,
  setOf,
  signText,
  tokenOf,
} from '../../support/jwt.ts';

const kinds: Algorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256'];
const signers = new Map(kinds.map((kind) => [kind, newSigner(kind)]));
const must = (kind: Algorithm): Signer => {
  const signer = signers.get(kind);
  if (!signer) throw new Error(kind);
  return signer;
};
const edward = must('EdDSA');

function readerOf(text: string = setOf(...signers.values())): JwtReader {
  const keys = parseKeyFile(text);
  return new JwtReader({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys: { find: async (kid, algorithm) => keys.find(kid, algorithm), [Symbol.dispose]: () => {} },
    now: () => NOW_S * 1000,
  });
}

const reader = readerOf();

async function identityOf(token: string, by = reader): Promise<Identity> {
  const found = await by.read(token);
  if (typeof found === 'string') throw new Error(found);
  return found;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a good token', () => {
  test.each(kinds)('of %s counts', async (kind) => {
    const identity = await identityOf(tokenOf(must(kind)));

    expect(identity).toMatchObject({
      tenant: 'default',
      subject: 'user:ada',
      session: null,
      expiresAt: (NOW_S + 3600) * 1000,
      ageBand: null,
      locale: null,
    });
    expect([...identity.rights]).toEqual(['create', 'read', 'write', 'export', 'erase']);
  });

  test('says whose tenant, rights, age and language', async () => {
    const claims = { tenant: 'acme', rights: ['read', 'grant', 'fly'], age_band: '13-17', locale: 'de' };

    const identity = await identityOf(tokenOf(edward, claims));

    expect(identity).toMatchObject({ tenant: 'acme', ageBand: '13-17', locale: 'de' });
    expect([...identity.rights].toSorted()).toEqual(['grant', 'read']);
  });

  test('may list its rights as words', async () => {
    const identity = await identityOf(tokenOf(edward, { rights: 'write  read nonsense' }));

    expect([...identity.rights].toSorted()).toEqual(['read', 'write']);
  });

  test('without any right has none', async () => {
    const identity = await identityOf(tokenOf(edward, { rights: [] }));

    expect(identity.rights.size).toBe(0);
  });

  test('may be for several audiences', async () => {
    await expect(reader.read(tokenOf(edward, { aud: ['other', AUDIENCE] }))).resolves.toBeTypeOf('object');
  });

  test('without a kid counts where only one key fits', async () => {
    await expect(reader.read(tokenOf(edward, {}, { kid: undefined }))).resolves.toBeTypeOf('object');
  });

  test.each([
    ['a second before its clock is ours', { nbf: NOW_S + 5, iat: NOW_S + 5 }],
    ['a few seconds after its end', { exp: NOW_S - 4 }],
    ['for a day', { exp: NOW_S + 86_400 }],
    ['without saying when it was made', { iat: undefined }],
  ])('%s counts', async (_, claims) => {
    await expect(reader.read(tokenOf(edward, claims))).resolves.toBeTypeOf('object');
  });

  test.each(['at+jwt', 'application/at+jwt', 'jwt', undefined])('of the type %s counts', async (typ) => {
    await expect(reader.read(tokenOf(edward, {}, { typ }))).resolves.toBeTypeOf('object');
  });
});

describe('its credential', () => {
  test('is the same for one jti and another for another', async () => {
    const one = await identityOf(tokenOf(edward, { jti: 'a' }));
    const again = await identityOf(tokenOf(edward, { jti: 'a', exp: NOW_S + 60 }));
    const other = await identityOf(tokenOf(edward, { jti: 'b' }));

    expect(again.credential).toBe(one.credential);
    expect(other.credential).not.toBe(one.credential);
  });

  test('is another one for each tenant and person', async () => {
    const tokens = [{}, { tenant: 'acme' }, { sub: 'eve' }].map((claims) =>
      tokenOf(edward, { jti: 'a', ...claims }),
    );

    const credentials = await Promise.all(tokens.map(async (token) => (await identityOf(token)).credential));

    expect(new Set(credentials).size).toBe(3);
  });

  test('does not change with the signature, which may be made anew', async () => {
    const es256 = must('ES256');
    const [one, two] = [tokenOf(es256), tokenOf(es256)];

    expect(two).not.toBe(one);
    expect((await identityOf(two)).credential).toBe((await identityOf(one)).credential);
  });

  test('tells nothing of the token', async () => {
    const { credential } = await identityOf(tokenOf(edward, { jti: 'secret-jti', tenant: 'acme' }));

    expect(credential).toMatch(/^jwt\.[\w-]{43}$/);
  });
});

const header = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const [, payload = '', signature = ''] = tokenOf(edward).split('.');
const rs256 = must('RS256');
const pem = Buffer.isBuffer(rs256.key)
  ? ''
  : createPublicKey(rs256.key).export({ format: 'pem', type: 'spki' }).toString();

const forged = (secret: string, kid: string): Signer => ({
  algorithm: 'HS256',
  kid,
  key: Buffer.from(secret),
  jwk: { kty: 'oct', kid },
});
const stranger = newSigner('EdDSA', 'EdDSA');
const foreignKey = { jwk: stranger.jwk };
const otherCurve = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });

const flipped = (token: string, at: number): string =>
  token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);

const vectors: [what: string, token: string, reason: string][] = [
  ['alg none', `${header({ alg: 'none', kid: 'EdDSA' })}.${payload}.`, 'malformed'],
  [
    'alg none with a signature',
    `${header({ alg: 'none' })}.${payload}.${signature}`,
    'an algorithm that is not allowed',
  ],
  ['alg nOnE', tokenOf(edward, {}, { alg: 'nOnE' }), 'an algorithm that is not allowed'],
  ['alg of a number', tokenOf(edward, {}, { alg: 1 }), 'an algorithm that is not allowed'],
  ['no alg', tokenOf(edward, {}, { alg: undefined }), 'an algorithm that is not allowed'],
  ['alg HS512', tokenOf(must('HS256'), {}, { alg: 'HS512' }), 'an algorithm that is not allowed'],
  ['HS256 with a public key as the secret', tokenOf(forged(pem, 'RS256')), 'no such key'],
  ['HS256 with the modulus as the secret', tokenOf(forged(rs256.jwk.n ?? '', 'RS256')), 'no such key'],
  [
    'HS256 without a kid and another secret',
    tokenOf(forged(pem, ''), {}, { kid: undefined }),
    'a wrong signature',
  ],
  ['the algorithm of another key', tokenOf(must('ES256'), {}, { alg: 'EdDSA' }), 'no such key'],
  ['RS256 signed as PS256', tokenOf(must('PS256'), {}, { alg: 'RS256' }), 'a wrong signature'],
  ['an unknown kid', tokenOf(edward, {}, { kid: 'EdDSA2' }), 'no such key'],
  ['a kid that is no text', tokenOf(edward, {}, { kid: 7 }), 'malformed'],
  ['a kid like a path', tokenOf(edward, {}, { kid: '../../dev/null' }), 'no such key'],
  ['the key of a stranger under a known kid', tokenOf(stranger), 'a wrong signature'],
  ['an embedded key', tokenOf(stranger, {}, foreignKey), 'a header that is not allowed'],
  [
    'an address of keys',
    tokenOf(edward, {}, { jku: 'https://evil.example/' }),
    'a header that is not allowed',
  ],
  [
    'an address of certificates',
    tokenOf(edward, {}, { x5u: 'https://evil.example/' }),
    'a header that is not allowed',
  ],
  ['certificates', tokenOf(edward, {}, { x5c: ['MIIB'] }), 'a header that is not allowed'],
  ['something critical', tokenOf(edward, {}, { crit: ['exp'], exp: 1 }), 'a header that is not allowed'],
  [
    'a payload that is not encoded',
    tokenOf(edward, {}, { b64: false, crit: ['b64'] }),
    'a header that is not allowed',
  ],
  ['another type', tokenOf(edward, {}, { typ: 'logout+jwt' }), 'a header that is not allowed'],
  ['another issuer', tokenOf(edward, { iss: 'https://id.example.org' }), 'another issuer'],
  ['several issuers', tokenOf(edward, { iss: [ISSUER] }), 'another issuer'],
  ['no issuer', tokenOf(edward, { iss: undefined }), 'another issuer'],
  ['another audience', tokenOf(edward, { aud: 'stillpoint2' }), 'another audience'],
  ['an audience in other letters', tokenOf(edward, { aud: ['Stillpoint'] }), 'another audience'],
  ['no audience', tokenOf(edward, { aud: undefined }), 'another audience'],
  ['no end', tokenOf(edward, { exp: undefined }), 'wrong claims'],
  ['an end as text', tokenOf(edward, { exp: String(NOW_S + 60) }), 'wrong claims'],
  ['an end that is over', tokenOf(edward, { exp: NOW_S - 5 }), 'expired'],
  ['an end long ago', tokenOf(edward, { exp: 0 }), 'expired'],
  ['a beginning in the future', tokenOf(edward, { nbf: NOW_S + 6 }), 'not valid yet'],
  ['made in the future', tokenOf(edward, { iat: NOW_S + 6 }), 'not valid yet'],
  ['made as text', tokenOf(edward, { iat: 'now' }), 'wrong claims'],
  ['a life over a day', tokenOf(edward, { exp: NOW_S + 86_401 }), 'made for too long a time'],
  ['a life over a day, begun long ago', tokenOf(edward, { iat: NOW_S - 86_000 }), 'made for too long a time'],
  [
    'a life over a day that does not say since when',
    tokenOf(edward, { iat: undefined, exp: NOW_S + 86_401 }),
    'made for too long a time',
  ],
  [
    'an end beyond numbers',
    signText(
      edward,
      JSON.stringify({ alg: 'EdDSA', kid: 'EdDSA' }),
      JSON.stringify(goodClaims).replace(String(goodClaims.exp), '1e999'),
    ),
    'wrong claims',
  ],
  ['no person', tokenOf(edward, { sub: undefined }), 'wrong claims'],
  ['an empty person', tokenOf(edward, { sub: '' }), 'wrong claims'],
  ['a person of 201 characters', tokenOf(edward, { sub: 'x'.repeat(201) }), 'wrong claims'],
  ['a person that is no text', tokenOf(edward, { sub: { toString: 'ada' } }), 'wrong claims'],
  ['half a character', tokenOf(edward, { sub: '\ud800' }), 'wrong claims'],
  ['a tenant that is no text', tokenOf(edward, { tenant: ['acme'] }), 'wrong claims'],
  ['an empty tenant', tokenOf(edward, { tenant: '' }), 'wrong claims'],
  ['rights that are none', tokenOf(edward, { rights: { read: true } }), 'wrong claims'],
  ['an age that is no text', tokenOf(edward, { age_band: 12 }), 'wrong claims'],
  [
    'a claim twice',
    signText(
      edward,
      JSON.stringify({ alg: 'EdDSA', kid: 'EdDSA' }),
      JSON.stringify(goodClaims).replace('{', '{"sub":"eve",'),
    ),
    'wrong claims',
  ],
  [
    'a claim twice, once with an escape',
    signText(
      edward,
      JSON.stringify({ alg: 'EdDSA', kid: 'EdDSA' }),
      JSON.stringify(goodClaims).replace('{', String.raw`{"s\u0075b":"eve",`),
    ),
    'wrong claims',
  ],
  [
    'a header twice',
    signText(edward, '{"alg":"EdDSA","kid":"EdDSA","kid":"RS256"}', JSON.stringify(goodClaims)),
    'malformed',
  ],
  [
    'claims that are a list',
    signText(edward, JSON.stringify({ alg: 'EdDSA', kid: 'EdDSA' }), '[1]'),
    'malformed',
  ],
  [
    'claims that are no JSON',
    signText(edward, JSON.stringify({ alg: 'EdDSA', kid: 'EdDSA' }), '{'),
    'malformed',
  ],
  ['a header that is no JSON', signText(edward, '{', JSON.stringify(goodClaims)), 'malformed'],
  ['a header that is a list', signText(edward, '[]', JSON.stringify(goodClaims)), 'malformed'],
  ['a header that is null', signText(edward, 'null', JSON.stringify(goodClaims)), 'malformed'],
  [
    'another payload',
    `${header({ alg: 'EdDSA', kid: 'EdDSA' })}.${header({ ...goodClaims, sub: 'eve' })}.${signature}`,
    'a wrong signature',
  ],
  ['a signature cut off', tokenOf(edward).slice(0, -3), 'a wrong signature'],
  ['no signature', `${header({ alg: 'EdDSA', kid: 'EdDSA' })}.${payload}.`, 'malformed'],
  ['white space in it', `${tokenOf(edward)} `, 'malformed'],
  ['white space inside the signature', tokenOf(edward).replace(/(.{5})$/, '\n$1'), 'malformed'],
  ['padding', `${tokenOf(edward)}=`, 'malformed'],
  ['five parts', `a.b.c.d.e`, 'malformed'],
  ['one part', 'spk_000000000000_secret', 'malformed'],
  ['nothing', '', 'malformed'],
  ['letters of other alphabets', 'ä.б.ç', 'malformed'],
];

describe('a bad token', () => {
  test.each(vectors)('%s', async (_, token, reason) => {
    expect(await reader.read(token)).toBe(reason);
  });

  test.each(vectors)('%s costs the look at one signature', async (_, token) => {
    const verify = vi.spyOn(crypto.subtle, 'verify');

    await reader.read(token);

    expect(verify).toHaveBeenCalledTimes(1);
  });

  test.each(['EdDSA', 'ES256', 'HS256'] as const)(
    'of %s with any character changed is refused',
    async (kind) => {
      const token = tokenOf(must(kind));
      // the last characters of a part may stand for the same bytes as others
      const ends = [...token.matchAll(/\.|$/g)].map(({ index }) => index - 1);
      const places = Array.from(token, (letter, at) =>
        letter === '.' || ends.includes(at) ? -1 : at,
      ).filter((at) => at >= 0);

      const outcomes = await Promise.all(places.map((at) => reader.read(flipped(token, at))));

      expect(outcomes.filter((outcome) => typeof outcome !== 'string')).toEqual([]);
    },
  );

  test('without a kid is refused where two keys fit', async () => {
    const two = readerOf(setOf(newSigner('EdDSA', 'old'), edward));

    expect(await two.read(tokenOf(edward, {}, { kid: undefined }))).toBe('no such key');
    expect(await two.read(tokenOf(edward))).toBeTypeOf('object');
  });

  test('does not count with the other algorithm of a key that is for one', async () => {
    const strict = readerOf(JSON.stringify({ keys: [{ ...rs256.jwk, alg: 'PS256' }] }));

    expect(await strict.read(tokenOf(rs256))).toBe('no such key');
    expect(await strict.read(tokenOf({ ...rs256, algorithm: 'PS256' }))).toBeTypeOf('object');
  });
});

describe('a file of keys', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  const whole = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const one = edward.jwk;
  const bad: [what: string, text: string, reason: RegExp][] = [
    ['no JSON', '{"keys": [secret', /no JSON/],
    ['no set', '[]', /no set of keys/],
    ['no keys', '{"keys":[]}', /no key/],
    ['a private key', JSON.stringify({ keys: [whole] }), /Key 1 .* private/],
    ['a short secret', JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }), /32 bytes/],
    ['a small RSA key', JSON.stringify({ keys: [small] }), /2048 bits/],
    ['another curve', JSON.stringify({ keys: [otherCurve] }), /not one that is taken/],
    [
      'another algorithm',
      JSON.stringify({ keys: [{ ...rs256.jwk, alg: 'RSA-OAEP' }] }),
      /not one that is taken/,
    ],
    ['a key that encrypts', JSON.stringify({ keys: [{ ...rs256.jwk, use: 'enc' }] }), /not for verifying/],
    ['a key that signs', JSON.stringify({ keys: [{ ...one, key_ops: ['sign'] }] }), /not for verifying/],
    ['a damaged key', JSON.stringify({ keys: [{ ...one, x: 'AAAA' }] }), /damaged/],
    ['a point off the curve', JSON.stringify({ keys: [{ ...must('ES256').jwk, y: one.x }] }), /damaged/],
    ['two of one kid', JSON.stringify({ keys: [one, { ...one }] }), /one kid/],
    ['a key that is null', '{"keys":[null]}', /Key 1 .* no key/],
  ];

  test.each(bad)('with %s is refused in one line', (_, text, reason) => {
    expect(() => parseKeyFile(text)).toThrow(reason);
    expect(() => parseKeyFile(text)).not.toThrow(/\[secret|c2VjcmV0|\n/);
  });
});
