// A Cluster that is changed while it is in use.
import { expect, it } from 'vitest';
import { sessionKey } from '../../src/store/envelope.ts';
import { admit, disclosure, LEASE_MS, newSession, token } from '../conformance/store-bench.ts';
import type { RedisCluster } from '../support/redis-server.ts';
import { startRedisCluster } from '../support/redis-server.ts';
import { openRedisBench } from '../support/redis-store.ts';

/** Begins to move the slot of a key to the next master; what it answers ends that. */
async function moveSlot(cluster: RedisCluster, key: string): Promise<() => Promise<void>> {
  const { nodes } = cluster;
  const slot = (await nodes[0]?.command('CLUSTER', 'KEYSLOT', key)) ?? '';
  const ids = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'MYID')));
  const held = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'COUNTKEYSINSLOT', slot)));
  const from = held.findIndex((count) => Number(count) > 0);
  const to = (from + 1) % nodes.length;
  const [source, target] = [nodes[from], nodes[to]];
  if (!source || !target) throw new Error('nobody holds the slot');
  await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from] ?? '');
  await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to] ?? '');
  return async () => {
    for (;;) {
      const keys = (await source.command('CLUSTER', 'GETKEYSINSLOT', slot, '100')).split('\n');
      if (keys[0] === '') break;
      for (const one of keys) {
        await source.command('MIGRATE', '127.0.0.1', String(target.port), one, '0', '5000');
      }
    }
    for (const node of [target, source, ...nodes]) {
      await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to] ?? '');
    }
  };
}

it('puts off what concerns sessions whose slot moves to another master, and loses none of them', async () => {
  await using cluster = await startRedisCluster();
  await using bench = await openRedisBench(cluster.urls);
  const { store } = bench;
  const { lease } = await admit(store, 'moving', 'turn');
  await store.append(lease, [token('turn', 0, 'words ')], LEASE_MS);
  const finish = await moveSlot(cluster, `${bench.prefix}:{${sessionKey(lease)}}`);

  const meanwhile = [
    () => store.append(lease, [token('turn', 6, 'more')], LEASE_MS),
    () => store.read(lease, 0, 10),
    () => store.note(lease, [disclosure('note')], {}),
    () => store.create({ session: newSession('moving', { epoch: 'other' }), createKey: null, idGiven: true }),
    () => store.remove(lease),
  ];
  for (const step of meanwhile) await expect(step()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await finish();

  expect(await store.append(lease, [token('turn', 6, 'more')], LEASE_MS)).toBe('appended');
  expect((await store.turn(lease, 'turn'))?.text).toBe('words more');
});
