import { expect, it } from 'vitest';
import { untilNobodyAnswers } from '../../../src/chat/human.ts';
import { AppError } from '../../../src/errors.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import { admit } from '../../conformance/store-bench.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { fakeClock, hurry } from '../../support/hurry.ts';

it('goes on waiting for a person while the store is away', async () => {
  await using real = await openSqlite({ directory: ':memory:' });
  const { session } = await admit(real, 'waits', 'turn');
  await real.note(session, [], { human: { name: 'Ada', untilAt: 1_000 } });
  let now = 0;
  let asked = 0;
  const store = faultyStore(real, {
    session: (run, count) => {
      asked = count;
      if (count === 4) now = 2_000;
      return count < 4 ? Promise.reject(new AppError('STORE_UNAVAILABLE')) : run();
    },
  });
  using _clock = fakeClock();

  const waiting = untilNobodyAnswers(store, session, () => now, new AbortController().signal);

  expect(await hurry(waiting, 'the end of the time')).toBeUndefined();
  expect(asked).toBe(4);
});
