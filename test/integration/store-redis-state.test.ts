// What happens to the store when something happens to Redis.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gapsIn } from '../../src/chat/gaps.ts';
import { join } from '../../src/chat/reading.ts';
import { sessionKey } from '../../src/store/envelope.ts';
import { openRedis } from '../../src/store/redis-open.ts';
import { noMeter } from '../../src/meter.ts';
import type { Lease, Store } from '../../src/store/store.ts';
import {
  admit,
  disclosure,
  endsOf,
  ending,
  LEASE_MS,
  newSession,
  replyOf,
  spoken,
  token,
  wholeLog,
} from '../conformance/store-bench.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { startRedis } from '../support/redis-server.ts';
import { openRedisBench } from '../support/redis-store.ts';

let redis: RedisProcess;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(() => redis[Symbol.asyncDispose]());

const silent = { info: () => {}, warn: () => {} };
const open = () => openRedisBench([redis.url]);
const keyOf = (prefix: string, sessionId: string) => `${prefix}:{${sessionKey(newSession(sessionId))}}`;

/** Takes the last entries of a log back, as a Redis does that was restarted with older data. */
async function loseEntries(base: string, head: number, length: number): Promise<void> {
  const last = Number(await redis.command('HGET', `${base}:s`, 'seq'));
  for (let seq = head + 1; seq <= last; seq += 1) await redis.command('XDEL', `${base}:l`, `0-${seq}`);
  await redis.command('XSETID', `${base}:l`, `0-${head}`);
  await redis.command('HSET', `${base}:s`, 'seq', String(head));
  await redis.command('HSET', `${base}:v`, 'len', String(length), 'last', String(head), 'call', '');
}

