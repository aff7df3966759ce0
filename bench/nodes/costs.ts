// What `npm run simulate` is told: the measured figures as costs of one thing each.
import { Costs } from '../simulation/costs.ts';
import type { CommandFigures, SlotsFigures, StrikesFigures } from './shared.ts';
import type { StoreFigures } from './store.ts';
import type { CommandsRow, IdleRow } from './stream.ts';
import { less } from './count.ts';
import type { Tally } from './count.ts';

export interface Figures {
  measured: Costs['measured'];
  idle: IdleRow;
  commands: CommandsRow[];
  store: StoreFigures;
  slots: SlotsFigures;
  command: CommandFigures;
  strikes: StrikesFigures;
  /** Of an entry of words in a log, in bytes. */
  entryBytes: number;
}

/** `a` and `b` of y = a·u + b·v that fit best. */
function fit(rows: readonly { u: number; v: number; y: number }[]): { a: number; b: number } {
  let [uu, uv, vv, uy, vy] = [0, 0, 0, 0, 0];
  for (const { u, v, y } of rows) {
    uu += u * u;
    uv += u * v;
    vv += v * v;
    uy += u * y;
    vy += v * y;
  }
  const determinant = uu * vv - uv * uv;
  return { a: (uy * vv - vy * uv) / determinant, b: (vy * uu - uy * uv) / determinant };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

const only = (tally: Tally, names: readonly string[]): Tally =>
  Object.fromEntries(Object.entries(tally).filter(([name]) => names.includes(name)));

const without = (tally: Tally, names: readonly string[]): Tally =>
  Object.fromEntries(Object.entries(tally).filter(([name]) => !names.includes(name)));

/** What of a tally comes with time, and is counted by it. */
const BY_TIME = ['due', 'PING', 'HMGET', 'lease', 'EVAL'];

function nodeCosts({ commands, idle, store }: Figures): Costs['node'] {
  const own = commands.filter(({ place }) => place === 'owner');
  const { a: appendUs, b: wordUs } = fit(
    own.map(({ byName, rate, nodeUs }) => ({ u: byName['append'] ?? 0, v: rate, y: nodeUs })),
  );
  const reads = commands
    .filter(({ place }) => place === 'other')
    .map(({ rate, nodeUs, byName }) => {
      const there = own.find((row) => row.rate === rate)?.nodeUs ?? nodeUs;
      return (nodeUs - there) / (byName['read'] ?? 1);
    });
  const { nodeMsPerTurn, appendsPerTurn, wordsPerTurn, bytes, follower } = store;
  return {
    idleCores: idle.nodeCpu,
    turnUs: nodeMsPerTurn * 1_000 - appendsPerTurn * appendUs - wordsPerTurn * wordUs,
    appendUs,
    wordUs,
    readUs: Math.max(0, mean(reads)),
    followedSecondUs: follower.nodeUs,
    bytes: bytes.node,
    followedBytes: follower.nodeBytes,
  };
}

/** Of the pool of slots: y = base + running·R for a node that runs none, and what its own ones add to the second call. */
function slotCosts({ rows }: SlotsFigures): Costs['redis']['slots'] {
  const [first, last] = [rows[0], rows.at(-1)];
  if (!first || !last) return { us: 0, runningUs: 0, ownUs: 0 };
  const between = last.running - first.running;
  const runningUs = Math.max(0, last.otherUs - first.otherUs) / between;
  const ownUs = (2 * Math.max(0, last.ownUs - last.otherUs)) / last.running;
  return { us: Math.max(0, first.otherUs - runningUs * first.running), runningUs, ownUs };
}

const rounded = (value: unknown): unknown => {
  if (typeof value === 'number') return Number(value.toPrecision(4));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)]));
};

export function costsOf(figures: Figures): Costs {
  const { measured, idle, commands, store, slots, command, strikes, entryBytes } = figures;
  const { first, next, risk } = store.noted;
  const us = { ...store.noted.us, enlist: strikes.enlistUs };
  const turn = without(next, BY_TIME);
  const streamed = commands.filter(({ rate }) => rate >= 50);
  return Costs.parse(
    rounded({
      measured,
      redis: {
        us: only(us, [
          ...new Set(
            [first, next, risk, idle.byName, ...commands.map((row) => row.byName)].flatMap(Object.keys),
          ),
        ]),
        commandUs: command.us,
        followedUs: store.follower.redisUs,
        commandBytes: mean(streamed.map(({ bytesPerSent }) => bytesPerSent)),
        slots: slotCosts(slots),
      },
      commands: {
        session: without(less(first, next), [...BY_TIME, 'take', 'relist']),
        // turns that follow each other at once share an entry in the list of leases
        turn: { ...turn, ...only(first, ['take', 'relist']) },
        risk: without(less(risk, first), [...BY_TIME, 'take', 'relist']),
        liveSecond: only(streamed[0]?.byName ?? {}, ['lease', 'enlist', 'expect']),
        followedSecond: streamed[0]?.byName['HMGET'] ?? 0,
        nodeSecond: idle.byName,
        appends: Math.max(...commands.map(({ byName }) => byName['append'] ?? 0)),
      },
      node: nodeCosts(figures),
      bytes: {
        session: store.bytes.session,
        turn: store.bytes.compactedTurn,
        word: entryBytes,
        followed: store.follower.redisBytes,
      },
    }),
  );
}
