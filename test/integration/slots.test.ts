import {
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  integer,
  oneof,
  record,
  subarray,
} from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalSlots } from '../../src/store/local-slots.ts';
import type { Slots, Ticket } from '../../src/store/slots.ts';
import { reserveAll, slotsConformance, standsAt } from '../conformance/slots.ts';
import { RedisNodes } from '../support/redis-nodes.ts';
import type { Node } from '../support/redis-nodes.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';
import type { RedisCluster, RedisProcess } from '../support/redis-server.ts';
import { turnOf } from '../support/slot-request.ts';
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

/** One node of its own, closed with its slots. */
async function openOne(
  urls: readonly string[],
  options: { size: number; maxWaiting: number },
): Promise<Slots> {
  const nodes = new RedisNodes(urls, options);
  const { slots } = await nodes.open();
  return {
    size: slots.size,
    reserve: (request) => slots.reserve(request),
    [Symbol.asyncDispose]: async () => {
      await nodes[Symbol.asyncDispose]();
      expect(nodes.faults).toEqual([]);
    },
  };
}

slotsConformance('one process', async (options) => new LocalSlots(options));
slotsConformance('Redis', (options) => openOne([redis.url], options));
slotsConformance('a Redis Cluster', (options) => openOne(cluster.urls, options));

const names = ['one', 'two', 'three'];
const reserving = record({
  kind: constant('reserve' as const),
  client: integer({ min: 0, max: 3 }),
  hosts: subarray(names, { minLength: 1 }),
  first: boolean(),
  node: integer({ min: 0, max: 1 }),
});
const releasing = record({ kind: constant('release' as const), which: integer({ min: 0, max: 30 }) });

