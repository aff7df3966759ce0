// Rubbish at every door of a server, for a while: it is refused, harms nobody, and nothing of it stays.
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { Fault } from './fault.ts';
import { fire } from './fire.ts';
import type { Tell } from './fire.ts';
import { volley } from './shots.ts';
import type { Shot } from './shots.ts';
import { World, worlds } from './world.ts';
import type { WorldName } from './world.ts';
import type { Memory } from '../support/memory.ts';

export interface FuzzOptions {
  /** With it and the number of a step, what is sent is always the same. */
  seed: number;
  /** Nothing is begun after that; shared by the worlds. */
  minutes: number;
  /** Default: all, one after the other. */
  worlds?: readonly WorldName[];
  /** Only these steps. */
  from?: number;
  to?: number;
  /** Whether a failure is made smaller: it is sent again and again for that. */
  shrinks?: boolean;
  /** Pause after each step, in ms; default 0. */
  pauseMs?: number;
  /** Told now and then how far it is. */
  progress?: (line: string) => void;
}

export interface FuzzReport {
  seed: number;
  steps: number;
  /** What became of them, by door. */
  outcomes: Record<string, number>;
  memory: Record<string, { first: Memory; last: Memory }>;
  /** The first promise that was not kept, and how to see it again. */
  failure: { message: string; replay: string } | null;
}

/** Steps after which everybody begins anew and is looked at. */
const BLOCK = 40;
/** Steps between two inputs of the bystander. */
const SPOKEN = 5;
/** Blocks until the server needs what it needs. */
const WARM_BLOCKS = 3;
const SHRINK_MS = 60_000;
const MIB = 1024 * 1024;
/** A step leaves nothing; what a server needs for its own numbers, caches and fragments does not grow with them. */
const HEAP_GROWTH = 24 * MIB;
const RSS_GROWTH = 160 * MIB;

export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const names = options.worlds ?? (Object.keys(worlds) as WorldName[]);
  const report: FuzzReport = { seed: options.seed, steps: 0, outcomes: {}, memory: {}, failure: null };
  for (const name of names) {
    const ms = (options.minutes * 60_000) / names.length;
    report.failure = await new Run(name, options, report).whole(ms);
    if (report.failure) break;
  }
  return report;
}

class Run {
  readonly #name: WorldName;
  readonly #options: FuzzOptions;
  readonly #report: FuzzReport;
  #step: number;
  #blockAt: number;

  constructor(name: WorldName, options: FuzzOptions, report: FuzzReport) {
    this.#name = name;
    this.#options = options;
    this.#report = report;
    this.#step = options.from ?? 0;
    this.#blockAt = this.#step;
  }

  async whole(ms: number): Promise<FuzzReport['failure']> {
    const { to = Number.POSITIVE_INFINITY, progress } = this.#options;
    await using world = await World.open(this.#name);
    const endsAt = performance.now() + ms;
    let first: Memory | undefined;
    try {
      for (let blocks = 0; performance.now() < endsAt && this.#step <= to; blocks++) {
        if (blocks === WARM_BLOCKS) first = await world.memory.read();
        await this.#block(world, Math.min(this.#step + BLOCK, to + 1), endsAt);
        if (blocks % 10 === 9) progress?.(`${this.#name}: ${this.#step} steps, ${this.#report.steps} in all`);
      }
      if (first) await this.#compareMemory(world, first);
      return null;
    } catch (error) {
      return this.#failureOf(error, world);
    }
  }

  async #block(world: World, end: number, endsAt: number): Promise<void> {
    this.#blockAt = this.#step;
    await world.begin();
    for (; this.#step < end && performance.now() < endsAt; this.#step++) {
      const spoken = this.#step % SPOKEN === 0 ? world.speak() : undefined;
      const outcome = await Promise.allSettled([this.#fireStep(world), spoken]);
      for (const one of outcome) if (one.status === 'rejected') throw one.reason;
      this.#report.steps += 1;
      const { pauseMs = 0 } = this.#options;
      if (pauseMs > 0) await sleep(pauseMs);
    }
    await world.check();
    await world.clear();
  }

  async #fireStep(world: World): Promise<void> {
    const { seed, shrinks = false } = this.#options;
    const property = fc.asyncProperty(volley, async (shots) => await this.#volley(world, shots));
    const result = await fc.check(property, {
      // a step has a seed of its own, so that it can be had again without those before it
      seed: Math.imul(seed ^ Math.imul(this.#step + 1, 0x9e3779b1), 0x85ebca6b),
      numRuns: 1,
      endOnFailure: !shrinks,
      ...(shrinks && { interruptAfterTimeLimit: SHRINK_MS, markInterruptAsFailure: true }),
    });
    if (!result.failed) return;
    const { errorInstance } = result;
    const why =
      errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance);
    throw new Fault(`${why}\nsent: ${fc.stringify(result.counterexample?.[0]).slice(0, 5_000)}`);
  }

  async #volley(world: World, shots: readonly Shot[]): Promise<void> {
    const deeds: Parameters<typeof world.note>[] = [];
    const all = shots.map(async (shot) => {
      const tell: Tell = (deed, id) => {
        if ('who' in shot && typeof id === 'string') deeds.push([shot.who, deed, id]);
      };
      const outcome = `${shot.door}: ${await fire(world, shot, tell)}`;
      this.#report.outcomes[outcome] = (this.#report.outcomes[outcome] ?? 0) + 1;
    });
    const outcomes = await Promise.allSettled(all);
    // of two at once nobody knows which came first: what was deleted too may be gone
    for (const deed of deeds) if (deed[1] !== 'deleted') world.note(...deed);
    for (const deed of deeds) if (deed[1] === 'deleted') world.note(...deed);
    for (const one of outcomes) if (one.status === 'rejected') throw one.reason;
  }

  async #compareMemory(world: World, first: Memory): Promise<void> {
    await world.clear();
    const last = await world.memory.read();
    this.#report.memory[this.#name] = { first, last };
    if (last.heap - first.heap > HEAP_GROWTH || last.rss - first.rss > RSS_GROWTH) {
      throw new Fault(`memory grew from ${JSON.stringify(first)} to ${JSON.stringify(last)}`);
    }
  }

  #failureOf(error: unknown, { server }: World): FuzzReport['failure'] {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const log = server.process.log.filter(({ level }) => Number(level) >= 50).slice(0, 3);
    const end = server.process.stderr.slice(-2_000);
    const steps = `--from ${this.#blockAt} --to ${this.#step}`;
    return {
      message: [why, ...log.map((line) => JSON.stringify(line)), end].join('\n'),
      replay: `npm run fuzz -- --seed ${this.#options.seed} --world ${this.#name} ${steps}`,
    };
  }
}
