import { expect, test } from 'vitest';
import { z } from 'zod';
import { AppError } from '../../../src/errors.ts';
import { logError } from '../../../src/ops/log-error.ts';

const said = 'canary-phrase';

function thrownBy(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

test('an error is logged with its type, its code, where it was thrown, and what caused it', () => {
  const cause = Object.assign(new TypeError('fetch failed'), { code: 'ECONNREFUSED' });

  const logged = logError(new AppError('STORE_UNAVAILABLE', { cause }));

  expect(logged).toMatchObject({
    type: 'AppError',
    code: 'STORE_UNAVAILABLE',
    cause: { type: 'TypeError', code: 'ECONNREFUSED', message: 'fetch failed' },
  });
  expect(logged.stack).toContain('log-error.test.ts');
});

test.each([
  ['a parser quotes', () => JSON.parse(`{"a": ${said}}`)],
  ['a schema was given', () => z.literal('a').parse(said, { reportInput: true })],
  [
    'lies in a field of it',
    () => Promise.reject(Object.assign(new Error('failed'), { detail: said, input: said })),
  ],
  ['is no error at all', () => said],
])('nothing of what was said is: what %s', async (_name, run) => {
  const error = await Promise.resolve(thrownBy(run)).catch((reason: unknown) => reason);

  expect(JSON.stringify(logError(new Error('failed', { cause: error })))).not.toContain(said);
});

test('a ring of causes ends', () => {
  const error = new Error('a');
  error.cause = error;

  expect(JSON.stringify(logError(error)).length).toBeLessThan(20_000);
});