describe('slots over two nodes', () => {
  it('stand as they do in one process, whatever is asked of which node', async () => {
    const walk = asyncProperty(
      integer({ min: 1, max: 2 }),
      array(oneof(reserving, releasing), { minLength: 5, maxLength: 25 }),
      async (size, steps) => {
        await using nodes = new RedisNodes([redis.url], { size, maxWaiting: 6 });
        const [a, b] = [await nodes.open(), await nodes.open()];
        await using model = new LocalSlots({ size, maxWaiting: 6 });
        const pairs: { node: Node; ours: Ticket; theirs: Ticket }[] = [];
        for (const step of steps) {
          if (step.kind === 'reserve') {
            const request = turnOf(String(step.client), { hosts: () => step.hosts, first: step.first });
            const node = step.node === 0 ? a : b;
            const [theirs, ours] = await Promise.all(
              [model, node.slots].map((all) => all.reserve(request).catch(() => undefined)),
            );
            expect(ours === undefined).toBe(theirs === undefined);
            if (ours && theirs) pairs.push({ node, ours, theirs });
          } else {
            const [pair] = pairs.splice(step.which % Math.max(1, pairs.length), 1);
            pair?.theirs.release();
            await pair?.node.giveBack(pair.ours);
          }
          for (const { ours, theirs } of pairs) await standsAt(ours, theirs.position);
          expect(pairs.map(({ ours }) => ours.host)).toEqual(pairs.map(({ theirs }) => theirs.host));
        }
        expect(nodes.faults).toEqual([]);
      },
    );
    await assert(walk, { numRuns: 20 });
  });

  it('count the places of all nodes', async () => {
    await using nodes = new RedisNodes([redis.url], { size: 1, maxWaiting: 2 });
    const [a, b] = [await nodes.open(), await nodes.open()];
    await reserveAll(a.slots, ['a', 'b']);
    await reserveAll(b.slots, ['c']);

    await expect(a.slots.reserve(turnOf('d'))).rejects.toMatchObject({ code: 'MODEL_BUSY' });
    await expect(b.slots.reserve(turnOf('d'))).rejects.toMatchObject({ code: 'MODEL_BUSY' });
  });

  it('of a node that dies are free once its lease has run out, its places too (scenario 62)', async () => {
    await using nodes = new RedisNodes([redis.url], { size: 1 });
    const [dying, living] = [await nodes.open(), await nodes.open()];
    await reserveAll(dying.slots, ['a', 'b']);
    const [next, last] = await reserveAll(living.slots, ['c', 'd']);
    if (!next || !last) throw new Error('no tickets');
    expect([next.position, last.position]).toEqual([2, 3]);

    await dying.die();
    nodes.advance(nodes.leaseMs / 2);
    await living.asked();
    expect([next.position, last.position]).toEqual([2, 3]);
    nodes.advance(nodes.leaseMs / 2);
    await deadline(next.granted, 'the slot of the dead');

    expect(last.position).toBe(1);
  });

  it('of a node that lives stay its own for longer than a lease', async () => {
    await using nodes = new RedisNodes([redis.url], { size: 1, leaseMs: 4_000 });
    const [a, b] = [await nodes.open(), await nodes.open()];
    await reserveAll(a.slots, ['a']);
    const [waiting] = await reserveAll(b.slots, ['b']);

    for (let halves = 0; halves < 3; halves += 1) {
      nodes.advance(nodes.leaseMs / 2);
      await a.asked();
      await b.asked();
    }

    expect(waiting?.position).toBe(1);
  });

  it('of a node that is closed are free at once', async () => {
    await using nodes = new RedisNodes([redis.url], { size: 1 });
    const [leaving, staying] = [await nodes.open(), await nodes.open()];
    await reserveAll(leaving.slots, ['a', 'b']);
    const [next] = await reserveAll(staying.slots, ['c']);

    await leaving.slots[Symbol.asyncDispose]();
    await deadline(next?.granted ?? Promise.reject(new Error('no ticket')), 'the slot');

    expect((await staying.slots.reserve(turnOf('d'))).position).toBe(1);
  });

  it('wake whoever waits on another node when a slot is his', async () => {
    await using nodes = new RedisNodes([redis.url], { size: 1 });
    const [a, b] = [await nodes.open(), await nodes.open()];
    const [running] = await reserveAll(a.slots, ['a']);
    const [waiting] = await reserveAll(b.slots, ['b']);
    const woken = b.woken();

    running?.release();
    await woken;

    await deadline(waiting?.granted ?? Promise.reject(new Error('no ticket')), 'the slot');
  });

  it('are given out though every wake-up is lost', async () => {
    await using nodes = new RedisNodes([redis.url], { size: 1 });
    const [a, deaf] = [await nodes.open(), await nodes.open({ isDeaf: true })];
    const [running, second] = await reserveAll(a.slots, ['a', 'b']);
    const [third] = await reserveAll(deaf.slots, ['c']);
    if (!third) throw new Error('no ticket');

    second?.release();
    await standsAt(third, 1);
    running?.release();
    await deadline(third.granted, 'the slot');

    expect(third.position).toBeNull();
  });

  it('know each other by model and hosts, in whatever order these are told', async () => {
    await using nodes = new RedisNodes([redis.url], { size: 1 });
    const [a, b, other] = [
      await nodes.open(),
      await nodes.open({ hosts: names.toReversed() }),
      await nodes.open({ hosts: ['one'] }),
    ];
    await reserveAll(a.slots, ['a']);

    const places = [await b.slots.reserve(turnOf('b')), await other.slots.reserve(turnOf('c'))];

    expect(places.map(({ position }) => position)).toEqual([1, 1]);
  });
});

