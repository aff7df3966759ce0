import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

const project = (name: string, testTimeout: number, isolate = true) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout, isolate },
});

/** Of what would come last, what takes longest: nothing else is left then to run beside it. */
const long = [
  'test/unit/therapy/process.test.ts',
  'test/unit/safety/guard-sets.test.ts',
  'test/unit/bench/simulation.test.ts',
  'test/unit/access/limits-memory.test.ts',
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => long.some((file) => moduleId.endsWith(file));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 4,
    globalSetup: ['test/support/setup.ts'],
    sequence: { sequencer: LongFirst },
    // on a busy machine a second is not long
    expect: { poll: { timeout: 30_000 } },
    // unit and integration tests share nothing but modules: read once for all of them, these take a third of the time
    projects: [
      project('unit', 120_000, false),
      project('integration', 120_000, false),
      project('e2e', 240_000),
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // scripts and threads: they run in places of their own, where coverage does not see them
      exclude: ['src/main.ts', 'src/contract/generate.ts', 'src/retrieval/encoder-worker.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 95 },
    },
  },
});
