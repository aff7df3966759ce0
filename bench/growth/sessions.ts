// (a) More and more sessions stored: what one step on any of them costs the process, and Redis.
import { cp, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from 'redis';
import { z } from 'zod';
import { findRedis, redisHint } from '../../test/support/redis-files.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { tempDir } from '../../test/support/server-process.ts';
import type { Allowed, Curve } from './curve.ts';
import type { Step } from './sessions-steps.ts';
import { Worker } from './worker.ts';

const BY = 'sessions stored';
const MIB = 1024 * 1024;
const SCRIPT = new URL('./sessions-worker.ts', import.meta.url);

interface Measured {
  step: Step;
  title: string;
  allowed: Allowed;
  /** Done so often each time. */
  count: number;
}

/** In this order: what is made is removed again. */
const all: readonly Measured[] = [
  { step: 'open', title: 'Opening the store', allowed: 'flat', count: 2 },
  { step: 'lookup', title: 'Looking up a session', allowed: 'flat', count: 400 },
  {
    step: 'client',
    title: 'What is remembered of a client that has a turn in every twentieth session',
    allowed: 'flat',
    count: 200,
  },
  { step: 'create', title: 'Making a session', allowed: 'flat', count: 40 },
  { step: 'remove', title: 'Removing a session', allowed: 'flat', count: 40 },
  { step: 'turn', title: 'A turn: admitted, three appends, finished', allowed: 'flat', count: 20 },
  { step: 'list', title: 'A list of the 20 sessions of one owner', allowed: 'flat', count: 100 },
  {
    step: 'list-all',
    title: 'A page of 50 of the list of a tenant with all sessions',
    allowed: 'flat',
    count: 30,
  },
  { step: 'idle', title: 'A page of 200 of idle sessions', allowed: 'flat', count: 20 },
  { step: 'none-idle', title: 'Looking for idle sessions where none is', allowed: 'flat', count: 20 },
];

/** A store of that size, in a process of its own. */
interface Held {
  size: number;
  worker: Worker;
  /** CPU so far, in µs, of whoever else works for it. */
  besides: () => Promise<number>;
  /** What it takes on the disk, or in Redis. */
  bytes: () => Promise<number>;
}

/** Values of each step at each size: by turns, so that what else the machine does meets them all alike. */
async function measure(held: readonly Held[], steps: readonly Measured[], times: number) {
  const values = new Map(steps.map(({ step }) => [step, held.map(() => [] as number[])]));
  // the first time is not counted
  for (let time = -1; time < times; time += 1) {
    for (const { step, count } of steps) {
      for (const [at, { worker, size, besides }] of held.entries()) {
        const before = await besides();
        const us = await worker.ask({ kind: 'measure', step, size, count }, z.number());
        if (time >= 0) values.get(step)?.[at]?.push(us + ((await besides()) - before) / count);
      }
    }
  }
  return values;
}

async function curvesOf(
  name: string,
  where: string,
  held: readonly Held[],
  steps: readonly Measured[],
  times: number,
): Promise<Curve[]> {
  const values = await measure(held, steps, times);
  const curves = steps.map(({ step, title, allowed }): Curve => {
    const points = held.map(({ size }, at) => ({ size, values: values.get(step)?.[at] ?? [] }));
    return { name: `${name}-${step}`, title: `${title}, ${where}`, by: BY, unit: 'µs', allowed, points };
  });
  const [memory, bytes]: [Curve['points'][number][], Curve['points'][number][]] = [[], []];
  for (const { size, worker, bytes: stored } of held) {
    memory.push({ size, values: [(await worker.ask({ kind: 'memory' }, z.number())) / MIB] });
    bytes.push({ size, values: [(await stored()) / size] });
  }
  const more = { by: BY, allowed: 'flat' } as const;
  return [
    ...curves,
    {
      ...more,
      name: `${name}-memory`,
      title: `Memory of the process, ${where}`,
      unit: 'MiB',
      points: memory,
    },
    {
      ...more,
      name: `${name}-bytes`,
      title: `Stored for each session, ${where}`,
      unit: 'bytes',
      points: bytes,
    },
  ];
}

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory)) bytes += (await stat(join(directory, name))).size;
  return bytes;
}

/** One file that grows, and a copy of it at each size but the last. */
export async function measureSqlite(sizes: readonly number[], times: number): Promise<Curve[]> {
  await using resources = new AsyncDisposableStack();
  const { path } = resources.use(await tempDir());
  const growing = join(path, 'growing');
  const maker = resources.use(new Worker(SCRIPT, [growing]));
  const held: Held[] = [];
  let from = 0;
  for (const to of sizes) {
    await maker.ask({ kind: 'fill', from, to }, z.null());
    await maker.ask({ kind: 'close' }, z.null());
    const directory = to === sizes.at(-1) ? growing : join(path, String(to));
    if (directory !== growing) await cp(growing, directory, { recursive: true });
    const worker = resources.use(new Worker(SCRIPT, [directory]));
    held.push({ size: to, worker, besides: async () => 0, bytes: () => bytesIn(directory) });
    from = to;
  }
  return await curvesOf('sessions', 'SQLite', held, all, times);
}

async function heldOnRedis(size: number, resources: AsyncDisposableStack): Promise<Held> {
  const files = await findRedis();
  if (!files) throw new Error(redisHint);
  const redis = resources.use(await startRedis({ files }));
  const client = createClient({ url: redis.url, RESP: 2 });
  client.on('error', () => {});
  await client.connect();
  resources.defer(() => client.destroy());
  {
    using maker = new Worker(SCRIPT, [redis.url]);
    await maker.ask({ kind: 'fill', from: 0, to: size }, z.null());
  }
  const worker = resources.use(new Worker(SCRIPT, [redis.url]));
  const info = async (name: string) =>
    Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(await client.info())?.[1] ?? 0);
  const besides = async () => ((await info('used_cpu_user')) + (await info('used_cpu_sys'))) * 1e6;
  return { size, worker, besides, bytes: () => info('used_memory') };
}

/** A Redis for each size. There is no list of all sessions, so who looks for idle ones looks at every one. */
export async function measureRedis(sizes: readonly number[], times: number): Promise<Curve[]> {
  await using resources = new AsyncDisposableStack();
  const held: Held[] = [];
  for (const size of sizes) held.push(await heldOnRedis(size, resources));
  const steps = all.map((one): Measured =>
    one.step === 'none-idle' ? { ...one, allowed: 'linear', count: 1 } : one,
  );
  return await curvesOf('redis', 'node and Redis', held, steps, times);
}
