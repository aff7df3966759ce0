// Deletes sessions nobody has used for longer than their tenant keeps them. (SAFETY.md SEC-74)
import type { Log } from '../log.ts';
import type { AuditFact } from '../store/escalation.ts';
import type { Announcer } from '../store/outbox.ts';
import type { SessionLife, Store } from '../store/store.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Sessions looked at in one go. */
const PAGE = 200;

export interface RetentionParts {
  store: Pick<Store, 'idle' | 'remove'>;
  /** Days since somebody last said something; 0 keeps a session. */
  days: number;
  /** The same for single tenants. */
  daysByTenant: ReadonlyMap<string, number>;
  /** ms since 1970, by the clock of the store. */
  now: () => number;
  /** Told of what is deleted. */
  announcer: Announcer;
  log: Pick<Log, 'info' | 'warn'>;
}

const FACT: AuditFact = { kind: 'erased', ref: '', level: 'none', data: { by: 'retention' } };

/** Looks once an hour, from `start` on. Nodes that share a store may all do so. */
export class Retention implements AsyncDisposable {
  readonly #parts: RetentionParts;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  start(): void {
    const look = () => {
      this.#running = this.#running.then(() => this.run()).catch((error: unknown) => this.#failed(error));
    };
    this.#timer = setInterval(look, HOUR_MS);
    this.#timer.unref();
    look();
  }

  /** Deletes what is due now; answers how many sessions that was. @throws STORE_UNAVAILABLE */
  async run(): Promise<number> {
    const { store, days, daysByTenant, now, log } = this.#parts;
    const kept = [days, ...daysByTenant.values()].filter((each) => each > 0);
    if (kept.length === 0) return 0;
    const at = now();
    let count = 0;
    for (let after: string | null = null; !this.#isClosed;) {
      const page = await store.idle(at - Math.min(...kept) * DAY_MS, after, PAGE);
      for (const { tenant, lastInteractionAt, ...life } of page.sessions) {
        const idleSince = at - (daysByTenant.get(tenant) ?? days) * DAY_MS;
        const isKept = (daysByTenant.get(tenant) ?? days) === 0 || lastInteractionAt >= idleSince;
        if (isKept || this.#isClosed) continue;
        if (await this.#remove({ tenant, ...life }, idleSince)) count += 1;
      }
      after = page.next;
      if (after === null) break;
    }
    if (count > 0) log.info({ count }, 'sessions that nobody used any more were deleted');
    return count;
  }

  async #remove(life: SessionLife, idleSince: number): Promise<boolean> {
    const { store, announcer } = this.#parts;
    const { tenant, sessionId: session_id, epoch } = life;
    const data = { session_id, epoch, by: 'retention' } as const;
    const outbox = announcer.messages(tenant, { type: 'session.deleted', data });
    const isRemoved = await store.remove(life, { audit: [FACT], outbox, idleSince });
    if (isRemoved && outbox.length > 0) announcer.wake();
    return isRemoved;
  }

  #failed(error: unknown): void {
    this.#parts.log.warn({ err: error }, 'what is due to be deleted is looked for again in an hour');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#running;
  }
}
