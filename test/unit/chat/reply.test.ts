// The words of a turn on their way into the log.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Fenced, insist, Reply } from '../../../src/chat/reply.ts';
import { AppError } from '../../../src/errors.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import type { Lease, LogRecord, Store } from '../../../src/store/store.ts';
import { admit, LEASE_MS, wholeLog } from '../../conformance/store-bench.ts';
import { countStore } from '../../support/count-store.ts';
import type { CountedStore } from '../../support/count-store.ts';
import { fakeClock, hurry } from '../../support/hurry.ts';
import { deadline } from '../../support/wait.ts';

const never = new AbortController().signal;

let counted: CountedStore;
let lease: Lease;
let reply: Reply;
beforeEach(async () => {
  counted = countStore(await openSqlite({ directory: ':memory:' }));
  ({ lease } = await admit(counted.store, 's', 'turn'));
  reply = new Reply(counted.store, lease, LEASE_MS, '', never);
});
afterEach(() => counted.store[Symbol.asyncDispose]());

/** What the log says of the reply, in order. */
async function said(): Promise<string[]> {
  const one = ({ event, data }: LogRecord) => {
    if (event === 'therapist:token') return [`${data.at}:${data.text}`];
    return event === 'therapist:reset' ? [`reset to ${data.text} for ${data.cause}`] : [];
  };
  return (await wholeLog(counted.store, lease)).flatMap(one);
}

describe('words', () => {
  test('are one entry each while the store keeps up', async () => {
    for (const word of ['take ', 'your ', 'time']) {
      reply.push(word);
      await reply.stored();
    }

    expect(await said()).toEqual(['0:take ', '5:your ', '10:time']);
  });

  test('that come while an append is in flight go together with the next one', async () => {
    counted.hold('append');
    for (const word of ['take ', 'your ', 'own ', 'time']) reply.push(word);
    counted.release();
    await reply.stored();

    expect(await said()).toEqual(['0:take ', '5:your own time']);
    expect(counted.calls('append')).toBe(2);
  });

  test('gather for a moment behind those that were sent, where an append is dear', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], fakeNodeBuiltins: true });
    using _real = { [Symbol.dispose]: () => void vi.useRealTimers() };
    const sent: string[] = [];
    const append: Store['append'] = async (_lease, entries) => {
      sent.push(entries.map(({ data }) => data.text).join('|'));
      return 'appended';
    };
    const own: Partial<Store> = { gatherMs: 25, append };
    const dear = new Proxy(counted.store, {
      get: (real, key) => Reflect.get(own, key) ?? Reflect.get(real, key),
    });
    const slow = new Reply(dear, lease, LEASE_MS, '', never);
    slow.push('take ');
    slow.push('your ');
    slow.push('own ');
    await vi.advanceTimersByTimeAsync(24);
    const meanwhile = [...sent];
    await vi.advanceTimersByTimeAsync(1);
    const later = [...sent];
    slow.push('time');
    await slow.stored();

    expect(meanwhile).toEqual(['take ']);
    expect(later).toEqual(['take ', 'your own ']);
    expect(sent).toEqual(['take ', 'your own ', 'time']);
  });

  test('are all in the text before they are stored', () => {
    reply.push('take ');
    reply.push('your time');

    expect(reply.text).toBe('take your time');
  });

  test('that are none make no entry', async () => {
    reply.push('');
    await reply.stored();

    expect(counted.calls('append')).toBe(0);
  });

  test('go on behind those an earlier owner left', async () => {
    const words = 'take ';
    reply.push(words);
    await reply.stored();
    const next = new Reply(counted.store, lease, LEASE_MS, words, never);

    next.push('your time');
    await next.stored();

    expect(await said()).toEqual(['0:take ', '5:your time']);
  });

  test('never end in half a surrogate pair: it waits for the other half', async () => {
    reply.push('all \ud83d');
    await reply.room();
    expect(reply.text).toBe('all ');

    reply.push('\ude0a well');
    await reply.stored();

    expect((await said()).join('')).toBe('0:all 4:😊 well');
  });

  test('whose last half of a pair never comes end in U+FFFD', async () => {
    reply.push('all \ud83d');
    await reply.stored();

    expect(reply.text).toBe('all \ufffd');
  });
});

describe('a reset', () => {
  test('keeps the order of what was said before and after it', async () => {
    counted.hold('append');
    reply.push('take ');
    reply.push('your ');
    reply.reset('', 'begun_anew');
    reply.push('well');
    counted.release();
    await reply.stored();

    expect(await said()).toEqual(['0:take ', '5:your ', 'reset to  for begun_anew', '0:well']);
    expect(reply.text).toBe('well');
  });

  test('drops a half of a pair that waited', async () => {
    reply.push('all \ud83d');
    reply.reset('', 'begun_anew');
    reply.push('\ude0a');
    await reply.stored();

    expect(reply.text).toBe('\ufffd');
  });
});

describe('room', () => {
  test('is given at once while little waits', async () => {
    counted.hold('append');
    reply.push('take ');
    reply.push('your time');

    expect(reply.room()).toBeUndefined();

    expect(counted.calls('append')).toBe(1);
  });

  test('is given only once the store has taken a quarter of a million characters', async () => {
    counted.hold('append');
    reply.push('first');
    reply.push('x'.repeat(262_145));
    let isGiven = false;
    const room = Promise.resolve(reply.room()).then(() => {
      isGiven = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    const before = isGiven;
    counted.release();
    await deadline(room, 'room');

    expect(before).toBe(false);
    expect(counted.calls('append')).toBe(2);
  });
});

describe('[P-5] once the turn is over in the store', () => {
  test('whoever waits is told, and nothing more is appended', async () => {
    await counted.store.cancel(lease, 'turn');
    reply.push('late');

    await expect(reply.stored()).rejects.toBeInstanceOf(Fenced);
    reply.push('later');
    expect(() => reply.room()).toThrow(Fenced);
    expect(counted.calls('append')).toBe(1);
    expect(await said()).toEqual([]);
  });
});

describe('a step that is insisted on', () => {
  const unavailable = () => Promise.reject(new AppError('STORE_UNAVAILABLE'));

  test('is taken again until the store answers it', async () => {
    using _clock = fakeClock();
    let calls = 0;
    const step = () => (++calls < 5 ? unavailable() : Promise.resolve('stored'));

    expect(await hurry(insist(step, never), 'the step')).toBe('stored');
  });

  test('is given up after half a minute', async () => {
    using _clock = fakeClock();
    let calls = 0;
    const step = () => (calls++, unavailable());

    await expect(hurry(insist(step, never), 'the step')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    // one every 250 ms
    expect(calls).toBe(121);
  });

  test('is given up when its signal aborts', async () => {
    const stop = new AbortController();
    let calls = 0;
    const step = () => {
      if (++calls === 2) stop.abort();
      return unavailable();
    };

    await expect(insist(step, stop.signal)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(calls).toBe(2);
  });

  test('that fails in another way is not taken again', async () => {
    let calls = 0;
    const bug = new TypeError('a bug');

    await expect(insist(() => (calls++, Promise.reject(bug)), never)).rejects.toBe(bug);
    expect(calls).toBe(1);
  });
});
