import type { DatabaseSync } from 'node:sqlite';
import type { Row } from './columns.ts';
import type { LiveTurn } from './live-turns.ts';
import type { Place, SqliteKeys } from './sqlite-keys.ts';
import type { Asked, TurnProgress } from './sqlite-records.ts';
import type { TurnRecord, TurnView } from './store.ts';
import type { Sealer } from './vault.ts';
import { numberOf, textOf } from './columns.ts';
import { digest } from './envelope.ts';
import { endText } from './fold.ts';
import { JOIN_KEY } from './sqlite-keys.ts';
import { askedOf, entryOf, progressOf } from './sqlite-records.ts';

/** With the end entry of an ended turn beside it. */
const VIEW =
  'SELECT turns.*, log.data AS end_data FROM turns LEFT JOIN log ' +
  'ON turns.ended_at IS NOT NULL AND log.session = turns.session AND log.last_seq = turns.last_seq ';

export class SqliteTurns {
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
        'SELECT turns.*, key, epoch, data_key, wrapped, sessions.last_seq AS head ' +
          `FROM turns JOIN sessions ON sessions.id = session ${JOIN_KEY} WHERE ended_at IS NULL`,
      ),
      toCompact: db.prepare(
        'SELECT session, n, first_seq, last_seq FROM turns WHERE ended_at < ? AND ended_at IS NOT NULL ' +
          'AND is_compacted = 0 ORDER BY ended_at LIMIT ?',
      ),
      compacted: db.prepare('UPDATE turns SET is_compacted = 1 WHERE session = ? AND n = ?'),
    };
  }

  insert({ session, sealer }: Place, turn: TurnRecord): void {
    const { asked, state } = parts(turn);
    const inputKey = turn.inputId === null ? null : digest(turn.inputId);
    this.#statements.insert.run(
      session,
      turn.n,
      digest(turn.turnId),
      inputKey,
      turn.firstSeq,
      turn.lastSeq,
      askedOf.seal(asked, sealer, turn.n),
      progressOf.seal(state, sealer, turn.n),
    );
  }

  update({ session, sealer }: Place, turn: TurnRecord): void {
    const state = progressOf.seal(parts(turn).state, sealer, turn.n);
    this.#statements.update.run(turn.lastSeq, turn.endedAt, state, session, turn.n);
  }

  byId({ session, sealer }: Place, turnId: string, live: LiveTurn | undefined): TurnView | undefined {
    const row = this.#statements.byId.get(session, digest(turnId));
    return row && viewOf(row, sealer, live);
  }

  byInput({ session, sealer }: Place, inputId: string, live: LiveTurn | undefined): TurnView | undefined {
    const row = this.#statements.byInput.get(session, digest(inputId));
    return row && viewOf(row, sealer, live);
  }

  /** At most `limit` turns before number `before`, ascending. */
  before(
    { session, sealer }: Place,
    before: number | null,
    limit: number,
    live: LiveTurn | undefined,
  ): TurnView[] {
    const rows = this.#statements.before.all(session, before ?? Number.MAX_SAFE_INTEGER, limit);
    return rows.map((row) => viewOf(row, sealer, live)).toReversed();
  }

  /** The latest ended turns, ascending. */
  ended({ session, sealer }: Place, limit: number): TurnView[] {
    const rows = this.#statements.ended.all(session, limit);
    return rows.map((row) => viewOf(row, sealer, undefined)).toReversed();
  }

  /** Live turns as their rows have them, so without their words. */
  live(keys: SqliteKeys): (Place & { key: string; epoch: string; head: number; turn: TurnRecord })[] {
    return this.#statements.live.all().map((row) => {
      const sealer = keys.sealer(row);
      return {
        session: numberOf(row, 'session'),
        sealer,
        key: textOf(row, 'key'),
        epoch: textOf(row, 'epoch'),
        head: numberOf(row, 'head'),
        turn: turnOf(row, sealer),
      };
    });
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
}

function turnOf(row: Row, sealer: Sealer): TurnRecord {
  const n = numberOf(row, 'n');
  const { plan, ...asked } = askedOf.open(textOf(row, 'input'), sealer, n);
  const { memory = '', ...state } = progressOf.open(textOf(row, 'state'), sealer, n);
  return { ...asked, ...state, plan: { ...plan, memory } };
}

function viewOf(row: Row, sealer: Sealer, live: LiveTurn | undefined): TurnView {
  if (row['ended_at'] === null) {
    if (!live) throw new Error('A live turn is missing in memory');
    return liveView(live);
  }
  const end = entryOf.open(textOf(row, 'end_data'), sealer, numberOf(row, 'last_seq'));
  return { turn: turnOf(row, sealer), text: endText(end), end };
}

/** A live turn with its words so far. */
export function liveView(live: LiveTurn): TurnView {
  return { turn: live.turn, text: live.text, end: null };
}

/** What never changes apart from what does: the plan is large. */
function parts(turn: TurnRecord): { asked: Asked; state: TurnProgress } {
  const { turnId, n, inputId, userInput, plan, firstSeq, startedAt, ...state } = turn;
  const { memory, ...decided } = plan;
  const asked = { turnId, n, inputId, userInput, plan: decided, firstSeq, startedAt };
  return { asked, state: { ...state, memory } };
}
