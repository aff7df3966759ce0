// Messages in Redis, beside the suite of all stores: nodes that die between a step and what leads to it, nodes that deliver at the
// same time, and keys that change.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { Deliveries } from '../../src/ops/deliveries.ts';
import type { Receiver } from '../../src/ops/outbox-receivers.ts';
import type { RedisLink } from '../../src/store/redis-link.ts';
import { openRedis } from '../../src/store/redis-open.ts';
import { RedisStore } from '../../src/store/redis.ts';
import type { Store } from '../../src/store/store.ts';
import { admit, ending, newSession } from '../conformance/store-bench.ts';
import { deliver, message } from '../conformance/store-outbox.ts';
import { silent } from '../support/app.ts';
import { dumpOf } from '../support/redis-dump.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { startRedis } from '../support/redis-server.ts';
import type { RedisBench } from '../support/redis-store.ts';
import { newMaster, openRedisBench } from '../support/redis-store.ts';
import { createChanges, until } from '../support/wait.ts';

const MINUTE_MS = 60_000;
/** Longer than a node is expected to be silent about the key it wraps by. */
const SILENT_MS = 130_000;
const [old, next] = [newMaster(), newMaster()];

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

const open = (masters = [old]) => openRedisBench([redis.url], masters);
const keysOf = async (bench: RedisBench) =>
  (await redis.command('KEYS', `${bench.prefix}:{receiver*`)).split('\n').filter(Boolean).sort();

const make = (store: Store, name: string) =>
  store.create({
    session: newSession(name),
    createKey: null,
    idGiven: true,
    outbox: [message(`created ${name}`)],
  });

/** A node on the same keys that fails where a test says so, by what it runs: `script verb`. */
async function failing(
  { prefix }: RedisBench,
  resources: AsyncDisposableStack,
  isBad: (what: string) => boolean,
): Promise<RedisStore> {
  const link = await openRedis({ urls: [redis.url], prefix, log: silent });
  const way = new Proxy(link, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'run') return typeof value === 'function' ? value.bind(target) : value;
      return (...[script, key, args]: Parameters<RedisLink['run']>) => {
        if (isBad(`${script.name} ${args[0]}`)) return Promise.reject(new AppError('STORE_UNAVAILABLE'));
        return target.run(script, key, args);
      };
    },
  });
  return resources.use(new RedisStore(way, silent));
}

