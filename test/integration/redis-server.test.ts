import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createClient, createCluster } from 'redis';
import { describe, expect, test } from 'vitest';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';
import type { RedisProcess } from '../support/redis-server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Resolves when the system holds the process back. */
async function stopped(pid: number): Promise<void> {
  while (!/\) T /.test(await readFile(`/proc/${pid}/stat`, 'utf8')));
}

/** A client that does not come back, of a Redis or of a proxy before it. */
async function connectClient(port: number) {
  const client = createClient({
    url: `redis://127.0.0.1:${port}`,
    disableClientInfo: true,
    socket: { reconnectStrategy: false },
  });
  const ended = Promise.withResolvers<void>();
  client.on('error', () => ended.resolve());
  client.on('end', () => ended.resolve());
  await client.connect();
  return { client, ended: ended.promise, [Symbol.dispose]: () => client.isOpen && client.destroy() };
}

async function connectCluster(urls: readonly string[]) {
  const client = createCluster({ rootNodes: urls.map((url) => ({ url })) });
  await client.connect();
  return { client, [Symbol.dispose]: () => client.destroy() };
}

describe('one Redis', () => {
  test('answers once it is started, on a port of its own', async () => {
    await using first = await startRedis();
    await using second = await startRedis({ config: ['maxmemory 50mb'] });

    await first.command('SET', 'a', 'b');

    expect(await first.command('GET', 'a')).toBe('b');
    expect(await second.command('GET', 'a')).toBe('');
    expect(await first.command('CONFIG', 'GET', 'maxmemory')).toBe('maxmemory\n0');
    expect(await second.command('CONFIG', 'GET', 'maxmemory')).toBe(`maxmemory\n${50 * 1024 * 1024}`);
    await expect(first.command('LPUSH', 'a', 'c')).rejects.toThrow('WRONGTYPE');
  });

  test('has the version that sharded pub/sub needs', async () => {
    await using redis = await startRedis();

    const version = /redis_version:(\d+)/.exec(await redis.command('INFO', 'server'))?.[1];

    expect(Number(version)).toBeGreaterThanOrEqual(7);
  });

  test('comes back from a kill without its data', async () => {
    await using redis = await startRedis();
    const { port, pid } = redis;
    await redis.command('SET', 'a', 'b');

    await redis.kill();

    expect(isAlive(pid)).toBe(false);
    await expect(redis.command('GET', 'a')).rejects.toThrow('ECONNREFUSED');
    await redis.restart();
    expect(redis.port).toBe(port);
    expect(redis.pid).not.toBe(pid);
    expect(await redis.command('GET', 'a')).toBe('');
  });

  test('comes back from a kill with its data when it is persistent', async () => {
    await using redis = await startRedis({ persistent: true });
    for (let i = 0; i < 200; i++) await redis.command('SET', `key:${i}`, 'b');
    await redis.persisted();

    await redis.restart();

    expect(await redis.command('DBSIZE')).toBe('200');
    await redis.flush();
    expect(await redis.command('DBSIZE')).toBe('0');
  });

  test('is silent while it is stopped, and answers what it was asked once it goes on', async () => {
    await using redis = await startRedis();
    using connection = await connectClient(redis.port);
    redis.signal('SIGSTOP');
    await stopped(redis.pid);

    const answer = connection.client.incr('a');
    redis.signal('SIGCONT');

    expect(await answer).toBe(1);
  });

  test('leaves no process and no files, not even when it is stopped', async () => {
    const redis = await startRedis();
    const dir = (await redis.command('CONFIG', 'GET', 'dir')).split('\n')[1] ?? '';
    expect(existsSync(dir)).toBe(true);
    redis.signal('SIGSTOP');

    await redis[Symbol.asyncDispose]();

    expect(isAlive(redis.pid)).toBe(false);
    expect(existsSync(dir)).toBe(false);
  });

  test('that cannot start is an error that says why', async () => {
    await using redis = await startRedis();

    await expect(startRedis({ config: ['no-such-setting yes'] })).rejects.toThrow('no-such-setting');
    await expect(startRedis({ port: redis.port })).rejects.toThrow('Address already in use');
  });
});

