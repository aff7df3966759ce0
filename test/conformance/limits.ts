// What all limits must do, of one process or of many. Each case gets limits of its own from `open`, on a clock that it moves.
import { array, assert, asyncProperty, constant, constantFrom, integer, oneof, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LimitRules } from '../../src/access/limit-rules.ts';
import { parseLimits } from '../../src/access/limit-rules.ts';
import type { Limits, Who } from '../../src/access/limits.ts';
import { nobody } from '../../src/access/limits.ts';

export interface LimitsUnderTest extends AsyncDisposable {
  limits: Limits;
  /** Lets so many ms go by. */
  advance(ms: number): Promise<void>;
}

export type OpenLimits = (rules: LimitRules) => Promise<LimitsUnderTest>;

/** So much that no test comes near it. */
const ENOUGH = 1_000_000;

/** The rules with these changes; of the others nobody takes notice. */
export function only(changes: string): LimitRules {
  const rules = parseLimits('');
  const high = [
    ...rules.rates.map(({ name }) => `${name}=${ENOUGH}/60`),
    ...rules.places.map(({ name }) => `${name}=${ENOUGH}`),
  ];
  const changed = changes.split(',').map((item) => item.split('=')[0]);
  const rest = high.filter((item) => !changed.includes(item.split('=')[0]));
  return parseLimits([...rest, changes].join(','));
}

export const somebody: Who = {
  address: '192.0.2.1',
  tenant: 'north',
  subject: 'user:1',
  session: 'session-1',
};

/** As often as it is allowed, but not without end. */
async function takeAll(limits: Limits, budget: Parameters<Limits['take']>[0], who: Who): Promise<number> {
  for (let taken = 0; taken < 1_000; taken += 1) if ((await limits.take(budget, who)) > 0) return taken;
  throw new Error('There is no end of it');
}

function windowCases(open: OpenLimits): void {
  it('lets so many pass, then says in how many whole ms it may be tried again', async () => {
    await using bench = await open(only('input_session=3/60'));

    const waits: number[] = [];
    for (let n = 0; n < 4; n += 1) waits.push(await bench.limits.take('input', somebody));

    expect(waits.slice(0, 3)).toEqual([0, 0, 0]);
    expect(waits[3]).toSatisfy((ms: number) => Number.isInteger(ms) && ms > 59_000 && ms <= 60_000);
  });

  it('lets pass again after the time it told, and not before', async () => {
    await using bench = await open(only('input_session=2/60'));
    await takeAll(bench.limits, 'input', somebody);
    await bench.advance(20_000);
    const wait = await bench.limits.take('input', somebody);

    await bench.advance(wait - 10_000);
    const early = await bench.limits.take('input', somebody);
    await bench.advance(early);
    const late = await takeAll(bench.limits, 'input', somebody);

    expect(wait).toSatisfy((ms: number) => ms > 39_000 && ms <= 40_000);
    expect(early).toSatisfy((ms: number) => ms > 9_000 && ms <= 10_000);
    expect(late).toBe(2);
  });

  it('begins a window with the first that passes, whatever passes later', async () => {
    await using bench = await open(only('input_session=2/60'));
    await bench.limits.take('input', somebody);
    await bench.advance(50_000);
    await bench.limits.take('input', somebody);

    const wait = await bench.limits.take('input', somebody);

    expect(wait).toSatisfy((ms: number) => ms > 5_000 && ms <= 10_000);
  });

  it('never lets more pass than there is, however many ask at once', async () => {
    await using bench = await open(only('connect_address=20/10'));

    const waits = await Promise.all(Array.from({ length: 50 }, () => bench.limits.take('connect', somebody)));

    expect(waits.filter((wait) => wait === 0)).toHaveLength(20);
  });

  it('stands as a count by hand does, whatever is taken when', async () => {
    const take = record({ kind: constant('take' as const), cost: integer({ min: 1, max: 6 }) });
    const look = record({ kind: constant('look' as const) });
    const wait = record({ kind: constant('wait' as const), ms: constantFrom(5_000, 20_000, 60_000) });
    const walk = asyncProperty(array(oneof(take, take, look, wait), { maxLength: 25 }), async (steps) => {
      await using bench = await open(only('bytes_address=10/60'));
      let consumed = 0;
      let leftMs = 0;
      for (const step of steps) {
        if (step.kind === 'wait') {
          await bench.advance(step.ms);
          leftMs -= step.ms;
          if (leftMs <= 0) consumed = 0;
          continue;
        }
        const cost = step.kind === 'take' ? step.cost : 0;
        const isAllowed = step.kind === 'take' ? consumed + cost <= 10 : consumed < 10;
        const answer =
          cost > 0 ? bench.limits.take('bytes', somebody, cost) : bench.limits.isOver('bytes', somebody);
        expect((await answer) === 0).toBe(isAllowed);
        if (!isAllowed || cost === 0) continue;
        if (consumed === 0) leftMs = 60_000;
        consumed += cost;
      }
    });

    await assert(walk, { numRuns: 30 });
  });
}

