// The store of several nodes: Redis, or a Cluster of them. Every step on a session is one script on one slot.
import { randomUUID } from 'node:crypto';
import type { AlertStatus } from '../contract/types.ts';
import type { Log } from '../log.ts';
import type { AuditFact, EscalationStore } from './escalation.ts';
import type { Listed } from './redis-index.ts';
import type { RedisLink } from './redis-link.ts';
import type {
  AdmitRequest,
  AnswerRequest,
  CreateRequest,
  FinishRequest,
  Lease,
  ListedSession,
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
import { RedisCreation } from './redis-creation.ts';
import { RedisIndex } from './redis-index.ts';
import { RedisLeases } from './redis-leases.ts';
import { RedisPeople } from './redis-people.ts';
import { RedisReads } from './redis-reads.ts';
import { RedisTails } from './redis-tails.ts';
import { Watchers } from './watchers.ts';
import { LISTED, toListed } from './redis-records.ts';
import { Fields, listOf, numberOf, textOf } from './redis-reply.ts';
import { steps } from './redis-steps.ts';
import { RedisWrites } from './redis-writes.ts';

/** Turns compacted by one script, and sessions looked at in one go. */
const COMPACT_BATCH = 50;
const LIST_BATCH = 200;
/** A client may say that it has read more than there is, and be wrong: that is believed no more often than this. */
const RENEW_MS = 60_000;
const RENEWED_KEPT = 10_000;

/** Once made, it takes over the link. */
export class RedisStore implements Store {
  readonly name = 'redis';
  /** At most forty appends a second of one turn. */
  readonly gatherMs = 25;
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #reads: RedisReads;
  readonly #writes: RedisWrites;
  readonly #creation: RedisCreation;
  readonly #leases: RedisLeases;
  readonly #people: RedisPeople;
  readonly #tails = new RedisTails();
  readonly #watchers: Watchers;
  /** When somebody last told that a session lost entries. */
  readonly #renewed = new Bounded<number>(RENEWED_KEPT);
  readonly #log: Pick<Log, 'warn'>;

  constructor(link: RedisLink, log: Pick<Log, 'warn'>) {
    this.#link = link;
    this.#index = new RedisIndex(link);
    this.#reads = new RedisReads(link, this.#index);
    const onFault = (error: unknown) => log.warn({ err: error }, 'something was not tidied in Redis');
    this.#people = new RedisPeople(link, this.#index, onFault);
    const lost = (life: SessionLife, seq: number) => this.#lost(life, seq);
    this.#writes = new RedisWrites(link, this.#index, this.#reads, this.#people, lost);
    this.#leases = new RedisLeases(link, this.#index, log, (session) => this.#isLess(session));
    this.#creation = new RedisCreation(link, this.#index, this.#reads, (life) => this.remove(life));
    this.#watchers = new Watchers((error) => log.warn({ err: error }, 'a wake-up failed'));
    this.#log = log;
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

  async remove(life: SessionLife, audit?: readonly AuditFact[]): Promise<boolean> {
    const session = await this.session(life);
    if (session?.epoch !== life.epoch) return false;
    return this.#people.with(life, { audit }, async ({ facts }) => {
      const document = JSON.stringify({ epoch: life.epoch, facts });
      const gone = listOf(await this.#link.run(steps.remove, this.#index.base(life), [document]));
      if (gone.length === 0) return false;
      const [place = null, key = null, client = null, ...alerts] = gone;
      if (place !== null) await this.#index.unplace(session, textOf(place));
      if (key !== null) await this.#creation.forget(textOf(key), life);
      await this.#people.removed(life, alerts.map(textOf), client === null ? '' : textOf(client));
      return true;
    });
  }

  async list(tenant: string, owner: string | null, after: string | null, limit: number) {
    const sessions: ListedSession[] = [];
    let cursor = after;
    let next = after;
    let stale = 0;
    const all = await this.#index.total(tenant, owner);
    for (;;) {
      const batch = Math.min(LIST_BATCH, limit - sessions.length + 1);
      const places = await this.#index.places(tenant, owner, cursor, batch);
      const found = await Promise.all(places.map((place) => this.#listed(place)));
      for (const [at, place] of places.entries()) {
        const session = found[at];
        if (session && sessions.length === limit) return { total: all - stale, sessions, next };
        if (session) {
          sessions.push(session);
          next = place;
        } else {
          stale += 1;
          await this.#index.strike(tenant, owner, place);
        }
      }
      if (places.length < batch) return { total: all - stale, sessions, next: null };
      cursor = places.at(-1) ?? cursor;
    }
  }

  async compact(endedBefore: number): Promise<number> {
    let total = 0;
    for (;;) {
      const found = await this.#index.withWords(endedBefore, COMPACT_BATCH);
      for (const one of found) total += await this.#compact(one, endedBefore);
      if (found.length < COMPACT_BATCH) return total;
    }
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
    this.#people[Symbol.dispose]();
    await this.#link[Symbol.asyncDispose]();
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

  async #compact(one: Listed, endedBefore: number): Promise<number> {
    const base = this.#index.baseOf(one.digest);
    for (let total = 0; ;) {
      const [count, next, lives] = listOf(
        await this.#link.run(steps.compact, base, [endedBefore, COMPACT_BATCH]),
      );
      total += numberOf(count);
      if (numberOf(count) === COMPACT_BATCH) continue;
      const later = next === '' ? null : numberOf(next);
      await this.#index.relist(one, later ?? (lives === 1 ? 'now' : null));
      return total;
    }
  }

  /** Undefined when no session has that place. */
  async #listed(place: string): Promise<ListedSession | undefined> {
    const key = `${this.#index.ofPlace(place)}:s`;
    const fields = Fields.ofValues(LISTED, await this.#link.send(key, 'HMGET', key, ...LISTED));
    return fields.text('place') === place ? toListed(fields) : undefined;
  }
}
