// Sessions that get a data key, or another master key, while people talk in them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionKey } from '../../src/store/envelope.ts';
import type { RedisLink } from '../../src/store/redis-link.ts';
import { RedisReseal } from '../../src/store/redis-reseal.ts';
import { steps } from '../../src/store/redis-steps.ts';
import type { Lease, SessionLife, Store } from '../../src/store/store.ts';
import { masterOf } from '../../src/store/vault.ts';
import {
  admit,
  call,
  disclosure,
  ending,
  input,
  LEASE_MS,
  newSession,
  replyOf,
  spoken,
  token,
  wholeLog,
} from '../conformance/store-bench.ts';
import { sing } from '../support/redis-canaries.ts';
import { dumpOf } from '../support/redis-dump.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';
import type { Keeper, RedisBench } from '../support/redis-store.ts';
import { newMaster, openRedisBench } from '../support/redis-store.ts';

const ENCRYPTED = 'all conversations in Redis are encrypted';
const FORGOTTEN = 'no conversation needs this master key any more: it may be taken out of the key file';
/** Longer than a node is expected to be silent about the key it wraps by. */
const SILENT_MS = 130_000;
const [old, next] = [newMaster(), newMaster()];

/** Everything of a session that anybody can ask for. */
async function allOf(store: Store, life: SessionLife, client: string) {
  return {
    session: await store.session(life),
    log: await wholeLog(store, life),
    snapshot: await store.snapshot(life, 10),
    turns: await store.turns(life, null, 10),
    capabilities: await store.capabilities(life),
    client: await store.clientCare(life.tenant, client),
    alert: await store.alert('alert'),
    messages: await store.outbox.dueMessages('r', 10),
  };
}

/** Turn after turn in one session, each by the other of two nodes. Answers the replies. */
async function talk(stores: readonly Store[], name: string, turns: number): Promise<[string, string][]> {
  const replies: [string, string][] = [];
  for (let n = 1; n <= turns; n += 1) {
    const store = stores[n % stores.length];
    const turnId = `${name} ${n}`;
    if (!store) throw new Error('no store');
    const lease = await admitted(store, name, turnId);
    let text = '';
    for (const word of ['spoken ', 'word ', `number ${n}`]) {
      expect(await store.append(lease, [token(turnId, text.length, word)], LEASE_MS)).toBe('appended');
      text += word;
    }
    expect(await store.finish(lease, ending(turnId, text))).toBe('finished');
    replies.push([turnId, text]);
  }
  return replies;
}

async function admitted(store: Store, name: string, turnId: string): Promise<Lease> {
  for (;;) {
    const now = await store.session(newSession(name));
    const basis = now ? { epoch: now.epoch, version: now.version } : null;
    const answer = await store.admit(input(name, turnId, { basis }));
    if (answer.kind === 'admitted') return { ...newSession(name), turnId, generation: 1 };
  }
}

/** A link on which something happens right before a session is put in its place. */
const linkBefore = (link: RedisLink, happen: () => Promise<unknown>): RedisLink =>
  new Proxy(link, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'run') return typeof value === 'function' ? value.bind(target) : value;
      return async (...request: Parameters<RedisLink['run']>) => {
        if (request[0] === steps.reseal) await happen();
        return target.run(...request);
      };
    },
  });

