// One run: nodes on one Redis, people who talk, faults of all kinds at once, and an oracle that compares what everybody saw.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openNodes } from '../support/node-cluster.ts';
import type { Nodes } from '../support/node-cluster.ts';
import { randomFrom } from '../support/random.ts';
import type { RedisFiles } from '../support/redis-files.ts';
import { startRedis, startRedisCluster } from '../support/redis-server.ts';
import type { RedisCluster, RedisProcess } from '../support/redis-server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { check, checkPeople, concurrencyOf, exportOf } from './check.ts';
import { Door } from './doors.ts';
import { disturb, faultsOf, startAgain } from './faults.ts';
import { Journal } from './journal.ts';
import { Oracle } from './oracle.ts';
import { countsOf, takeoverTimes } from './report.ts';
import type { Report } from './report.ts';
import { Talk } from './talk.ts';
import { takeoversOf, zombiesOf } from './takeovers.ts';
import { behaviourOf, FAULTY_REPLIES, reply } from './words.ts';

export interface ChaosOptions {
  /** Where the plan of faults and people begins; what happens between processes is not the same again for the same seed. */
  seed: number;
  /** No more are begun than this … */
  turns: number;
  /** … nor any after this time. */
  minutes: number;
  nodes?: number;
  /** Three masters instead of one Redis; then there are no faults of single links. */
  cluster?: boolean;
  /** Sessions at a time. */
  people?: number;
  leaseMs?: number;
  /** Of the model. */
  slots?: number;
  /** Only faults whose name has this in it. */
  only?: string;
  /** On average between two faults. */
  faultEveryMs?: number;
  /** Where everything is put that explains a broken promise. */
  directory: string;
  /** Default: what the set-up of the tests found. */
  redisFiles?: RedisFiles;
  /** Told now and then how far it is. */
  progress?: (line: string) => void;
}

const OPERATOR_KEY = 'operator-key-of-a-run-0123456789abcdef';
const START_TRIES = 3;
const PROGRESS_MS = 10_000;
/** So many answers of the fake are settled ahead. */
const PLANNED = 20;

type Settings = Required<Omit<ChaosOptions, 'redisFiles' | 'progress'>> & ChaosOptions;

/** Resolves when all is compared; what was broken is in the report and, explained, in the directory. */
export async function runChaos(options: ChaosOptions): Promise<Report> {
  const settings: Settings = {
    nodes: 3,
    cluster: false,
    people: 14,
    leaseMs: 1_500,
    slots: 6,
    only: '',
    faultEveryMs: 900,
    ...options,
  };
  const run = new Run(settings);
  return await run.whole();
}

class Run {
  readonly #settings: Settings;
  readonly #journal = new Journal();
  readonly #oracle = new Oracle(this.#journal);
  readonly #talks: Talk[] = [];
  readonly #startedAt = Date.now();
  readonly #wakesOf = new Map<number, number>();
  #begun = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async whole(): Promise<Report> {
    const { redis, nodes } = await this.#open();
    let report: Report;
    try {
      await this.#play(nodes, redis);
      report = this.#report(nodes);
      if (this.#journal.failed.aborted) await this.#explain(nodes, redis, report);
    } finally {
      await nodes[Symbol.asyncDispose]().catch((error: unknown) => {
        this.#journal.broken('server', 'the nodes', String(error).slice(0, 5_000));
      });
    }
    return { ...report, ...countsOf(this.#journal) };
  }

  /** A machine that is busy with something else may need more than one try. */
  async #open(): Promise<{ redis: RedisProcess | RedisCluster; nodes: Nodes }> {
    for (let tries = 1; ; tries++) {
      const redis = await this.#openRedis();
      try {
        return { redis, nodes: await this.#openNodes(redis) };
      } catch (error) {
        if (tries === START_TRIES) throw error;
      }
    }
  }

  /** Nothing that it acknowledged is lost by its death: it writes before it answers. */
  async #openRedis(): Promise<RedisProcess | RedisCluster> {
    const { cluster, redisFiles } = this.#settings;
    const options = {
      persistent: true,
      config: ['appendfsync no', 'busy-reply-threshold 100'],
      ...(redisFiles && { files: redisFiles }),
    };
    return await (cluster ? startRedisCluster(options) : startRedis(options));
  }

  async #openNodes(redis: RedisProcess | RedisCluster): Promise<Nodes> {
    const { nodes: count, cluster, leaseMs, slots } = this.#settings;
    const env = {
      LEASE_MS: String(leaseMs),
      OLLAMA_SLOTS: String(slots),
      // longer than a node is frozen: when it wakes, it goes on with what came meanwhile, and must be stopped
      OLLAMA_STALL_MS: '5000',
      OLLAMA_FIRST_TOKEN_MS: '5000',
      DRAIN_MS: '400',
      OPERATOR_KEY,
    };
    const fake = { behaviour: { reply } };
    const nodes = await openNodes({ redis, count, proxied: !cluster, env, fake, isEncrypted: true });
    if (cluster) return nodes;
    for (const { index, toRedis } of nodes.all) {
      toRedis.onBytes((direction, chunk, connection) => {
        if (direction === 'up' && chunk.includes('SSUBSCRIBE')) this.#wakesOf.set(index, connection);
      });
    }
    return nodes;
  }

