import { assert, constantFrom, array, property } from 'fast-check';
import { expect, it } from 'vitest';
import { Breaker } from '../../../src/model/breaker.ts';
import type { Passage } from '../../../src/model/breaker.ts';
import type { ModelFault } from '../../../src/model/model.ts';

class Clock {
  ms = 5_000;

  readonly now = () => this.ms;
}

function setUp() {
  const clock = new Clock();
  const breaker = new Breaker(clock.now);
  return { clock, breaker, enter: () => must(breaker.enter()) };
}

function must(passage: Passage | undefined): Passage {
  if (!passage) throw new Error('nobody may begin');
  return passage;
}

/** One request after the other that fails with these. */
function failWith(breaker: Breaker, ...faults: ModelFault[]): void {
  for (const fault of faults) {
    using passage = must(breaker.enter());
    passage.failed(fault);
  }
}

it('lets everybody go to a host of which nothing is known', () => {
  const { breaker } = setUp();

  expect([breaker.enter(), breaker.enter(), breaker.admits]).not.toContain(undefined);
  expect(breaker).toMatchObject({ isClosed: true, restMs: 0, admits: true });
});

it.each<[title: string, faults: ModelFault[]]>([
  ['nobody answered once', ['unreachable']],
  ['three replies in a row broke', ['interrupted', 'interrupted', 'interrupted']],
  ['the model was missing three times', ['missing', 'missing', 'missing']],
  ['both came together', ['interrupted', 'missing', 'interrupted']],
])('leaves a host alone for a second after %s', (_title, faults) => {
  const { clock, breaker } = setUp();

  failWith(breaker, ...faults);

  expect(breaker).toMatchObject({ isClosed: false, restMs: 1_000, admits: false });
  expect(breaker.enter()).toBeUndefined();
  clock.ms += 999;
  expect(breaker.enter()).toBeUndefined();
  clock.ms += 1;
  expect(breaker).toMatchObject({ isClosed: false, restMs: 0, admits: true });
});

it.each<[title: string, faults: ModelFault[]]>([
  ['two broken replies', ['interrupted', 'missing']],
  ['a full queue, however often', ['busy', 'busy', 'busy', 'busy']],
  ['refusals', ['refused', 'refused', 'refused', 'refused']],
  ['a full queue between broken replies', ['interrupted', 'busy', 'refused', 'missing']],
])('goes on after %s', (_title, faults) => {
  const { breaker } = setUp();

  failWith(breaker, ...faults);

  expect(breaker.isClosed).toBe(true);
});

it('forgets broken replies with the first good one', () => {
  const { breaker, enter } = setUp();
  failWith(breaker, 'interrupted', 'interrupted');

  enter().succeeded();
  failWith(breaker, 'interrupted', 'interrupted');

  expect(breaker.isClosed).toBe(true);
});

it('lets one request at a time try a host that was left alone', () => {
  const { clock, breaker, enter } = setUp();
  failWith(breaker, 'unreachable');
  clock.ms += 1_000;

  const trial = enter();

  expect(breaker.enter()).toBeUndefined();
  expect(breaker).toMatchObject({ isClosed: false, restMs: 0, admits: false });
  trial.spoke();
  expect(breaker).toMatchObject({ isClosed: true, admits: true });
});

it('lets the next one try when a trial was left without a word', () => {
  const { clock, breaker, enter } = setUp();
  failWith(breaker, 'unreachable');
  clock.ms += 1_000;

  enter()[Symbol.dispose]();

  expect(breaker).toMatchObject({ isClosed: false, admits: true });
});

it('lets the next one try when a trial was only told to wait', () => {
  const { clock, breaker } = setUp();
  failWith(breaker, 'unreachable');
  clock.ms += 1_000;

  failWith(breaker, 'busy');

  expect(breaker).toMatchObject({ isClosed: false, admits: true });
});

it('waits twice as long after each trial that fails, up to 30 s, and a second again once one is good', () => {
  const { clock, breaker, enter } = setUp();
  const waits: number[] = [];

  for (let n = 0; n < 8; n += 1) {
    failWith(breaker, 'unreachable');
    waits.push(breaker.restMs);
    clock.ms += breaker.restMs;
  }
  enter().succeeded();
  failWith(breaker, 'unreachable');

  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect(breaker.restMs).toBe(1_000);
});

it('opens again at once, and for longer, when a trial breaks off behind its first words', () => {
  const { clock, breaker, enter } = setUp();
  failWith(breaker, 'unreachable');
  clock.ms += 1_000;
  const trial = enter();
  trial.spoke();

  trial.failed('interrupted');

  expect(breaker.restMs).toBe(2_000);
});

it('takes the many replies that break with one server for one fault', () => {
  const { breaker, enter } = setUp();
  const running = Array.from({ length: 10 }, enter);

  for (const passage of running) passage.failed('interrupted');

  expect(breaker.restMs).toBe(1_000);
});

it('is not told by a late fault that a trial failed', () => {
  const { clock, breaker, enter } = setUp();
  const late = enter();
  failWith(breaker, 'unreachable');
  clock.ms += 1_000;
  const trial = enter();

  late.failed('interrupted');
  late[Symbol.dispose]();

  expect(breaker.enter()).toBeUndefined();
  trial.spoke();
  expect(breaker.isClosed).toBe(true);
});

it('closes with a reply that began before it opened and came to its end', () => {
  const { breaker, enter } = setUp();
  const early = enter();
  failWith(breaker, 'unreachable');

  early.succeeded();

  expect(breaker).toMatchObject({ isClosed: true, restMs: 0 });
});

it('never keeps a host for good, whatever happens', () => {
  const step = constantFrom<ModelFault | 'enter' | 'spoke' | 'succeeded' | 'left' | 'wait'>(
    'enter',
    'wait',
    'spoke',
    'succeeded',
    'left',
    'unreachable',
    'busy',
    'missing',
    'refused',
    'interrupted',
  );
  assert(
    property(array(step, { maxLength: 60 }), (steps) => {
      const { clock, breaker } = setUp();
      const running: Passage[] = [];
      for (const step of steps) {
        if (step === 'wait') clock.ms += 700;
        else if (step === 'enter') running.push(...[breaker.enter() ?? []].flat());
        else if (step === 'spoke') running[0]?.spoke();
        else {
          using passage = running.shift();
          if (step === 'succeeded') passage?.succeeded();
          else if (step !== 'left') passage?.failed(step);
        }
        expect(breaker.restMs).toBeLessThanOrEqual(30_000);
        if (breaker.isClosed) expect(breaker.admits).toBe(true);
      }

      for (const passage of running) passage[Symbol.dispose]();
      clock.ms += breaker.restMs;

      expect(breaker.admits).toBe(true);
    }),
  );
});
