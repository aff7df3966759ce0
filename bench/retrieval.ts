// node bench/retrieval.ts [--json] [--quick]: how soon examples are found among 10,000, what the event loop notices of it, and what a start costs.
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createEncoder } from '../src/retrieval/encoder.ts';
import type { LanceRetrieval } from '../src/retrieval/lancedb.ts';
import { randomFrom } from '../test/support/random.ts';
import { measureServers } from './retrieval-server.ts';
import type { Starts } from './retrieval-server.ts';
import { MADE, open, OWN, placesIn, scanOf, SEED, SIZE } from './retrieval-places.ts';
import type { Place } from './retrieval-places.ts';
import { sentence, states } from './retrieval-set.ts';

const { json, quick } = parseArgs({
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
}).values;

const SEARCHES = quick ? 100 : 600;
const ENCODED = quick ? 30 : 200;
const SCANS = quick ? 50 : 200;
const AT_ONCE = 16;
const WARM_UP = 20;
const STARTS = quick ? 1 : 5;
/** What a turn waits for examples. */
const TURN_MS = 100;
/** Longer than any search. */
const PATIENCE_MS = 30_000;
const WIDE = 52;
const targets = { oneAtATimeMs: 10, loopMs: 10, startMs: 300 };

const print = (line: string): void => void (json || process.stdout.write(`${line}\n`));
const load = (): number => loadavg()[0] ?? 0;

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

interface Row {
  name: string;
  count: number;
  p50: number;
  p99: number;
  perSecond: number;
  /** Of the event loop, with the millisecond its clock ticks in. */
  loopP99: number;
  loopMax: number;
  /** How many took longer than a turn waits. */
  late: number;
  load: number;
}

const rows: Row[] = [];
const cell = (value: number, digits = 1): string => value.toFixed(digits).padStart(9);
const NONE = '-'.padStart(9);

async function measure(
  name: string,
  count: number,
  atOnce: number,
  job: (n: number) => Promise<unknown>,
): Promise<Row> {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const times: number[] = [];
  let next = 0;
  const work = async () => {
    while (next < count) {
      const begunAt = performance.now();
      await job(next++);
      times.push(performance.now() - begunAt);
    }
  };
  loop.enable();
  const begunAt = performance.now();
  await Promise.all(Array.from({ length: atOnce }, work));
  const seconds = (performance.now() - begunAt) / 1_000;
  await sleep(2);
  loop.disable();
  const row = {
    name,
    count,
    p50: at(times, 0.5),
    p99: at(times, 0.99),
    perSecond: count / seconds,
    loopP99: loop.percentile(99) / 1e6,
    loopMax: loop.max / 1e6,
    late: times.filter((ms) => ms > TURN_MS).length,
    load: load(),
  };
  rows.push(row);
  const isOne = count === 1;
  const cells = [
    cell(row.p50),
    ...(isOne ? [NONE, NONE] : [cell(row.p99), cell(row.perSecond)]),
    ...[row.loopP99, row.loopMax].map((value) => cell(value)),
    isOne ? NONE : cell(row.late, 0),
    cell(row.load),
  ];
  print(`${name.padEnd(WIDE)}${cells.join('')}`);
  return row;
}

/** Made from nothing, then opened as after a start. */
async function openTwice(place: Place): Promise<LanceRetrieval> {
  {
    await using made = open(place);
    await measure(`${place.name}: made`, 1, 1, () => made.start());
  }
  const retrieval = open(place);
  await measure(`${place.name}: opened again`, 1, 1, () => retrieval.start());
  if (retrieval.state() !== 'ready') throw new Error('there is no table');
  return retrieval;
}

async function searches(place: Place): Promise<Record<'one' | 'many' | 'encoded', Row>> {
  const { name, embedder, among } = place;
  const random = randomFrom(SEED + 1);
  const texts = Array.from({ length: SEARCHES }, () => sentence(random));
  await embedder.prepare(texts);
  await using retrieval = await openTwice(place);
  let found = 0;
  const find = async (n: number) => {
    const query = { stateId: among[n % among.length] ?? null, userInput: texts[n % texts.length] ?? '' };
    found += (await retrieval.find(query, AbortSignal.timeout(PATIENCE_MS))).length;
  };
  for (let n = 0; n < WARM_UP; n += 1) await find(n);
  const one = await measure(`${name}: vector at hand, one at a time`, SEARCHES, 1, find);
  const many = await measure(`${name}: vector at hand, ${AT_ONCE} at once`, 2 * SEARCHES, AT_ONCE, find);
  embedder.asksEncoder = true;
  await measure(`${name}: with the encoder, the first ten`, 10, 1, find);
  const encoded = await measure(`${name}: with the encoder, one at a time`, ENCODED, 1, find);
  await measure(`${name}: with the encoder, ${AT_ONCE} at once`, ENCODED, AT_ONCE, find);
  print(
    `${''.padEnd(4)}${(found / (WARM_UP + 3 * SEARCHES + 10 + 2 * ENCODED)).toFixed(2)} examples a search`,
  );
  return { one, many, encoded };
}