describe.each(['redis', 'cluster'])('on a %s', (kind) => {
  const resources = new AsyncDisposableStack();
  let servers: readonly RedisProcess[];

  beforeAll(async () => {
    servers =
      kind === 'cluster'
        ? resources.use(await startRedisCluster()).nodes
        : [resources.use(await startRedis())];
  });
  afterAll(() => resources.disposeAsync());

  const open = (masters = [old]) =>
    openRedisBench(
      servers.map(({ url }) => url),
      masters,
    );
  const dump = async (prefix: string, keys = ':*') =>
    (await Promise.all(servers.map((one) => dumpOf(one, `${prefix}${keys}`)))).join();
  const keyOf = async ({ link }: Keeper, prefix: string, life: SessionLife) => {
    const base = `${prefix}:{${sessionKey(life)}}`;
    return String((await link.send(base, 'HGET', `${base}:s`, 'k')) ?? '');
  };
  /** They do what they can, at the same time, until a log line says that it is done. */
  const untilLogged = async ({ logged }: RedisBench, keepers: readonly Keeper[], line: string) => {
    while (!logged.includes(line)) await Promise.all(keepers.map(({ vault }) => vault.beat()));
  };

  it('encrypts what was stored before there was a key, and changes nothing of it', async () => {
    await using bench = await open([]);
    const { life, phrases } = await sing(bench.store, 'was-plain');
    const bare = newSession('bare');
    await bench.store.create({ session: bare, createKey: null, idGiven: true });
    const { lease } = await admit(bench.store, 'live', 'turn');
    const client = 'canary-was-plain-client';
    const before = await allOf(bench.store, life, client);
    await bench.store[Symbol.asyncDispose]();
    await bench.advance(SILENT_MS);
    const keeper = await bench.keeper([old]);
    await keeper.vault.join();

    await keeper.vault.beat();

    expect(bench.logged).not.toContain(ENCRYPTED);
    expect(await keyOf(keeper, bench.prefix, lease)).toBe('');
    const store = await bench.join([old]);
    expect(await allOf(store, life, client)).toEqual(before);
    const values = await dump(bench.prefix);
    // texts for whoever takes them first go by themselves
    const left = phrases.filter((phrase) => values.includes(phrase) && !phrase.endsWith('once'));
    expect(left).toEqual([]);
    await store.append(lease, [token('turn', 0, 'still plain')], LEASE_MS);
    await store.finish(lease, ending('turn', 'still plain'));
    await untilLogged(bench, [keeper], ENCRYPTED);
    for (const key of ['l', 't']) {
      const base = `${bench.prefix}:{${sessionKey(life)}}`;
      expect(await keeper.link.send(base, 'TTL', `${base}:${key}`)).toBe(-1);
    }
    expect(bench.logged.filter((line) => line === ENCRYPTED)).toHaveLength(1);
    expect(await dump(bench.prefix)).not.toContain('still plain');
    expect(replyOf(await wholeLog(store, lease), 'turn')).toBe('still plain');
    expect((await store.session(bare))?.owner).toBe('owner');
    await expect(bench.join([])).rejects.toThrow(/ENCRYPTION_KEY_FILE/);
  });

  it('loses no word that is said while sessions are encrypted by several nodes at once', async () => {
    await using bench = await open([]);
    const names = Array.from({ length: 8 }, (_, index) => `talk ${index}`);
    await Promise.all(names.map((name) => spoken(bench.store, name, 'first', ['plain ', 'words'])));
    await bench.store[Symbol.asyncDispose]();
    await bench.advance(SILENT_MS);
    const stores = [await bench.join([old]), await bench.join([old])];
    const keepers = [await bench.keeper([old]), await bench.keeper([old])];

    const talking = Promise.all(names.map((name) => talk(stores, name, 12)));
    const [replies] = await Promise.all([talking, untilLogged(bench, keepers, ENCRYPTED)]);

    const reader = await bench.join([old]);
    for (const [at, name] of names.entries()) {
      const log = await wholeLog(reader, newSession(name));
      expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
      for (const [turnId, text] of replies[at] ?? []) expect(replyOf(log, turnId)).toBe(text);
      expect(replyOf(log, 'first')).toBe('plain words');
    }
    expect(await dump(bench.prefix)).not.toMatch(/spoken |plain words/);
  });

  it('wraps all data keys anew while people talk, and says once when the old key is not needed', async () => {
    await using bench = await open([old]);
    const names = Array.from({ length: 8 }, (_, index) => `talk ${index}`);
    await Promise.all(names.map((name) => spoken(bench.store, name, 'first', ['words'])));
    const { lease } = await admit(bench.store, 'live', 'turn');
    await bench.store[Symbol.asyncDispose]();
    await bench.advance(SILENT_MS);
    const both = [next, old];
    const stores = [await bench.join(both), await bench.join(both)];
    const keepers = [await bench.keeper(both), await bench.keeper(both)];

    const talking = Promise.all(names.map((name) => talk(stores, name, 6)));
    const [replies] = await Promise.all([talking, untilLogged(bench, keepers, FORGOTTEN)]);

    expect(bench.logged.filter((line) => line === FORGOTTEN)).toHaveLength(1);
    const reader = await bench.join([next]);
    for (const [at, name] of names.entries()) {
      const log = await wholeLog(reader, newSession(name));
      for (const [turnId, text] of replies[at] ?? []) expect(replyOf(log, turnId)).toBe(text);
      expect(replyOf(log, 'first')).toBe('words');
    }
    expect(await reader.append(lease, [token('turn', 0, 'goes on')], LEASE_MS)).toBe('appended');
    expect(await dump(bench.prefix)).not.toContain(old.id);
    await expect(bench.join([old])).rejects.toThrow(new RegExp(`master key ${next.id}, which is not in`));
  });

  it('leaves the data keys as they are while a node wraps by the key before, which could not open them else', async () => {
    await using bench = await open([old]);
    const life = await spoken(bench.store, 'rolling', 'turn', ['words']);
    const [before, after] = [await bench.keeper([old, next]), await bench.keeper([next, old])];
    await bench.advance(SILENT_MS);
    await before.vault.beat();
    await after.vault.beat();
    const during = masterOf(await keyOf(after, bench.prefix, life));

    await bench.advance(SILENT_MS);
    await untilLogged(bench, [after], FORGOTTEN);

    expect(during).toBe(old.id);
    expect(masterOf(await keyOf(after, bench.prefix, life))).toBe(next.id);
  });

  it('holds on to the key before as long as one session cannot be wrapped anew, and says so once', async () => {
    await using bench = await open([old]);
    const lives = [
      await spoken(bench.store, 'good', 'turn', ['a']),
      await spoken(bench.store, 'bad', 'turn', ['b']),
    ];
    const [good, bad] = lives;
    if (!good || !bad) throw new Error('not made');
    await bench.store[Symbol.asyncDispose]();
    await bench.advance(SILENT_MS);
    const keeper = await bench.keeper([next, old]);
    const base = `${bench.prefix}:{${sessionKey(bad)}}`;
    const right = await keyOf(keeper, bench.prefix, bad);
    await keeper.link.send(
      base,
      'HSET',
      `${base}:s`,
      'k',
      right.slice(0, -1) + (right.endsWith('A') ? 'B' : 'A'),
    );

    for (let beats = 0; beats < 3; beats += 1) await keeper.vault.beat();

    expect(bench.logged.filter((line) => line.includes('could not be encrypted'))).toHaveLength(1);
    expect(bench.logged).not.toContain(FORGOTTEN);
    expect(masterOf(await keyOf(keeper, bench.prefix, good))).toBe(next.id);
    await keeper.link.send(base, 'HSET', `${base}:s`, 'k', right);
    await untilLogged(bench, [keeper], FORGOTTEN);
    expect(masterOf(await keyOf(keeper, bench.prefix, bad))).toBe(next.id);
  });

  const changes: [what: string, change: (store: Store, lease: Lease) => Promise<unknown>][] = [
    ['an entry', (store, life) => store.note(life, [disclosure('meanwhile')], {})],
    ['the session', (store, life) => store.note(life, [], { human: { name: 'Ada', untilAt: 1 } })],
    [
      'what a client is like',
      (store, life) => store.note(life, [], {}, { client: { client: 'c', care: 'new' } }),
    ],
    ['an alert', (store) => store.settleAlert('alert', { delivery: 'sent' })],
    ['a capability', (store, life) => store.revoke(life, 'capability')],
    [
      'another capability',
      (store, life) =>
        store.grant(life, { capabilityId: 'new', rights: ['read'], label: null, expiresAt: null }),
    ],
    ['a turn that lives', (store, life) => admit(store, life.sessionId, 'next')],
    ['a turn that has ended', (store, life) => spoken(store, life.sessionId, 'next', ['a'])],
    ['words that were dropped', (store) => store.compact(Number.MAX_SAFE_INTEGER)],
    ['a removal', (store, life) => store.remove(life)],
  ];
  it.each(changes)('stores nothing that it read before somebody changed %s', async (_, change) => {
    await using bench = await open([]);
    const { store, prefix } = bench;
    const { lease } = await admit(store, 'moved', 'turn', {
      client: { client: 'c', care: 'old' },
      alerts: [call('alert')],
    });
    await store.append(lease, [token('turn', 0, 'words')], LEASE_MS);
    await store.finish(lease, ending('turn', 'words'));
    await store.grant(lease, { capabilityId: 'capability', rights: ['read'], label: null, expiresAt: null });
    const keeper = await bench.keeper([old]);
    const base = `${prefix}:{${sessionKey(lease)}}`;
    let changed = '';
    const link = linkBefore(keeper.link, async () => {
      await change(store, lease);
      changed = await dump(base, ':?');
    });

    const resealed = await new RedisReseal(link, keeper.keys).reseal(base);

    expect(['later', 'done']).toContain(resealed);
    expect(changed).toContain(base);
    expect(await dump(base, ':?')).toBe(changed);
    expect(await dump(prefix)).not.toMatch(/:[lt] [\w-]{36}/);
  });

  it('[S-6] stores nothing of a session in its next life', async () => {
    await using bench = await open([]);
    const { store, prefix } = bench;
    const [first, second] = ['old', 'new'].map((epoch) =>
      newSession('reborn', { epoch, metadata: { epoch } }),
    );
    if (!first || !second) throw new Error('not made');
    const create = (session: typeof first) => store.create({ session, createKey: null, idGiven: true });
    await create(first);
    const keeper = await bench.keeper([old]);
    const link = linkBefore(keeper.link, async () => {
      await store.remove(first);
      await create(second);
    });

    await new RedisReseal(link, keeper.keys).reseal(`${prefix}:{${sessionKey(first)}}`);

    expect(await store.session(second)).toMatchObject({ epoch: 'new', metadata: { epoch: 'new' } });
  });
});
