// Loaded into a server before its own code: after SIGUSR2 it says what memory it needs, and for how long its loop was held up
// since it last said so. With --expose-gc rubbish is taken away first.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
let count = 0;

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  count += 1;
  const loop = { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 };
  delay.reset();
  process.stdout.write(
    `${JSON.stringify({ level: 30, msg: `memory ${count}`, rss, heap: heapUsed, external, loop })}\n`,
  );
});
