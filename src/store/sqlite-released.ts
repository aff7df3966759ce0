// Whether the last process gave its turns back, or just ended.
import type { DatabaseSync } from 'node:sqlite';

const RELEASED = 'released';

export class SqliteReleased {
  readonly #note;
  readonly #find;
  readonly #drop;

  constructor(db: DatabaseSync) {
    this.#note = db.prepare('INSERT OR IGNORE INTO chores (name) VALUES (?)');
    this.#find = db.prepare('SELECT 1 FROM chores WHERE name = ?');
    this.#drop = db.prepare('DELETE FROM chores WHERE name = ?');
  }

  /** Turns were given back: whoever opens the file next is told so. */
  note(): void {
    this.#note.run(RELEASED);
  }

  /** Whether that was noted; it is forgotten. */
  take(): boolean {
    if (this.#find.get(RELEASED) === undefined) return false;
    try {
      this.#drop.run(RELEASED);
    } catch {
      // a full disk: it is only about what the next start is told
    }
    return true;
  }
}
