// A soak: rounds of the same work with faults, a quiet moment after each, and at the end whether all that was measured is flat.
import type { Violation } from '../../test/chaos/journal.ts';
import type { RedisFiles } from '../../test/support/redis-files.ts';
import { cpuMs, load } from '../shared/machine.ts';
import { limits } from './limits.ts';
import { Quiet, SETTLE_MS } from './quiet.ts';
import type { Sample } from './quiet.ts';
import { rehearse } from './rehearsal.ts';
import { Rounds } from './round.ts';
import type { Work } from './round.ts';
import { openStage, setUps } from './stage.ts';
import type { SetUp, Stage } from './stage.ts';
import { trendOf } from './trend.ts';
import type { Trend } from './trend.ts';

export interface SoakOptions {
  /** Where the plan of people and faults begins; what happens between processes is not the same again. */
  seed: number;
  /** No round is begun after that. */
  minutes: number;
  /** Default: all, at once. */
  setUps?: readonly SetUp[];
  /** Default: what the set-up of the tests found. */
  redisFiles?: RedisFiles;
  /** Built into the servers, as `leak-preload.ts` names it, to see whether it is found. */
  leak?: string;
  /** After so long what is open at a quiet moment counts as left open; default: longer than anything may take. */
  settleMs?: number;
  /** Told after each round. */
  progress?: (line: string) => void;
}

export interface SetUpReport {
  setUp: SetUp;
  sessions: number;
  /** How often what was done. */
  counts: Record<string, number>;
  trends: Trend[];
  /** What is open, or stored, and was not at the first quiet moment. */
  strays: string[];
  /** Promises of the protocol that were broken. */
  violations: Violation[];
  /** Of the first node, and of Redis, for each session. */
  cpuMs: { node: number; redis: number | null };
  load: number;
  samples: Sample[];
  isWell: boolean;
}

/** In minutes: in shorter runs rounds are shorter too. */
const SHORT_MIN = 10;
const shortWork: Work = {
  people: 2,
  talks: 1,
  turns: 2,
  visits: 4,
  visitEveryMs: 3_000,
  faults: 3,
  faultEveryMs: 3_000,
};
/** In minutes: in a shorter one nobody waits. */
const QUICK_MIN = 1;
const quickWork: Work = { ...shortWork, visitEveryMs: 300, faultEveryMs: 1_000 };
const longWork: Work = {
  people: 3,
  talks: 4,
  turns: 6,
  visits: 18,
  visitEveryMs: 2_000,
  faults: 8,
  faultEveryMs: 2_500,
};
/** Of all rounds, the first ones in which a server is still warming up. */
const WARM_SHARE = 0.2;
const ROUNDS_MIN = 4;
/** Of a short run: functions are counted after this round and the last one only. */
const COUNTED_ROUND = 1;
/** After so many with strays all is said. */
const STRAY_ROUNDS = 3;

export async function runSoak(options: SoakOptions): Promise<SetUpReport[]> {
  return await Promise.all((options.setUps ?? setUps).map((setUp) => new Run(setUp, options).whole()));
}

class Run {
  readonly #setUp: SetUp;
  readonly #options: SoakOptions;
  readonly #samples: Sample[] = [];
  #sessions = 0;

  constructor(setUp: SetUp, options: SoakOptions) {
    this.#setUp = setUp;
    this.#options = options;
  }

  async whole(): Promise<SetUpReport> {
    const stage = await openStage(this.#setUp, this.#options);
    const { journal, nodes, redis } = stage;
    try {
      await this.#play(stage);
    } catch (error) {
      journal.caught('the run', error);
    }
    const each = (pid: number) => cpuMs(pid) / this.#sessions;
    const cpu = { node: each(nodes.node(0).server.pid), redis: redis ? each(redis.pid) : null };
    await Promise.resolve(stage[Symbol.asyncDispose]()).catch((error: unknown) => {
      journal.broken('server', 'the nodes', String(error).slice(0, 5_000));
    });
    return this.#report(stage, cpu);
  }

  async #play(stage: Stage): Promise<void> {
    const { minutes, seed, progress, settleMs = SETTLE_MS } = this.#options;
    const until = performance.now() + minutes * 60_000;
    const quiet = new Quiet(stage, settleMs);
    const rounds = new Rounds(stage, workOf(minutes), seed, () => quiet.calm());
    if (minutes >= SHORT_MIN) await rehearse(stage);
    let isLast = false;
    for (let round = 1; !isLast; round += 1) {
      this.#sessions += await rounds.play(seed + round);
      await quiet.calm();
      if (stage.journal.failed.aborted) return;
      isLast = round >= ROUNDS_MIN && performance.now() > until;
      const functions = isLast || round === COUNTED_ROUND || minutes >= SHORT_MIN;
      const sample = await quiet.sample(round, this.#sessions, { functions });
      this.#samples.push(sample);
      progress?.(`${this.#setUp} ${lineOf(sample)}`);
      if (this.#isDecided) return;
    }
  }

  /** A leak that was built in is found with the first stray. */
  get #isDecided(): boolean {
    const enough = this.#options.leak === undefined ? STRAY_ROUNDS : 1;
    return this.#samples.slice(-enough).filter(({ strays }) => strays.length > 0).length === enough;
  }

  #report({ journal }: Stage, cpu: SetUpReport['cpuMs']): SetUpReport {
    const samples = this.#samples;
    const warm = samples.slice(Math.max(1, Math.floor(samples.length * WARM_SHARE)));
    const trends = Object.entries(limits).flatMap(([what, limit]) => {
      const points = (what === 'functions' ? samples : warm).flatMap(({ sessions, sizes }) => {
        const bytes = sizes[what];
        return bytes === undefined ? [] : [{ sessions, bytes }];
      });
      return points.length > 1 ? [trendOf(what, points, limit)] : [];
    });
    const strays = samples.flatMap(({ round, strays: found }) =>
      found.map((one) => `round ${round}, ${one}`),
    );
    const { violations } = journal;
    const isWell =
      trends.length > 0 &&
      trends.every(({ isFlat }) => isFlat) &&
      strays.length === 0 &&
      violations.length === 0;
    return {
      setUp: this.#setUp,
      sessions: this.#sessions,
      counts: Object.fromEntries(journal.counts),
      trends,
      strays,
      violations,
      cpuMs: cpu,
      load: load(),
      samples,
      isWell,
    };
  }
}

function workOf(minutes: number): Work {
  if (minutes < QUICK_MIN) return quickWork;
  return minutes < SHORT_MIN ? shortWork : longWork;
}

const MIB = 1024 * 1024;

function lineOf({ round, sessions, sizes, strays }: Sample): string {
  const told = Object.entries(sizes)
    .filter(([what]) => limits[what]?.isCount !== true)
    .map(([what, bytes]) => `${what} ${(bytes / MIB).toFixed(2)}`);
  const open = strays.length > 0 ? `; LEFT OPEN: ${strays.join(', ')}` : '';
  return `round ${round}, ${sessions} sessions; MiB: ${told.join(', ')}${open}`;
}
