// The data keys of sessions, and which master keys wrap them.
import type { DatabaseSync } from 'node:sqlite';
import type { Row } from './columns.ts';
import type { Sealer, Vault } from './vault.ts';
import { numberOf, textOf } from './columns.ts';
import { NO_KEY } from './sqlite-schema.ts';

/** Where the records of a session lie, and what seals them. */
export interface Place {
  readonly session: number;
  readonly sealer: Sealer;
}

/** To join the data key to a row of `sessions`. */
export const JOIN_KEY = 'LEFT JOIN data_keys ON data_keys.slot = sessions.data_key';

/** To join to a row of `messages` the key it is sealed by: that of its session, or its own where it has none. */
export const JOIN_MESSAGE_KEY =
  'LEFT JOIN sessions ON sessions.id = messages.session ' +
  'LEFT JOIN data_keys ON data_keys.slot = coalesce(sessions.data_key, messages.data_key)';
/** That key as `sealer` and `drop` know it. */
export const MESSAGE_KEY =
  'coalesce(sessions.key, messages.name) AS key, coalesce(sessions.data_key, messages.data_key) AS data_key, wrapped';

export class SqliteKeys {
  readonly #vault: Vault;
  readonly #isEncrypted: boolean;
  readonly #statements;

  constructor(db: DatabaseSync, vault: Vault) {
    this.#vault = vault;
    this.#isEncrypted = vault.masters.length > 0;
    this.#statements = {
      free: db.prepare(`SELECT slot FROM data_keys WHERE wrapped = '${NO_KEY}' LIMIT 1`),
      add: db.prepare('INSERT INTO data_keys (wrapped) VALUES (?)'),
      set: db.prepare('UPDATE data_keys SET wrapped = ? WHERE slot = ?'),
      behind: db.prepare(
        `SELECT id, key, data_key, wrapped FROM sessions ${JOIN_KEY} WHERE id > ? ORDER BY id LIMIT ?`,
      ),
      behindMessages: db.prepare(
        'SELECT id, name AS key, data_key, wrapped FROM messages JOIN data_keys ON slot = data_key WHERE id > ? ORDER BY id LIMIT ?',
      ),
    };
  }

  /** What seals for a session, by its row with the key joined. @throws Error its key is not there, or is not the right one */
  sealer(row: Row): Sealer {
    const hasKey = row['data_key'] !== null;
    // nobody may make an encrypted session a plain one by taking its key away
    if (hasKey !== this.#isEncrypted) throw new Error('The data key of a session is missing');
    return this.#vault.sealer(textOf(row, 'key'), hasKey ? textOf(row, 'wrapped') : '');
  }

  /** Makes the key of a new session; its slot is null where nothing is encrypted. */
  make(session: string): { slot: number | null; sealer: Sealer } {
    const wrapped = this.#vault.newKey(session);
    return {
      slot: wrapped === '' ? null : this.#keep(wrapped),
      sealer: this.#vault.sealer(session, wrapped),
    };
  }

  /** Overwrites the key of a session, by its row with the key joined. */
  drop(row: Row): void {
    if (row['data_key'] === null) return;
    this.#statements.set.run(NO_KEY, numberOf(row, 'data_key'));
    this.#vault.forget(textOf(row, 'key'), textOf(row, 'wrapped'));
  }

  /**
   * Wraps the keys of up to `limit` sessions, or of messages with a key of their own, behind a row number by the first master key, where another one does. Answers the row
   * number to go on behind, undefined when there are no more, and how many keys could not be opened: they stay as they are.
   */
  rewrap(
    of: 'sessions' | 'messages',
    after: number,
    limit: number,
  ): { next: number | undefined; damaged: number } {
    const { behind, behindMessages } = this.#statements;
    const rows = (of === 'sessions' ? behind : behindMessages).all(after, limit);
    const damaged = rows.filter((row) => !this.#rewrap(row)).length;
    const last = rows.at(-1);
    return { next: last && numberOf(last, 'id'), damaged };
  }

  /** False when it could not be opened. */
  #rewrap(row: Row): boolean {
    try {
      const [session, wrapped] = [textOf(row, 'key'), textOf(row, 'wrapped')];
      const again = this.#vault.rewrap(session, wrapped);
      if (again === undefined) return true;
      this.#statements.set.run(again, numberOf(row, 'data_key'));
      this.#vault.forget(session, wrapped);
      return true;
    } catch {
      return false;
    }
  }

  /** In the place of a key that was dropped, if there is one. */
  #keep(wrapped: string): number {
    const free = this.#statements.free.get();
    if (!free) return Number(this.#statements.add.run(wrapped).lastInsertRowid);
    const slot = numberOf(free, 'slot');
    this.#statements.set.run(wrapped, slot);
    return slot;
  }
}
