// npm run chaos -- --seed N --turns 1000: nodes on one Redis, every fault at once, and an oracle that compares what everybody saw.
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { textOf } from '../chaos/report.ts';
import { runChaos } from '../chaos/run.ts';
import { findRedis, redisHint } from './redis-files.ts';

const usage = `npm run chaos -- [options]
  --seed N        what is done to whom (default: by chance)
  --turns N       turns (default 1000)
  --minutes N     no turn is begun after that (default 60)
  --nodes N       servers (default 3)
  --cluster       three Redis masters as a Cluster, without faults of single links
  --people N      sessions at a time (default 14)
  --slots N       of the model (default 6)
  --lease MS      LEASE_MS of the servers (default 1500)
  --every MS      time between two faults, on average (default 900)
  --only NAME     only faults whose name has this in it, such as "node killed"
  --json FILE     puts the report there
  --out DIR       where what explains a broken promise is put (default: below the temporary directory)
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    turns: { type: 'string', default: '1000' },
    minutes: { type: 'string', default: '60' },
    nodes: { type: 'string', default: '3' },
    cluster: { type: 'boolean', default: false },
    people: { type: 'string', default: '14' },
    slots: { type: 'string', default: '6' },
    lease: { type: 'string', default: '1500' },
    every: { type: 'string', default: '900' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const redisFiles = await findRedis();
  if (!redisFiles) throw new Error(`There is no Redis. ${redisHint}`);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
  const directory = values.out ?? join(tmpdir(), `stillpoint-chaos-${seed}`);
  process.stdout.write(`seed ${seed}\n`);
  const report = await runChaos({
    seed,
    turns: Number(values.turns),
    minutes: Number(values.minutes),
    nodes: Number(values.nodes),
    cluster: values.cluster,
    people: Number(values.people),
    slots: Number(values.slots),
    leaseMs: Number(values.lease),
    faultEveryMs: Number(values.every),
    only: values.only,
    directory,
    redisFiles,
    progress: (line) => void process.stdout.write(`${line}\n`),
  });
  process.stdout.write(`${textOf(report)}\n`);
  if (values.json) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (report.violations.length === 0) return 0;
  process.stdout.write(
    `What explains it is in ${directory}: the session's .json has each client's frames and the log.\n`,
  );
  return 1;
}

// what it started ends with it
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exit(await main());
