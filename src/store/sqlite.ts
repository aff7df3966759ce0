// The embedded store: one SQLite file in a directory that one process holds.
import type { AlertStatus } from '../contract/types.ts';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { NewCapability, RemoveRequest } from './access.ts';
import type { AuditFact, EscalationStore } from './escalation.ts';
import type { LiveTurn } from './live-turns.ts';
import type { OutboxStore } from './outbox.ts';
import type { SqliteData } from './sqlite-data.ts';
import type { VaultLog } from './sqlite-encrypt.ts';
import type { Place } from './sqlite-keys.ts';
import type { LogEnd } from './sqlite-log.ts';
import type { Clock } from './sqlite-steps.ts';
import type {
  AdmitRequest,
  AnswerRequest,
  CreateRequest,
  FinishRequest,
  Lease,
  LogPage,
  NewEntry,
  NoteRequest,
  SessionLife,
  SessionRecord,
  SessionRef,
  SessionSnapshot,
  Store,
  TurnEntry,
  TurnRecord,
} from './store.ts';
import { lockDirectory } from './data-lock.ts';
import { sessionKey } from './envelope.ts';
import { Gate } from './gate.ts';
import { GroupCommit } from './group-commit.ts';
import { NO_LEASE } from './live-turns.ts';
import { Checkpoints } from './sqlite-checkpoints.ts';
import { loadData } from './sqlite-data.ts';
import { rewrap } from './sqlite-encrypt.ts';
import { asUnavailable, unavailable } from './sqlite-failure.ts';
import { DATABASE, openFile } from './sqlite-file.ts';
import { prepare } from './sqlite-restored.ts';
import { placeOf } from './sqlite-sessions.ts';
import { outboxDoor } from './sqlite-outbox-door.ts';
import { SqliteSteps } from './sqlite-steps.ts';
import { liveView } from './sqlite-turns.ts';
import { Vault } from './vault.ts';
import { WatchedHeads } from './watched-heads.ts';

/** Turns compacted in one transaction: more of them hold up other writes for longer. */
const COMPACT_BATCH = 50;
/** Removals in one transaction, for the same reason. */
const REMOVALS_AT_ONCE = 50;
/** What a snapshot says besides turns. */
const NOTICES = ['disclosure', 'safety:resources'] as const;

export interface SqliteOptions {
  /** Where the data lies, made if it is missing; `:memory:` keeps nothing. */
  directory: string;
  /**
   * `normal` (default): an acknowledged write survives the death of the process. `full`: also a loss of power, for one
   * wait for the disk per commit.
   */
  durability?: 'normal' | 'full';
  /** ms since 1970; the system's clock by default, which may be set back and forth. */
  now?: () => number;
  /** ms since some moment, never backwards: what leases are measured by. The time this process has run by default. */
  elapsed?: () => number;
  /** Told what a wake-up throws, and what becomes of no caller; nobody by default. */
  onFault?: (error: unknown) => void;
  /** The master keys. Without any (default) nothing is encrypted. */
  vault?: Vault;
  /** Told what becomes of the keys; nobody by default. */
  log?: VaultLog;
}

/**
 * Opens the store in a directory. Rejects with an Error of one line, fit for the person who starts the server, when the
 * directory is in use or cannot be written, the data was written by a newer version, or the keys it is encrypted with are
 * not in the vault; data that is not opened stays as it is. What is plain is encrypted first, where the vault has a key.
 */
export async function openSqlite(options: SqliteOptions): Promise<Store> {
  const isFile = options.directory !== ':memory:';
  using resources = new DisposableStack();
  if (isFile) resources.use(lockDirectory(options.directory));
  const path = isFile ? join(options.directory, DATABASE) : ':memory:';
  const db = openFile(path, { ...options, vault: options.vault ?? new Vault([]) });
  resources.defer(() => db.close());
  return new SqliteStore(isFile ? 'sqlite' : 'memory', db, options, resources);
}

