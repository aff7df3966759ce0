import { inspect } from 'node:util';
import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Sealer } from '../../../src/store/vault.ts';
import { charsOf, masterKey, masterOf, plain, Vault } from '../../../src/store/vault.ts';
import { vaultOf } from '../../support/store-folder.ts';

const CANARY = 'canary of the user';

/** What seals for a session of that name. */
function sealerOf(session = 'session', vault = vaultOf(1)): Sealer {
  return vault.sealer(session, vault.newKey(session));
}

function thrownBy(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}

describe('a sealer', () => {
  it('opens what it sealed, whatever it is', () => {
    const sealer = sealerOf();

    assert(
      property(string({ unit: 'binary', maxLength: 200 }), (text) => {
        const whole = text.toWellFormed();
        expect(sealer.open('record', sealer.seal('record', whole))).toBe(whole);
      }),
    );
  });

  it('refuses a text with any byte of it changed, and says nothing of it', () => {
    const sealer = sealerOf();
    const sealed = sealer.seal('record', CANARY);
    const bytes = Buffer.from(sealed.slice(1), 'base64url');

    for (let at = 0; at < bytes.length; at += 1) {
      for (const bit of [1, 128]) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ bit;
        const error = thrownBy(() => sealer.open('record', `2${changed.toString('base64url')}`));
        expect(error.message).toBe('A stored record is damaged, or was put in the place of another');
        expect(inspect(error, { depth: null, showHidden: true })).not.toMatch(/canary|session/);
      }
    }
  });

  it.each([0, 1, 11, 12, 27, 28])('refuses a text that is cut to %i bytes', (length) => {
    const sealer = sealerOf();
    const bytes = Buffer.from(sealer.seal('record', CANARY).slice(1), 'base64url');

    const cut = `2${bytes.subarray(0, length).toString('base64url')}`;

    expect(() => sealer.open('record', cut)).toThrow(/damaged/);
  });

  it('opens nothing of another session, of another record, or of another life of a session', () => {
    const vault = vaultOf(1);
    const wrapped = vault.newKey('session');
    const sealed = vault.sealer('session', wrapped).seal('record 1', CANARY);

    const strangers = [
      () => sealerOf('session', vault).open('record 1', sealed),
      () => sealerOf('other', vault).open('record 1', sealed),
      () => vault.sealer('session', wrapped).open('record 2', sealed),
      () => vault.sealer('other', wrapped).open('record 1', sealed),
    ];

    for (const open of strangers) expect(open).toThrow(/damaged/);
  });

  it('takes no plain text for a sealed one, nor a sealed one for plain text', () => {
    const sealer = sealerOf();

    expect(() => sealer.open('record', plain.seal('record', CANARY))).toThrow(/not encrypted/);
    expect(() => plain.open('record', sealer.seal('record', CANARY))).toThrow(/format "2"/);
  });

  it('never uses a nonce twice', () => {
    const sealer = sealerOf();
    const nonces = new Set<string>();

    for (let count = 0; count < 100_000; count += 1) nonces.add(sealer.seal('record', 'x').slice(1, 17));

    expect(nonces.size).toBe(100_000);
  });

  it('gives equal texts one short name within a session, and another one in another', () => {
    const [one, two] = [sealerOf('one'), sealerOf('two')];

    expect(one.fingerprint(CANARY)).toBe(one.fingerprint(CANARY));
    expect(one.fingerprint(CANARY)).toMatch(/^[\w-]{16}$/);
    expect(new Set([one, two, plain].map((sealer) => sealer.fingerprint(CANARY))).size).toBe(3);
    expect(one.fingerprint(`${CANARY}.`)).not.toBe(one.fingerprint(CANARY));
  });

  it.each(['', 'x'.repeat(10), 'ü'.repeat(1000)])('tells about how long a text of %j is', (text) => {
    const bytes = Buffer.byteLength(text);

    expect(Math.abs(charsOf(sealerOf().seal('record', text)) - bytes)).toBeLessThanOrEqual(2);
    expect(charsOf(plain.seal('record', text))).toBe(text.length + 1);
  });
});

describe('a vault', () => {
  it('encrypts nothing without a master key', () => {
    const vault = vaultOf();

    expect(vault.newKey('session')).toBe('');
    expect(vault.sealer('session', '')).toBe(plain);
    expect(vault.masters).toEqual([]);
  });

  it('opens with any of its keys, and wraps with the first', () => {
    const [before, both] = [vaultOf(1), vaultOf(2, 1)];
    const wrapped = before.newKey('session');
    const sealed = before.sealer('session', wrapped).seal('record', CANARY);

    const again = both.rewrap('session', wrapped) ?? '';

    expect(both.sealer('session', wrapped).open('record', sealed)).toBe(CANARY);
    expect(masterOf(both.newKey('other'))).toBe(both.masters[0]);
    expect([masterOf(wrapped), masterOf(again)]).toEqual(both.masters.toReversed());
    expect(vaultOf(2).sealer('session', again).open('record', sealed)).toBe(CANARY);
    expect(both.rewrap('session', again)).toBeUndefined();
    expect(again).toHaveLength(wrapped.length);
  });

  it('opens nothing without the right key', () => {
    const wrapped = vaultOf(1).newKey('session');

    expect(() => vaultOf(2).sealer('session', wrapped)).toThrow(/master key \w{16} is not here/);
    expect(() => vaultOf().sealer('session', wrapped)).toThrow(/is not here/);
    expect(() => vaultOf(1).sealer('other', wrapped)).toThrow(/damaged/);
    const renamed = wrapped.replace(masterOf(wrapped), vaultOf(2).masters[0] ?? '');
    expect(() => vaultOf(2).sealer('session', renamed)).toThrow(/damaged/);
  });

  it('refuses a wrapped key with any character of it changed', () => {
    const vault = vaultOf(1);
    const wrapped = vault.newKey('session');
    const from = wrapped.lastIndexOf('.') + 1;

    for (let at = from; at < wrapped.length; at += 1) {
      const other = wrapped[at] === 'A' ? 'B' : 'A';
      const changed = wrapped.slice(0, at) + other + wrapped.slice(at + 1);
      expect(() => vault.sealer('session', changed)).toThrow(/damaged/);
    }
  });

  it('opens what it has forgotten only with the wrapped key', () => {
    const vault = vaultOf(1);
    const wrapped = vault.newKey('session');
    const known = vault.sealer('session', wrapped);

    vault.forget('session', wrapped);

    const again = vault.sealer('session', wrapped);
    expect(again).not.toBe(known);
    expect(again.open('record', known.seal('record', CANARY))).toBe(CANARY);
  });

  it('shows no key of its own', () => {
    const key = Buffer.alloc(32, 'canary');
    const vault = new Vault([masterKey(key)]);
    sealerOf('session', vault);

    const shown = inspect([vault, masterKey(key)], { depth: null, showHidden: true });

    for (const form of ['hex', 'base64', 'latin1'] as const)
      expect(shown).not.toContain(key.toString(form).slice(0, 12));
    expect(key.toString('latin1')).toContain('canary');
  });

  it.each([0, 16, 31, 33])('takes no master key of %i bytes', (length) => {
    expect(() => masterKey(Buffer.alloc(length))).toThrow(/32 bytes/);
  });
});