describe('a Redis that lost what it acknowledged', () => {
  it('[P-9] gives the session another epoch when the owner goes on, and fences the owner', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'lost', 'turn');
    await store.append(lease, [token('turn', 0, 'kept ')], LEASE_MS);
    await store.append(lease, [token('turn', 5, 'lost ')], LEASE_MS);
    await loseEntries(keyOf(bench.prefix, 'lost'), 2, 5);

    const appended = await store.append(lease, [token('turn', 10, 'later ')], LEASE_MS);

    expect(appended).toBe('fenced');
    const session = await store.session(lease);
    expect(session?.epoch).not.toBe(lease.epoch);
    expect(await store.read(lease, 0, 10)).toBeUndefined();
    expect(await store.wasRemoved(lease)).toBe(false);
    const [taken] = await store.takeOver('node', LEASE_MS, 10);
    expect(taken).toMatchObject({ session: { epoch: session?.epoch }, view: { text: 'kept ' } });
  });

  it('[P-9] gives the session another epoch when a follower has read further', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'read', 'turn');
    await store.append(lease, [token('turn', 0, 'kept ')], LEASE_MS);
    await store.append(lease, [token('turn', 5, 'lost ')], LEASE_MS);
    const other = await bench.join();
    using _follower = other.watch(lease, () => {});
    await expect.poll(async () => (await other.read(lease, 0, 10))?.head).toBe(3);
    await loseEntries(keyOf(bench.prefix, 'read'), 2, 5);

    await other.heads([lease]);
    const page = await other.read(lease, 3, 10);

    expect(page).toBeUndefined();
    expect((await other.session(lease))?.epoch).not.toBe(lease.epoch);
    expect(await store.append(lease, [token('turn', 10, 'later')], LEASE_MS)).toBe('fenced');
  });

  it('[P-9] notices it also where nobody follows the session at that moment', async () => {
    await using bench = await open();
    const { store } = bench;
    const lease = await spoken(store, 'unfollowed', 'turn', ['kept ', 'lost ', 'words']);
    const base = keyOf(bench.prefix, 'unfollowed');
    const head = (await store.session(lease))?.lastSeq ?? 0;
    await loseEntries(base, head - 2, 5);

    const session = await store.session(lease);

    expect(session).toMatchObject({ lastSeq: head - 2 });
    expect(session?.epoch).not.toBe(lease.epoch);
  });

  it('[P-9] believes a reader who was further, and no other', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'reader', 'turn');
    await store.append(lease, [token('turn', 0, 'kept ')], LEASE_MS);
    await store.append(lease, [token('turn', 5, 'lost')], LEASE_MS);
    const before = await store.session(lease);
    if (!before) throw new Error('the session is gone');
    const other = await bench.join();

    const behind = await other.rewound(before, before.lastSeq);
    const third = await bench.join();
    await loseEntries(keyOf(bench.prefix, 'reader'), 2, 5);
    const now = await third.session(before);
    if (!now) throw new Error('the session is gone');
    const joined = await join({ store: third, meter: noMeter }, now, `${before.epoch}.${before.lastSeq}`);
    const ahead = await third.session(before);
    const again = await third.rewound({ ...before, epoch: ahead?.epoch ?? '' }, 99);

    expect(behind?.epoch).toBe(before.epoch);
    expect(now.epoch).toBe(before.epoch);
    expect(ahead?.epoch).not.toBe(before.epoch);
    expect(joined).toMatchObject({ mode: 'snapshot', cursor: `${ahead?.epoch}.2` });
    expect(again?.epoch).toBe(ahead?.epoch);
  });

  it('[P-9] leaves a turn alone for a moment after a restart, so that its readers can say what they have seen', async () => {
    await using restarted = await startRedis({ persistent: true });
    await using bench = await openRedisBench([restarted.url]);
    const { store } = bench;
    const { lease } = await admit(store, 'restarted', 'turn');
    await store.append(lease, [token('turn', 0, 'kept ')], LEASE_MS);
    await restarted.persisted();
    await restarted.restart();
    await expect.poll(() => store.healthy(), { timeout: 10_000 }).toBe(true);
    await bench.advance(2 * LEASE_MS);

    const first = await store.takeOver('node', LEASE_MS, 10);
    await bench.advance(3_000);
    const [taken] = await store.takeOver('node', LEASE_MS, 10);

    expect(first).toEqual([]);
    expect(taken?.view).toMatchObject({ text: 'kept ', turn: { generation: 2 } });
    expect(taken?.session.epoch).toBe(lease.epoch);
  });

  it('is noticed by a follower whose wake-ups are lost, also when the session is gone', async () => {
    await using bench = await open();
    const { store } = bench;
    const other = await bench.join();
    const { lease } = await admit(store, 'muted', 'turn');
    let wakes = 0;
    using _follower = other.watch(lease, () => (wakes += 1));
    await expect.poll(() => wakes).toBeGreaterThan(0);
    const before = await other.read(lease, 0, 10);
    for (const key of (await redis.command('KEYS', `${keyOf(bench.prefix, 'muted')}*`)).split('\n')) {
      await redis.command('DEL', key);
    }

    const heads = await other.heads([lease]);

    expect(before?.head).toBe(1);
    expect(heads).toEqual([undefined]);
    expect(await other.read(lease, 0, 10)).toBeUndefined();
  });

  it('knows nothing of a session after all data is gone, and lets it be made anew', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'flushed', 'turn');
    await store.append(lease, [token('turn', 0, 'gone')], LEASE_MS);

    await redis.flush();

    expect(await store.append(lease, [token('turn', 4, 'more')], LEASE_MS)).toBe('fenced');
    expect(await store.finish(lease, ending('turn', 'gone'))).toBe('fenced');
    expect(await store.read(lease, 0, 10)).toBeUndefined();
    expect(await store.wasRemoved(lease)).toBe(false);
    await spoken(store, 'flushed', 'again', ['new words']);
    expect(replyOf(await wholeLog(store, newSession('flushed')), 'again')).toBe('new words');
  });

  it('goes on when its scripts are gone', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'scripts', 'turn');

    await redis.command('SCRIPT', 'FLUSH');

    expect(await bench.store.append(lease, [token('turn', 0, 'a')], LEASE_MS)).toBe('appended');
    expect(await bench.store.finish(lease, ending('turn', 'a'))).toBe('finished');
  });

  it('takes over a turn that the list of leases has lost, once somebody reads the session', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'unlisted', 'turn');
    for (const key of (await redis.command('KEYS', `${bench.prefix}:{index*`)).split('\n')) {
      await redis.command('DEL', key);
    }
    await bench.advance(2 * LEASE_MS);
    const before = await store.takeOver('node', LEASE_MS, 10);

    await store.read(lease, 0, 10);

    expect(before).toEqual([]);
    expect(await store.takeOver('node', LEASE_MS, 10)).toHaveLength(1);
  });
});

