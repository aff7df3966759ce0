import { defineConfig } from 'vitest/config';

const project = (name: string, testTimeout: number) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout },
});

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 3,
    globalSetup: ['test/support/setup.ts'],
    projects: [project('unit', 20_000), project('integration', 60_000), project('e2e', 120_000)],
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
