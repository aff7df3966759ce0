// What the system tells of a process, and of the machine a figure was taken on.
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** Of the clock in which Linux tells what a process has computed. */
const TICK_MS = 10;

/** CPU of a process so far, in ms: all of its threads, in the kernel too. */
export function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Memory of a process that is in use, in bytes. */
export function rssBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? 0) * 1024;
}

/** Processes that wanted to run in the last minute. */
export const load = (): number => Number((loadavg()[0] ?? 0).toFixed(2));

/** More than this before a run, per core, and something else was at work. */
const BUSY_LOAD = 0.25;

export interface Machine {
  cores: number;
  cpu: string;
  memoryGiB: number;
  node: string;
  /** Before the run, and whether that was too much for the figures to be told as they are. */
  load: number;
  isBusy: boolean;
}

export function machine(): Machine {
  const cores = availableParallelism();
  return {
    cores,
    cpu: cpus()[0]?.model.trim() ?? '',
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    load: load(),
    isBusy: load() > BUSY_LOAD * cores,
  };
}
