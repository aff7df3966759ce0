// What a copy of the data needs before it is used in place of the data it was taken from.
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { ChainEnd } from './audit-chain.ts';
import type { Row } from './columns.ts';
import type { VaultLog } from './sqlite-encrypt.ts';
import type { Sealer, Vault } from './vault.ts';
import { numberOf, textOf } from './columns.ts';
import { encrypt } from './sqlite-encrypt.ts';
import { SqliteAudit } from './sqlite-audit.ts';
import { JOIN_KEY, SqliteKeys } from './sqlite-keys.ts';
import { callOf, identityOf } from './sqlite-records.ts';
import { migrate } from './sqlite-schema.ts';
import { OWN_TABLES } from './sqlite-sessions.ts';

/** The chore of whoever opens a copy. */
const RESTORED = 'restored';

interface Tombstone {
  key: string;
  epoch: string;
  removedAt: number;
}

/** What the data that is replaced tells of the time since the copy was taken. */
export interface Replaced {
  tombstones: readonly Tombstone[];
  /** Ids of capabilities, by the key of their session; undefined where the data is from before there were any. */
  capabilities: ReadonlyMap<string, ReadonlySet<string>> | undefined;
  audit: ChainEnd;
}

export interface TakenUp {
  sessions: number;
  /** Sessions of the copy that were deleted after it was taken. */
  erased: number;
  /** Capabilities of the copy that were revoked after it was taken. */
  revoked: number;
}

/** Notes in a copy that it is one; whoever opens it takes it up, also where somebody just put it in place. */
export function markCopy(db: DatabaseSync): void {
  if (hasTable(db, 'chores')) db.prepare('INSERT OR IGNORE INTO chores (name) VALUES (?)').run(RESTORED);
}

/** Brings a database to the newest schema and puts the keys to use; one that is a copy is taken up. @throws as `migrate` and `encrypt` */
export function prepare(db: DatabaseSync, vault: Vault, log: VaultLog, now: () => number): void {
  migrate(db);
  encrypt(db, vault, log);
  if (!isCopy(db)) return;
  log.info(takeUp(db, vault, now()), 'the data is a copy: every session goes on under another epoch');
}

/** Whether the data is a copy that nobody has taken up. */
function isCopy(db: DatabaseSync): boolean {
  return db.prepare('SELECT 1 FROM chores WHERE name = ?').get(RESTORED) !== undefined;
}

/**
 * Takes up a copy of the newest schema, in one step. Every session gets another epoch: what was read of the log behind the copy had
 * numbers that are given again, and whoever has a cursor gets a snapshot. [P-9] What was deleted or revoked since then, as
 * far as `replaced` tells, is so again. A fact of the audit says all of it.
 */
export function takeUp(db: DatabaseSync, vault: Vault, now: number, replaced?: Replaced): TakenUp {
  const keys = new SqliteKeys(db, vault);
  db.exec('BEGIN IMMEDIATE');
  const erased = replaced ? eraseAgain(db, keys, replaced.tombstones) : 0;
  const revoked = replaced?.capabilities ? revokeAgain(db, replaced.capabilities) : 0;
  const sessions = renewEpochs(db, keys);
  const taken = { sessions, erased, revoked };
  // the audit of what is replaced ends here: its head binds it to this one
  const before = replaced && { replaced: replaced.audit.n, replaced_head: replaced.audit.hash };
  new SqliteAudit(db).add([{ kind: 'restored', ref: '', level: 'none', data: { ...taken, ...before } }], now);
  db.prepare('DELETE FROM chores WHERE name = ?').run(RESTORED);
  db.exec('COMMIT');
  return taken;
}

/** What the data of any schema version tells, also of a newer one. @throws Error it cannot be read */
export function readReplaced(db: DatabaseSync): Replaced {
  const tombstones = db.prepare('SELECT key, epoch, removed_at FROM tombstones').all();
  const end = hasTable(db, 'audit')
    ? db.prepare('SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1').get()
    : undefined;
  return {
    tombstones: tombstones.map((row) => ({
      key: textOf(row, 'key'),
      epoch: textOf(row, 'epoch'),
      removedAt: numberOf(row, 'removed_at'),
    })),
    capabilities: hasTable(db, 'capabilities') ? capabilitiesIn(db) : undefined,
    audit: end ? { n: numberOf(end, 'n'), hash: textOf(end, 'hash') } : { n: 0, hash: '' },
  };
}

