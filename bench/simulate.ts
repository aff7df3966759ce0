// node bench/simulate.ts [--turn-every S] [--words N] …: how many open sessions a server of many nodes holds on paper, and what is
// full first. It replays what `npm run bench:nodes -- --save` has measured.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Costs, machines, usual } from './simulation/costs.ts';
import type { Habits, Setup } from './simulation/costs.ts';
import { capacityOf, LIMIT, mastersFor, useOf } from './simulation/simulation.ts';

const MILLION = 1_000_000;
const NODES = [10, 100, 1_000];
const MASTERS = [1, 3, 10, 30, 100];
/** Nodes that share Ollama hosts, in the rows of groups. */
const GROUP = 10;
/** So many that none is full. */
const NODES_FOR_MILLION = 2_000;
const CLIENTS = 20_000;

const print = (line = ''): void => void process.stdout.write(`${line}\n`);
const whole = (value: number): string => Math.round(value).toLocaleString('en');
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

const { values } = parseArgs({
  options: {
    costs: { type: 'string', default: fileURLToPath(new URL('./costs.json', import.meta.url)) },
    seed: { type: 'string', default: '1' },
    'turn-every': { type: 'string', default: String(usual.turnEveryS) },
    words: { type: 'string', default: String(usual.wordsPerTurn) },
    rate: { type: 'string', default: String(usual.wordsPerSecond) },
    kept: { type: 'string', default: String(usual.keptPerOpen) },
    'redis-gb': { type: 'string', default: String(machines.masterBytes / 1e9) },
    'rtt-ms': { type: 'string', default: String(machines.roundTripMs) },
  },
});

const costs = Costs.parse(JSON.parse(readFileSync(values.costs, 'utf8')));
const seed = Number(values.seed);
const habits: Habits = {
  ...usual,
  turnEveryS: Number(values['turn-every']),
  wordsPerTurn: Number(values.words),
  wordsPerSecond: Number(values.rate),
  keptPerOpen: Number(values.kept),
};
const setupOf = (nodes: number, masters: number, pools: number): Setup => ({
  ...machines,
  nodes,
  masters,
  pools,
  masterBytes: Number(values['redis-gb']) * 1e9,
  roundTripMs: Number(values['rtt-ms']),
});

function capacities(pools: (nodes: number) => number): void {
  print(
    `  ${'nodes'.padStart(6)}${'masters'.padStart(9)}${'open sessions'.padStart(16)}${'live turns'.padStart(12)}${'Ollama hosts'.padStart(14)}   full first, at ${percent(LIMIT)}; and next`,
  );
  for (const nodes of NODES) {
    for (const masters of MASTERS) {
      const { sessions, uses } = capacityOf(costs, setupOf(nodes, masters, pools(nodes)), habits, seed);
      const live = (sessions * habits.wordsPerTurn) / habits.wordsPerSecond / habits.turnEveryS;
      const hosts = live / machines.slotsPerHost / LIMIT;
      const cells = [
        whole(nodes).padStart(6),
        whole(masters).padStart(9),
        whole(sessions).padStart(16),
        whole(live).padStart(12),
        whole(hosts).padStart(14),
      ];
      const [first, next] = uses;
      print(`  ${cells.join('')}   ${first?.name}; ${next?.name} (${percent(next?.share ?? 0)})`);
    }
  }
}

/** As if an ended turn left the list of leases at its end, and a slot were given back without a word about others. */
function mended(): Costs {
  const { redis, commands } = costs;
  return {
    ...costs,
    redis: { ...redis, slots: { ...redis.slots, ownUs: 0 } },
    commands: { ...commands, turn: { ...commands.turn, take: 0, relist: 1 } },
  };
}

function million(): void {
  const nodes = NODES_FOR_MILLION;
  print(`\n${whole(MILLION)} open sessions, ${whole(nodes)} nodes, maxclients ${whole(CLIENTS)}`);
  const apart = `groups of ${GROUP} nodes with Ollama hosts of their own`;
  const cases: [name: string, pools: number, costs: Costs][] = [
    ['all nodes share all Ollama hosts', 1, costs],
    [apart, nodes / GROUP, costs],
    [`${apart}, and the lists mended`, nodes / GROUP, mended()],
  ];
  for (const [name, pools, of] of cases) {
    const setup = { ...setupOf(nodes, 1, pools), masterConnections: CLIENTS };
    const masters = mastersFor(of, setup, habits, MILLION);
    const answer =
      masters === null ? 'no number of Redis masters is enough' : `${whole(masters)} Redis masters`;
    print(`  ${name}: ${answer}`);
    const uses = useOf(of, { ...setup, masters: masters ?? 1_000 }, habits, MILLION, seed);
    for (const use of uses.slice(0, 4)) print(`      ${percent(use.share).padStart(8)}  ${use.name}`);
  }
}

const { turnEveryS, wordsPerTurn, wordsPerSecond, turnsPerSession, keptPerOpen } = habits;
print(
  `A turn every ${turnEveryS} s in every open session, ${wordsPerTurn} words at ${wordsPerSecond}/s; ${turnsPerSession} turns a session, ${keptPerOpen} sessions kept for each open one`,
);
print(
  `Costs measured on ${costs.measured.cores} cores at a load of ${costs.measured.load}; a master: one core, ${values['redis-gb']} GB, 10 Gbit/s; ${values['rtt-ms']} ms to it and back`,
);
print('\nAll nodes share all Ollama hosts');
capacities(() => 1);
print(`\nGroups of ${GROUP} nodes with Ollama hosts of their own (another OLLAMA_BASE_URL in each)`);
capacities((nodes) => nodes / GROUP);
million();
