import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Urgency } from '../../../src/retrieval/embed.ts';
import { Lane } from '../../../src/retrieval/lane.ts';
import { deadline } from '../../support/wait.ts';

/** Long enough for every promise that can settle. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A lane, and jobs in it that a test ends one by one. */
class Yard {
  /** Names of the jobs that began, in order. */
  readonly begun: string[] = [];
  readonly outcomes = new Map<string, string>();
  readonly #lane: Lane;
  readonly #jobs = new Map<string, PromiseWithResolvers<string>>();
  readonly #stops = new Map<string, AbortController>();

  constructor(size: number) {
    this.#lane = new Lane(size);
  }

  async enter(name: string, urgency: Urgency = 'batch', stop = new AbortController()): Promise<void> {
    const job = Promise.withResolvers<string>();
    this.#jobs.set(name, job);
    this.#stops.set(name, stop);
    const running = this.#lane.run(urgency, stop.signal, () => {
      this.begun.push(name);
      return job.promise;
    });
    void running.then(
      (value) => this.outcomes.set(name, value),
      (error: unknown) => this.outcomes.set(name, error instanceof Error ? error.message : 'no error'),
    );
    await settle();
  }

  async finish(name: string): Promise<void> {
    this.#jobs.get(name)?.resolve('done');
    await settle();
  }

  async fail(name: string): Promise<void> {
    this.#jobs.get(name)?.reject(new Error('failed'));
    await settle();
  }

  async abort(name: string): Promise<void> {
    this.#stops.get(name)?.abort(new Error('left'));
    await settle();
  }
}

describe('a lane', () => {
  it('runs so many jobs at a time, the others in the order they came', async () => {
    const yard = new Yard(2);
    for (const name of ['a', 'b', 'c', 'd']) await yard.enter(name);

    expect(yard.begun).toEqual(['a', 'b']);
    await yard.finish('b');
    expect(yard.begun).toEqual(['a', 'b', 'c']);
    await yard.finish('a');
    expect(yard.begun).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets what a turn waits for pass the work in the background', async () => {
    const yard = new Yard(1);
    await yard.enter('running', 'batch');
    await yard.enter('batch 1', 'batch');
    await yard.enter('query 1', 'query');
    await yard.enter('batch 2', 'batch');
    await yard.enter('query 2', 'query');

    for (const name of ['running', 'query 1', 'query 2', 'batch 1']) await yard.finish(name);

    expect(yard.begun).toEqual(['running', 'query 1', 'query 2', 'batch 1', 'batch 2']);
  });

  it('hands on the outcome of a job', async () => {
    const lane = new Lane(1);
    const signal = new AbortController().signal;

    await expect(lane.run('query', signal, async () => 42)).resolves.toBe(42);
    await expect(lane.run('query', signal, () => Promise.reject(new Error('failed')))).rejects.toThrow(
      'failed',
    );
  });

  it.each(['rejects', 'throws'])('frees the place of a job that %s', async (how) => {
    const lane = new Lane(1);
    const signal = new AbortController().signal;
    const job = (): Promise<never> => {
      if (how === 'throws') throw new Error('failed');
      return Promise.reject(new Error('failed'));
    };

    await expect(lane.run('batch', signal, job)).rejects.toThrow('failed');

    await expect(
      deadline(
        lane.run('batch', signal, async () => 'next'),
        'the next',
      ),
    ).resolves.toBe('next');
  });
});

describe('a signal', () => {
  it('that has aborted lets nothing begin, also where there is a place', async () => {
    const yard = new Yard(1);
    const stop = new AbortController();
    stop.abort(new Error('left'));

    await yard.enter('late', 'query', stop);

    expect(yard.begun).toEqual([]);
    expect(yard.outcomes.get('late')).toBe('left');
  });

  it('that aborts while a job waits ends it at once, and it never begins', async () => {
    const yard = new Yard(1);
    for (const name of ['running', 'left', 'next']) await yard.enter(name);

    await yard.abort('left');
    expect(yard.outcomes.get('left')).toBe('left');

    await yard.finish('running');
    await yard.finish('next');
    expect(yard.begun).toEqual(['running', 'next']);
  });

  it('that aborts while a job runs ends the wait, and the job keeps its place', async () => {
    const yard = new Yard(1);
    for (const name of ['left', 'next']) await yard.enter(name);

    await yard.abort('left');
    expect(yard.outcomes.get('left')).toBe('left');
    expect(yard.begun).toEqual(['left']);

    await yard.fail('left');
    expect(yard.begun).toEqual(['left', 'next']);
  });

  it('that aborts after the end changes nothing', async () => {
    const yard = new Yard(1);
    await yard.enter('done');
    await yard.finish('done');

    await yard.abort('done');
    await yard.enter('next');

    expect(yard.outcomes.get('done')).toBe('done');
    expect(yard.begun).toEqual(['done', 'next']);
  });
});

/** What a lane of that size does, said as simply as can be. */
class Expected {
  readonly begun: string[] = [];
  readonly running = new Set<string>();
  waiting: { name: string; urgency: Urgency }[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  enter(name: string, urgency: Urgency): void {
    this.waiting.push({ name, urgency });
    this.#fill();
  }

  end(name: string): void {
    this.running.delete(name);
    this.#fill();
  }

  leave(name: string): void {
    this.waiting = this.waiting.filter((one) => one.name !== name);
  }

  #fill(): void {
    while (this.running.size < this.#size && this.waiting.length > 0) {
      const next = this.waiting.find(({ urgency }) => urgency === 'query') ?? this.waiting[0];
      if (!next) return;
      this.leave(next.name);
      this.running.add(next.name);
      this.begun.push(next.name);
    }
  }
}

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      'query',
      'batch',
      'query',
      'batch',
      'finish',
      'fail',
      'abort waiting',
      'abort running',
    ),
    which: fc.nat(100),
  }),
  { maxLength: 30 },
);

it('begins the same jobs as a plain list would, whatever comes, ends, fails and leaves', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), steps, async (size, list) => {
      const [yard, expected] = [new Yard(size), new Expected(size)];
      const pick = (names: string[], which: number) => names[which % Math.max(1, names.length)] ?? '';
      for (const [at, { kind, which }] of list.entries()) {
        const running = pick([...expected.running], which);
        const waiting = pick(
          expected.waiting.map(({ name }) => name),
          which,
        );
        if (kind === 'query' || kind === 'batch') {
          expected.enter(`${at}`, kind);
          await yard.enter(`${at}`, kind);
        } else if (kind === 'abort waiting') {
          expected.leave(waiting);
          await yard.abort(waiting);
        } else if (kind === 'abort running') {
          await yard.abort(running);
        } else {
          expected.end(running);
          await (kind === 'fail' ? yard.fail(running) : yard.finish(running));
        }
        expect(yard.begun).toEqual(expected.begun);
      }
    }),
    { numRuns: 60 },
  );
});
