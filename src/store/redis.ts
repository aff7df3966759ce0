// The store of several nodes: Redis, or a Cluster of them. Every step on a session is one script on one slot.
import { randomUUID } from 'node:crypto';
import type { AlertStatus } from '../contract/types.ts';
import type { Log } from '../log.ts';
import type { NewCapability, RemoveRequest } from './access.ts';
import type { AuditFact, EscalationStore } from './escalation.ts';
import type { OutboxStore } from './outbox.ts';
import type { RedisLink } from './redis-link.ts';
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
  Store,
  TurnEntry,
  TurnRecord,
} from './store.ts';
import { Bounded } from './bounded.ts';
import { RedisCompaction } from './redis-compaction.ts';
import { RedisCreation } from './redis-creation.ts';
import { RedisErasure } from './redis-erasure.ts';
import { RedisGrants } from './redis-grants.ts';
import { RedisIndex } from './redis-index.ts';
import { RedisKeys } from './redis-keys.ts';
import { RedisLeases } from './redis-leases.ts';
import { RedisLists } from './redis-lists.ts';
import { RedisPeople } from './redis-people.ts';
import { RedisReads } from './redis-reads.ts';
import { RedisTails } from './redis-tails.ts';
import { RedisScan } from './redis-scan.ts';
import { RedisVault } from './redis-vault.ts';
import { Vault } from './vault.ts';
import { Watchers } from './watchers.ts';
import { removeSession } from './redis-removal.ts';
import { steps } from './redis-steps.ts';
import { RedisWrites } from './redis-writes.ts';

/** A client may say that it has read more than there is, and be wrong: that is believed no more often than this. */
const RENEW_MS = 60_000;
const RENEWED_KEPT = 10_000;

/** Once made, it takes over the link. */
export class RedisStore implements Store {
  readonly name = 'redis';
  /** At most forty appends a second of one turn. */
  readonly gatherMs = 25;
  readonly outbox: OutboxStore;
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #vault: RedisVault;
  readonly #scan: RedisScan;
  readonly #lists: RedisLists;
  readonly #compaction: RedisCompaction;
  readonly #grants: RedisGrants;
  readonly #erasure: RedisErasure;
  readonly #reads: RedisReads;
  readonly #writes: RedisWrites;
  readonly #creation: RedisCreation;
  readonly #leases: RedisLeases;
  readonly #people: RedisPeople;
  readonly #remove: (session: SessionRecord, also: RemoveRequest) => Promise<boolean>;
  readonly #tails = new RedisTails();
  readonly #watchers: Watchers;
  /** When somebody last told that a session lost entries. */
  readonly #renewed = new Bounded<number>(RENEWED_KEPT);
  readonly #log: Pick<Log, 'warn'>;
  readonly #onFault: (error: unknown) => void;

