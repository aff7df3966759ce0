// The entries of all sessions: words of live turns in the journal and in memory, everything else in `log`.
import type { DatabaseSync } from 'node:sqlite';
import type { Row } from './columns.ts';
import type { Step } from './group-commit.ts';
import type { LiveTurn, LiveTurns } from './live-turns.ts';
import type { Place } from './sqlite-keys.ts';
import type { LogRecord, NewEntry, TurnEntry } from './store.ts';
import type { Sealer } from './vault.ts';
import { numberOf, textOf } from './columns.ts';
import { fold, isWords } from './fold.ts';
import { entryOf, journalOf, WORDS, wordsOf } from './sqlite-records.ts';
import { charsOf } from './vault.ts';

/**
 * Entries of words kept in the journal per live turn before they are packed: what crash recovery and memory cost. Up to
 * twice as many, by session, so that turns that began together are not packed in one commit.
 */
const TAIL_KEPT = 128;
/**
 * Rows of the journal that are left behind by their turns before they are deleted, all at once: rows of one turn lie on
 * many pages, rows that follow each other on few.
 */
const TRIM_ROWS = 4096;
/** A turn whose words are that many rows behind the newest holds up the trimming, and is packed. */
const PINNED_ROWS = 16 * TRIM_ROWS;
/** What the entries of a page may have in all: characters of stored records, about. */
const PAGE_CHARS = 1_000_000;
/** What an entry of words has besides them, about. */
const WORDS_FRAME_CHARS = 120;

/** Where entries are added: a session, its last entry so far, and its live turn if it has one. */
export interface LogEnd extends Place {
  head: number;
  readonly live: LiveTurn | undefined;
}

export class SqliteLog {
  readonly #lives: LiveTurns;
  readonly #statements;
  /** The newest row of the journal, and up to where it was trimmed. */
  #lastRow = 0;
  #trimmedTo = 0;
  /** Rows of the journal by session, so that nobody has to look for them. Replaced, never changed, but for its ends. */
  #rows = new Map<number, number[]>();

