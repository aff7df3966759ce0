// Messages for receivers outside, in the order of their steps. Of each lane (a session and a receiver) only the first has a time at
// which it is due.
import type { DatabaseSync } from 'node:sqlite';
import type { Row } from './columns.ts';
import type { MessageRecord, NewMessage } from './outbox.ts';
import type { Place, SqliteKeys } from './sqlite-keys.ts';
import { Claims } from './claims.ts';
import { numberOf, textOf } from './columns.ts';
import { digest } from './envelope.ts';
import { JOIN_MESSAGE_KEY, MESSAGE_KEY } from './sqlite-keys.ts';
import { messageOf } from './sqlite-records.ts';

/** Messages with the keys they are sealed by. */
const MESSAGES = `SELECT name, receiver, lane, session, at, tries, body, ${MESSAGE_KEY} FROM messages ${JOIN_MESSAGE_KEY}`;
/** Messages dropped in one step. */
const AT_ONCE = 200;

/** Whom a message is about. */
export interface Told extends Pick<Place, 'session' | 'sealer'> {
  /** Of the session. */
  readonly key: string;
}

export class SqliteOutbox {
  readonly #keys: SqliteKeys;
  /** Of lanes. */
  readonly #claims = new Claims();
  readonly #statements;

  constructor(db: DatabaseSync, keys: SqliteKeys) {
    this.#keys = keys;
    this.#statements = {
      insert: db.prepare(
        'INSERT INTO messages (name, receiver, lane, session, data_key, at, due_at, body) ' +
          'SELECT ?1, ?2, ?3, ?4, ?5, ?6, iif(EXISTS (SELECT 1 FROM messages WHERE lane = ?3), NULL, ?6), ?7 ' +
          'WHERE true ON CONFLICT (name) DO NOTHING',
      ),
      get: db.prepare(`${MESSAGES} WHERE name = ?`),
      due: db.prepare(`${MESSAGES} WHERE receiver = ? AND due_at <= ? ORDER BY due_at, messages.id LIMIT ?`),
      isDue: db.prepare('SELECT 1 FROM messages WHERE name = ? AND due_at <= ?'),
      putOff: db.prepare('UPDATE messages SET due_at = ?, tries = tries + 1 WHERE name = ?'),
      delete: db.prepare('DELETE FROM messages WHERE name = ?'),
      next: db.prepare(
        'UPDATE messages SET due_at = at ' +
          'WHERE id = (SELECT min(id) FROM messages WHERE lane = ?) AND due_at IS NULL',
      ),
      count: db.prepare('SELECT count(*) AS n FROM messages WHERE receiver = ?'),
      oldest: db.prepare(`${MESSAGES} WHERE receiver = ? ORDER BY messages.id LIMIT ?`),
      receiver: db.prepare('SELECT min(receiver) AS name FROM messages WHERE receiver > ?'),
    };
  }

  /** With the session that they tell of. */
  insert({ key, session, sealer }: Told, messages: readonly NewMessage[] | undefined, now: number): void {
    for (const { messageId, receiver, body } of messages ?? []) {
      const name = digest(messageId);
      const sealed = messageOf.seal({ messageId, body }, sealer, name);
      this.#statements.insert.run(name, receiver, digest(key, receiver), session, null, now, sealed);
    }
  }

  /** After the session is gone. Each has a key of its own, which goes with it. */
  insertApart(session: string, messages: readonly NewMessage[] | undefined, now: number): void {
    for (const { messageId, receiver, body } of messages ?? []) {
      const name = digest(messageId);
      if (this.#statements.get.get(name)) continue;
      const { slot, sealer } = this.#keys.make(name);
      const sealed = messageOf.seal({ messageId, body }, sealer, name);
      this.#statements.insert.run(name, receiver, digest(session, receiver), null, slot, now, sealed);
    }
  }

  due(receiver: string, now: number, elapsed: number, limit: number): MessageRecord[] {
    const rows = this.#statements.due.all(receiver, now, limit + this.#claims.sweep(elapsed));
    const free = rows.filter((row) => !this.#claims.has(textOf(row, 'lane')));
    return free.slice(0, limit).map((row) => this.#message(row));
  }

  claim({ messageId, lane }: MessageRecord, now: number, elapsed: number, ms: number): boolean {
    this.#claims.sweep(elapsed);
    if (this.#claims.has(lane)) return false;
    if (!this.#statements.isDue.get(nameOf(messageId), now)) return false;
    this.#claims.hold(lane, elapsed + ms);
    return true;
  }

  /** Gives a claim back. */
  release({ lane }: MessageRecord): void {
    this.#claims.release(lane);
  }

  /** False when it is not there; `isApart`: it told of a session that is gone. */
  delete({ messageId }: Pick<MessageRecord, 'messageId'>): { isThere: boolean; isApart: boolean } {
    const row = this.#statements.get.get(nameOf(messageId));
    if (!row) return { isThere: false, isApart: false };
    this.#drop(row);
    return { isThere: true, isApart: row['session'] === null };
  }

  putOff({ messageId }: MessageRecord, nextAt: number): boolean {
    return this.#statements.putOff.run(nextAt, nameOf(messageId)).changes > 0;
  }

  isThere({ messageId }: MessageRecord): boolean {
    return this.#statements.get.get(nameOf(messageId)) !== undefined;
  }

  /** Drops the oldest ones of a receiver but for so many, not too many at a time; answers how many it dropped. */
  trim(receiver: string, limit: number): number {
    const over = numberOf(this.#statements.count.get(receiver) ?? {}, 'n') - limit;
    const rows = over > 0 ? this.#statements.oldest.all(receiver, Math.min(over, AT_ONCE)) : [];
    for (const row of rows) this.#drop(row);
    return rows.length;
  }

  receivers(): string[] {
    const found: string[] = [];
    for (let after = ''; ;) {
      const name = this.#statements.receiver.get(after)?.['name'];
      if (typeof name !== 'string') return found;
      found.push(name);
      after = name;
    }
  }

  #drop(row: Row): void {
    if (row['session'] === null) this.#keys.drop(row);
    this.#statements.delete.run(textOf(row, 'name'));
    this.#statements.next.run(textOf(row, 'lane'));
  }

  #message(row: Row): MessageRecord {
    const [name, receiver, lane] = [textOf(row, 'name'), textOf(row, 'receiver'), textOf(row, 'lane')];
    const [at, tries] = [numberOf(row, 'at'), numberOf(row, 'tries')];
    try {
      const said = messageOf.open(textOf(row, 'body'), this.#keys.sealer(row), name);
      return { ...said, receiver, lane, at, tries };
    } catch {
      // one that is damaged holds up no other
      return { messageId: DAMAGED + name, receiver, lane, body: null, at, tries };
    }
  }
}

/** The id of a message that cannot be read says under which name it lies. */
const DAMAGED = 'damaged ';

const nameOf = (messageId: string): string =>
  messageId.startsWith(DAMAGED) ? messageId.slice(DAMAGED.length) : digest(messageId);
