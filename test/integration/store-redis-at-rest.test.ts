// What lies in Redis and in its files, and what a node does with keys that are not as they were.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionKey } from '../../src/store/envelope.ts';
import type { SessionLife, Store } from '../../src/store/store.ts';
import { masterOf } from '../../src/store/vault.ts';
import {
  admit,
  call,
  disclosure,
  ending,
  fact,
  LEASE_MS,
  newSession,
  plan,
  spoken,
  token,
} from '../conformance/store-bench.ts';
import { sing } from '../support/redis-canaries.ts';
import { dumpOf } from '../support/redis-dump.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';
import { newMaster, openRedisBench } from '../support/redis-store.ts';

let redis: RedisProcess;

beforeAll(async () => {
  // what is compressed could not be searched
  redis = await startRedis({ persistent: true, config: ['rdbcompression no'] });
});

afterAll(() => redis[Symbol.asyncDispose]());

const master = newMaster();
const open = (masters = [master]) => openRedisBench([redis.url], masters);
const baseOf = (prefix: string, life: SessionLife) => `${prefix}:{${sessionKey(life)}}`;
const keyOf = (prefix: string, life: SessionLife) => redis.command('HGET', `${baseOf(prefix, life)}:s`, 'k');

/** All files, once what was removed can be gone from them: after a snapshot and a new append-only file. */
async function filesAfterRewrite(): Promise<Buffer> {
  const isOver = async () => {
    const info = await redis.command('INFO', 'persistence');
    return info.includes('aof_rewrite_in_progress:0') && info.includes('aof_rewrite_scheduled:0');
  };
  await expect.poll(isOver, { timeout: 20_000 }).toBe(true);
  await redis.command('BGREWRITEAOF');
  await expect.poll(isOver, { timeout: 20_000 }).toBe(true);
  await redis.command('SAVE');
  return redis.files();
}

const found = (phrases: readonly string[], where: Buffer | string) =>
  phrases.filter((phrase) => where.includes(phrase));

