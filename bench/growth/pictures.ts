// The pictures of docs/performance.md: curves of one kind and one unit together.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { svgOf } from '../shared/chart.ts';
import { figure, median } from '../shared/report.ts';
import { verdictOf } from './curve.ts';
import type { Curve } from './curve.ts';

interface Picture {
  /** `growth-NAME.svg` */
  name: string;
  title: string;
  y: string;
  /** What the names of its curves begin with; the rest is said beside the line. */
  prefix: string;
  unit: string;
}

const pictures: readonly Picture[] = [
  {
    name: 'sessions',
    title: 'One step, by what else is stored (SQLite)',
    y: 'CPU, µs',
    prefix: 'sessions-',
    unit: 'µs',
  },
  {
    name: 'redis',
    title: 'One step, by what else is stored (node and Redis)',
    y: 'CPU, µs',
    prefix: 'redis-',
    unit: 'µs',
  },
  {
    name: 'history',
    title: 'One request, by the length of its session',
    y: 'CPU, µs',
    prefix: 'history-',
    unit: 'µs',
  },
  {
    name: 'sockets',
    title: 'One thing more, by how many are connected',
    y: 'CPU, µs',
    prefix: 'sockets-',
    unit: 'µs',
  },
  { name: 'idle', title: 'A second in which nothing happens', y: 'CPU, ms', prefix: 'sockets-', unit: 'ms' },
  { name: 'memory', title: 'Memory that sockets need', y: 'MiB', prefix: 'sockets-', unit: 'MiB' },
];

function describe(curve: Curve): string {
  const points = curve.points.map(
    ({ size, values }) => `${size.toLocaleString('en')}: ${figure(median(values))}`,
  );
  return `${curve.title}, in ${curve.unit}, ${points.join('; ')} (${verdictOf(curve) ?? 'not judged'}).`;
}

function draw({ title, y, prefix, unit }: Picture, curves: readonly Curve[]): string | undefined {
  const shown = curves.filter((curve) => curve.name.startsWith(prefix) && curve.unit === unit);
  const [first] = shown;
  if (!first) return undefined;
  const lines = shown.map(({ name, points }) => ({
    name: name.slice(prefix.length).replaceAll('-', ' '),
    points: points.map(({ size, values }) => ({ x: size, y: median(values) })).filter((point) => point.y > 0),
  }));
  return svgOf({ title, description: shown.map(describe).join(' '), x: first.by, y, lines });
}

/** Writes those of which there are curves. */
export async function savePictures(directory: string, curves: readonly Curve[]): Promise<void> {
  for (const picture of pictures) {
    const svg = draw(picture, curves);
    if (svg !== undefined) await writeFile(join(directory, `growth-${picture.name}.svg`), svg);
  }
}
