// A quiet moment: nobody is there, no turn is live, rubbish is taken away. What is open then, and how large everything is.
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { MemoryGauge } from '../../test/support/memory.ts';
import type { Memory } from '../../test/support/memory.ts';
import type { Node } from '../../test/support/node-cluster.ts';
import type { RedisProcess } from '../../test/support/redis-server.ts';
import { rest } from '../../test/support/rest.ts';
import { scrape } from '../../test/support/scrape.ts';
import type { ServerProcess } from '../../test/support/server-process.ts';
import { rssBytes } from '../shared/machine.ts';
import type { Stage } from './stage.ts';

export type Figures = Record<string, number>;

/** What a round left. */
export interface Sample {
  round: number;
  /** Sessions that were made and deleted until then. */
  sessions: number;
  /** In bytes, or counted (functions, and keys of Redis): of the first node, which lives for the whole run, and of what is stored. */
  sizes: Figures;
  /** How many there are, by kind, of all nodes. */
  counts: Figures;
  /** What is more than at the first quiet moment of the process, and did not go away. */
  strays: string[];
}

const LOOK_MS = 200;
/** All turns are over by then, however often they began anew. */
const CALM_MS = 30_000;
/** Connections that nobody uses are kept open for up to 5 s, by either end. */
const IDLE_MS = 5_500;
/** Who polled and is gone without a word is found out after 40 s. */
export const SETTLE_MS = 60_000;
const AGAIN_MS = 1_000;
const AGAIN_MAX_MS = 8_000;

/** They last for a moment: their number says nothing. */
const passing = ['TickObject', 'Immediate'];
const TIMER = 'Timeout';
const TIMERS = 'open timers';

function openFiles(pid: number): Figures {
  const counts: Figures = {};
  const directory = `/proc/${pid}/fd`;
  for (const fd of readdirSync(directory)) {
    try {
      const target = readlinkSync(join(directory, fd));
      const kind = target.startsWith('/') ? basename(target) : target.replace(/:\[\d+\]$/, '');
      counts[kind] = (counts[kind] ?? 0) + 1;
    } catch {
      // closed meanwhile
    }
  }
  return counts;
}

const named = (prefix: string, counts: Figures): Figures =>
  Object.fromEntries(Object.entries(counts).map(([kind, count]) => [`${prefix} ${kind}`, count]));

const without = (counts: Figures, left: (kind: string) => boolean): Figures =>
  Object.fromEntries(Object.entries(counts).filter(([kind]) => !left(kind)));

/** Timers are counted once, all of them together, whether they keep the process alive or not. */
function countsOf({ active, all }: Memory, files: Figures): Figures {
  const isOther = (kind: string) => passing.includes(kind) || kind.startsWith(TIMER);
  const timers = Object.entries(all).filter(([kind]) => kind.startsWith(TIMER));
  return {
    ...named('active', without(active, isOther)),
    ...named('open', without(all, isOther)),
    ...named('file', files),
    [TIMERS]: timers.reduce((sum, [, count]) => sum + count, 0),
  };
}

/** Kinds of which there are more than before. */
const risen = (now: Figures, before: Figures): [string, number, number][] =>
  Object.entries(now)
    .map(([kind, count]): [string, number, number] => [kind, before[kind] ?? 0, count])
    .filter(([, was, is]) => is > was);

/** Of each kind what there was at some moment at least. */
const fewest = (before: Figures | undefined, now: Figures): Figures =>
  Object.fromEntries(
    Object.entries(now).map(([kind, count]) => [kind, Math.min(count, before ? (before[kind] ?? 0) : count)]),
  );

/** What is open in one process, by kind; and timers by how long they are set, to tell which there are too many of. */
interface Open {
  counts: Figures;
  timers: Figures;
}

/** One process, from its first quiet moment on. */
class Watched {
  readonly #server: ServerProcess;
  readonly #gauge: MemoryGauge;
  readonly #settleMs: number;
  #first: Open | undefined;

  constructor(server: ServerProcess, settleMs: number) {
    this.#server = server;
    this.#gauge = new MemoryGauge(server);
    this.#settleMs = settleMs;
  }

