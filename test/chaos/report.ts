// What a run says of itself, for people and for machines.
import { loadavg } from 'node:os';
import type { Broken, Journal, Violation } from './journal.ts';
import type { Takeover } from './takeovers.ts';

interface Times {
  count: number;
  p50: number;
  p99: number;
  most: number;
}

export interface Report {
  seed: number;
  nodes: number;
  redis: 'one' | 'cluster';
  leaseMs: number;
  slots: number;
  minutes: number;
  /** Of the machine, at the end. */
  load: number;
  turns: number;
  states: Record<string, number>;
  sessions: number;
  /** Frames that clients applied, and ends of turns that were compared. */
  frames: number;
  ends: number;
  faults: Record<string, number>;
  faultsInAll: number;
  takeovers: {
    count: number;
    /** From the fault that made it needed to the takeover, and to the next entry that a client saw, in ms. */
    taken: Times;
    word: Times;
    /** The same where a node was killed or frozen and nothing else was wrong. */
    aloneTaken: Times;
    aloneWord: Times;
    /** No fault of the run explains it: the machine itself was too slow. */
    unexplained: number;
    /** Those of `aloneTaken` that took longest. */
    slowest: Takeover[];
  };
  zombiesFenced: number;
  /** Most requests to the model at once: of owners, and with those of zombies. */
  atOnce: { owners: number; all: number };
  /** Broken promises. */
  gaps: number;
  wrongTexts: number;
  doubledEnds: number;
  lostInputs: number;
  brokenCancels: number;
  overSlots: number;
  complaints: number;
  others: number;
  counts: Record<string, number>;
  violations: Violation[];
}

function timesOf(values: readonly number[]): Times {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: sorted.at(-1) ?? 0 };
}

const SLOWEST = 5;

/** The times of takeovers. */
export function takeoverTimes(all: readonly Takeover[]): Report['takeovers'] {
  const known = all.filter(({ fault }) => fault !== undefined);
  const alone = known.filter(({ isAlone }) => isAlone);
  const words = (some: readonly Takeover[]) => some.flatMap(({ wordMs }) => wordMs ?? []);
  return {
    count: all.length,
    taken: timesOf(known.map(({ takenMs }) => takenMs)),
    word: timesOf(words(known)),
    aloneTaken: timesOf(alone.map(({ takenMs }) => takenMs)),
    aloneWord: timesOf(words(alone)),
    unexplained: all.length - known.length,
    slowest: alone.toSorted((a, b) => b.takenMs - a.takenMs).slice(0, SLOWEST),
  };
}

/** What the journal tells. */
export function countsOf({ violations, spans, counts }: Journal) {
  const broken = (what: Broken) => violations.filter((one) => one.what === what).length;
  const faults: Record<string, number> = {};
  for (const { kind } of spans) faults[kind] = (faults[kind] ?? 0) + 1;
  return {
    faults,
    faultsInAll: spans.length,
    gaps: broken('gap'),
    wrongTexts: broken('text'),
    doubledEnds: broken('end'),
    lostInputs: broken('input'),
    brokenCancels: broken('cancel'),
    overSlots: broken('slots'),
    complaints: broken('server'),
    others: broken('other'),
    counts: Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b))),
    violations,
    load: loadavg()[0] ?? 0,
  };
}

/** In words. */
export function textOf(report: Report): string {
  const { takeovers, atOnce } = report;
  const { leaseMs } = report;
  const times = ({ count, p50, p99, most }: Times) =>
    count === 0
      ? 'none'
      : `p50 ${p50} ms, p99 ${p99} ms, most ${most} ms (beyond the lease: p50 ${p50 - leaseMs}, p99 ${p99 - leaseMs}; ${count})`;
  const list = (of: Record<string, number>) =>
    Object.entries(of)
      .toSorted((a, b) => b[1] - a[1])
      .map(([what, count]) => `  ${String(count).padStart(6)}  ${what}`);
  return [
    `seed ${report.seed}: ${report.nodes} nodes, ${report.redis === 'cluster' ? 'a Redis Cluster' : 'one Redis'}, lease ${leaseMs} ms, ${report.minutes.toFixed(1)} minutes, machine load ${report.load.toFixed(1)}`,
    `${report.turns} turns in ${report.sessions} sessions (${Object.entries(report.states)
      .map(([state, count]) => `${count} ${state}`)
      .join(', ')}); ${report.frames} frames applied, ${report.ends} ends compared`,
    `${report.faultsInAll} faults:`,
    ...list(report.faults),
    'besides:',
    ...list(report.counts),
    `${takeovers.count} takeovers (${takeovers.unexplained} without a fault of the run)`,
    `  until taken over:                  ${times(takeovers.taken)}`,
    `  until the next words:              ${times(takeovers.word)}`,
    `  with nothing else wrong, taken:    ${times(takeovers.aloneTaken)}`,
    `  with nothing else wrong, words:    ${times(takeovers.aloneWord)}`,
    `${report.zombiesFenced} zombies fenced; at most ${atOnce.owners} requests of owners to the model at once (${atOnce.all} with those of zombies), ${report.slots} slots`,
    `gaps ${report.gaps}, wrong texts ${report.wrongTexts}, missing or doubled ends ${report.doubledEnds}, lost or doubled inputs ${report.lostInputs}, broken cancels ${report.brokenCancels}, over the slots ${report.overSlots}, complaints ${report.complaints}, others ${report.others}`,
    ...report.violations.map(({ what, who, message, at }) => `BROKEN ${what} at ${at}, ${who}: ${message}`),
  ].join('\n');
}