/** What it is beside. */
async function plain(place: Place): Promise<Record<'all' | 'state' | 'many', Row>> {
  const { best, every, ofState } = await scanOf(place, SCANS);
  const oneState = (n: number) => best(n, ofState.get(states[n % states.length]) ?? []);
  for (let n = 0; n < WARM_UP; n += 1) await best(n, every);
  const all = await measure('plain cosine: all 10,000, one at a time', SCANS, 1, (n) => best(n, every));
  const state = await measure('plain cosine: those of a state, one at a time', SCANS, 1, oneState);
  const many = await measure(`plain cosine: all 10,000, ${AT_ONCE} at once`, 2 * SCANS, AT_ONCE, (n) =>
    best(n, every),
  );
  return { all, state, many };
}

interface Verdict {
  name: string;
  value: number;
  limit: number;
  holds: boolean;
}

type Searches = Awaited<ReturnType<typeof searches>>;

function compare(
  large: Searches,
  crowded: Searches,
  beside: Awaited<ReturnType<typeof plain>>,
): Record<string, number> {
  const ratios = {
    'p50 one at a time, to those of a state': large.one.p50 / beside.state.p50,
    'p50 one at a time, to all': large.one.p50 / beside.all.p50,
    'p50 one at a time, all of one state, to all': crowded.one.p50 / beside.all.p50,
    [`searches a second, ${AT_ONCE} at once, to all`]: large.many.perSecond / beside.many.perSecond,
    [`p99, ${AT_ONCE} at once, to all`]: large.many.p99 / beside.many.p99,
    [`event loop p99, ${AT_ONCE} at once, to all`]: large.many.loopP99 / beside.many.loopP99,
  };
  print('\nbeside the plain cosine, as a ratio');
  for (const [name, value] of Object.entries(ratios)) print(`${name.padEnd(WIDE)}${cell(value, 2)}`);
  return ratios;
}

function judge(large: Searches, crowded: Searches, starts: readonly Starts[]): Verdict[] {
  const limits: [name: string, value: number, limit: number][] = [
    ['10,000, one at a time, p50', large.one.p50, targets.oneAtATimeMs],
    ['all of one state, one at a time, p50', crowded.one.p50, targets.oneAtATimeMs],
    ['10,000, event loop p99, one at a time', large.one.loopP99, targets.loopMs],
    [`10,000, event loop p99, ${AT_ONCE} at once`, large.many.loopP99, targets.loopMs],
    ...starts.map(
      ({ name, on, off }) => [`a start more, ${name}`, on - off, targets.startMs] as [string, number, number],
    ),
  ];
  const verdicts = limits.map(([name, value, limit]) => ({ name, value, limit, holds: value < limit }));
  print('');
  for (const { name, value, limit, holds } of verdicts)
    print(`${name.padEnd(WIDE)}${cell(value)} of ${limit} ms: ${holds ? 'holds' : 'MISSED'}`);
  return verdicts;
}

async function main(directory: string): Promise<void> {
  await using encoder = createEncoder();
  const machine = { cores: availableParallelism(), node: process.version };
  const { real, large, crowded } = await placesIn(directory, encoder);
  print(`${SIZE} exemplars in ${states.length} states; ms; ${machine.cores} cores; node ${machine.node}`);
  print(`${''.padEnd(WIDE)}      p50      p99 a second loop p99 loop max  > ${TURN_MS} ms     load`);
  await measure('nothing, for comparison', 1, 1, () => sleep(1_000));
  await encoder.embed(['a first look'], 'batch', AbortSignal.timeout(PATIENCE_MS));
  await searches(real);
  const spread = await searches(large);
  const worst = await searches(crowded);
  const ratios = compare(spread, worst, await plain(large));
  const { starts, memory } = await measureServers(
    [
      { name: "the server's", dataDir: join(directory, OWN), env: {} },
      { name: '10,000', dataDir: directory, env: { EXEMPLARS_DIR: join(directory, MADE) } },
    ],
    STARTS,
    print,
  );
  const verdicts = judge(spread, worst, starts);
  if (verdicts.some(({ holds }) => !holds)) process.exitCode = 1;
  if (!json) return;
  process.stdout.write(
    `${JSON.stringify({ ...machine, rows, ratios, starts, memory, verdicts }, null, 2)}\n`,
  );
}

process.env['LANCEDB_LOG'] ??= 'error';
const directory = await mkdtemp(join(tmpdir(), 'stillpoint-bench-'));
try {
  await main(directory);
} finally {
  await rm(directory, { recursive: true, force: true });
}
