import { createLimits } from '../../../src/access/open-limits.ts';
import { limitsConformance } from '../../conformance/limits.ts';

limitsConformance('in memory', async (rules) => {
  let now = 0;
  const limits = createLimits({ rules, now: () => now });
  return {
    limits,
    advance: async (ms) => void (now += ms),
    [Symbol.asyncDispose]: () => limits[Symbol.asyncDispose](),
  };
});
