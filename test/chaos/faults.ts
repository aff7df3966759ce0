// Everything that may go wrong with nodes, Redis, the model and the ways between them, by chance and several at once.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FakeOllama } from '../support/fake-ollama.ts';
import type { Node } from '../support/node-cluster.ts';
import type { Random } from '../support/random.ts';
import type { RedisCluster, RedisProcess } from '../support/redis-server.ts';
import type { Door } from './doors.ts';
import type { Journal } from './journal.ts';

export interface Scene {
  nodes: readonly Node[];
  doors: readonly Door[];
  /** Absent where each node has a file of its own: then none of its faults may be asked for. */
  redis?: RedisProcess | RedisCluster;
  fake: FakeOllama;
  leaseMs: number;
  journal: Journal;
  random: Random;
  /** By node: the connection to Redis over which its wake-ups come. */
  wakesOf: ReadonlyMap<number, number>;
}

/** What a fault is to: one node, the store, or the model. Of each there is one fault at a time. */
type Target = 'node' | 'link' | 'door' | 'all' | 'redis' | 'model';

export interface Fault {
  kind: string;
  target: Target;
  /** How often, beside the others. */
  weight: number;
  run: (scene: Scene, node: Node, random: Random) => Promise<void>;
}

const START_TRIES = 20;

/** Starts a node, again if Redis was away meanwhile. */
export async function startAgain(node: Node, journal: Journal): Promise<void> {
  for (let tries = 1; !node.isRunning; tries++) {
    try {
      await node.start();
    } catch (error) {
      journal.count('starts that failed');
      if (tries < START_TRIES) continue;
      journal.broken('server', `node ${node.index}`, `it does not start: ${String(error)}`);
      return;
    }
  }
}

async function kill({ journal }: Scene, node: Node, random: Random): Promise<void> {
  await node.kill();
  await sleep(random.between(0, 2_500));
  await startAgain(node, journal);
}

async function freeze({ leaseMs }: Scene, node: Node, random: Random): Promise<void> {
  node.freeze();
  await sleep(leaseMs * (1.5 + random.between(0, 150) / 100));
  node.thaw();
}

async function stall({ leaseMs }: Scene, node: Node, random: Random): Promise<void> {
  node.freeze();
  await sleep((leaseMs * random.between(20, 90)) / 100);
  node.thaw();
}

async function stop({ journal }: Scene, node: Node): Promise<void> {
  const from = Date.now();
  const { code, signal } = await node.stop();
  const isStoreAway = journal.isDisturbed(
    from,
    Date.now(),
    ({ node: of }) => of === null || of === node.index,
  );
  journal.count('stops');
  if (code !== 0 && !isStoreAway)
    journal.broken('server', `node ${node.index}`, `told to stop, it ended with ${code ?? signal}`);
  await startAgain(node, journal);
}

/** A half-open connection is never whole again, so it is cut at the end. */
async function swallow(node: Node, direction: 'up' | 'down' | undefined, ms: number): Promise<void> {
  node.toRedis.swallow(direction);
  await sleep(ms);
  node.toRedis.heal();
  node.toRedis.reset();
}

async function slow(node: Node, random: Random): Promise<void> {
  node.toRedis.delay(random.between(10, 120));
  await sleep(random.between(1_000, 4_000));
  node.toRedis.delay(0);
}

async function slowDoor({ doors }: Scene, node: Node, random: Random): Promise<void> {
  const proxy = doors[node.index]?.proxy;
  proxy?.delay(random.between(20, 400));
  await sleep(random.between(500, 3_000));
  proxy?.delay(0);
}

/** Its wake-ups come no more, until it finds out by itself. */
async function mute({ wakesOf }: Scene, node: Node, random: Random): Promise<void> {
  const connection = wakesOf.get(node.index);
  if (connection === undefined) return;
  try {
    node.toRedis.mute(connection, 'down');
  } catch {
    // it has ended by itself
    return;
  }
  await sleep(random.between(1_000, 4_000));
}