  constructor(db: DatabaseSync, lives: LiveTurns) {
    this.#lives = lives;
    this.#statements = {
      insert: db.prepare('INSERT INTO log (session, last_seq, event, data) VALUES (?, ?, ?, ?)'),
      after: db.prepare('SELECT * FROM log WHERE session = ? AND last_seq > ? ORDER BY last_seq'),
      latest: db.prepare(
        // without the hint a session that never had any is read whole
        'SELECT * FROM log INDEXED BY log_notices WHERE session = ? AND event = ? ' +
          "AND event IN ('disclosure', 'safety:resources') ORDER BY last_seq DESC LIMIT 1",
      ),
      since: db.prepare(
        'SELECT * FROM log WHERE session = ? AND last_seq >= ? AND event = ? ORDER BY last_seq',
      ),
      dropWords: db.prepare(
        `DELETE FROM log WHERE session = ? AND last_seq BETWEEN ? AND ? AND event = '${WORDS}'`,
      ),
      drop: db.prepare('DELETE FROM log WHERE session = ?'),
      journal: db.prepare('INSERT INTO journal (session, seq, data) VALUES (?, ?, ?)'),
      trim: db.prepare('DELETE FROM journal WHERE id < ?'),
      dropJournal: db.prepare('DELETE FROM journal WHERE id = ? AND session = ?'),
      journaled: db.prepare('SELECT * FROM journal ORDER BY seq, id'),
    };
  }

  /** Adds words to a live turn: one row, whatever their number. */
  appendWords(step: Step, live: LiveTurn, entries: TurnEntry[]): void {
    if (entries.length === 0) return;
    if (live.tail.length >= TAIL_KEPT + (live.session % TAIL_KEPT)) this.#pack(step, live);
    const { tail, head } = live;
    const kept = tail.length;
    step.undo(() => {
      tail.length = kept;
    });
    const words = entries.map((entry, index) => numbered(entry, head + 1 + index));
    const sealed = journalOf.seal(words, live.sealer, head + 1);
    const row = this.#statements.journal.run(live.session, head + 1, sealed);
    this.#lastRow = Number(row.lastInsertRowid);
    this.#note(step, live.session, this.#lastRow);
    tail.push(...words.map(frozen));
    const text = entries.reduce(fold, live.text);
    this.#lives.change(step, live, {
      text,
      journalFrom: live.journalFrom ?? this.#lastRow,
      head: head + entries.length,
      turn: { ...live.turn, length: text.length, lastSeq: head + entries.length },
    });
  }

  /** Adds entries that are no words, and moves the end on. */
  append(step: Step, end: LogEnd, entries: NewEntry[]): void {
    if (entries.length === 0) return;
    if (end.live) this.#pack(step, end.live);
    for (const entry of entries) {
      if (isWords(entry)) throw new Error(`${entry.event} can only be appended to a live turn`);
      end.head += 1;
      const data = entryOf.seal({ ...entry, seq: end.head }, end.sealer, end.head);
      this.#statements.insert.run(end.session, end.head, entry.event, data);
    }
    if (end.live) this.#lives.change(step, end.live, { head: end.head });
  }

  /** Entries behind `after`: at most `limit`, and of those past the first only what fits into a page. */
  read(place: Place, live: LiveTurn | undefined, after: number, limit: number): LogRecord[] {
    const page: LogRecord[] = [];
    let chars = 0;
    for (const row of this.#behind(place, live, after)) {
      for (const entry of row.entries) {
        if (entry.seq <= after) continue;
        chars += isWords(entry) ? entry.data.text.length + WORDS_FRAME_CHARS : row.chars;
        if (page.length > 0 && chars > PAGE_CHARS) return page;
        page.push(entry);
        if (page.length >= limit) return page;
      }
    }
    return page;
  }

  /** The latest entry of each of these events, ascending. */
  latest({ session, sealer }: Place, events: readonly string[]): LogRecord[] {
    return events
      .flatMap((event) => this.#statements.latest.all(session, event))
      .flatMap((row) => entriesOf(row, sealer))
      .sort((a, b) => a.seq - b.seq);
  }

  /** The entries of that event from that number on; what lies there is read through. */
  since({ session, sealer }: Place, seq: number, event: string): LogRecord[] {
    return this.#statements.since.all(session, seq, event).flatMap((row) => entriesOf(row, sealer));
  }

  /** Drops the words of an ended turn. */
  dropWords(session: number, firstSeq: number, lastSeq: number): void {
    this.#statements.dropWords.run(session, firstSeq, lastSeq);
  }

  /** Drops everything of a session. */
  drop(session: number): void {
    this.#statements.drop.run(session);
    for (const row of this.#rows.get(session) ?? []) this.#statements.dropJournal.run(row, session);
  }

  /** Deletes the rows of the journal that lie before all words still needed there. */
  trim(step: Step): void {
    const needed = this.#lives.journaled().map(({ journalFrom }) => journalFrom ?? Infinity);
    const from = Math.min(...needed, Number.MAX_SAFE_INTEGER);
    if (this.#statements.trim.run(from).changes > 0) this.#forget(step, from);
    // An empty journal numbers its rows from 1 again.
    this.#trimmedTo = needed.length > 0 ? from : 0;
  }

  /** What the journal holds of these sessions, by session. Words that were packed may still be among them. */
  journaled(places: readonly Place[]): Map<number, JournalRow[]> {
    const sealers = new Map(places.map(({ session, sealer }) => [session, sealer]));
    const rows = this.#statements.journaled.all().flatMap((row) => {
      const session = numberOf(row, 'session');
      this.#add(session, numberOf(row, 'id'));
      const sealer = sealers.get(session);
      if (!sealer) return [];
      const words = journalOf.open(textOf(row, 'data'), sealer, numberOf(row, 'seq')).map(frozen);
      return [{ id: numberOf(row, 'id'), session, words }];
    });
    return Map.groupBy(rows, ({ session }) => session);
  }

  #add(session: number, row: number): number[] {
    const rows = this.#rows.get(session) ?? [];
    this.#rows.set(session, rows);
    rows.push(row);
    return rows;
  }

  /** Keeps that a row of the journal is of that session. */
  #note(step: Step, session: number, row: number): void {
    const rows = this.#add(session, row);
    step.undo(() => rows.pop());
  }

  /** The rows of the journal before that one are gone. */
  #forget(step: Step, from: number): void {
    const before = this.#rows;
    step.undo(() => {
      this.#rows = before;
    });
    this.#rows = new Map();
    for (const [session, rows] of before) {
      const left = rows.filter((row) => row >= from);
      if (left.length > 0) this.#rows.set(session, left);
    }
  }

  #pack(step: Step, live: LiveTurn): void {
    if (live.tail.length === 0) return;
    this.#move(step, live);
    const held = this.#lives.journaled();
    if (held.length > 0 && this.#lastRow - this.#trimmedTo < TRIM_ROWS) return;
    for (const other of held) {
      if (this.#lastRow - (other.journalFrom ?? Infinity) > PINNED_ROWS) this.#move(step, other);
    }
    this.trim(step);
  }

  #move(step: Step, live: LiveTurn): void {
    const data = wordsOf.seal(live.tail, live.sealer, live.head);
    this.#statements.insert.run(live.session, live.head, WORDS, data);
    this.#lives.change(step, live, { tail: [], journalFrom: null });
  }

  /** Rows with all entries behind `after`, and maybe some before it; none is read before it is asked for. */
  *#behind({ session, sealer }: Place, live: LiveTurn | undefined, after: number): Iterable<PageRow> {
    const tail = live?.tail ?? [];
    const from = after + 1 - (tail[0]?.seq ?? Infinity);
    if (from < 0) {
      for (const row of this.#statements.after.iterate(session, after)) {
        yield { entries: entriesOf(row, sealer), chars: charsOf(textOf(row, 'data')) };
      }
    }
    yield { entries: tail.slice(Math.max(from, 0)), chars: 0 };
  }
}

/** The entries a row stands for. */
function entriesOf(row: Row, sealer: Sealer): LogRecord[] {
  const [data, seq] = [textOf(row, 'data'), numberOf(row, 'last_seq')];
  const isPack = textOf(row, 'event') === WORDS;
  return isPack ? wordsOf.open(data, sealer, seq).map(frozen) : [frozen(entryOf.open(data, sealer, seq))];
}

/** Entries that lie together, and how long their record is. */
interface PageRow {
  entries: LogRecord[];
  chars: number;
}

/** One append of words, as it lies in the journal. */
interface JournalRow {
  id: number;
  session: number;
  words: LogRecord[];
}

/** Several readers share an entry. */
function frozen(entry: LogRecord): LogRecord {
  Object.freeze(entry.data);
  return Object.freeze(entry);
}

function numbered(entry: TurnEntry, seq: number): LogRecord {
  return entry.event === 'therapist:token'
    ? { seq, event: entry.event, data: { ...entry.data } }
    : { seq, event: entry.event, data: { ...entry.data } };
}
