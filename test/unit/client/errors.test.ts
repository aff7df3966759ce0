import { expect, test } from 'vitest';
import { ChatError, isErrorCode } from '../../../client/sdk/errors.ts';
import { errorTable } from '../../../src/contract/errors.ts';

const rows = Object.entries(errorTable).map(([code, row]) => ({ code, ...row }));

test.each(rows)('$code may pass, or not, as the table of codes says', ({ code, status, retryable }) => {
  if (!isErrorCode(code)) throw new Error(`${code} is no code`);

  expect(new ChatError({ code, status, message: '' }).retryable).toBe(retryable);
});
