// node bench/bench.ts [--quick] [--only NAME] [--json FILE] [--save]: this server beside what somebody would write by hand, and what the
// rest of it costs. `--only` takes the beginning of a name. `--save` puts the tables into docs/performance.md.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fanOut } from './beside/fan-out.ts';
import { idle } from './beside/idle.ts';
import { join } from './beside/join.ts';
import { rates } from './beside/rates.ts';
import { retrieval } from './beside/retrieval.ts';
import { rules } from './beside/rules.ts';
import { load, machine } from './shared/machine.ts';
import type { Machine } from './shared/machine.ts';
import { markdownOf, textOf } from './shared/report.ts';
import type { Part } from './shared/report.ts';
import { measureStream } from './stream/stream.ts';

const { json, save, quick, only } = parseArgs({
  options: {
    json: { type: 'string' },
    save: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
}).values;

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const BEGIN = '<!-- bench: begin -->';
const END = '<!-- bench: end -->';
const BUSY = 'Something else was at work on this machine: read the ratios, not the figures.';
const print = (text: string): void => void process.stdout.write(`${text}\n`);

const one =
  (measure: (options: { quick: boolean }) => Promise<Part>) =>
  async (options: { quick: boolean }): Promise<Part[]> => [await measure(options)];

const pieces: Readonly<Record<string, (options: { quick: boolean }) => Promise<Part[]>>> = {
  stream: measureStream,
  'fan-out': one(fanOut),
  join: one(join),
  idle: one(idle),
  rates: one(rates),
  rules: one(rules),
  retrieval: one(retrieval),
};

const describe = ({ cpu, cores, memoryGiB, node, load }: Machine): string =>
  `${cores} cores (${cpu}), ${memoryGiB} GiB, Node ${node}; load before ${load}`;

function pageWith(page: string, told: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from === -1 || to === -1) throw new Error(`${PAGE} has no place for the tables`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${told}\n\n${page.slice(to)}`;
}

const on = machine();
print(describe(on));
if (on.isBusy) print(BUSY);
const parts: Part[] = [];
for (const [name, measure] of Object.entries(pieces)) {
  if (!name.startsWith(only)) continue;
  for (const part of await measure({ quick })) {
    parts.push(part);
    print(textOf(part));
  }
  // what was measured is not lost with what comes behind it
  await keep();
}
print(`\nload ${load()}`);

async function keep(): Promise<void> {
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ machine: on, parts }, null, 2)}\n`);
  if (!save) return;
  const head = [`${describe(on)}.`, ...(on.isBusy ? [BUSY] : [])];
  const told = [...head, ...parts.map(markdownOf)].join('\n\n');
  await writeFile(PAGE, pageWith(await readFile(PAGE, 'utf8'), told));
}
