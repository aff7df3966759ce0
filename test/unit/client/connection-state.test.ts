import { expect, test } from 'vitest';
import type { ConnectionState } from '../../../client/sdk/api.ts';
import { next } from '../../../client/sdk/connection-state.ts';
import { ChatError } from '../../../client/sdk/errors.ts';

const connecting: ConnectionState = { phase: 'connecting', attempt: 1 };
const failed = { type: 'failed', reason: 'unreachable', heldMs: 0, random: 0.5 } as const;

test.for([
  [0, 500],
  [200, 500],
  [45_000, 45_000],
] as const)('a server that asks for no try before %i ms gets the next one after %i', ([leastMs, delayMs]) => {
  expect(next(connecting, { ...failed, leastMs })).toEqual({
    phase: 'waiting',
    attempt: 1,
    delayMs,
    reason: 'unreachable',
  });
});

test('a client that is not let in stays out, whatever happens', () => {
  const error = new ChatError({ code: 'UNAUTHENTICATED', status: 401 });
  const closed = next({ phase: 'online', via: 'poll', attempt: 1 }, { type: 'closed', error });

  expect(closed).toEqual({ phase: 'closed', error });
  for (const type of ['wanted', 'again', 'offline'] as const) expect(next(closed, { type })).toBe(closed);
});
