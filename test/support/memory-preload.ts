// Loaded into a server before its own code: after SIGUSR2 it says what memory it needs, for how long its loop was held up since it
// last said so, and what it has open. With --expose-gc rubbish is taken away first. With TEST_COUNT_RESOURCES every timer and handle
// is counted, also one that keeps no process alive.
import { createHook } from 'node:async_hooks';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapSpaceStatistics, queryObjects, setFlagsFromString } from 'node:v8';

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const live = new Map<number, string>();
let count = 0;

if (process.env['TEST_COUNT_RESOURCES']) {
  // what was compiled once stays: else the heap shrinks at some moment by code that ran at the start only
  setFlagsFromString('--no-flush-bytecode');
  createHook({
    trackPromises: false,
    init: (id, type, _, resource) => void live.set(id, nameOf(type, resource)),
    destroy: (id) => void live.delete(id),
  }).enable();
}

/** Of a timer also for how long it is set, in ms. */
function nameOf(type: string, resource: object): string {
  return type === 'Timeout' && '_idleTimeout' in resource ? `Timeout ${String(resource._idleTimeout)}` : type;
}

function tally(names: Iterable<string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Of the heap, what is compiled: it grows for as long as something runs that did not run as often before. */
function codeBytes(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => /code|trusted/.test(name));
  return spaces.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
}

function report(functions?: number): void {
  const { rss, heapUsed: heap, external } = process.memoryUsage();
  const loop = { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 };
  delay.reset();
  count += 1;
  const active = tally(process.getActiveResourcesInfo());
  const line = {
    level: 30,
    msg: `memory ${count}`,
    rss,
    heap,
    code: codeBytes(),
    functions,
    external,
    loop,
    active,
    all: tally(live.values()),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  // what went with the rubbish says so first
  setImmediate(report);
});

// the same, and how many functions and closures something holds: that takes seconds, and takes rubbish away too
process.on('SIGPWR', () => {
  const functions = queryObjects(Function, { format: 'count' });
  setImmediate(report, functions);
});
