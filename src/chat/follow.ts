// The one read loop of every follower: read from my cursor, send, wait to be woken. There is no live path beside it.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../errors.ts';
import { noMeter } from '../meter.ts';
import type { Meter, Transport } from '../meter.ts';
import type { LogRecord, SessionLife, Store, TurnRecord } from '../store/store.ts';
import { Frame } from './frame.ts';
import { gapsIn } from './gaps.ts';
import { Pulse } from './pulse.ts';
import { toCursor, toPayload } from './wire.ts';

/** Where frames go. A sink that is not ready makes its follower wait, and what gathers meanwhile is merged. */
export interface Sink {
  readonly transport: Transport;
  push(frame: Frame): void;
  /** Settles when more may be sent; undefined when it may be sent now. */
  ready(signal: AbortSignal): Promise<void> | undefined;
}

export interface Batch {
  frames: Frame[];
  /** Number of the last entry in it. */
  seq: number;
  /** Whether the log goes on behind it. */
  more: boolean;
  live: TurnRecord | null;
}

/** `gone`: it was deleted. `moved`: its log goes on under another epoch, so who follows must begin anew. [P-9] */
type Gone = 'gone' | 'moved';

/** Entries read at a time, and the most characters that one merged frame carries. */
const READ_LIMIT = 500;
const MERGE_CHARS = 65_536;
/** A lost wake-up costs at most this; the sessions followed are looked at in turns, so that it is never much at once. */
const RECHECK_MS = 1_000;
const RECHECK_TURNS = 10;
/** How often is looked whether all are at the end. */
const SETTLE_MS = 10;

/** The entry at `start`, with the tokens of its turn that follow it, up to the limit. Cuts fall between entries. [P-4] */
function mergeFrom(entries: LogRecord[], start: number): { merged: LogRecord; next: number } | undefined {
  const first = entries[start];
  if (first?.event !== 'therapist:token') return first && { merged: first, next: start + 1 };
  let { seq } = first;
  let { text } = first.data;
  let next = start + 1;
  for (; ; next++) {
    const entry = entries[next];
    const follows = entry?.event === 'therapist:token' && entry.seq === seq + 1;
    if (!follows || entry.data.turn_id !== first.data.turn_id) break;
    if (text.length + entry.data.text.length > MERGE_CHARS) break;
    text += entry.data.text;
    seq = entry.seq;
  }
  return { merged: { ...first, seq, data: { ...first.data, text } }, next };
}

function toFrames(life: SessionLife, entries: LogRecord[], after: number): Frame[] {
  const frames: Frame[] = [];
  let expected = after + 1;
  for (let run = mergeFrom(entries, 0); run; run = mergeFrom(entries, run.next)) {
    const { seq, event } = run.merged;
    // [P-2] what stands for a range says so; tokens that were dropped after the end are part of it
    const from = seq === expected ? undefined : expected;
    frames.push(new Frame(event, toPayload(life, run.merged, from), toCursor(life, seq)));
    expected = seq + 1;
  }
  return frames;
}

/** What all local followers of one session share: its wake-ups, and one read for those at the same cursor. */
class Feed {
  readonly life: SessionLife;
  /** Goes up with every wake-up; a follower that saw an older one reads again. */
  version = 0;
  head = 0;
  /** Looked at again by the recheck whatever its head is. */
  restless = false;
  followers = 0;
  /** When it was woken last, in ms by a clock that never goes back. */
  wokenAt = performance.now();
  readonly number: number;
  readonly #store: Store;
  readonly #meter: Meter;
  readonly #watch: Disposable;
  readonly #waiting = new Set<Sleeper>();
  readonly #batches = new Map<number, Promise<Batch | Gone>>();
  /** The entry that was read last, whoever it was for. */
  #last: LogRecord | undefined;

  constructor(store: Store, meter: Meter, life: SessionLife, number: number) {
    this.life = life;
    this.number = number;
    this.#store = store;
    this.#meter = meter;
    this.#watch = store.watch(life, () => this.wake());
  }

  wake(): void {
    this.version += 1;
    this.wokenAt = performance.now();
    this.#batches.clear();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const sleeper of waiting) sleeper.wake();
  }

  /** Whether all its followers have read what there is, and wait. */
  get isQuiet(): boolean {
    return this.#waiting.size >= this.followers;
  }

  read(after: number): Promise<Batch | Gone> {
    const known = this.#batches.get(after);
    if (known) return known;
    const batch = this.#read(after, READ_LIMIT);
    this.#batches.set(after, batch);
    return batch;
  }

