// Several nodes see to the same alerts: each is posted once and said aloud once, whichever of them dies. [US-41] [US-43]
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Escalation } from '../../src/ops/escalation.ts';
import type { Webhook } from '../../src/ops/webhook.ts';
import type { AlertRecord } from '../../src/store/escalation.ts';
import { openRedis } from '../../src/store/redis-open.ts';
import { RedisStore } from '../../src/store/redis.ts';
import type { Store } from '../../src/store/store.ts';
import { admit, call } from '../conformance/store-bench.ts';
import { silent } from '../support/app.ts';
import { faultyStore, once, refused } from '../support/faulty-store.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { openBench } from '../support/store-folder.ts';
import { createChanges, until } from '../support/wait.ts';

interface Shared extends AsyncDisposable {
  /** The same data, as each node sees it. */
  stores: Store[];
  advance(ms: number): void;
}

let redis: RedisProcess;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function onRedis(): Promise<Shared> {
  const stack = new AsyncDisposableStack();
  const prefix = randomUUID();
  let aheadMs = 0;
  const open = async () => {
    const link = await openRedis({ urls: [redis.url], prefix, aheadMs: () => aheadMs, log: silent });
    return stack.use(new RedisStore(link, silent));
  };
  return {
    stores: [await open(), await open(), await open()],
    advance: (ms) => void (aheadMs += ms),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function onSqlite(): Promise<Shared> {
  const bench = await openBench(false);
  return {
    stores: [bench.store, bench.store, bench.store],
    advance: (ms) => void bench.advance(ms),
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  };
}

/** Somebody who receives alerts, and takes each or lets it hang. */
class Receiver {
  readonly posts: { id: string; answer: PromiseWithResolvers<void> }[] = [];
  hangs = false;
  readonly #changes = createChanges();

  /** The way of one node to it. */
  webhook(): Webhook {
    return {
      send: (id, _, gone) => {
        const answer = Promise.withResolvers<void>();
        gone.addEventListener('abort', () => answer.reject(new Error('gone')));
        this.posts.push({ id, answer });
        if (!this.hangs) answer.resolve();
        this.#changes.notify();
        return answer.promise;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  async received(count: number): Promise<void> {
    await until(
      () => this.posts.length >= count,
      this.#changes.subscribe,
      () => `${count} alerts, there are ${this.posts.length}`,
    );
  }
}

/** All alerts, once each is as wanted. */
async function settled(store: Store, look: (alert: AlertRecord) => boolean): Promise<AlertRecord[]> {
  const late = AbortSignal.timeout(20_000);
  for (;;) {
    late.throwIfAborted();
    const alerts = await store.alerts(null, 100);
    if (alerts.every(look)) return alerts;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What the audit says of alerts of each kind. */
async function facts(store: Store, kind: string): Promise<string[]> {
  const audit = await store.audit(0, 1000);
  const all = audit.map(({ body }): Record<string, unknown> => JSON.parse(body));
  return all.filter((one) => one['kind'] === kind).map((one) => String(one['alert_id']));
}

describe.each([
  ['redis', onRedis],
  ['sqlite', onSqlite],
])('several nodes on one %s', (_, open) => {
  const ids = Array.from({ length: 20 }, (_, index) => `alert ${index}`);
  const isSent = ({ delivery }: AlertRecord) => delivery === 'sent';

  /** A node that sees to alerts once it is woken; `now` of an hour later finds each unanswered. */
  function node(store: Store, webhook: Webhook | null, said: string[] = [], lateMs = 0): Escalation {
    const error = (fields: object) => void said.push(String(Object(fields).alertId));
    return new Escalation({
      store,
      webhook,
      ackMs: { immediate: 120_000, urgent: 900_000 },
      now: () => Date.now() + lateMs,
      log: { ...silent, error },
    });
  }

  it('post each alert once and say each aloud once, whoever looks when', async () => {
    await using shared = await open();
    const [store, ...others] = shared.stores;
    if (!store) throw new Error('a store is needed');
    const receiver = new Receiver();
    const said: string[] = [];
    const nodes = shared.stores.map((one) => node(one, receiver.webhook(), said, 3_600_000));
    for (const id of ids) await admit(store, id, 'turn', { alerts: [call(id)] });

    for (const one of nodes) one.wake();
    for (const { alertId } of await store.alerts(null, 5)) {
      nodes.forEach((one) => one.wake());
      await others[0]?.alert(alertId);
    }
    await settled(store, (alert) => isSent(alert) && alert.alarmedAt !== null);
    for (const one of nodes) one.wake();
    await Promise.all(nodes.map((one) => one[Symbol.asyncDispose]()));

    expect(receiver.posts.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    expect(said.sort()).toEqual(ids.toSorted());
    expect((await facts(store, 'delivered')).sort()).toEqual(ids.toSorted());
    expect((await facts(store, 'unanswered')).sort()).toEqual(ids.toSorted());
  });

  it('leave an alert to the one that sends it, until it has been dead for long enough', async () => {
    await using shared = await open();
    const [store, other] = shared.stores;
    if (!store || !other) throw new Error('two stores are needed');
    const receiver = new Receiver();
    receiver.hangs = true;
    await admit(store, 'session', 'turn', { alerts: [call('hangs')] });
    const dead = node(store, receiver.webhook());
    dead.wake();
    await receiver.received(1);
    receiver.hangs = false;
    await admit(store, 'session too', 'turn', { alerts: [call('goes on')] });
    const alive = node(other, receiver.webhook());

    alive.wake();
    await settled(other, (alert) => isSent(alert) || alert.alertId === 'hangs');
    const before = receiver.posts.map(({ id }) => id);
    shared.advance(15_000);
    alive.wake();
    await settled(other, isSent);

    expect(before).toEqual(['hangs', 'goes on']);
    expect(receiver.posts.map(({ id }) => id)).toEqual(['hangs', 'goes on', 'hangs']);
    await Promise.all([dead, alive].map((one) => one[Symbol.asyncDispose]()));
  });

  it('go on at once with what a node that is stopped was sending', async () => {
    await using shared = await open();
    const [store, other] = shared.stores;
    if (!store || !other) throw new Error('two stores are needed');
    const receiver = new Receiver();
    receiver.hangs = true;
    await admit(store, 'session', 'turn', { alerts: [call('alert')] });
    const stopped = node(store, receiver.webhook());
    stopped.wake();
    await receiver.received(1);
    receiver.hangs = false;

    await stopped[Symbol.asyncDispose]();
    await using next = node(other, receiver.webhook());
    next.wake();
    const [alert] = await settled(other, isSent);

    expect(receiver.posts).toHaveLength(2);
    expect(alert?.tries).toBe(1);
  });

  it('say all aloud and post all, although the audit takes nothing', async () => {
    await using shared = await open();
    const [store] = shared.stores;
    if (!store) throw new Error('a store is needed');
    const receiver = new Receiver();
    for (const id of ids) await admit(store, id, 'turn', { alerts: [call(id)] });

    await using one = node(faultyStore(store, { attest: refused }), receiver.webhook(), [], 3_600_000);
    one.wake();
    await settled(store, (alert) => isSent(alert) && alert.alarmedAt !== null);

    expect(receiver.posts).toHaveLength(ids.length);
  });

  it('do not post again what the receiver has, although the store could not be told', async () => {
    await using shared = await open();
    const [store] = shared.stores;
    if (!store) throw new Error('a store is needed');
    const receiver = new Receiver();
    const said: string[] = [];
    await admit(store, 'session', 'turn', { alerts: [call('alert')] });
    const failing = faultyStore(store, { settleAlert: once(refused) });
    const changes = createChanges();
    const warn = (_: object, message: string) => {
      said.push(message);
      changes.notify();
    };
    await using one = new Escalation({
      store: failing,
      webhook: receiver.webhook(),
      ackMs: { immediate: 120_000, urgent: 900_000 },
      now: () => Date.now(),
      log: { ...silent, warn },
    });
    one.wake();
    await until(() => said.length > 0, changes.subscribe, 'the failure');
    shared.advance(15_000);

    one.wake();
    const [alert] = await settled(store, isSent);

    expect(said).toEqual(['alerts could not be read']);
    expect(receiver.posts).toHaveLength(1);
    expect(alert?.tries).toBe(1);
  });
});
