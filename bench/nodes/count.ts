// What nodes send to Redis, by name; and how long Redis is at it.
import { globSync } from 'node:fs';
import { z } from 'zod';
import { loadScript } from '../../src/store/redis-link.ts';
import type { TcpProxy } from '../../test/support/tcp-proxy.ts';
import type { Commands } from './stage.ts';

/** How often something is done, by the name of the script or command. */
export type Tally = Record<string, number>;

/** What scripts share, in the order in which it is put in front of them. */
const shares = [[], ['time'], ['time', 'words'], ['time', 'people'], ['time', 'people', 'session']];
const names = globSync('*.lua', { cwd: new URL('../../src/store/lua/', import.meta.url) });
const scripts = names.flatMap((file) =>
  shares.map((shared) => loadScript(file.replace(/\.lua$/, ''), ...shared)),
);
const nameBySha = new Map(scripts.map(({ sha, name }) => [sha, name]));

/** By its first words: scripts by their name, commands by theirs. */
function nameOf(command: string, argument: string): string {
  const verb = command.toUpperCase();
  return verb === 'EVALSHA' || verb === 'EVAL' ? (nameBySha.get(argument) ?? verb) : verb;
}

/** Cuts what a client sends into commands: arrays of strings, as RESP has them. */
class CommandReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<string> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (let command = this.#next(); command !== undefined; command = this.#next()) yield command;
  }

  #next(): string | undefined {
    let at = 0;
    const line = (): number | undefined => {
      const end = this.#rest.indexOf('\r\n', at);
      if (end === -1) return undefined;
      const value = Number(this.#rest.toString('latin1', at + 1, end));
      at = end + 2;
      return value;
    };
    const words = line();
    if (words === undefined) return undefined;
    const first: string[] = [];
    for (let n = 0; n < words; n += 1) {
      const length = line();
      if (length === undefined || at + length + 2 > this.#rest.length) return undefined;
      if (n < 2) first.push(this.#rest.toString('latin1', at, at + length));
      at += length + 2;
    }
    this.#rest = this.#rest.subarray(at);
    return nameOf(first[0] ?? '', first[1] ?? '');
  }
}

export class CommandCounter {
  readonly #proxy: Pick<TcpProxy, 'bytes' | 'onBytes'>;
  readonly #readers = new Map<number, CommandReader>();
  #tally = new Map<string, number>();

  constructor(proxy: Pick<TcpProxy, 'bytes' | 'onBytes'>) {
    this.#proxy = proxy;
    proxy.onBytes((direction, chunk, connection) => {
      if (direction !== 'up') return;
      const reader = this.#readers.get(connection) ?? new CommandReader();
      this.#readers.set(connection, reader);
      for (const name of reader.read(chunk)) this.#tally.set(name, (this.#tally.get(name) ?? 0) + 1);
    });
  }

  /** Everything so far. */
  get tally(): Tally {
    return Object.fromEntries(this.#tally);
  }

  /** Sent and received so far. */
  get bytes(): number {
    return this.#proxy.bytes.up + this.#proxy.bytes.down;
  }
}

export function total(tally: Tally): number {
  return Object.values(tally).reduce((sum, count) => sum + count, 0);
}

/** What came since. */
export function since(after: Tally, before: Tally): Tally {
  const left = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(left.filter(([, count]) => count > 0));
}

/** Without what would have come anyway. */
export function less(tally: Tally, idle: Tally): Tally {
  const left = Object.entries(tally).map(([name, count]) => [name, count - (idle[name] ?? 0)] as const);
  return Object.fromEntries(left.filter(([, count]) => count > 0.005));
}

export function sumOf(tallies: readonly Tally[]): Tally {
  const sum: Tally = {};
  for (const tally of tallies)
    for (const [name, count] of Object.entries(tally)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

export function scaled(tally: Tally, factor: number): Tally {
  return Object.fromEntries(Object.entries(tally).map(([name, count]) => [name, count * factor]));
}

/** Commands by name, and how long Redis is at one of them: the median, in µs, so that a machine with other work does not count. */
export interface Timed {
  calls: Tally;
  us: Tally;
  /** All together. */
  sums: Tally;
}

const Slow = z.array(z.tuple([z.number(), z.number(), z.number(), z.array(z.string())]).rest(z.unknown()));

/** Redis notes every command from now on. */
export async function noteCommands(commands: Commands): Promise<void> {
  await commands.send('CONFIG', 'SET', 'slowlog-max-len', '1000000');
  await commands.send('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
  await commands.send('SLOWLOG', 'RESET');
}

/** What it has noted; it notes no more. */
export async function notedCommands(commands: Commands): Promise<Timed> {
  await commands.send('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
  const rows = Slow.parse(await commands.send('SLOWLOG', 'GET', '-1'));
  await commands.send('SLOWLOG', 'RESET');
  const times = Map.groupBy(rows, ([, , , words]) => nameOf(words[0] ?? '', words[1] ?? ''));
  const noted: Timed = { calls: {}, us: {}, sums: {} };
  for (const [name, found] of times) {
    noted.calls[name] = found.length;
    noted.sums[name] = found.reduce((sum, [, , us]) => sum + us, 0);
    noted.us[name] = found.map(([, , us]) => us).toSorted((a, b) => a - b)[found.length >> 1] ?? 0;
  }
  return noted;
}