  /** As `read`, but no frame reaches over `upTo`, where the client may stand already. [P-4] */
  readUpTo(after: number, upTo: number): Promise<Batch | Gone> {
    return this.#read(after, Math.min(READ_LIMIT, upTo - after));
  }

  async #read(after: number, limit: number): Promise<Batch | Gone> {
    const { version } = this;
    try {
      // a log is dense: so many entries end there at the latest, unless words behind it were dropped, and then an end
      // entry makes the text whole
      const page = await this.#store.read(this.life, after, limit);
      if (!page || page.head < after) return await this.#end();
      for (let left = gapsIn(page, after, this.#last); left > 0; left--) this.#meter.gap();
      this.#last = page.entries.at(-1) ?? this.#last;
      this.head = page.head;
      this.restless = page.live !== null;
      const seq = page.entries.at(-1)?.seq ?? after;
      return {
        frames: toFrames(this.life, page.entries, after),
        seq,
        // an end that nothing leads to is not waited for
        more: seq < page.head && page.entries.length > 0,
        live: page.live,
      };
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'STORE_UNAVAILABLE')) throw error;
      this.restless = true;
      return { frames: [], seq: after, more: false, live: null };
    } finally {
      // whoever reads from here next reads anew; a wake-up has done the same
      if (this.version === version) this.#batches.delete(after);
    }
  }

  async #end(): Promise<Gone> {
    const isThere = (await this.#store.session(this.life)) !== undefined;
    return isThere && !(await this.#store.wasRemoved(this.life)) ? 'moved' : 'gone';
  }

  sleeper(signal: AbortSignal): Sleeper {
    return new Sleeper(this.#waiting, signal);
  }

  /** Level-triggered: undefined when anything happened since `seen`. */
  changed(seen: number, sleeper: Sleeper): Promise<void> | undefined {
    return this.version === seen ? sleeper.sleep() : undefined;
  }

  close(): void {
    this.#watch[Symbol.dispose]();
  }
}

/** One follower where it waits, for its feed or until its signal aborts: with one listener for all its waits, one for each word. */
class Sleeper implements Disposable {
  readonly #all: Set<Sleeper>;
  readonly #signal: AbortSignal;
  #resume: (() => void) | undefined;

  /** `all`: who is woken by the feed, itself among them while it sleeps. */
  constructor(all: Set<Sleeper>, signal: AbortSignal) {
    this.#all = all;
    this.#signal = signal;
    signal.addEventListener('abort', this.wake);
  }

  sleep(): Promise<void> | undefined {
    if (this.#signal.aborted) return undefined;
    this.#all.add(this);
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  readonly wake = (): void => this.#resume?.();

  [Symbol.dispose](): void {
    this.#all.delete(this);
    this.#signal.removeEventListener('abort', this.wake);
  }
}

/** To the count of a name; one that is none is forgotten. */
function add(counts: Map<string, number>, name: string, change: number): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}

export class Follow implements Disposable {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #meter: Meter;
  readonly #feeds = new Map<string, Feed>();
  readonly #recheck: NodeJS.Timeout;
  /** By epoch: all readers, and those of them who are not counted. */
  readonly #counts = new Map<string, number>();
  readonly #onlookers = new Map<string, number>();
  #opened = 0;
  #lookedAt = 0;

  constructor(store: Store, now: () => number, meter: Meter = noMeter) {
    this.#store = store;
    this.#now = now;
    this.#meter = meter;
    this.#recheck = setInterval(() => void this.#lookAgain(), RECHECK_MS / RECHECK_TURNS);
    this.#recheck.unref();
  }

  /** Followers at work now. */
  get followers(): number {
    let count = 0;
    for (const feed of this.#feeds.values()) count += feed.followers;
    return count;
  }

  /** Followers at work now on the life of a session with this epoch: sockets, streams, and polls that wait. */
  followersOf(epoch: string): number {
    return Math.max(0, (this.#counts.get(epoch) ?? 0) - (this.#onlookers.get(epoch) ?? 0));
  }

  /** Followers at work now by epoch, without those who are not counted. */
  look(): Map<string, number> {
    const counts = [...this.#counts.keys()].map((epoch): [string, number] => [
      epoch,
      this.followersOf(epoch),
    ]);
    return new Map(counts.filter(([, count]) => count > 0));
  }

  /** Until it is disposed of, one reader of the session is no follower of it: a person behind the server looks on. */
  lookOn({ epoch }: SessionLife): Disposable {
    add(this.#onlookers, epoch, 1);
    return { [Symbol.dispose]: () => add(this.#onlookers, epoch, -1) };
  }

  /**
   * Sends everything behind `after` to the sink, in order, each entry once, until `signal` aborts (`stopped`) or the
   * session lives no more under this epoch (`gone`, `moved`). Memory does not grow with how far the sink is behind. No frame
   * reaches over `sent`, the last entry this client got before, if that lies behind `after`.
   */
  async run(
    life: SessionLife,
    after: number,
    sink: Sink,
    signal: AbortSignal,
    sent = after,
  ): Promise<'stopped' | Gone> {
    using held = this.#hold(life);
    using meter = this.#meter.follower(sink.transport);
    const { feed } = held;
    using sleeper = feed.sleeper(signal);
    const pulse = new Pulse();
    let cursor = after;
    // what keeps a frame back is counted from here: neither what came before this follower, nor a client that takes nothing
    let since = performance.now();
    for (;;) {
      const seen = feed.version;
      const batch = await (cursor < sent ? feed.readUpTo(cursor, sent) : feed.read(cursor));
      if (signal.aborted) return 'stopped';
      if (typeof batch === 'string') return batch;
      const news = batch.more ? [] : pulse.next(life, batch.live, batch.frames.length > 0, this.#now());
      for (const frame of [...batch.frames, ...news]) {
        sink.push(frame);
        meter.sent(frame.bytes, performance.now() - since, frame.wordsOf);
        const ready = sink.ready(signal);
        if (!ready) continue;
        meter.is('paused');
        await ready;
        since = performance.now();
        if (signal.aborted) return 'stopped';
      }
      cursor = batch.seq;
      meter.is(batch.more ? 'behind' : 'live');
      if (batch.more) since = performance.now();
      else await feed.changed(seen, sleeper);
      since = Math.max(since, feed.wokenAt);
      if (signal.aborted) return 'stopped';
    }
  }

  /** What lies behind `after`, as soon as there is any of it; `stopped` when `signal` aborts first. */
  async next(
    life: SessionLife,
    after: number,
    signal: AbortSignal,
    transport: Transport = 'poll',
  ): Promise<Batch | Gone | 'stopped'> {
    using held = this.#hold(life);
    using meter = this.#meter.follower(transport);
    meter.is('live');
    const { feed } = held;
    using sleeper = feed.sleeper(signal);
    let since = performance.now();
    for (;;) {
      const seen = feed.version;
      const batch = await feed.read(after);
      if (typeof batch === 'string') return batch;
      if (batch.frames.length > 0) {
        for (const { bytes, wordsOf } of batch.frames) meter.sent(bytes, performance.now() - since, wordsOf);
        return batch;
      }
      if (signal.aborted) return 'stopped';
      await feed.changed(seen, sleeper);
      since = Math.max(since, feed.wokenAt);
    }
  }

  /** Has every follower look again, and resolves once all are at the end of their logs, or after `ms`: a client may take nothing. */
  async settle(ms: number): Promise<void> {
    const until = performance.now() + ms;
    for (const feed of this.#feeds.values()) feed.wake();
    while (performance.now() < until) {
      await sleep(SETTLE_MS);
      if ([...this.#feeds.values()].every((feed) => feed.isQuiet)) return;
    }
  }

  #hold(life: SessionLife): Disposable & { feed: Feed } {
    const key = JSON.stringify([life.tenant, life.sessionId, life.epoch]);
    const feed = this.#feeds.get(key) ?? new Feed(this.#store, this.#meter, life, ++this.#opened);
    this.#feeds.set(key, feed);
    feed.followers += 1;
    add(this.#counts, life.epoch, 1);
    return {
      feed,
      [Symbol.dispose]: () => {
        feed.followers -= 1;
        add(this.#counts, life.epoch, -1);
        if (feed.followers > 0) return;
        this.#feeds.delete(key);
        feed.close();
      },
    };
  }

  async #lookAgain(): Promise<void> {
    this.#lookedAt = (this.#lookedAt + 1) % RECHECK_TURNS;
    const feeds = [...this.#feeds.values()].filter((feed) => feed.number % RECHECK_TURNS === this.#lookedAt);
    if (feeds.length === 0) return;
    const heads = await this.#store.heads(feeds.map((feed) => feed.life)).catch(() => undefined);
    feeds.forEach((feed, i) => {
      if (feed.restless || (heads && heads[i] !== feed.head)) feed.wake();
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#recheck);
  }
}
