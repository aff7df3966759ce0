import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LimitRules } from '../../src/access/limit-rules.ts';
import { defaultLimits } from '../../src/access/limit-rules.ts';
import type { Limits } from '../../src/access/limits.ts';
import { nobody } from '../../src/access/limits.ts';
import { createLimits } from '../../src/access/open-limits.ts';
import { Rate } from '../../src/access/rate-limits.ts';
import { openRedisCounters } from '../../src/access/redis-limits.ts';
import type { LimitsUnderTest } from '../conformance/limits.ts';
import { limitsConformance, only, somebody } from '../conformance/limits.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';
import type { RedisCluster, RedisProcess } from '../support/redis-server.ts';
import { deadline } from '../support/wait.ts';

let redis: RedisProcess;
let cluster: RedisCluster;
beforeAll(async () => {
  redis = await startRedis();
  cluster = await startRedisCluster();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const AWAY = 'Redis is away: each node counts limits for itself';
const BACK = 'Redis is back: limits are counted over all nodes';

/** Brings the end of every counter so many ms closer. */
const HURRY = `
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':limit:*')) do
  redis.call('PEXPIRE', key, redis.call('PTTL', key) - ARGV[2])
end`;

interface Node {
  limits: Limits;
  logged: string[];
}

async function openNode(
  urls: readonly string[],
  prefix: string,
  rules: LimitRules,
  now?: () => number,
): Promise<Node> {
  const logged: string[] = [];
  const write = (_fields: object, message: string) => void logged.push(message);
  const counters = await openRedisCounters({ urls, prefix, log: { info: write, warn: write } });
  return { limits: createLimits({ rules, redis: counters, ...(now && { now }) }), logged };
}

async function openBench(
  urls: readonly string[],
  commandAll: (...args: string[]) => Promise<unknown>,
  rules: LimitRules,
): Promise<LimitsUnderTest> {
  const prefix = randomUUID();
  let aheadMs = 0;
  const { limits, logged } = await openNode(urls, prefix, rules, () => performance.now() + aheadMs);
  return {
    limits,
    advance: async (ms) => {
      aheadMs += ms;
      await commandAll('EVAL', HURRY, '0', prefix, String(ms));
    },
    [Symbol.asyncDispose]: async () => {
      await limits[Symbol.asyncDispose]();
      expect(logged).toEqual([]);
    },
  };
}

limitsConformance('on Redis', (rules) => openBench([redis.url], (...args) => redis.command(...args), rules));
limitsConformance('on a Redis Cluster', (rules) =>
  openBench(cluster.urls, (...args) => cluster.commandAll(...args), rules),
);

const passed = (waits: readonly number[]): number => waits.filter((wait) => wait === 0).length;

/** Many of many addresses, so that their counters lie on all nodes of a Cluster. */
const crowd = Array.from({ length: 60 }, (_, n) => ({ ...nobody, address: `192.0.2.${n}` }));

/** Goes on asking until that was logged. */
async function askUntil({ limits, logged }: Node, message: string): Promise<void> {
  const asking = async () => {
    while (!logged.includes(message)) {
      await Promise.all(crowd.map((who) => limits.take('request', who)));
      await setImmediate();
    }
  };
  await deadline(asking(), () => `"${message}" in ${logged.join('; ')}`, 30_000);
}

/** How many scripts it has run. */
async function evalsOf(server: RedisProcess): Promise<number> {
  const stats = await server.command('INFO', 'commandstats');
  return Number(/cmdstat_eval:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

describe('limits of several nodes', () => {
  it('are counted together, however many ask at once', async () => {
    const rules = only('connect_address=30/60');
    const prefix = randomUUID();
    const nodes = await Promise.all([1, 2, 3].map(() => openNode([redis.url], prefix, rules)));

    const waits = await Promise.all(
      nodes.flatMap(({ limits }) => Array.from({ length: 25 }, () => limits.take('connect', somebody))),
    );

    expect(passed(waits)).toBe(30);
    await Promise.all(nodes.map(({ limits }) => limits[Symbol.asyncDispose]()));
  });

  it('of another prefix are others', async () => {
    const rules = only('connect_address=2/60');
    const nodes = await Promise.all([1, 2].map(() => openNode([redis.url], randomUUID(), rules)));

    const waits = [];
    for (const { limits } of nodes) waits.push(await limits.take('connect', somebody, 2));

    expect(waits).toEqual([0, 0]);
    await Promise.all(nodes.map(({ limits }) => limits[Symbol.asyncDispose]()));
  });

  it('ask Redis no more about somebody who has nothing left', async () => {
    const { limits } = await openNode([redis.url], randomUUID(), only('input_session=1/600'));
    for (let n = 0; n < 2; n += 1) await limits.take('input', somebody);
    const before = await evalsOf(redis);

    const waits: number[] = [];
    for (let n = 0; n < 100; n += 1) waits.push(await limits.take('input', somebody));
    waits.push(await limits.isOver('input', somebody));
    const after = await evalsOf(redis);

    expect(passed(waits)).toBe(0);
    expect(after - before).toBe(0);
    await limits[Symbol.asyncDispose]();
  });

  it('make no room that was not there when more is given back than was taken', async () => {
    const prefix = randomUUID();
    const write = () => {};
    await using counters = await openRedisCounters({
      urls: [redis.url],
      prefix,
      log: { info: write, warn: write },
    });
    const [rule] = only('connect_address=3/600').rates;
    if (!rule) throw new Error('There are no rules');
    const rate = new Rate(rule, counters, () => performance.now());

    await rate.giveBack('new', 3);
    const keys = await redis.command('KEYS', `${prefix}*`);
    await rate.take('old', 1);
    await rate.giveBack('old', 3);
    const waits = [];
    for (let n = 0; n < 5; n += 1) waits.push(await rate.take('old', 1));

    expect(keys).toBe('');
    expect(passed(waits)).toBe(3);
  });

  it('leave digests in Redis and nothing that tells who somebody is, and each goes by itself', async () => {
    const prefix = randomUUID();
    const { limits } = await openNode([redis.url], prefix, only('input_session=1/60'));
    for (let n = 0; n < 3; n += 1) await limits.take('input', somebody);
    for (const budget of ['connect', 'request', 'create', 'bytes', 'failure', 'risk'] as const) {
      await limits.take(budget, somebody);
    }

    const keys = (await redis.command('KEYS', `${prefix}*`)).split('\n');
    const left = await Promise.all(keys.map((key) => redis.command('PTTL', key)));
    const values = await Promise.all(keys.map((key) => redis.command('GET', key)));

    expect(keys).toHaveLength(defaultLimits.rates.length);
    expect(keys.filter((key) => !/^[\w-]{36}:limit:[a-z]+_[a-z]+:[\w-]{43}$/.test(key))).toEqual([]);
    expect(left.filter((ms) => Number(ms) <= 0 || Number(ms) > 60_000)).toEqual([]);
    expect(values.filter((value) => !/^\d+$/.test(value))).toEqual([]);
    await limits[Symbol.asyncDispose]();
  });
});

describe('limits while Redis is away', () => {
  it('are counted by each node for itself, and together again when it is back', async () => {
    await using mine = await startRedis();
    const prefix = randomUUID();
    const rules = only('input_session=4/600');
    const [a, b] = [await openNode([mine.url], prefix, rules), await openNode([mine.url], prefix, rules)];
    await a.limits.take('input', somebody);
    await mine.kill();

    const alone: number[] = [];
    for (const { limits } of [a, a, a, a, a, b, b, b, b, b]) alone.push(await limits.take('input', somebody));
    await mine.restart();
    await Promise.all([askUntil(a, BACK), askUntil(b, BACK)]);
    const other = { ...somebody, session: 'session-2' };
    const together: number[] = [];
    for (const { limits } of [a, b, a, b, a, b]) together.push(await limits.take('input', other));

    expect(passed(alone)).toBe(8);
    expect(passed(together)).toBe(4);
    expect([a.logged, b.logged]).toEqual([
      [AWAY, BACK],
      [AWAY, BACK],
    ]);
    await Promise.all([a, b].map(({ limits }) => limits[Symbol.asyncDispose]()));
  });

  it('are answered while Redis is silent, and it is asked no more until it speaks', async () => {
    await using mine = await startRedis();
    const node = await openNode([mine.url], randomUUID(), only('connect_address=3/600'));
    mine.signal('SIGSTOP');

    const burst = Promise.all(Array.from({ length: 5 }, () => node.limits.take('connect', somebody)));
    const first = passed(await deadline(burst, 'answers without Redis'));
    const rest = Array.from({ length: 1_000 }, () =>
      node.limits.take('connect', { ...somebody, address: '::1' }),
    );
    const second = passed(await deadline(Promise.all(rest), 'answers without a wait each'));
    mine.signal('SIGCONT');
    const asked = await evalsOf(mine);
    await askUntil(node, BACK);

    expect([first, second]).toEqual([3, 3]);
    expect(asked).toBeLessThanOrEqual(5);
    expect(node.logged).toEqual([AWAY, BACK]);
    await node.limits[Symbol.asyncDispose]();
  });

  it('go on for everybody when one node of a Cluster is gone', async () => {
    await using mine = await startRedisCluster();
    const node = await openNode(mine.urls, randomUUID(), only('connect_address=2/600'));
    await mine.nodes[1]?.kill();

    const waits: number[] = [];
    for (const who of [...crowd, ...crowd, ...crowd]) {
      waits.push(await deadline(node.limits.take('connect', who), 'an answer'));
    }
    await mine.nodes[1]?.restart();
    await mine.ready();
    await askUntil(node, BACK);

    expect(passed(waits)).toBe(2 * crowd.length);
    expect(node.logged).toEqual([AWAY, BACK]);
    await node.limits[Symbol.asyncDispose]();
  });

  it('let pass once they are closed, as long as there is room', async () => {
    const { limits, logged } = await openNode([redis.url], randomUUID(), only('connect_address=2/600'));
    await limits[Symbol.asyncDispose]();
    await limits[Symbol.asyncDispose]();

    const waits = [];
    for (let n = 0; n < 3; n += 1) waits.push(await limits.take('connect', somebody));

    expect(passed(waits)).toBe(2);
    expect(logged).toEqual([]);
  });
});
