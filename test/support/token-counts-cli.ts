// node test/support/token-counts-cli.ts [part of a scene's name]: what one word of a live turn costs, as a table. A process that
// started it is told by a message instead.
import { setTimeout as sleep } from 'node:timers/promises';
import { findRedis, redisHint } from './redis-files.ts';
import { startRedis } from './redis-server.ts';
import { Counters, stopClock } from './token-counts.ts';
import { play } from './token-scenes.ts';
import { scenes, tableOf } from './token-table.ts';

/** For a scene: a few seconds on a busy machine. */
const PATIENCE_MS = 60_000;

async function main(): Promise<number> {
  const files = await findRedis();
  if (!files) throw new Error(redisHint);
  await using redis = await startRedis({ files });
  const counters = new Counters(redis.port);
  stopClock();
  const chosen = scenes.filter(({ name }) => name.includes(process.argv[2] ?? ''));
  const counts: Record<string, Record<string, number>> = {};
  for (const scene of chosen) {
    const late = sleep(PATIENCE_MS, 'late', { ref: false });
    const played = await Promise.race([play(scene, counters, redis.url), late]);
    if (typeof played === 'string') throw new Error(`A word does not reach its followers: ${scene.name}`);
    counts[scene.name] = Object.fromEntries(played);
  }
  await new Promise((told) => {
    if (process.send) process.send(counts, told);
    else process.stdout.write(tableOf(counts), told);
  });
  return 0;
}

// the applications are still open
process.exit(await main());
