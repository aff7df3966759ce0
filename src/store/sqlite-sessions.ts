import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Row } from './columns.ts';
import type { LiveTurns } from './live-turns.ts';
import type { ListedSession, NewSession, SessionLife, SessionRecord } from './store.ts';
import { numberOf, textOf } from './columns.ts';
import { digest, Envelope, sessionKey } from './envelope.ts';

type Identity = Pick<
  SessionRecord,
  'tenant' | 'sessionId' | 'epoch' | 'owner' | 'clientId' | 'locale' | 'country' | 'ageBand' | 'createdAt'
>;
type State = Omit<ListedSession, keyof Identity | 'lastSeq'>;
type Change = Partial<State & Pick<SessionRecord, 'lastSeq' | 'memory' | 'care'>>;

/** A session and where it lies. */
export interface StoredSession {
  readonly id: number;
  readonly key: string;
  readonly session: SessionRecord;
}

const LISTED = 'id, key, last_seq, identity, state';

export class SqliteSessions {
  readonly #metadata = new Envelope<SessionRecord['metadata']>();
  readonly #identity = new Envelope<Identity>();
  readonly #state = new Envelope<State>();
  readonly #memory = new Envelope<string>();
  readonly #care = new Envelope<string>();
  readonly #lives: LiveTurns;
  readonly #statements;
  readonly #drops: StatementSync[];

