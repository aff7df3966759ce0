import { expect, test } from 'vitest';
import { Follow } from '../../../src/chat/follow.ts';
import type { Sink } from '../../../src/chat/follow.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import { newSession } from '../../conformance/store-bench.ts';

const sink: Sink = { transport: 'socket', push: () => {}, ready: () => undefined };

test('how many follow each session is counted as they come and go, and not looked for', async () => {
  await using store = await openSqlite({ directory: ':memory:' });
  using follow = new Follow(store, () => 0);
  let looks = 0;
  const ids = Array.from({ length: 100 }, (_, n) => `session-${n}`);
  const lives = await Promise.all(
    ids.map(async (sessionId) => {
      const { session } = await store.create({
        session: newSession(sessionId, { epoch: `of ${sessionId}` }),
        createKey: null,
        idGiven: true,
      });
      const { tenant, epoch } = session;
      return Object.defineProperty({ tenant, sessionId, epoch }, 'epoch', {
        get: () => {
          looks += 1;
          return epoch;
        },
      });
    }),
  );
  const stops = lives.map(() => new AbortController());
  const runs = lives.flatMap((life, n) =>
    [0, 0].map((after) => follow.run(life, after, sink, stops[n]?.signal ?? AbortSignal.abort())),
  );
  const [first, second] = lives;
  if (!first || !second) throw new Error('there are no sessions');
  const looking = follow.lookOn(first);
  const [epoch, other] = [first.epoch, second.epoch];

  looks = 0;
  const all = follow.look();
  expect([all.size, all.get(epoch), all.get(other), follow.followersOf(epoch)]).toEqual([100, 1, 2, 1]);
  expect(looks).toBe(0);

  looking[Symbol.dispose]();
  expect(follow.followersOf(epoch)).toBe(2);
  for (const stop of stops) stop.abort();
  await Promise.all(runs);
  expect([...follow.look()]).toEqual([]);
});