describe('a node that dies', () => {
  it('between a step and what leads to it loses nothing: it is found after a minute', async () => {
    await using resources = new AsyncDisposableStack();
    await using bench = await open([]);
    const dying = await failing(bench, resources, (what) => what === 'receiver ready');
    await make(dying, 's');
    const early = await deliver(bench.store);

    await bench.advance(MINUTE_MS);

    expect(early).toEqual([]);
    expect(await deliver(bench.store)).toEqual(['created s']);
  });

  it('before a step that it expected tells nothing, and leaves nothing behind', async () => {
    await using resources = new AsyncDisposableStack();
    await using bench = await open([]);
    const dying = await failing(bench, resources, (what) => what.startsWith('create '));
    await expect(make(dying, 's')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const before = await keysOf(bench);

    await bench.advance(MINUTE_MS);
    const delivered = await deliver(bench.store);
    const dropped = await bench.store.outbox.trimMessages('r', 0);

    expect([delivered, dropped]).toEqual([[], 0]);
    expect(before).toHaveLength(2);
    expect((await keysOf(bench)).filter((key) => !key.endsWith(':n'))).toEqual([]);
    expect(await bench.store.outbox.waitingReceivers()).toEqual([]);
  });

  it('after a message was sent and before it said so leaves it to another, with the same id', async () => {
    await using bench = await open([]);
    const other = await bench.join();
    await make(bench.store, 's');
    const [head] = await bench.store.outbox.dueMessages('r', 1);
    if (!head) throw new Error('nothing is due');
    await bench.store.outbox.claimMessage(head, 15_000);

    const held = await other.outbox.dueMessages('r', 1);
    await bench.advance(15_000);

    expect(held).toEqual([]);
    expect(await deliver(other)).toEqual([head.messageId]);
    expect(await bench.store.outbox.settleMessage(head, 'gone')).toBe(false);
  });
});

it('a step whose answer was lost, and that is refused when it is sent again, is told', async () => {
  await using resources = new AsyncDisposableStack();
  await using bench = await open([]);
  const { lease } = await admit(bench.store, 's', 'turn');
  let isLost = true;
  const node = await failing(bench, resources, (what) => isLost && what === 'receiver ready');
  const request = { ...ending('turn', ''), outbox: [message('done')] };
  await node.finish(lease, request);

  isLost = false;
  const again = await node.finish(lease, request);

  expect(again).toBe('fenced');
  expect(await deliver(bench.store)).toEqual(['done']);
});

it('two nodes bring each message once, those of a session in order', async () => {
  await using bench = await open();
  const other = await bench.join();
  const names = Array.from({ length: 25 }, (_, index) => `${index}`);
  for (const name of names) {
    await make(bench.store, name);
    const { lease } = await admit(bench.store, name, 'turn');
    await other.finish(lease, { ...ending('turn', ''), outbox: [message(`done ${name}`)] });
  }
  const changes = createChanges();
  const posts: string[] = [];
  const send = async (id: string) => {
    posts.push(id);
    changes.notify();
  };
  const webhook = { send, [Symbol.asyncDispose]: () => Promise.resolve() };
  const entry = { name: 'r', tenant: '*', url: '', secret: '', events: [], private: true };
  const receivers: Receiver[] = [{ id: 'r', entry, webhook }];

  const nodes = [bench.store, other].map(
    (store) => new Deliveries({ store, receivers: () => receivers, now: Date.now, log: silent }),
  );
  for (const node of nodes) node.wake();
  await until(
    () => posts.length >= 50,
    changes.subscribe,
    () => `50 posts, there are ${posts.length}`,
  );
  for (const node of nodes) await node[Symbol.asyncDispose]();

  expect(posts.toSorted()).toEqual(names.flatMap((name) => [`created ${name}`, `done ${name}`]).sort());
  for (const name of names)
    expect(posts.indexOf(`created ${name}`)).toBeLessThan(posts.indexOf(`done ${name}`));
  expect(await deliver(bench.store)).toEqual([]);
});

describe('what tells of a removed session', () => {
  const erase = async (store: Store) => {
    const { session } = await make(store, 'canary-session');
    const told = { ...message('deleted'), body: '{"session_id":"canary-session"}' };
    await store.remove(session, { outbox: [told] });
  };
  const untilLogged = async (bench: RedisBench, masters: Parameters<typeof open>[0], line: RegExp) => {
    const keeper = await bench.keeper(masters ?? []);
    await keeper.vault.join();
    while (!bench.logged.some((said) => line.test(said))) await keeper.vault.beat();
  };

  it('is sealed by a key of its own, and nothing is left when it is delivered', async () => {
    await using bench = await open();
    await erase(bench.store);
    const waiting = await dumpOf(redis, `${bench.prefix}:*`);

    expect(await deliver(bench.store)).toEqual(['deleted']);

    expect(waiting).not.toContain('canary-session');
    expect(waiting).toContain('k1.');
    const left = await dumpOf(redis, `${bench.prefix}:*`);
    expect(left).not.toContain('k1.');
  });

  it('is encrypted where there is a key from now on', async () => {
    await using bench = await open([]);
    await erase(bench.store);
    await bench.store[Symbol.asyncDispose]();
    await bench.advance(SILENT_MS);

    await untilLogged(bench, [old], /^all conversations in Redis are encrypted$/);

    expect(await dumpOf(redis, `${bench.prefix}:*`)).not.toContain('canary-session');
    expect(await deliver(await bench.join([old]))).toEqual(['deleted']);
  });

  it('is wrapped by the new master key, so that the old one may go', async () => {
    await using bench = await open([old]);
    await erase(bench.store);
    await bench.store[Symbol.asyncDispose]();
    await bench.advance(SILENT_MS);

    await untilLogged(bench, [next, old], /^no conversation needs this master key any more/);

    expect(await deliver(await bench.join([next]))).toEqual(['deleted']);
  });
});
