// A short form of `npm run fuzz`: rubbish by everybody at every door, and somebody beside it who must not notice.
import { expect, test } from 'vitest';
import { runFuzz } from '../fuzz/run.ts';
import { seed } from '../support/random.ts';

const minutes = Number(process.env['FUZZ_MINUTES'] ?? (process.env['CI'] ? 2 : 0.5));
/** Others run beside it. */
const PAUSE_MS = 30;

test(`rubbish at every door is refused, changes nothing and leaves nothing, whoever sends it (seed ${seed}) (scenario 78)`, async () => {
  const report = await runFuzz({ seed, minutes, pauseMs: PAUSE_MS });

  expect(report.failure?.message ?? '', report.failure?.replay).toBe('');
  const came = Object.keys(report.outcomes).map((outcome) => outcome.replace(/^\w+: /, ''));
  expect(came).toEqual(
    expect.arrayContaining(['ok', '200', 'VALIDATION_FAILED', 'UNAUTHENTICATED', 'SESSION_NOT_FOUND']),
  );
}, 600_000);
