// node bench/nodes.ts [--quick] [--json FILE] [--save]: several nodes on one Redis, all on this machine. How long a killed
// reply stands still, what Redis is asked for, when words arrive on other nodes, and what a word costs. `--save` writes
// what `npm run simulate` reads.
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { costsOf } from './nodes/costs.ts';
import { measureCommand, measureSlots, measureStrikes } from './nodes/shared.ts';
import type { CommandFigures, SlotsFigures, StrikesFigures } from './nodes/shared.ts';
import { openStage } from './nodes/stage.ts';
import type { Stage } from './nodes/stage.ts';
import { measureStore } from './nodes/store.ts';
import type { StoreFigures } from './nodes/store.ts';
import { CALM_MS, measureCommands, measureDelivery, measureSpread } from './nodes/stream.ts';
import type { CommandsRow, DeliveryRow, IdleRow, SpreadRow } from './nodes/stream.ts';
import { load } from './shared/machine.ts';
import { measureTakeover } from './nodes/takeover.ts';
import type { TakeoverRow } from './nodes/takeover.ts';

const { json, save, quick } = parseArgs({
  options: {
    json: { type: 'string' },
    save: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
}).values;

const SEED = 20_711;
const KILLS = quick ? 1 : 5;
const TURNS_PER_KILL = 8;
const SECONDS = quick ? 1 : 3;
const LIVE = quick ? 20 : 100;
const SESSIONS = quick ? 100 : 1_000;
const ENTRIES = quick ? 300 : 2_000;
const COSTS = fileURLToPath(new URL('./costs.json', import.meta.url));

const print = (line = ''): void => void process.stdout.write(`${line}\n`);
const row = (name: string, cells: readonly (string | number)[], width = 10): void =>
  print(`  ${name.padEnd(34)}${cells.map((cell) => String(cell).padStart(width)).join('')}`);
const whole = (value: number): string => value.toFixed(0);
const tenth = (value: number): string => value.toFixed(1);
const goal = (isMet: boolean): string => (isMet ? 'met' : 'MISSED');

function showTakeover({ leaseMs, kills, turns, p50, p99, max, load }: TakeoverRow): void {
  print(
    `\nTakeover after kill -9: from the kill to the next word on another node, in ms; lease ${leaseMs} ms`,
  );
  row('', ['kills', 'turns', 'p50', 'p99', 'max', 'load']);
  row('', [kills, turns, whole(p50), whole(p99), whole(max), load]);
  row('beyond the lease', ['', '', ...[p50, p99, max].map((ms) => whole(ms - leaseMs)), '']);
  print(`  goal, p99 below lease + 500 ms: ${goal(p99 < leaseMs + 500)}`);
}

function showCommands(idle: IdleRow, rows: readonly CommandsRow[]): void {
  print(
    '\nCommands to Redis per live turn and second; in brackets those inside of scripts too; and CPU of all nodes in ms',
  );
  row('followed on', ['words/s', 'sent', '(all)', 'B/word', 'CPU', 'load']);
  for (const { place, rate, sent, processed, bytesPerWord, nodeUs, load } of rows) {
    const where = place === 'owner' ? 'the node it runs on' : 'another node';
    row(where, [
      rate,
      tenth(sent),
      `(${whole(processed)})`,
      whole(bytesPerWord),
      tenth(nodeUs / 1_000),
      load,
    ]);
  }
  print(`  goal, at most 100 sent: ${goal(rows.every(({ sent }) => sent <= 100))}`);
  row('a node without turns, per second', [
    '',
    tenth(idle.sent),
    `(${whole(idle.processed)})`,
    '',
    tenth(idle.nodeCpu * 1_000),
    idle.load,
  ]);
}

function showDelivery({ turns, rate, words, p50, p99, max, load }: DeliveryRow): void {
  print(
    `\nDelivery: how much later an entry is on another node than on the owner's, in ms; ${turns} turns at ${rate} words/s`,
  );
  row('', ['entries', 'p50', 'p99', 'max', 'load']);
  row('', [words, tenth(p50), tenth(p99), tenth(max), load]);
  print(`  goal, p50 within 5 ms: ${goal(Math.abs(p50) <= 5)}`);
}

function showSpread(rows: readonly SpreadRow[]): void {
  print('\nWords a second of live turns at 50 words/s, and CPU of a delivered word in µs');
  row('nodes, followed on', [
    'turns',
    'offered',
    'delivered',
    'nodes µs',
    'Redis µs',
    'both',
    'cores',
    'load',
  ]);
  for (const {
    nodes,
    place,
    turns,
    offered,
    delivered,
    nodeUs,
    redisUs,
    nodeCores,
    redisCores,
    load,
  } of rows) {
    const cores = tenth(nodeCores + redisCores);
    const where = place === 'owner' ? 'the node it runs on' : 'another node';
    const cells = [
      turns,
      offered,
      whole(delivered),
      tenth(nodeUs),
      tenth(redisUs),
      tenth(nodeUs + redisUs),
      cores,
      load,
    ];
    row(`${nodes}, ${where}`, cells);
  }
}

function showStore(store: StoreFigures, entryBytes: number): void {
  const { noted, bytes, follower, nodeMsPerTurn, redisMsPerTurn, sessions, load } = store;
  const scripts = ['append', 'read', 'admit', 'start', 'finish', 'take', 'lease', 'enlist', 'due'];
  print('\nRedis, median time of a script in µs');
  row('', scripts);
  row(
    '',
    scripts.map((name) => noted.us[name] ?? 0),
  );
  print(`\nOf ${sessions} sessions × 3 turns (a reply of ${store.wordsPerTurn} words at once); load ${load}`);
  row('CPU of a turn, ms', [`node ${tenth(nodeMsPerTurn)}`, `Redis ${tenth(redisMsPerTurn)}`], 14);
  row(
    'memory in Redis, bytes',
    [
      `session ${whole(bytes.session)}`,
      `turn ${whole(bytes.turn)}`,
      `compacted ${whole(bytes.compactedTurn)}`,
      `entry ${whole(entryBytes)}`,
    ],
    18,
  );
  row(
    `of ${follower.count} idle followers, each`,
    [
      `node ${whole(follower.nodeBytes)} B`,
      `Redis ${whole(follower.redisBytes)} B`,
      `node ${whole(follower.nodeUs)} µs/s`,
      `Redis ${whole(follower.redisUs)} µs/s`,
    ],
    18,
  );
  row('a node, MB', [whole(bytes.node / 1e6)]);
}

function showShared(slots: SlotsFigures, strikes: StrikesFigures, command: CommandFigures): void {
  print('\nOne slot of Redis for all nodes');
  row(
    'pool of slots, µs a call at',
    slots.rows.map(({ running }) => `${running} turns`),
    14,
  );
  row(
    '  of other nodes',
    slots.rows.map(({ otherUs }) => whole(otherUs)),
    14,
  );
  row(
    '  of the calling node',
    slots.rows.map(({ ownUs }) => whole(ownUs)),
    14,
  );
  row(
    'ended turns struck from the leases',
    strikes.rows.map(({ nodes }) => `${nodes} nodes`),
    14,
  );
  row(
    '  a second',
    strikes.rows.map(({ perSecond }) => whole(perSecond)),
    14,
  );
  row(
    '  looks at each',
    strikes.rows.map(({ looks }) => tenth(looks)),
    14,
  );
  row('Redis CPU beyond a command, µs', [tenth(command.us), `at ${whole(command.perSecond)}/s`], 14);
  print(`  load ${slots.load}, ${strikes.load} and ${command.load}`);
}

/** Bytes of one entry in the logs of replies that streamed. */
async function entryBytesOf({ commands }: Stage): Promise<number> {
  const Keys = z.tuple([z.string(), z.array(z.string())]);
  const [, keys] = Keys.parse(await commands.send('SCAN', '0', 'MATCH', '*:l', 'COUNT', '10000'));
  let [bytes, entries] = [0, 0];
  for (const key of keys.filter((name) => !name.includes('{slots')).slice(0, 40)) {
    bytes += Number(await commands.send('MEMORY', 'USAGE', key, 'SAMPLES', '0'));
    entries += Number(await commands.send('XLEN', key));
  }
  return bytes / Math.max(1, entries);
}

async function measureNodes(): Promise<{ delivery: DeliveryRow; spread: SpreadRow[]; entryBytes: number }> {
  await using stage = await openStage();
  const spread: SpreadRow[] = [];
  await stage.grow(1);
  await sleep(CALM_MS);
  spread.push(await measureSpread(stage, 'owner', LIVE / 4, SECONDS));
  spread.push(await measureSpread(stage, 'owner', LIVE, SECONDS));
  const entryBytes = await entryBytesOf(stage);
  await stage.grow(2);
  await sleep(CALM_MS);
  const delivery = await measureDelivery(stage, SECONDS);
  spread.push(await measureSpread(stage, 'owner', LIVE / 2, SECONDS));
  spread.push(await measureSpread(stage, 'owner', LIVE, SECONDS));
  spread.push(await measureSpread(stage, 'other', LIVE, SECONDS));
  await stage.grow(4);
  await sleep(CALM_MS);
  spread.push(await measureSpread(stage, 'owner', LIVE, SECONDS));
  spread.push(await measureSpread(stage, 'other', LIVE, SECONDS));
  return { delivery, spread, entryBytes };
}

const startedAt = performance.now();
const cores = availableParallelism();
print(`Nodes, Redis, a fake Ollama and clients on this machine: ${cores} cores, load ${load()}`);
const takeover = await measureTakeover(KILLS, TURNS_PER_KILL, SEED);
showTakeover(takeover);
const { idle, rows: commands } = await measureCommands(SECONDS);
showCommands(idle, commands);
const { delivery, spread, entryBytes } = await measureNodes();
showDelivery(delivery);
showSpread(spread);
const store = await measureStore(SESSIONS, SECONDS);
showStore(store, entryBytes);
const slots = await measureSlots(quick ? [100, 500] : [100, 1_000]);
const strikes = await measureStrikes(ENTRIES);
const command = await measureCommand(ENTRIES);
showShared(slots, strikes, command);
const measured = { cores, load: Math.max(takeover.load, store.load, ...commands.map((one) => one.load)) };
const costs = costsOf({ measured, idle, commands, store, slots, command, strikes, entryBytes });
if (save) await writeFile(COSTS, `${JSON.stringify(costs, null, 2)}\n`);
const all = { takeover, idle, commands, delivery, spread, store, entryBytes, slots, strikes, command, costs };
if (json !== undefined) await writeFile(json, `${JSON.stringify(all, null, 2)}\n`);
print(`\n${whole((performance.now() - startedAt) / 1_000)} s`);
