import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { limitKey } from '../../../src/access/key-limits.ts';
import { nobody } from '../../../src/access/limits.ts';
import { MemoryCounters } from '../../../src/access/memory-limits.ts';
import { createLimits } from '../../../src/access/open-limits.ts';
import { Rate } from '../../../src/access/rate-limits.ts';
import { only } from '../../conformance/limits.ts';

const MIB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** What is left when the garbage is gone. */
function memoryInUse(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

const addressOf = (n: number) => ({
  ...nobody,
  address: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
});

/** A key as the rates use it. */
const keyOf = (n: number) => `rule:${limitKey('address', addressOf(n)) ?? ''}`;

/** The same place in a table of one set for all of them. */
const ONE_SET = 8;

async function take(counters: MemoryCounters, n: number, cost: number): Promise<number> {
  const [consumed] = await counters.eval('', { keys: [keyOf(n)], arguments: [cost, 60, 100].map(String) });
  return consumed;
}

describe('a million addresses', () => {
  it('take no more memory than a thousand, and who asks too much is refused all the same', async () => {
    await using limits = createLimits({ rules: only('connect_address=3/600'), now: () => 1 });
    const loud = { ...nobody, address: '2001:db8::1' };
    await limits.take('connect', loud, 3);
    for (let n = 0; n < 1_000; n += 1) await limits.take('connect', addressOf(n));
    const [before, timersBefore] = [memoryInUse(), timers()];

    let refused = 0;
    for (let n = 0; n < 1_000_000; n += 1) {
      if ((await limits.take('connect', addressOf(n + 2_000))) > 0) refused += 1;
    }

    expect(memoryInUse() - before).toBeLessThan(4 * MIB);
    expect(timers()).toBe(timersBefore);
    expect(refused).toBe(0);
    expect(await limits.take('connect', loud)).toBeGreaterThan(0);
    expect(await limits.take('connect', addressOf(1_001_999), 3)).toBeGreaterThan(0);
  }, 120_000);

  it('that are few enough are counted without a mistake', async () => {
    await using limits = createLimits({ rules: only('connect_address=2/600'), now: () => 1 });

    const passed: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      let count = 0;
      for (let n = 0; n < 10_000; n += 1) {
        if ((await limits.take('connect', addressOf(n))) === 0) count += 1;
      }
      passed.push(count);
    }

    expect(passed).toEqual([10_000, 10_000, 0]);
  });
});

describe('a full table of counters', () => {
  it('forgets who has consumed least', async () => {
    const counters = new MemoryCounters(() => 1, ONE_SET);
    for (let n = 0; n < ONE_SET; n += 1) await take(counters, n, n === 5 ? 2 : 10 + n);

    await take(counters, 100, 1);
    await take(counters, 101, 1);

    const left: number[] = [];
    for (const n of [0, 1, 2, 3, 4, 5, 6, 7, 100, 101]) left.push(await take(counters, n, 0));
    expect(left).toEqual([10, 11, 12, 13, 14, 0, 16, 17, 0, 1]);
  });

  it('forgets first whose time is over', async () => {
    let now = 1;
    const counters = new MemoryCounters(() => now, ONE_SET);
    await take(counters, 0, 90);
    now += 30_000;
    for (let n = 1; n < ONE_SET; n += 1) await take(counters, n, 1);
    now += 30_000;

    await take(counters, 100, 1);

    const left: number[] = [];
    for (const n of [0, 1, 2, 3, 4, 5, 6, 7, 100]) left.push(await take(counters, n, 0));
    expect(left).toEqual([0, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('makes no room for what is given back to nobody', async () => {
    const counters = new MemoryCounters(() => 1, ONE_SET);
    for (let n = 0; n < ONE_SET; n += 1) await take(counters, n, 1);

    await take(counters, 100, -5);

    const left: number[] = [];
    for (let n = 0; n < ONE_SET; n += 1) left.push(await take(counters, n, 0));
    expect(left).toEqual(Array.from({ length: ONE_SET }, () => 1));
  });

  it('gives nothing back to a counter that is over or forgotten', async () => {
    let now = 1;
    const counters = new MemoryCounters(() => now);
    await take(counters, 0, 5);
    now += 60_000;

    const consumed = [await take(counters, 0, -5), await take(counters, 0, 3), await take(counters, 0, -9)];

    expect(consumed).toEqual([0, 3, 0]);
  });
});

describe('a rate', () => {
  it.each([
    ['rejects', () => Promise.reject(new Error('down'))],
    ['answers nothing', () => Promise.resolve(null)],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
  ])('is counted alone where what is shared %s', async (_what, answer: () => Promise<unknown>) => {
    const [rule] = only('connect_address=2/60').rates;
    if (!rule) throw new Error('There are no rules');
    const rate = new Rate(rule, { prefix: 'test', eval: answer }, () => 1);

    const over = await rate.isOver(keyOf(1));
    const waits = [];
    for (let n = 0; n < 3; n += 1) waits.push(await rate.take(keyOf(1), 1));
    await rate.giveBack(keyOf(1), 1);

    expect(over).toBe(0);
    expect(waits).toEqual([0, 0, 60_000]);
    expect(await rate.take(keyOf(1), 1)).toBe(0);
  });
});
