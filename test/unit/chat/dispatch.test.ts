// The one path every request takes: read, handled, and its failure shaped.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '../../../src/chat/access.ts';
import { anonymous } from '../../../src/chat/access.ts';
import { createDispatch } from '../../../src/chat/dispatch.ts';
import type { Dispatch, Origin } from '../../../src/chat/dispatch.ts';
import { operations } from '../../../src/contract/operations.ts';
import type { Handlers } from '../../../src/contract/types.ts';
import { AppError } from '../../../src/errors.ts';

const caller: Caller = anonymous('test', new AbortController().signal);

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
function dispatchTo(handle: () => Promise<unknown>): Dispatch {
  const handler = (input: unknown, from: Caller) => {
    heard.push(input, from);
    return handle();
  };
  const handlers = Object.fromEntries(Object.keys(operations).map((name) => [name, handler]));
  const write = (level: string) => (fields: object) => void lines.push({ level, fields });
  return createDispatch(handlers as unknown as Handlers<Caller>, {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  });
}

const answering = (value: unknown) => dispatchTo(() => Promise.resolve(value));
const failing = (error: unknown) => dispatchTo(() => Promise.reject(error));

/** The refusal of a payload that is not valid. */
async function refusal(name: keyof typeof operations, payload: unknown, origin?: Origin) {
  const result = await answering({})(name, payload, caller, origin);
  if (result.ok) throw new Error('it was taken');
  return result.failure;
}

test('a handler gets the input as its schema reads it, and who asks', async () => {
  const dispatch = answering({ fine: true });

  const result = await dispatch('session:status', { session_id: 's', unknown: 1 }, caller);

  expect(result).toEqual({ ok: true, value: { fine: true } });
  expect(heard).toEqual([{ session_id: 's' }, caller]);
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

  const result = await failing(error)('session:status', { session_id: 's' }, caller);

  expect(result).toMatchObject({
    ok: false,
    error,
    failure: { code: 'MODEL_BUSY', status: 503, retryable: true, retry_after_ms: 5_000 },
  });
});

test('anything else a handler raises is INTERNAL, logged whole and told to nobody', async () => {
  const bug = new TypeError('secret');

  const result = await failing(bug)('session:status', { session_id: 's' }, caller);

  expect(result).toMatchObject({ ok: false, failure: { code: 'INTERNAL', status: 500 } });
  expect(JSON.stringify(result)).not.toContain('secret');
  expect(lines).toContainEqual({ level: 'error', fields: { err: bug, operation: 'session:status' } });
});

test('every answer is logged with its operation and code, and no word of what was asked', async () => {
  await answering({})('session:input', { session_id: 'private', user_input: 'private' }, caller);
  await failing(new AppError('TURN_IN_PROGRESS'))('session:status', { session_id: 'private' }, caller);

  expect(lines.map(({ fields }) => fields)).toMatchObject([
    { operation: 'session:input', code: 'OK' },
    { operation: 'session:status', code: 'TURN_IN_PROGRESS' },
  ]);
  expect(JSON.stringify(lines)).not.toContain('private');
});
