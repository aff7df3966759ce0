// The one path every request takes: read, handled, and its failure shaped.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Identity } from '../../../src/access/authenticator.ts';
import type { Limits } from '../../../src/access/limits.ts';
import { noLimits } from '../../../src/access/limits.ts';
import { Right } from '../../../src/contract/model.ts';
import type { Caller, Visitor } from '../../../src/chat/access.ts';
import { createDispatch } from '../../../src/chat/dispatch.ts';
import type { Dispatch, Origin } from '../../../src/chat/dispatch.ts';
import { operations } from '../../../src/contract/operations.ts';
import type { Handlers, Right as RightName } from '../../../src/contract/types.ts';
import { AppError } from '../../../src/errors.ts';
import { noMeter } from '../../../src/meter.ts';
import { CountedLimits } from '../../support/counted-limits.ts';

const somebody: Identity = {
  tenant: 'clinic',
  subject: 'user:ann',
  person: 'user:ann',
  rights: new Set(Right.options),
  session: null,
  credential: 'token',
  expiresAt: null,
  ageBand: null,
  locale: null,
};
const visitor: Visitor = {
  address: null,
  bearer: null,
  client: 'test',
  signal: new AbortController().signal,
  refresh: () => Promise.resolve(null),
  identify: () => Promise.resolve(somebody),
};

interface Line {
  level: string;
  fields: object;
}

let lines: Line[];
let heard: unknown[];
beforeEach(() => {
  lines = [];
  heard = [];
});

/** A dispatch whose every handler does the same. */
function dispatchTo(handle: () => Promise<unknown>, limits: Limits = noLimits): Dispatch {
  const handler = (input: unknown, from: Caller) => {
    heard.push(input, from);
    return handle();
  };
  const handlers = Object.fromEntries(Object.keys(operations).map((name) => [name, handler]));
  const write = (level: string) => (fields: object) => void lines.push({ level, fields });
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  return createDispatch(handlers as unknown as Handlers<Caller>, { limits, meter: noMeter, log });
}

const answering = (value: unknown) => dispatchTo(() => Promise.resolve(value));
const failing = (error: unknown) => dispatchTo(() => Promise.reject(error));

/** The refusal of a payload that is not valid. */
async function refusal(name: keyof typeof operations, payload: unknown, origin?: Origin) {
  const result = await answering({})(name, payload, visitor, origin);
  if (result.ok) throw new Error('it was taken');
  return result.failure;
}

test('a handler gets the input as its schema reads it, and who asks', async () => {
  const dispatch = answering({ fine: true });

  const result = await dispatch('session:status', { session_id: 's', unknown: 1 }, visitor);

  expect(result).toEqual({ ok: true, value: { fine: true } });
  expect(heard).toMatchObject([{ session_id: 's' }, { ...somebody, client: 'test' }]);
});

describe('a payload that is not valid', () => {
  test('is refused before any handler hears of it', async () => {
    await refusal('session:input', { session_id: 's' });

    expect(heard).toEqual([]);
  });

  test('is told of every fault at once', async () => {
    const { code, status, detail } = await refusal('session:create', { session_id: 5, client_id: ['x'] });

    expect({ code, status }).toEqual({ code: 'VALIDATION_FAILED', status: 422 });
    expect(detail?.map(({ loc }) => loc)).toEqual([
      ['body', 'session_id'],
      ['body', 'client_id'],
    ]);
  });

  test('names the first fault in its message', async () => {
    const { message } = await refusal('session:status', {});

    expect(message).toMatch(/^body\.session_id: /);
  });

  test('names the place of the request that each field came from', async () => {
    const origin: Origin = (field) => (field === 'limit' ? 'query' : 'path');

    const { detail } = await refusal('session:history', { session_id: 7, limit: 0 }, origin);

    expect(detail?.map(({ loc }) => loc)).toEqual([
      ['path', 'session_id'],
      ['query', 'limit'],
    ]);
  });

  const types: [type: string, name: keyof typeof operations, payload: unknown][] = [
    ['missing', 'session:input', { session_id: 's' }],
    ['string_type', 'session:input', { session_id: 's', user_input: 5 }],
    ['string_too_short', 'session:input', { session_id: 's', user_input: '' }],
    ['greater_than_equal', 'session:history', { session_id: 's', limit: 0 }],
    ['less_than_equal', 'session:history', { session_id: 's', limit: 201 }],
    ['json_type', 'session:status', { session_id: 's', when: new Date(0) }],
    ['too_deep', 'session:create', { metadata: JSON.parse('{"a":'.repeat(8) + '{}' + '}'.repeat(8)) }],
  ];
  test.each(types)(
    'calls it %s in the words that clients of the older service know',
    async (type, name, payload) => {
      const { detail } = await refusal(name, payload);

      expect(detail?.map((fault) => fault.type)).toEqual([type]);
    },
  );
});