  /** For tests and benches, on a Redis of their own. Without a vault nothing is encrypted. */
  constructor(link: RedisLink, log: Pick<Log, 'info' | 'warn'>, vault: Vault = new Vault([])) {
    this.#link = link;
    this.#log = log;
    this.#onFault = (error: unknown) => log.warn({ err: error }, 'something was not tidied in Redis');
    const index = new RedisIndex(link);
    const keys = new RedisKeys(link, vault);
    this.#index = index;
    this.#scan = new RedisScan(link, index, keys);
    this.#lists = new RedisLists(link, index, keys);
    this.#compaction = new RedisCompaction(link, index);
    this.#grants = new RedisGrants(link, index, keys);
    this.#erasure = new RedisErasure(link, log);
    const erase = () => void this.#erasure.want().catch(this.#onFault);
    this.#vault = new RedisVault(link, index, keys, this.#scan, log, erase);
    this.#reads = new RedisReads(link, index, keys);
    this.#people = new RedisPeople(link, index, keys, this.#onFault, erase);
    this.outbox = this.#people.outbox;
    const lost = (life: SessionLife, seq: number) => this.#lost(life, seq);
    this.#writes = new RedisWrites(link, index, this.#reads, keys, this.#people, lost);
    this.#leases = new RedisLeases(link, index, keys, log, (session) => this.#isLess(session));
    this.#creation = new RedisCreation(link, index, this.#reads, keys, this.#people, (life) =>
      this.remove(life),
    );
    const parts = { link, index, keys, reads: this.#reads, people: this.#people, creation: this.#creation };
    this.#remove = (session, also) =>
      removeSession({ ...parts, erasure: this.#erasure, onFault: this.#onFault }, session, also);
    this.#watchers = new Watchers((error) => log.warn({ err: error }, 'a wake-up failed'));
  }

  /**
   * A store that agrees with the other nodes on the master keys, and sees to sessions that are wrapped by older ones, or by none.
   * @throws Error of one line: a master key in use is not in the vault; nothing was written, and the link is still the caller's
   */
  static async open(link: RedisLink, log: Pick<Log, 'info' | 'warn'>, vault: Vault): Promise<RedisStore> {
    const store = new RedisStore(link, log, vault);
    try {
      await store.#vault.join();
    } catch (error) {
      store.#stop();
      throw error;
    }
    store.#vault.start();
    return store;
  }

  create(request: CreateRequest) {
    return this.#creation.create(request);
  }

  async session(ref: SessionRef): Promise<SessionRecord | undefined> {
    const base = this.#index.base(ref);
    const session = await this.#reads.session(base);
    if (!session) return undefined;
    return (await this.#isLess(session)) ? this.#reads.session(base) : session;
  }

  async rewound(session: SessionRecord, seq: number): Promise<SessionRecord | undefined> {
    const base = this.#index.base(session);
    const before = this.#renewed.get(base) ?? Number.NEGATIVE_INFINITY;
    if (performance.now() - before < RENEW_MS) return session;
    this.#renewed.set(base, performance.now());
    return (await this.#lost(session, seq)) ? this.#reads.session(base) : session;
  }

  admit(request: AdmitRequest) {
    return this.#writes.admit(request);
  }

  start(lease: Lease, begun: Parameters<Store['start']>[1]) {
    return this.#changing(lease, this.#writes.start(lease, begun));
  }

  mark(lease: Lease, phase: TurnRecord['phase'], position: number | null) {
    return this.#changing(lease, this.#writes.mark(lease, phase, position));
  }

  async append(lease: Lease, entries: TurnEntry[], leaseMs: number) {
    const base = this.#index.base(lease);
    this.#tails.begin(base, entries);
    try {
      const seq = await this.#writes.append(lease, entries, leaseMs);
      if (seq === 'fenced') this.#tails.spoil(base);
      else this.#tails.appended(base, lease.epoch, entries, seq);
      return seq === 'fenced' ? 'fenced' : 'appended';
    } catch (error) {
      this.#tails.spoil(base);
      throw error;
    } finally {
      this.#watchers.wake(base);
    }
  }

  finish(lease: Lease, request: FinishRequest) {
    return this.#changing(lease, this.#writes.finish(lease, request));
  }

  cancel(life: SessionLife, turnId: string | null) {
    return this.#changing(life, this.#writes.cancel(life, turnId));
  }

  renew(leases: Lease[], leaseMs: number) {
    return this.#leases.renew(leases, leaseMs);
  }

  release(leases: Lease[]) {
    return this.#leases.release(leases);
  }

  takeOver(_node: string, leaseMs: number, limit: number, overdueMs = 0) {
    return this.#leases.takeOver(leaseMs, limit, overdueMs);
  }

  note(life: SessionLife, entries: NewEntry[], change: Parameters<Store['note']>[2], also?: NoteRequest) {
    return this.#changing(life, this.#writes.note(life, entries, change, also));
  }

  answer(life: SessionLife, request: AnswerRequest) {
    return this.#changing(life, this.#writes.answer(life, request));
  }

  clientCare(tenant: string, client: string) {
    return this.#people.clients.care(tenant, client);
  }

  alert(alertId: string) {
    return this.#people.alerts.alert(alertId);
  }

  alerts(status: AlertStatus | null, limit: number) {
    return this.#people.alerts.alerts(status, limit);
  }

  dueAlerts(limit: number) {
    return this.#people.alerts.dueAlerts(limit);
  }

  waitingAlerts(limit: number) {
    return this.#people.alerts.waitingAlerts(limit);
  }

  claimAlert(alertId: string, ms: number) {
    return this.#people.alerts.claimAlert(alertId, ms);
  }

  settleAlert(alertId: string, change: Parameters<EscalationStore['settleAlert']>[1]) {
    return this.#people.alerts.settleAlert(alertId, change);
  }

  audit(after: number, limit: number) {
    return this.#people.audit.audit(after, limit);
  }

  attest(facts: readonly AuditFact[]) {
    return this.#people.audit.attest(facts);
  }

  auditCounts() {
    return this.#people.audit.auditCounts();
  }

  async read(life: SessionLife, after: number, limit: number): Promise<LogPage | undefined> {
    const base = this.#index.base(life);
    const kept = this.#tails.page(base, life, after, limit);
    if (kept) return kept;
    const version = this.#tails.version(base);
    const found = await this.#reads.page(life, after, limit);
    if (!found) return undefined;
    const { page, end } = found;
    const seen = this.#tails.beyond(base, life.epoch, end);
    if (seen !== undefined && (await this.#lost(life, seen))) return undefined;
    this.#tails.read(base, life, after, found, version);
    return page;
  }

  heads(lives: SessionLife[]) {
    return Promise.all(
      lives.map(async (life) => {
        const head = await this.#reads.head(life);
        this.#tails.compare(this.#index.base(life), head);
        return head;
      }),
    );
  }

  snapshot(life: SessionLife, turns: number) {
    return this.#reads.snapshot(life, turns);
  }

  turns(life: SessionLife, before: number | null, limit: number) {
    return this.#reads.turns(life, before, limit);
  }

  turn(life: SessionLife, turnId: string) {
    return this.#reads.turn(life, turnId);
  }

  turnOfInput(life: SessionLife, inputId: string) {
    return this.#reads.turnOfInput(life, inputId);
  }

  async remove(life: SessionLife, also: RemoveRequest = {}): Promise<boolean> {
    const session = await this.session(life);
    return session?.epoch === life.epoch && this.#remove(session, also);
  }

  list(tenant: string, owner: string | null, after: string | null, limit: number) {
    return this.#lists.list(tenant, owner, after, limit);
  }

  compact(endedBefore: number) {
    return this.#compaction.compact(endedBefore);
  }

  grant(life: SessionLife, capability: NewCapability) {
    return this.#grants.grant(life, capability);
  }

  capabilities(life: SessionLife) {
    return this.#grants.capabilities(life);
  }

  capability(session: string, capabilityId: string) {
    return this.#grants.capability(session, capabilityId);
  }

  revoke(life: SessionLife, capabilityId: string) {
    return this.#grants.revoke(life, capabilityId);
  }

  keepOnce(name: string, text: string, ms: number) {
    return this.#grants.keepOnce(name, text, ms);
  }

  takeOnce(name: string) {
    return this.#grants.takeOnce(name);
  }

  idle(since: number, after: string | null, limit: number) {
    return this.#scan.idle(since, after, limit);
  }

  watch(ref: SessionRef, wake: () => void): Disposable {
    const base = this.#index.base(ref);
    const watching = new DisposableStack();
    watching.use(this.#tails.hold(base));
    watching.use(this.#watchers.watch(base, wake));
    const told = (message: string) => {
      if (!this.#tails.isKnown(base, message)) wake();
    };
    watching.use(this.#link.wakes.watch(base, told));
    return watching;
  }

  watchTurn(lease: Lease, over: () => void): Disposable {
    const sign = `over ${lease.turnId} ${lease.generation}`;
    return this.#link.wakes.watch(this.#index.base(lease), (message) => {
      if (message === sign) over();
    });
  }

  async wasRemoved(life: SessionLife): Promise<boolean> {
    const key = `${this.#index.base(life)}:x`;
    return (await this.#link.send(key, 'HEXISTS', key, life.epoch)) === 1;
  }

  async healthy(): Promise<boolean> {
    const key = `${this.#link.prefix}:pulse`;
    return this.#link.send(key, 'SET', key, '1', 'EX', '60').then(
      () => true,
      () => false,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#link[Symbol.asyncDispose]();
  }

  #stop(): void {
    this.#people[Symbol.dispose]();
    this.#vault[Symbol.dispose]();
    this.#erasure[Symbol.dispose]();
  }

  /** What changes a session here is looked at here, even where wake-ups are lost. */
  async #changing<T>(ref: SessionRef, step: Promise<T>): Promise<T> {
    try {
      return await step;
    } finally {
      this.#tails.spoil(this.#index.base(ref));
    }
  }

  /** Whether Redis has less of a session than it acknowledged here; it has another epoch then. [P-9] */
  async #isLess(session: SessionRecord): Promise<boolean> {
    const base = this.#index.base(session);
    const seen = this.#tails.beyond(base, session.epoch, session.lastSeq);
    if (seen !== undefined) return this.#lost(session, seen);
    this.#tails.saw(base, session.epoch, session.lastSeq);
    return false;
  }

  /**
   * Somebody has seen an entry of that number, and Redis has less: it lost what it had acknowledged, and would give numbers
   * twice. Answers whether that is so. [P-9]
   */
  async #lost(life: SessionLife, seq: number): Promise<boolean> {
    const args = [life.epoch, randomUUID().replaceAll('-', ''), seq];
    if ((await this.#link.run(steps.renewEpoch, this.#index.base(life), args)) !== 1) return false;
    this.#log.warn({}, 'Redis has lost entries that were read before: who follows the session begins anew');
    await this.#index.released([life]);
    return true;
  }
}
