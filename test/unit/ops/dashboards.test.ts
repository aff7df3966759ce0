// The dashboard and the alert rules ask for nothing that is not measured.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Registry } from 'prom-client';
import { parse } from 'yaml';
import { z } from 'zod';
import { instruments } from '../../../src/ops/instruments.ts';
import { createMetrics } from '../../../src/ops/metrics.ts';

const root = join(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

const Dashboard = z.object({
  panels: z.array(
    z.looseObject({
      id: z.number(),
      title: z.string(),
      type: z.string(),
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      targets: z.array(z.looseObject({ expr: z.string() })).optional(),
    }),
  ),
});
const Rules = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.strictObject({ summary: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});

const dashboard = Dashboard.parse(JSON.parse(read('deploy/grafana/stillpoint.json')));
const rules = Rules.parse(parse(read('deploy/prometheus/alerts.yaml'))).groups.flatMap(
  (group) => group.rules,
);
const asked = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }): [string, string] => [title, expr]),
  ),
  ...rules.map(({ alert, expr }): [string, string] => [alert, expr]),
];

/** What a scraper adds to every series. */
const FROM_SCRAPING = ['job', 'instance', 'le'];

interface Known {
  labels: ReadonlySet<string>;
  kind: string;
}

function described(name: string, type: string, labels: readonly string[]): [string, Known][] {
  const kind = { labels: new Set([...labels, ...FROM_SCRAPING]), kind: type };
  if (type !== 'histogram') return [[name, kind]];
  return ['_bucket', '_sum', '_count'].map((end) => [name + end, kind]);
}

/** Every series by name, with the labels it may have. */
async function measured(): Promise<Map<string, Known>> {
  const known = new Map<string, Known>([['up', { labels: new Set(FROM_SCRAPING), kind: 'gauge' }]]);
  const registry = new Registry();
  instruments(registry);
  const { text } = await createMetrics().exposition();
  for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const own = registry.getSingleMetric(name);
    const labels: unknown = own && 'labelNames' in own ? own.labelNames : [];
    for (const [series, one] of described(name, type, z.array(z.string()).parse(labels)))
      known.set(series, one);
  }
  return known;
}

const SELECTOR = /\b((?:stillpoint|nodejs|process)_\w+|up)\b(?:\{([^}]*)\})?/g;

test.each(asked)('%s: %s', async (_title, expr) => {
  const known = await measured();
  const found = [...expr.matchAll(SELECTOR)];

  expect(found.length).toBeGreaterThan(0);
  for (const [, name = '', selector = ''] of found) {
    const series = known.get(name);
    expect(series, `${name} is measured`).toBeDefined();
    const labels = [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label);
    expect(
      labels.filter((label) => !series?.labels.has(label)),
      `labels of ${name}`,
    ).toEqual([]);
    const rated = new RegExp(`(rate|increase)\\(${name}`).test(expr);
    expect(rated && series?.kind === 'gauge', `${name} only goes up`).toBe(false);
  }
  const by = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((one) => one.trim()),
  );
  const may = new Set(found.flatMap(([, name = '']) => [...(known.get(name)?.labels ?? [])]));
  expect(by.filter((label) => !may.has(label))).toEqual([]);
});

test('every measure of our own is on the dashboard', async () => {
  const expressions = dashboard.panels
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    .join('\n');
  const own = [...(await measured()).keys()].filter((name) => name.startsWith('stillpoint_'));
  const names = new Set(own.map((name) => name.replace(/_(bucket|sum|count)$/, '')));

  expect([...names].filter((name) => !expressions.includes(name))).toEqual([]);
});

test('no panel lies on another', () => {
  const places = dashboard.panels.map(({ gridPos }) => gridPos);
  const overlaps = places.flatMap((a, i) =>
    places
      .slice(i + 1)
      .filter((b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h),
  );

  expect(overlaps).toEqual([]);
  expect(places.every(({ x, w }) => x + w <= 24)).toBe(true);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
});

test.each(rules.map(({ alert, annotations }) => [alert, annotations.runbook]))(
  '%s says what to do',
  (alert, runbook) => {
    expect(runbook).toBe(`docs/monitoring.md#${alert.toLowerCase()}`);
    expect(read('docs/monitoring.md')).toContain(`### ${alert}\n`);
  },
);