describe('what is stored', () => {
  it('holds no word, no name and no id, in no key, no value and no file', async () => {
    await using bench = await open();

    const { life, phrases: ended } = await sing(bench.store, 'sealed');
    const phrases = [...ended, 'canary of a live turn'];
    const memory = 'canary of a live turn';
    const session = newSession(life.sessionId, { ...life, owner: 'canary-sealed-owner' });
    await admit(bench.store, life.sessionId, 'live', { session, plan: { ...plan, memory } });

    await redis.persisted();
    const [values, written] = [await dumpOf(redis, `${bench.prefix}:*`), await redis.files()];
    expect(phrases.length).toBeGreaterThan(30);
    expect(found(phrases, values)).toEqual([]);
    expect(found(phrases, written)).toEqual([]);
    expect(found(phrases, await filesAfterRewrite())).toEqual([]);
    expect((await bench.store.snapshot(life, 10))?.turns).toHaveLength(3);
  });

  it('can be searched: without a key those phrases are found', async () => {
    await using bench = await open([]);

    const { phrases } = await sing(bench.store, 'plain');

    const values = await dumpOf(redis, `${bench.prefix}:*`);
    // the names of what is looked up are digests; the memory of a turn goes with its end
    const missing = ['create-key', 'memory-to-be', 'once-name'].map((field) => `canary-plain-${field}`);
    expect(phrases.filter((phrase) => !values.includes(phrase)).sort()).toEqual(missing);
    await redis.persisted();
    expect(found(phrases, await redis.files()).length).toBe(phrases.length - 2);
  });

  it('[S-6] is gone after a removal, and the data key with it', async () => {
    await using bench = await open();
    const { life } = await sing(bench.store, 'erased');
    const wrapped = await keyOf(bench.prefix, life);
    const before = (await redis.persisted(), await redis.files());

    await bench.store.remove(life, { audit: [fact('ref')] });

    const after = await filesAfterRewrite();
    expect(wrapped.length).toBeGreaterThan(60);
    expect(before.includes(wrapped)).toBe(true);
    expect(after.includes(wrapped)).toBe(false);
    const dump = await dumpOf(redis, `${bench.prefix}:*`);
    expect(dump).not.toContain(wrapped);
    const base = baseOf(bench.prefix, life);
    expect((await redis.command('KEYS', `${base}*`)).split('\n')).toEqual([`${base}:x`]);
  });

  it('[S-6] is gone although steps of two nodes came with the removal', async () => {
    await using bench = await open();
    const nodes = [bench.store, await bench.join()] as const;
    const names = Array.from({ length: 100 }, (_, index) => `raced ${index}`);

    const lives = await Promise.all(
      names.map(async (name, at) => {
        const [node, other] = at % 2 ? nodes : [nodes[1], nodes[0]];
        const { lease } = await admit(node, name, 'turn', { alerts: [call(`alert of ${name}`)] });
        await Promise.all([
          node.append(lease, [token('turn', 0, 'a')], LEASE_MS),
          other.remove(lease, { audit: [fact(name)] }),
          node.grant(lease, { capabilityId: 'id', rights: ['read'], label: null, expiresAt: null }),
          node.note(lease, [disclosure('late')], {}, { client: { client: name, care: 'care' } }),
          node.finish(lease, ending('turn', 'a')),
          other.revoke(lease, 'id'),
        ]);
        return lease;
      }),
    );

    for (const life of lives) {
      const base = baseOf(bench.prefix, life);
      expect((await redis.command('KEYS', `${base}*`)).split('\n')).toEqual([`${base}:x`]);
    }
    expect(await bench.store.alerts(null, 1)).toEqual([]);
  });

  it('costs one script for each append, as without a key', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'counted', 'turn');
    await store.append(lease, [token('turn', 0, 'a')], LEASE_MS);
    await redis.command('CONFIG', 'RESETSTAT');

    for (let at = 1; at <= 50; at += 1) await store.append(lease, [token('turn', at, 'a')], LEASE_MS);

    const stats = await redis.command('INFO', 'commandstats');
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    expect(calls('evalsha')).toBe(50);
    // one look at the turn, one entry, one number, one change and one wake-up for each
    expect([calls('hmget'), calls('xadd'), calls('hincrby'), calls('hset'), calls('hget')]).toEqual([
      50, 50, 50, 50, 0,
    ]);
  });
});

describe('a record', () => {
  it('that was changed, put in the place of another, or is not encrypted is refused', async () => {
    await using bench = await open();
    const { store } = bench;
    const lives = await Promise.all(['one', 'two'].map((name) => spoken(store, name, 'turn', [name])));
    const [one, two] = lives.map((life) => baseOf(bench.prefix, life));
    const [life] = lives;
    if (!life || !one || !two) throw new Error('not made');
    const identities = await Promise.all(
      [one, two].map((base) => redis.command('HGET', `${base}:s`, 'identity')),
    );
    const [own = '', foreign = ''] = identities;
    const metadata = await redis.command('HGET', `${one}:s`, 'metadata');
    const changed = `${own.slice(0, 9)}${own[9] === 'A' ? 'B' : 'A'}${own.slice(10)}`;
    const keyOfTwo = await redis.command('HGET', `${two}:s`, 'k');
    const keyOfOne = await redis.command('HGET', `${one}:s`, 'k');

    for (const [field, value] of [
      ['identity', foreign],
      ['identity', changed],
      ['identity', metadata],
      ['identity', '1{"tenant":"tenant","sessionId":"one","owner":"mallory"}'],
      ['k', keyOfTwo],
    ] as const) {
      await redis.command('HSET', `${one}:s`, field, value);
      // a node that knows nothing yet: what is known here is not read again
      const fresh = await bench.join();
      await expect(fresh.session(life)).rejects.toThrow(/damaged|not encrypted/);
      await redis.command('HSET', `${one}:s`, 'identity', own, 'k', keyOfOne);
    }
    expect((await (await bench.join()).session(life))?.owner).toBe('owner');
  });

  it('of one capability, turn or alert does not open as that of another', async () => {
    await using bench = await open();
    const { store } = bench;
    const life = await spoken(store, 'rights', 'turn-1', ['a']);
    await spoken(store, 'rights', 'turn-2', ['b']);
    const said = { label: null, expiresAt: null };
    await store.grant(life, { capabilityId: 'may read', rights: ['read'], ...said });
    await store.grant(life, { capabilityId: 'may all', rights: ['read', 'erase'], ...said });
    const base = baseOf(bench.prefix, life);
    await redis.command('HSET', `${base}:g`, 'may read', await redis.command('HGET', `${base}:g`, 'may all'));
    await redis.command('HSET', `${base}:t`, '1', await redis.command('HGET', `${base}:t`, '2'));

    await expect(store.capability(sessionKey(life), 'may read')).rejects.toThrow(/damaged/);
    await expect(store.turn(life, 'turn-1')).rejects.toThrow(/damaged/);
    expect((await store.capability(sessionKey(life), 'may all'))?.rights).toEqual(['read', 'erase']);
  });
});

