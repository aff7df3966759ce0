// npm run fuzz -- --seed N --minutes 60: rubbish at every door of a server, and somebody beside it who must not notice.
import { parseArgs } from 'node:util';
import { runFuzz } from '../fuzz/run.ts';
import { worlds } from '../fuzz/world.ts';
import type { WorldName } from '../fuzz/world.ts';

const usage = `npm run fuzz -- [options]
  --seed N        what is sent (default: by chance)
  --minutes N     for how long (default 60)
  --world NAME    only one of: ${Object.keys(worlds).join(', ')} (default: all, one after the other)
  --from N        the first step, and
  --to N          the last one: as a failure says them
  --pause MS      between two steps (default 0)
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '60' },
    world: { type: 'string' },
    from: { type: 'string', default: '0' },
    to: { type: 'string' },
    pause: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const isWorld = (name: string): name is WorldName => name in worlds;

async function main(): Promise<number> {
  const { world, help } = values;
  if (help || (world !== undefined && !isWorld(world))) {
    print(usage);
    return help ? 0 : 1;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  print(`seed ${seed}`);
  const report = await runFuzz({
    seed,
    minutes: Number(values.minutes),
    from: Number(values.from),
    pauseMs: Number(values.pause),
    shrinks: true,
    progress: print,
    ...(world !== undefined && { worlds: [world] }),
    ...(values.to !== undefined && { to: Number(values.to) }),
  });
  for (const [outcome, count] of Object.entries(report.outcomes).sort(([a], [b]) => a.localeCompare(b)))
    print(`${String(count).padStart(8)}  ${outcome}`);
  for (const [name, memory] of Object.entries(report.memory)) print(`${name} ${JSON.stringify(memory)}`);
  print(`${report.steps} steps`);
  if (!report.failure) return 0;
  print(`\n${report.failure.message}\n\nOnce more: ${report.failure.replay}`);
  return 1;
}

// what it started ends with it
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exit(await main());