  /** Waits until everything has been no more than at first, be it one after the other: something may pass by at any moment. */
  async read(): Promise<{ memory: Memory; counts: Figures; strays: string[] }> {
    const { pid } = this.#server;
    const { counts: first, timers } = (this.#first ??= await this.#begin());
    const until = performance.now() + this.#settleMs;
    const isOver = () => performance.now() > until;
    while (risen(named('file', openFiles(pid)), first).length > 0 && !isOver()) await sleep(LOOK_MS);
    let least: Figures | undefined;
    for (let pauseMs = AGAIN_MS; ; pauseMs = Math.min(2 * pauseMs, AGAIN_MAX_MS)) {
      const { memory, open } = await this.#open();
      const counts = fewest(least, open.counts);
      least = counts;
      const left = risen(counts, first);
      if (left.length === 0 || isOver()) {
        const kinds = left.some(([kind]) => kind === TIMERS)
          ? [...left, ...risen(open.timers, timers)]
          : left;
        return { memory, counts, strays: kinds.map(([kind, was, is]) => `${kind} ${was} → ${is}`) };
      }
      await sleep(pauseMs);
    }
  }

  async functions(): Promise<number | undefined> {
    return (await this.#gauge.read({ functions: true })).functions;
  }

  async #begin(): Promise<Open> {
    await sleep(IDLE_MS);
    return (await this.#open()).open;
  }

  async #open(): Promise<{ memory: Memory; open: Open }> {
    const memory = await this.#gauge.read();
    const timers = without(memory.all, (kind) => !kind.startsWith(TIMER));
    return { memory, open: { counts: countsOf(memory, openFiles(this.#server.pid)), timers } };
  }
}

/** What is live, or not as it should be, as the node tells it. */
async function livelihood({ url }: Node): Promise<Figures> {
  const [seen, { status }] = await Promise.all([scrape(url), rest(url, 'GET /readyz')]);
  const names = ['turns_live', 'followers', 'connections'];
  const live = Object.fromEntries(names.map((name) => [name, seen.sum(name)]));
  // a store that was away may not be back yet
  return { ...live, 'not ready': status === 200 ? 0 : 1 };
}

const Page = z.object({ name: z.string(), bytes: z.number() });
/** That something was deleted, and the audit: they are kept for ever. */
const keptTables = ['audit', 'audit_counts', 'tombstones'];

function sqliteSizes(dataDir: string): Figures {
  const path = join(dataDir, 'stillpoint.db');
  using db = new DatabaseSync(path, { readOnly: true });
  const pages = db.prepare('SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name').all();
  const kept = pages.map((row) => Page.parse(row)).filter(({ name }) => keptTables.includes(name));
  const keptBytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  const wal = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  return { database: statSync(path).size - keptBytes, WAL: wal, 'kept for ever': keptBytes };
}

const redisScript = `
local counts = { 0, 0, 0 }
for _, key in ipairs(redis.call('KEYS', '*')) do
  local bytes = redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0)
  if key:find('{audit}', 1, true) or key:find(':x$') then
    counts[3] = counts[3] + bytes
  else
    counts[1] = counts[1] + 1
    counts[2] = counts[2] + bytes
  end
end
return counts
`;

async function redisSizes(redis: RedisProcess): Promise<{ sizes: Figures; counts: Figures }> {
  const rows = (await redis.command('EVAL', redisScript, '0')).split('\n').map(Number);
  const [keys = 0, values = 0, kept = 0] = rows;
  const info = await redis.command('INFO', 'everything');
  const of = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return {
    sizes: {
      'Redis keys': keys,
      'Redis values': values,
      'Redis dataset': of('used_memory_dataset') - kept,
      'Redis RSS': rssBytes(redis.pid),
      'kept for ever': kept,
    },
    counts: { 'Redis clients': of('connected_clients') },
  };
}

/** Files in the data directory. */
function fileCount(dataDir: string): number {
  return readdirSync(dataDir, { recursive: true }).length;
}

/** Looks at one set-up, after each round. */
export class Quiet {
  readonly #stage: Stage;
  readonly #settleMs: number;
  readonly #watched = new Map<ServerProcess, Watched>();
  #stored: Figures | undefined;

  /** `settleMs`: after so long what is open still counts as left open. */
  constructor(stage: Stage, settleMs: number) {
    this.#stage = stage;
    this.#settleMs = settleMs;
  }

  /** Resolves when no turn is live and nobody is there. @throws Error when that does not come */
  async calm(): Promise<void> {
    const { nodes } = this.#stage;
    await nodes.fake.idle();
    const until = performance.now() + CALM_MS;
    for (const node of nodes.all) {
      for (;;) {
        const live = await livelihood(node);
        const left = Object.entries(live).filter(([, count]) => count > 0);
        if (left.length === 0) break;
        if (performance.now() > until)
          throw new Error(`node ${node.index} does not come to rest: ${JSON.stringify(live)}`);
        await sleep(LOOK_MS);
      }
    }
  }

  /** `functions`: those that something holds are counted too, which takes seconds of CPU. */
  async sample(round: number, sessions: number, { functions = false } = {}): Promise<Sample> {
    const { nodes, redis } = this.#stage;
    const sample: Sample = { round, sessions, sizes: {}, counts: {}, strays: [] };
    await Promise.all(nodes.all.map((node) => this.#node(node, sample)));
    if (redis) {
      const { sizes, counts } = await redisSizes(redis);
      this.#stores(sample, counts);
      Object.assign(sample.sizes, sizes);
    } else {
      Object.assign(sample.sizes, sqliteSizes(nodes.node(0).dataDir));
    }
    if (functions) sample.sizes['functions'] = (await this.#of(nodes.node(0)).functions()) ?? 0;
    return sample;
  }

  #of({ server }: Node): Watched {
    const watched = this.#watched.get(server) ?? new Watched(server, this.#settleMs);
    this.#watched.set(server, watched);
    return watched;
  }

  async #node(node: Node, sample: Sample): Promise<void> {
    const { index } = node;
    const { memory, counts, strays } = await this.#of(node).read();
    const seen = await scrape(node.url);
    Object.assign(sample.counts, named(`node ${index}`, { ...counts, gaps: seen.sum('gaps_total') }));
    sample.strays.push(...strays.map((stray) => `node ${index}: ${stray}`));
    if (seen.sum('gaps_total') > 0) sample.strays.push(`node ${index}: ${seen.sum('gaps_total')} gaps`);
    if (index > 0) return;
    this.#stores(sample, { 'files of data': fileCount(node.dataDir) });
    Object.assign(sample.sizes, {
      heap: memory.heap - memory.code,
      'beside the heap': memory.external,
      RSS: memory.rss,
    });
  }

  /** What is stored is as it was after the first round. */
  #stores(sample: Sample, counts: Figures): void {
    const first = { ...counts, ...this.#stored };
    this.#stored = first;
    Object.assign(sample.counts, counts);
    sample.strays.push(...risen(counts, first).map(([kind, was, is]) => `${kind} ${was} → ${is}`));
  }
}
