import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Row } from './columns.ts';
import type { LiveTurns } from './live-turns.ts';
import type { Place, SqliteKeys } from './sqlite-keys.ts';
import type { Identity, SessionState } from './sqlite-records.ts';
import type { IdleSession } from './access.ts';
import type { ListedSession, NewSession, SessionLife, SessionRecord } from './store.ts';
import type { Sealer } from './vault.ts';
import { numberOf, textOf } from './columns.ts';
import { digest, sessionKey } from './envelope.ts';
import { JOIN_KEY } from './sqlite-keys.ts';
import { careOf, clientCareOf, identityOf, memoryOf, metadataOf, stateOf } from './sqlite-records.ts';

type Change = Partial<SessionState & Pick<SessionRecord, 'lastSeq' | 'memory' | 'care'>>;

/** A session and where it lies. */
export interface StoredSession {
  readonly id: number;
  readonly key: string;
  readonly sealer: Sealer;
  readonly session: SessionRecord;
}

/** Where a session lies, and what a list says of it. */
export interface ListedPlace extends Place {
  readonly about: ListedSession;
}

/** What goes with a session. */
export const OWN_TABLES = ['turns', 'create_keys', 'clients', 'alerts', 'capabilities', 'messages'];
const PLACE = 'sessions.id, key, epoch, last_seq, last_interaction_at, data_key, wrapped';
const LISTED = `${PLACE}, identity, state`;

export class SqliteSessions {
  readonly #lives: LiveTurns;
  readonly #keys: SqliteKeys;
  readonly #statements;
  readonly #drops: StatementSync[];

