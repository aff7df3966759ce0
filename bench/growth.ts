// node bench/growth.ts [--quick] [--json FILE] [--save] [--only NAME]: what things cost when there is ten, a hundred, a thousand times as
// much of them, in CPU of the process, so that other work on the machine matters little. `--only` takes the beginning of a name. `--save`
// draws docs/pictures/growth-*.svg and keeps the figures; with `--only nothing` it draws those that are kept. The whole takes about a
// quarter of an hour and 4 GB of the disk; `--quick` goes to ten times as much only, and leaves Redis out.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import { z } from 'zod';
import { Curve, isAllowed, partOf, verdictOf } from './growth/curve.ts';
import { measureHistory } from './growth/history.ts';
import { savePictures } from './growth/pictures.ts';
import { measureRedis, measureSqlite } from './growth/sessions.ts';
import { measureRedisSockets, measureSockets } from './growth/sockets.ts';
import { load, machine } from './shared/machine.ts';
import { textOf } from './shared/report.ts';

const { json, save, quick, only } = parseArgs({
  options: {
    json: { type: 'string' },
    save: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
}).values;

const FIGURES = fileURLToPath(new URL('./growth.json', import.meta.url));
const PICTURES = fileURLToPath(new URL('../docs/pictures/', import.meta.url));
const print = (line = ''): void => void process.stdout.write(`${line}\n`);
const TIMES = quick ? 2 : 7;
const windows = quick ? { times: 2, idleS: 1, liveS: 1 } : { times: 3, idleS: 20, liveS: 6 };

interface Piece {
  name: string;
  sizes: readonly number[];
  /** Left out of a quick run where there are none. */
  quickSizes?: readonly number[];
  measure: (sizes: readonly number[]) => Promise<Curve[]>;
}

const pieces: readonly Piece[] = [
  {
    name: 'sessions',
    sizes: [1_000, 10_000, 100_000, 1_000_000],
    quickSizes: [1_000, 10_000],
    measure: (sizes) => measureSqlite(sizes, TIMES),
  },
  {
    name: 'redis',
    sizes: [1_000, 10_000, 100_000],
    measure: (sizes) => measureRedis(sizes, TIMES),
  },
  {
    name: 'history',
    sizes: [10, 100, 1_000, 10_000],
    quickSizes: [50, 500],
    measure: (sizes) => measureHistory(sizes, TIMES),
  },
  {
    name: 'sockets',
    sizes: [100, 1_000, 10_000],
    quickSizes: [100, 1_000],
    measure: (sizes) => measureSockets(sizes, windows),
  },
  {
    name: 'sockets-redis',
    sizes: [100, 1_000, 10_000],
    measure: (sizes) => measureRedisSockets(sizes, windows),
  },
];

/** What an earlier run has of other pieces. */
async function kept(): Promise<Curve[]> {
  const names = new Set(curves.map(({ name }) => name));
  const text = await readFile(FIGURES, 'utf8').catch(() => '{"curves":[]}');
  return Curve.array()
    .parse(z.looseObject({ curves: z.unknown() }).parse(JSON.parse(text)).curves)
    .filter(({ name }) => !names.has(name));
}

const before = machine();
const busy = before.isBusy ? ': BUSY, so only CPU and ratios mean something' : '';
print(`${before.cores} cores of ${before.cpu}, Node ${before.node}, load ${before.load}${busy}`);
const curves: Curve[] = [];
const take = async ({ sizes, quickSizes, measure }: Piece): Promise<void> => {
  const measured = quick ? quickSizes : sizes;
  const found = measured ? await measure(measured) : [];
  for (const curve of found) print(textOf(partOf(curve)));
  curves.push(...found);
};
const chosen = pieces.filter(({ name }) => name.startsWith(only));
// CPU is counted by process, so a quick run may do all at once
if (quick) await Promise.all(chosen.map(take));
else for (const piece of chosen) await take(piece);

const tooMuch = curves.filter((curve) => !isAllowed(curve));
print(`\n${curves.length} curves, ${tooMuch.length} that grow more than they may`);
for (const { title } of tooMuch) print(`  ${title}`);

const textWith = async (all: readonly Curve[]) => {
  const told = all.map((curve) => ({ ...curve, verdict: verdictOf(curve) ?? null }));
  const text = JSON.stringify({ machine: { ...before, loadAfter: load() }, curves: told });
  return await format(text, { parser: 'json', printWidth: 110 });
};
if (json !== undefined) await writeFile(json, await textWith(curves));
if (save) {
  const all = [...curves, ...(await kept())].sort((a, b) => a.name.localeCompare(b.name));
  if (curves.length > 0) await writeFile(FIGURES, await textWith(all));
  await savePictures(PICTURES, all);
}
