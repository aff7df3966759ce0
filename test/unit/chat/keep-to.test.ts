// Whom a request counts for: what somebody asks is taken from nobody else.
import { describe, expect, test } from 'vitest';
import type { Identity } from '../../../src/access/authenticator.ts';
import { parseLimits } from '../../../src/access/limit-rules.ts';
import type { Limits } from '../../../src/access/limits.ts';
import { createLimits } from '../../../src/access/open-limits.ts';
import { nobody } from '../../../src/chat/access.ts';
import { countedSession, keepTo, takeRequest, whoOf } from '../../../src/chat/keep-to.ts';
import { operations } from '../../../src/contract/operations.ts';
import type { OperationName } from '../../../src/contract/types.ts';
import { CountedLimits } from '../../support/counted-limits.ts';

const ada: Identity = {
  ...nobody,
  tenant: 'acme',
  subject: 'user:ada',
  person: 'user:ada',
  credential: 'jwt.ada',
};
const bob: Identity = { ...ada, subject: 'user:bob', person: 'user:bob', credential: 'jwt.bob' };
const holder: Identity = { ...ada, person: 'capability', credential: 'capability' };
const day = { session_id: 'day', user_input: 'A word' };

const say = (limits: Limits, identity: Identity, address: string) =>
  keepTo(limits, 'session:input', day, { address }, identity, 0);
const request = (limits: Limits, identity: Identity, address: string) =>
  takeRequest(limits, 'session:input', { address }, identity);

describe('inputs', () => {
  const others: [who: string, identity: Identity][] = [
    ['somebody else of the tenant', bob],
    ['who has the same name in another tenant', { ...ada, tenant: 'beta' }],
  ];
  test.each(others)('into a session are not those of %s into the same id', async (_, other) => {
    await using limits = createLimits({ rules: parseLimits('input_session=2/60') });
    for (let n = 0; n < 5; n++) await say(limits, other, '192.0.2.1');

    expect(await say(limits, other, '192.0.2.1')).toMatchObject({ waitMs: expect.any(Number) });
    expect(await say(limits, ada, '192.0.2.2')).toBeNull();
  });

  test.each([' ', ':', '/', '","', '\u0000'])('are told apart where names hold %j', (mark) => {
    const names = [
      { ...ada, tenant: 'a', subject: `b${mark}c` },
      { ...ada, tenant: `a${mark}b`, subject: 'c' },
    ];

    expect(new Set(names.map((name) => countedSession(name, 'day'))).size).toBe(2);
    const [first] = names.map((name) => countedSession(name, `day${mark}d`));
    expect(first).not.toBe(countedSession({ ...ada, tenant: 'a', subject: `b${mark}c${mark}day` }, 'd'));
  });

  test('into a session are those of everybody who was let in', async () => {
    await using limits = createLimits({ rules: parseLimits('input_session=2/60') });

    const first = [await say(limits, ada, '192.0.2.1'), await say(limits, holder, '192.0.2.2')];

    expect(first).toEqual([null, null]);
    expect(await say(limits, ada, '192.0.2.1')).toMatchObject({ waitMs: expect.any(Number) });
    expect(await say(limits, holder, '192.0.2.2')).toMatchObject({ waitMs: expect.any(Number) });
  });

  test('by who holds a capability are not the inputs of its owner, nor the other way round', async () => {
    const rules = parseLimits('input_subject=2/60,request_subject=2/60');
    await using limits = createLimits({ rules });
    for (let n = 0; n < 3; n++) {
      await request(limits, holder, '192.0.2.1');
      await say(limits, holder, '192.0.2.1');
    }

    expect(await request(limits, holder, '192.0.2.1')).toBeGreaterThan(0);
    expect(await request(limits, ada, '192.0.2.2')).toBe(0);
    expect(await say(limits, holder, '192.0.2.1')).not.toBeNull();
    expect(await say(limits, ada, '192.0.2.2')).toBeNull();
  });
});

describe('any request', () => {
  const names = Object.keys(operations) as OperationName[];
  const asked = async (name: OperationName, waitMs = 0) => {
    const limits = new CountedLimits();
    limits.waitMs = waitMs;
    const outcome = await takeRequest(limits, name, { address: '192.0.2.1' }, ada).catch(() => 'refused');
    return { outcome, taken: limits.taken.map(([budget]) => budget) };
  };
  const isFree = (name: OperationName) =>
    name === 'received' || ['nothing', 'operator'].includes(operations[name].needs);

  test.each(names.filter(isFree))('%s is not counted, and not refused', async (name) => {
    expect(await asked(name, 1_000)).toEqual({ outcome: 0, taken: [] });
  });

  test.each(names.filter((name) => !isFree(name)))('%s costs a request', async (name) => {
    expect(await asked(name)).toEqual({ outcome: 0, taken: ['request'] });
  });

  test('for health, for the places to get help and for people behind the server is free', () => {
    const free = names.filter(isFree);

    expect(free).toEqual(expect.arrayContaining(['server:health', 'server:safety', 'operator:alerts']));
  });

  test('counts for the address of a person, and not for that of a service', () => {
    const visitor = { address: '192.0.2.1' };
    const service = { ...ada, subject: 'key:crm', person: null };

    expect(whoOf(visitor, ada, null)).toMatchObject({ address: '192.0.2.1', subject: 'user:ada' });
    expect(whoOf(visitor, holder, null)).toMatchObject({ address: '192.0.2.1', subject: 'capability' });
    expect(whoOf(visitor, service, null)).toMatchObject({ address: null, subject: null, tenant: 'acme' });
    expect(whoOf(visitor, nobody, null)).toMatchObject({ address: '192.0.2.1', tenant: null });
  });
});