/** The store on an open database, which it brings to the newest schema. Once made, it takes over the `resources`. */
export class SqliteStore implements Store {
  readonly name: string;
  readonly gatherMs = 0;
  readonly outbox: OutboxStore;
  readonly #data: SqliteData;
  readonly #steps: SqliteSteps;
  readonly #commit: GroupCommit;
  readonly #checkpoints: Checkpoints;
  readonly #removals = new Gate(REMOVALS_AT_ONCE);
  readonly #watched: WatchedHeads;
  readonly #clock: Clock;
  readonly #beat: () => void;
  readonly #resources: DisposableStack;
  #isClosed = false;

  constructor(
    name: string,
    db: DatabaseSync,
    options: Pick<SqliteOptions, 'now' | 'elapsed' | 'onFault' | 'vault' | 'log'>,
    resources = new DisposableStack(),
  ) {
    const { now = Date.now, elapsed = () => performance.now(), onFault = () => {} } = options;
    const { vault = new Vault([]), log = { info: () => {}, warn: () => {} } } = options;
    prepare(db, vault, log, now);
    this.name = name;
    this.#clock = { now, elapsed };
    this.#data = loadData(db, vault, elapsed);
    this.#steps = new SqliteSteps(this.#data, this.#clock);
    this.#watched = new WatchedHeads(onFault);
    this.#commit = new GroupCommit(db, (changed) => {
      for (const key of changed) this.#watched.changed(key);
    });
    const beat = db.prepare(
      'INSERT INTO pulse (id, at) VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at',
    );
    this.#beat = () => beat.run(this.#clock.now());
    this.#checkpoints = new Checkpoints(db, onFault);
    this.#checkpoints.emptyNow();
    const [{ outbox }, commit, checkpoints] = [this.#data, this.#commit, this.#checkpoints];
    const view = <T>(look: () => T): T => this.#view(look);
    this.outbox = outboxDoor({ outbox, commit, checkpoints, clock: this.#clock, view });
    this.#resources = resources.move();
    rewrap(db, vault, this.#data.keys, this.#commit, log).catch((error: unknown) => {
      if (!this.#isClosed) onFault(error);
    });
  }

  create(request: CreateRequest) {
    return this.#commit.run((step) => this.#steps.create(step, request));
  }

  async session(ref: SessionRef) {
    return this.#view(() => this.#data.sessions.get(sessionKey(ref))?.session);
  }

  admit(request: AdmitRequest) {
    return this.#commit.run((step) => this.#steps.admit(step, request));
  }

  start(lease: Lease, begun: Parameters<Store['start']>[1]) {
    return this.#commit.run((step) => this.#steps.start(step, lease, begun));
  }

  async mark(lease: Lease, phase: TurnRecord['phase'], position: number | null) {
    return this.#view(() => {
      const live = this.#data.lives.held(lease);
      if (!live) return 'fenced';
      const phaseAt = live.turn.phase === phase ? live.turn.phaseAt : this.#clock.now();
      live.turn = { ...live.turn, phase, phaseAt, position };
      this.#watched.wake(live.key);
      return 'marked';
    });
  }

  append(lease: Lease, entries: TurnEntry[], leaseMs: number) {
    return this.#commit.run((step) => this.#steps.append(step, lease, entries, leaseMs));
  }

  finish(lease: Lease, request: FinishRequest) {
    return this.#commit.run((step) => this.#steps.finish(step, lease, request));
  }

  cancel(life: SessionLife, turnId: string | null) {
    return this.#commit.run((step) => this.#steps.cancel(step, life, turnId));
  }

  async renew(leases: Lease[], leaseMs: number) {
    return this.#view(() => leases.filter((lease) => !this.#lease(lease, this.#clock.elapsed() + leaseMs)));
  }

  async release(leases: Lease[]) {
    this.#view(() => leases.forEach((lease) => this.#lease(lease, NO_LEASE)));
    if (leases.length > 0) await this.#commit.run(() => this.#data.released.note());
  }

  async takeOver(_node: string, leaseMs: number, limit: number) {
    const isIdle = this.#view(() => this.#data.lives.leaseless(this.#clock.elapsed(), 1).length === 0);
    return isIdle ? [] : this.#commit.run((step) => this.#steps.takeOver(step, leaseMs, limit));
  }

  note(life: SessionLife, entries: NewEntry[], change: Parameters<Store['note']>[2], also?: NoteRequest) {
    return this.#commit.run((step) => this.#steps.note(step, life, entries, change, also));
  }

  answer(life: SessionLife, request: AnswerRequest) {
    return this.#commit.run((step) => this.#steps.answer(step, life, request));
  }

  async clientCare(tenant: string, client: string) {
    return this.#view(() => this.#data.sessions.clientCare(tenant, client));
  }

  async alert(alertId: string) {
    return this.#view(() => this.#data.alerts.get(alertId));
  }

  async alerts(status: AlertStatus | null, limit: number) {
    return this.#view(() => this.#data.alerts.latest(status, limit));
  }

  async waitingAlerts(limit: number) {
    return this.#view(() => this.#data.alerts.waiting(limit));
  }

  async dueAlerts(limit: number) {
    return this.#view(() => this.#data.alerts.due(this.#clock.now(), this.#clock.elapsed(), limit));
  }

  async claimAlert(alertId: string, ms: number) {
    return this.#view(() => this.#data.alerts.claim(alertId, this.#clock.elapsed(), ms));
  }

  async settleAlert(alertId: string, change: Parameters<EscalationStore['settleAlert']>[1]) {
    const isThere = await this.#commit.run(() => this.#data.alerts.change(alertId, change));
    this.#data.alerts.release(alertId);
    return isThere;
  }

  async audit(after: number, limit: number) {
    return this.#view(() => this.#data.audit.after(after, limit));
  }

  attest(facts: readonly AuditFact[]) {
    return this.#commit.run(() => this.#data.audit.add(facts, this.#clock.now()));
  }

  async auditCounts() {
    return this.#view(() => this.#data.audit.counts());
  }

  async read(life: SessionLife, after: number, limit: number): Promise<LogPage | undefined> {
    return this.#view(() => {
      const end = this.#end(life);
      if (!end) return undefined;
      const entries = after < end.head ? this.#data.log.read(end, end.live, after, limit) : [];
      return { entries, head: end.head, live: end.live?.turn ?? null };
    });
  }

  async heads(lives: SessionLife[]) {
    return this.#view(() => lives.map((life) => this.#watched.head(life, () => this.#end(life)?.head)));
  }

  async snapshot(life: SessionLife, turns: number): Promise<SessionSnapshot | undefined> {
    return this.#view(() => {
      const stored = this.#data.sessions.ofLife(life);
      const live = stored && this.#data.lives.get(stored.key);
      if (!stored) return undefined;
      const place = placeOf(stored);
      const ended = this.#data.turns.ended(place, turns);
      const since = ended[0]?.turn.firstSeq ?? 0;
      const said = this.#data.log.since(place, since, 'human:message');
      const notices = [...this.#data.log.latest(place, NOTICES), ...said].sort((a, b) => a.seq - b.seq);
      return { session: stored.session, turns: ended, live: live ? liveView(live) : null, notices };
    });
  }

  async turns(life: SessionLife, before: number | null, limit: number) {
    return this.#ofLife(life, (place, live) => this.#data.turns.before(place, before, limit, live));
  }

  async turn(life: SessionLife, turnId: string) {
    return this.#ofLife(life, (place, live) => this.#data.turns.byId(place, turnId, live));
  }

  async turnOfInput(life: SessionLife, inputId: string) {
    return this.#ofLife(life, (place, live) => this.#data.turns.byInput(place, inputId, live));
  }

  async remove(life: SessionLife, also: RemoveRequest = {}) {
    using _entry = await this.#removals.enter();
    const isRemoved = await this.#commit.run((step) => this.#steps.remove(step, life, also));
    if (isRemoved) await this.#checkpoints.empty();
    return isRemoved;
  }

  grant(life: SessionLife, capability: NewCapability) {
    return this.#commit.run(() => this.#data.access.grant(life, capability, this.#clock.now()));
  }

  async capabilities(life: SessionLife) {
    return this.#view(() => this.#data.access.all(life));
  }

  async capability(session: string, capabilityId: string) {
    return this.#view(() => this.#data.access.get(session, capabilityId));
  }

  revoke(life: SessionLife, capabilityId: string) {
    return this.#commit.run(() => this.#data.access.revoke(life, capabilityId));
  }

  async keepOnce(name: string, text: string, ms: number) {
    this.#view(() => this.#data.access.keepOnce(name, text, ms));
  }

  async takeOnce(name: string) {
    return this.#view(() => this.#data.access.takeOnce(name));
  }

  async idle(since: number, after: string | null, limit: number) {
    return this.#view(() => this.#data.sessions.idle(since, after, limit));
  }

  /** What a loss of power takes is not promised, a restore gives every session another epoch, and nothing else takes anything. */
  async rewound(session: SessionRecord) {
    return session;
  }

  async wasRemoved(life: SessionLife) {
    return this.#view(() => this.#data.sessions.isOver(life));
  }

  async list(tenant: string, owner: string | null, after: string | null, limit: number) {
    const from = /^\d{1,15}$/.test(after ?? '') ? Number(after) : 0;
    return this.#view(() => {
      const { total, found } = this.#data.sessions.list(tenant, owner, from, limit + 1);
      const page = found.slice(0, limit);
      const next = found.length > limit ? String(page.at(-1)?.id) : null;
      return { total, sessions: page.map(({ session }) => session), next };
    });
  }

  async compact(endedBefore: number) {
    let total = 0;
    for (;;) {
      const count = await this.#commit.run((step) => this.#steps.compact(step, endedBefore, COMPACT_BATCH));
      total += count;
      if (count < COMPACT_BATCH) return total;
    }
  }

  watch(ref: SessionRef, wake: () => void): Disposable {
    return this.#watched.watch(sessionKey(ref), wake);
  }

  /** There is one process: who ends a turn stops it. */
  watchTurn(): Disposable {
    return { [Symbol.dispose]: () => {} };
  }

  healthy() {
    return this.#commit.run(this.#beat).then(
      () => true,
      () => false,
    );
  }

  async [Symbol.asyncDispose]() {
    if (this.#isClosed) return;
    this.#commit.close();
    this.#isClosed = true;
    this.#resources.dispose();
    this.#checkpoints.close();
  }

  /** Where a life of a session ends in the log. */
  #end(life: SessionLife): LogEnd | undefined {
    const live = this.#data.lives.ofLife(life);
    if (live) return { ...live, live };
    const place = this.#data.sessions.where(life);
    return place && { ...place, live: undefined };
  }

  #lease(lease: Lease, leaseUntil: number): boolean {
    const live = this.#data.lives.held(lease);
    if (live) live.leaseUntil = leaseUntil;
    return live !== undefined;
  }

  #ofLife<T>(life: SessionLife, look: (place: Place, live: LiveTurn | undefined) => T): T | undefined {
    return this.#view(() => {
      const end = this.#end(life);
      return end && look(end, end.live);
    });
  }

  /** Reads what is committed: steps run to their end between two reads. */
  #view<T>(look: () => T): T {
    if (this.#isClosed) throw unavailable(new Error('The store is closed'));
    try {
      return look();
    } catch (error) {
      throw asUnavailable(error);
    }
  }
}