test('a refusal of a handler is answered with its code and what it says', async () => {
  const error = new AppError('MODEL_BUSY', { retryAfterMs: 5_000 });

  const result = await failing(error)('session:status', { session_id: 's' }, visitor);

  expect(result).toMatchObject({
    ok: false,
    error,
    failure: { code: 'MODEL_BUSY', status: 503, retryable: true, retry_after_ms: 5_000 },
  });
});

test('anything else a handler raises is INTERNAL, logged whole and told to nobody', async () => {
  const bug = new TypeError('secret');

  const result = await failing(bug)('session:status', { session_id: 's' }, visitor);

  expect(result).toMatchObject({ ok: false, failure: { code: 'INTERNAL', status: 500 } });
  expect(JSON.stringify(result)).not.toContain('secret');
  expect(lines).toContainEqual({ level: 'error', fields: { err: bug, operation: 'session:status' } });
});

test('every answer is logged with its operation and code, and no word of what was asked', async () => {
  await answering({})('session:input', { session_id: 'private', user_input: 'private' }, visitor);
  await failing(new AppError('TURN_IN_PROGRESS'))('session:status', { session_id: 'private' }, visitor);

  expect(lines.map(({ fields }) => fields)).toMatchObject([
    { operation: 'session:input', code: 'OK' },
    { operation: 'session:status', code: 'TURN_IN_PROGRESS' },
  ]);
  expect(JSON.stringify(lines)).not.toContain('private');
});

describe('who asks', () => {
  const calls = answering({});

  test('is found out before a payload is read', async () => {
    const identify = () => Promise.reject(new AppError('UNAUTHENTICATED'));

    const result = await calls('session:status', { wrong: true }, { ...visitor, identify });

    expect(result).toMatchObject({ ok: false, failure: { code: 'UNAUTHENTICATED' } });
  });

  test('is not asked where anybody may', async () => {
    const identify = () => Promise.reject(new AppError('UNAUTHENTICATED'));

    expect(await answering({})('server:health', {}, { ...visitor, identify })).toMatchObject({ ok: true });
    expect(await answering({})('operator:alerts', {}, { ...visitor, identify })).toMatchObject({ ok: true });
  });

  const rights = Object.entries(operations).flatMap(([name, { needs }]) =>
    needs === 'nothing' || needs === 'operator' ? [] : [{ name: name as keyof typeof operations, needs }],
  );
  const payloads: Partial<Record<keyof typeof operations, object>> = {
    'session:input': { user_input: 'hello' },
    received: { seq: 1 },
  };

  test.each(rights)('needs the right to $needs for $name', async ({ name, needs }) => {
    const payload = { session_id: 's', turn_id: 't', capability_id: 'c', ...payloads[name] };
    const but = (missing: readonly string[]) => ({
      ...visitor,
      identify: async () => ({
        ...somebody,
        rights: new Set(Right.options.filter((right) => !missing.includes(right))),
      }),
    });
    // who may write may read
    const opening: readonly string[] = needs === 'read' ? ['read', 'write'] : [needs];

    expect(await answering({})(name, payload, but(opening))).toMatchObject({
      failure: { code: 'FORBIDDEN' },
    });
    expect(heard).toEqual([]);
    for (const right of opening) {
      const others = Right.options.filter((other) => other !== right);
      expect(await answering({})(name, payload, but(others))).toMatchObject({ ok: true });
    }
  });

  test('[P-1] gets help with the refusal of words that show risk, whoever it is', async () => {
    const payload = { session_id: 's', user_input: 'I want to kill myself tonight' };
    const refusals = [new AppError('UNAUTHENTICATED'), new AppError('STORE_UNAVAILABLE')];
    for (const refusal of refusals) {
      const identify = () => Promise.reject(refusal);

      const result = await answering({})('session:input', payload, { ...visitor, identify });

      expect(result).toMatchObject({ failure: { code: refusal.code, safety: { text: expect.any(String) } } });
    }
    const identify = async () => ({ ...somebody, rights: new Set<never>() });
    expect(await answering({})('session:input', payload, { ...visitor, identify })).toMatchObject({
      failure: { code: 'FORBIDDEN', safety: { text: expect.any(String) } },
    });
  });
});

