// A short form of `npm run chaos`: every fault at once on three nodes.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { textOf } from '../chaos/report.ts';
import { runChaos } from '../chaos/run.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? 7);
const minutes = Number(process.env['CHAOS_MINUTES'] ?? 2);

test(`[P-2] [P-3] [P-6] [P-7] [P-8] three nodes keep their promises while they, Redis and the model are killed, stopped, cut off and slowed down (seed ${seed}) (scenario 82)`, async () => {
  const directory = process.env['CHAOS_OUT'] ?? join(tmpdir(), `stillpoint-chaos-${seed}`);
  const redisFiles = inject('redis');

  const report = await runChaos({
    seed,
    minutes,
    turns: 100_000,
    directory,
    ...(redisFiles && { redisFiles }),
  });

  expect(report.violations, `${textOf(report)}\nWhat explains it is in ${directory}`).toEqual([]);
  expect(report).toMatchObject({ gaps: 0, wrongTexts: 0, doubledEnds: 0, lostInputs: 0 });
  expect(report.turns).toBeGreaterThan(0);
  expect(Object.keys(report.faults).length).toBeGreaterThan(5);
  expect(report.takeovers.count).toBeGreaterThan(0);
}, 600_000);