  constructor(db: DatabaseSync, lives: LiveTurns) {
    this.#lives = lives;
    this.#statements = {
      get: db.prepare('SELECT * FROM sessions WHERE key = ?'),
      ofLife: db.prepare('SELECT * FROM sessions WHERE key = ? AND epoch = ?'),
      head: db.prepare('SELECT id, last_seq FROM sessions WHERE key = ? AND epoch = ?'),
      insert: db.prepare(
        'INSERT INTO sessions (key, tenant, owner, epoch, last_seq, identity, state, metadata) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      update: db.prepare('UPDATE sessions SET last_seq = ?, state = ? WHERE id = ?'),
      remember: db.prepare('UPDATE sessions SET memory = ? WHERE id = ?'),
      tend: db.prepare('UPDATE sessions SET care = ? WHERE id = ?'),
      client: db.prepare('SELECT care FROM clients WHERE key = ? ORDER BY id DESC LIMIT 1'),
      tendClient: db.prepare(
        // a row of each session, so that a deleted one takes only its own with it; the last written counts
        'INSERT OR REPLACE INTO clients (key, session, care) VALUES (?, ?, ?)',
      ),
      ofKey: db.prepare(
        'SELECT sessions.* FROM create_keys JOIN sessions ON sessions.id = create_keys.session WHERE create_keys.key = ?',
      ),
      insertKey: db.prepare('INSERT INTO create_keys (key, session) VALUES (?, ?)'),
      isOver: db.prepare('SELECT 1 FROM tombstones WHERE key = ? AND epoch = ?'),
      bury: db.prepare('INSERT INTO tombstones (key, epoch, removed_at) VALUES (?, ?, ?)'),
      ofTenant: db.prepare(`SELECT ${LISTED} FROM sessions WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?`),
      ofOwner: db.prepare(
        `SELECT ${LISTED} FROM sessions WHERE tenant = ? AND owner = ? AND id > ? ORDER BY id LIMIT ?`,
      ),
      countOfTenant: db.prepare('SELECT count(*) AS total FROM sessions WHERE tenant = ?'),
      countOfOwner: db.prepare('SELECT count(*) AS total FROM sessions WHERE tenant = ? AND owner = ?'),
    };
    this.#drops = [
      db.prepare('DELETE FROM sessions WHERE id = ?'),
      db.prepare('DELETE FROM turns WHERE session = ?'),
      db.prepare('DELETE FROM create_keys WHERE session = ?'),
      db.prepare('DELETE FROM clients WHERE session = ?'),
      db.prepare('DELETE FROM alerts WHERE session = ?'),
    ];
  }

  get(key: string): StoredSession | undefined {
    const row = this.#statements.get.get(key);
    return row && this.#stored(row);
  }

  /** One life of a session; undefined when it is gone. [S-6] */
  ofLife(life: SessionLife): StoredSession | undefined {
    const row = this.#statements.ofLife.get(sessionKey(life), life.epoch);
    return row && this.#stored(row);
  }

  /** The session that a create key made. */
  ofCreateKey(createKey: string): StoredSession | undefined {
    const row = this.#statements.ofKey.get(createKey);
    return row && this.#stored(row);
  }

  /** Row number and last entry of one life of a session that has no live turn. */
  end(key: string, epoch: string): { id: number; head: number } | undefined {
    const row = this.#statements.head.get(key, epoch);
    return row && { id: numberOf(row, 'id'), head: numberOf(row, 'last_seq') };
  }

  isOver({ epoch, ...ref }: SessionLife): boolean {
    return this.#statements.isOver.get(sessionKey(ref), epoch) !== undefined;
  }

  insert(session: NewSession, now: number, createKey: string | null): StoredSession {
    const key = sessionKey(session);
    if (this.isOver(session)) throw new Error('An epoch is used only once');
    const made: SessionRecord = {
      ...session,
      status: 'active',
      createdAt: now,
      lastInteractionAt: now,
      turnCount: 0,
      memory: null,
      safety: { level: 'none', mode: 'normal', guarded: false, reason_codes: [] },
      care: null,
      human: null,
      lastSeq: 0,
      lastTurn: 0,
      version: 1,
    };
    const owner = digest(session.owner);
    const { identity, state } = parts(made);
    const row = this.#statements.insert.run(
      key,
      session.tenant,
      owner,
      session.epoch,
      0,
      this.#identity.seal(identity),
      this.#state.seal(state),
      this.#metadata.seal(made.metadata),
    );
    const id = Number(row.lastInsertRowid);
    if (createKey !== null) this.#statements.insertKey.run(createKey, id);
    return { id, key, session: made };
  }

  /** Stores what changed of a session. */
  update(stored: StoredSession, changes: Change): StoredSession {
    const { update, remember, tend } = this.#statements;
    const session = { ...stored.session, ...changes };
    update.run(session.lastSeq, this.#state.seal(parts(session).state), stored.id);
    if (changes.memory !== undefined) remember.run(sealed(this.#memory, changes.memory), stored.id);
    if (changes.care !== undefined) tend.run(sealed(this.#care, changes.care), stored.id);
    return { ...stored, session };
  }

  /** Keeps what is remembered of a client, until this session goes. */
  tendClient({ id, session }: StoredSession, { client, care }: { client: string; care: string }): void {
    this.#statements.tendClient.run(digest(session.tenant, client), id, this.#care.seal(care));
  }

  clientCare(tenant: string, client: string): string | null {
    const row = this.#statements.client.get(digest(tenant, client));
    return row ? this.#care.open(textOf(row, 'care')) : null;
  }

  /** Deletes a session and what goes with it, and keeps which life of it is over. The log is not its own. */
  bury({ id, key, session }: StoredSession, now: number): void {
    this.#statements.bury.run(key, session.epoch, now);
    for (const drop of this.#drops) drop.run(id);
  }

  /** Sessions behind the row number `after`, oldest first, and how many there are in all. */
  list(tenant: string, owner: string | null, after: number, limit: number) {
    const { ofTenant, ofOwner, countOfTenant, countOfOwner } = this.#statements;
    const named = owner === null ? null : digest(owner);
    const rows =
      named === null ? ofTenant.all(tenant, after, limit) : ofOwner.all(tenant, named, after, limit);
    const count = named === null ? countOfTenant.get(tenant) : countOfOwner.get(tenant, named);
    const found = rows.map((row) => ({ id: numberOf(row, 'id'), session: this.#listed(row) }));
    return { total: Number(count?.['total']), found };
  }

  #stored(row: Row): StoredSession {
    const metadata = this.#metadata.open(textOf(row, 'metadata'));
    const memory = row['memory'] === null ? null : this.#memory.open(textOf(row, 'memory'));
    const care = row['care'] === null ? null : this.#care.open(textOf(row, 'care'));
    return {
      id: numberOf(row, 'id'),
      key: textOf(row, 'key'),
      session: { ...this.#listed(row), metadata, memory, care },
    };
  }

  #listed(row: Row): ListedSession {
    return {
      ...this.#identity.open(textOf(row, 'identity')),
      ...this.#state.open(textOf(row, 'state')),
      lastSeq: this.#lives.get(textOf(row, 'key'))?.head ?? numberOf(row, 'last_seq'),
    };
  }
}

function sealed(envelope: Envelope<string>, text: string | null): string | null {
  return text === null ? null : envelope.seal(text);
}

/** What never changes apart from what does. The last entry and what may be large have columns of their own. */
function parts(session: ListedSession): { identity: Identity; state: State } {
  const { tenant, sessionId, epoch, owner, clientId, locale, country, ageBand, createdAt } = session;
  const { status, lastInteractionAt, turnCount, progress, safety, human, lastTurn, version } = session;
  return {
    identity: { tenant, sessionId, epoch, owner, clientId, locale, country, ageBand, createdAt },
    state: { status, lastInteractionAt, turnCount, progress, safety, human, lastTurn, version },
  };
}