describe('a session that is followed, left and followed again', () => {
  it('wakes whoever follows it last, however fast that was', async () => {
    await using bench = await open();
    const { store } = bench;
    const other = await bench.join();
    const names = Array.from({ length: 40 }, (_, index) => `reloaded ${index}`);
    const leases = await Promise.all(names.map(async (name) => (await admit(store, name, 'turn')).lease));
    const woken = new Set<string>();
    using watches = new DisposableStack();
    for (const lease of leases) other.watch(lease, () => {})[Symbol.dispose]();
    for (const lease of leases) watches.use(other.watch(lease, () => woken.add(lease.sessionId)));
    await expect.poll(() => woken.size).toBe(names.length);
    await expect
      .poll(async () => {
        const channels = (await redis.command('PUBSUB', 'SHARDCHANNELS', `${bench.prefix}*`)).split('\n');
        return channels.filter((channel) => channel.includes('{')).length;
      })
      .toBeGreaterThanOrEqual(names.length);
    woken.clear();

    await Promise.all(leases.map((lease) => store.append(lease, [token('turn', 0, 'word')], LEASE_MS)));

    await expect.poll(() => woken.size, { timeout: 5_000 }).toBe(names.length);
  });
});

describe('the owner of a turn', () => {
  it.each<[what: string, end: (store: Store, lease: Lease) => Promise<unknown>]>([
    ['cancels it', (store, lease) => store.cancel(lease, null)],
    ['deletes its session', (store, lease) => store.remove(lease)],
    ['admits another one', (store, { sessionId }) => admit(store, sessionId, 'next', { interrupt: true })],
    ['takes it over', (store) => store.takeOver('other', LEASE_MS, 1)],
  ])('hears at once that another node %s', async (_, end) => {
    await using bench = await open();
    const other = await bench.join();
    const { lease } = await admit(bench.store, 'owned', 'turn');
    let calls = 0;
    using _watching = bench.store.watchTurn(lease, () => (calls += 1));
    using _later = bench.store.watchTurn({ ...lease, generation: 2 }, () => (calls += 1));
    const subscribed = () => redis.command('PUBSUB', 'SHARDNUMSUB', keyOf(bench.prefix, 'owned'));
    await expect.poll(subscribed).toMatch(/1$/);
    await bench.store.append(lease, [token('turn', 0, 'own words')], LEASE_MS);
    await bench.advance(2 * LEASE_MS);

    await end(other, lease);

    await expect.poll(() => calls).toBe(1);
  });

  it('keeps a turn that ran out from others for the time they leave it to nodes that can run it', async () => {
    await using bench = await open();
    await admit(bench.store, 'overdue', 'turn');
    await bench.advance(LEASE_MS + 500);

    expect(await bench.store.takeOver('node', LEASE_MS, 10, 1_000)).toEqual([]);
    expect(await bench.store.takeOver('node', LEASE_MS, 10)).toHaveLength(1);
  });
});

describe('a log whose end is missing', () => {
  it('is read up to there, and that is a gap', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'endless', 'turn');
    await redis.command('HSET', `${keyOf(bench.prefix, 'endless')}:s`, 'seq', '3');

    const page = await store.read(lease, 1, 10);

    expect(page).toMatchObject({ entries: [], head: 3 });
    expect(page && gapsIn(page, 1)).toBe(1);
  });
});

