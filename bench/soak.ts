// npm run soak -- --minutes 60: mixed traffic with faults against real servers, and whether anything in them grows.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { findRedis, redisHint } from '../test/support/redis-files.ts';
import { machine } from './shared/machine.ts';
import { soakText } from './soak/told.ts';
import { runSoak } from './soak/run.ts';
import { setUps } from './soak/stage.ts';
import type { SetUp } from './soak/stage.ts';

const usage = `npm run soak -- [options]
  --minutes N     for how long (default 60)
  --seed N        what is done and what goes wrong (default: by chance)
  --only NAME     one of: ${setUps.join(', ')} (default: all at once)
  --leak KIND     builds a leak into the servers, to see it found: timer, file, watcher, map:BYTES, buffer:BYTES for each follower
  --json FILE     puts the report there, with every sample
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string' },
    leak: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const isSetUp = (name: string): name is SetUp => setUps.some((one) => one === name);

async function main(): Promise<number> {
  const { only, leak, help, json } = values;
  if (help || (only !== undefined && !isSetUp(only))) {
    print(usage);
    return help ? 0 : 1;
  }
  const redisFiles = only === 'sqlite' ? undefined : await findRedis();
  if (only !== 'sqlite' && !redisFiles) throw new Error(`There is no Redis. ${redisHint}`);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e6));
  const about = machine();
  print(`seed ${seed}; ${about.cores} cores, load ${about.load}`);
  const reports = await runSoak({
    seed,
    minutes: Number(values.minutes),
    progress: print,
    ...(only !== undefined && { setUps: [only] }),
    ...(redisFiles && { redisFiles }),
    ...(leak !== undefined && { leak }),
  });
  for (const report of reports) print(soakText(report));
  if (json) await writeFile(json, `${JSON.stringify({ seed, machine: about, reports }, null, 2)}\n`);
  return reports.every(({ isWell }) => isWell) ? 0 : 1;
}

// what it started ends with it
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exit(await main());
