// How soon examples are found among very many, and whether the thread that streams notices; beside a scan of an array.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEncoder } from '../../src/retrieval/encoder.ts';
import { randomFrom } from '../../test/support/random.ts';
import { tempDir } from '../../test/support/server-process.ts';
import { open, placesIn, scanOf, SEED, SIZE } from '../retrieval-places.ts';
import { sentence, states } from '../retrieval-set.ts';
import { load } from '../shared/machine.ts';
import { median, quantile } from '../shared/report.ts';
import type { Part } from '../shared/report.ts';

const WARM_UP = 20;
const GOAL_MS = 10;
const PATIENCE_MS = 30_000;

interface Found {
  p50: number;
  p99: number;
  /** Of the event loop. */
  loop99: number;
}

/** One at a time. */
async function timed(times: number, search: (n: number) => Promise<unknown>): Promise<Found> {
  for (let n = 0; n < WARM_UP; n += 1) await search(n);
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const ms: number[] = [];
  loop.enable();
  for (let n = 0; n < times; n += 1) {
    const from = performance.now();
    await search(n);
    ms.push(performance.now() - from);
  }
  await sleep(2);
  loop.disable();
  return { p50: quantile(ms, 0.5), p99: quantile(ms, 0.99), loop99: loop.percentile(99) / 1e6 };
}

const stateOf = (n: number) => states[n % states.length] ?? null;

export async function retrieval({ quick }: { quick: boolean }): Promise<Part> {
  const [repeats, times] = quick ? [1, 100] : [3, 400];
  process.env['LANCEDB_LOG'] ??= 'error';
  await using directory = await tempDir();
  await using encoder = createEncoder();
  const { large } = await placesIn(directory.path, encoder);
  await using lance = open(large);
  await lance.start();
  const random = randomFrom(SEED + 1);
  const texts = Array.from({ length: times }, () => sentence(random));
  await large.embedder.prepare(texts);
  const find = (n: number) =>
    lance.find({ stateId: stateOf(n), userInput: texts[n % times] ?? '' }, AbortSignal.timeout(PATIENCE_MS));
  const { best, ofState } = await scanOf(large, times);
  const scan = (n: number) => best(n, ofState.get(stateOf(n) ?? undefined) ?? []);
  const runs: { ours: Found; other: Found }[] = [];
  for (let n = 0; n < repeats; n += 1)
    runs.push({ ours: await timed(times, find), other: await timed(times, scan) });
  const cells = (key: keyof Found) => [
    median(runs.map(({ ours }) => ours[key])),
    median(runs.map(({ other }) => other[key])),
  ];
  const [p50 = NaN] = cells('p50');
  const [loop99 = NaN] = cells('loop99');
  return {
    name: 'retrieval',
    title: `Examples among ${SIZE.toLocaleString('en')}, one search at a time`,
    systems: ['Stillpoint', 'scan of an array'],
    rows: [
      {
        what: 'a search, p50',
        unit: 'ms',
        cells: cells('p50'),
        goal: { text: `less than ${GOAL_MS} ms`, isMet: p50 < GOAL_MS },
      },
      { what: 'a search, p99', unit: 'ms', cells: cells('p99') },
      {
        what: 'the event loop is late, p99',
        unit: 'ms',
        cells: cells('loop99'),
        goal: { text: `less than ${GOAL_MS} ms`, isMet: loop99 < GOAL_MS },
      },
    ],
    notes: [
      'The vector of what is asked is at hand. The clock of the event loop ticks in milliseconds. The scan is on the thread that streams, over the examples of one state.',
    ],
    load: load(),
  };
}
