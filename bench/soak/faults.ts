// What goes wrong beside the traffic. The first node is never killed: what grows in it is seen over the whole run.
import { setTimeout as sleep } from 'node:timers/promises';
import { faultsOf } from '../../test/chaos/faults.ts';
import type { Fault, Scene } from '../../test/chaos/faults.ts';
import type { Random } from '../../test/support/random.ts';
import type { Stage } from './stage.ts';
import { LEASE_MS } from './stage.ts';

const LINK_MS = 1_000;

/** Those of the chaos run that any set-up can have. */
const anywhere = [
  'node frozen for a moment',
  'clients cut off',
  'clients cut off by RST',
  'Ollama restarted',
];
const onRedis = [
  'node killed',
  'node cut off from Redis by RST',
  'answers of Redis lost',
  'Redis slow',
  'wake-ups cut',
];

/** Of this run alone. */
const own: readonly Fault[] = [
  {
    kind: 'clients that read nothing',
    target: 'door',
    weight: 4,
    run: async ({ doors }, node, random) => {
      const proxy = doors[node.index]?.proxy;
      proxy?.pause('down');
      await sleep(random.between(300, 1_500));
      proxy?.resume('down');
    },
  },
];
const ownOnRedis: readonly Fault[] = [
  {
    kind: 'no way to Redis for a second',
    target: 'link',
    weight: 4,
    run: async (_, { toRedis }) => {
      toRedis.refuse();
      toRedis.cut();
      await sleep(LINK_MS);
      await toRedis.accept();
    },
  },
];

function faultsFor({ redis }: Stage): readonly Fault[] {
  const names = redis ? [...anywhere, ...onRedis] : anywhere;
  const shared = faultsOf(false).filter(({ kind }) => names.includes(kind));
  return redis ? [...shared, ...own, ...ownOnRedis] : [...shared, ...own];
}

export class Faults {
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #scene: Scene;
  /** Still to come before any comes again. */
  #left: Fault[] = [];

  constructor(stage: Stage, random: Random) {
    const { nodes, doors, redis, journal } = stage;
    this.#stage = stage;
    this.#random = random;
    const scene = { nodes: nodes.all, doors, fake: nodes.fake, leaseMs: LEASE_MS, journal, random };
    this.#scene = { ...scene, wakesOf: new Map(), ...(redis && { redis }) };
  }

  /** So many, one after the other; resolves when all is as before. */
  async disturb(count: number, everyMs: number, over: AbortSignal): Promise<void> {
    for (let n = 0; n < count && !over.aborted; n += 1) {
      const pauseMs = this.#random.between(everyMs / 2, (3 * everyMs) / 2);
      await sleep(pauseMs, undefined, { signal: over }).catch(() => undefined);
      await this.#one();
    }
  }

  async #one(): Promise<void> {
    const { nodes, journal } = this.#stage;
    if (this.#left.length === 0) this.#left = [...faultsFor(this.#stage)];
    const [fault] = this.#left.splice(this.#random.between(0, this.#left.length - 1), 1);
    const node = nodes.all[fault?.kind === 'node killed' ? 1 : this.#random.between(0, nodes.all.length - 1)];
    if (!fault || !node) return;
    journal.count(`fault: ${fault.kind}`);
    using _span = journal.fault(fault.kind, node.index);
    await fault.run(this.#scene, node, this.#random);
  }
}
