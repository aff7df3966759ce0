// What a follower tells whoever measures: never more than is true, and every hole.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Follow } from '../../src/chat/follow.ts';
import type { Sink } from '../../src/chat/follow.ts';
import { noMeter } from '../../src/meter.ts';
import type { Meter } from '../../src/meter.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { LogPage, Store } from '../../src/store/store.ts';
import { startApp } from '../support/app.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { speaker } from '../support/speaker.ts';

afterEach(() => vi.restoreAllMocks());

/** Keeps what it is told. */
class Noted {
  gaps = 0;
  readonly delays: number[] = [];
  #live = Promise.withResolvers<void>();
  readonly meter: Meter = {
    ...noMeter,
    gap: () => void (this.gaps += 1),
    follower: () => ({
      sent: (_bytes, afterMs) => void this.delays.push(afterMs),
      is: (state) => {
        if (state === 'live') this.#live.resolve();
      },
      [Symbol.dispose]: () => {},
    }),
  };

  /** Resolves when a follower that comes from now on has all there is. */
  live(): Promise<void> {
    this.#live = Promise.withResolvers<void>();
    return this.#live.promise;
  }
}

/** A store in memory whose pages go through `spoil`, and who reads it. */
async function open(spoil: (page: LogPage) => void = () => {}) {
  const resources = new AsyncDisposableStack();
  const real = resources.use(await openSqlite({ directory: ':memory:' }));
  const read = async (run: () => Promise<unknown>) => {
    const page = (await run()) as LogPage;
    const copy = { ...page, entries: [...page.entries] };
    spoil(copy);
    return copy;
  };
  const store: Store = faultyStore(real, { read });
  const noted = new Noted();
  const follow = resources.use(new Follow(store, Date.now, noted.meter));
  return { ...(await speaker(real)), follow, noted, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** A client that gets frames; resolves once it has entry `seq`. */
class Taker implements Sink {
  readonly transport = 'sse';
  readonly stop = new AbortController();
  readonly #last: number;
  readonly #has = Promise.withResolvers<void>();
  readonly #wait: () => Promise<void> | undefined;

  constructor(last: number, wait: () => Promise<void> | undefined = () => undefined) {
    this.#last = last;
    this.#wait = wait;
  }

  get has(): Promise<void> {
    return this.#has.promise;
  }

  push(frame: { seq: number }): void {
    if (frame.seq >= this.#last) this.#has.resolve();
  }

  ready(): Promise<void> | undefined {
    return this.#wait();
  }
}

describe('gaps', () => {
  test('are none in a conversation, at whatever cursor it is read, before and after words were dropped', async () => {
    await using scene = await open();
    const { life, say, end, follow, noted } = scene;
    const words = Array.from({ length: 30 }, (_, i) => `word${i} `);
    for (const word of words) await say(word);
    const head = words.length + 1;
    for (let after = 0; after < head; after += 3) await follow.next(life, after, AbortSignal.abort());
    await end();
    for (let after = 0; after <= head; after += 3) await follow.next(life, after, AbortSignal.abort());

    expect(noted.gaps).toBe(0);
  });

  test('are told where a store loses an entry, repeats words between two reads, or loses its end', async () => {
    let fault: (page: LogPage) => void = () => {};
    await using scene = await open((page) => fault(page));
    const { life, say, follow, noted } = scene;
    for (const word of ['I ', 'am ', 'here']) await say(word);
    const read = (after: number) => follow.next(life, after, AbortSignal.abort());

    const told: number[] = [];
    const faults: [number, (page: LogPage) => void][] = [
      [0, (page) => void page.entries.splice(2, 1)],
      [0, (page) => void page.entries.splice(1, 1)],
      [1, (page) => void page.entries.splice(0)],
    ];
    for (const [after, spoil] of faults) {
      const before = noted.gaps;
      fault = spoil;
      await read(after);
      told.push(noted.gaps - before);
    }
    expect(told).toEqual([1, 1, 1]);
  });

  test('are told where words come twice in two reads', async () => {
    let isTwice = false;
    await using scene = await open((page) => {
      const [entry] = page.entries;
      if (isTwice && entry?.event === 'therapist:token')
        page.entries[0] = { ...entry, data: { ...entry.data, at: entry.data.at - 2 } };
    });
    const { life, say, follow, noted } = scene;
    const last = new Taker(3);
    const running = follow.run(life, 0, last, last.stop.signal);
    await say('I ');
    await say('am ');
    await last.has;
    const more = new Taker(4);
    const following = follow.run(life, 3, more, more.stop.signal);
    isTwice = true;
    await say('here');
    await more.has;
    for (const { stop } of [last, more]) stop.abort();
    await Promise.all([running, following]);

    expect(noted.gaps).toBeGreaterThan(0);
  });
});

describe('how long a frame was on its way', () => {
  test('is not counted from before its follower came, nor while the client took nothing', async () => {
    let now = 1_000;
    await using scene = await open();
    const { life, say, follow, noted } = scene;
    await say('I ');
    await say('am ');
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const stop = new AbortController();
    const isIdle = noted.live();
    const idle = follow.run(life, 0, new Taker(3), stop.signal);
    await isIdle;
    now += 3_600_000;
    const slow = new Taker(3, () => {
      now += 60_000;
      return Promise.resolve();
    });
    const isThere = noted.live();
    const late = follow.run(life, 0, slow, stop.signal);
    await isThere;
    await follow.next(life, 0, AbortSignal.abort());
    stop.abort();
    await Promise.all([idle, late]);

    expect(noted.delays.length).toBeGreaterThan(4);
    expect(new Set(noted.delays)).toEqual(new Set([0]));
  });
});

test('a stream that has said everything ended, and one whose client left closed', async () => {
  const reasons: string[] = [];
  const told = Promise.withResolvers<void>();
  const connected: Meter['connected'] = () => (reason) => {
    reasons.push(reason);
    if (reasons.length === 2) told.resolve();
  };
  await using app = await startApp({ meter: { ...noMeter, connected } });
  const turn = await fetch(`${app.url}/api/v1/session/s/input`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
    body: JSON.stringify({ user_input: 'hello' }),
  });
  await turn.text();
  const leaving = new AbortController();
  await fetch(`${app.url}/api/v1/session/s/events`, { signal: leaving.signal });
  leaving.abort();

  await told.promise;

  expect(reasons).toEqual(['ended', 'closed']);
});
