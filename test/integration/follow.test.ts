import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Follow } from '../../src/chat/follow.ts';
import type { Frame } from '../../src/chat/frame.ts';
import type { Sink } from '../../src/chat/follow.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { SessionLife, Store } from '../../src/store/store.ts';
import { countStore } from '../support/count-store.ts';
import type { CountedStore } from '../support/count-store.ts';
import type { Client } from '../support/fold.ts';
import { randomFrom, seed } from '../support/random.ts';
import type { Random } from '../support/random.ts';
import { speaker } from '../support/speaker.ts';

const TURN = 'turn';

let real: Store;
let counted: CountedStore;
let follow: Follow;

beforeEach(async () => {
  real = await openSqlite({ directory: ':memory:' });
  counted = countStore(real);
  follow = new Follow(counted.store, Date.now);
});
afterEach(async () => {
  follow[Symbol.dispose]();
  await real[Symbol.asyncDispose]();
});

/** A sink that feeds a client; it is not ready while it is told to wait. */
class ClientSink implements Sink {
  readonly transport = 'sse';
  readonly client: Client;
  readonly frames: Frame[] = [];
  #blocked: PromiseWithResolvers<void> | undefined;

  constructor(client: Client) {
    this.client = client;
  }

  block(): void {
    this.#blocked ??= Promise.withResolvers<void>();
  }

  unblock(): void {
    this.#blocked?.resolve();
    this.#blocked = undefined;
  }

  push(frame: Frame): void {
    this.frames.push(frame);
    try {
      this.client.apply(frame.event, frame.data);
      if (frame.cursor !== null) this.client.at(frame.cursor);
    } catch {
      // kept by the client for whoever waits
    }
  }

  ready(): Promise<void> | undefined {
    return this.#blocked?.promise;
  }
}

/** A follower at work; disposing stops it and waits for its end. */
function begin(life: SessionLife, client: Client) {
  const stop = new AbortController();
  const sink = new ClientSink(client);
  const over = follow.run(life, client.seq, sink, stop.signal);
  return {
    sink,
    client,
    over,
    stop: () => stop.abort(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await over;
    },
  };
}

