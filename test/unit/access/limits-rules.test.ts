import { describe, expect, it } from 'vitest';
import { addressKey, isLoopback, limitKey } from '../../../src/access/key-limits.ts';
import { defaultLimits, describeLimits, parseLimits } from '../../../src/access/limit-rules.ts';
import { nobody } from '../../../src/access/limits.ts';
import { somebody } from '../../conformance/limits.ts';

const all = [...defaultLimits.rates, ...defaultLimits.places];

describe('LIMITS', () => {
  it.each(['', ' ', ',', ' , ,'])('changes nothing when it is %j', (text) => {
    expect(parseLimits(text)).toEqual(defaultLimits);
  });

  it('changes what it names and nothing else', () => {
    const rules = parseLimits(' input_session = 40/120 , connections_address=300,connect_address=90 ');

    const changed = [...rules.rates, ...rules.places].filter((rule, at) => {
      return JSON.stringify(rule) !== JSON.stringify(all[at]);
    });
    expect(changed).toMatchObject([
      { name: 'connect_address', points: 90, seconds: 10 },
      { name: 'input_session', points: 40, seconds: 120 },
      { name: 'connections_address', points: 300 },
    ]);
  });

  it.each([
    ['inputs_session=1', /^LIMITS knows no "inputs_session", only connect_address, .*followers_subject$/],
    ['__proto__=1', /knows no "__proto__"/],
    ['=5', /knows no ""/],
    ['input_session', /must give input_session as points and seconds, such as input_session=20\/60, not ""/],
    ['input_session=', /not ""/],
    ['input_session=many', /not "many"/],
    ['input_session=-1/60', /not "-1\/60"/],
    ['input_session=1.5/60', /not "1.5\/60"/],
    ['input_session=20/', /not "20\/"/],
    ['input_session=20/60/5', /not "20\/60\/5"/],
    ['input_session=2=3', /not "2=3"/],
    ['input_session=20/60\nx', /not "20\/60\\nx"/],
    ['input_session=0/60', /^input_session in LIMITS must be from 1 to 1000000000, not 0$/],
    ['input_session=9999999999', /must be from 1 to 1000000000, not 9999999999/],
    ['input_session=20/0', /^The seconds of input_session in LIMITS must be from 1 to 86400, not 0$/],
    ['input_session=20/99999', /from 1 to 86400, not 99999/],
    [
      'connections_all=5/60',
      /must give connections_all as one number, such as connections_all=100, not "5\/60"/,
    ],
    ['turns_subject=0', /from 1/],
    ['turns_subject=1,turns_subject=2', /^LIMITS gives turns_subject twice$/],
  ])('is refused as %j, with what is wrong', (text, message) => {
    expect(() => parseLimits(text)).toThrow(message);
  });

  it('has a name for every rule, and each once', () => {
    const names = all.map(({ name }) => name);

    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !/^[a-z]+_(address|subject|session|tenant|all)$/.test(name))).toEqual([]);
  });

  it('takes its own table of defaults and stays the same', () => {
    const cells = [...describeLimits().matchAll(/^\| `(\w+)` \| \w+ \| `([\d/]+)` \|/gm)];

    const rules = parseLimits(cells.map(([, name, value]) => `${name}=${value}`).join(','));

    expect(cells).toHaveLength(all.length);
    expect(rules).toEqual(defaultLimits);
  });
});

describe('whom a limit counts', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['', ''],
    ['unknown', 'unknown'],
  ])('takes the address %s for %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.9.8.7', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::', false],
    ['0.0.0.0', false],
    ['10.0.0.1', false],
    ['::ffff:10.0.0.1', false],
    ['localhost', false],
    ['', false],
  ])('knows whether %s is this machine: %s', (address, is) => {
    expect(isLoopback(address)).toBe(is);
  });

  it('gives names that tell nothing and are never the same for two levels', () => {
    const who = { address: 'a', subject: 'a', session: 'a', tenant: 'a' };

    const keys = (['address', 'subject', 'session', 'tenant'] as const).map((level) => limitKey(level, who));

    expect(new Set(keys).size).toBe(4);
    expect(keys.filter((key) => key === null || !/^[\w-]{43}$/.test(key))).toEqual([]);
  });

  it('takes apart who writes the same in other places', () => {
    const keys = [
      { ...somebody, tenant: 'a', subject: 'b' },
      { ...somebody, tenant: 'ab', subject: '' },
      { ...somebody, tenant: null, subject: 'ab' },
      { ...somebody, tenant: 'b', subject: 'a' },
    ].map((who) => limitKey('subject', who));

    expect(new Set(keys).size).toBe(4);
  });

  it('has no name for nobody', () => {
    const keys = (['address', 'subject', 'session', 'tenant'] as const).map((level) =>
      limitKey(level, nobody),
    );

    expect(keys).toEqual([null, null, null, null]);
  });
});