function mastersOf(redis: Scene['redis']): readonly RedisProcess[] {
  if (!redis) return [];
  return 'nodes' in redis ? redis.nodes : [redis];
}

function oneOf({ redis }: Scene, random: Random): RedisProcess {
  const masters = mastersOf(redis);
  const one = masters[random.between(0, masters.length - 1)];
  if (!one) throw new Error('there is no Redis');
  return one;
}

async function restartRedis(scene: Scene, _node: Node, random: Random): Promise<void> {
  const one = oneOf(scene, random);
  await one.kill();
  await sleep(random.between(0, 1_500));
  await one.restart();
  if (scene.redis && 'ready' in scene.redis) await scene.redis.ready();
}

async function pauseRedis(scene: Scene, _node: Node, random: Random): Promise<void> {
  const one = oneOf(scene, random);
  one.signal('SIGSTOP');
  await sleep(random.between(100, 2 * scene.leaseMs));
  one.signal('SIGCONT');
}

/** A script that runs for about so many times ten ms: meanwhile everybody else is told BUSY. */
async function keepBusy(scene: Scene, _node: Node, random: Random): Promise<void> {
  const turns = random.between(10, 100) * 500_000;
  await oneOf(scene, random).command('EVAL', `for i = 1, ${turns} do end return 1`, '0');
}

/** Full: it takes nothing more. */
async function fill(scene: Scene, _node: Node, random: Random): Promise<void> {
  const one = oneOf(scene, random);
  await one.command('CONFIG', 'SET', 'maxmemory', '1mb');
  await sleep(random.between(100, 2_000));
  await one.command('CONFIG', 'SET', 'maxmemory', '0');
}

/** A replica of nobody, which takes nothing. */
async function makeReadOnly(scene: Scene, _node: Node, random: Random): Promise<void> {
  const one = oneOf(scene, random);
  await one.command('REPLICAOF', '127.0.0.1', '1');
  await sleep(random.between(100, 2_000));
  await one.command('REPLICAOF', 'NO', 'ONE');
}

async function restartModel({ fake }: Scene, _node: Node, random: Random): Promise<void> {
  await fake.stop({ reset: random.chance(0.5) });
  await sleep(random.between(50, 2_500));
  await fake.start();
}

async function killAll({ nodes, journal }: Scene): Promise<void> {
  const running = nodes.filter(({ isRunning }) => isRunning);
  await Promise.all(running.map(async (node) => await node.kill()));
  for (const node of running) await startAgain(node, journal);
}

const everywhere: readonly Fault[] = [
  { kind: 'node killed', target: 'node', weight: 7, run: kill },
  { kind: 'node frozen for longer than its lease', target: 'node', weight: 6, run: freeze },
  { kind: 'node frozen for a moment', target: 'node', weight: 3, run: stall },
  { kind: 'node stopped and started', target: 'node', weight: 3, run: stop },
  { kind: 'all nodes killed', target: 'all', weight: 1, run: killAll },
  {
    kind: 'clients cut off',
    target: 'door',
    weight: 5,
    run: async ({ doors }, node) => doors[node.index]?.proxy.cut(),
  },
  {
    kind: 'clients cut off by RST',
    target: 'door',
    weight: 4,
    run: async ({ doors }, node) => doors[node.index]?.proxy.reset(),
  },
  { kind: 'clients far away', target: 'door', weight: 3, run: slowDoor },
  { kind: 'Redis restarted', target: 'redis', weight: 3, run: restartRedis },
  { kind: 'Redis paused', target: 'redis', weight: 4, run: pauseRedis },
  { kind: 'Redis busy', target: 'redis', weight: 2, run: keepBusy },
  { kind: 'Redis full', target: 'redis', weight: 2, run: fill },
  {
    kind: 'scripts flushed',
    target: 'redis',
    weight: 3,
    run: async ({ redis }) => {
      for (const one of mastersOf(redis)) await one.command('SCRIPT', 'FLUSH');
    },
  },
  {
    kind: 'wake-ups cut',
    target: 'redis',
    weight: 2,
    run: async ({ redis }) => {
      for (const one of mastersOf(redis)) await one.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    },
  },
  { kind: 'Ollama restarted', target: 'model', weight: 5, run: restartModel },
];