/** A table of that name is there. */
export function hasTable(db: DatabaseSync, name: string): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

function capabilitiesIn(db: DatabaseSync): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const row of db.prepare('SELECT key FROM sessions').all()) found.set(textOf(row, 'key'), new Set());
  const all = 'SELECT key, capability_id FROM capabilities JOIN sessions ON sessions.id = session';
  for (const row of db.prepare(all).all()) found.get(textOf(row, 'key'))?.add(textOf(row, 'capability_id'));
  return found;
}

/**
 * A tombstone that the copy does not have is of a removal after it, and what then lay under that key, under whichever
 * epoch, is what lies there in the copy, or came after that.
 */
function eraseAgain(db: DatabaseSync, keys: SqliteKeys, tombstones: readonly Tombstone[]): number {
  const keep = db.prepare('INSERT OR IGNORE INTO tombstones (key, epoch, removed_at) VALUES (?, ?, ?)');
  const find = db.prepare(`SELECT id, key, data_key, wrapped FROM sessions ${JOIN_KEY} WHERE key = ?`);
  const drops = ['sessions', ...OWN_TABLES, 'log', 'journal'].map((table) =>
    db.prepare(`DELETE FROM ${table} WHERE ${table === 'sessions' ? 'id' : 'session'} = ?`),
  );
  let erased = 0;
  for (const { key, epoch, removedAt } of tombstones) {
    if (keep.run(key, epoch, removedAt).changes === 0) continue;
    const row = find.get(key);
    if (!row) continue;
    keys.drop(row);
    for (const drop of drops) drop.run(numberOf(row, 'id'));
    erased += 1;
  }
  return erased;
}

function revokeAgain(db: DatabaseSync, left: NonNullable<Replaced['capabilities']>): number {
  const all =
    'SELECT capabilities.id, key, capability_id FROM capabilities JOIN sessions ON sessions.id = session';
  const drop = db.prepare('DELETE FROM capabilities WHERE id = ?');
  const isRevoked = (row: Row) => left.get(textOf(row, 'key'))?.has(textOf(row, 'capability_id')) === false;
  const revoked = db.prepare(all).all().filter(isRevoked);
  for (const row of revoked) drop.run(numberOf(row, 'id'));
  return revoked.length;
}

/** Answers how many sessions there are. What is damaged stays as it is: nobody could read it before. */
function renewEpochs(db: DatabaseSync, keys: SqliteKeys): number {
  const next = db.prepare(
    `SELECT id, key, identity, data_key, wrapped FROM sessions ${JOIN_KEY} WHERE id > ? ORDER BY id LIMIT 1`,
  );
  const set = db.prepare('UPDATE sessions SET epoch = ?, identity = ? WHERE id = ?');
  const alerts = db.prepare('SELECT id, alert_id, call FROM alerts WHERE session = ?');
  const recall = db.prepare('UPDATE alerts SET call = ? WHERE id = ?');
  let count = 0;
  for (let row = next.get(0); row; row = next.get(numberOf(row, 'id'))) {
    count += 1;
    const [id, epoch] = [numberOf(row, 'id'), randomBytes(8).toString('hex')];
    const opened = openIdentity(row, keys);
    if (!opened) continue;
    const { identity, sealer } = opened;
    set.run(epoch, identityOf.seal({ ...identity, epoch }, sealer), id);
    for (const alert of alerts.all(id)) {
      const call = moveCall(alert, sealer, epoch);
      if (call !== undefined) recall.run(call, numberOf(alert, 'id'));
    }
  }
  return count;
}

function openIdentity(row: Row, keys: SqliteKeys) {
  try {
    const sealer = keys.sealer(row);
    return { identity: identityOf.open(textOf(row, 'identity'), sealer), sealer };
  } catch {
    return undefined;
  }
}

/** What an alert says, of the session under that epoch. */
function moveCall(alert: Row, sealer: Sealer, epoch: string): string | undefined {
  try {
    const name = textOf(alert, 'alert_id');
    const call = callOf.open(textOf(alert, 'call'), sealer, name);
    return callOf.seal({ ...call, session: { ...call.session, epoch } }, sealer, name);
  } catch {
    return undefined;
  }
}