/** Lets some steps of the event loop, of three kinds, go by. */
async function jitter(random: Random): Promise<void> {
  for (let steps = random.between(0, 4); steps > 0; steps--) {
    const kind = random.between(0, 2);
    if (kind === 0) await Promise.resolve();
    else if (kind === 1) await new Promise((resolve) => setImmediate(resolve));
    else await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

describe('a follower', () => {
  test(`[P-2] that begins at the instant of an append gets it once, in 1,000 tries (scenario 7, seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const { life, say, end, client } = await speaker(real);
    await using steady = begin(life, client());
    // the second look at the log is switched off: only wake-ups count here
    counted.hold('heads');
    const late: Client[] = [];

    for (let i = 1; i <= 1_000; i++) {
      const saying = jitter(random).then(() => say(`${i} `));
      await jitter(random);
      await using follower = begin(life, steady.client.copy());
      await saying;
      await Promise.all(
        [steady.client, follower.client].map((client) =>
          client.until(({ seq }) => seq === i + 1, `entry ${i + 1}`),
        ),
      );
      expect(follower.client.text()).toBe(steady.client.text());
      late.push(follower.client);
    }
    await end();
    const { text } = await steady.client.ended(TURN);

    expect(late.every(({ counts }) => counts.repeats === 0)).toBe(true);
    expect(text).toBe(Array.from({ length: 1_000 }, (_, i) => `${i + 1} `).join(''));
  });

  test('gets all of the text when every wake-up is lost (scenario 8)', async () => {
    const { life, say, end, client } = await speaker(real);
    counted.onWake = () => {};
    await using follower = begin(life, client());
    for (const word of ['one ', 'two ', 'three']) await say(word);
    await follower.client.until(({ seq }) => seq === 4, 'three words');
    await end();

    expect(await follower.client.ended(TURN)).toMatchObject({ state: 'done', text: 'one two three' });
  });

  test('[P-4] is not moved by wake-ups that come twice and late (scenario 9)', async () => {
    const late: (() => void)[] = [];
    counted.onWake = (wake) => {
      late.push(wake);
      wake();
      wake();
    };
    const { life, say, end, client } = await speaker(real);
    await using follower = begin(life, client());
    for (let i = 0; i < 50; i++) {
      await say(`${i} `);
      late[Math.floor(i / 2)]?.();
    }
    await end();
    const { text } = await follower.client.ended(TURN);
    const frames = follower.sink.frames.length;
    for (const wake of late) wake();
    await counted.until(() => counted.calls('read') > 0, 'a read');

    expect(text).toBe(Array.from({ length: 50 }, (_, i) => `${i} `).join(''));
    expect(follower.sink.frames).toHaveLength(frames);
    expect(follower.client.counts.repeats).toBe(0);
  });

  test('[P-9] at any cursor inside dropped words gets the exact text (scenario 15)', async () => {
    const words = Array.from({ length: 40 }, (_, i) => `word${i} `);
    const { life, say, end, client } = await speaker(real);
    const live = client();
    const standing = [live.copy()];
    const steady = begin(life, live);
    for (const [i, word] of words.entries()) {
      await live.until(({ seq }) => seq === i + 1, `entry ${i + 1}`);
      standing.push(live.copy());
      await say(word);
    }
    await end();
    const { text } = await live.ended(TURN);
    await steady[Symbol.asyncDispose]();

    expect(await real.compact(Date.now() + 1)).toBe(1);
    for (const client of standing) {
      await using follower = begin(life, client);
      await follower.client.ended(TURN);
    }

    expect(text).toBe(words.join(''));
    expect(standing.map((client) => client.text())).toEqual(standing.map(() => text));
    expect(standing.map(({ seq }) => seq)).toEqual(standing.map(() => live.seq));
  });

  test('stops while its first read is still going on, and leaves nothing behind (scenario 22)', async () => {
    const { life, client } = await speaker(real);
    counted.hold('read');
    const follower = begin(life, client());
    await counted.until(() => counted.calls('read') === 1, 'the first read');
    follower.stop();
    counted.release();

    expect(await follower.over).toBe('stopped');
    expect(follower.sink.frames).toEqual([]);
    expect(follow.followers).toBe(0);
    expect(counted.watchers).toBe(0);
  });

  test('stops while it waits for its sink, and pushes nothing more (scenario 5)', async () => {
    const { life, say, client } = await speaker(real);
    const follower = begin(life, client());
    follower.sink.block();
    await say('one ');
    await follower.client.until(({ seq }) => seq > 0, 'a first frame');
    const frames = follower.sink.frames.length;
    follower.stop();
    await say('two ');
    follower.sink.unblock();
    await follower.over;

    expect(follower.sink.frames).toHaveLength(frames);
    expect(counted.watchers).toBe(0);
  });

  test('[P-4] that was held up gets what gathered in merged frames, and keeps nothing meanwhile (scenario 68)', async () => {
    const { life, say, end, client } = await speaker(real);
    await using follower = begin(life, client());
    follower.sink.block();
    await say('0 ');
    await follower.client.until(({ seq }) => seq > 0, 'a first frame');
    const frames = follower.sink.frames.length;
    const reads = counted.calls('read');
    for (let i = 1; i < 400; i++) await say(`${i} `);
    await end();

    expect(follower.sink.frames).toHaveLength(frames);
    expect(counted.calls('read')).toBe(reads);
    follower.sink.unblock();
    const { text } = await follower.client.ended(TURN);
    expect(text).toBe(Array.from({ length: 400 }, (_, i) => `${i} `).join(''));
    expect(follower.sink.frames.length - frames).toBeLessThanOrEqual(3);
    expect(follower.client.counts.merged).toBeGreaterThan(0);
  });

  test('is at the end of its log once it was settled, wake-up or not', async () => {
    const { life, say, end, client } = await speaker(real);
    await using follower = begin(life, client());
    await follower.client.until(({ seq }) => seq === 1, 'the first entry');
    counted.hold('heads');
    counted.onWake = () => {};
    await say('one ');
    await end();

    await follow.settle(10_000);

    expect(follower.client.seq).toBe(3);
  });

  test('that takes nothing is not waited for', async () => {
    const { life, say, client } = await speaker(real);
    await using follower = begin(life, client());
    follower.sink.block();
    await say('one ');

    await follow.settle(20);
    const seen = follower.client.text();
    follower.sink.unblock();

    expect(seen).toBe('');
    await follower.client.until((it) => it.text() === 'one ', 'its words, later');
  });

  test('ends when its session is deleted (section 4)', async () => {
    const { life, client } = await speaker(real);
    const follower = begin(life, client());
    await follower.client.until(({ seq }) => seq === 1, 'the first entry');
    await real.remove(life);

    expect(await follower.over).toBe('gone');
    expect(counted.watchers).toBe(0);
  });
});

describe('a thousand followers of one session', () => {
  test('share one read and one frame per entry (scenario 72)', async () => {
    const { life, say, end, client } = await speaker(real);
    const followers = Array.from({ length: 1_000 }, () => begin(life, client()));
    const [first] = followers;
    if (!first) throw new Error('nobody follows');
    const all = (seq: number) =>
      Promise.all(followers.map(({ client }) => client.until((c) => c.seq === seq, `entry ${seq}`)));
    await all(1);
    // the second look at the log, once a second, is switched off
    counted.hold('heads');
    const reads = counted.calls('read');

    for (let i = 1; i <= 20; i++) {
      await say(`${i} `);
      await all(i + 1);
    }
    const words = counted.calls('read') - reads;
    await end();
    await all(22);

    expect(words).toBe(20);
    const logged = (frames: Frame[]) => frames.filter(({ cursor }) => cursor !== null);
    const frames = new Set(followers.flatMap(({ sink }) => logged(sink.frames)));
    expect(frames.size).toBe(22);
    for (const follower of followers) follower.stop();
    await Promise.all(followers.map(({ over }) => over));
    expect(follow.followers).toBe(0);
    expect(counted.watchers).toBe(0);
  });

  test('are read for once when they come at the same moment (scenario 72)', async () => {
    const { life, say, end, client } = await speaker(real);
    await say('one ');
    await end();
    const followers = Array.from({ length: 1_000 }, () => begin(life, client()));
    await Promise.all(followers.map(({ client }) => client.ended(TURN)));

    // one from the beginning, and one from the head
    expect(counted.calls('read')).toBeLessThanOrEqual(2);
    for (const follower of followers) follower.stop();
    await Promise.all(followers.map(({ over }) => over));
  });
});
