// What becomes of messages that nobody takes, and of a store that is away.
import { expect, it } from 'vitest';
import { Deliveries } from '../../../src/ops/deliveries.ts';
import type { DeliveriesParts } from '../../../src/ops/deliveries.ts';
import type { Receiver } from '../../../src/ops/outbox-receivers.ts';
import { retryAfterMs } from '../../../src/ops/retry.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import type { Store } from '../../../src/store/store.ts';
import { newSession } from '../../conformance/store-bench.ts';
import { message } from '../../conformance/store-outbox.ts';
import { createChanges, until } from '../../support/wait.ts';

const entry = { name: 'crm', tenant: '*', url: '', secret: '', events: [], private: true };

/** A receiver that takes what a test lets it take. */
function receiverOf(id: string, take: () => Promise<void>): Receiver {
  return { id, entry, webhook: { send: take, [Symbol.asyncDispose]: () => Promise.resolve() } };
}

async function openDeliveries(parts: Partial<DeliveriesParts> = {}) {
  const store = await openSqlite({ directory: ':memory:' });
  const said: [object, string][] = [];
  const outcomes: unknown[] = [];
  const changes = createChanges();
  const say = (fields: object, line: string) => {
    said.push([fields, line]);
    changes.notify();
  };
  const deliveries = new Deliveries({
    store,
    receivers: () => [],
    now: Date.now,
    log: { warn: say, error: say },
    onOutcome: (type, outcome) => {
      outcomes.push([type, outcome]);
      changes.notify();
    },
    ...parts,
  });
  return {
    store,
    deliveries,
    said,
    outcomes,
    until: (condition: () => boolean) => until(condition, changes.subscribe, 'what was waited for'),
    [Symbol.asyncDispose]: async () => {
      await deliveries[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

async function tell(store: Store, count: number, receiver = 'r'): Promise<void> {
  for (let n = 1; n <= count; n += 1) {
    const name = `${receiver} ${n}`;
    const outbox = [message(name, receiver)];
    await store.create({ session: newSession(name), createKey: null, idGiven: true, outbox });
  }
}

it('gives up the oldest of too many, and says so', async () => {
  const receiver = receiverOf('r', () => Promise.reject(new Error('away')));
  await using bench = await openDeliveries({ receivers: () => [receiver], waitingMax: 3 });
  await tell(bench.store, 5);

  await bench.deliveries.tidy();

  const left = await bench.store.outbox.dueMessages('r', 10);
  expect(left.map(({ messageId }) => messageId)).toEqual(['r 3', 'r 4', 'r 5']);
  expect(bench.said).toEqual([
    [{ receiver: 'crm', count: 2 }, 'too many webhooks wait for a receiver: the oldest were given up'],
  ]);
  expect(bench.outcomes).toEqual([
    [null, 'given_up'],
    [null, 'given_up'],
  ]);
});

it('drops what waits for a receiver that is in no file, once no other node can know it', async () => {
  let now = 0;
  let known: Receiver[] = [];
  await using bench = await openDeliveries({ now: () => now, receivers: () => known });
  await tell(bench.store, 2);
  const waiting = () => bench.store.outbox.waitingReceivers();

  await bench.deliveries.tidy();
  now = 59_999;
  await bench.deliveries.tidy();
  const early = await waiting();
  known = [receiverOf('r', () => Promise.resolve())];
  await bench.deliveries.tidy();
  known = [];
  now = 100_000;
  await bench.deliveries.tidy();
  const again = await waiting();
  now = 160_000;
  await bench.deliveries.tidy();

  expect([early, again, await waiting()]).toEqual([['r'], ['r'], []]);
  expect(bench.said).toEqual([
    [{ count: 2 }, 'webhooks of a receiver that is in the file no more were dropped'],
  ]);
});

it('says once that a store is away, and goes on when it is back', async () => {
  let isAway = true;
  const receiver = receiverOf('r', () => Promise.resolve());
  await using real = await openSqlite({ directory: ':memory:' });
  const outbox = new Proxy(real.outbox, {
    get: (target, name) => {
      if (isAway) return () => Promise.reject(new Error('away'));
      return Reflect.get(target, name);
    },
  });
  await using bench = await openDeliveries({ store: { outbox }, receivers: () => [receiver] });
  await tell(real, 1);
  bench.deliveries.wake();
  await bench.until(() => bench.said.length > 0);
  await bench.deliveries.tidy().catch(() => undefined);

  isAway = false;
  bench.deliveries.wake();
  await bench.until(() => bench.outcomes.length > 0);

  expect(bench.said.map(([, line]) => line)).toEqual(['webhooks could not be read']);
  expect(bench.outcomes).toEqual([[null, 'sent']]);
});

it('does not send again what a receiver has, although the store could not be told', async () => {
  let posts = 0;
  const receiver = receiverOf('r', async () => void (posts += 1));
  await using real = await openSqlite({ directory: ':memory:' });
  let failures = 1;
  const outbox = {
    ...real.outbox,
    settleMessage: async (...args: Parameters<typeof real.outbox.settleMessage>) => {
      if (failures-- > 0) {
        await real.outbox.settleMessage(args[0], 'free');
        throw new Error('away');
      }
      return real.outbox.settleMessage(...args);
    },
  };
  await using bench = await openDeliveries({ store: { outbox }, receivers: () => [receiver] });
  await tell(real, 1);
  bench.deliveries.wake();
  await bench.until(() => bench.said.length > 0);

  bench.deliveries.wake();
  await bench.until(() => bench.outcomes.length > 0);

  expect(posts).toBe(1);
});

it('waits longer from try to try, ten minutes at most', () => {
  expect([0, 1, 2, 9, 10, 500].map((tries) => retryAfterMs(tries, 1))).toEqual([
    1_000, 2_000, 4_000, 512_000, 600_000, 600_000,
  ]);
  expect(retryAfterMs(3, 0)).toBe(4_000);
});