  constructor(db: DatabaseSync, lives: LiveTurns, keys: SqliteKeys) {
    this.#lives = lives;
    this.#keys = keys;
    this.#statements = {
      get: db.prepare(`SELECT * FROM sessions ${JOIN_KEY} WHERE key = ?`),
      place: db.prepare(`SELECT ${PLACE} FROM sessions ${JOIN_KEY} WHERE key = ?`),
      listed: db.prepare(`SELECT ${LISTED} FROM sessions ${JOIN_KEY} WHERE key = ?`),
      insert: db.prepare(
        'INSERT INTO sessions (key, tenant, owner, epoch, last_seq, last_interaction_at, data_key, identity, state, metadata) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      update: db.prepare('UPDATE sessions SET last_seq = ?, state = ? WHERE id = ?'),
      touch: db.prepare('UPDATE sessions SET last_interaction_at = ? WHERE id = ?'),
      remember: db.prepare('UPDATE sessions SET memory = ? WHERE id = ?'),
      tend: db.prepare('UPDATE sessions SET care = ? WHERE id = ?'),
      client: db.prepare(
        'SELECT clients.care AS client_care, sessions.key, data_key, wrapped FROM clients ' +
          `JOIN sessions ON sessions.id = clients.session ${JOIN_KEY} WHERE clients.key = ? ORDER BY clients.id DESC LIMIT 1`,
      ),
      tendClient: db.prepare(
        // a row of each session, so that a deleted one takes only its own with it; the last written counts
        'INSERT OR REPLACE INTO clients (key, session, care) VALUES (?, ?, ?)',
      ),
      ofKey: db.prepare(
        `SELECT sessions.*, wrapped FROM create_keys JOIN sessions ON sessions.id = create_keys.session ${JOIN_KEY} ` +
          'WHERE create_keys.key = ?',
      ),
      insertKey: db.prepare('INSERT INTO create_keys (key, session) VALUES (?, ?)'),
      isOver: db.prepare('SELECT 1 FROM tombstones WHERE key = ? AND epoch = ?'),
      bury: db.prepare('INSERT INTO tombstones (key, epoch, removed_at) VALUES (?, ?, ?)'),
      ofTenant: db.prepare(
        `SELECT ${LISTED} FROM sessions ${JOIN_KEY} WHERE tenant = ? AND sessions.id > ? ORDER BY sessions.id LIMIT ?`,
      ),
      ofOwner: db.prepare(
        `SELECT ${LISTED} FROM sessions ${JOIN_KEY} WHERE tenant = ? AND owner = ? AND sessions.id > ? ORDER BY sessions.id LIMIT ?`,
      ),
      idle: db.prepare(
        `SELECT ${LISTED} FROM sessions ${JOIN_KEY} WHERE last_interaction_at < ? AND (last_interaction_at, sessions.id) > (?, ?) ` +
          'ORDER BY last_interaction_at, sessions.id LIMIT ?',
      ),
      total: db.prepare('SELECT count AS total FROM session_counts WHERE key = ?'),
    };
    this.#drops = [
      db.prepare('DELETE FROM sessions WHERE id = ?'),
      ...OWN_TABLES.map((table) => db.prepare(`DELETE FROM ${table} WHERE session = ?`)),
    ];
  }

  get(key: string): StoredSession | undefined {
    const row = this.#statements.get.get(key);
    return row && this.#stored(row);
  }

  /** One life of a session; undefined when it is gone. [S-6] */
  ofLife(life: SessionLife): StoredSession | undefined {
    const row = this.#statements.get.get(sessionKey(life));
    return row && textOf(row, 'epoch') === life.epoch ? this.#stored(row) : undefined;
  }

  /** The session that a create key made. */
  ofCreateKey(createKey: string): StoredSession | undefined {
    const row = this.#statements.ofKey.get(createKey);
    return row && this.#stored(row);
  }

  /** Where one life of a session lies; undefined when it is gone. Nothing of it is opened but its key. */
  where(life: SessionLife): (Place & { head: number }) | undefined {
    const row = this.#row(life);
    return row && { ...this.#place(row), head: numberOf(row, 'last_seq') };
  }

  /** What a list says of a session, of one life if an epoch is given. */
  listed(key: string, epoch?: string): ListedPlace | undefined {
    const row = this.#statements.listed.get(key);
    if (!row || (epoch !== undefined && textOf(row, 'epoch') !== epoch)) return undefined;
    return this.#listedPlace(row);
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
    const { identity, state } = parts(made);
    const { slot, sealer } = this.#keys.make(key);
    const row = this.#statements.insert.run(
      key,
      digest(session.tenant),
      digest(session.owner),
      session.epoch,
      0,
      now,
      slot,
      identityOf.seal(identity, sealer),
      stateOf.seal(state, sealer),
      metadataOf.seal(made.metadata, sealer),
    );
    const id = Number(row.lastInsertRowid);
    if (createKey !== null) this.#statements.insertKey.run(createKey, id);
    return { id, key, sealer, session: made };
  }

  /** Stores what changed of a session. */
  update(stored: StoredSession, changes: Change): StoredSession {
    const { update, touch, remember, tend } = this.#statements;
    const { id, sealer } = stored;
    const session = { ...stored.session, ...changes };
    update.run(session.lastSeq, stateOf.seal(parts(session).state, sealer), id);
    const { lastInteractionAt, memory, care } = changes;
    if (lastInteractionAt !== undefined) touch.run(lastInteractionAt, id);
    if (memory !== undefined) remember.run(memory === null ? null : memoryOf.seal(memory, sealer), id);
    if (care !== undefined) tend.run(care === null ? null : careOf.seal(care, sealer), id);
    return { ...stored, session };
  }

  /** Keeps what is remembered of a client, until this session goes. */
  tendClient(
    { id, sealer, session }: StoredSession,
    { client, care }: { client: string; care: string },
  ): void {
    const key = digest(session.tenant, client);
    this.#statements.tendClient.run(key, id, clientCareOf.seal(care, sealer, key));
  }

  clientCare(tenant: string, client: string): string | null {
    const key = digest(tenant, client);
    const row = this.#statements.client.get(key);
    return row ? clientCareOf.open(textOf(row, 'client_care'), this.#keys.sealer(row), key) : null;
  }

  /**
   * Deletes one life of a session and what goes with it, its data key first, and keeps that this life is over. The log is not its
   * own. Answers where it lay; undefined when it is gone, or somebody has said something since `idleSince`. A damaged one goes, too.
   */
  bury(life: SessionLife, idleSince: number, now: number): { id: number; key: string } | undefined {
    const row = this.#row(life);
    if (!row || numberOf(row, 'last_interaction_at') >= idleSince) return undefined;
    const [id, key] = [numberOf(row, 'id'), textOf(row, 'key')];
    this.#keys.drop(row);
    this.#statements.bury.run(key, life.epoch, now);
    for (const drop of this.#drops) drop.run(id);
    return { id, key };
  }

  /** Sessions with `lastInteractionAt` < `since`, the one that waits longest first, behind the place where a page before ended. */
  idle(since: number, after: string | null, limit: number): { sessions: IdleSession[]; next: string | null } {
    const [at = Number.MIN_SAFE_INTEGER, id = 0] = after?.split(':').map(Number) ?? [];
    const rows = this.#statements.idle.all(since, at, id, limit);
    const last = rows.length < limit ? undefined : rows.at(-1);
    const sessions = rows.flatMap((row) => this.#idle(row));
    const next = last ? `${numberOf(last, 'last_interaction_at')}:${numberOf(last, 'id')}` : null;
    return { sessions, next };
  }

  /** Sessions behind the row number `after`, oldest first, and how many there are in all. */
  list(tenant: string, owner: string | null, after: number, limit: number) {
    const { ofTenant, ofOwner, total } = this.#statements;
    const of = digest(tenant);
    const named = owner === null ? null : digest(owner);
    const rows = named === null ? ofTenant.all(of, after, limit) : ofOwner.all(of, named, after, limit);
    const count = total.get(named === null ? of : of + named);
    const found = rows.map((row) => ({ id: numberOf(row, 'id'), session: this.#listedPlace(row).about }));
    return { total: Number(count?.['total'] ?? 0), found };
  }

  /** Nothing of a damaged one: it keeps no others from being found. */
  #idle(row: Row): IdleSession[] {
    try {
      const { tenant, sessionId, epoch } = identityOf.open(textOf(row, 'identity'), this.#keys.sealer(row));
      return [{ tenant, sessionId, epoch, lastInteractionAt: numberOf(row, 'last_interaction_at') }];
    } catch {
      return [];
    }
  }

  #row(life: SessionLife): Row | undefined {
    const row = this.#statements.place.get(sessionKey(life));
    return row && textOf(row, 'epoch') === life.epoch ? row : undefined;
  }

  #place(row: Row): Place {
    return { session: numberOf(row, 'id'), sealer: this.#keys.sealer(row) };
  }

  #stored(row: Row): StoredSession {
    const { session: id, sealer, about } = this.#listedPlace(row);
    const metadata = metadataOf.open(textOf(row, 'metadata'), sealer);
    const memory = row['memory'] === null ? null : memoryOf.open(textOf(row, 'memory'), sealer);
    const care = row['care'] === null ? null : careOf.open(textOf(row, 'care'), sealer);
    return { id, key: textOf(row, 'key'), sealer, session: { ...about, metadata, memory, care } };
  }

  #listedPlace(row: Row): ListedPlace {
    const place = this.#place(row);
    const about = {
      ...identityOf.open(textOf(row, 'identity'), place.sealer),
      ...stateOf.open(textOf(row, 'state'), place.sealer),
      lastSeq: this.#lives.get(textOf(row, 'key'))?.head ?? numberOf(row, 'last_seq'),
    };
    return { ...place, about };
  }
}

/** Where the records of a stored session lie. */
export function placeOf({ id: session, sealer }: StoredSession): Place {
  return { session, sealer };
}

/** What never changes apart from what does. The last entry and what may be large have columns of their own. */
function parts(session: ListedSession): { identity: Identity; state: SessionState } {
  const { tenant, sessionId, epoch, owner, clientId, locale, country, ageBand, createdAt } = session;
  const { status, lastInteractionAt, turnCount, progress, safety, human, lastTurn, version } = session;
  return {
    identity: { tenant, sessionId, epoch, owner, clientId, locale, country, ageBand, createdAt },
    state: { status, lastInteractionAt, turnCount, progress, safety, human, lastTurn, version },
  };
}