describe('when Redis loses what it knew', () => {
  it('nothing is given out twice, and everybody keeps his place', async () => {
    await using nodes = new RedisNodes([redis.url], { size: 1, leaseMs: 4_000 });
    const [a, b] = [await nodes.open(), await nodes.open()];
    const [running] = await reserveAll(a.slots, ['a']);
    const [second, third] = await reserveAll(b.slots, ['b', 'c']);
    if (!running || !second || !third) throw new Error('no tickets');

    await redis.flush();
    const late = await b.slots.reserve(turnOf('d'));
    await Promise.all([a.asked(), b.asked()]);
    nodes.advance(nodes.leaseMs / 2);
    await b.asked();
    expect([running, second, third].map(({ position }) => position)).toEqual([null, 1, 2]);
    running.release();
    await deadline(second.granted, 'the slot');

    await standsAt(third, 1);
    await standsAt(late, 2);
    expect(nodes.faults).toEqual([]);
  });

  it('a walk with a loss in it never runs more than its size on a host', async () => {
    const walk = asyncProperty(
      array(oneof(reserving, releasing), { minLength: 10, maxLength: 25 }),
      integer({ min: 5, max: 15 }),
      async (steps, lossAt) => {
        await using nodes = new RedisNodes([redis.url], { size: 1, leaseMs: 4_000 });
        const both = [await nodes.open(), await nodes.open()] as const;
        const held = new Map<Ticket, number>();
        const onHosts = () => [...held.keys()].flatMap(({ host }) => host ?? []);
        for (const [index, step] of steps.entries()) {
          if (index === lossAt) await redis.flush();
          if (step.kind === 'reserve') {
            const request = turnOf(String(step.client), { hosts: () => step.hosts, first: step.first });
            held.set(await both[step.node === 0 ? 0 : 1].slots.reserve(request), step.node);
          } else {
            const ticket = [...held.keys()][step.which % Math.max(1, held.size)];
            ticket?.release();
            if (ticket) held.delete(ticket);
          }
          expect(onHosts()).toEqual([...new Set(onHosts())]);
        }
        // each node that holds anything tells it before the time is over in which nothing is given out
        const holding = both.filter((_, at) => [...held.values()].includes(at));
        await Promise.all(holding.map((node) => node.asked()));
        nodes.advance(nodes.leaseMs / 2);
        const served = [...held.keys()].map(async (ticket) => {
          await ticket.granted;
          expect(onHosts()).toEqual([...new Set(onHosts())]);
          held.delete(ticket);
          ticket.release();
        });
        await deadline(Promise.all(served), () => `all to be served, ${held.size} are left`);
      },
    );
    await assert(walk, { numRuns: 5 });
  });

  it('a state that is new gives nothing out before every node had its word', async () => {
    await using nodes = new RedisNodes([redis.url], { size: 1, isYoung: true });
    const node = await nodes.open();

    const ticket = await node.slots.reserve(turnOf('a'));
    await node.asked();
    expect(ticket.position).toBe(1);
    nodes.advance(nodes.leaseMs / 2);

    await deadline(ticket.granted, 'the slot');
  });
});

describe('while Redis is away', () => {
  it('no place is had, those there are stay, and what is given back then is free afterwards', async () => {
    await using own = await startRedis();
    await using nodes = new RedisNodes([own.url], { size: 2, leaseMs: 2_000 });
    const [a, b] = [await nodes.open(), await nodes.open()];
    const [leaving, staying] = await reserveAll(a.slots, ['a', 'b']);
    const [waiting, last] = await reserveAll(b.slots, ['c', 'd']);
    if (!leaving || !staying || !waiting || !last) throw new Error('no tickets');

    await own.kill();
    await expect(a.slots.reserve(turnOf('e'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    leaving.release();
    await expect(b.slots.reserve(turnOf('e'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect([staying, waiting, last].map(({ position }) => position)).toEqual([null, 1, 2]);
    await own.restart();
    await deadline(waiting.granted, 'the slot that was given back');

    await standsAt(last, 1);
    expect((await a.slots.reserve(turnOf('e'))).position).toBe(2);
    expect(nodes.faults).toEqual([]);
  });

  it('one that was restarted gives nothing out before every node had its word, whatever it kept', async () => {
    await using own = await startRedis({ persistent: true });
    await using nodes = new RedisNodes([own.url], { size: 2, leaseMs: 4_000 });
    const node = await nodes.open();
    const [kept] = await reserveAll(node.slots, ['a']);
    await own.persisted();

    await own.restart();
    await node.asked();
    const ticket = await node.slots.reserve(turnOf('b'));
    expect([kept?.position, ticket.position]).toEqual([null, 1]);
    nodes.advance(nodes.leaseMs / 2);

    await deadline(ticket.granted, 'the slot');
  });

  it('closing the slots comes to an end', async () => {
    await using own = await startRedis();
    await using nodes = new RedisNodes([own.url], { size: 1 });
    const node = await nodes.open();
    await reserveAll(node.slots, ['a', 'b']);

    await own.kill();

    await deadline(node.slots[Symbol.asyncDispose](), 'the end');
  });
});
