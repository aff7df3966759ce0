import { array, assert, asyncProperty, constantFrom } from 'fast-check';
import { expect, it } from 'vitest';
import type { SessionSafety } from '../../src/contract/types.ts';
import type { Lease, SessionLife, Store, TurnEntry } from '../../src/store/store.ts';
import type { OpenStore } from './store-bench.ts';
import {
  admit,
  disclosure,
  done,
  ending,
  LEASE_MS,
  newSession,
  noRisk,
  replyOf,
  reset,
  spoken,
  token,
  wholeLog,
} from './store-bench.ts';

export function logCases(open: OpenStore): void {
  it('[P-2] numbers entries without holes, whoever appends them in whatever order', async () => {
    await using bench = await open();
    let round = 0;

    await assert(
      asyncProperty(
        array(array(constantFrom(...kinds), { maxLength: 12 }), { maxLength: 6 }),
        async (batches) => {
          round += 1;
          const writer = await writerOf(bench.store, `dense ${round}`);
          for (const batch of batches) await Promise.all(batch.map((kind) => writer.write(kind)));
          const log = await wholeLog(bench.store, writer.lease, 7);
          expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
          expect(replyOf(log, 'turn')).toBe(writer.text());
          expect((await bench.store.turn(writer.lease, 'turn'))?.text).toBe(writer.text());
        },
      ),
      { numRuns: 25 },
    );
  });

  it('serves a long reply from every cursor, live and ended', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'long', 'turn');
    for (let at = 0; at < 600; at += 1) {
      void store.append(lease, [token('turn', at, String(at % 10))], LEASE_MS);
      if (at === 300) void store.note(lease, [disclosure('in between')], {});
    }
    const text = (await lastOf(store, lease, 602)).text;

    const cursors = [0, 1, 100, 127, 128, 129, 255, 256, 257, 301, 302, 303, 599, 601, 602];
    for (const after of cursors) expect(await seqs(store, lease, after, 5)).toEqual(range(after, 602, 5));
    await store.finish(lease, ending('turn', text));
    for (const after of cursors) expect(await seqs(store, lease, after, 5)).toEqual(range(after, 603, 5));

    expect(text).toHaveLength(600);
    expect(await seqs(store, lease, 0, 10_000)).toEqual(range(0, 603, 10_000));
    expect(replyOf(await wholeLog(store, lease), 'turn')).toBe(text);
  });

  it('answers a cursor at or behind the end with nothing', async () => {
    await using bench = await open();
    const lease = await spoken(bench.store, 'end', 'turn', ['a']);

    expect(await bench.store.read(lease, 3, 10)).toEqual({ entries: [], head: 3, live: null });
    expect(await bench.store.read(lease, 99, 10)).toEqual({ entries: [], head: 3, live: null });
  });

  it('[P-5] refuses another generation, another turn and another epoch', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'fence', 'turn');
    const others: Lease[] = [
      { ...lease, generation: 2 },
      { ...lease, generation: 0 },
      { ...lease, turnId: 'other' },
      { ...lease, epoch: 'other' },
      { ...lease, tenant: 'other' },
    ];

    for (const other of others) {
      expect(await bench.store.append(other, [token('turn', 0, 'no')], LEASE_MS)).toBe('fenced');
      expect(await bench.store.finish(other, ending('turn', ''))).toBe('fenced');
    }

    expect(await wholeLog(bench.store, lease)).toHaveLength(1);
  });

  it('[P-4] skips what it has when an append is repeated', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'repeat', 'turn');
    const calls: TurnEntry[][] = [
      [token('turn', 0, 'one '), token('turn', 4, 'two ')],
      [reset('turn', ''), token('turn', 0, 'again ')],
      [reset('turn', 'aga'), reset('turn', '')],
      [token('turn', 0, 'end')],
    ];

    for (const call of calls) {
      expect(await store.append(lease, call, LEASE_MS)).toBe('appended');
      expect(await store.append(lease, call, LEASE_MS)).toBe('appended');
    }

    const log = await wholeLog(store, lease);
    expect(log.slice(1)).toEqual(calls.flat().map((entry, index) => ({ seq: index + 2, ...entry })));
  });

  it('[P-4] appends only what is new of a repeat that goes further', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'further', 'turn');
    await store.append(lease, [token('turn', 0, 'one ')], LEASE_MS);

    await store.append(lease, [token('turn', 0, 'one '), token('turn', 4, 'two')], LEASE_MS);
    await store.finish(lease, {
      ...ending('turn', 'one two'),
      entries: [token('turn', 4, 'two'), done('turn', 'one two')],
    });

    expect((await wholeLog(store, lease)).map(({ event }) => event)).toEqual([
      'turn:started',
      'therapist:token',
      'therapist:token',
      'therapist:done',
    ]);
  });

  it.each([
    ['would leave a gap', token('turn', 9, 'late')],
    ['differ from those that are there', token('turn', 0, 'other')],
    ['reach over the end', token('turn', 4, ' two')],
  ])('raises an error for words that %s, and stores nothing', async (_, entry) => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'bug', 'turn');
    await store.append(lease, [token('turn', 0, 'one t')], LEASE_MS);

    await expect(store.append(lease, [entry], LEASE_MS)).rejects.toThrow(/fit/);

    expect(await store.turn(lease, 'turn')).toMatchObject({ text: 'one t', turn: { lastSeq: 2 } });
    expect(await store.append(lease, [token('turn', 5, 'wo')], LEASE_MS)).toBe('appended');
  });

  it('[P-3] gives text back byte for byte', async () => {
    await using bench = await open();
    const words = [
      '\u0000',
      '\u2028\u2029',
      '\ufeff',
      '\u{1F9D8}\u200d\u2640\ufe0f',
      'e\u0301',
      '\u00e9',
      '\r\n',
      '"\\',
      '\ud83e\udde0',
      '\u202e',
      '</script>',
    ];
    const lease = await spoken(bench.store, 'bytes', 'turn', words);

    const log = await wholeLog(bench.store, lease);
    const texts = log.flatMap((entry) => (entry.event === 'therapist:token' ? [entry.data.text] : []));

    expect(texts).toEqual(words);
    expect((await bench.store.turn(lease, 'turn'))?.text).toBe(words.join(''));
  });

  it('keeps what it was given, whatever the caller does to it later', async () => {
    await using bench = await open();
    const { lease } = await admit(bench.store, 'mine', 'turn');
    const entry = token('turn', 0, 'said');

    await bench.store.append(lease, [entry], LEASE_MS);
    entry.data.text = 'unsaid';

    expect((await wholeLog(bench.store, lease)).at(-1)).toMatchObject({ data: { text: 'said' } });
  });

  it('[P-5] notes entries without a turn and changes the session with them, under its epoch only', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await store.create({ session: newSession('note'), createKey: null, idGiven: true });

    const safety: SessionSafety = { ...noRisk, level: 'active', mode: 'crisis' };
    expect(await store.note(session, [disclosure('hello')], { status: 'completed', safety })).toBe('noted');
    expect(await store.note({ ...session, epoch: 'other' }, [disclosure('no')], { status: 'active' })).toBe(
      'gone',
    );

    expect(await store.session(session)).toMatchObject({ status: 'completed', safety, lastSeq: 1 });
    expect(await wholeLog(store, session)).toEqual([{ seq: 1, ...disclosure('hello') }]);
  });

  it('bounds a page by what it holds, and serves an entry that is larger than a page', async () => {
    await using bench = await open();
    const { store } = bench;
    const { session } = await store.create({ session: newSession('large'), createKey: null, idGiven: true });
    const sizes = [300_000, 300_000, 300_000, 300_000, 3_000_000, 10, 10];
    for (const size of sizes) await store.note(session, [disclosure('x'.repeat(size))], {});

    expect(await seqs(store, session, 0, 100)).toEqual([1, 2, 3]);
    expect(await seqs(store, session, 3, 100)).toEqual([4]);
    expect(await seqs(store, session, 4, 100)).toEqual([5]);
    expect(await seqs(store, session, 5, 100)).toEqual([6, 7]);
    expect((await store.read(session, 0, 100))?.head).toBe(7);
  });

  it('bounds a page of words, live and ended, and gives every one of them', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'large words', 'turn');
    const word = 'x'.repeat(10_000);
    const words = Array.from({ length: 300 }, (_, index) => token('turn', index * word.length, word));
    await Promise.all(words.map((entry) => store.append(lease, [entry], LEASE_MS)));

    const live = await store.read(lease, 1, 1000);
    const whole = replyOf(await wholeLog(store, lease), 'turn');
    await store.cancel(lease, null);
    const ended = await store.read(lease, 1, 1000);

    for (const page of [live, ended]) {
      expect(page?.entries.length).toBeGreaterThan(50);
      expect(page?.entries.length).toBeLessThan(150);
    }
    expect(whole).toHaveLength(words.length * word.length);
    expect(replyOf(await wholeLog(store, lease), 'turn')).toHaveLength(whole.length);
  });

  it('tells the ends of several logs in order', async () => {
    await using bench = await open();
    const { store } = bench;
    const one = await spoken(store, 'one', 'turn', ['a', 'b']);
    const { lease: two } = await admit(store, 'two', 'turn');
    await store.append(two, [token('turn', 0, 'a')], LEASE_MS);

    expect(await store.heads([two, newSession('none'), one, { ...one, epoch: 'other' }])).toEqual([
      2,
      undefined,
      4,
      undefined,
    ]);
  });

  it('drops the words of turns that ended before a time, and keeps every text whole for every cursor', async () => {
    await using bench = await open();
    const { store } = bench;
    const old = await spoken(store, 'old', 'turn', ['a', 'b', 'c']);
    const before = await store.snapshot(old, 10);
    await bench.advance(1000);
    const ended = before?.turns[0]?.turn.endedAt ?? 0;
    const young = await spoken(store, 'young', 'turn', ['x']);
    const { lease: live } = await admit(store, 'live', 'turn');
    await store.append(live, [token('turn', 0, 'y')], LEASE_MS);

    expect(await store.compact(ended + 500)).toBe(1);
    expect(await store.compact(ended + 500)).toBe(0);

    expect((await wholeLog(store, old)).map(({ seq }) => seq)).toEqual([1, 5]);
    for (const after of [0, 1, 2, 3, 4]) {
      const page = await store.read(old, after, 10);
      expect(page?.head).toBe(5);
      expect(replyOf(page?.entries ?? [], 'turn')).toBe('abc');
    }
    expect(await store.snapshot(old, 10)).toEqual(before);
    expect(await wholeLog(store, young)).toHaveLength(3);
    expect(await wholeLog(store, live)).toHaveLength(2);
  });

  it('drops the words of many turns at once', async () => {
    await using bench = await open();
    const { store } = bench;
    await Promise.all(
      Array.from({ length: 120 }, (_, index) => spoken(store, `many ${index}`, 'turn', ['a'])),
    );
    await bench.advance(1000);

    const ended = (await store.turn(newSession('many 0'), 'turn'))?.turn.endedAt ?? 0;

    expect(await store.compact(ended + 900)).toBe(120);
  });

  it('wakes whoever watches after an append, a mark, a cancel, a note and a removal', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'watched', 'turn');
    let wakes = 0;
    using _watch = store.watch(lease, () => (wakes += 1));
    const steps = [
      () => store.append(lease, [token('turn', 0, 'a')], LEASE_MS),
      () => store.mark(lease, 'streaming', null),
      () => store.note(lease, [disclosure('note')], {}),
      () => store.cancel(lease, null),
      () => store.remove(lease),
    ];

    for (const step of steps) {
      const before = wakes;
      await step();
      await expect.poll(() => wakes, { timeout: 5000, interval: 5 }).toBeGreaterThan(before);
    }
  });

  it('tells where a watched log ends now, whatever it was told before', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'watched', 'turn');
    using _watch = store.watch(lease, () => {});
    const steps = [
      () => store.append(lease, [token('turn', 0, 'a')], LEASE_MS),
      () => store.note(lease, [disclosure('note')], {}),
      () => store.cancel(lease, null),
      () => store.remove(lease),
    ];

    for (const step of steps) {
      await step();
      const [head] = await store.heads([lease]);
      expect(head).toBe((await store.read(lease, 0, 1))?.head);
    }
  });

  it('shows a woken reader what woke it', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'woken', 'turn');
    const heads: ReturnType<Store['heads']>[] = [];
    const watch = store.watch(lease, () => heads.push(store.heads([lease])));

    await store.append(lease, [token('turn', 0, 'a')], LEASE_MS);

    await expect.poll(async () => (await Promise.all(heads)).at(-1), { timeout: 5000 }).toEqual([2]);
    watch[Symbol.dispose]();
    await Promise.all(heads);
  });

  it('wakes nobody else, nobody who left, and all others when one throws', async () => {
    await using bench = await open();
    const { store } = bench;
    const { lease } = await admit(store, 'a', 'turn');
    const woken: string[] = [];
    using _thrower = store.watch(lease, () => {
      woken.push('thrower');
      throw new Error('bad watcher');
    });
    const late: Disposable[] = [];
    using _adder = store.watch(lease, () => late.push(store.watch(lease, () => woken.push('late'))));
    const left = store.watch(lease, () => woken.push('left'));
    using _other = store.watch(newSession('b'), () => woken.push('other'));
    left[Symbol.dispose]();

    await store.append(lease, [token('turn', 0, 'a')], LEASE_MS);
    await expect.poll(() => late.length, { timeout: 5000 }).toBeGreaterThan(0);
    await store.append(lease, [token('turn', 1, 'b')], LEASE_MS);

    await expect.poll(() => woken, { timeout: 5000 }).toContain('late');
    expect(woken).not.toContain('left');
    for (let at = 2; at < 22; at += 1) await store.append(lease, [token('turn', at, 'c')], LEASE_MS);
    // some may come when a watch begins
    expect(woken.filter((name) => name === 'other').length).toBeLessThan(10);
  });
}