describe('a key that is not the right one', () => {
  it.each([
    ['no key', [], /^Conversations in Redis are encrypted: set ENCRYPTION_KEY_FILE/],
    [
      'another key',
      [newMaster()],
      /^Conversations in Redis are encrypted by the master key \w{16}, which is not in/,
    ],
  ])('is refused at the start, and nothing changes: %s', async (_, masters, message) => {
    await using bench = await open();
    await sing(bench.store, 'kept');
    await bench.store[Symbol.asyncDispose]();
    const before = await dumpOf(redis, `${bench.prefix}:*`);

    const refused = await bench.join(masters).catch((error: unknown) => error);

    expect(refused).toBeInstanceOf(Error);
    expect(String(refused).replace('Error: ', '')).toMatch(message);
    expect(String(refused)).not.toContain('\n');
    expect(await dumpOf(redis, `${bench.prefix}:*`)).toBe(before);
  });

  it('lets a node that runs already neither read nor change what others encrypted', async () => {
    await using bench = await open([]);
    const plainNode = bench.store;
    const { lease } = await admit(plainNode, 'before', 'turn');
    await plainNode.finish(lease, ending('turn', 'words'));
    await plainNode.session(lease);
    await bench.advance(130_000);
    const keyed = await bench.join([master]);
    await expect.poll(() => keyOf(bench.prefix, lease)).not.toBe('');
    const made = newSession('after');
    await keyed.create({ session: made, createKey: null, idGiven: true });

    const before = await dumpOf(redis, `${baseOf(bench.prefix, lease)}:*`);

    const attempts: ((store: Store) => Promise<unknown>)[] = [
      (store) => store.session(lease),
      (store) => store.session(made),
      (store) => store.read(lease, 0, 10),
      (store) => store.note(lease, [disclosure('plain words')], { human: { name: 'plain', untilAt: 1 } }),
      (store) =>
        store.grant(lease, { capabilityId: 'id', rights: ['read'], label: 'plain', expiresAt: null }),
    ];
    for (const attempt of attempts) {
      await expect(attempt(plainNode)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    }
    expect(await dumpOf(redis, `${baseOf(bench.prefix, lease)}:*`)).toBe(before);
    expect((await keyed.snapshot(lease, 5))?.turns.map(({ text }) => text)).toEqual(['words']);
  });

  it('lets a node leave a turn that it could not go on with to one that has the key', async () => {
    await using bench = await open([]);
    const keyed = await bench.join([master]);
    const { lease } = await admit(keyed, 'foreign', 'turn');
    await bench.advance(2 * LEASE_MS);

    expect(await bench.store.takeOver('node', LEASE_MS, 10)).toEqual([]);
    const [taken] = await keyed.takeOver('node', LEASE_MS, 10);
    expect(taken?.session.sessionId).toBe(lease.sessionId);
    expect(taken?.view.turn.generation).toBe(2);
  });

  it('of an earlier life of a session is not used again, also where Redis was emptied meanwhile', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'again', 'turn');
    await bench.store.append(lease, [token('turn', 0, 'old')], LEASE_MS);
    const first = await keyOf(bench.prefix, lease);
    const other = await bench.join();
    for (const key of (await redis.command('KEYS', `${bench.prefix}:*`)).split('\n')) {
      await redis.command('DEL', key);
    }
    await admit(other, 'again', 'turn');

    const appended = await bench.store.append(lease, [token('turn', 0, 'new')], LEASE_MS);

    expect(appended).toBe('appended');
    expect(await keyOf(bench.prefix, lease)).not.toBe(first);
    expect((await other.turn(lease, 'turn'))?.text).toBe('new');
    expect(masterOf(first)).toBe(master.id);
  });
});