describe('an entry of another version', () => {
  it('is passed over, and the log goes on behind it', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'mixed', 'turn');
    await store.append(lease, [token('turn', 0, 'a')], LEASE_MS);
    const base = keyOf(bench.prefix, 'mixed');
    for (const [seq, event, data] of [
      ['3', 'therapist:hologram', '1{"event":"therapist:hologram","data":{}}'],
      ['4', 'disclosure', '9sealed in a format of the future'],
    ] as const) {
      await redis.command('XADD', `${base}:l`, `0-${seq}`, 'e', event, 'd', data);
      await redis.command('HSET', `${base}:s`, 'seq', seq);
    }
    const unseen = await store.read(lease, 2, 10);
    await store.note(lease, [disclosure('known')], {});
    await store.append(lease, [token('turn', 1, 'b')], LEASE_MS);

    const page = await store.read(lease, 2, 10);

    expect(unseen).toMatchObject({ entries: [], head: 2 });
    expect(page).toMatchObject({ entries: [{ seq: 5 }, { seq: 6 }], unknown: [3, 4], head: 6 });
    expect(page && gapsIn(page, 2)).toBe(0);
    expect((await store.read(lease, 2, 1))?.entries).toMatchObject([{ seq: 5 }]);
    expect((await store.turn(lease, 'turn'))?.text).toBe('ab');
    await store.finish(lease, ending('turn', 'ab'));
    expect(endsOf(await wholeLog(store, lease), 'turn')).toHaveLength(1);
  });
});

describe('a step that a node did not live to finish', () => {
  it('leaves no session in the lists', async () => {
    await using bench = await open();
    const { store } = bench;
    await store.create({ session: newSession('there'), createKey: null, idGiven: true });
    const [list = ''] = (await redis.command('KEYS', `${bench.prefix}:{tenant*:all`)).split('\n');
    const [place = ''] = (await redis.command('ZRANGE', list, '0', '-1')).split('\n');
    await redis.command('ZADD', list, '0', `0${place.slice(1, -1)}-`);

    const listed = await store.list('tenant', null, null, 1);

    expect(listed).toMatchObject({ total: 1, next: null, sessions: [{ sessionId: 'there' }] });
    expect(await redis.command('ZCARD', list)).toBe('1');
  });
});

describe('a session with more alerts than a script can return at once', () => {
  it('can be removed all the same', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'many', 'turn');
    const key = `${keyOf(bench.prefix, 'many')}:a`;
    const alerts = Array.from({ length: 9_000 }, (_, index) => [`alert ${index}`, '[]']);
    await redis.command('HSET', key, ...alerts.flat());

    expect(await bench.store.remove(lease)).toBe(true);
  });
});

describe('a Redis that cannot keep what is promised', () => {
  it('is refused when it throws data away', async () => {
    await using small = await startRedis({ config: ['maxmemory 64mb', 'maxmemory-policy allkeys-lru'] });

    const opened = openRedis({ urls: [small.url], prefix: 'test', log: silent });

    await expect(opened).rejects.toThrow(/^Redis would throw away .* allkeys-lru; set it to noeviction\.$/);
  });

  it('is named without its password when nobody answers', async () => {
    const urls = ['redis://ann:secret@127.0.0.1:1'];

    const refused = await openRedis({ urls, prefix: 'test', log: silent, startMs: 1 }).catch(String);

    expect(refused).toMatch(/^Error: Redis does not answer at 127\.0\.0\.1:1: /);
    expect(refused).not.toContain('secret');
  });

  it('is refused when the password is wrong', async () => {
    await redis.command('ACL', 'SETUSER', 'ann', 'on', '>right', '~*', '&*', '+@all');
    const [right = '', wrong = ''] = ['right', 'wrong'].map((word) =>
      redis.url.replace('//', `//ann:${word}@`),
    );
    await using _link = await openRedis({ urls: [right], prefix: 'test', log: silent });

    const opened = openRedis({ urls: [wrong], prefix: 'test', log: silent, startMs: 1 });

    await expect(opened).rejects.toThrow(/WRONGPASS/);
  });
});