const kinds = ['word', 'words', 'reset', 'note', 'mark'] as const;

/** Writes to one session and keeps what its reply must be. */
async function writerOf(store: Store, sessionId: string) {
  const { lease } = await admit(store, sessionId, 'turn');
  let text = '';
  const say = (added: string) => {
    text += added;
    return token('turn', text.length - added.length, added);
  };
  const write = (kind: (typeof kinds)[number]): Promise<unknown> => {
    if (kind === 'note') return store.note(lease, [disclosure('note')], {});
    if (kind === 'mark') return store.mark(lease, 'streaming', null);
    if (kind === 'word') return store.append(lease, [say('word ')], LEASE_MS);
    if (kind === 'words') return store.append(lease, [say('\u{1F9D8}'), say(' and ')], LEASE_MS);
    text = text.slice(0, 2);
    return store.append(lease, [reset('turn', text)], LEASE_MS);
  };
  return { lease, write, text: () => text };
}

async function lastOf(store: Store, lease: Lease, seq: number) {
  await expect.poll(() => store.heads([lease]), { timeout: 10_000 }).toEqual([seq]);
  const view = await store.turn(lease, lease.turnId);
  if (!view) throw new Error('the turn is gone');
  return view;
}

async function seqs(store: Store, life: SessionLife, after: number, limit: number) {
  return (await store.read(life, after, limit))?.entries.map(({ seq }) => seq);
}

function range(after: number, last: number, limit: number): number[] {
  return Array.from({ length: Math.min(limit, last - after) }, (_, index) => after + 1 + index);
}
