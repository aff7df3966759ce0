// What each figure may grow by, and why it may.
import type { Limit } from './trend.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** By the name a sample gives it. */
export const limits: Readonly<Record<string, Limit>> = {
  heap: { once: 3 * MIB, each: 200, why: 'functions called for the first time, and caches with a bound' },
  functions: { once: 100, each: 0.1, isCount: true, why: 'modules and classes used for the first time' },
  'beside the heap': { once: 1 * MIB, each: 200, why: 'buffers of sockets that are kept for the next' },
  RSS: { once: 48 * MIB, each: 2 * KIB, why: 'what an allocator keeps for itself' },
  database: { once: 512 * KIB, each: 50, why: 'free pages for the busiest moment' },
  WAL: { once: 16 * MIB, each: 0, isBound: true, why: 'as large as it may be between two checkpoints' },
  'Redis keys': {
    once: 12,
    each: 0.01,
    isCount: true,
    why: 'lists of what is due, each made when it is needed first',
  },
  'Redis values': {
    once: 4 * KIB,
    each: 100,
    why: 'a digest in the list of logs to be compacted, until that is due',
  },
  'Redis dataset': { once: 512 * KIB, each: 200, why: 'tables of keys grow by doubling' },
  'Redis RSS': { once: 16 * MIB, each: 2 * KIB, why: 'what an allocator keeps for itself' },
  'kept for ever': { once: 64 * KIB, each: 4 * KIB, why: 'the audit, and that a session was deleted' },
};
