import type { DatabaseSync } from 'node:sqlite';
import type { Row } from './columns.ts';
import type { LiveTurn } from './live-turns.ts';
import type { LogRecord, TurnPlan, TurnRecord, TurnView } from './store.ts';
import { numberOf, textOf } from './columns.ts';
import { digest, Envelope } from './envelope.ts';
import { endText } from './fold.ts';

type Asked = Pick<TurnRecord, 'turnId' | 'n' | 'inputId' | 'userInput' | 'firstSeq' | 'startedAt'> & {
  plan: Omit<TurnPlan, 'memory'>;
};
/** The memory lies here, so that it goes when the turn ends; plans of schema version 1 had none. */
type State = Omit<TurnRecord, keyof Asked> & { memory?: string };

/** With the end entry of an ended turn beside it. */
const VIEW =
  'SELECT turns.*, log.data AS end_data FROM turns LEFT JOIN log ' +
  'ON turns.ended_at IS NOT NULL AND log.session = turns.session AND log.last_seq = turns.last_seq ';

export class SqliteTurns {
  readonly #asked = new Envelope<Asked>();
  readonly #state = new Envelope<State>();
  readonly #end = new Envelope<LogRecord>();
  readonly #statements;

  constructor(db: DatabaseSync) {
    this.#statements = {
      insert: db.prepare(
        'INSERT INTO turns (session, n, turn_id, input_key, first_seq, last_seq, input, state) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      update: db.prepare(
        'UPDATE turns SET last_seq = ?, ended_at = ?, state = ? WHERE session = ? AND n = ?',
      ),
      byId: db.prepare(`${VIEW} WHERE turns.session = ? AND turn_id = ?`),
      byInput: db.prepare(`${VIEW} WHERE turns.session = ? AND input_key = ?`),
      before: db.prepare(`${VIEW} WHERE turns.session = ? AND n < ? ORDER BY n DESC LIMIT ?`),
      ended: db.prepare(`${VIEW} WHERE turns.session = ? AND ended_at IS NOT NULL ORDER BY n DESC LIMIT ?`),
      live: db.prepare(
        'SELECT turns.*, key, epoch, sessions.last_seq AS head FROM turns JOIN sessions ON sessions.id = session ' +
          'WHERE ended_at IS NULL',
      ),
      toCompact: db.prepare(
        'SELECT session, n, first_seq, last_seq FROM turns WHERE ended_at < ? AND ended_at IS NOT NULL ' +
          'AND is_compacted = 0 ORDER BY ended_at LIMIT ?',
      ),
      compacted: db.prepare('UPDATE turns SET is_compacted = 1 WHERE session = ? AND n = ?'),
    };
  }

  insert(session: number, turn: TurnRecord): void {
    const { asked, state } = parts(turn);
    const inputKey = turn.inputId === null ? null : digest(turn.inputId);
    this.#statements.insert.run(
      session,
      turn.n,
      turn.turnId,
      inputKey,
      turn.firstSeq,
      turn.lastSeq,
      this.#asked.seal(asked),
      this.#state.seal(state),
    );
  }

  update(session: number, turn: TurnRecord): void {
    this.#statements.update.run(
      turn.lastSeq,
      turn.endedAt,
      this.#state.seal(parts(turn).state),
      session,
      turn.n,
    );
  }

  byId(session: number, turnId: string, live: LiveTurn | undefined): TurnView | undefined {
    const row = this.#statements.byId.get(session, turnId);
    return row && this.#view(row, live);
  }

  byInput(session: number, inputId: string, live: LiveTurn | undefined): TurnView | undefined {
    const row = this.#statements.byInput.get(session, digest(inputId));
    return row && this.#view(row, live);
  }

  /** At most `limit` turns before number `before`, ascending. */
  before(session: number, before: number | null, limit: number, live: LiveTurn | undefined): TurnView[] {
    const rows = this.#statements.before.all(session, before ?? Number.MAX_SAFE_INTEGER, limit);
    return rows.map((row) => this.#view(row, live)).toReversed();
  }

  /** The latest ended turns, ascending. */
  ended(session: number, limit: number): TurnView[] {
    const rows = this.#statements.ended.all(session, limit);
    return rows.map((row) => this.#view(row, undefined)).toReversed();
  }

  /** Live turns as their rows have them, so without their words. */
  live(): { session: number; key: string; epoch: string; head: number; turn: TurnRecord }[] {
    return this.#statements.live.all().map((row) => ({
      session: numberOf(row, 'session'),
      key: textOf(row, 'key'),
      epoch: textOf(row, 'epoch'),
      head: numberOf(row, 'head'),
      turn: this.#turn(row),
    }));
  }

  /** At most `limit` turns that ended before that time and still have their words. */
  toCompact(endedBefore: number, limit: number) {
    return this.#statements.toCompact.all(endedBefore, limit).map((row) => ({
      session: numberOf(row, 'session'),
      n: numberOf(row, 'n'),
      firstSeq: numberOf(row, 'first_seq'),
      lastSeq: numberOf(row, 'last_seq'),
    }));
  }

  markCompacted(session: number, n: number): void {
    this.#statements.compacted.run(session, n);
  }

  #turn(row: Row): TurnRecord {
    const { plan, ...asked } = this.#asked.open(textOf(row, 'input'));
    const { memory = '', ...state } = this.#state.open(textOf(row, 'state'));
    return { ...asked, ...state, plan: { ...plan, memory } };
  }

  #view(row: Row, live: LiveTurn | undefined): TurnView {
    if (row['ended_at'] === null) {
      if (!live) throw new Error('A live turn is missing in memory');
      return liveView(live);
    }
    const end = this.#end.open(textOf(row, 'end_data'));
    return { turn: this.#turn(row), text: endText(end), end };
  }
}

/** A live turn with its words so far. */
export function liveView(live: LiveTurn): TurnView {
  return { turn: live.turn, text: live.text, end: null };
}

/** What never changes apart from what does: the plan is large. */
function parts(turn: TurnRecord): { asked: Asked; state: State } {
  const { turnId, n, inputId, userInput, plan, firstSeq, startedAt, ...state } = turn;
  const { memory, ...decided } = plan;
  const asked = { turnId, n, inputId, userInput, plan: decided, firstSeq, startedAt };
  return { asked, state: { ...state, memory } };
}
