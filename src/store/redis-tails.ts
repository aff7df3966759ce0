// The end of the logs that are followed on this node: what it has appended itself need not be read back. An entry here was
// acknowledged by Redis before, so it never changes; what may have changed since is read anew.
import type { RedisPage } from './redis-reads.ts';
import type { LogPage, LogRecord, SessionLife, TurnEntry, TurnRecord } from './store.ts';
import { Bounded } from './bounded.ts';
import { isWords } from './fold.ts';

/** Entries kept of one log, about. */
const KEPT = 256;
/** Sessions of which it is kept how far they went. */
const SEEN_KEPT = 20_000;

interface Tail {
  /** How many follow it here. */
  count: number;
  epoch: string;
  head: number;
  /** Without holes, up to `head`. */
  entries: LogRecord[];
  live: TurnRecord | null;
  /** Whether nothing is known to have happened since. */
  isFresh: boolean;
  /** Up to where the appends of this node that are under way will lead. */
  coming: number;
  /** Goes up with everything that may make a read old. */
  version: number;
}

export class RedisTails {
  readonly #byBase = new Map<string, Tail>();
  /** How far Redis said a log went, also of sessions that nobody follows here any more. */
  readonly #seen = new Bounded<{ epoch: string; head: number }>(SEEN_KEPT);

  /** Somebody follows this session here. */
  hold(base: string): Disposable {
    const known = this.#byBase.get(base);
    const tail = known ?? newTail();
    this.#byBase.set(base, tail);
    tail.count += 1;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        tail.count -= 1;
        if (tail.count === 0) this.#byBase.delete(base);
      },
    };
  }

  /** Whether a wake-up tells nothing new. Else what is here is old. */
  isKnown(base: string, message: string): boolean {
    const tail = this.#byBase.get(base);
    if (!tail) return false;
    const seq = message === '' ? Number.POSITIVE_INFINITY : Number(message);
    if (tail.isFresh && seq <= Math.max(tail.head, tail.coming)) return true;
    spoil(tail);
    return false;
  }

  /** What Redis says of the end of a log; undefined: it is not there any more. */
  compare(base: string, head: number | undefined): void {
    const tail = this.#byBase.get(base);
    if (!tail) return;
    const isShorter = head === undefined || head < tail.head;
    if (isShorter || head > Math.max(tail.head, tail.coming)) spoil(tail);
  }

  /** Something may have changed. */
  spoil(base: string): void {
    const tail = this.#byBase.get(base);
    if (tail) spoil(tail);
  }

  /** How far a log went by what Redis acknowledged here, where that is further than `head`; else undefined. */
  beyond(base: string, epoch: string, head: number): number | undefined {
    const seen = this.#seen.get(base);
    return seen?.epoch === epoch && head < seen.head ? seen.head : undefined;
  }

  /** Redis has so much of a log. */
  saw(base: string, epoch: string, head: number): void {
    this.#seen.set(base, { epoch, head });
  }

  /** For `read`, before it is read. */
  version(base: string): number {
    return this.#byBase.get(base)?.version ?? 0;
  }

  page(base: string, life: SessionLife, after: number, limit: number): LogPage | undefined {
    const tail = this.#byBase.get(base);
    if (!tail?.isFresh || tail.epoch !== life.epoch || after > tail.head) return undefined;
    const first = tail.head - tail.entries.length;
    if (after < first) return undefined;
    const entries = tail.entries.slice(after - first, after - first + limit);
    return { entries, head: tail.head, live: tail.live };
  }

  /** Keeps what was read, if it leads up to the end, and nothing happened since `version` was asked for. */
  read(base: string, life: SessionLife, after: number, found: RedisPage, version: number): void {
    const tail = this.#byBase.get(base);
    const { page, end } = found;
    const { entries, head, live } = page;
    this.saw(base, life.epoch, end);
    if (tail?.version !== version || head !== end || (entries.at(-1)?.seq ?? after) !== head) return;
    const first = entries[0]?.seq ?? head + 1;
    const isDense = head - first + 1 === entries.length;
    const kept = isDense ? entries.slice(-KEPT) : [];
    Object.assign(tail, { epoch: life.epoch, head, entries: kept, live, isFresh: true, coming: head });
  }

  /** An append of this node is under way. */
  begin(base: string, entries: readonly TurnEntry[]): void {
    const tail = this.#byBase.get(base);
    if (tail) tail.coming = Math.max(tail.coming, tail.head + entries.length);
  }

  /** These were appended, up to that number; it may be that others came before them. */
  appended(base: string, epoch: string, entries: readonly TurnEntry[], seq: number): void {
    const tail = this.#byBase.get(base);
    this.saw(base, epoch, seq);
    if (!tail) return;
    const follows = tail.isFresh && tail.epoch === epoch && seq === tail.head + entries.length;
    if (!follows) {
      spoil(tail);
      return;
    }
    tail.version += 1;
    for (const entry of entries) {
      if (!isWords(entry)) continue;
      tail.head += 1;
      tail.entries.push(numbered(entry, tail.head));
    }
    if (tail.entries.length > 2 * KEPT) tail.entries = tail.entries.slice(-KEPT);
    if (tail.live) tail.live = { ...tail.live, lastSeq: seq, length: lengthAfter(entries, tail.live.length) };
  }
}

const newTail = (): Tail => ({
  count: 0,
  epoch: '',
  head: 0,
  entries: [],
  live: null,
  isFresh: false,
  coming: 0,
  version: 0,
});

function spoil(tail: Tail): void {
  tail.isFresh = false;
  tail.version += 1;
}

function lengthAfter(entries: readonly TurnEntry[], before: number): number {
  const last = entries.at(-1);
  if (!last) return before;
  return last.event === 'therapist:token' ? last.data.at + last.data.text.length : last.data.text.length;
}

function numbered(entry: TurnEntry, seq: number): LogRecord {
  const record: LogRecord =
    entry.event === 'therapist:token'
      ? { seq, event: entry.event, data: { ...entry.data } }
      : { seq, event: entry.event, data: { ...entry.data } };
  Object.freeze(record.data);
  return Object.freeze(record);
}