describe('the append-only file', () => {
  const calls = async (server: RedisProcess) => {
    const stats = await server.command('INFO', 'commandstats');
    return Number(/cmdstat_bgrewriteaof:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };

  it('is written anew once for many removals, whichever nodes they came from', async () => {
    await using own = await startRedis({ persistent: true });
    await using bench = await openRedisBench([own.url], [master]);
    const other = await bench.join();
    const names = Array.from({ length: 20 }, (_, index) => `removed ${index}`);
    for (const name of names) {
      await bench.store.create({ session: newSession(name), createKey: null, idGiven: true });
    }

    await Promise.all(names.map((name, at) => (at % 2 ? other : bench.store).remove(newSession(name))));

    await expect.poll(() => calls(own)).toBe(1);
    // those that came later are not forgotten: some node looks for them when the time is over
    await bench.store.create({ session: newSession('late'), createKey: null, idGiven: true });
    await other.remove(newSession('late'));
    expect(await own.command('EXISTS', `${bench.prefix}:{rewrite}`)).toBe('1');
    expect(await calls(own)).toBe(1);
  });

  it('is written anew by every master of a Cluster', async () => {
    await using cluster = await startRedisCluster({ persistent: true });
    await using bench = await openRedisBench(cluster.urls, [master]);
    await bench.store.create({ session: newSession('removed'), createKey: null, idGiven: true });

    await bench.store.remove(newSession('removed'));

    const all = () => Promise.all(cluster.nodes.map(calls));
    await expect.poll(all).toEqual([1, 1, 1]);
  });

  it('is left alone with one warning where Redis does not allow it', async () => {
    await using own = await startRedis({ persistent: true, config: ['rename-command BGREWRITEAOF ""'] });
    await using bench = await openRedisBench([own.url], [master]);
    for (const name of ['one', 'two']) {
      await bench.store.create({ session: newSession(name), createKey: null, idGiven: true });
    }

    expect(await bench.store.remove(newSession('one'))).toBe(true);
    expect(await bench.store.remove(newSession('two'))).toBe(true);

    const warnings = () => bench.logged.filter((line) => line.includes('append-only file anew'));
    await expect.poll(() => warnings().length).toBe(1);
  });
});

describe('idle sessions', () => {
  it('are found in a Redis with more of them than it shows at once, each once', async () => {
    await using bench = await open();
    const names = Array.from({ length: 1_200 }, (_, index) => `idle ${index}`);
    await Promise.all(
      names.map((name) => bench.store.create({ session: newSession(name), createKey: null, idGiven: true })),
    );
    const seen: string[] = [];

    for (let after: string | null = null; ;) {
      const { sessions, next } = await bench.store.idle(Number.MAX_SAFE_INTEGER, after, 7);
      seen.push(...sessions.map(({ sessionId }) => sessionId));
      if (next === null) break;
      after = next;
    }

    expect(seen.sort()).toEqual(names.sort());
  });
});
