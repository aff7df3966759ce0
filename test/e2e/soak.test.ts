// A short form of `npm run soak`: mixed traffic with faults, after which nothing is larger than before.
import { expect, inject, test } from 'vitest';
import { runSoak } from '../../bench/soak/run.ts';
import { soakText } from '../../bench/soak/told.ts';
import { seed } from '../support/random.ts';

const minutes = Number(process.env['SOAK_MINUTES'] ?? (process.env['CI'] ? 2 : 0.5));

test(`one node on SQLite and two on Redis keep nothing of people who come, fail and go (seed ${seed})`, async () => {
  const redisFiles = inject('redis');

  const reports = await runSoak({ seed, minutes, ...(redisFiles && { redisFiles }) });

  expect(reports.map(({ setUp }) => setUp)).toEqual(['sqlite', 'redis']);
  for (const report of reports) {
    expect(report.isWell, soakText(report)).toBe(true);
    expect(report.counts['turns']).toBeGreaterThan(10);
    expect(report.trends.map(({ what }) => what)).toContain('heap');
  }
}, 600_000);

test(`it would have found one timer that is left behind by each follower (seed ${seed})`, async () => {
  const [report] = await runSoak({
    seed,
    minutes: 0,
    setUps: ['sqlite'],
    leak: 'timer',
    settleMs: 1_000,
  });

  expect(report?.violations).toEqual([]);
  expect(report?.strays.join('\n')).toContain('open timers');
  expect(report?.isWell).toBe(false);
}, 600_000);
