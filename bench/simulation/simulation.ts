// A server of many nodes on paper: turns arrive at random, each costs what `npm run bench:nodes` has measured, and lands on
// a node and in a slot of Redis. Pure: what it says depends on what it is given, the seed included.
import type { Costs, Habits, Setup } from './costs.ts';
import { busiest, hotNames, SLOTS, slotOf, World } from './world.ts';

/** How much of what there is, is used: 1 is all of it. Of many alike, the busiest. */
export interface Use {
  name: string;
  share: number;
}

export const LIMIT = 0.7;
const WINDOW_S = 10;
/** The scan for dead owners is this far apart on a node. */
const SCAN_S = 0.25;
/** Open alerts that every node looks at each second, at most. */
const ALERTS_MOST = 200;
/** Connections of a node to a master: for commands, for wake-ups, and two of the adapter of Socket.IO. */
const CONNECTIONS = 4;

/** Sessions that are open: each follows its log on a node or two, and lies in Redis with those that were before it. */
function addSessions(world: World): Int32Array {
  const { costs, setup, habits, weight } = world;
  const count = Math.round(world.sessions / weight);
  const slots = new Int32Array(count);
  for (let n = 0; n < count; n += 1) {
    const slot = world.anySlot();
    slots[n] = slot;
    const followed = world.random.chance(habits.secondDevice) ? 2 : 1;
    for (let device = 0; device < followed; device += 1) {
      // a balancer gives every node as many
      const node = (n + device) % setup.nodes;
      world.nodeFollowed[node] = (world.nodeFollowed[node] ?? 0) + weight;
      world.onNode(node, weight * costs.node.followedSecondUs);
    }
    const looks = weight * followed * costs.commands.followedSecond;
    world.onMaster(slot, looks, looks * costs.redis.followedUs);
    world.commands(costs.commands.session, weight / (habits.turnEveryS * habits.turnsPerSession), slot);
  }
  return slots;
}

/** Turns that begin in the window, at random. */
function addTurns(world: World, slots: Int32Array): void {
  const { costs, setup, habits, liveSeconds, random } = world;
  const { commands, node } = costs;
  const count = Math.max(1, Math.round((slots.length * WINDOW_S) / habits.turnEveryS));
  const each = world.turns / count;
  const appends = Math.min(habits.wordsPerSecond, commands.appends) * liveSeconds;
  for (let n = 0; n < count; n += 1) {
    const session = random.between(0, slots.length - 1);
    const slot = slots[session] ?? 0;
    const owner = session % setup.nodes;
    world.commands(commands.turn, each, slot);
    world.commands(commands.liveSecond, each * liveSeconds, slot);
    if (random.chance(habits.risk)) world.commands(commands.risk, each, slot);
    world.command('append', each * appends, slot);
    world.onNode(owner, each * (node.turnUs + appends * node.appendUs + habits.wordsPerTurn * node.wordUs));
    if (!random.chance(habits.secondDevice)) continue;
    world.command('read', each * appends, slot);
    world.onNode((session + 1) % setup.nodes, each * appends * node.readUs);
  }
}

/** What nodes do for all of them, every second. */
function addNodes(world: World): void {
  const { costs, setup, habits } = world;
  const { PING: pings = 0, ...rest } = costs.commands.nodeSecond;
  world.commands(rest, setup.nodes, slotOf('pulse'));
  for (let master = 0; master < setup.masters; master += 1) {
    world.command('PING', pings * setup.nodes, Math.ceil((master * SLOTS) / setup.masters));
  }
  const alerts = Math.min(habits.openAlerts, ALERTS_MOST);
  for (let n = 0; n < alerts; n += 1) world.command('alert', setup.nodes, world.anySlot());
  const asked = pings * (setup.masters - 1) + alerts;
  for (let node = 0; node < setup.nodes; node += 1) {
    world.onNode(node, costs.node.idleCores * 1e6 + asked * costs.node.readUs);
  }
}

/** Each turn asks for a slot and gives it back; with that its node says what else it runs. */
function addSlots(world: World): void {
  const { costs, setup } = world;
  const { us, runningUs, ownUs } = costs.redis.slots;
  const live = world.live / setup.pools;
  const own = world.live / setup.nodes;
  const ask = us + runningUs * live;
  const giveBack = ask + ownUs * own;
  for (let pool = 0; pool < setup.pools; pool += 1) {
    const slot = pool === 0 ? slotOf('slots') : world.anySlot();
    world.onSlot(slot, world.turns / setup.pools, ask, 'slots');
    world.onSlot(slot, world.turns / setup.pools, giveBack, 'slots');
  }
}

/** How often nodes look at the entry of one ended turn: they do not know of each other, and see the same list. */
function looksPerEntry(world: World, stepS: number): number {
  const between = SCAN_S / world.setup.nodes;
  const listed = Math.min(world.turns * between, 1e6);
  return Math.min(world.setup.nodes, 1 + (listed * stepS) / between);
}

