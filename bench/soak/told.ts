// What a soak found, for people.
import { figure, textOf } from '../shared/report.ts';
import type { Row } from '../shared/report.ts';
import type { SetUpReport } from './run.ts';
import type { Trend } from './trend.ts';

const MIB = 1024 * 1024;
const unitOf = (what: string): string => (what === 'heap' ? 'bytes of heap' : what);
/** So many lines of a kind are enough. */
const LINES = 20;
const titles = { sqlite: 'One node on SQLite', redis: 'Two nodes on Redis' } as const;

function rowOf({ what, first, last, slope, allowed, isFlat, most, isBound, isCount }: Trend): Row {
  const [from, to] = [first, last].map((value) => (isCount ? String(value) : (value / MIB).toFixed(2)));
  const unit = isCount ? 'of a session' : 'bytes of a session';
  return {
    what: `${what}, ${from} → ${to}${isCount ? '' : ' MiB'}`,
    unit: isBound ? 'bytes at most' : unit,
    cells: [isBound ? most : slope],
    goal: { text: `≤ ${figure(allowed)}`, isMet: isFlat },
  };
}

export function soakText({
  setUp,
  sessions,
  counts,
  trends,
  strays,
  violations,
  cpuMs,
  load,
  isWell,
}: SetUpReport): string {
  const rows = trends.map(rowOf);
  const told = Object.entries(counts)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([what, count]) => `${String(count).padStart(7)}  ${what}`);
  const cpu = `CPU of a session: node ${figure(cpuMs.node)} ms${cpuMs.redis === null ? '' : `, Redis ${figure(cpuMs.redis)} ms`}`;
  const finds = trends
    .filter(({ what }) => what === 'heap' || what === 'functions')
    .map((one) => `a leak of ${figure(one.finds)} ${unitOf(one.what)} by each session would have been found`);
  const notes = [...told, `${sessions} sessions; ${cpu}`, ...finds];
  const found = [
    ...strays.slice(0, LINES).map((one) => `left open: ${one}`),
    ...violations
      .slice(0, LINES)
      .map(({ what, who, message }) => `broken (${what}) ${who}: ${message.slice(0, 1_000)}`),
  ];
  const part = { name: setUp, title: titles[setUp], systems: ['growth'], rows, notes, load };
  return [textOf(part), ...found, isWell ? `${setUp}: flat` : `${setUp}: NOT flat`].join('\n');
}