describe('limits', () => {
  const full: Limits = { ...noLimits, take: async () => 1_500 };
  const counted = { ...visitor, address: '192.0.2.1' };

  test('refuse with the time to wait', async () => {
    const result = await dispatchTo(async () => ({}), full)('session:status', { session_id: 's' }, counted);

    expect(result).toMatchObject({ failure: { code: 'RATE_LIMITED', retry_after_ms: 1_500 } });
    expect(heard).toEqual([]);
  });

  test('[P-12] leave an input to who admits it, since it may show risk', async () => {
    await dispatchTo(async () => ({}), full)('session:input', { session_id: 's', user_input: 'x' }, counted);

    expect(heard[1]).toMatchObject({ overLimit: { waitMs: 1_500 } });
  });

  test('do not count a caller without an address', async () => {
    const result = await dispatchTo(async () => ({}), full)('session:status', { session_id: 's' }, visitor);

    expect(result.ok).toBe(true);
  });

  const refusals: [
    code: string,
    payload: object,
    rights: readonly RightName[],
    answer: () => Promise<unknown>,
  ][] = [
    ['VALIDATION_FAILED', { session_id: 5 }, Right.options, async () => ({})],
    ['FORBIDDEN', { session_id: 's' }, ['create'], async () => ({})],
    [
      'SESSION_NOT_FOUND',
      { session_id: 's' },
      Right.options,
      () => Promise.reject(new AppError('SESSION_NOT_FOUND')),
    ],
  ];
  test.each(refusals)('count what is refused as %s too', async (code, payload, rights, answer) => {
    const limits = new CountedLimits();
    const identify = async () => ({ ...somebody, rights: new Set(rights) });
    const ask = () => dispatchTo(answer, limits)('session:status', payload, { ...counted, identify });

    expect(await ask()).toMatchObject({ failure: { code } });
    expect(limits.taken).toMatchObject([['request', { address: '192.0.2.1', subject: 'user:ann' }]]);
    limits.waitMs = 1_500;
    expect(await ask()).toMatchObject({ failure: { code: 'RATE_LIMITED', retry_after_ms: 1_500 } });
  });

  test('count a wrong key of people behind the server as what does not count, and nothing else', async () => {
    const limits = new CountedLimits();
    const wrong = dispatchTo(() => Promise.reject(new AppError('UNAUTHENTICATED')), limits);

    await wrong('operator:alerts', {}, counted);
    await dispatchTo(async () => ({}), limits)('operator:alerts', {}, counted);

    expect(limits.taken).toMatchObject([['failure', { address: '192.0.2.1', subject: null }]]);
  });

  test('slow down who hands in what does not count', async () => {
    const identify = () => Promise.reject(new AppError('UNAUTHENTICATED'));
    const stranger = { ...counted, identify };

    const result = await dispatchTo(async () => ({}), full)('session:status', { session_id: 's' }, stranger);

    expect(result).toMatchObject({ failure: { code: 'RATE_LIMITED', retry_after_ms: 1_500 } });
  });
});
