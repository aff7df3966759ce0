// The entries of all sessions: words of live turns in the journal and in memory, everything else in `log`.
import type { DatabaseSync } from 'node:sqlite';
import type { Row } from './columns.ts';
import type { Step } from './group-commit.ts';
import type { LiveTurn, LiveTurns } from './live-turns.ts';
import type { LogRecord, NewEntry, TurnEntry } from './store.ts';
import { numberOf, textOf } from './columns.ts';
import { Envelope } from './envelope.ts';
import { fold, isWords } from './fold.ts';

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
/** The event of a row that packs several words. */
const WORDS = 'words';

/** Where entries are added: a session, its last entry so far, and its live turn if it has one. */
export interface LogEnd {
  readonly session: number;
  head: number;
  readonly live: LiveTurn | undefined;
}

export class SqliteLog {
  readonly #entry = new Envelope<LogRecord>();
  readonly #words = new Envelope<LogRecord[]>();
  readonly #lives: LiveTurns;
  readonly #statements;
  /** The newest row of the journal, and up to where it was trimmed. */
  #lastRow = 0;
  #trimmedTo = 0;

  constructor(db: DatabaseSync, lives: LiveTurns) {
    this.#lives = lives;
    this.#statements = {
      insert: db.prepare('INSERT INTO log (session, last_seq, event, data) VALUES (?, ?, ?, ?)'),
      after: db.prepare('SELECT * FROM log WHERE session = ? AND last_seq > ? ORDER BY last_seq'),
      latest: db.prepare(
        'SELECT * FROM log WHERE session = ? AND event = ? ' +
          "AND event IN ('disclosure', 'safety:resources') ORDER BY last_seq DESC LIMIT 1",
      ),
      since: db.prepare(
        'SELECT * FROM log WHERE session = ? AND last_seq >= ? AND event = ? ORDER BY last_seq',
      ),
      dropWords: db.prepare(
        `DELETE FROM log WHERE session = ? AND last_seq BETWEEN ? AND ? AND event = '${WORDS}'`,
      ),
      drop: db.prepare('DELETE FROM log WHERE session = ?'),
      journal: db.prepare('INSERT INTO journal (session, data) VALUES (?, ?)'),
      trim: db.prepare('DELETE FROM journal WHERE id < ?'),
      dropJournal: db.prepare('DELETE FROM journal WHERE session = ?'),
      journaled: db.prepare('SELECT * FROM journal ORDER BY id'),
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
    const row = this.#statements.journal.run(live.session, this.#words.seal(words));
    this.#lastRow = Number(row.lastInsertRowid);
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
      this.#statements.insert.run(
        end.session,
        end.head,
        entry.event,
        this.#entry.seal({ ...entry, seq: end.head }),
      );
    }
    if (end.live) this.#lives.change(step, end.live, { head: end.head });
  }

  /** Entries behind `after`: at most `limit`, and of those past the first only what fits into a page. */
  read(session: number, live: LiveTurn | undefined, after: number, limit: number): LogRecord[] {
    const page: LogRecord[] = [];
    let chars = 0;
    for (const row of this.#behind(session, live, after)) {
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
  latest(session: number, events: readonly string[]): LogRecord[] {
    return events
      .flatMap((event) => this.#statements.latest.all(session, event))
      .flatMap((row) => this.#entries(row))
      .sort((a, b) => a.seq - b.seq);
  }

  /** The entries of that event from that number on; what lies there is read through. */
  since(session: number, seq: number, event: string): LogRecord[] {
    return this.#statements.since.all(session, seq, event).flatMap((row) => this.#entries(row));
  }

  /** Drops the words of an ended turn. */
  dropWords(session: number, firstSeq: number, lastSeq: number): void {
    this.#statements.dropWords.run(session, firstSeq, lastSeq);
  }

  /** Drops everything of a session. */
  drop(session: number): void {
    this.#statements.drop.run(session);
    this.#statements.dropJournal.run(session);
  }

  /** Deletes the rows of the journal that lie before all words still needed there. */
  trim(): void {
    const needed = this.#lives.journaled().map(({ journalFrom }) => journalFrom ?? Infinity);
    const from = Math.min(...needed, Number.MAX_SAFE_INTEGER);
    this.#statements.trim.run(from);
    // An empty journal numbers its rows from 1 again.
    this.#trimmedTo = needed.length > 0 ? from : 0;
  }

  /** What the journal holds, by session. Words that were packed may still be among them. */
  journaled(): Map<number, JournalRow[]> {
    const rows = this.#statements.journaled.all().map((row) => ({
      id: numberOf(row, 'id'),
      session: numberOf(row, 'session'),
      words: this.#words.open(textOf(row, 'data')).map(frozen),
    }));
    return Map.groupBy(rows, ({ session }) => session);
  }

  #pack(step: Step, live: LiveTurn): void {
    if (live.tail.length === 0) return;
    this.#move(step, live);
    const held = this.#lives.journaled();
    if (held.length > 0 && this.#lastRow - this.#trimmedTo < TRIM_ROWS) return;
    for (const other of held) {
      if (this.#lastRow - (other.journalFrom ?? Infinity) > PINNED_ROWS) this.#move(step, other);
    }
    this.trim();
  }

  #move(step: Step, live: LiveTurn): void {
    this.#statements.insert.run(live.session, live.head, WORDS, this.#words.seal(live.tail));
    this.#lives.change(step, live, { tail: [], journalFrom: null });
  }

  /** Rows with all entries behind `after`, and maybe some before it; none is read before it is asked for. */
  *#behind(session: number, live: LiveTurn | undefined, after: number): Iterable<PageRow> {
    const tail = live?.tail ?? [];
    const from = after + 1 - (tail[0]?.seq ?? Infinity);
    if (from < 0) {
      for (const row of this.#statements.after.iterate(session, after)) {
        yield { entries: this.#entries(row), chars: textOf(row, 'data').length };
      }
    }
    yield { entries: tail.slice(Math.max(from, 0)), chars: 0 };
  }

  /** The entries a row stands for. */
  #entries(row: Row): LogRecord[] {
    const data = textOf(row, 'data');
    const isPack = textOf(row, 'event') === WORDS;
    return isPack ? this.#words.open(data).map(frozen) : [frozen(this.#entry.open(data))];
  }
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