/** Entries of turns that have ended stay in the list of leases until a scan finds that they stand for nothing. */
function addStrikes(world: World): number {
  const { costs, setup } = world;
  const { take: each = 0, relist = 0 } = costs.commands.turn;
  const { us } = costs.redis;
  if (each === 0) world.command('relist', relist * world.turns, 0);
  if (each === 0) return 0;
  const stepS = (2 * setup.roundTripMs) / 1_000 + ((us['take'] ?? 0) + (us['relist'] ?? 0)) / 1e6;
  const looks = looksPerEntry(world, stepS) * each * world.turns;
  for (let slot = 0; slot < SLOTS; slot += 16) world.command('take', (looks * 16) / SLOTS, slot);
  world.command('relist', looks, 0);
  for (let node = 0; node < setup.nodes; node += 1) {
    world.onNode(node, (2 * looks * costs.node.readUs) / setup.nodes);
  }
  // one after the other, all nodes in the same order
  return world.turns * each * stepS;
}

/** With what makes the larger part of it, if that lies in slots of its own whatever number of masters there is. */
function redisName(world: World): string {
  const master = world.masterUs.indexOf(busiest(world.masterUs));
  const half = (world.masterUs[master] ?? 0) / 2;
  for (const [place, bySlot] of world.hot) {
    const there = [...bySlot].filter(([slot]) => world.masterOf(slot) === master);
    if (there.reduce((sum, [, us]) => sum + us, 0) > half) return `CPU of a Redis master: ${hotNames[place]}`;
  }
  return 'CPU of a Redis master';
}

function memoryOf(world: World): number {
  const { costs, setup, habits } = world;
  const { session, turn, word, followed } = costs.bytes;
  const kept = world.sessions * habits.keptPerOpen * (session + habits.turnsPerSession * turn);
  // single words of ended turns are dropped after an hour
  const words = Math.min(3_600 * world.turns, world.sessions * habits.turnsPerSession);
  const entries = Math.min(habits.wordsPerTurn, world.liveSeconds * costs.commands.appends);
  const spread = world.sessions * (1 + habits.secondDevice) * followed;
  return (kept + words * entries * word + spread) / setup.masters;
}

/** How much is used of everything, the fullest first, with so many sessions open. */
export function useOf(costs: Costs, setup: Setup, habits: Habits, sessions: number, seed = 1): Use[] {
  const world = new World(costs, setup, habits, sessions, seed);
  addTurns(world, addSessions(world));
  addNodes(world);
  addSlots(world);
  const strikes = addStrikes(world);
  const { ollamaHosts } = setup;
  const slots = ollamaHosts === null ? Number.POSITIVE_INFINITY : ollamaHosts * setup.slotsPerHost;
  const uses: Use[] = [
    { name: redisName(world), share: busiest(world.masterUs) / 1e6 },
    { name: 'memory of a Redis master', share: memoryOf(world) / setup.masterBytes },
    {
      name: 'network of a Redis master',
      share: busiest(world.masterBytes) / setup.masterBytesPerSecond,
    },
    { name: 'connections of a Redis master', share: (setup.nodes * CONNECTIONS) / setup.masterConnections },
    { name: 'CPU of a node', share: busiest(world.nodeUs) / 1e6 },
    {
      name: 'memory of a node',
      share: (costs.node.bytes + busiest(world.nodeFollowed) * costs.node.followedBytes) / setup.nodeBytes,
    },
    { name: 'turns that a scan for dead owners can strike out', share: strikes },
    { name: 'slots of Ollama', share: world.live / slots },
  ];
  return uses.sort((a, b) => b.share - a.share);
}

export interface Capacity {
  sessions: number;
  /** What is full first; of everything, how much is used. */
  first: string;
  uses: Use[];
}

/** The most open sessions with nothing above the limit, within a percent. */
export function capacityOf(costs: Costs, setup: Setup, habits: Habits, seed = 1): Capacity {
  const fits = (sessions: number) => (useOf(costs, setup, habits, sessions, seed)[0]?.share ?? 0) <= LIMIT;
  let [low, high] = [0, 1_000];
  while (fits(high) && high < 1e9) [low, high] = [high, high * 2];
  while (high - low > Math.max(10, low / 100)) {
    const middle = Math.round((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  const uses = useOf(costs, setup, habits, high, seed);
  return { sessions: low, first: uses[0]?.name ?? '', uses };
}

/** Masters for so many open sessions; null where no number of them is enough. */
export function mastersFor(
  costs: Costs,
  setup: Setup,
  habits: Habits,
  sessions: number,
  most = 1_000,
): number | null {
  const fits = (masters: number) =>
    useOf(costs, { ...setup, masters }, habits, sessions)
      .filter(({ name }) => name.includes('Redis'))
      .every(({ share }) => share <= LIMIT);
  if (!fits(most)) return null;
  let [low, high] = [0, most];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}