  async #play(nodes: Nodes, redis: RedisProcess | RedisCluster): Promise<void> {
    const { seed, people, cluster, leaseMs, only, faultEveryMs, progress } = this.#settings;
    const { fake } = nodes;
    await using proxies = new AsyncDisposableStack();
    const doors: Door[] = [];
    for (const node of nodes.all) {
      const target = Number(new URL(node.url).port);
      doors.push(new Door(node, proxies.use(await startTcpProxy({ target }))));
    }
    const over = new AbortController();
    const planned = this.#planModel(nodes);
    const ticking = setInterval(() => progress?.(this.#line), PROGRESS_MS);
    const scene = {
      nodes: nodes.all,
      doors,
      redis,
      fake,
      leaseMs,
      journal: this.#journal,
      random: randomFrom(seed),
      wakesOf: this.#wakesOf,
    };
    const faults = faultsOf(cluster).filter(({ kind }) => kind.includes(only));
    const disturbed = disturb(scene, faults, faultEveryMs, over.signal);
    const ways = Array.from({ length: people }, (_, i) => this.#person(i, doors));
    await Promise.all(ways);
    over.abort();
    await disturbed;
    clearInterval(planned);
    clearInterval(ticking);
    for (const node of nodes.all) await startAgain(node, this.#journal);
    await this.#compare(nodes, redis);
  }

  /** One session after the other. */
  async #person(index: number, doors: readonly Door[]): Promise<void> {
    const random = randomFrom(this.#settings.seed * 1_000 + index + 1);
    const { failed } = this.#journal;
    for (let n = 1; this.#mayBegin && !failed.aborted; n++) {
      const parts = { doors, journal: this.#journal, oracle: this.#oracle, random };
      const talk = new Talk(`s${index}-${n}`, { ...parts, takeTurn: () => this.#takeTurn() });
      this.#talks.push(talk);
      await talk.run();
    }
  }

  get #mayBegin(): boolean {
    const { turns, minutes } = this.#settings;
    return this.#begun < turns && Date.now() - this.#startedAt < minutes * 60_000;
  }

  #takeTurn(): boolean {
    if (!this.#mayBegin) return false;
    this.#begun++;
    return true;
  }

  #planModel({ fake }: Nodes): NodeJS.Timeout {
    const random = randomFrom(this.#settings.seed + 1);
    const mayFail = FAULTY_REPLIES.includes(this.#settings.only);
    let given = 0;
    const plan = () => {
      for (; given < fake.of('chat').length + PLANNED; given++) fake.next(behaviourOf(random, mayFail));
    };
    plan();
    return setInterval(plan, 50);
  }

  async #compare(nodes: Nodes, redis: RedisProcess | RedisCluster): Promise<void> {
    const { failed } = this.#journal;
    if (failed.aborted) return;
    for (const talk of this.#talks) {
      await check(nodes, talk, this.#journal, this.#oracle).catch((error: unknown) => {
        this.#journal.caught(talk.sessionId, error);
      });
    }
    const urls = 'urls' in redis ? redis.urls : [redis.url];
    await checkPeople(nodes, this.#talks, urls, OPERATOR_KEY, this.#journal);
    await nodes.fake.idle().catch((error: unknown) => this.#journal.caught('the fake Ollama', error));
  }

  get #line(): string {
    const minutes = ((Date.now() - this.#startedAt) / 60_000).toFixed(1);
    return `${minutes} min: ${this.#begun} turns begun, ${this.#oracle.turns} ended, ${this.#journal.spans.length} faults, ${this.#journal.violations.length} broken`;
  }

  #report(nodes: Nodes): Report {
    const { seed, cluster, leaseMs, slots } = this.#settings;
    const accepted = this.#talks.flatMap(({ everything }) => everything);
    const seen = { nodes: nodes.all, journal: this.#journal, oracle: this.#oracle, accepted };
    const takeovers = takeoversOf(seen);
    const { most, mostOfOwners } = concurrencyOf(nodes.fake.of('chat'), nodes, this.#journal.spans);
    if (mostOfOwners > slots)
      this.#journal.broken('slots', 'the fake Ollama', `${mostOfOwners} requests at once for ${slots} slots`);
    return {
      seed,
      nodes: nodes.all.length,
      redis: cluster ? 'cluster' : 'one',
      leaseMs,
      slots,
      minutes: (Date.now() - this.#startedAt) / 60_000,
      turns: this.#oracle.turns,
      states: this.#oracle.states,
      sessions: this.#talks.length,
      frames: this.#oracle.frames,
      ends: this.#oracle.compared,
      takeovers: takeoverTimes(takeovers),
      zombiesFenced: zombiesOf(nodes.all),
      atOnce: { owners: mostOfOwners, all: most },
      ...countsOf(this.#journal),
    };
  }

  /** Everything there is about what went wrong: what each client got and when, the logs of the sessions, of the nodes and of Redis. */
  async #explain(nodes: Nodes, redis: RedisProcess | RedisCluster, report: Report): Promise<void> {
    const { directory } = this.#settings;
    await mkdir(directory, { recursive: true });
    const put = async (name: string, value: unknown) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value, null, 1);
      await writeFile(join(directory, name), text);
    };
    await sleep(1_000);
    await put('report.json', report);
    await put('faults.json', this.#journal.spans);
    for (const { index, past } of nodes.all) {
      await put(`node-${index}.log`, past.map(({ stdout, stderr }) => stdout + stderr).join(''));
    }
    const masters = 'nodes' in redis ? redis.nodes : [redis];
    await put('redis.log', masters.map(({ log }) => log).join('\n'));
    const chats = nodes.fake.of('chat');
    await put(
      'model.json',
      chats.map((record) => ({ ...record, node: nodes.ownerOf(record).index })),
    );
    for (const talk of this.#talks) {
      if (!report.violations.some(({ who }) => who.startsWith(talk.sessionId))) continue;
      const log = await exportOf(nodes, talk.sessionId, 0).catch((error: unknown) => String(error));
      const clients = talk.clients.map(({ name, came, turns, cursor }) => ({ name, cursor, turns, came }));
      await put(`${talk.sessionId}.json`, { accepted: talk.everything, log, clients });
    }
  }
}