/** Only where there is one Redis; most of them between a node and it. */
const onOne: readonly Fault[] = [
  { kind: 'node cut off from Redis', target: 'link', weight: 3, run: async (_, node) => node.toRedis.cut() },
  {
    kind: 'node cut off from Redis by RST',
    target: 'link',
    weight: 3,
    run: async (_, node) => node.toRedis.reset(),
  },
  {
    kind: 'node parted from Redis for longer than its lease',
    target: 'link',
    weight: 4,
    run: async ({ leaseMs }, node, random) =>
      await swallow(node, undefined, leaseMs + random.between(0, 2_500)),
  },
  {
    kind: 'answers of Redis lost',
    target: 'link',
    weight: 5,
    run: async (_, node, random) => await swallow(node, 'down', random.between(10, 1_500)),
  },
  { kind: 'wake-ups muted', target: 'link', weight: 4, run: mute },
  { kind: 'Redis read-only', target: 'redis', weight: 2, run: makeReadOnly },
  { kind: 'Redis slow', target: 'link', weight: 4, run: async (_, node, random) => await slow(node, random) },
];

/** Those that a run on a Cluster can have, or one on a single Redis. */
export function faultsOf(isCluster: boolean): readonly Fault[] {
  return isCluster ? everywhere : [...everywhere, ...onOne];
}

/** A fault by weight. */
function pick(faults: readonly Fault[], random: Random): Fault | undefined {
  let left = random.between(
    1,
    faults.reduce((all, { weight }) => all + weight, 0),
  );
  return faults.find(({ weight }) => (left -= weight) <= 0);
}

/** One fault after the other, until `over` aborts; several at a time. Resolves when all is as before. */
export async function disturb(
  scene: Scene,
  faults: readonly Fault[],
  everyMs: number,
  over: AbortSignal,
): Promise<void> {
  const { nodes, random, journal } = scene;
  const busy = new Set<string>();
  const running = new Set<Promise<void>>();
  while (!over.aborted) {
    await sleep(random.between(everyMs / 4, (7 * everyMs) / 4), undefined, { signal: over }).catch(
      () => undefined,
    );
    const fault = pick(faults, random);
    const node = nodes[random.between(0, nodes.length - 1)];
    if (!fault || !node || over.aborted) continue;
    const { target, kind, run } = fault;
    const isOfNode = target === 'node' || target === 'link' || target === 'door';
    const place = isOfNode ? `${target} ${node.index}` : target;
    if (busy.has(place) || !mayBe(scene, fault, node, busy)) continue;
    busy.add(place);
    const span = journal.fault(kind, isOfNode ? node.index : null);
    const work = run(scene, node, random)
      .catch((error: unknown) => journal.broken('other', kind, `the fault itself failed: ${String(error)}`))
      .finally(() => {
        span[Symbol.dispose]();
        busy.delete(place);
        running.delete(work);
      });
    running.add(work);
  }
  await Promise.all(running);
}

/** Somebody is left to go on; and all are killed only while nobody else does it. */
function mayBe({ nodes }: Scene, { kind, target }: Fault, node: Node, busy: ReadonlySet<string>): boolean {
  const others = nodes.filter(({ index }) => index !== node.index && !busy.has(`node ${index}`));
  const isNode = [...busy].some((place) => place.startsWith('node '));
  if (kind === 'all nodes killed') return !isNode;
  if (target !== 'node') return true;
  return others.length > 0 && node.isRunning && !busy.has('all');
}