function levelCases(open: OpenLimits): void {
  it('asks all levels and tells the longest wait', async () => {
    await using bench = await open(only('input_session=1/20,input_subject=1/60,input_address=1/40'));
    await bench.limits.take('input', somebody);

    const wait = await bench.limits.take('input', somebody);

    expect(wait).toBeGreaterThan(59_000);
  });

  it.each([
    ['address', 'input_address', { address: '192.0.2.2' }],
    ['subject', 'input_subject', { subject: 'user:2' }],
    ['subject of another tenant', 'input_subject', { tenant: 'south' }],
    ['session', 'input_session', { session: 'session-2' }],
    ['tenant', 'input_tenant', { tenant: 'south' }],
  ])('counts each %s for itself', async (_what, name, change) => {
    await using bench = await open(only(`${name}=2/60`));

    const first = await takeAll(bench.limits, 'input', somebody);
    const other = await takeAll(bench.limits, 'input', { ...somebody, ...change });

    expect([first, other]).toEqual([2, 2]);
  });

  it('counts all of one address together, whatever else they are', async () => {
    await using bench = await open(only('input_address=2/60'));
    await takeAll(bench.limits, 'input', somebody);

    const wait = await bench.limits.take('input', {
      address: '::ffff:192.0.2.1',
      tenant: 'south',
      subject: 'user:9',
      session: 'session-9',
    });

    expect(wait).toBeGreaterThan(0);
  });

  it('does not count who is nobody on a level', async () => {
    await using bench = await open(parseLimits('input_tenant=2/60'));
    const service = { ...nobody, tenant: 'north' };

    const free: number[] = [];
    for (let n = 0; n < 300; n += 1) free.push(await bench.limits.take('input', nobody));
    const counted = await takeAll(bench.limits, 'input', service);

    expect(Math.max(...free)).toBe(0);
    expect(counted).toBe(2);
  });

  it('keeps the budgets apart', async () => {
    await using bench = await open(only('create_address=1/60,request_address=3/60'));
    await takeAll(bench.limits, 'create', somebody);

    const taken = await takeAll(bench.limits, 'request', somebody);

    expect(taken).toBe(3);
  });
}

function refusalCases(open: OpenLimits): void {
  it('takes nothing from anybody where one level refuses', async () => {
    await using bench = await open(only('input_session=1/60,input_subject=5/60,input_tenant=5/60'));
    const loud = { ...somebody, session: 'loud' };
    for (let n = 0; n < 20; n += 1) await bench.limits.take('input', loud);

    const sessions = Array.from({ length: 20 }, (_, n) => ({ ...somebody, session: `quiet-${n}` }));
    const waits = [];
    for (const who of sessions) waits.push(await bench.limits.take('input', who));

    expect(waits.filter((wait) => wait === 0)).toHaveLength(4);
  });

  it('leaves what is left of a budget when too much of it was wanted', async () => {
    await using bench = await open(only('bytes_address=100/60'));
    await bench.limits.take('bytes', somebody, 60);

    const tooMuch = await bench.limits.take('bytes', somebody, 60);
    const fits = await bench.limits.take('bytes', somebody, 40);
    const more = await bench.limits.take('bytes', somebody, 1);

    expect(tooMuch).toBeGreaterThan(0);
    expect(fits).toBe(0);
    expect(more).toBeGreaterThan(0);
  });

  it('lets what costs more than there ever is pass at the price of all of it', async () => {
    await using bench = await open(only('bytes_address=100/60'));

    const whole = await bench.limits.take('bytes', somebody, 5_000);
    const next = await bench.limits.take('bytes', somebody, 1);

    expect(whole).toBe(0);
    expect(next).toBeGreaterThan(0);
  });

  it('has all of it again in the next window, and no more', async () => {
    await using bench = await open(only('bytes_address=10/60'));
    await bench.limits.take('bytes', somebody, 10);
    await bench.advance(60_000);

    const waits = [
      await bench.limits.take('bytes', somebody, 10),
      await bench.limits.take('bytes', somebody, 1),
    ];

    expect(waits[0]).toBe(0);
    expect(waits[1]).toBeGreaterThan(0);
  });

  it.each([0, -5, Number.NaN, 0.5, Number.POSITIVE_INFINITY])('answers a cost of %d', async (cost) => {
    await using bench = await open(only('bytes_address=10/60'));

    const wait = await bench.limits.take('bytes', somebody, cost);
    const rest = await takeAll(bench.limits, 'bytes', somebody);

    expect(wait).toBe(0);
    expect(rest).toBe(cost > 0 ? Math.max(0, 10 - Math.ceil(cost)) : 10);
  });

  it('looks whether a budget is used up and takes nothing', async () => {
    await using bench = await open(only('failure_address=2/60'));

    const before = [];
    for (let n = 0; n < 10; n += 1) before.push(await bench.limits.isOver('failure', somebody));
    const taken = await takeAll(bench.limits, 'failure', somebody);
    const after = await bench.limits.isOver('failure', somebody);
    await bench.advance(after);
    const later = await bench.limits.isOver('failure', somebody);

    expect(Math.max(...before)).toBe(0);
    expect(taken).toBe(2);
    expect(after).toSatisfy((ms: number) => Number.isInteger(ms) && ms > 59_000 && ms <= 60_000);
    expect(later).toBe(0);
  });

  it('knows that a budget is used up by what was allowed alone', async () => {
    await using bench = await open(only('failure_address=2/60'));
    await bench.limits.take('failure', somebody, 2);

    const over = await bench.limits.isOver('failure', somebody);

    expect(over).toBeGreaterThan(0);
  });
}

export function limitsConformance(name: string, open: OpenLimits): void {
  describe(`limits: ${name}`, () => {
    windowCases(open);
    levelCases(open);
    refusalCases(open);
  });
}