describe('a cluster of three', () => {
  test('routes the keys of all slots', async () => {
    await using cluster = await startRedisCluster();
    using connection = await connectCluster(cluster.urls);
    const keys = Array.from({ length: 1_000 }, (_, i) => `key:${i}`);

    await Promise.all(keys.map(async (key) => await connection.client.set(key, key)));

    expect(await Promise.all(keys.map(async (key) => await connection.client.get(key)))).toEqual(keys);
    const sizes = (await cluster.commandAll('DBSIZE')).map(Number);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(keys.length);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    for (const info of await cluster.commandAll('CLUSTER', 'INFO')) {
      expect(info).toContain('cluster_state:ok');
      expect(info).toContain('cluster_slots_ok:16384');
      expect(info).toContain('cluster_known_nodes:3');
    }
  });

  test('is whole again after a node was killed and missed', async () => {
    await using cluster = await startRedisCluster({ persistent: true });
    const [first, second, third] = cluster.nodes as [RedisProcess, RedisProcess, RedisProcess];
    await third.command('SET', 'a', 'kept');
    await third.persisted();

    await third.kill();
    for (const node of [first, second]) {
      await node.logged((log) => log.includes('Cluster state changed: fail'), 'a broken cluster');
    }
    await third.restart();
    await cluster.ready();

    using connection = await connectCluster(cluster.urls);
    expect(await connection.client.get('a')).toBe('kept');
    const pids = cluster.nodes.map(({ pid }) => pid);
    await cluster[Symbol.asyncDispose]();
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

describe('a proxy before it', () => {
  test('swallows answers while commands pass', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy({ target: redis.port });
    using connection = await connectClient(proxy.port);
    proxy.swallow('down');

    const answer = connection.client.incr('a').catch((error: unknown) => String(error));
    await proxy.until(() => proxy.lost.down > 0, 'a lost answer');

    expect(await redis.command('GET', 'a')).toBe('1');
    proxy.reset();
    expect(await answer).toContain('ECONNRESET');
  });

  test('holds answers back while commands pass', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy({ target: redis.port });
    using connection = await connectClient(proxy.port);
    const { up } = proxy.bytes;
    let isAnswered = false;
    proxy.pause('down');

    const answer = connection.client.incr('a').finally(() => (isAnswered = true));
    await proxy.until(() => proxy.bytes.up > up, 'a command');

    expect(await redis.command('GET', 'a')).toBe('1');
    expect(isAnswered).toBe(false);
    proxy.resume('down');
    expect(await answer).toBe(1);
  });

  test('swallows commands', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy({ target: redis.port });
    using connection = await connectClient(proxy.port);
    proxy.swallow('up');

    const answer = connection.client.incr('a').catch((error: unknown) => String(error));
    await proxy.until(() => proxy.lost.up > 0, 'a lost command');

    expect(await redis.command('GET', 'a')).toBe('');
    proxy.cut();
    expect(await answer).toContain('Socket closed unexpectedly');
  });

  test('mutes one connection for pub/sub, and no other', async () => {
    await using redis = await startRedis();
    await using proxy = await startTcpProxy({ target: redis.port });
    let subscribing = -1;
    proxy.onBytes((_, chunk, number) => {
      if (/ssubscribe/i.test(chunk.toString())) subscribing = number;
    });
    using commands = await connectClient(proxy.port);
    using wakes = await connectClient(proxy.port);
    const heard: string[] = [];
    await wakes.client.sSubscribe('channel', (message) => heard.push(message));

    proxy.mute(subscribing, 'down');
    const receivers = await commands.client.sPublish('channel', 'lost');
    await proxy.until(() => proxy.lost.down > 0, 'a lost push');

    expect(receivers).toBe(1);
    expect(await commands.client.incr('a')).toBe(1);
    proxy.reset();
    await wakes.ended;
    expect(heard).toEqual([]);
  });
});
